"""All documents of a file or folder, with their languages, and what is left out of it.

    counts = Counter()
    for document in read_documents(Path("my-texts"), counts):
        ...
    counts                       # {"empty texts": 3, "texts in no known language": 1}

A folder is one of these, in this order:

- BEIR's form: `corpus.jsonl` with English texts, and `corpus.<lang>.jsonl` with those of a language; the ids are
  `<lang>:<id>`, as in the benchmark of the same folder (benchmarks/sources/beir.py);
- babelmix's own: `passages.jsonl`;
- any files of KINDS, in the folder and below: rows of JSON lines, CSV and Parquet, and pages. Hidden files are skipped.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.searching.documents import Document
from babelmix.searching.languages import checked_language, language_of
from babelmix.searching.pages import HTML, MARKDOWN, PLAIN, read_page
from babelmix.searching.rows import BEIR_IDS, PARQUET, TABLES, document_of, rows_of

PAGES = (*HTML, *MARKDOWN, *PLAIN)
ROWS = (".jsonl", ".ndjson", *TABLES, PARQUET)
KINDS = (*ROWS, *PAGES)
LONGEST = 1_000_000  # characters of a text
EMPTY, AGAIN, EQUAL = "empty texts", "repeated documents", "texts that another document has too (kept)"
NO_LANGUAGE, TOO_LONG = "texts in no known language (kept)", f"texts of more than {LONGEST:,} characters"
OTHERS, OUTSIDE = "files of another kind", "links that lead out of the folder"


def read_documents(path: Path, counts: Counter[str], *, language: str | None = None) -> Iterator[Document]:
    """Yield the documents of a file or folder one at a time, in the order of their files' names.

    A document that names no language, and stands in no file or page that names one, gets the one of its text; but
    `corpus.jsonl` of a folder is English, as in BEIR. What is left out, or kept though one may wonder, is added to
    `counts`.

    Args:
        path: the file or folder.
        counts: gets {what: number}.
        language: of all documents that name none themselves; None to recognise it, but for `corpus.jsonl`.

    Raises:
        UserError: no such file, no file of a known kind, an id with two texts, a row or page that cannot be read.
    """
    return _kept(_each(path, counts, checked_language(language, "--language")), counts, str(path))


def documents_of(texts: Iterable[str], counts: Counter[str], *, language: str | None = None) -> Iterator[Document]:
    """Yield texts as documents with the ids "0", "1" and so on; see `read_documents`."""
    given = checked_language(language, "language")
    rows = (
        document_of({"text": text}, f"text {number}", own=str(number), language=given)
        for number, text in enumerate(texts)
    )
    return _kept(rows, counts, "texts")


def _kept(documents: Iterable[Document], counts: Counter[str], where: str) -> Iterator[Document]:
    """Yield the documents that are indexed, each with its language; count what is left out or odd."""
    seen: dict[bytes, bytes] = {}
    texts: set[bytes] = set()
    for document in documents:
        reason = EMPTY if not document.passage else TOO_LONG if len(document.text) > LONGEST else None
        name, content = _digest(document.id), _digest(document.passage)
        if reason is None and name in seen:
            if seen[name] != content:
                how = "give each document an id of its own"
                raise UserError(f"two texts with the id {document.id!r}", where=where, how=how)
            reason = AGAIN
        if reason is not None:
            counts[reason] += 1
            continue
        seen[name] = content
        if content in texts:
            counts[EQUAL] += 1
        texts.add(content)
        if document.language is None:
            document = replace(document, language=language_of(document.text or document.passage))
            if document.language is None:
                counts[NO_LANGUAGE] += 1
        yield document


def _each(path: Path, counts: Counter[str], language: str | None) -> Iterator[Document]:
    """Yield what the files hold, as it stands there."""
    if path.is_file():
        if not (_is_page(path.name) or _has_rows(path.name) or path.name.lower().endswith(".json")):
            raise UserError("not a kind of file that is read", where=str(path), how=f"give one of {', '.join(KINDS)}")
        yield from _file(path, path.name, language)
        return
    if not path.is_dir():
        raise UserError("no such file or folder", where=str(path), how="correct the path")
    corpora = _named(path, "corpus")
    if corpora:
        for file in corpora:
            own = file.name.removeprefix("corpus").split(".jsonl")[0].strip(".")
            lang = checked_language(own, f"{file}, file name") or language or "en"
            for number, (where, row) in enumerate(rows_of(file), start=1):
                document = document_of(row, where, own=f"{file.name}:{number}", language=lang, ids=BEIR_IDS)
                yield replace(document, id=f"{lang}:{document.id}")
        return
    if own := _named(path, "passages"):
        yield from _file(own[0], own[0].name, language)
        return
    files = list(_files(path, counts))
    if not files:
        raise UserError("no file of a known kind here", where=str(path), how=f"give one of {', '.join(KINDS)}")
    for file in files:
        yield from _file(file, file.relative_to(path).as_posix(), language)


def _file(file: Path, name: str, language: str | None) -> Iterator[Document]:
    if _is_page(file.name):
        page = read_page(file)
        spoken = page.language or language
        for number, part in enumerate(page.passages, start=1):
            yield Document(f"{name}#{number}", part.text, part.title, spoken)
        return
    for number, (where, row) in enumerate(rows_of(file), start=1):
        yield document_of(row, where, own=f"{name}:{number}", language=language)


def _named(folder: Path, kind: str) -> list[Path]:
    """Return the files `<kind>.jsonl` and `<kind>.<lang>.jsonl` of a folder, packed or not, by name."""
    patterns = [f"{kind}.jsonl", f"{kind}.jsonl.gz"] + [f"{kind}.*.jsonl", f"{kind}.*.jsonl.gz"] * (kind == "corpus")
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def _files(folder: Path, counts: Counter[str]) -> Iterator[Path]:
    """Yield the files of known kinds below a folder, by name."""
    root = folder.resolve()
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(parent) / name
            if name.startswith("."):
                continue
            if not file.resolve().is_relative_to(root):
                counts[OUTSIDE] += 1
            elif not file.is_file() or not (_is_page(name) or _has_rows(name)):
                counts[OTHERS] += 1
            else:
                yield file


def _is_page(name: str) -> bool:
    return name.lower().endswith(PAGES)


def _has_rows(name: str) -> bool:
    """Return whether a file has rows by its name; it may be packed."""
    return name.lower().removesuffix(".gz").endswith(ROWS)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:12]
