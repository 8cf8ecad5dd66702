"""Pages of LibreOffice Help: what is read and left out, from small packages built here, and the real ones' counts."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from lxml.etree import HTMLParser, XPath, fromstring
from packages import make_package

from babelmix.benchmarks.registry import BENCHMARKS
from babelmix.common.errors import UserError
from babelmix.corpus.collect import split_of
from babelmix.corpus.registry import PAIR_SOURCES
from babelmix.corpus.settings import Pairs
from babelmix.corpus.sources.libreoffice_help import help_packages, page_texts
from babelmix.download.debian import fetch_packages, read_package
from babelmix.pretraining.pages import read_pages
from babelmix.settings.params import load_settings

SETTINGS = load_settings(Path(__file__).parents[2] / "params.yaml").pairs
HELP = PAIR_SOURCES["libreoffice-help"]
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")

LONG_EN = "The spreadsheet sorts the selected rows by the first column and keeps the others as they are."
LONG_DE = "Die Tabelle sortiert die markierten Zeilen nach der ersten Spalte und lässt die anderen, wie sie sind."
FRENCH = "Cette phrase est restée en français, et personne ne l'a vue avant la publication."


def help_page(*anchored: tuple[str, str]) -> str:
    body = "".join(f'<p id="{anchor}">{text}</p>\n' for anchor, text in anchored)
    return f"<html><head><title>t</title></head><body><div id='DisplayArea'>{body}</div></body></html>"


def packages_of(folder: Path, pages: dict[str, dict[str, str]]) -> Path:
    for lang, files in pages.items():
        region = {"en": "en-US"}.get(lang, lang)
        texts = {f"usr/share/libreoffice/help/{region}/text/{name}": page for name, page in files.items()}
        make_package(folder, f"libreoffice-help-{region.lower()}", texts)
    return folder


def pairs_settings(*languages: str, dev_share: float = 0.000001) -> Pairs:
    return SETTINGS.model_copy(update={"languages": languages, "dev_share": dev_share})


@needs_dpkg
def test_texts_are_in_reading_order_and_those_in_another_language_left_out(tmp_path: Path) -> None:
    english = help_page(
        ("par_id9", LONG_EN), ("hd_id1", "Sort"), ("par_id2", FRENCH), ("par_id3", "=SUM(A1)"), ("par_id4", "Files")
    )
    german = help_page(
        ("par_id9", LONG_DE), ("hd_id1", "Sortieren"), ("par_id2", FRENCH + " Hier."), ("par_id3", "=SUM(A1)"),
        ("par_id5", "Nur hier"), ("par_id6", "all of the other files are yours"),
    )  # fmt: skip
    folder = packages_of(tmp_path, {"en": {"b.html": english, "a.html": english}, "de": {"b.html": german}})
    pages = read_pages([HELP], lambda name: folder, pairs_settings("de", "en"))
    assert list(pages.texts) == ["de", "en"]
    assert list(pages.texts["en"]) == ["libreoffice-help:a.html", "libreoffice-help:b.html"]
    assert list(pages.texts["en"]["libreoffice-help:a.html"].values()) == [LONG_EN, "Sort", FRENCH, "=SUM(A1)", "Files"]
    assert pages.texts["de"] == {
        "libreoffice-help:b.html": {"par_id9": LONG_DE, "hd_id1": "Sortieren", "par_id5": "Nur hier"}
    }
    assert list(pages.texts["de"]["libreoffice-help:b.html"]) == ["par_id9", "hd_id1", "par_id5"]
    assert pages.left_out == {"de": {"untranslated": 1, "wrong-language": 2}, "en": {}}


@needs_dpkg
def test_the_split_is_that_of_the_pairs(tmp_path: Path) -> None:
    files = {
        f"{number}.html": help_page(("hd_id1", f"Heading {number}"), ("par_id1", f"{LONG_EN} In case {number}."))
        for number in range(30)
    }
    folder, settings = packages_of(tmp_path, {"en": files}), pairs_settings("en", dev_share=0.4)
    pages = read_pages([HELP], lambda name: folder, settings)
    assert pages.dev == {f"libreoffice-help:{name}" for name in files if split_of(name, 0.4) == "dev"}
    pairs, _ = HELP.build(folder, settings)
    in_dev = {pair.parallel_id.split("#")[0] for pair in pairs if pair.split == "dev"}
    in_train = {pair.parallel_id.split("#")[0] for pair in pairs if pair.split == "train"}
    assert in_dev and {f"libreoffice-help:{name}" for name in in_dev} <= pages.dev
    assert in_train and not {f"libreoffice-help:{name}" for name in in_train} & pages.dev


@needs_dpkg
def test_pages_of_two_sources_stay_apart(tmp_path: Path) -> None:
    folder = packages_of(tmp_path, {"en": {"a.html": help_page(("hd_id1", "Sort"))}})
    pages = read_pages([HELP, replace(HELP, name="more")], lambda name: folder, pairs_settings("en"))
    assert list(pages.texts["en"]) == ["libreoffice-help:a.html", "more:a.html"]


def test_a_source_without_pages_is_refused() -> None:
    message = r"params\.yaml, sources: mmarco has no pages to pre-train on; take sources that have: libreoffice-help;"
    with pytest.raises(UserError, match=message):
        read_pages([HELP, PAIR_SOURCES["mmarco"]], lambda name: Path(name), SETTINGS)


def test_no_benchmark_is_a_source_of_pages() -> None:
    assert not {name for name, source in PAIR_SOURCES.items() if source.pages} & BENCHMARKS.keys()


@pytest.mark.slow
@pytest.mark.network
def test_the_real_pages_have_the_texts_that_were_counted(tmp_path: Path) -> None:
    """Of 67,706 anchored elements in English 3,140 are empty, and 3,330 repeat an anchor of their page."""
    folder = tmp_path / "raw"
    try:
        fetch_packages(help_packages(["en", "de"]), folder)
    except UserError as error:
        pytest.skip(f"the packages cannot be downloaded here: {error}")
    versions = {entry["version"] for entry in json.loads((folder / "manifest.json").read_text()).values()}
    if not all(":7.4.7-1+deb12u" in version for version in versions):
        pytest.skip(f"other versions: {versions}")
    anchored = XPath('//*[starts-with(@id, "hd_id") or starts-with(@id, "par_id")]')
    parser = HTMLParser(encoding="utf-8", no_network=True)
    found = read_package(
        folder / "libreoffice-help-en-us.deb", lambda path: "/text/" in path and path.endswith(".html")
    )
    elements = [len(anchored(fromstring(data, parser))) for _, data in found]
    assert (len(elements), sum(elements)) == (2_560, 67_706)
    assert sum(number >= 8 for number in elements) == 1_833
    assert sum(number // 8 for number in elements) == 7_355
    english, german = (page_texts(folder, lang) for lang in ("en", "de"))
    lengths = [len(strings) for strings in english.values()]
    assert (len(lengths), sum(lengths)) == (2_560, 61_236)
    assert sum(length >= 8 for length in lengths) == 1_774
    assert sum(length // 8 for length in lengths) == 6_544
    assert sum(list(english[page]) == list(german[page]) for page in english) == 2_532
