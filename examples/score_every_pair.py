"""Score your model in every pair of languages, as a table of heat.

    python examples/score_every_pair.py my-questions/ models/hybrid
    python examples/score_every_pair.py tests/golden/xquad-r-60            # BM25, which needs no model

Rows are the languages of the queries, columns those of the passages: mAP of 100, the darker the better.
"""

import argparse
from itertools import product

from rich.console import Console
from rich.table import Table

import babelmix


def heat_table(evaluation: babelmix.Evaluation) -> Table:
    """Return mAP x 100 by (query language, passage language); a pair without queries is empty."""
    scores = evaluation.by_language_pair()
    queries, passages = (sorted({pair[side] for pair in scores}) for side in (0, 1))
    table = Table("query", *passages, title=f"{evaluation.benchmark}: mAP x 100", title_justify="left")
    cells = {pair: _cell(scores.get(pair)) for pair in product(queries, passages)}
    for query in queries:
        table.add_row(query, *(cells[query, passage] for passage in passages))
    return table


def _cell(score: float | None) -> str:
    if score is None:
        return ""
    grey = 255 - round(score * 20)  # of the 256 colours of a terminal: 255 is almost white, 235 almost black
    return f"[{'black' if grey > 245 else 'white'} on color({grey})] {100 * score:3.0f} [/]"


def main(arguments: list[str] | None = None) -> None:
    """Read a benchmark, score a model on it and print the table."""
    parser = argparse.ArgumentParser(description="Score a model in every pair of languages.")
    parser.add_argument("benchmark", help="a folder in BEIR form, or SQuAD-form files")
    parser.add_argument("model", nargs="?", help="a SentenceTransformer folder; BM25 unless given")
    given = parser.parse_args(arguments)
    benchmark = babelmix.read_benchmark(given.benchmark)
    system = babelmix.load_encoder(given.model) if given.model else "bm25"
    found = babelmix.evaluate(benchmark, system)
    console = Console()
    console.print(heat_table(found))
    for scope in ("monolingual", "crosslingual", "multilingual"):
        mean = found.mean(scope)
        console.print(f"{scope:13} {'-' if mean is None else format(mean, '.3f')}")


if __name__ == "__main__":
    main()
