"""Readers of benchmarks: babelmix's own form, BEIR, SQuAD, folders of several, MIRACL, NanoBEIR."""

import gzip
import json
from functools import partial
from pathlib import Path
from random import Random

from babelmix.benchmarks.files import read_about, read_benchmark, write_benchmark
from babelmix.benchmarks.folder import read_folder
from babelmix.benchmarks.qrels import read_qrels
from babelmix.benchmarks.sources import miracl, nanobeir
from babelmix.evaluation.evaluate import evaluate
from babelmix.retrieval.bm25 import Bm25Scorer

from .damage import TOKENS, damaged
from .harness import Files, Target
from .seeds import (
    ASKED,
    CORPUS,
    EN,
    GRADES,
    PASSAGES,
    QRELS,
    QUERIES,
    SQUAD,
    beir_files,
    built_files,
    jsonl,
    one_of,
    own_files,
    readable,
    rows_of,
    some,
    squad_input,
)


def _built_input(rng: Random) -> Files:
    def spoil(name: str, content: bytes) -> bytes:
        if not name.endswith(".jsonl"):
            return one_of(rng, content)
        return rows_of(rng, [json.loads(line) for line in content.splitlines()])

    files = built_files()
    return some(rng, dict(files), {name: partial(spoil, name, content or b"") for name, content in files.items()})


def _built(folder: Path, output: Path) -> None:
    read_about(folder)
    judged, benchmark = read_qrels(folder), read_benchmark(folder)
    evaluate(judged, Bm25Scorer.build(benchmark))


def _own_input(rng: Random) -> Files:
    rows = {"queries.jsonl": QUERIES, "passages.jsonl": PASSAGES, "qrels.jsonl": QRELS}
    return some(rng, own_files(), {name: partial(rows_of, rng, part) for name, part in rows.items()})


def _build(folder: Path, output: Path) -> None:
    write_benchmark(output, *read_folder(folder, name=output.name))
    readable(output)


def _grades(rng: Random) -> bytes:
    fields = [line.split("\t") for line in GRADES.strip().split("\n")]
    row = rng.choice(fields)
    row[rng.randrange(len(row))] = rng.choice(
        ("", " ", "1.0", "-1", "1e3", "nan", '"Q-1"', "Q-9", "0", "9" * 30, "٣", "x")
    )
    between = rng.choice(("\t", "\t", "\t", " ", ",", "\t\t"))
    return "\n".join(between.join(line) for line in fields).encode()


def _beir_input(rng: Random) -> Files:
    files = beir_files() | rng.choice(({}, {"qrels/train.tsv": GRADES.encode()}, {"queries.de.jsonl": jsonl(ASKED)}))
    spoil = {
        "corpus.jsonl": lambda: rows_of(rng, CORPUS),
        "queries.jsonl": lambda: rows_of(rng, ASKED),
        "qrels/test.tsv": lambda: one_of(rng, GRADES.encode(), lambda: _grades(rng)),
    }
    return some(rng, files, spoil)


def _mixed_input(rng: Random) -> Files:
    """Return a folder with files of several forms, or of one and others beside."""
    files: Files = {}
    for part in rng.sample(
        (own_files, beir_files, lambda: {"set.en.json": json.dumps(SQUAD).encode()}), rng.choice((1, 1, 2))
    ):
        files |= part()
    name = rng.choice(list(files))
    content = files[name] or b""
    files[name] = damaged(rng, content)
    extra = rng.choice(
        ("notes.txt", "corpus.xx.jsonl", "corpus.de.jsonl", ".hidden", "README.md", "x.json", "queries.en.jsonl")
    )
    if rng.random() < 0.3:
        files[extra] = rng.choice((content, b"", rng.choice(TOKENS), None))
    return files


TOPICS = "".join(f"{n}\t{text}\n" for n, text in enumerate(EN))


JUDGED = "".join(f"{n} Q0 {n}#0 1\n".replace(" ", "\t") for n in range(3))


DOCS = [{"docid": f"{n}#0", "title": "Sheet", "text": text} for n, text in enumerate(EN)]


def _miracl_input(rng: Random) -> Files:

    topics, judged = (
        "miracl-v1.0-en/topics/topics.miracl-v1.0-en-dev.tsv",
        "miracl-v1.0-en/qrels/qrels.miracl-v1.0-en-dev.tsv",
    )
    docs = "miracl-corpus-v1.0-en/docs-0.jsonl.gz"
    packed = gzip.compress(jsonl(DOCS), 1, mtime=0)
    spoil = {
        topics: lambda: one_of(rng, TOPICS.encode()),
        judged: lambda: one_of(rng, JUDGED.encode()),
        docs: lambda: one_of(rng, packed, lambda: gzip.compress(rows_of(rng, DOCS), 1, mtime=0)),
    }
    return some(rng, {topics: TOPICS.encode(), judged: JUDGED.encode(), docs: packed}, spoil)


def _miracl(folder: Path, output: Path) -> None:
    miracl.stream(folder, "en", output)
    readable(output)


def _nanobeir_input(rng: Random) -> Files:
    grades = [{"query-id": f"Q-{n}", "corpus-id": f"D-{n}", "score": 1} for n in range(3)]
    rows = {"corpus": CORPUS, "queries": ASKED, "qrels": grades}
    files: Files = {
        f"NanoSciFact_{lang}/{part}-0.jsonl": jsonl(found) for lang in ("en", "fr") for part, found in rows.items()
    }

    def spoil(name: str) -> bytes:
        return rows_of(rng, rows[name.partition("/")[2].partition("-")[0]])

    return some(rng, files, {name: partial(spoil, name) for name in files})


def _nanobeir(folder: Path, output: Path) -> None:
    built, _ = nanobeir.build(folder, "nanobeir-scifact")
    write_benchmark(output, built)
    readable(output)


TARGETS = (
    Target("built", 6, _built_input, _built),
    Target("own", 6, _own_input, _build),
    Target("beir", 9, _beir_input, _build),
    Target("squad", 8, squad_input, _build),
    Target("folder", 4, _mixed_input, _build),
    Target("miracl", 4, _miracl_input, _miracl),
    Target("nanobeir", 3, _nanobeir_input, _nanobeir),
)
