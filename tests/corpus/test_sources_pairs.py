import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmarco_files import TRANSLATIONS, write_mmarco

from babelmix.common.errors import UserError
from babelmix.common.outputs import written_files
from babelmix.corpus.collect import Gathered
from babelmix.corpus.records import Pair
from babelmix.corpus.registry import source_of
from babelmix.corpus.sentences import clean
from babelmix.corpus.settings import Pairs, Table
from babelmix.corpus.sources import mmarco
from babelmix.corpus.sources import squadshifts as squad_pairs
from babelmix.corpus.squad_file import read_squad_file
from babelmix.stages.raw import fetch_into

CONTEXT = "The river is long and wide. The bridge was built by an engineer in 1931. Nobody knows his name today."


def pair_settings(**changes: Any) -> Pairs:
    values: dict[str, Any] = {
        "languages": ("en",),
        "passage_paragraphs": 3,
        "passage_sentences": 1,
        "mmarco_queries": 10,
        "min_passage_characters": 10,
        "dev_share": 0.3,
        "dev_questions": 10,
    }
    return Pairs(**(values | changes))


def question(id: Any, text: str, *answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    told = [{"text": answer, "answer_start": start} for answer, start in answers]
    return {"id": id, "question": text, "answers": told, **more}


def write_squad(file: Path, *paragraphs: tuple[str, list[dict[str, Any]]]) -> Path:
    rows = [{"context": context, "qas": questions} for context, questions in paragraphs]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"version": "1", "data": [{"title": "t", "paragraphs": rows}]}), encoding="utf-8")
    return file


def gather(file: Path, settings: Pairs, lang: str = "en") -> Gathered:
    gathered = Gathered(lang, min_characters=settings.min_passage_characters)
    squad_pairs.add_file(gathered, file, "set", settings, lambda _: "train")
    return gathered


def pair(unit: str, split: str, query: str, passage: str, lang: str = "en") -> Pair:
    return Pair(unit, lang, split, query, passage, "human")


def test_the_passage_is_the_sentence_around_the_answer(tmp_path: Path):
    asked = [question("a", "Who built the bridge?", ("an engineer", CONTEXT.index("an engineer")))]
    file = write_squad(tmp_path / "set.json", (CONTEXT, asked))
    (only,), counts = gather(file, pair_settings()).close()
    passage = "The bridge was built by an engineer in 1931."
    assert only == Pair("set:a", "en", "train", "Who built the bridge?", passage, "human", "an engineer")
    assert counts == {"kept_train": 1, "kept_dev": 0, "dropped": {}}
    for sentences, start in ((2, "The river"), (3, "The river"), (0, "The river")):
        (only,), _ = gather(file, pair_settings(passage_sentences=sentences)).close()
        assert only.passage.startswith(start)
    assert only.passage == CONTEXT


def test_the_first_answer_that_stands_at_its_start_counts_and_else_the_first_that_is_found(tmp_path: Path):
    asked = [
        question("a", "What is wide?", ("nowhere", 3), ("bridge", 5), ("The", CONTEXT.index("The bridge"))),
        question("b", "Who is unknown?", ("nowhere", 0), ("engineer", -1), ("Nobody", 3)),
        question(3, "Which year was it?", ("1931", 10_000)),
    ]
    pairs, _ = gather(write_squad(tmp_path / "set.json", (CONTEXT, asked)), pair_settings()).close()
    assert [(one.parallel_id, one.answer) for one in pairs] == [
        ("set:3", "1931"),
        ("set:a", "The"),
        ("set:b", "engineer"),
    ]
    assert {one.passage for one in pairs} == {"The bridge was built by an engineer in 1931."}


def test_answer_offsets_are_those_of_the_raw_text(tmp_path: Path):
    context = "\ufeffFirst\x85 comes\u00a0 this.\r\n\r\n\u200fThen the \u202bengineer\u202c came here. It is over."
    asked = [question("a", "Who\u200f came?\n", ("the \u202bengineer\u202c", context.index("the")))]
    (only,), _ = gather(write_squad(tmp_path / "set.json", (context, asked)), pair_settings()).close()
    assert (only.query, only.passage, only.answer) == ("Who came?", "Then the engineer came here.", "the engineer")


def test_what_is_dropped_is_counted_by_reason(tmp_path: Path):
    asked = [
        question("a", "Who built the bridge?", ("an engineer", CONTEXT.index("an engineer"))),
        question("b", "  who BUILT the  bridge?", ("1931", CONTEXT.index("1931"))),
        question("c", "1931?", ("1931", CONTEXT.index("1931"))),
        question("d", "Who is not there?", is_impossible=True),
        question("e", "Who is not there?"),
    ]
    marks = "Here is a mark \u200f\u200f and no answer that a reader sees."
    german = "Die Brücke wurde im Jahr 1931 von einem Ingenieur gebaut, dessen Namen heute niemand mehr kennt."
    file = write_squad(
        tmp_path / "set.json",
        (CONTEXT, asked),
        (marks, [question("f", "What is it?", ("\u200f", marks.index("\u200f")))]),
        (german, [question("g", "Wer hat die Brücke gebaut?", ("Ingenieur", 0))]),
        ("It is. Yes.", [question("h", "Is it short?", ("Yes", 7))]),
    )
    _, counts = gather(file, pair_settings()).close()
    dropped = {"duplicate": 1, "questions without an answer": 3, "too-short": 2, "wrong-language": 1}
    mended = {"answers not at their answer_start": 1}
    assert counts == {"kept_train": 1, "kept_dev": 0, "dropped": dropped, "mended": mended}


def test_a_long_passage_is_kept_whole_and_cut_where_it_has_no_stop(tmp_path: Path):
    context = "the word is said " * 3000 + "at the end by an engineer"
    asked = [question("a", "Who said the word at the end?", ("engineer", context.index("engineer")))]
    file = write_squad(tmp_path / "set.json", (context, asked))
    for sentences in (0, 1):
        (only,), _ = gather(file, pair_settings(passage_sentences=sentences)).close()
        assert len(only.passage) > 50_000
        assert only.answer in only.passage


signs = st.sampled_from([*"ab .?!\n\u00a0\u200f\x85é", "One. ", "Dr. ", "two "])


@given(st.lists(st.tuples(st.lists(signs, min_size=3, max_size=30).map("".join), st.data()), min_size=1, max_size=6),
       st.integers(0, 3))  # fmt: skip
def test_a_passage_holds_its_answer_and_no_context_stands_on_both_sides(rows: list[Any], sentences: int):
    paragraphs: list[tuple[str, list[dict[str, Any]]]] = []
    raw: dict[str, tuple[str, str]] = {}
    for number, (context, data) in enumerate(rows):
        if not clean(context):
            continue
        start = data.draw(st.integers(0, len(context) - 1))
        answer = context[start : data.draw(st.integers(start + 1, len(context)))]
        if not answer.strip():
            continue
        raw[f"set:{number}"] = (context, answer)
        asked = [question(str(number), f"Which one is number {number} of them all?", (answer, start))]
        paragraphs.append((context, asked))
    settings = pair_settings(passage_sentences=sentences, min_passage_characters=1, dev_share=0.5)
    gathered = Gathered("en")
    with TemporaryDirectory() as folder:
        squad_pairs.add_file(gathered, write_squad(Path(folder) / "set.json", *paragraphs), "set", settings)
    pairs, counts = gathered.close()
    assert counts["kept_train"] + counts["kept_dev"] + sum(counts["dropped"].values()) == len(raw)
    sides: dict[str, set[str]] = {}
    for one in pairs:
        context, answer = raw[one.parallel_id]
        assert clean(answer) == one.answer
        assert one.answer in one.passage
        assert one.passage in clean(context)
        sides.setdefault(clean(context), set()).add(one.split)
        sides.setdefault(one.passage, set()).add(one.split)
    assert all(len(splits) == 1 for splits in sides.values())


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("ABC"), st.sampled_from(["train", "dev"])), max_size=12)
)
def test_no_text_of_dev_stands_in_train_and_nothing_is_lost(rows: list[tuple[str, str, str]]):
    gathered = Gathered("en")
    for number, (query, passage, split) in enumerate(rows):
        gathered.add(pair(f"u{number}", split, query, passage))
    pairs, counts = gathered.close()
    train = {text.casefold() for one in pairs if one.split == "train" for text in (one.query, one.passage)}
    assert not any({one.query.casefold(), one.passage.casefold()} & train for one in pairs if one.split == "dev")
    assert Counter(one.split for one in pairs) == Counter(train=counts["kept_train"], dev=counts["kept_dev"])
    assert len(pairs) + sum(counts["dropped"].values()) == len(rows)


def squadshifts(folder: Path, **files: list[tuple[str, list[dict[str, Any]]]]) -> Path:
    for name in squad_pairs.FILES:
        write_squad(folder / name, *files.get(name.split("_")[0], []))
    return folder


def test_squadshifts_is_train_in_wikipedia_and_dev_elsewhere(tmp_path: Path):
    review = "I bought this lamp for my daughter last year. She has liked it ever since, and so do I."
    forum = "My neighbour told me that the lamp is broken again. I do not believe a word of it."
    start = CONTEXT.index("1931")
    raw = squadshifts(
        tmp_path / "raw",
        new=[(CONTEXT, [question("a", "When was the bridge built?", ("1931", start))])],
        amazon=[
            (review, [question("b", "Who got the lamp?", ("my daughter", review.index("my")))]),
            (CONTEXT, [question("c", "What year was that?", ("1931", start))]),
        ],
        reddit=[
            (forum, [question("d", "Who told it?", ("My neighbour", 0))]),
            (forum, [question("e", "When was  the bridge BUILT?", ("My neighbour", 0))]),
        ],
    )
    pairs, counts = source_of("squadshifts", {}).build(raw, pair_settings())
    assert [(one.parallel_id, one.split, one.lang, one.origin) for one in pairs] == [
        ("squadshifts:a", "train", "en", "human"),
        ("squadshifts:b", "dev", "en", "human"),
        ("squadshifts:d", "dev", "en", "human"),
    ]
    assert counts == {"en": {"kept_train": 1, "kept_dev": 2, "dropped": {"duplicate": 2}}}
    (raw / "reddit_v1.0.json").unlink()
    with pytest.raises(UserError, match="no such file"):
        squad_pairs.build(raw, pair_settings())


def test_squadshifts_comes_from_the_mirror_and_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = squad_pairs.ADDRESS.removeprefix("https://")
    mirror = squadshifts(tmp_path / "mirror" / path / squad_pairs.COMMIT / "datasets")
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))
    fetch = source_of("squadshifts", {}).fetch
    with pytest.raises(UserError, match="wrong checksum"):
        fetch(tmp_path / "raw", pair_settings())
    assert not (tmp_path / "raw").exists()
    known = {
        name: (hashlib.sha256((mirror / name).read_bytes()).hexdigest(), split)
        for name, (_, split) in squad_pairs.FILES.items()
    }
    monkeypatch.setattr(squad_pairs, "FILES", known)
    assert fetch(tmp_path / "raw", pair_settings()) is None
    assert written_files(tmp_path / "raw") == set(known)


@pytest.mark.slow
def test_the_published_squadshifts_gives_a_known_number_of_pairs():
    mirror = os.environ.get("BABELMIX_MIRROR")
    found = (
        sorted(Path(mirror).glob("raw.githubusercontent.com/modestyachts/*/*/datasets/new_wiki_v1.0.json"))
        if mirror
        else []
    )
    if not found:
        pytest.skip("BABELMIX_MIRROR names no folder with the SQuADShifts files")
    gathered = gather(found[0], pair_settings(min_passage_characters=40))
    pairs, counts = gathered.close()
    assert counts["kept_train"] + sum(counts["dropped"].values()) == 7938
    assert counts == {
        "kept_train": 7710,
        "kept_dev": 0,
        "dropped": {"duplicate": 197, "too-short": 29, "wrong-language": 2},
    }
    assert all(one.answer in one.passage for one in pairs)


def test_unknown_sources_are_told_with_the_known_ones(tmp_path: Path):
    tables = {"mine": Table(hub="a/b", language="en")}
    settings: Any = SimpleNamespace(pairs=pair_settings(), source=tables)
    for call in (lambda: source_of("squadshift", tables), lambda: fetch_into("squadshift", tmp_path, settings)):
        with pytest.raises(UserError, match="did you mean 'squadshifts'") as caught:
            call()
        assert "mine, " in caught.value.how or caught.value.how.endswith("mine")


def test_mmarco_is_parallel_by_query_and_says_what_is_translated(tmp_path: Path):
    raw = write_mmarco(tmp_path / "raw")
    settings = pair_settings(languages=("en", "fr", "de", "ko"), mmarco_queries=4)
    pairs, counts = source_of("mmarco", {}).build(raw, settings)
    assert set(counts) == {"de", "en", "fr"}
    assert all(count["kept_train"] + count["kept_dev"] == 4 for count in counts.values())
    assert len(pairs) == 12
    by_unit: dict[str, list[Pair]] = {}
    for one in pairs:
        by_unit.setdefault(one.parallel_id, []).append(one)
    assert sorted(by_unit) == [f"mmarco:{query}" for query in range(1, 5)]
    for unit, translations in by_unit.items():
        assert [one.lang for one in translations] == ["de", "en", "fr"]
        assert len({one.split for one in translations}) == 1
        assert [one.origin for one in translations] == [mmarco.TRANSLATED, "human", mmarco.TRANSLATED]
        number = unit.removeprefix("mmarco:")
        assert translations[1].query == f"what is the capital of france {number}"
        assert translations[1].passage.endswith(f"largest city. 10{number}")


def test_mmarco_leaves_out_what_was_not_translated_and_what_english_lacks(tmp_path: Path):
    raw = write_mmarco(tmp_path / "raw")
    german = raw / "data/google/queries/train/german_queries.train.tsv"
    lines = german.read_text(encoding="utf-8").splitlines(keepends=True)
    english = TRANSLATIONS["english"][0]
    changed = {
        "1": f"1\t{english} 1\n",
        "2": "",
        "3": "3\t?\n",
        "4": f"4\t{TRANSLATIONS['french'][0]}, {'vraiment ' * 9}\n",
    }
    german.write_text("".join(changed.get(line.split("\t")[0], line) for line in lines), encoding="utf-8")
    collection = raw / "data/google/collections/german_collection.tsv"
    text = collection.read_text(encoding="utf-8")
    collection.write_text(
        text.replace(f"104\t{TRANSLATIONS['german'][1]}", f"104\t{TRANSLATIONS['french'][1]}"), encoding="utf-8"
    )
    collection = raw / "data/google/collections/english_collection.tsv"
    text = collection.read_text(encoding="utf-8")
    collection.write_text(text.replace("106\t", "999\t"), encoding="utf-8")
    _, counts = mmarco.build(raw, pair_settings(languages=("en", "de")))
    assert counts["en"]["dropped"] == {"missing": 1}
    dropped = {"missing": 1, "too-short": 1, "untranslated": 1, "wrong-language": 1}
    assert counts["de"]["dropped"] == dropped
    assert counts["de"]["kept_train"] + counts["de"]["kept_dev"] == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (mmarco.TRIPLES, b"1\t101\t7\n2\t102\n", "line 2: not three ids"),
        (mmarco.TRIPLES, b"1\tone\t7\n", "line 1: not three ids"),
        (mmarco.TRIPLES, b"", "empty file"),
        ("data/google/queries/train/english_queries.train.tsv", b"1 what is it\n", "line 1: not an id and a text"),
        ("data/google/collections/english_collection.tsv", b"101\tok\nx\tno\n", "line 2: not an id and a text"),
        ("data/google/collections/english_collection.tsv", b"101\t\xff\n", "line 1: not UTF-8"),
        ("data/google/collections/english_collection.tsv", None, "no such file"),
    ],
)
def test_mmarco_tells_what_is_wrong(tmp_path: Path, name: str, content: bytes | None, told: str):
    raw = write_mmarco(tmp_path, languages=("english",))
    if content is None:
        (raw / name).unlink()
    else:
        (raw / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        mmarco.build(raw, pair_settings())
    assert told in str(caught.value)
    assert str(raw / name) in caught.value.where


def test_the_spans_of_a_squad_file_are_where_the_answers_stand(tmp_path: Path):
    asked = [question("a", "Who?", ("an engineer", CONTEXT.index("an engineer"))), question("b", "When?", ("1931", 0))]
    (paragraph,) = read_squad_file(write_squad(tmp_path / "set.json", (CONTEXT, asked)))
    assert [CONTEXT[one.start : one.end] for one in paragraph.questions] == ["an engineer", "1931"]
