"""The scores of systems, with and without their language directions (LIR)."""

from collections.abc import Callable
from dataclasses import replace
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
from babelmix.stages.systems import Prompts, benchmarks_of, embed_into, no_directions
from babelmix.workspace import BM25, DEV, HERE, LIR

if TYPE_CHECKING:
    from babelmix.retrieval.embeddings import Embeddings
    from babelmix.retrieval.scorers import Scorer
    from babelmix.retrieval.vectors import Rows

Scored = tuple["Scorer", dict[str, Any]]  # what scores, and what the file of scores says of it


def evaluate_system(system: str, settings: Settings) -> str:
    """Score a system of the pipeline on all its benchmarks, also without its language directions (LIR).

    Returns what was written. BM25 has no vectors, and so no LIR.
    """
    benchmarks = benchmarks_of(system, settings)
    names = (system,) if system == BM25 else (system, system + LIR)
    for name, benchmark in product(names, benchmarks):
        claim_file(HERE.scores(name, benchmark), written=KEYS)
        claim_file(HERE.query_scores(name, benchmark), written=COLUMNS)
    for benchmark in benchmarks:
        folder = HERE.benchmark(benchmark)
        judged = _read_judged(folder)
        files = {name: (HERE.scores(name, benchmark), HERE.query_scores(name, benchmark)) for name in names}
        if system == BM25:
            _evaluate(judged, _bm25(folder), system, *files[system])
            continue
        opened = _opened(HERE.embeddings(system, benchmark), folder, None)
        nonsense = _nonsense(opened, folder, HERE.nonsense(system))
        without = _without(opened, HERE.lir(system), judged[0], nonsense)
        for name, scored in ((system, _cosines(opened, nonsense)), (system + LIR, without)):
            if benchmark == DEV:
                found = contrastive_entropy(judged[0], scored[0], settings.train.temperature)
                scored[1]["contrastive_entropy"] = found
            _evaluate(judged, scored, name, *files[name])
    return f"wrote {len(names) * len(benchmarks)} scores to {HERE.scores(system, benchmarks[0]).parent}"


def evaluate_any(
    benchmark: str,
    output: Path,
    settings: Callable[[], Settings],
    *,
    model: str | None,
    embeddings: Path | None,
    lir: Path | None,
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
    if lir and model == BM25:
        raise UserError("BM25 has no vectors, so no LIR", where="--lir", how="leave it out")
    inputs = [Path(name) for name in (benchmark, model, embeddings, lir) if name]
    claim_file(output, inputs=inputs, written=KEYS)
    if per_query:
        claim_file(per_query, inputs=[*inputs, output], written=COLUMNS, what="--per-query")
        if per_query.resolve() == output.resolve():
            raise UserError("--output and --per-query are one file", where=str(output), how="give each its own name")
    name = f"{model or embeddings}{LIR if lir else ''}"
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
            scored = _without(opened, lir, judged[0], rows) if lir else _cosines(opened, rows)
        if not embeddings:
            scored[1].pop("vectors", None)
        _evaluate(judged, scored, name, output, per_query)
    return f"wrote {output}"


def _read_judged(folder: Path, *, strict: bool = False, where: str = "") -> tuple[Qrels, About]:
    """Read the qrels of a benchmark and what it was built out of, and say what the rankings leave out besides."""
    qrels, made = read_qrels(folder), read_about(folder)
    new = {reason: number for reason, number in qrels.left_out.items() if reason not in made.left_out}
    tell_left_out(new, strict=strict, where=where)
    return qrels, made


def _evaluate(
    judged: tuple[Qrels, About],
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


def _without(opened: tuple["Embeddings", str], file: Path, qrels: Qrels, nonsense: "Rows | None" = None) -> Scored:
    """Return the scores of vectors without the directions, of a LIR file, of the languages that the texts are in.

    Nonsense is in no language: like a language without text, it loses the directions of all languages together.
    """
    from babelmix.retrieval.lir import read_directions, remove_directions

    found, where = opened
    if found.similarity != "cosine":
        raise no_directions(found.similarity, "--lir")
    directions = read_directions(file)
    languages = [qrels.languages[number] for number in qrels.passage_language.tolist()]
    queries = remove_directions(found.queries[:], [query.lang for query in qrels.queries], directions)
    passages = remove_directions(found.passages[:], languages, directions)
    if nonsense is not None:
        nonsense = remove_directions(nonsense[:], ["und"] * nonsense.shape[0], directions)
    return _cosines((replace(found, queries=queries, passages=passages), where), nonsense)
