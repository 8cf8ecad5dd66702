"""Every benchmark that is known by name; what a benchmark is stands here alone.

BENCHMARKS["xquad-r"].licence       # "XQuAD-R: CC BY-SA 4.0"
main_score("nfcorpus", False)       # "ndcg_at_10"
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownBenchmark:
    """A benchmark by its name in `benchmarks:`."""

    name: str
    licence: str  # as its publisher states it
    hub: bool = False  # whether fetching asks the Hugging Face hub
    splits: bool = False  # whether it has judgements for several splits, which `benchmark.splits` chooses from
    main_score: str | None = (
        None  # the measure that its own papers report, a name in evaluate.MEASURES; None: see below
    )


LAREQA = ("xquad-r", "mlqa-r")
BEIR = ("nfcorpus",)
NANOBEIR_TASKS = (
    *("arguana", "climate-fever", "dbpedia", "fever", "fiqa2018", "hotpotqa", "msmarco", "nfcorpus", "nq"),
    *("quora-retrieval", "scidocs", "scifact", "touche2020"),
)
NANOBEIR = tuple(f"nanobeir-{task}" for task in NANOBEIR_TASKS)
MIRACL_LANGUAGES = (
    *("ar", "bn", "de", "en", "es", "fa", "fi", "fr", "hi"),
    *("id", "ja", "ko", "ru", "sw", "te", "th", "yo", "zh"),
)
MIRACL = tuple(f"miracl-{lang}" for lang in MIRACL_LANGUAGES)

_NDCG = "ndcg_at_10"
_ALL = (
    KnownBenchmark("gnome-help", "GNOME Help: CC BY-SA 3.0"),
    KnownBenchmark("debian-handbook", "Debian handbook: GPL-2+ or CC BY-SA 3.0"),
    KnownBenchmark("xquad-r", "XQuAD-R: CC BY-SA 4.0"),
    KnownBenchmark("mlqa-r", "MLQA-R: CC BY-NC 4.0, not for commercial use"),
    KnownBenchmark("nfcorpus", "NFCorpus: for academic use", splits=True, main_score=_NDCG),
    *(
        KnownBenchmark(
            f"nanobeir-{task}", f"NanoBEIR {task}: as the task's own publisher has it", hub=True, main_score=_NDCG
        )
        for task in NANOBEIR_TASKS
    ),
    *(
        KnownBenchmark(
            f"miracl-{lang}",
            f"MIRACL {lang}: Apache-2.0, its passages CC BY-SA (Wikipedia)",
            hub=True,
            main_score=_NDCG,
        )
        for lang in MIRACL_LANGUAGES
    ),
)
BENCHMARKS = {benchmark.name: benchmark for benchmark in _ALL}


def licence_of(name: str) -> str:
    """Return the licence of a benchmark in a line; one that is not known is the user's own."""
    return BENCHMARKS[name].licence if name in BENCHMARKS else f"{name}: yours"


def main_score(name: str, graded: bool) -> str:
    """Return the measure that stands for a benchmark: its papers', or else nDCG@10 for grades above 1, or mAP."""
    known = BENCHMARKS[name].main_score if name in BENCHMARKS else None
    return known or (_NDCG if graded else "map")
