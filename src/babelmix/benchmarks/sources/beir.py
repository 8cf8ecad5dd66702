"""BEIR: documents, queries and graded qrels, in English and in the languages of their translations.

    fetch("nfcorpus", Path("data/raw/nfcorpus"))
    benchmark, counts = build(Path("data/raw/nfcorpus"), "nfcorpus")    # 323 queries, 3,633 passages

A folder in BEIR form (arXiv:2104.08663), with the files of other languages beside the English ones:

    corpus.jsonl     corpus.<lang>.jsonl     {"_id": "MED-10", "title": "Statin Use ...", "text": "Recent ..."}
    queries.jsonl    queries.<lang>.jsonl    {"_id": "PLAIN-2", "text": "Do Cholesterol Statin Drugs ..."}
    qrels/test.tsv                           PLAIN-2 <tab> MED-10 <tab> 2

An id names the same document or the same query in every language, so one qrels file serves all of them. This reads
files as people publish them: also as `.gz`, in any encoding of Unicode, with numbers as ids, null titles and texts,
blank lines, and judgements in any of the forms of `judgements`.
"""

import re
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from babelmix.benchmarks.benchmark import About, Benchmark, Passage, Query
from babelmix.benchmarks.known import NDCG, KnownBenchmark
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.benchmarks.sources.judgements import ENDINGS, read_judgements
from babelmix.benchmarks.sources.texts import Texts, judged_texts, text_of
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_folder
from babelmix.common.languages import LANGUAGES
from babelmix.common.reading import checked_id, shown
from babelmix.common.text import spaced_form
from babelmix.download.https import fetch_file, unpack_zip

ADDRESS = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"
TEST = "test"  # the default split
# The sha256 of each official zip.
DATASETS = {"nfcorpus": "efe5be03f8c5b86a5870102d0599d227c8c6e2484328e68c6522560385671b0b"}
# The names of ids in BEIR, then in mteb, ir_datasets, and Tevatron or TREC.
_DOCUMENT_IDS = ("_id", "id", "doc_id", "docid")
_QUERY_IDS = ("_id", "id", "query_id", "qid")


def fetch(name: str, folder: Path) -> None:
    """Download an official BEIR dataset, check its sha256, unpack it, and replace the folder as a whole.

    `folder` then holds `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`. UserError for an unknown name.
    """
    if name not in DATASETS:
        raise unknown_name("BEIR dataset", name, DATASETS, where="fetch")
    with new_folder(folder) as staging:
        archive, unpacked = staging / "archive", staging / "unpacked"
        fetch_file(f"{ADDRESS}/{name}.zip", DATASETS[name], archive)
        unpack_zip(archive, unpacked, keep=lambda path: path.endswith((".jsonl", ".tsv")))
        for path in sorted((unpacked / name).iterdir()):  # the zip has one folder, with the name of the dataset
            path.rename(staging / path.name)
        archive.unlink()
        shutil.rmtree(unpacked)


def build(folder: Path, name: str, *, split: str | None = None) -> tuple[Benchmark, dict[str, int]]:
    """Build a benchmark from a folder in BEIR form, and count what it leaves out, see `judged_texts`.

    Ids are `<lang>:<id in the file>`, and the parallel_id is the id of the query. A passage is title, space, text,
    stripped, as BEIR's own models read it, and never cut. A qrel holds in every language that has the document; all of
    them miss a relevant document that no corpus has. A document is itself a query if it has the query's id and, with
    its title or without, the query's text, white space aside; if so in one language, then in all. The counts take
    queries and documents once for each language.

    UserError, with file, line and field, for a missing file, a file name with an unknown language, a row that is not a
    JSON object, a field that is missing or not a text, a value that is not an id, and an id with two texts; and as in
    `find_qrels` and `read_judgements`. Other fields are ignored.
    """
    _, file = find_qrels(folder, split)
    queries, passages = Texts[Query](), Texts[Passage]()
    asked: dict[str, set[str]] = {}
    for lang, path in _files(folder, "queries").items():
        queries.read(path, partial(_query, lang, asked))
    corpora, themselves = _files(folder, "corpus"), set[str]()
    for lang, path in corpora.items():
        passages.read(path, partial(_document, lang, asked, themselves))
    documents = {row.own for row in passages.all_rows}
    itself = {(own, f"{lang}:{own}") for own in themselves for lang in corpora}
    return judged_texts(
        name,
        file,
        queries,
        passages,
        read_judgements(file, asked, documents),
        itself,
        holders=lambda own: [held for lang in corpora if (held := f"{lang}:{own}") in passages.rows],
        languages=lambda _: corpora,
    )


def _query(lang: str, asked: dict[str, set[str]], row: dict[str, Any], where: str) -> tuple[str, Query]:
    """Return a query by its own id, and add its text to those that are `asked` under it."""
    name = _id(row, _QUERY_IDS, where)
    text = text_of(row, "query" if "text" not in row and "query" in row else "text", where)
    asked.setdefault(name, set()).add(spaced_form(text))
    return name, Query(f"{lang}:{name}", name, lang, text)


def _document(
    lang: str, asked: Mapping[str, set[str]], themselves: set[str], row: dict[str, Any], where: str
) -> tuple[str, Passage]:
    """Return a document by its own id, and add that to `themselves` if a query has the same id and text."""
    name = _id(row, _DOCUMENT_IDS, where)
    text = text_of(row, "text", where)
    whole = f"{text_of(row, 'title', where, needed=False)} {text}".strip()
    if whole and name in asked and {spaced_form(text), spaced_form(whole)} & asked[name]:
        themselves.add(name)
    return name, Passage(f"{lang}:{name}", lang, whole)


def _id(row: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    """Return a row's id, from the first of these fields that it has."""
    name = next((name for name in names if name in row), None)
    if name is None:
        what = f"missing; the fields are {shown(', '.join(row))}"
        raise UserError(what, where=f"{where}, {names[0]}", how=f"give every row an id: {' or '.join(names)}")
    return checked_id(row[name], f"{where}, {name}")


def find_qrels(folder: Path, split: str | None = None) -> tuple[str, Path]:
    """Return the split and the file of its judgements: of `split`, or else of "test", or else of the only one there is.

    The files are `qrels/<split>.tsv`, or beside the corpus `qrels.<split>.tsv` or `qrels.tsv`, a split of that name;
    also with the other endings of `judgements.ENDINGS`. UserError if there is none, or several without "test".
    """
    found: dict[str, Path] = {}
    for endings in ENDINGS:  # of one split in two forms, BEIR's table is read
        for ending in [f"{ending}{packed}" for ending in endings for packed in ("", ".gz")]:
            for file in sorted([*folder.glob(f"qrels/*{ending}"), *folder.glob(f"qrels*{ending}")]):
                stem = file.name.removesuffix(ending)
                if file.is_file():
                    found.setdefault(stem if file.parent != folder else re.sub("^qrels[._-]", "", stem), file)
        if found:
            break
    if not found:
        where, how = str(folder / "qrels" / f"{split or 'test'}.tsv"), "put them there, or fetch the dataset again"
        raise UserError("no qrels here", where=where, how=how)
    if split is not None and split not in found:
        raise unknown_name("split", split, found, where=str(folder / "qrels"))
    if split is None and "test" not in found and len(found) > 1:
        how = f"choose one of them with --split: {', '.join(sorted(found))}"
        raise UserError(f"{len(found)} splits, and none is `test`", where=str(folder / "qrels"), how=how)
    chosen = split or ("test" if "test" in found else next(iter(found)))
    return chosen, found[chosen]


def _files(folder: Path, kind: str) -> dict[str, Path]:
    """Return {language: file} of the corpus or the queries, English first."""
    found: dict[str, Path] = {}
    files = [folder / f"{kind}.jsonl", folder / f"{kind}.jsonl.gz"]
    files += sorted({*folder.glob(f"{kind}.*.jsonl"), *folder.glob(f"{kind}.*.jsonl.gz")})
    for file in filter(Path.is_file, files):
        stem = file.name.removesuffix(".gz").removesuffix(".jsonl")
        lang = stem.removeprefix(f"{kind}.") if stem != kind else "en"
        if lang not in LANGUAGES:
            raise unknown_name("language code", lang, LANGUAGES, where=f"{file}, file name")
        if lang in found:
            what = "a second English file" if lang == "en" else f"a second file in {lang!r}"
            raise UserError(what, where=str(file), how=f"keep this one or {found[lang].name}")
        found[lang] = file
    if not found:
        how = f"put {kind}.jsonl (English) or {kind}.<lang>.jsonl there, or fetch the dataset again"
        raise UserError(f"no file of the {kind} here", where=str(folder), how=how)
    return dict(sorted(found.items(), key=lambda item: (item[0] != "en", item[0])))


def _build(name: str, folder: Path, settings: BenchmarkSettings, split: str | None) -> tuple[Benchmark, About]:
    benchmark, left_out = build(folder, name, split=split or TEST)
    return benchmark, About(split=split or TEST, left_out=left_out)


BENCHMARKS = (
    KnownBenchmark(
        name="nfcorpus",
        licence="NFCorpus: for academic use",
        fetch=partial(fetch, "nfcorpus"),
        build=partial(_build, "nfcorpus"),
        splits=True,
        translated_queries=True,
        main_score=NDCG,
    ),
)
