"""Commands for other tools' forms of runs and results."""

from pathlib import Path
from typing import Annotated

import typer

from babelmix.cli.options import BenchmarkName, PassagePrompt, QueryPrompt, Split, Strict
from babelmix.common.progress import done


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    example = "Example: babelmix run --model models/hybrid --benchmark gnome-help --trec run.txt --qrels qrels.txt"
    app.command(epilog=example)(run)


def run(
    benchmark: BenchmarkName,
    trec: Annotated[Path, typer.Option(help="File to write: a TREC run, six columns.")],
    model: Annotated[str | None, typer.Option(help="A SentenceTransformer folder, its hub name, or bm25; or")] = None,
    embeddings: Annotated[Path | None, typer.Option(help="a folder with queries.npy and passages.npy.")] = None,
    qrels: Annotated[Path | None, typer.Option(help="Also write the qrels, four columns.")] = None,
    topics: Annotated[
        Path | None, typer.Option(help="Also write the queries, as pyserini reads topics: id, tab, text; name it .tsv.")
    ] = None,
    top: Annotated[int, typer.Option(help="How many passages of each ranking to list.", min=1)] = 1000,
    scope: Annotated[
        str,
        typer.Option(help="pool: against all languages; mono: the query's own; cross: each other one; pairs: both."),
    ] = "pool",
    similarity: Annotated[
        str | None, typer.Option(help="Of --embeddings: cosine, dot or euclidean; what vectors.json says, or cosine.")
    ] = None,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
    split: Split = None,
    strict: Strict = False,
) -> None:
    """Write a system's rankings of a benchmark as a TREC run, for trec_eval, ir_measures, ranx and pyserini."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import exchange
    from babelmix.stages.scoring import Asked

    prompts = (query_prompt, passage_prompt)
    asked = Asked(benchmark, model, embeddings, similarity=similarity, prompts=prompts, split=split, strict=strict)
    line = exchange.write_trec(trec, asked, load_settings, qrels_file=qrels, topics_file=topics, top=top, scope=scope)
    following = f"ir_measures {qrels} {trec} nDCG@10 AP R@100" if qrels else f"look into {trec}"
    done(line, following)
