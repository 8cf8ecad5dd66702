"""BEIR: documents, queries and graded qrels, in English and in whatever languages they were translated into.

    fetch("nfcorpus", Path("data/raw/nfcorpus"))
    benchmark, counts = build(Path("data/raw/nfcorpus"), "nfcorpus")    # 323 queries, 3,633 passages

A folder in BEIR form (arXiv:2104.08663), with the files of other languages beside the English ones:

    corpus.jsonl     corpus.<lang>.jsonl     {"_id": "MED-10", "title": "Statin Use ...", "text": "Recent ..."}
    queries.jsonl    queries.<lang>.jsonl    {"_id": "PLAIN-2", "text": "Do Cholesterol Statin Drugs ..."}
    qrels/test.tsv                           PLAIN-2 <tab> MED-10 <tab> 2

An id names the same document or the same query in every language, so one qrels file serves all of them.
"""

import json
import re
import shutil
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from babelmix.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.config import LANGUAGES
from babelmix.errors import UserError, unknown_name
from babelmix.files import new_folder
from babelmix.sources.fetch import fetch_file, unpack_zip

ADDRESS = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"
# The sha256 of each official zip.
DATASETS = {"nfcorpus": "efe5be03f8c5b86a5870102d0599d227c8c6e2484328e68c6522560385671b0b"}
_HEADER = ["query-id", "corpus-id", "score"]
_SCORE = re.compile(r"-?[0-9]{1,9}")  # a grade is kept in 32 bits


def fetch(name: str, folder: Path) -> None:
    """Download an official BEIR dataset, checked by sha256, and unpack it; the folder is replaced as a whole.

    `folder` then holds `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`. An unknown name is a UserError.
    """
    if name not in DATASETS:
        raise unknown_name("BEIR dataset", name, DATASETS, where="fetch")
    with new_folder(folder) as beside:
        archive, unpacked = beside / "archive", beside / "unpacked"
        fetch_file(f"{ADDRESS}/{name}.zip", DATASETS[name], archive)
        unpack_zip(archive, unpacked, keep=lambda path: path.endswith((".jsonl", ".tsv")))
        for path in sorted((unpacked / name).iterdir()):  # the zip has one folder, of its own name
            path.rename(beside / path.name)
        archive.unlink()
        shutil.rmtree(unpacked)


def build(folder: Path, name: str, *, split: str = "test") -> tuple[Benchmark, dict[str, int]]:
    """Build a benchmark out of a folder in BEIR form, and count what was left out.

    Ids are `<lang>:<id in the file>`, the question is the id of the query. A passage is title, space, text, stripped,
    as BEIR's own models read it, and never cut. A qrel holds in every language that has the document. The counts:

    - `queries without gold`: no qrel of this split with a score of 1 or more; left out.
    - `qrels scored below 1`: judged and not relevant; left out.
    - `empty documents`: blank title and text; left out, and with them `qrels of empty documents`.
    - `duplicate documents`: the text of another document of the language; kept, for the qrels name one of them.

    Queries and documents are counted once for each language. UserError where a file is missing or at fault (see
    `read_documents`, `read_queries`, `read_qrels`), a file name has an unknown language, or no query has an answer.
    """
    corpora = {lang: read_documents(file) for lang, file in _files(folder, "corpus").items()}
    files = _files(folder, "queries")
    asked: dict[str, dict[str, str]] = {}
    for lang in sorted(files, key=lambda lang: (lang != "en", lang)):
        asked[lang] = read_queries(files[lang], asked.get("en"))
    file = _qrels_file(folder, split)
    judged = read_qrels(file, set().union(*asked.values()), set().union(*corpora.values()))
    relevant = {pair: score for pair, score in judged.items() if score >= 1}

    passages: list[Passage] = []
    qrels: list[Qrel] = []
    empty = unjoined = duplicate = 0
    for lang, corpus in corpora.items():
        texts = {document: text for document, text in corpus.items() if text}
        passages += (Passage(f"{lang}:{document}", lang, text) for document, text in texts.items())
        empty += len(corpus) - len(texts)
        duplicate += len(texts) - len(set(texts.values()))
        for (question, document), score in relevant.items():
            if document in texts:
                qrels.append(Qrel(question, f"{lang}:{document}", score))
            elif document in corpus:
                unjoined += 1
    answered = {qrel.question for qrel in qrels}
    queries = [
        Query(f"{lang}:{question}", question, lang, text)
        for lang, texts in asked.items()
        for question, text in texts.items()
        if question in answered
    ]
    if not queries:
        how = "give at least one qrel with a score of 1 or more to a document that has a text"
        raise UserError("no query has an answer", where=str(file), how=how)
    counts = {
        "queries without gold": sum(map(len, asked.values())) - len(queries),
        "qrels scored below 1": len(judged) - len(relevant),
        "empty documents": empty,
        "qrels of empty documents": unjoined,
        "duplicate documents": duplicate,
    }
    queries.sort(key=lambda query: query.id)
    passages.sort(key=lambda passage: passage.id)
    qrels.sort(key=lambda qrel: (qrel.question, qrel.passage))
    return Benchmark(name, tuple(queries), tuple(passages), tuple(qrels)), counts


def read_documents(file: Path) -> dict[str, str]:
    """Return {id: title, space, text, stripped} of a corpus file, "" for an empty document; the title may be missing.

    UserError, with file, line and field, for a line that is no JSON object, a field that is missing or no text,
    and an id that stands twice. Fields of other names are passed over.
    """
    return {
        document: f"{_text(row, 'title', where, default='')} {_text(row, 'text', where)}".strip()
        for where, document, row in _rows(file)
    }


def read_queries(file: Path, english: Container[str] | None = None) -> dict[str, str]:
    """Return {id: text} of a file of queries.

    UserError as in `read_documents`, and for a blank text, or an id that is not among the `english` ones, where
    those are given: it would be the translation of nothing.
    """
    texts: dict[str, str] = {}
    for where, question, row in _rows(file):
        if english is not None and question not in english:
            how = "a translated query has the id of its English original: correct it, or drop the line"
            raise UserError(f"unknown query {question!r}", where=f"{where}, _id", how=how)
        texts[question] = _text(row, "text", where)
        if not texts[question].strip():
            raise UserError("blank query", where=f"{where}, text", how="give it a text or drop the line")
    return texts


def read_qrels(file: Path, queries: Container[str], documents: Container[str]) -> dict[tuple[str, str], int]:
    """Return {(query id, document id): score} of a tab-separated file; the header may be missing.

    UserError, with file, line and field, for a line without three fields, an id that is not among `queries` or
    `documents`, a score that is no whole number of at most nine digits, and a pair that stands twice.
    """
    judged: dict[tuple[str, str], int] = {}
    for number, line in _lines(file):
        where, fields = f"{file}, line {number}", line.rstrip("\n").split("\t")
        if number == 1 and fields == _HEADER:
            continue
        if len(fields) != len(_HEADER):
            how = f"write {', '.join(_HEADER)}, with a tab between them"
            raise UserError(f"{len(fields)} fields, not {len(_HEADER)}", where=where, how=how)
        question, document, score = fields
        for kind, field, value, valid in (
            ("query", "query-id", question, queries),
            ("document", "corpus-id", document, documents),
        ):
            if value not in valid:
                how = "a qrel names an id of the other files: correct it, or drop the line"
                raise UserError(f"unknown {kind} {value!r}", where=f"{where}, {field}", how=how)
        if not _SCORE.fullmatch(score):
            how = "write 0 for not relevant, 1 or more for relevant"
            raise UserError(f"not a whole number: {score!r}", where=f"{where}, score", how=how)
        if (question, document) in judged:
            raise UserError(f"duplicate qrel of {question!r} and {document!r}", where=where, how="keep one of them")
        judged[question, document] = int(score)
    return judged


def _files(folder: Path, kind: str) -> dict[str, Path]:
    """Return {language: file} of the corpus or the queries."""
    english = folder / f"{kind}.jsonl"
    found = {"en": english} if english.is_file() else {}
    for file in sorted(folder.glob(f"{kind}.*.jsonl")):
        lang = file.name.removeprefix(f"{kind}.").removesuffix(".jsonl")
        if lang not in LANGUAGES:
            raise unknown_name("language code", lang, LANGUAGES, where=f"{file}, file name")
        if lang in found:
            raise UserError("a second English file", where=str(file), how=f"keep this one or {english.name}")
        found[lang] = file
    if not found:
        how = f"put {kind}.jsonl (English) or {kind}.<lang>.jsonl there, or fetch the dataset again"
        raise UserError(f"no file of the {kind} here", where=str(folder), how=how)
    return found


def _qrels_file(folder: Path, split: str) -> Path:
    file = folder / "qrels" / f"{split}.tsv"
    if file.is_file():
        return file
    others = [other.stem for other in file.parent.glob("*.tsv")]
    if others:
        raise unknown_name("split", split, others, where=str(file.parent))
    raise UserError("no qrels here", where=str(file), how="put them there, or fetch the dataset again")


def _rows(file: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (where, id, row) of a file of JSON lines, each id once."""
    first: dict[str, int] = {}
    for number, line in _lines(file):
        where = f"{file}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            how = "correct the line; if the file was cut short, fetch it again"
            raise UserError("not a line of JSON", where=where, how=how) from error
        if not isinstance(row, dict):
            raise UserError("not a JSON object", where=where, how="write an object with _id and text")
        name = _text(row, "_id", where)
        if not name.strip():
            raise UserError("blank id", where=f"{where}, _id", how="give it an id or drop the line")
        if name in first:
            how = f"it stands at line {first[name]} already: keep one of them"
            raise UserError(f"duplicate id {name!r}", where=f"{where}, _id", how=how)
        first[name] = number
        yield where, name, row


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with file.open(encoding="utf-8") as stream:
            yield from enumerate(stream, start=1)
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=str(file), how="convert the file, or fetch it again") from error


def _text(row: dict[str, Any], field: str, where: str, *, default: str | None = None) -> str:
    value = row.get(field, default)
    if not isinstance(value, str):
        raise UserError("missing, or not a text", where=f"{where}, {field}", how="give it a text or drop the line")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        how = "take out the lone \\ud800 ... \\udfff"
        raise UserError("half a character", where=f"{where}, {field}", how=how) from error
    return value
