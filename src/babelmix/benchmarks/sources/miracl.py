"""MIRACL, dev: questions by native speakers against the whole Wikipedia of their language, in 18 languages.

    fetch("sw", Path("data/raw/miracl-sw"))
    counts = stream(Path("data/raw/miracl-sw"), "sw", Path("data/benchmarks/miracl-sw"))

Zhang et al., TACL 2023 (arXiv 2210.09984), Apache-2.0, the texts CC BY-SA. Topics and qrels come from the data set
`miracl/miracl` on the hub, the corpus from `miracl/miracl-corpus`: 131,924 passages in Swahili, 32,893,221 in English.
Only the topics, the qrels and the rows of judged passages are in memory.
"""

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from babelmix.benchmarks.benchmark import Passage, Qrel, Query
from babelmix.benchmarks.files import Others, stream_benchmark
from babelmix.benchmarks.known import NDCG, Ask, KnownBenchmark
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.reading import checked_id, checked_text, numbered_lines
from babelmix.common.text import published_form
from babelmix.download.hub import Wanted, fetch_from_hub

LANGUAGES = (
    *("ar", "bn", "de", "en", "es", "fa", "fi", "fr", "hi"),
    *("id", "ja", "ko", "ru", "sw", "te", "th", "yo", "zh"),
)
# The commits that other open-source projects name when they reproduce MIRACL.
TOPICS_REPO, TOPICS_COMMIT = "miracl/miracl", "5be20db9509754dadad47689368639fcec739c00"
CORPUS_REPO, CORPUS_COMMIT = "miracl/miracl-corpus", "d921ec7e349ce0d28daf30b2da9da5ee698bef0d"
MAX_LINE_BYTES = 16 << 20
_SHARD = re.compile(r"docs-(\d+)\.jsonl\.gz")
_AGAIN = "delete the folder and fetch it again"


def fetch(lang: str, folder: Path) -> None:
    """Download topics, qrels and corpus of one language into `folder`, replacing it; UserError as for the hub."""
    if lang not in LANGUAGES:
        raise unknown_name("language of MIRACL", lang, LANGUAGES, where="miracl")
    judged, corpus = (_topics_file(lang), _qrels_file(lang)), f"{_corpus_folder(lang)}/docs-"
    fetch_from_hub(
        folder,
        Wanted(TOPICS_REPO, TOPICS_COMMIT, lambda names: judged),
        Wanted(CORPUS_REPO, CORPUS_COMMIT, lambda names: [name for name in names if name.startswith(corpus)]),
    )


def stream(folder: Path, lang: str, output: Path) -> dict[str, int]:
    """Write the benchmark of one language to `output`, one passage at a time, and return counts.

    A passage's id is `<lang>:<row in the corpus, 9 digits>:<docid>`, its text the title and the text. Judgements of
    0 and topics without an answer are dropped, as are passages without text and those that repeat the docid of a
    judged one. UserError, naming file and line, for an unreadable file or line and for an answer that the corpus lacks.
    """
    counts = Counter[str]()
    topics = _read_topics(folder / _topics_file(lang), lang)
    qrels = _read_qrels(folder / _qrels_file(lang), {query.parallel_id for query in topics})
    answered = {question for question, _ in qrels}
    queries = [query for query in topics if query.parallel_id in answered]
    if not queries:
        raise UserError("no topic has an answer", where=str(folder / _qrels_file(lang)), how=_AGAIN)
    shards = _shards(folder / _corpus_folder(lang))
    row_of: dict[str, str] = {}

    def passages() -> Iterator[Passage]:
        judged = {docid for _, docid in qrels}
        for row, (docid, text) in enumerate(_read_corpus(shards)):
            if not text:
                counts["empty_passages"] += 1
                continue
            name = f"{lang}:{row:09d}:{docid}"
            if docid in judged and row_of.setdefault(docid, name) != name:
                counts["repeated_passages"] += 1
                continue
            counts["passages"] += 1
            yield Passage(name, lang, text)

    def answers() -> Iterator[Qrel]:
        for (question, docid), relevance in sorted(qrels.items()):
            if docid not in row_of:
                where = f"{folder / _qrels_file(lang)}, topic {question!r}"
                raise UserError(f"passage {docid!r} is not in the corpus, or is empty", where=where, how=_AGAIN)
            yield Qrel(question, row_of[docid], relevance)

    stream_benchmark(output, passages(), lambda: Others(queries=queries, qrels=answers()))
    counts.update(queries=len(queries), unanswered_topics=len(topics) - len(queries), qrels=len(qrels))
    names = ("queries", "unanswered_topics", "passages", "empty_passages", "repeated_passages", "qrels")
    return {name: counts[name] for name in names}


def _topics_file(lang: str) -> str:
    return f"miracl-v1.0-{lang}/topics/topics.miracl-v1.0-{lang}-dev.tsv"


def _qrels_file(lang: str) -> str:
    return f"miracl-v1.0-{lang}/qrels/qrels.miracl-v1.0-{lang}-dev.tsv"


def _corpus_folder(lang: str) -> str:
    return f"miracl-corpus-v1.0-{lang}"


def _read_topics(file: Path, lang: str) -> list[Query]:
    queries: dict[str, Query] = {}
    for where, columns in _read_table(file, columns=2):
        question, text = columns
        question = checked_id(question, where)
        if question in queries:
            raise UserError(f"duplicate topic {question!r}", where=where, how=_AGAIN)
        queries[question] = Query(f"{lang}:{question}", question, lang, text)
    return sorted(queries.values(), key=lambda query: query.id)


def _read_qrels(file: Path, topics: set[str]) -> dict[tuple[str, str], int]:
    """Return {(topic, docid): relevance} of the answers, without the judgements of 0."""
    qrels: dict[tuple[str, str], int] = {}
    for where, (topic, _, document, relevance) in _read_table(file, columns=4):
        question, docid = checked_id(topic, where), checked_id(document, where)
        if question not in topics:
            raise UserError(f"unknown topic {question!r}", where=where, how=_AGAIN)
        if not re.fullmatch("[0-9]{1,9}", relevance):
            raise UserError(f"not a relevance: {relevance!r}", where=where, how=_AGAIN)
        if int(relevance) > 0:
            qrels[question, docid] = int(relevance)
    return qrels


def _read_table(file: Path, columns: int) -> Iterator[tuple[str, list[str]]]:
    """Yield (where, fields) of the lines of a small file of tab-separated fields, none of them blank."""
    if not file.exists():
        raise UserError("no such file", where=str(file), how="fetch it with `dvc repro`")
    for number, line in numbered_lines(file):
        if line.strip():
            fields = [published_form(field).strip() for field in line.split("\t", columns - 1)]
            if len(fields) != columns or not all(fields):
                raise UserError(f"not {columns} fields", where=f"{file}, line {number}", how=_AGAIN)
            yield f"{file}, line {number}", fields


def _shards(folder: Path) -> list[Path]:
    """Return docs-0, docs-1, ..., docs-10 in the order of their numbers, none missing."""
    found = {int(match[1]): file for file in folder.glob("*") if (match := _SHARD.fullmatch(file.name))}
    missing = sorted(set(range(max(found, default=0) + 1)) - set(found))
    if missing:
        raise UserError(f"docs-{missing[0]}.jsonl.gz is missing", where=str(folder), how=_AGAIN)
    return [found[number] for number in sorted(found)]


def _read_corpus(shards: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield (docid, title and text) line by line; a blank text is empty."""
    for file in shards:
        number = 0
        try:
            with gzip.open(file, "rb") as stream_:
                while line := stream_.readline(MAX_LINE_BYTES):
                    number += 1
                    row = json.loads(line)
                    docid, title, text = row["docid"], row.get("title") or "", row["text"]
                    if not docid or not all(isinstance(field, str) for field in (docid, title, text)):
                        raise ValueError("docid, title and text are no texts")
                    whole = f"{published_form(title)} {published_form(text)}".strip() if text.strip() else ""
                    where = f"{file}, line {number}"
                    yield checked_id(docid, f"{where}, docid"), checked_text(whole, f"{where}, text")
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"damaged file ({error})", where=f"{file}, line {number + 1}", how=_AGAIN) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            what = "not an object with docid, title and text"
            raise UserError(what, where=f"{file}, line {number}", how=_AGAIN) from error


def _stream(lang: str, folder: Path, output: Path, split: str | None, ask: Ask) -> dict[str, int]:
    return stream(folder, lang, output)


BENCHMARKS = tuple(
    KnownBenchmark(
        name=f"miracl-{lang}",
        licence=f"MIRACL {lang}: Apache-2.0, its passages CC BY-SA (Wikipedia)",
        fetch=partial(fetch, lang),
        stream=partial(_stream, lang),
        hub=True,
        main_score=NDCG,
    )
    for lang in LANGUAGES
)
