"""mteb on a benchmark folder, and a benchmark whose texts the tiny encoder tells apart."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from small_pairs import WORDS

from babelmix.benchmarks.benchmark import Benchmark, Lost, Passage, Qrel, Query
from babelmix.benchmarks.files import read_passages, read_queries, write_benchmark


def write_small_benchmark(folder: Path, *, lost: bool = True) -> None:
    """Write 16 questions in three languages, of which some lack an answer in one, and some have two."""
    rng = np.random.default_rng(7)
    queries: list[Query] = []
    passages: list[Passage] = []
    qrels: list[Qrel] = []
    for number in range(16):
        for lang, words in WORDS.items():
            drawn = rng.permutation(words)
            queries.append(Query(f"{lang}:q{number:02}", f"q{number:02}", lang, " ".join(drawn[:4]) + f" {number}"))
            passages.append(Passage(f"{lang}:p{number:02}", lang, " ".join(drawn[3:11]) + f" {number}"))
            if (number + len(lang + lang[0])) % 5 or lang == "en":
                qrels.append(Qrel(f"q{number:02}", f"{lang}:p{number:02}", 1 + number % 2))
        qrels.append(Qrel(f"q{number:02}", f"fr:p{(number + 5) % 16:02}"))
    distinct = {(qrel.parallel_id, qrel.passage): qrel for qrel in qrels}
    benchmark = Benchmark(
        "small",
        tuple(sorted(queries, key=lambda one: one.id)),
        tuple(sorted(passages, key=lambda one: one.id)),
        tuple(distinct[key] for key in sorted(distinct)),
        lost=(Lost("q03", "de"),) if lost else (),
    )
    write_benchmark(folder, benchmark)


def run_mteb(model: Any, task: Any) -> dict[str, dict[str, Any]]:
    """The scores of mteb's own run, by subset."""
    import mteb

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of mteb and the libraries it imports; a name of a prompt that it does not know
        found = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    return {scores["hf_subset"]: scores for scores in found.task_results[0].scores["test"]}


def write_vectors(model: Any, benchmark: Path, folder: Path) -> None:
    """Write the float32 vectors of a benchmark's texts, by sentence-transformers with the prompts of E5 before each."""
    folder.mkdir()
    for name, prefix, read in (("queries", "query: ", read_queries), ("passages", "passage: ", read_passages)):
        np.save(folder / f"{name}.npy", model.encode([prefix + one.text for one in read(benchmark)], prompt=""))
