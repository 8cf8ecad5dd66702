"""The scores of systems, as they are and with each debiasing."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.benchmarks.benchmark import About
from babelmix.benchmarks.files import read_about
from babelmix.benchmarks.qrels import Qrels, read_qrels
from babelmix.common.errors import UserError
from babelmix.common.files import temporary_folder
from babelmix.common.outputs import claim_file
from babelmix.common.progress import say
from babelmix.common.similarities import named_similarity
from babelmix.evaluation.contrastive_entropy import contrastive_entropy
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.hubness import hubness
from babelmix.evaluation.ranks import TOP
from babelmix.evaluation.score_files import COLUMNS, KEYS, write_evaluation
from babelmix.settings.params import Settings
from babelmix.stages.benchmarks import open_benchmark, tell_left_out
from babelmix.stages.debiasing import (
    CHOICES,
    Debiased,
    Texts,
    Wanted,
    check_wanted,
    choose_strengths,
    moved,
    texts_of,
    without_directions,
)
from babelmix.stages.systems import Prompts, benchmarks_of, embed_into
from babelmix.workspace import BM25, DEBIASINGS, DEV, HERE, LIR, dev_benchmarks

if TYPE_CHECKING:
    from babelmix.retrieval.embeddings import Embeddings
    from babelmix.retrieval.scorers import Scorer
    from babelmix.retrieval.vectors import Rows

Judged = tuple[Qrels, About]
Scored = tuple["Scorer", dict[str, Any]]  # what scores, and what the file of scores says of it


def evaluate_system(system: str, settings: Settings) -> str:
    """Score a system of the pipeline on all its benchmarks, as it is and with each debiasing.

    The strength of a debiasing is chosen on the dev splits first. Returns what was written. BM25 has no vectors, and so
    no debiasing.
    """
    benchmarks = benchmarks_of(system, settings)
    names = (system,) if system == BM25 else (system, *(f"{system}{form}" for form in DEBIASINGS))
    for name, benchmark in product(names, benchmarks):
        claim_file(HERE.scores(name, benchmark), written=KEYS)
        claim_file(HERE.query_scores(name, benchmark), written=COLUMNS)
    if system == BM25:
        for benchmark in benchmarks:
            folder = HERE.benchmark(benchmark)
            _evaluate(_read_judged(folder), _bm25(folder), system, *_files(system, benchmark))
    else:
        claim_file(HERE.debiasing(system), written=CHOICES)
        temperature = settings.train.temperature
        ready = {name: _ready(system, name) for name in dev_benchmarks(settings.benchmarks)}
        strengths = choose_strengths(system, {name: (judged[0], texts) for name, (judged, texts) in ready.items()})
        for benchmark in benchmarks:
            judged, texts = ready.pop(benchmark, None) or _ready(system, benchmark)
            for name, scored in _forms(system, strengths, judged[0], texts):
                if benchmark == DEV:
                    found = contrastive_entropy(judged[0], scored[0], temperature)
                    scored[1]["contrastive_entropy"] = found
                _evaluate(judged, scored, name, *_files(name, benchmark))
    return f"wrote {len(names) * len(benchmarks)} scores to {HERE.scores(system, benchmarks[0]).parent}"


def evaluate_any(
    benchmark: str,
    output: Path,
    settings: Callable[[], Settings],
    *,
    model: str | None,
    embeddings: Path | None,
    wanted: Wanted,
    per_query: Path | None,
    similarity: str | None,
    prompts: Prompts,
    split: str | None,
    strict: bool,
) -> str:
    """Score any model, or vectors of any origin, on any benchmark; return what was written.

    `settings` are read only where a model has to encode texts: the rest works outside a project.
    """
    if (model is None) == (embeddings is None):
        raise UserError("one of --model and --embeddings is needed", where="evaluate", how="give exactly one")
    if similarity and not embeddings:
        how = "leave it out: a model is scored by the similarity that its own file names"
        raise UserError("a similarity is for --embeddings", where="--similarity", how=how)
    if prompts != (None, None) and model in (None, BM25):
        raise UserError("prompts are for a model", where="--query-prompt, --passage-prompt", how="leave them out")
    check_wanted(wanted, model)
    inputs = [Path(name) for name in (benchmark, model, embeddings, wanted.lir, wanted.means) if name]
    claim_file(output, inputs=inputs, written=KEYS)
    if per_query:
        claim_file(per_query, inputs=[*inputs, output], written=COLUMNS, what="--per-query")
        if per_query.resolve() == output.resolve():
            raise UserError("--output and --per-query are one file", where=str(output), how="give each its own name")
    name = f"{model or embeddings}{wanted.name}"
    with open_benchmark(benchmark, split, strict=strict) as folder, temporary_folder() as scratch:
        judged = _read_judged(folder, strict=strict, where=benchmark)
        vectors, nonsense = embeddings, Path(scratch) / "nonsense.npz"
        if model and model != BM25:
            vectors = Path(scratch) / "vectors"
            embed_into(model, folder, vectors, settings(), prompts, nonsense)
        if vectors is None:
            scored = _bm25(folder)
        else:
            opened = _opened(vectors, folder, similarity)
            rows = _nonsense(opened, folder, nonsense)
            scored = _wanted(opened, wanted, judged[0], rows)
        if not embeddings:
            scored[1].pop("vectors", None)
        _evaluate(judged, scored, name, output, per_query)
    return f"wrote {output}"


def _ready(system: str, benchmark: str) -> tuple[Judged, Texts]:
    """Read the qrels of a benchmark, open a system's vectors of it, and take the means of all debiasings."""
    folder = HERE.benchmark(benchmark)
    judged = _read_judged(folder)
    opened = _opened(HERE.embeddings(system, benchmark), folder, None)
    names = [form.removeprefix("+") for form in DEBIASINGS if form != LIR]
    nonsense = _nonsense(opened, folder, HERE.nonsense(system))
    return judged, texts_of(opened, judged[0], HERE.offsets(system), names, nonsense)


def _forms(system: str, strengths: Mapping[str, float], qrels: Qrels, texts: Texts) -> Iterator[tuple[str, Scored]]:
    """Yield the name and the scores of a system's vectors, as they are and with each debiasing."""
    yield system, _cosines(texts.opened, texts.nonsense)
    yield system + LIR, _debiased(without_directions(texts.opened, HERE.lir(system), qrels, texts.nonsense))
    for form, strength in strengths.items():
        yield f"{system}+{form}", _debiased(moved(texts, form, strength))


def _files(system: str, benchmark: str) -> tuple[Path, Path]:
    return HERE.scores(system, benchmark), HERE.query_scores(system, benchmark)


def _read_judged(folder: Path, *, strict: bool = False, where: str = "") -> Judged:
    """Read the qrels of a benchmark and what it was built out of, and say what the rankings leave out besides."""
    qrels, made = read_qrels(folder), read_about(folder)
    new = {reason: number for reason, number in qrels.left_out.items() if reason not in made.left_out}
    tell_left_out(new, strict=strict, where=where)
    return qrels, made


def _evaluate(
    judged: Judged,
    scored: Scored,
    name: str,
    output: Path,
    per_query: Path | None,
) -> None:
    """Rank, measure and write; `scored` is the scorer and what is to be said of it."""
    (qrels, made), (scorer, about) = judged, scored
    if made.split is not None:
        about["split"] = made.split
    write_evaluation(evaluate(qrels, scorer), name, output, per_query, left_out=made.left_out, **about)


def _bm25(benchmark: Path) -> Scored:
    from babelmix.benchmarks.files import read_benchmark
    from babelmix.retrieval.bm25 import Bm25Scorer

    return Bm25Scorer.build(read_benchmark(benchmark)), {"similarity": BM25}


def _opened(vectors: Path, benchmark: Path, similarity: str | None) -> tuple["Embeddings", str]:
    """Open vectors on disk, and say how they were joined to the texts; return them and their folder."""
    from babelmix.retrieval.embeddings import open_embeddings

    opened = open_embeddings(vectors, benchmark, named_similarity(similarity))
    for note in opened.notes:
        say(note)
    return opened, str(vectors)


def _nonsense(opened: tuple["Embeddings", str], benchmark: Path, file: Path) -> "Rows | None":
    """Return the nonsense queries, comparable with the passages; None if the vectors were made without them."""
    from babelmix.retrieval.embeddings import open_embeddings
    from babelmix.retrieval.nonsense import read_nonsense
    from babelmix.retrieval.vectors import UnitRows

    if not file.exists():
        return None
    found, where = opened
    if found.similarity == "cosine":
        return UnitRows(read_nonsense(file))
    return open_embeddings(Path(where), benchmark, queries=read_nonsense(file)).queries


def _cosines(opened: tuple["Embeddings", str], nonsense: "Rows | None" = None) -> Scored:
    """Return the scores of vectors, their similarity and how they were joined to the texts.

    With the vectors of nonsense queries, also which passages come first for these.
    """
    from babelmix.retrieval.scorers import CosineScorer
    from babelmix.retrieval.search import search

    found, where = opened
    about: dict[str, Any] = {"similarity": found.similarity, "vectors": found.joined}
    if nonsense is not None:
        about["nonsense"] = hubness(search(nonsense, found.passages, TOP, where=where).passage)
    return CosineScorer(found.queries, found.passages, where=where), about


def _wanted(opened: tuple["Embeddings", str], wanted: Wanted, qrels: Qrels, nonsense: "Rows | None" = None) -> Scored:
    """Return the scores of vectors with the debiasing that a user named, at its whole strength unless given."""
    if wanted.lir:
        return _debiased(without_directions(opened, wanted.lir, qrels, nonsense))
    if wanted.debias is None:
        return _cosines(opened, nonsense)
    texts = texts_of(opened, qrels, wanted.means, [wanted.debias], nonsense)
    return _debiased(moved(texts, wanted.debias, 1.0 if wanted.strength is None else wanted.strength))


def _debiased(found: Debiased) -> Scored:
    """Return the scores of debiased vectors, with what is to be said of the debiasing."""
    scorer, about = _cosines(found.opened, found.nonsense)
    return scorer, about | found.about
