"""Systems, all that is scored: their vectors, their language directions (LIR) and their scores."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.benchmarks.benchmark import About
from babelmix.benchmarks.files import read_about, read_passages, read_queries
from babelmix.benchmarks.qrels import Qrels, read_qrels
from babelmix.common.errors import UserError
from babelmix.common.files import temporary_folder
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.common.progress import progress, say
from babelmix.common.similarities import named_similarity
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.score_files import COLUMNS, KEYS, write_evaluation
from babelmix.settings.params import Settings
from babelmix.stages.benchmarks import open_benchmark, tell_left_out
from babelmix.workspace import BM25, HERE, LIR

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.retrieval.scorers import Scorer

Prompts = tuple[str | None, str | None]  # the text before each query and passage; None: the model's own


def model_folder(name: str) -> Path:
    """Return a SentenceTransformer's folder: given or, for org/name where no folder `org` is here, of the hub."""
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not Path(name).parent.is_dir():
        from babelmix.download.hub import allow_hub
        from babelmix.encoder.hub import hub_sentence_encoder

        allow_hub()
        return hub_sentence_encoder(name)
    return Path(name)


def load_model(name: str, prompts: Prompts = (None, None), *, quiet: bool = False) -> "SentenceTransformer":
    """Load a SentenceTransformer, with these prompts in place of its own; `quiet` does not say that it has none."""
    folder = model_folder(name)
    from babelmix.encoder.load import load_encoder
    from babelmix.encoder.usage import set_prompts

    encoder = load_encoder(folder)
    note = set_prompts(encoder, folder, query=prompts[0], passage=prompts[1])
    if note and not quiet:
        say(f"{name}: {note}")
    return encoder


def embed_into(model: str, benchmark: Path, output: Path, settings: Settings, prompts: Prompts = (None, None)) -> str:
    """Encode the queries and passages of a benchmark folder into a folder; return what was written."""
    from babelmix.retrieval.embed_benchmark import embed_benchmark
    from babelmix.retrieval.vector_record import made_of

    encoder = load_model(model, prompts)
    made = made_of(model_folder(model), benchmark, settings.embed, prompts)
    total = len({query.text for query in read_queries(benchmark)}) + sum(1 for _ in read_passages(benchmark))
    notes: list[str] = []
    with progress(f"embed {benchmark.name}", total) as step:
        queries, passages = embed_benchmark(
            encoder,
            benchmark,
            output,
            settings=settings.embed,
            threads=settings.threads,
            made_of=made,
            on_progress=step,
            say=notes.append,
        )
    for note in notes:
        say(f"{model}: {note}")
    return f"wrote {queries} + {passages} rows to {output}"


def embed_system(system: str, benchmark: str, settings: Settings) -> str:
    """Encode a benchmark of the pipeline with one of its encoders; return what was written."""
    output = HERE.embeddings(system, benchmark)
    claim_folder(output)
    return embed_into(str(HERE.model(system)), HERE.benchmark(benchmark), output, settings)


def embed_model(
    model: str, benchmark: str, output: Path, settings: Settings, *, prompts: Prompts, split: str | None, strict: bool
) -> str:
    """Encode any benchmark with any model; return what was written."""
    claim_folder(output, inputs=[Path(model), Path(benchmark)])
    with open_benchmark(benchmark, split, strict=strict) as folder:
        return embed_into(model, folder, output, settings, prompts)


def find_directions(model: str, output: Path, settings: Settings, prompts: Prompts = (None, None)) -> str:
    """Find the directions of each language in unlabelled training passages (LIR); return what was written."""
    from babelmix.corpus.index import index_pairs, train_rows
    from babelmix.encoder.encode import encode
    from babelmix.encoder.usage import similarity_of
    from babelmix.retrieval import lir
    from babelmix.stages.pairs import all_pairs

    claim_file(output, inputs=[Path(model)], written=lir.ARRAYS)
    known = list(all_pairs(settings))
    train = [known[row][0] for row in train_rows(index_pairs(known))]
    passages = lir.sample_pairs(train, settings.evaluate.lir_passages)
    encoder = load_model(model, prompts)
    if (similarity := similarity_of(encoder)[0]) != "cosine":
        raise _no_directions(similarity, model)
    with progress(f"directions of {model}", len(passages)) as step:
        texts = [pair.passage for pair in passages]
        vectors = encode(
            encoder, texts, prompt="passage", settings=settings.embed, threads=settings.threads, on_progress=step
        )
    found = lir.find_directions(vectors, [pair.lang for pair in passages], settings.evaluate.lir_rank)
    lir.write_directions(output, found)
    return f"wrote {output}, from {len(passages)} passages in {len(found.by_language)} languages"


def evaluate_system(system: str, benchmark: str) -> str:
    """Score a system of the pipeline on one of its benchmarks, also without its language directions (LIR).

    Returns what was written. BM25 has no vectors, and so no LIR.
    """
    folder, vectors = HERE.benchmark(benchmark), None if system == BM25 else HERE.embeddings(system, benchmark)
    names = (system,) if system == BM25 else (system, system + LIR)
    for name in names:
        claim_file(HERE.scores(name, benchmark), written=KEYS)
        claim_file(HERE.query_scores(name, benchmark), written=COLUMNS)
    judged = _read_judged(folder)
    for name in names:
        scored = _scores(folder, vectors, HERE.lir(system) if name.endswith(LIR) else None, None)
        _evaluate(judged, scored, name, HERE.scores(name, benchmark), HERE.query_scores(name, benchmark))
    return f"wrote {' and '.join(str(HERE.scores(name, benchmark)) for name in names)}"


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
    inputs = [Path(name) for name in (benchmark, model, embeddings, lir) if name]
    claim_file(output, inputs=inputs, written=KEYS)
    if per_query:
        claim_file(per_query, inputs=[*inputs, output], written=COLUMNS, what="--per-query")
        if per_query.resolve() == output.resolve():
            raise UserError("--output and --per-query are one file", where=str(output), how="give each its own name")
    name = f"{model or embeddings}{LIR if lir else ''}"
    with open_benchmark(benchmark, split, strict=strict) as folder, temporary_folder() as scratch:
        judged = _read_judged(folder, strict=strict, where=benchmark)
        vectors = embeddings
        if model and model != BM25:
            vectors = Path(scratch) / "vectors"
            embed_into(model, folder, vectors, settings(), prompts)
        scores, about = _scores(folder, vectors, lir, similarity)
        if not embeddings:
            about.pop("vectors", None)
        _evaluate(judged, (scores, about), name, output, per_query)
    return f"wrote {output}"


def _read_judged(folder: Path, *, strict: bool = False, where: str = "") -> tuple[Qrels, About]:
    """Read the qrels of a benchmark and what it was built out of, and say what the rankings leave out besides."""
    qrels, made = read_qrels(folder), read_about(folder)
    new = {reason: number for reason, number in qrels.left_out.items() if reason not in made.left_out}
    tell_left_out(new, strict=strict, where=where)
    return qrels, made


def _evaluate(
    judged: tuple[Qrels, About],
    scored: tuple["Scorer", dict[str, Any]],
    name: str,
    output: Path,
    per_query: Path | None,
) -> None:
    """Rank, measure and write; `scored` is what `_scores` returned."""
    (qrels, made), (scorer, about) = judged, scored
    if made.split is not None:
        about["split"] = made.split
    write_evaluation(evaluate(qrels, scorer), name, output, per_query, left_out=made.left_out, **about)


def _scores(
    benchmark: Path, embeddings: Path | None, lir: Path | None, similarity: str | None
) -> tuple["Scorer", dict[str, Any]]:
    """Return the scores of vectors on disk, without the directions of a LIR file, or of BM25 if there are no vectors.

    And what is to be said of them: their similarity, and how vectors were joined to the texts.
    """
    if embeddings is None:
        from babelmix.benchmarks.files import read_benchmark
        from babelmix.retrieval.bm25 import Bm25Scorer

        if lir:
            raise UserError("BM25 has no vectors, so no LIR", where="--lir", how="leave it out")
        return Bm25Scorer.build(read_benchmark(benchmark)), {"similarity": BM25}
    from babelmix.retrieval.embeddings import open_embeddings
    from babelmix.retrieval.scorers import CosineScorer

    opened = open_embeddings(embeddings, benchmark, named_similarity(similarity))
    for note in opened.notes:
        say(note)
    queries, passages = opened.queries, opened.passages
    if lir:
        from babelmix.retrieval.lir import read_directions, remove_directions

        if opened.similarity != "cosine":
            raise _no_directions(opened.similarity, "--lir")
        found = read_directions(lir)
        queries = remove_directions(queries[:], [query.lang for query in read_queries(benchmark)], found)
        passages = remove_directions(passages[:], [passage.lang for passage in read_passages(benchmark)], found)
    about = {"similarity": opened.similarity, "vectors": opened.joined}
    return CosineScorer(queries, passages, where=str(embeddings)), about


def _no_directions(similarity: str, where: str) -> UserError:
    how = "leave them out, or use a model that is scored by cosine"
    return UserError(f"directions are taken out of cosines alone, not of {similarity!r}", where=where, how=how)
