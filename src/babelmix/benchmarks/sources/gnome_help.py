"""GNOME Help and its administration guide: short pages under question-like titles, translated page by page.

    benchmark, _ = build(Path("data/raw/gnome-help"), settings.benchmark)  # 443 English units, 9 languages

Debian package gnome-user-docs (CC BY-SA 3.0), Mallard XML (projectmallard.org): the same file names and
section ids in every language. A page or section title is the query, and its own text without that of its sections is
the passage.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml.etree import XMLParser, XMLSyntaxError, fromstring

from babelmix.benchmarks.aligned import Section, parallel_benchmark
from babelmix.benchmarks.benchmark import About, Benchmark
from babelmix.benchmarks.known import KnownBenchmark
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.common.errors import UserError
from babelmix.corpus.collect import plain_text
from babelmix.download.debian import fetch_packages, read_package

PACKAGE = "gnome-user-docs"
# Folder of the package for each language that has at least a hundred translated units.
FOLDERS = {
    "C": "en",
    "de": "de",
    "el": "el",
    "es": "es",
    "fr": "fr",
    "ko": "ko",
    "ru": "ru",
    "vi": "vi",
    "zh_CN": "zh",
}
GUIDES = ("gnome-help", "system-admin-guide")
_MALLARD = "{http://projectmallard.org/1.0/}"
_BLOCKS = tuple(_MALLARD + tag for tag in ("p", "note", "list", "steps", "example"))


def fetch(folder: Path) -> None:
    """Download the package and replace the folder."""
    fetch_packages([PACKAGE], folder)


def build(packages: Path, settings: BenchmarkSettings, split: str | None = None) -> tuple[Benchmark, About]:
    """Build the benchmark `gnome-help` from `<packages>/gnome-user-docs.deb`.

    A unit is `<guide>/<page>` or `<guide>/<page>#<section>`. The page's subtitle qualifies a repeated title, or the
    page's title if the section has none. `parallel_benchmark` says which units it keeps.
    """
    sections: dict[str, dict[str, Section]] = {lang: {} for lang in FOLDERS.values()}
    for path, data in read_package(packages / f"{PACKAGE}.deb", _is_page):
        folder, guide, page = path.split("/")[-3:]
        for anchor, section in read_page(data, path):
            unit = f"{guide}/{page.removesuffix('.page')}" + (f"#{anchor}" if anchor else "")
            sections[FOLDERS[folder]][unit] = section
    return parallel_benchmark("gnome-help", sections, settings), About()


def read_page(data: bytes, where: str) -> Iterator[tuple[str, Section]]:
    """Yield (section id, section) for a Mallard page: the page itself under "", then its sections with an id.

    It resolves nothing outside the file. UserError, at `where`, for a page that is not XML.
    """
    parser = XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        page = fromstring(data, parser)
    except XMLSyntaxError as error:
        how = f"fetch {PACKAGE} again, or report the page to its authors"
        raise UserError(f"not a Mallard page ({error})", where=where, how=how) from error
    title = _title(page, "title")
    for element in [page, *page.iter(_MALLARD + "section")]:
        text = " ".join(plain_text(child) for child in element if child.tag in _BLOCKS)
        anchor = "" if element is page else element.get("id")
        if anchor is not None:
            within = _title(element, "subtitle") if element is page else title
            yield anchor, Section(_title(element, "title"), within, text)


def _title(element: Any, tag: str) -> str:
    found = element.find(_MALLARD + tag)
    return "" if found is None else plain_text(found)


def _is_page(path: str) -> bool:
    parts = path.split("/")
    return path.endswith(".page") and len(parts) > 3 and parts[-3] in FOLDERS and parts[-2] in GUIDES


BENCHMARKS = (KnownBenchmark(name="gnome-help", licence="GNOME Help: CC BY-SA 3.0", fetch=fetch, build=build),)
