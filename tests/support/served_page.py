"""A page to test: a small index in memory with the names of SearchIndex, known questions, and a server in a thread."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.files import write_benchmark
from babelmix.searching.index import Hit
from babelmix.searching.page.answers import Page
from babelmix.searching.page.app import make_app
from babelmix.searching.page.known import Known, read_known
from babelmix.searching.page.limits import Limits, Rate
from babelmix.searching.page.server import address, listen, make_server

LOOSE = Limits(per_second=10_000, burst=10_000, seconds=120)  # a test asks faster, and a busy machine answers later
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
TEXTS = {
    "en": ("print a page of a document", "open a file in the editor", f"a page with markup {EVIL} in it"),
    "de": ("eine Seite drucken", "eine Datei im Editor öffnen", "die Farbe der Seite ändern"),
    "ar": ("اطبع صفحة من المستند", "افتح ملفا في المحرر", "غير لون الصفحة"),
    "zh": ("打印 文档 的 一页", "在 编辑器 中 打开 文件", "更改 页面 的 颜色"),
}
QUESTIONS = {"en": "print a page", "de": "Seite drucken", "ar": "اطبع صفحة", "zh": "打印 一页"}


def encode(texts: Sequence[str]) -> Any:
    """Return vectors that share a coordinate where the texts share a word, and lean to their alphabet."""
    rows = np.full((len(texts), 64), 0.01, dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.split():
            row[sum(map(ord, word)) % 60] += 1
            row[60 + (ord(word[0]) > 0x3000) + 2 * (0x600 < ord(word[0]) < 0x700)] += 0.5
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class StandIn:
    """An index in memory; the debiasing takes each language's mean away."""

    model = "stand-in"

    def __init__(self, texts: Mapping[str, Sequence[str]] = TEXTS) -> None:
        self.rows = [(f"{lang}{n}", lang, text) for lang, own in texts.items() for n, text in enumerate(own)]
        self.vectors = encode([text for _, _, text in self.rows])
        self.spoken = np.array([lang for _, lang, _ in self.rows])
        self.languages = dict(sorted(Counter(self.spoken.tolist()).items()))
        self.folder = Path("stand-in")

    def __len__(self) -> int:
        return len(self.rows)

    def scores(self, vector: Any, shift: float) -> Any:
        scores = self.vectors @ vector
        means = {lang: scores[self.spoken == lang].mean() for lang in self.languages}
        return scores - shift * np.array([means[lang] for lang in self.spoken])

    def search(self, vectors: Any, k: int, *, languages=None, equal_share=False, shift=0.0) -> list[list[Any]]:
        scores = self.scores(vectors[0], shift)
        order = [row for row in np.argsort(-scores, kind="stable") if not languages or self.spoken[row] in languages]
        places, within, hits = {}, Counter(), []
        for row in order:
            within[self.spoken[row]] += 1
            places[row] = within[self.spoken[row]]
        order = sorted(order, key=lambda row: places[row]) if equal_share else order
        for rank, row in enumerate(order[:k], start=1):
            name, lang, text = self.rows[row]
            score = float(scores[row])
            hits.append(Hit(name, text, None, lang, score, rank, places[row], score))
        return [hits]

    def ranks(self, vector: Any, ids: Sequence[str], *, shift: float = 0.0) -> dict[str, int]:
        order = [self.rows[row][0] for row in np.argsort(-self.scores(vector, shift), kind="stable")]
        return {name: order.index(name) + 1 for name in ids}


def known_questions(folder: Path) -> Known:
    """Read a benchmark of one question in all languages, which the first passage of each answers."""
    passages = [Passage(name, lang, text) for name, lang, text in StandIn().rows]
    queries = [Query(f"q-{lang}", "print", lang, text) for lang, text in QUESTIONS.items()]
    qrels = [Qrel("print", f"{lang}0") for lang in QUESTIONS]
    by_id = {"key": lambda one: one.id}
    benchmark = Benchmark("small", tuple(sorted(queries, **by_id)), tuple(sorted(passages, **by_id)), tuple(qrels))
    write_benchmark(folder / "small", benchmark)
    return read_known(folder / "small")


def one_index(known: Known | None = None) -> Page:
    return Page.debiasing("small", [StandIn(), StandIn()], encode, known)


@contextmanager
def running(page: Page, limits: Limits = LOOSE, rate: Rate | None = None) -> Iterator[str]:
    """Serve a page from a thread; yield its address."""
    with listen(0) as listener:
        server = make_server(make_app(page, limits, rate), limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield address(listener)
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()
