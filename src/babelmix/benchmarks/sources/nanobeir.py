"""NanoBEIR in many languages: 13 tasks of 50 queries and some thousand documents, machine-translated.

    fetch("scifact", Path("data/raw/nanobeir-scifact"))
    benchmark, counts = build(Path("data/raw/nanobeir-scifact"), "nanobeir-scifact")

`LiquidAI/nanobeir-multilingual-extended` on the hub: ar, de, en, es, fr, it, no, pt, sv of LightOn's
`lightonai/nanobeir-multilingual`, with ja and ko. Documents and queries exist in every language under one id, so the
pool has mixed languages. This cleans and counts known faults: documents that a translation left empty, and duplicate
texts (github.com/embeddings-benchmark/mteb/issues/3708).

We have not confirmed the names of its files against the hub. As mteb reads it, a task has for each language a
configuration `NanoSciFact_fr` with the splits `corpus` and `queries`, and `NanoSciFact_fr_qrels` with the split
`qrels`. So this finds task, language and part among the words of a file's path, in any order; qrels without a language
are for all.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from babelmix.benchmarks.benchmark import About, Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.known import NDCG, KnownBenchmark
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.languages import LANGUAGES
from babelmix.common.reading import checked_id, checked_text, json_rows
from babelmix.common.text import published_form
from babelmix.download.hub import Wanted, fetch_from_hub

TASKS = (
    *("arguana", "climate-fever", "dbpedia", "fever", "fiqa2018", "hotpotqa", "msmarco", "nfcorpus", "nq"),
    *("quora-retrieval", "scidocs", "scifact", "touche2020"),
)
REPO, COMMIT = "LiquidAI/nanobeir-multilingual-extended", "8a4be55eb80b3ed4d2e9a423a5212228c217d426"
PARTS = {"qrels": "qrels", "relevance": "qrels", "corpus": "corpus", "queries": "queries"}
_AGAIN = "delete the folder and fetch it again"
_Texts = dict[str, str]  # {id: text}
_Qrels = dict[tuple[str, str], int]  # {(query id, document id): relevance}


class Place(NamedTuple):
    """The content of a file: `corpus`, `queries` or `qrels`, of a language ("" for qrels of all languages)."""

    part: str
    lang: str


def fetch(task: str, folder: Path) -> None:
    """Download the files of one task in all languages into `folder`, replacing it; UserError as for the hub."""
    if task not in TASKS:
        raise unknown_name("task of NanoBEIR", task, TASKS, where="nanobeir")

    def choose(names: list[str]) -> list[str]:
        chosen = {name: place for name in names if (place := find_place(name, task))}
        missing = {"corpus", "queries", "qrels"} - {place.part for place in chosen.values()}
        if missing:
            what = f"no {', '.join(sorted(missing))} of {task} among its {len(names)} files"
            raise UserError(what, where=f"{REPO} at {COMMIT}", how="its layout is not the expected one: report it")
        return list(chosen)

    fetch_from_hub(folder, Wanted(REPO, COMMIT, choose))


def find_place(path: str, task: str) -> Place | None:
    """Read a file's path as a part of this task in a language, or None: `NanoSciFact_fr/corpus-0.parquet`."""
    if not path.endswith((".parquet", ".jsonl")):
        return None
    words = re.split(r"[/_.-]", path.lower())
    part = next((PARTS[word] for word in PARTS if word in words), None)
    if part is None or f"nano{task.replace('-', '')}" not in words:
        return None
    lang = next((word for word in words if word in LANGUAGES), "" if part == "qrels" else "en")
    return Place(part, lang)


def build(folder: Path, name: str) -> tuple[Benchmark, dict[str, int]]:
    """Build the benchmark `nanobeir-<task>` from the files of the task, and count what it cleaned.

    Ids are `<lang>:<document>` and `<lang>:<query>`; the parallel_id is the query's id. It drops documents and queries
    that are empty in any language, from all languages; of documents with one text in a language all but the first by
    id, which takes over their answers; qrels of unknown documents or queries; and questions without answers. A document
    may be a query itself, as in BEIR (ArguAna, Quora); it stays in the pool.

    UserError: a part missing in a language, ids that differ between languages, a file that cannot be read.
    """
    corpus, queries, qrels = _read(folder, name.removeprefix("nanobeir-"))
    counts = Counter[str]()
    _check_ids(corpus, "corpus", folder)
    _check_ids(queries, "queries", folder)
    empty = _empty(corpus)
    mute = _empty(queries)
    counts.update(empty_documents=len(empty), empty_queries=len(mute))
    passages: list[Passage] = []
    answers: dict[tuple[str, str], int] = {}
    for lang, texts in corpus.items():
        first: dict[str, str] = {}
        kept = {doc: first.setdefault(text, doc) for doc, text in sorted(texts.items()) if doc not in empty}
        passages += [Passage(f"{lang}:{doc}", lang, text) for text, doc in first.items()]
        counts["duplicate_documents"] += len(kept) - len(first)
        for (query, doc), relevance in qrels[lang if lang in qrels else ""].items():
            if doc in empty or query in mute:
                counts["dropped_qrels"] += 1
            elif doc not in kept or query not in queries[lang]:
                counts["unknown_qrels"] += 1
            else:
                key = (query, f"{lang}:{kept[doc]}")
                answers[key] = max(relevance, answers.get(key, 0))
    answered = {query for query, _ in answers}
    asked = [
        Query(f"{lang}:{query}", query, lang, text)
        for lang, texts in queries.items()
        for query, text in texts.items()
        if query in answered
    ]
    if not asked:
        raise UserError("no query has an answer", where=str(folder), how=_AGAIN)
    known = next(iter(queries.values())).keys() - mute
    counts.update(unanswered_questions=len(known - answered), queries=len(asked), passages=len(passages))
    benchmark = Benchmark(
        name,
        tuple(sorted(asked, key=lambda query: query.id)),
        tuple(sorted(passages, key=lambda passage: passage.id)),
        tuple(Qrel(question, passage, relevance) for (question, passage), relevance in sorted(answers.items())),
    )
    names = ("queries", "passages", "empty_documents", "empty_queries", "duplicate_documents")
    return benchmark, {key: counts[key] for key in (*names, "dropped_qrels", "unknown_qrels", "unanswered_questions")}


def _read(folder: Path, task: str) -> tuple[dict[str, _Texts], dict[str, _Texts], dict[str, _Qrels]]:
    """Return corpus, queries and qrels by language, the first two with the same languages in alphabetical order."""
    corpus: dict[str, _Texts] = {}
    queries: dict[str, _Texts] = {}
    qrels: dict[str, _Qrels] = {}
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        place = find_place(file.relative_to(folder).as_posix(), task)
        if place is None:
            continue
        if place.part == "qrels":
            qrels.setdefault(place.lang, {}).update(_read_qrels(file))
            continue
        texts = (corpus if place.part == "corpus" else queries).setdefault(place.lang, {})
        for where, id_, text in _read_texts(file):
            if id_ in texts:
                raise UserError(f"duplicate id {id_!r} in {place.lang}", where=where, how=_AGAIN)
            texts[id_] = text
    languages = sorted(corpus.keys() | queries.keys())
    if not languages:
        raise UserError(f"no files of {task} here", where=str(folder), how="fetch them with `dvc repro`")
    for lang in languages:
        for part, found in (("corpus", corpus), ("queries", queries), ("qrels", qrels)):
            if lang not in found and (part != "qrels" or "" not in qrels):
                raise UserError(f"no {part} in {lang}", where=str(folder), how=_AGAIN)
    return {lang: corpus[lang] for lang in languages}, {lang: queries[lang] for lang in languages}, qrels


def _check_ids(texts: Mapping[str, _Texts], part: str, folder: Path) -> None:
    """Raise UserError at the first language that lacks an id of another one."""
    union: dict[str, str] = {}
    for lang, rows in texts.items():
        for id_ in rows:
            union.setdefault(id_, lang)
    for lang, rows in texts.items():
        missing = sorted(union.keys() - rows.keys())
        if missing:
            what = f"{part} in {lang} lacks {len(missing)} ids of other languages, the first {missing[0]!r}"
            how = f"{union[missing[0]]} has it; {_AGAIN}, or report it to the data's authors"
            raise UserError(what, where=str(folder), how=how)


def _empty(texts: Mapping[str, _Texts]) -> set[str]:
    return {id_ for rows in texts.values() for id_, text in rows.items() if not text}


def _read_texts(file: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (where, id, text); a title, if any, comes before the text."""
    for where, row in _rows(file):
        id_, text, title = row.get("_id"), row.get("text", False), row.get("title")
        if id_ is None or not isinstance(text, str | None):
            raise UserError("no `_id` or no `text`", where=where, how=_AGAIN)
        if not isinstance(title, str | None):
            raise UserError("a title that is not a text", where=where, how=_AGAIN)
        body = published_form(text or "").strip()
        whole = f"{published_form(title or '')} {body}".strip() if body else ""
        yield where, checked_id(id_, f"{where}, _id"), checked_text(whole, f"{where}, text")


def _read_qrels(file: Path) -> _Qrels:
    qrels: _Qrels = {}
    for where, row in _rows(file):
        query, doc, relevance = row.get("query-id"), row.get("corpus-id"), row.get("score", 1)
        if query is None or doc is None or not isinstance(relevance, int | float) or not abs(relevance) < 2**31:
            raise UserError("no `query-id`, `corpus-id` and `score`", where=where, how=_AGAIN)
        if relevance >= 1:
            pair = checked_id(query, f"{where}, query-id"), checked_id(doc, f"{where}, corpus-id")
            qrels[pair] = int(relevance)
    return qrels


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        if file.suffix == ".parquet":
            with ParquetFile(file) as table:
                for batch in table.iter_batches():
                    for row in batch.to_pylist():
                        number += 1
                        yield f"{file}, row {number}", row
        else:
            yield from json_rows(file)
    except (ArrowException, ValueError, TypeError, OSError) as error:
        raise UserError(f"damaged file ({error})", where=f"{file}, after row {number}", how=_AGAIN) from error


def _build(name: str, folder: Path, settings: BenchmarkSettings, split: str | None) -> tuple[Benchmark, About]:
    benchmark, left_out = build(folder, name)
    return benchmark, About(left_out=left_out)


BENCHMARKS = tuple(
    KnownBenchmark(
        name=f"nanobeir-{task}",
        licence=f"NanoBEIR {task}: as the task's own publisher has it",
        fetch=partial(fetch, task),
        build=partial(_build, f"nanobeir-{task}"),
        hub=True,
        main_score=NDCG,
    )
    for task in TASKS
)
