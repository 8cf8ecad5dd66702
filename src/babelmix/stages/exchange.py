"""Runs, qrels, topics and results in other tools' forms."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.benchmarks.files import read_about
from babelmix.benchmarks.qrels import Qrels, read_qrels
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import temporary_folder, write_json
from babelmix.common.outputs import claim_file
from babelmix.common.progress import say
from babelmix.common.similarities import named_similarity
from babelmix.settings.params import Settings
from babelmix.stages.benchmarks import open_benchmark, tell_left_out
from babelmix.stages.debiasing import Wanted, check_wanted, moved, texts_of, without_directions
from babelmix.stages.systems import Prompts, embed_into
from babelmix.workspace import BM25

if TYPE_CHECKING:
    from babelmix.retrieval.embeddings import Embeddings
    from babelmix.retrieval.scorers import Scorer


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


def evaluate_as(form: str, output: Path, asked: Asked, settings: Callable[[], Settings]) -> str:
    """Score a system on a benchmark and write mteb's form of results; return what was written."""
    from babelmix.evaluation.ranks import rank_relevant
    from babelmix.exporting.mteb_results import FORMS, KEYS, revision_of, task_result

    if form not in FORMS:
        raise unknown_name("form", form, ("babelmix", *FORMS), where="--format")
    check_asked(asked, "evaluate")
    claim_file(output, inputs=asked.inputs, written=KEYS)
    with opened_benchmark(asked) as (folder, qrels), scored(asked, folder, qrels, settings) as scorer:
        about: dict[str, Any] = {"system": asked.name, "left_out": {**read_about(folder).left_out, **qrels.left_out}}
        ranks = rank_relevant(qrels, scorer)
        result = task_result(qrels, ranks, form=form, revision=revision_of(folder), about=about)
    write_json(output, result)
    return f"wrote {output}, as mteb writes results"


def write_trec(
    trec: Path,
    asked: Asked,
    settings: Callable[[], Settings],
    *,
    qrels_file: Path | None,
    topics_file: Path | None,
    top: int,
    scope: str,
) -> str:
    """Write a system's rankings of a benchmark as a TREC run, with qrels and topics; return what was written."""
    from babelmix.exporting.rankings import rankings
    from babelmix.exporting.topics import topics_of
    from babelmix.exporting.trec import (
        Lines,
        check_ids,
        claim_run,
        passage_ids,
        qrels_lines,
        tag_of,
        topic_lines,
        write_run,
    )

    check_asked(asked, "run")
    _check_distinct({"--trec": trec, "--qrels": qrels_file, "--topics": topics_file})
    claim_run(trec, asked.inputs)
    with opened_benchmark(asked) as (folder, qrels):
        topics, ids = topics_of(qrels, scope), passage_ids(folder)
        check_ids(topics.names, f"{qrels.name}, queries")
        files: list[Lines] = []
        if qrels_file:
            files.append(Lines(qrels_file, "--qrels", [*qrels_lines(topics, ids)]))
        if topics_file:
            files.append(Lines(topics_file, "--topics", [*topic_lines(topics, [q.text for q in qrels.queries])]))
        for file in files:
            file.claim([*asked.inputs, trec])
        if topics.unanswered:
            say(f"{topics.unanswered:,} topics without an answer in the scope {scope} are not in the files")
        if top < len(ids):
            say(f"the run lists the best {top:,} of {len(ids):,} passages: measures without a cutoff see no others")
        with scored(asked, folder, qrels, settings) as scorer:
            lowered = write_run(trec, topics, ids, rankings(scorer, qrels, topics, top), tag_of(asked.name))
        for file in files:
            file.write()
    if lowered:
        say(f"{lowered:,} equal scores were lowered, in steps of float32, so that trec_eval keeps our order")
    written = ", ".join(str(file) for file in (trec, qrels_file, topics_file) if file)
    return f"wrote {written}: {len(topics.names):,} topics"


@contextmanager
def opened_benchmark(asked: Asked) -> Generator[tuple[Path, Qrels]]:
    """Yield a benchmark's folder and its qrels, and say what the rankings leave out."""
    with open_benchmark(asked.benchmark, asked.split, strict=asked.strict) as folder:
        qrels, made = read_qrels(folder), read_about(folder)
        new = {reason: number for reason, number in qrels.left_out.items() if reason not in made.left_out}
        tell_left_out(new, strict=asked.strict, where=asked.benchmark)
        yield folder, qrels


@contextmanager
def scored(asked: Asked, folder: Path, qrels: Qrels, settings: Callable[[], Settings]) -> "Generator[Scorer]":
    """Yield the scorer of a system on a benchmark; vectors that were made for it vanish with the block."""
    if asked.model == BM25:
        from babelmix.benchmarks.files import read_benchmark
        from babelmix.retrieval.bm25 import Bm25Scorer

        yield Bm25Scorer.build(read_benchmark(folder))
        return
    with temporary_folder() as scratch:
        vectors = asked.embeddings
        if vectors is None:
            vectors = Path(scratch) / "vectors"
            embed_into(str(asked.model), folder, vectors, settings(), asked.prompts)
        yield _scorer_of(vectors, folder, asked, qrels)


def _scorer_of(vectors: Path, folder: Path, asked: Asked, qrels: Qrels) -> "Scorer":
    """Return the scorer of vectors on disk, with the debiasing that was asked for."""
    from babelmix.retrieval.embeddings import open_embeddings
    from babelmix.retrieval.scorers import CosineScorer

    found = open_embeddings(vectors, folder, named_similarity(asked.similarity))
    for note in found.notes:
        say(note)
    opened: tuple[Embeddings, str] = found, str(vectors)
    wanted = asked.wanted
    if wanted.lir:
        opened = without_directions(opened, wanted.lir, qrels, None).opened
    elif wanted.debias:
        texts = texts_of(opened, qrels, wanted.means, [wanted.debias])
        opened = moved(texts, wanted.debias, 1.0 if wanted.strength is None else wanted.strength).opened
    return CosineScorer(opened[0].queries, opened[0].passages, where=opened[1])


def _check_distinct(files: dict[str, Path | None]) -> None:
    """Raise UserError if two outputs are one file."""
    seen: dict[Path, str] = {}
    for name, file in files.items():
        if file and (other := seen.setdefault(file.resolve(), name)) != name:
            raise UserError(f"{other} and {name} are one file", where=str(file), how="give each its own name")
