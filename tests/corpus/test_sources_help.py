"""The three help manuals, read from small packages built here with dpkg-deb."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packages import make_package

from babelmix.benchmarks.aligned import Section, parallel_benchmark
from babelmix.benchmarks.benchmark import Benchmark
from babelmix.benchmarks.files import read_benchmark
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.benchmarks.sources import debian_handbook, gnome_help
from babelmix.common import processes
from babelmix.common.errors import UserError
from babelmix.corpus.collect import Counts, split_of, written_in
from babelmix.corpus.records import Pair
from babelmix.corpus.settings import Pairs
from babelmix.corpus.sources import libreoffice_help
from babelmix.corpus.sources.libreoffice_help import help_packages
from babelmix.settings.params import load_settings
from babelmix.stages.benchmarks import build_into
from babelmix.stages.raw import fetch_into

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")
ALL = BenchmarkSettings(languages="all", max_passage_characters=600)
SETTINGS = load_settings(Path(__file__).parents[2] / "params.yaml")

LONG_EN = "The spreadsheet sorts the selected rows by the first column and keeps the others as they are."
LONG_DE = "Die Tabelle sortiert die markierten Zeilen nach der ersten Spalte und lässt die anderen, wie sie sind."
MORE_EN = "A window opens in which you choose the printer, the paper and the number of copies to be printed."
MORE_DE = "Ein Fenster öffnet sich, in dem Sie den Drucker, das Papier und die Zahl der Kopien auswählen."
LAST_EN = "Close the document without saving it, and open the copy that the program made for you in time."
LAST_DE = "Schließen Sie das Dokument ohne zu speichern und öffnen Sie die rechtzeitig angelegte Kopie."


def help_page(title: str, *anchored: tuple[str, str]) -> str:
    body = "".join(f'<div><p id="{anchor}">{text}</p></div>\n' for anchor, text in anchored)
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title></head><body><p id='par_id0'>menu</p>"
        f"<div id='DisplayArea'>{body}<p>no anchor</p></div></body></html>"
    )


def help_packages_of(folder: Path, pages: dict[str, dict[str, str]]) -> Path:
    for lang, files in pages.items():
        region = {"en": "en-US", "zh": "zh-CN"}.get(lang, lang)
        root = f"usr/share/libreoffice/help/{region}/"
        texts = {f"{root}text/{name}": page for name, page in files.items()} | {f"{root}noscript.html": "<p>x</p>"}
        make_package(folder, f"libreoffice-help-{region.lower()}", texts)
    return folder


def pairs_settings(*languages: str, dev_share: float = 0.000001) -> Pairs:
    return SETTINGS.pairs.model_copy(update={"languages": languages, "dev_share": dev_share})


@needs_dpkg
def test_headings_and_their_next_paragraphs_are_aligned_by_anchor(tmp_path: Path):
    english = help_page(
        "Sorting",
        ("par_id1", "before any heading"),
        ("hd_id1", " <b>Sorting</b>\n rows <!-- hidden -->"),
        ("par_id2", LONG_EN),
        ("par_id3", ""),
        ("par_id4", "two &amp; more"),
        ("par_id5", "three"),
        ("par_id6", "the fourth is left out"),
        ("hd_id2", "A heading that nothing follows"),
    )
    german = help_page(
        "Sortieren",
        ("hd_id1", "Zeilen sortieren"),
        ("par_id5", "drei"),
        ("par_id2", LONG_DE),
        ("par_id4", "zwei &amp; mehr"),
        ("par_id6", "x"),
    )
    packages = help_packages_of(tmp_path, {"en": {"scalc/a.html": english}, "de": {"scalc/a.html": german}})
    pairs, counts = libreoffice_help.build(packages, pairs_settings("de", "en"))
    assert [(pair.parallel_id, pair.lang, pair.query, pair.passage, pair.origin) for pair in pairs] == [
        ("scalc/a.html#hd_id1", "de", "Zeilen sortieren", f"{LONG_DE} zwei & mehr drei", "human"),
        ("scalc/a.html#hd_id1", "en", "Sorting rows", f"{LONG_EN} two & more three", "human"),
    ]
    assert counts == {lang: {"kept_train": 1, "kept_dev": 0, "dropped": {}} for lang in ("de", "en")}


@needs_dpkg
def test_every_reason_to_drop_a_unit_is_counted(tmp_path: Path):
    def one(number: int, heading: str, text: str) -> tuple[tuple[str, str], tuple[str, str]]:
        return (f"hd_id{number}", heading), (f"par_id{number}", text)

    english = help_page(
        "Title",
        *one(1, "Sort rows", LONG_EN),
        *one(2, "Print", MORE_EN),
        *one(3, "Close", LAST_EN),
        *one(4, "Find", LONG_EN + " Again."),
        *one(5, "++ 12", MORE_EN + " Again."),
        *one(6, "Short", "Too little."),
        *one(7, "SORT rows", LONG_EN),
    )
    german = help_page(
        "Titel",
        *one(1, "Zeilen sortieren", LONG_DE),
        *one(2, "Drucken", MORE_EN),
        ("hd_id3", "Schließen"),
        *one(4, "Finden", "Cette phrase est restée en français, et personne ne l'a vue avant la publication."),
    )
    packages = help_packages_of(tmp_path, {"en": {"a.html": english}, "de": {"a.html": german}})
    _, counts = libreoffice_help.build(packages, pairs_settings("en", "de"))
    assert counts["en"] == {"kept_train": 4, "kept_dev": 0, "dropped": {"duplicate": 1, "too-short": 2}}
    dropped = {"missing": 1, "untranslated": 1, "wrong-language": 1}
    assert counts["de"] == {"kept_train": 1, "kept_dev": 0, "dropped": dropped}
    assert list(counts) == ["de", "en"]


@needs_dpkg
def test_pairs_and_counts_are_the_same_with_one_process_and_with_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = help_page("Title", ("hd_id1", "Sort rows"), ("par_id1", LONG_EN), ("hd_id2", "Print"), ("par_id2", MORE_EN))
    german = help_page("Titel", ("hd_id1", "Zeilen"), ("par_id1", LONG_DE), ("hd_id2", "Drucken"), ("par_id2", MORE_DE))
    packages = help_packages_of(
        tmp_path, {"en": {"a.html": page}, "de": {"a.html": german}, "fr": {"a.html": page}, "nl": {"b.html": page}}
    )
    built: list[tuple[list[Pair], dict[str, Counts]]] = []
    for cores in (1, 2):
        monkeypatch.setattr(processes, "cores", lambda cores=cores: cores)
        built.append(libreoffice_help.build(packages, pairs_settings("en", "de", "fr", "nl")))
    assert built[0] == built[1]
    pairs, counts = built[1]
    assert [pair.lang for pair in pairs] == ["de", "de", "en", "en"]
    assert {lang: dict(count["dropped"]) for lang, count in counts.items()} == {
        "de": {}, "en": {}, "fr": {"untranslated": 2}, "nl": {"missing": 2},
    }  # fmt: skip
    (packages / "libreoffice-help-fr.deb").write_bytes(b"no package")
    with pytest.raises(UserError, match=r"libreoffice-help-fr\.deb: damaged package"):
        libreoffice_help.build(packages, pairs_settings("en", "de", "fr", "nl"))


@needs_dpkg
def test_a_heading_of_many_pages_is_qualified_by_the_page_in_every_language(tmp_path: Path):
    texts = ((LONG_EN, LONG_DE), (MORE_EN, MORE_DE), (LAST_EN, LAST_DE))
    english = {
        f"{number}.html": help_page(f"Page {number}", ("hd_id1", "Example"), ("par_id1", text))
        for number, (text, _) in enumerate(texts)
    }
    german = {
        f"{number}.html": help_page(f"Seite {number}", ("hd_id1", "Beispiel"), ("par_id1", text))
        for number, (_, text) in enumerate(texts)
    }
    pairs, _ = libreoffice_help.build(
        help_packages_of(tmp_path, {"en": english, "de": german}), pairs_settings("en", "de")
    )
    assert [pair.query for pair in pairs] == [
        *(f"Seite {number}: Beispiel" for number in range(3)),
        *(f"Page {number}: Example" for number in range(3)),
    ]


@needs_dpkg
def test_no_page_query_or_passage_stands_in_both_splits(tmp_path: Path):
    pages = {
        f"{number}.html": help_page(
            f"Page {number}",
            ("hd_id1", f"Heading {number % 7} of all"),
            ("par_id1", f"{LONG_EN} Number {number % 11}."),
            ("hd_id2", f"Own heading {number}"),
            ("par_id2", f"{MORE_EN} Number {number}."),
        )
        for number in range(40)
    }
    packages = help_packages_of(tmp_path, {"en": pages})
    pairs, counts = libreoffice_help.build(packages, pairs_settings("en", dev_share=0.4))
    train, dev = ([pair for pair in pairs if pair.split == split] for split in ("train", "dev"))
    assert dev
    assert len(dev) == counts["en"]["kept_dev"]
    for part in (lambda pair: pair.parallel_id.split("#")[0], lambda pair: pair.query, lambda pair: pair.passage):
        assert not {part(pair) for pair in train} & {part(pair) for pair in dev}
    assert counts["en"]["kept_train"] + counts["en"]["kept_dev"] + sum(counts["en"]["dropped"].values()) == 80


@given(st.sets(st.text(min_size=1), min_size=1), st.floats(0.01, 0.5), st.floats(0.5, 0.99))
def test_a_larger_dev_share_only_adds_pages_to_dev(names: set[str], small: float, large: float):
    dev = {name for name in names if split_of(name, small) == "dev"}
    assert dev <= {name for name in names if split_of(name, large) == "dev"}


def test_the_dev_share_is_about_what_was_asked():
    dev = sum(split_of(f"swriter/{number}.html", 0.05) == "dev" for number in range(20_000))
    assert 900 < dev < 1100


def test_a_language_without_libreoffice_help_is_told():
    assert help_packages(["en", "zh", "de"])[:2] == ("libreoffice-help-en-us", "libreoffice-help-zh-cn")
    with pytest.raises(UserError, match=r"unknown language of LibreOffice Help 'ar'.*valid: ca, cs"):
        help_packages(["en", "ar"])


@pytest.mark.parametrize(
    ("text", "lang", "fits"),
    [
        (LONG_DE, "de", True),
        (LONG_EN, "de", False),
        ("Datei", "de", True),
        ("Save the file as you want it", "de", False),
        (LONG_DE, "fr", False),
    ],
)
def test_a_translation_must_be_in_its_language(text: str, lang: str, fits: bool):
    assert written_in(text, lang) is fits


MALLARD = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE page [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<page xmlns="http://projectmallard.org/1.0/" type="topic" id="print">
  <info><title type="link">Not this one</title><desc>Nor this</desc></info>
  <title>{title} <em>now</em></title>
  <p>{text}<!-- nor a comment --> &secret;</p>
  <steps>
    <item><p>One.</p></item>
    <item><p>Two.</p></item>
  </steps>
  <section id="paper"><title>{title}</title><p>{more}</p></section>
  <section><title>Without an id</title><p>x</p></section>
</page>
"""


def test_a_mallard_page_and_its_sections_are_read_apart_and_no_entity_is_opened():
    sections = dict(
        gnome_help.read_page(MALLARD.format(title="Print", text=LONG_EN, more=MORE_EN).encode(), "print.page")
    )
    assert sections == {
        "": Section("Print now", "", f"{LONG_EN} &secret; One. Two."),
        "paper": Section("Print", "Print now", MORE_EN),
    }


def test_a_mallard_page_cut_in_half_is_told():
    with pytest.raises(UserError, match=r"print\.page: not a Mallard page"):
        list(gnome_help.read_page(MALLARD.encode()[:400], "print.page"))


@needs_dpkg
def test_gnome_help_becomes_a_benchmark_that_reads_back(tmp_path: Path):
    english = MALLARD.format(title="Print", text=LONG_EN, more=MORE_EN)
    german = MALLARD.format(title="Drucken", text=LONG_DE, more=MORE_EN)
    files = {"C": english, "de": german, "pl": german}
    pages = {f"usr/share/help/{lang}/gnome-help/print.page": page for lang, page in files.items()}
    make_package(tmp_path, "gnome-user-docs", pages | {"usr/share/help/C/other/print.page": "<broken"})
    assert build_into("gnome-help", tmp_path, tmp_path / "gnome-help", SETTINGS) == {}
    benchmark = read_benchmark(tmp_path / "gnome-help")
    assert [(query.id, query.text) for query in benchmark.queries] == [
        ("de:gnome-help/print", "Drucken now"),
        ("en:gnome-help/print", "Print now"),
        ("en:gnome-help/print#paper", "Print"),
    ]


def handbook(chapter: str, title: str, text: str, more: str) -> str:
    head = '<div class="titlepage"><div><h{0} class="title"><a id="{1}"></a>{2}</h{0}></div></div>'
    return (
        f'<html><body><div class="chapter">{head.format(1, "apt", chapter)}<a id="x" class="indexterm"></a>'
        f'<div class="para">{text}</div><div class="sidebar"><div class="para">aside</div></div>'
        f'<div class="section">{head.format(2, "apt.use", title)}<div class="para">{more}</div>'
        f'<p>Last.</p></div></div><div class="section"><p>untitled</p></div></body></html>'
    )


def test_handbook_sections_lose_their_numbers_and_keep_their_own_paragraphs():
    page = handbook("Chapter 6. Using APT", "B.6.1. 3 ways <code>apt</code> works", LONG_EN, MORE_EN)
    assert dict(debian_handbook.read_page(page.encode())) == {
        "apt": Section("Using APT", "", LONG_EN),
        "apt.use": Section("3 ways apt works", "Using APT", f"{MORE_EN} Last."),
    }


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("第 12 章 高级管理", "高级管理"),
        ("Phụ lục A. Bản phân phối", "Bản phân phối"),
        ("فصل 12. الإدارة المتقدمة", "الإدارة المتقدمة"),
        ("1. Why This Book?", "Why This Book?"),
        ("12.1.3. RAID 5. And more", "RAID 5. And more"),
        ("Foreword", "Foreword"),
    ],
)
def test_the_number_goes_and_the_title_stays(heading: str, title: str):
    sections = dict(debian_handbook.read_page(handbook(heading, "1.1. x", LONG_EN, MORE_EN).encode()))
    assert sections["apt"].title == title


@needs_dpkg
def test_the_handbook_becomes_a_benchmark(tmp_path: Path):
    english = handbook("Chapter 6. Using APT", "6.1. Reading", LONG_EN, MORE_EN)
    german = handbook("Kapitel 6. APT nutzen", "6.1. Lesen", LONG_DE, MORE_DE)
    root = "usr/share/doc/debian-handbook/html"
    make_package(tmp_path, "debian-handbook", {f"{root}/en-US/a.html": english, f"{root}/de-DE/a.html": german})
    assert build_into("debian-handbook", tmp_path, tmp_path / "built", SETTINGS) == {}
    benchmark = read_benchmark(tmp_path / "built")
    assert [query.id for query in benchmark.queries] == ["de:apt", "de:apt.use", "en:apt", "en:apt.use"]
    assert benchmark.languages == ("de", "en")


def two_languages(*rows: tuple[str, str, str, str, str]) -> dict[str, dict[str, Section]]:
    english = {unit: Section(title, within, text) for unit, within, title, text, _ in rows}
    german = {unit: Section(f"{title} (de)", f"{within} (de)", text) for unit, within, title, _, text in rows}
    return {"en": english, "de": german}


def test_a_repeated_title_is_qualified_in_every_language_or_left_out():
    sections = two_languages(
        ("a", "Mail", "Installing", LONG_EN, LONG_DE),
        ("b", "Web", "Installing", MORE_EN, MORE_DE),
        ("c", "", "Summary", LAST_EN, LAST_DE),
        ("d", "", "Summary", f"{LAST_EN} x", f"{LAST_DE} x"),
    )
    benchmark = parallel_benchmark("manual", sections, ALL)
    assert [query.text for query in benchmark.queries] == [
        "Mail (de): Installing (de)",
        "Web (de): Installing (de)",
        "Mail: Installing",
        "Web: Installing",
    ]


def test_texts_are_cut_and_a_stub_is_no_passage():
    sections = two_languages(
        ("a", "", "A", f"{LONG_EN} {MORE_EN}", f"{LONG_DE} {MORE_DE}"), ("b", "", "B", "Short.", "x")
    )
    benchmark = parallel_benchmark("manual", sections, BenchmarkSettings(languages="all", max_passage_characters=70))
    assert [passage.text for passage in benchmark.passages] == [LONG_DE[:70].rstrip(), LONG_EN[:70].rstrip()]


def test_benchmark_languages_are_the_shared_ones_and_at_least_one():
    sections = two_languages(("a", "", "A", LONG_EN, LONG_DE))

    def languages(*wanted: str) -> Benchmark:
        return parallel_benchmark("manual", sections, BenchmarkSettings(languages=wanted, max_passage_characters=600))

    assert languages("de", "ko").languages == ("de",)
    with pytest.raises(UserError, match=r"unknown language of manual.*'ko'.*valid: de, en"):
        languages("ko")


def test_unknown_sources_and_benchmarks_name_the_valid_ones(tmp_path: Path):
    with pytest.raises(UserError, match="unknown source, benchmark or lexicon 'gnome-hlp'; did you mean 'gnome-help'"):
        fetch_into("gnome-hlp", tmp_path, SETTINGS)
    with pytest.raises(UserError, match="unknown benchmark 'libreoffice-help'"):
        build_into("libreoffice-help", tmp_path, tmp_path / "built", SETTINGS)


def test_a_missing_package_is_told(tmp_path: Path):
    if shutil.which("dpkg-deb") is None:
        pytest.skip("no dpkg-deb on this machine")
    with pytest.raises(UserError, match=r"libreoffice-help-en-us\.deb: no such package"):
        libreoffice_help.read_pages(tmp_path, "en")
