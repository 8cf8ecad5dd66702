"""Arguments and options that several commands share."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

Name = Annotated[str, typer.Argument(help="A source or benchmark, such as gnome-help.")]
ObjectiveName = Annotated[str, typer.Option("--objective", help="An objective of params.yaml, such as hybrid.")]
ModelName = Annotated[str, typer.Option("--model", help="A SentenceTransformer folder, or its name on the hub.")]
SystemName = Annotated[
    str | None,
    typer.Option(
        "--system", help="One of the pipeline, with all its benchmarks: untrained, an objective, an average, or bm25."
    ),
]
_BENCHMARK: Any = typer.Option(
    "--benchmark",
    help="gnome-help, debian-handbook, xquad-r, mlqa-r, a task of BEIR such as nfcorpus, nanobeir-TASK, "
    "miracl-LANGUAGE; or a path: a benchmark folder, a folder in BEIR form, a SQuAD-form file or a folder of them.",
)
BenchmarkName = Annotated[str, _BENCHMARK]
OptionalBenchmark = Annotated[str | None, _BENCHMARK]  # where --system says it
QueryPrompt = Annotated[
    str | None, typer.Option("--query-prompt", help="The text before each query; the model's own by default.")
]
PassagePrompt = Annotated[
    str | None, typer.Option("--passage-prompt", help="The text before each passage; the model's own by default.")
]
Split = Annotated[
    str | None, typer.Option("--split", help="Qrels of a folder in BEIR form, qrels/SPLIT.tsv; test unless given.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse a benchmark of which anything would be left out.")]


def languages_of(given: Iterable[str] | None) -> list[str]:
    """Return the languages of an option that takes "de,en", once or several times: each once, in their order."""
    parts = (part.strip() for one in given or () for part in one.split(","))
    return list(dict.fromkeys(filter(None, parts)))
