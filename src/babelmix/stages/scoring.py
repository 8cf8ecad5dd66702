"""The scores of systems, as they are and with each debiasing."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
NOTHING = Wanted()  # no debiasing


@dataclass(frozen=True, slots=True)
class Asked:
    """A system and a benchmark, as the options of a command name them."""

    benchmark: str
    model: str | None
    embeddings: Path | None
    similarity: str | None = None
    wanted: Wanted = NOTHING
    prompts: Prompts = (None, None)
    split: str | None = None
    strict: bool = False

    @property
    def name(self) -> str:
        """The system's name."""
        return f"{self.model or self.embeddings}{self.wanted.name}"

    @property
    def inputs(self) -> list[Path]:
        """What the command reads, which no output may replace."""
        given = (self.benchmark, self.model, self.embeddings, self.wanted.lir, self.wanted.means)
        return [Path(name) for name in given if name]


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


def evaluate_any(output: Path, asked: Asked, settings: Callable[[], Settings], *, per_query: Path | None) -> str:
    """Score any model, or vectors of any origin, on any benchmark; return what was written.

    `settings` are read only where a model has to encode texts: the rest works outside a project.
    """
    check_asked(asked, "evaluate")
    claim_file(output, inputs=asked.inputs, written=KEYS)
    if per_query:
        claim_file(per_query, inputs=[*asked.inputs, output], written=COLUMNS, what="--per-query")
        check_distinct({"--output": output, "--per-query": per_query})
    with open_judged(asked) as (folder, judged), scored_as_asked(asked, folder, judged[0], settings) as scored:
        _evaluate(judged, scored, asked.name, output, per_query)
    return f"wrote {output}"


def check_asked(asked: Asked, command: str) -> None:
    """Raise UserError for options that do not fit each other."""
    if (asked.model is None) == (asked.embeddings is None):
        raise UserError("one of --model and --embeddings is needed", where=command, how="give exactly one")
    if asked.similarity and not asked.embeddings:
        how = "leave it out: a model is scored by the similarity that its own file names"
        raise UserError("a similarity is for --embeddings", where="--similarity", how=how)
    if asked.prompts != (None, None) and asked.model in (None, BM25):
        raise UserError("prompts are for a model", where="--query-prompt, --passage-prompt", how="leave them out")
    check_wanted(asked.wanted, asked.model)


def check_distinct(files: Mapping[str, Path | None]) -> None:
    """Raise UserError if two outputs, each by its option, are one file."""
    seen: dict[Path, str] = {}
    for name, file in files.items():
        if file and (other := seen.setdefault(file.resolve(), name)) != name:
            raise UserError(f"{other} and {name} are one file", where=str(file), how="give each its own name")


@contextmanager
def open_judged(asked: Asked) -> Generator[tuple[Path, Judged]]:
    """Yield a benchmark's folder, its qrels and what it was built out of, and say what the rankings leave out."""
    with open_benchmark(asked.benchmark, asked.split, strict=asked.strict) as folder:
        yield folder, _read_judged(folder, strict=asked.strict, where=asked.benchmark)


@contextmanager
def scored_as_asked(
    asked: Asked, folder: Path, qrels: Qrels, settings: Callable[[], Settings], *, nonsense: bool = True
) -> Generator[Scored]:
    """Yield the scores of a system on a benchmark; vectors that are made for it vanish with the block.

    `nonsense`: a model encodes the nonsense queries too.
    """
    with temporary_folder() as scratch:
        vectors, file = asked.embeddings, Path(scratch) / "nonsense.npz"
        if asked.model and asked.model != BM25:
            vectors = Path(scratch) / "vectors"
            embed_into(asked.model, folder, vectors, settings(), asked.prompts, file if nonsense else None)
        if vectors is None:
            scored = _bm25(folder)
        else:
            opened = _opened(vectors, folder, asked.similarity)
            scored = _wanted(opened, asked.wanted, qrels, _nonsense(opened, folder, file))
        if not asked.embeddings:
            scored[1].pop("vectors", None)
        yield scored


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
