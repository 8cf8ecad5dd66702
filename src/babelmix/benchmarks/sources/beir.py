"""BEIR's form: documents, queries and graded qrels, in English and in the languages of their translations.

    benchmark, counts = build(Path("data/own/faq"), "faq")
    counts = stream(Path("data/raw/nfcorpus"), Path("data/benchmarks/nfcorpus"))    # 323 queries, 3,633 passages

A folder in BEIR form (arXiv:2104.08663), with the files of other languages beside the English ones:

    corpus.jsonl     corpus.<lang>.jsonl     {"_id": "MED-10", "title": "Statin Use ...", "text": "Recent ..."}
    queries.jsonl    queries.<lang>.jsonl    {"_id": "PLAIN-2", "text": "Do Cholesterol Statin Drugs ..."}
    qrels/test.tsv                           PLAIN-2 <tab> MED-10 <tab> 2

An id names the same document or the same query in every language, so one qrels file serves all of them. This reads
files as people publish them: also as `.gz`, in any encoding of Unicode, with numbers as ids, null titles and texts,
blank lines, and judgements in any of the forms of `judgements`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from babelmix.benchmarks.benchmark import About, Benchmark, OwnId, Passage, Query
from babelmix.benchmarks.files import Others, stream_benchmark
from babelmix.benchmarks.known import Ask
from babelmix.benchmarks.sorting import Digests, SortedPassages
from babelmix.benchmarks.sources.judgements import ENDINGS, Judgements, read_judgements
from babelmix.benchmarks.sources.texts import (
    Held,
    Joined,
    PassageCounts,
    Texts,
    join_judgements,
    judged_texts,
    text_of,
    two_texts,
)
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import scratch_folder
from babelmix.common.languages import LANGUAGES
from babelmix.common.reading import checked_id, json_rows, shown
from babelmix.common.text import spaced_form

# The names of ids in BEIR, then in mteb, ir_datasets, and Tevatron or TREC.
_DOCUMENT_IDS = ("_id", "id", "doc_id", "docid")
_QUERY_IDS = ("_id", "id", "query_id", "qid")


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


def stream(
    folder: Path, output: Path, *, split: str | None = None, ask: Ask = lambda queries: (queries, {})
) -> dict[str, int]:
    """Write the benchmark of `build` to `output` without holding its passages in memory, and return the counts.

    Memory has the queries, the judgements and some 32 bytes of each document; the passages are sorted on the disk of
    `output`. The files are those of `write_benchmark(output, build(folder))`, with the queries that `ask` returns, and
    `about.json`. UserError as for `build`; an id with two texts is found after all other faults of the corpora.
    """
    chosen, file = find_qrels(folder, split)
    queries = Texts[Query]()
    asked: dict[str, set[str]] = {}
    for lang, path in _files(folder, "queries").items():
        queries.read(path, partial(_query, lang, asked))
    with scratch_folder(output) as scratch:
        corpus = _Corpus(folder, scratch, asked)
        judgements = read_judgements(file, asked, corpus.documents)
        counts: dict[str, int] = {}

        def others() -> Others:
            joined = corpus.join(file, queries, judgements)
            asking, unasked = ask(joined.queries)
            counts.update(joined.counts | dict(unasked))
            return Others(
                queries=asking,
                qrels=joined.qrels,
                itself=joined.itself,
                own_queries=joined.own_queries,
                own_passages=corpus.own_ids(),
                lost=joined.lost,
                about=About(split=chosen, left_out=counts),
            )

        judged = {document for _, document in judgements.scores}
        stream_benchmark(output, corpus.passages(judged), others)
    return counts


class _Corpus:
    """The corpora of a folder, larger than memory: read once, sorted on disk, and known by what judgements need."""

    def __init__(self, folder: Path, scratch: Path, asked: Mapping[str, set[str]]) -> None:
        self.files, self.themselves, self.documents = _files(folder, "corpus"), set[str](), Digests()
        self._asked, self._sorted, self._own = asked, SortedPassages(scratch), scratch / "own.jsonl"
        with self._own.open("w", encoding="utf-8") as stream:
            for lang, path in self.files.items():
                for where, row in json_rows(path):
                    own, passage = _document(lang, asked, self.themselves, row, where)
                    self._sorted.add(passage)
                    self.documents.add(own)
                    stream.write(json.dumps([own, lang, bool(passage.text)]) + "\n")
        self._held: dict[str, list[Held]] = {}  # of the documents that are judged, or are a query
        self._repeated: set[int] = set()
        self._spoken: set[str] = set()
        self._counts = PassageCounts(0, 0, 0)

    def passages(self, judged: set[str]) -> Iterator[Passage]:
        """Yield the passages that have a text by id, each once; remember those of judged documents."""
        named, texts, full, blank = judged | self.themselves, Digests(), 0, 0
        previous = None
        for number, passage in self._sorted:
            if previous is not None and previous.id == passage.id:
                if previous != passage:
                    raise self._two_texts(passage)
                self._repeated.add(number)
                continue
            previous, own = passage, passage.id.removeprefix(f"{passage.lang}:")
            if own in named:
                self._held.setdefault(own, []).append(Held(passage.id, passage.lang, bool(passage.text)))
            if not passage.text:
                blank += 1
                continue
            full += 1
            self._spoken.add(passage.lang)
            texts.add(f"{passage.lang}\0{passage.text}")
            yield passage
        self._counts = PassageCounts(blank, len(self._repeated), full - len(texts))

    def join(self, file: Path, queries: Texts[Query], judgements: Judgements) -> Joined:
        """Join queries to the passages, all of which `passages` has yielded."""
        return join_judgements(
            file,
            queries,
            judgements,
            {(own, f"{lang}:{own}") for own in self.themselves for lang in self.files},
            held=lambda own: self._held.get(own, ()),
            languages=lambda _: self.files,
            full={row.id for rows in self._held.values() for row in rows if row.full},
            spoken=self._spoken,
            passages=self._counts,
        )

    def own_ids(self) -> Iterator[OwnId]:
        """Yield the ids of all documents in the order of the files, as `benchmark.own_ids` has them."""
        with self._own.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                own, lang, full = json.loads(line)
                yield OwnId(own, f"{lang}:{own}" if full and number not in self._repeated else "", lang)

    def _two_texts(self, passage: Passage) -> UserError:
        """Return the error for an id with two texts, with the first two places that differ."""
        first: tuple[str, Passage] | None = None
        file = self.files[passage.lang]
        for where, raw in json_rows(file):
            own, row = _document(passage.lang, self._asked, set(), raw, where)
            if row.id == passage.id:
                first = first or (where, row)
                if row != first[1]:
                    return two_texts(own, file, first[0], where)
        raise ValueError(f"{passage.id} has one text in {file}: the file changed while it was read")


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
