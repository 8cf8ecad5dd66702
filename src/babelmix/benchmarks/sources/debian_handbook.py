"""The Debian Administrator's Handbook: sections of one book under the same ids in every language.

    benchmark, _ = build(Path("data/raw/debian-handbook"), settings.benchmark)  # 523 English units, 10 languages

Debian package debian-handbook (GPL-2+ or CC BY-SA 3.0), HTML made from DocBook. A chapter or section title is
the query, and its own paragraphs without those of its subsections are the passage.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml.etree import HTMLParser, fromstring

from babelmix.benchmarks.aligned import Section, parallel_benchmark
from babelmix.benchmarks.benchmark import About, Benchmark
from babelmix.benchmarks.known import KnownBenchmark
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.corpus.collect import plain_text
from babelmix.download.debian import fetch_packages, read_package

PACKAGE = "debian-handbook"
# Folder of the package for each language of the benchmark.
FOLDERS = {
    "ar-MA": "ar",
    "de-DE": "de",
    "en-US": "en",
    "es-ES": "es",
    "fr-FR": "fr",
    "it-IT": "it",
    "ru-RU": "ru",
    "tr-TR": "tr",
    "vi-VN": "vi",
    "zh-CN": "zh",
}
# "Chapter 12. ", "7.2.1. ", "Phụ lục A. ", "第 12 章 ": places in the book, not parts of the question.
_NUMBER = re.compile(r"^(?:第\s*\d+\s*章|(?:\S+\s){0,2}?(?:\d+|[A-Z])(?:\.\d+)*\.)\s+")
_HEADINGS = './div[@class="titlepage"]//*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5]'


def fetch(folder: Path) -> None:
    """Download the package and replace the folder."""
    fetch_packages([PACKAGE], folder)


def build(packages: Path, settings: BenchmarkSettings, split: str | None = None) -> tuple[Benchmark, About]:
    """Build the benchmark `debian-handbook` from `<packages>/debian-handbook.deb`.

    A unit is the book's own section id. The title of the section around it qualifies a repeated title ("Installing").
    `parallel_benchmark` says which units it keeps.
    """
    sections: dict[str, dict[str, Section]] = {lang: {} for lang in FOLDERS.values()}
    for path, data in read_package(packages / f"{PACKAGE}.deb", _is_page):
        sections[FOLDERS[path.split("/")[-2]]].update(read_page(data))
    return parallel_benchmark("debian-handbook", sections, settings), About()


def read_page(data: bytes) -> Iterator[tuple[str, Section]]:
    """Yield (id, section) for the chapters and sections of one HTML page that have an id and a title."""
    page = fromstring(data, HTMLParser(encoding="utf-8", no_network=True, remove_comments=True))
    if page is None:  # nothing but comments
        return
    for element in page.iter("div"):
        if element.get("class") not in ("chapter", "section"):
            continue
        heading = element.xpath(_HEADINGS)
        anchors = heading[0].xpath("./a/@id") if heading else []
        if not anchors:
            continue
        around = next(element.iterancestors("div"), None)
        outer = around.xpath(_HEADINGS) if around is not None else []
        text = " ".join(plain_text(child) for child in element if child.get("class") == "para" or child.tag == "p")
        within = _title(outer[0]) if outer else ""
        yield str(anchors[0]), Section(_title(heading[0]), within, text)


def _title(heading: Any) -> str:
    return _NUMBER.sub("", plain_text(heading))


def _is_page(path: str) -> bool:
    return path.endswith(".html") and path.split("/")[-2] in FOLDERS


BENCHMARKS = (
    KnownBenchmark(name="debian-handbook", licence="Debian handbook: GPL-2+ or CC BY-SA 3.0", fetch=fetch, build=build),
)
