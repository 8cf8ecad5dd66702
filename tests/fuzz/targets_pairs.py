"""Readers of question-passage pairs: JSON lines, SQuAD form, tables on disk and from a hub, Parquet, mMARCO."""

import gzip
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from pyarrow import parquet as form

from babelmix.benchmarks.files import write_benchmark
from babelmix.benchmarks.sources import nanobeir
from babelmix.corpus.collect import Gathered
from babelmix.corpus.records import Pair, iterate_pairs, read_pairs, read_rows
from babelmix.corpus.settings import Table
from babelmix.corpus.sources import mmarco, table
from babelmix.corpus.sources import squadshifts as squad_pairs

from .damage import damaged, damaged_binary, numbers
from .harness import Files, Target
from .seeds import (
    ASKED,
    CORPUS,
    DE,
    EN,
    LONG,
    NESTED,
    NESTED_ROWS,
    PAIRS,
    TABLE,
    TABLE_ROWS,
    jsonl,
    one_of,
    readable,
    rows_of,
    settings,
    some,
    squad_file,
    squad_input,
    writable,
)
from .trees import dumped, odd, spoilt


def _pairs_input(rng: Random) -> Files:
    rows = {"de.jsonl": PAIRS[:3], "en.jsonl": PAIRS[3:]}
    files: Files = {name: jsonl(part) for name, part in rows.items()}
    return some(rng, files, {name: lambda part=part: rows_of(rng, part) for name, part in rows.items()})


def _pairs(folder: Path, output: Path) -> None:
    for _ in read_rows(folder / "en.jsonl", Pair):
        pass
    for _ in iterate_pairs(folder):
        pass
    read_pairs(folder)


def _squad_pairs(folder: Path, output: Path) -> None:
    gathered = Gathered("en", min_characters=1)
    squad_pairs.add_file(gathered, folder / "set.en.json", "set", settings().pairs)
    if pairs := gathered.close()[0]:
        writable(output, pairs)


def _table_input(rng: Random) -> Files:
    rows = rng.choice((TABLE_ROWS, NESTED_ROWS))
    name = rng.choice(("rows.jsonl", "rows.jsonl", "rows.jsonl.gz", "rows.en.json", "rows.txt"))
    data = squad_file(rng) if name.endswith(".json") else rows_of(rng, rows)
    if name.endswith(".gz"):
        data = gzip.compress(data, 1, mtime=0)
        data = damaged(rng, data, most=1) if rng.random() < 0.3 else data
    return some(rng, {"manifest.json": b"{}", name: data}, {name: lambda: data})


def _table(folder: Path, output: Path) -> None:
    found = [file for file in folder.rglob("*.*") if file.name != "manifest.json"]
    nested = any(b"hits" in file.read_bytes() for file in found if file.is_file())
    if any(file.suffix == ".json" for file in found):
        nested = False
    writable(output, table.build("t", NESTED if nested else TABLE, folder, settings().pairs)[0])


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _path_input(rng: Random) -> Files:
    paths = (
        "data/own/a.jsonl",
        "data/own/../../x.jsonl",
        "/etc/passwd.jsonl",
        "data/own",
        "data/own/a\0.jsonl",
        "~/a.jsonl",
    )
    path = rng.choice((*paths, "data/own/b.jsonl", "data/own/" + "a" * 300 + ".jsonl", "data/own/a.jsonl/c.jsonl", "."))
    names = ("where", "parallel_id", "answer", "query", "passage", "rows", "files", "language")
    value: dict[str, Any] = {"path": path, "language": "en", rng.choice(names): odd(rng)}
    return {"table.json": dumped(rng, value), "data/own/a.jsonl": jsonl(TABLE_ROWS), "x.jsonl": jsonl(TABLE_ROWS)}


def _path(folder: Path, output: Path) -> None:
    try:
        described = Table(**json.loads((folder / "table.json").read_bytes().decode("utf-8", "surrogatepass")))
    except (ValueError, TypeError, RecursionError):
        return  # what params.yaml cannot say
    with _inside(folder):
        writable(output, table.build("own", described, folder / "raw", settings().pairs)[0])


def _mmarco_input(rng: Random) -> Files:
    triples = "".join(f"{n}\t{n + 10}\t99\n" for n in range(3)).encode()
    files: Files = {mmarco.TRIPLES: triples}
    for lang, texts in (("english", EN), ("german", DE)):
        files[f"data/google/queries/train/{lang}_queries.train.tsv"] = "".join(
            f"{n}\t{t}\n" for n, t in enumerate(texts)
        ).encode()
        files[f"data/google/collections/{lang}_collection.tsv"] = "".join(
            f"{n + 10}\t{t} {LONG}\n" for n, t in enumerate(texts)
        ).encode()
    return some(rng, files, {name: lambda data=data: one_of(rng, data or b"") for name, data in files.items()})


def _mmarco(folder: Path, output: Path) -> None:
    chosen = settings().pairs.model_copy(update={"languages": ("en", "de"), "min_passage_characters": 1})
    writable(output, mmarco.build(folder, chosen)[0])


def parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa

    stream = io.BytesIO()
    form.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


def _parquet_input(rng: Random) -> Files:
    import pyarrow as pa

    rows = rng.choice((TABLE_ROWS, NESTED_ROWS, CORPUS))
    data = b""
    if rng.random() < 0.3:
        changed = spoilt(rng, [{key: value for key, value in row.items() if value != {}} for row in rows])
        try:
            data = parquet([row for row in changed if isinstance(row, dict)])
        except (pa.ArrowException, ValueError, TypeError, AttributeError, OverflowError, IndexError):
            data = b"PAR1PAR1"
    else:
        data = rng.choice((damaged_binary, numbers, damaged))(rng, _parquets()[rows[0].get("query", "")])
    if rows is CORPUS:
        asked = "".join(json.dumps(row) + "\n" for row in ASKED).encode()
        return {
            "NanoSciFact_en/corpus.parquet": data,
            "NanoSciFact_en/queries.jsonl": asked,
            "NanoSciFact_en/qrels.jsonl": b"",
        }
    return {"rows.parquet": data, "nested" if rows is NESTED_ROWS else "plain": b""}


@cache
def _parquets() -> dict[str, bytes]:
    corpus = [{key: row[key] for key in ("_id", "title", "text")} for row in CORPUS]
    return {"": parquet(corpus)} | {str(rows[0]["query"]): parquet(rows) for rows in (NESTED_ROWS, TABLE_ROWS)}


def _parquet(folder: Path, output: Path) -> None:
    if (folder / "rows.parquet").exists():
        described = (NESTED if (folder / "nested").exists() else TABLE).model_copy(update={"files": "*.parquet"})
        writable(output, table.build("t", described, folder, settings().pairs)[0])
    else:
        built, _ = nanobeir.build(folder, "nanobeir-scifact")
        write_benchmark(output, built)
        readable(output)


TARGETS = (
    Target("pairs", 8, _pairs_input, _pairs),
    Target("squad-pairs", 4, squad_input, _squad_pairs),
    Target("table", 4, _table_input, _table),
    Target("table-path", 1, _path_input, _path),
    Target("mmarco", 3, _mmarco_input, _mmarco),
    Target("parquet", 3, _parquet_input, _parquet),
)
