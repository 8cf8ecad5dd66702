"""Weight averages: of the pipeline, with the share that the dev split chooses, or of any two encoders."""

from pathlib import Path
from statistics import fmean

from babelmix.benchmarks.qrels import read_qrels
from babelmix.common.errors import unknown_name
from babelmix.common.files import temporary_folder, write_json
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.encoder.average import average, match
from babelmix.evaluation.choice import choose, pooled_map
from babelmix.retrieval.embeddings import open_embeddings
from babelmix.retrieval.scorers import CosineScorer
from babelmix.settings.params import Settings
from babelmix.stages.systems import embed_into
from babelmix.workspace import HERE, dev_benchmarks

SHARES = (0.25, 0.5, 0.75, 1.0)  # of the first encoder; at 1 nothing is averaged
_KEYS = ("first", "second", "share", "dev")  # of the file of scores


def average_system(name: str, settings: Settings) -> str:
    """Average the two encoders of an average of params.yaml at the share that scores best; return what was written.

    The score of a share is the mean of the multilingual mAP over the dev split and, where `benchmarks:` names it, the
    dev split of the native pool. Among equal scores the largest share of the first encoder is taken.
    """
    if name not in settings.average:
        raise unknown_name("average", name, settings.average, where="params.yaml, average")
    parts, output, scores = settings.average[name], HERE.model(name), HERE.average_scores(name)
    first, second = HERE.model(parts.first), HERE.model(parts.second)
    claim_folder(output, inputs=(first, second))
    claim_file(scores, written=_KEYS)
    benchmarks = dev_benchmarks(settings.benchmarks)
    both, dev = match(first, second), dict[float, dict[str, float]]()
    for share in SHARES:
        with temporary_folder() as scratch:
            model = Path(scratch) / f"{name}-{share:g}"
            average(both, share, model, title=name, reason="tried on the dev split")
            dev[share] = {
                benchmark: _multilingual_map(model, HERE.benchmark(benchmark), Path(scratch) / benchmark, settings)
                for benchmark in benchmarks
            }
    share = choose({share: dev[share] for share in reversed(SHARES)})  # of equals the largest
    tried = ", ".join(f"{one:g} ({fmean(found.values()):.4f})" for one, found in dev.items())
    average(
        both,
        share,
        output,
        title=f"{settings.model.size}/{name}/s{settings.seed}",
        reason=f"chosen by the mean multilingual mAP on {' and '.join(benchmarks)}, of {tried}",
    )
    by_share = {f"{one:g}": found for one, found in dev.items()}
    write_json(scores, {"first": parts.first, "second": parts.second, "share": share, "dev": by_share})
    return f"wrote {output}, {share:g} of {parts.first} and {1 - share:g} of {parts.second}, and {scores}"


def average_folders(first: Path, second: Path, share: float, output: Path) -> str:
    """Average any two encoders at a given share; return what was written."""
    average(match(first, second), share, output, title=output.name, reason="given by hand")
    return f"wrote {output}"


def _multilingual_map(model: Path, benchmark: Path, vectors: Path, settings: Settings) -> float:
    """Return a model's mAP over the pool of all languages of a benchmark."""
    embed_into(str(model), benchmark, vectors, settings)
    opened = open_embeddings(vectors, benchmark)
    return pooled_map(read_qrels(benchmark), CosineScorer(opened.queries, opened.passages, where=str(vectors)))
