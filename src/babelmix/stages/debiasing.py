"""Vectors without their language, at no training cost: what LIR and mean offsets make of a benchmark's vectors."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from babelmix.benchmarks.qrels import Qrels
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_file
from babelmix.common.progress import say
from babelmix.evaluation.choice import choose, pooled_map
from babelmix.stages.systems import no_directions
from babelmix.workspace import BM25, HERE

if TYPE_CHECKING:
    from babelmix.retrieval.embeddings import Embeddings
    from babelmix.retrieval.language_means import LanguageRows, Means
    from babelmix.retrieval.vectors import Rows

NO_LANGUAGE = "und"
COMMON = "the common mean stands for theirs"
CHOICES = ("shift", "centre")  # keys of a file of chosen strengths


class Wanted(NamedTuple):
    """A debiasing that a user names: LIR by the file of its directions, or offsets with their strength and means."""

    lir: Path | None = None
    debias: str | None = None
    strength: float | None = None
    means: Path | None = None

    @property
    def name(self) -> str:
        """What follows the name of the encoder: "+lir", "+shift-index", or nothing."""
        return "+lir" if self.lir else f"+{self.debias}" if self.debias else ""


@dataclass(frozen=True, slots=True)
class Texts:
    """The vectors of a benchmark, the language of each, and the means of every debiasing by its name."""

    opened: "tuple[Embeddings, str]"  # and their folder
    queries: "LanguageRows"
    passages: "LanguageRows"
    means: "Mapping[str, Means]"
    nonsense: "Rows | None" = None  # nonsense queries, which are in no language


class Debiased(NamedTuple):
    """Vectors without their language and their folder, what a file of scores says of them, and nonsense queries."""

    opened: "tuple[Embeddings, str]"
    about: dict[str, Any]
    nonsense: "Rows | None"


def check_wanted(wanted: Wanted, model: str | None) -> None:
    """Raise UserError for a debiasing that is unknown, lacks its means, or has options without a use."""
    from babelmix.retrieval.offsets import TRAINING, TRANSDUCTIVE

    lir, name, strength, means = wanted
    if model == BM25 and wanted.name:
        what, where = ("no LIR", "--lir") if lir else ("no debiasing", "--debias")
        raise UserError(f"BM25 has no vectors, so {what}", where=where, how="leave it out")
    if lir and name:
        raise UserError("one debiasing at a time", where="--lir, --debias", how="leave one of them out")
    if name is None:
        if strength is not None or means:
            raise UserError("these are for --debias", where="--strength, --means", how="leave them out, or name one")
        return
    if name not in (*TRAINING, *TRANSDUCTIVE):
        raise unknown_name("debiasing", name, (*TRAINING, *TRANSDUCTIVE), where="--debias")
    if name in TRAINING and not means:
        how = "make it with `babelmix offsets --model MODEL --output FILE`"
        raise UserError(f"{name} needs the means of training text", where="--means", how=how)
    if name in TRANSDUCTIVE and means:
        how = f"leave it out, or take {' or '.join(TRAINING)}"
        raise UserError(f"{name} takes its means from the index", where="--means", how=how)


def texts_of(
    opened: "tuple[Embeddings, str]",
    qrels: Qrels,
    training: Path | None,
    names: Iterable[str],
    nonsense: "Rows | None" = None,
) -> Texts:
    """Return a benchmark's vectors with the means of the named debiasings, and say which languages have none.

    Args:
        opened: the vectors and their folder.
        qrels: of the benchmark; it names the languages.
        training: a file of means of training text, where a name needs it.
        names: debiasings, without the plus sign.
        nonsense: vectors of nonsense queries, if there are any.
    """
    from babelmix.retrieval.language_means import TOO_FEW, LanguageRows, read_means
    from babelmix.retrieval.offsets import TRAINING, TRANSDUCTIVE, means_of_index

    found, where = opened
    if found.similarity != "cosine":
        raise no_directions(found.similarity, "--debias")
    queries = LanguageRows.of(found.queries, [query.lang for query in qrels.queries])
    if (rows := found.passages.shape[0]) != len(qrels.passage_language):
        what = f"{rows} rows for {len(qrels.passage_language)} passages"
        raise UserError(what, where=where, how="embed the benchmark again: it has changed since")
    passages = LanguageRows(found.passages, qrels.languages, qrels.passage_language)
    means: dict[str, Means] = {}
    if training is not None and any(name in TRAINING for name in names):
        means |= dict.fromkeys(TRAINING, read_means(training))
        if lacking := _lacking(means["shift"], (*queries.languages, *passages.languages)):
            say(f"{qrels.name}: no training text, or {TOO_FEW} texts or fewer, in {', '.join(lacking)}: {COMMON}")
    if any(name in TRANSDUCTIVE for name in names):
        means |= means_of_index(passages, found.queries, [query.id for query in qrels.queries], where=where)
        if lacking := _lacking(means["shift-index"], passages.languages):
            say(f"{qrels.name}: {TOO_FEW} passages or fewer in {', '.join(lacking)}: {COMMON}")
        if len(passages.languages) == 1 and "shift-index" in names:
            say(f"{qrels.name}: all passages are in one language, so shift-index changes nothing")
    return Texts(opened, queries, passages, means, nonsense)


def moved(texts: Texts, name: str, strength: float) -> Debiased:
    """Return the vectors of a benchmark moved by a form and a strength, and what the file of scores says of it.

    Nonsense is in no language: it moves as queries of a language without text.
    """
    from babelmix.retrieval.language_means import LanguageRows
    from babelmix.retrieval.offsets import TRAINING, move

    found, where = texts.opened
    queries, passages = move(name, texts.means[name], strength, texts.queries, texts.passages, where=where)
    training = name in TRAINING
    languages = (*(texts.queries.languages if training else ()), *texts.passages.languages)
    about = _about(name, strength, _lacking(texts.means[name], languages), training=training)
    nonsense = texts.nonsense
    if nonsense is not None:
        spoken = LanguageRows.of(nonsense, [NO_LANGUAGE] * nonsense.shape[0])
        nonsense, _ = move(name, texts.means[name], strength, spoken, texts.passages, where=where)
    return Debiased((replace(found, queries=queries, passages=passages), where), about, nonsense)


def without_directions(
    opened: "tuple[Embeddings, str]", file: Path, qrels: Qrels, nonsense: "Rows | None" = None
) -> Debiased:
    """Return vectors without the directions, of a LIR file, of the languages that the texts are in.

    Nonsense is in no language: like a language without text, it loses the directions of all languages together.
    """
    from babelmix.retrieval.lir import read_directions, remove_directions

    found, where = opened
    if found.similarity != "cosine":
        raise no_directions(found.similarity, "--lir")
    directions = read_directions(file)
    spoken = [query.lang for query in qrels.queries]
    languages = [qrels.languages[number] for number in qrels.passage_language.tolist()]
    queries = remove_directions(found.queries[:], spoken, directions)
    passages = remove_directions(found.passages[:], languages, directions)
    lacking = tuple(sorted({*spoken, *qrels.languages} - directions.by_language.keys()))
    about = _about("lir", None, lacking, training=True)
    if nonsense is not None:
        nonsense = remove_directions(nonsense[:], [NO_LANGUAGE] * nonsense.shape[0], directions)
    return Debiased((replace(found, queries=queries, passages=passages), where), about, nonsense)


def choose_strengths(system: str, dev: Mapping[str, tuple[Qrels, Texts]]) -> dict[str, float]:
    """Choose the strength of each debiasing of an encoder by the mean mAP in the pools of the dev splits; write it.

    Args:
        system: the encoder.
        dev: the dev splits by name, with the vectors of their texts.

    Returns:
        The strength of each debiasing, by its name; of equal ones the lowest.
    """
    from babelmix.retrieval.offsets import STRENGTHS, TRAINING, TRANSDUCTIVE
    from babelmix.retrieval.scorers import CosineScorer

    written: dict[str, Any] = {}
    chosen: dict[str, float] = {}
    for name in (*TRAINING, *TRANSDUCTIVE):
        pooled: dict[float, dict[str, float]] = {strength: {} for strength in STRENGTHS}
        for strength, scores in pooled.items():
            for benchmark, (qrels, texts) in dev.items():
                found, where = moved(texts, name, strength).opened
                scores[benchmark] = pooled_map(qrels, CosineScorer(found.queries, found.passages, where=where))
        chosen[name] = choose(pooled)
        written[name] = {"strengths": {str(strength): scores for strength, scores in pooled.items()}}
        written[name]["chosen"] = chosen[name]
    with new_file(HERE.debiasing(system)) as stream:
        stream.write(json.dumps(written, indent=1) + "\n")
    return chosen


def _lacking(means: "Means", languages: Iterable[str]) -> tuple[str, ...]:
    """Return the languages of a benchmark for which the common mean of the passages stands."""
    return means.passages.lacking(languages)


def _about(name: str, strength: float | None, lacking: tuple[str, ...], *, training: bool) -> dict[str, Any]:
    """Return what a file of scores says of a debiasing; LIR has no strength."""
    source = "training text" if training else "the index (transductive)"
    said = {"name": name, "strength": strength, "estimated_on": source, "languages_without_text": list(lacking)}
    return {"debiasing": said}
