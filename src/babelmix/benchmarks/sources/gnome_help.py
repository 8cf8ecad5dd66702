"""GNOME Help and its administration guide: short pages under question-like titles, translated page by page.

    benchmark = build(Path("data/raw/gnome-help"), settings.benchmark)  # 443 English units, 9 languages

Debian package gnome-user-docs (CC BY-SA 3.0), Mallard XML (projectmallard.org): the same file names and
section ids in every language. A page or section title is the query, its own text without that of its sections
the passage.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml.etree import XMLParser, XMLSyntaxError, fromstring

from babelmix.benchmarks.benchmark import Benchmark
from babelmix.common.errors import UserError
from babelmix.corpus.collect import Section, parallel_benchmark, plain_text
from babelmix.download.debian import read_package
from babelmix.settings.params import BenchmarkSettings
from babelmix.stages import GNOME_PACKAGE

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


def build(packages: Path, settings: BenchmarkSettings) -> Benchmark:
    """Build the benchmark `gnome-help` from `<packages>/gnome-user-docs.deb`.

    A unit is `<guide>/<page>` or `<guide>/<page>#<section>`. Titles that stand twice are qualified by the
    page's subtitle, or by the page's title if the section has none. See `parallel_benchmark` for what is
    kept.
    """
    sections: dict[str, dict[str, Section]] = {lang: {} for lang in FOLDERS.values()}
    for path, data in read_package(packages / f"{GNOME_PACKAGE}.deb", _is_page):
        folder, guide, page = path.split("/")[-3:]
        for anchor, section in read_page(data, path):
            unit = f"{guide}/{page.removesuffix('.page')}" + (f"#{anchor}" if anchor else "")
            sections[FOLDERS[folder]][unit] = section
    return parallel_benchmark("gnome-help", sections, settings)


def read_page(data: bytes, where: str) -> Iterator[tuple[str, Section]]:
    """Yield (section id, section) for a Mallard page: the page itself under "", then its sections with an id.

    Nothing outside the file is resolved. A page that is not XML raises UserError naming `where`.
    """
    parser = XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        page = fromstring(data, parser)
    except XMLSyntaxError as error:
        how = f"fetch {GNOME_PACKAGE} again, or report the page to its authors"
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
