"""The whole answer of the page over 100,000 passages: from the request to the last byte, on loopback.

    pytest tests/speed/test_page_speed.py --benchmark-enable

The encoder is the packaged one with 6 layers. The passages' vectors are random: an exact search takes as long for any.
Every query is new, so each is encoded. Without --benchmark-enable 500 passages are searched, once.
"""

import itertools
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from served_page import LOOSE, running

from babelmix.benchmarks.benchmark import Query
from babelmix.encoder.build import build_encoder
from babelmix.encoder.fingerprint import hash_model
from babelmix.encoder.settings import Preset
from babelmix.searching.build import index_vectors
from babelmix.searching.documents import Document
from babelmix.searching.index import SearchIndex
from babelmix.searching.page.answers import Page
from babelmix.searching.page.known import Known
from babelmix.searching.queries import query_encoder
from babelmix.searching.record import Model

LANGUAGES = ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]
TEXT = "A passage about the number {} that is as long as a sentence of an encyclopedia usually is, and says little."


@pytest.fixture(scope="module")
def ask(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., int]]:
    folder = tmp_path_factory.mktemp("page")
    rows = 100_000 if request.config.getoption("benchmark_enable") else 500
    build_encoder(
        Preset(layers=6, learning_rate=1e-4, query_prefix="query: ", passage_prefix="passage: "), folder / "model"
    )
    documents = [Document(f"p{n}", TEXT.format(n), None, LANGUAGES[n % 11]) for n in range(rows)]
    vectors = np.random.default_rng(1).standard_normal((rows, 384), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    named = {"name": str(folder / "model"), "fingerprint": hash_model(folder / "model"), "dimensions": 384}
    model = Model(**named, max_tokens=512, query_prompt=None, passage_prompt=None)
    index_vectors(documents, vectors, model, folder / "index")
    indexes = [SearchIndex.open(folder / "index") for _ in range(2)]
    answers = {f"p{n}": LANGUAGES[n] for n in range(11)}
    texts = {f"is question {n} known?": Query(f"q{n}", "q", "en", f"is question {n} known?") for n in range(500)}
    known = Known("speed", texts, {"q": {}}, {"q": answers}, {})
    page = Page.debiasing("speed", indexes, query_encoder(indexes[0]), known)
    page.warm()
    numbers = itertools.count()
    with running(page, LOOSE) as url:

        def ask(text: str, **fields: Any) -> int:
            query = urllib.parse.urlencode({"q": text.format(next(numbers)), **fields})
            with urllib.request.urlopen(f"{url}?{query}", timeout=60) as answer:
                return len(answer.read())

        yield ask


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "fields"),
    [
        pytest.param("how do I print page {} of a document?", {}, id="new-query"),
        pytest.param("how do I print page {} of a document?", {"equal": "1"}, id="equal-share"),
        pytest.param("how do I print page {} of a document?", {"lang": "de"}, id="one-language"),
        pytest.param("is question {} known?", {}, id="known-answers"),
    ],
)
def test_the_page_answers(ask: Callable[..., int], benchmark: Any, text: str, fields: dict[str, str]) -> None:
    size = benchmark.pedantic(lambda: ask(text, **fields), rounds=100, warmup_rounds=3)
    times = sorted(getattr(benchmark.stats, "stats", benchmark.stats).data) if benchmark.stats else []
    if times:
        benchmark.extra_info["p95"] = times[int(0.95 * len(times))]
        print(f"\nmedian {1000 * times[len(times) // 2]:.0f} ms, p95 {1000 * benchmark.extra_info['p95']:.0f} ms")
    assert size > 5000
