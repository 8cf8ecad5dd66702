"""The word pool: a small one made here, and the published one with its counts."""

import hashlib
import os
from collections import Counter
from pathlib import Path

import pytest

from babelmix.benchmarks.benchmark import Benchmark, Itself
from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.benchmarks.qrels import qrels_of, read_qrels
from babelmix.benchmarks.registry import BENCHMARKS, licence_of, main_score
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.benchmarks.sources import word_pool
from babelmix.common.errors import UserError
from babelmix.common.text import compared_form
from babelmix.evaluation.evaluate import evaluate
from babelmix.lexicon import omw, pinned
from babelmix.retrieval.bm25 import Bm25Scorer

ALL = BenchmarkSettings(languages="all", max_passage_characters=1)
DOG, HOUND, TAXI, CAT = "00000001-n", "00000002-n", "00000003-n", "00000004-n"
WORDS = {
    "de": {DOG: ["Hund", "Haushund"], HOUND: ["hund"], TAXI: ["Taxi"], CAT: ["Katze"]},
    "en": {DOG: ["dog"], HOUND: ["hound"], TAXI: ["taxi", "cab"]},
    "fr": {HOUND: ["chien"], DOG: ["chien"], TAXI: ["taxi"]},
}


def words_of(lang: str) -> dict[str, list[str]]:
    return WORDS.get(lang, {DOG: [f"dog {lang}"], HOUND: [f"hound {lang}"], TAXI: [f"taxi {lang}"]})


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with a small wordnet of each language; the pins are those of these files."""
    folder = tmp_path / "mirror" / omw.ADDRESS.removeprefix("https://")
    folder.mkdir(parents=True)
    pins: dict[str, str] = {}
    for lang in omw.LANGUAGES:
        lines = [
            f"{synset}\t{omw.CODES[lang]}:lemma\t{word}" for synset, words in words_of(lang).items() for word in words
        ]
        text = "# Wiktionary\n" + "".join(f"{line}\n" for line in lines)
        (folder / omw.file_of(lang)).write_text(text, encoding="utf-8")
        pins[omw.file_of(lang)] = hashlib.sha256(text.encode()).hexdigest()
    monkeypatch.setattr(pinned, "checksums", lambda name: pins)
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))
    return folder


@pytest.fixture
def small(mirror: Path, tmp_path: Path) -> Path:
    """The raw files of the small pool."""
    assert word_pool.fetch(tmp_path / "raw") == word_pool.NOTICE
    return tmp_path / "raw"


def test_the_pool_has_the_first_word_of_each_meaning_that_all_languages_have(small: Path, tmp_path: Path) -> None:
    benchmark, about = word_pool.build(small, ALL)
    german = [query for query in benchmark.queries if query.lang == "de"]
    assert [(query.id, query.parallel_id, query.text) for query in german] == [
        (f"de:{DOG}", DOG, "Hund"),
        (f"de:{HOUND}", HOUND, "hund"),
        (f"de:{TAXI}", TAXI, "Taxi"),
    ]
    assert len(benchmark.queries) == 17 * 3
    assert about.left_out == {
        "synsets that not all languages have": 1,
        "further words of a synset": 2,
        "documents with the text of another": 2,
    }
    write_benchmark(tmp_path / "word-pool", benchmark, about)
    assert read_benchmark(tmp_path / "word-pool") == benchmark
    assert word_pool.build(small, ALL) == (benchmark, about)


def test_words_that_look_the_same_are_one_passage_that_is_right_for_all_their_meanings(small: Path) -> None:
    benchmark, _ = word_pool.build(small, ALL)
    assert [passage.id for passage in benchmark.passages if passage.lang == "de"] == [f"de:{DOG}", f"de:{TAXI}"]
    assert [passage.text for passage in benchmark.passages if passage.lang == "fr"] == ["chien", "taxi"]
    right = {(qrel.parallel_id, qrel.passage) for qrel in benchmark.qrels if qrel.passage[:2] in ("de", "fr")}
    first = {(meaning, f"{lang}:{DOG}") for meaning in (DOG, HOUND) for lang in ("de", "fr")}
    assert right == first | {(TAXI, f"de:{TAXI}"), (TAXI, f"fr:{TAXI}")}


def test_what_is_spelt_like_the_query_is_left_out_in_every_language(small: Path) -> None:
    chosen = BenchmarkSettings(languages=("de", "en", "fr"), max_passage_characters=1)
    benchmark, _ = word_pool.build(small, chosen)
    taxis = [f"{lang}:{TAXI}" for lang in ("de", "en", "fr")]
    assert {row for row in benchmark.itself if row.parallel_id == TAXI} == {
        Itself(TAXI, passage, query) for passage in taxis for query in taxis
    }
    assert [row for row in benchmark.itself if row.query == f"de:{HOUND}"] == [
        Itself(HOUND, f"de:{DOG}", f"de:{HOUND}")
    ]
    judged = qrels_of(benchmark)
    answers = {
        (judged.queries[q].id, benchmark.passages[p].id) for q, p in zip(judged.query, judged.passage, strict=True)
    }
    assert answers == {
        *((f"de:{name}", other) for name in (DOG, HOUND) for other in (f"en:{name}", f"fr:{DOG}")),
        *((f"en:{name}", other) for name in (DOG, HOUND) for other in (f"de:{DOG}", f"fr:{DOG}")),
        *((f"fr:{name}", other) for name in (DOG, HOUND) for other in (f"de:{DOG}", f"en:{name}")),
    }
    assert judged.left_out["queries answered by themselves alone"] == 3


def test_there_is_no_monolingual_score(small: Path, tmp_path: Path) -> None:
    benchmark, _ = word_pool.build(small, ALL)
    write_benchmark(tmp_path / "word-pool", benchmark)
    found = evaluate(read_qrels(tmp_path / "word-pool"), Bm25Scorer.build(benchmark))
    assert found.mean("monolingual") is None
    assert found.main_score == "map" and found.mean("multilingual") is not None
    assert set(found.scores.scope.tolist()) == {"crosslingual", "multilingual"}
    assert found.bias.preference.lpr is None


def test_the_meanings_do_not_depend_on_the_chosen_languages(small: Path) -> None:
    benchmark, _ = word_pool.build(small, BenchmarkSettings(languages=("sw", "de", "en"), max_passage_characters=1))
    assert benchmark.languages == ("de", "en")
    assert {query.parallel_id for query in benchmark.queries} == {DOG, HOUND, TAXI}
    with pytest.raises(UserError, match="language of word-pool"):
        word_pool.build(small, BenchmarkSettings(languages=("sw",), max_passage_characters=1))


def test_faulty_files_are_refused(small: Path) -> None:
    thai = small / omw.file_of("th")
    thai.write_text(f"{CAT}\ttha:lemma\tแมว\n", encoding="utf-8")
    with pytest.raises(UserError, match="no synset has words in all 17 languages"):
        word_pool.build(small, ALL)
    thai.write_text(f"{CAT}\tแมว\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"wn-wikt-tha.tab, line 1: 2 columns, expected 3"):
        word_pool.build(small, ALL)
    thai.unlink()
    with pytest.raises(UserError, match=r"wn-wikt-tha.tab: no such file; run `babelmix fetch word-pool`"):
        word_pool.build(small, ALL)


def test_a_changed_file_is_not_fetched_and_nothing_is_left(mirror: Path, tmp_path: Path) -> None:
    (mirror / omw.file_of("vi")).write_text("# other\n")
    with pytest.raises(UserError, match="wrong checksum"):
        word_pool.fetch(tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_it_is_registered_with_its_licence() -> None:
    assert BENCHMARKS["word-pool"].build is word_pool.build
    assert licence_of("word-pool").endswith("CC BY-SA 3.0 and GFDL") and main_score("word-pool", False) == "map"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR is not set: the published files are not at hand")
    folder = tmp_path_factory.mktemp("raw") / "word-pool"
    word_pool.fetch(folder)
    return word_pool.build(folder, ALL)[0]


@pytest.mark.network
def test_the_published_pool_has_exactly_these_counts(published: Benchmark) -> None:
    assert Counter(query.lang for query in published.queries) == dict.fromkeys(omw.LANGUAGES, 1188)
    assert len(published.queries) == len(published.qrels) == 20_196
    assert len(published.passages) == 19_556 and len(published.itself) == 26_338
    judged = qrels_of(published)
    assert judged.left_out == {
        "passages that are their own query": 26_338,
        "qrels of a query to itself": 26_116,
    }
    assert len(set(judged.query.tolist())) == 20_196
    text = {row.id: compared_form(row.text) for row in (*published.queries, *published.passages)}
    asked = [text[query.id] for query in judged.queries]
    answers = [text[passage.id] for passage in published.passages]
    assert all(asked[q] != answers[p] for q, p in zip(judged.query.tolist(), judged.passage.tolist(), strict=True))
