"""What made a folder of vectors: `vectors.json`, by which a folder is known as what it is, whatever its name.

    made = made_of(Path("models/hybrid"), Path("data/benchmarks/xquad-r"), embed_settings, (None, None))
    write_record(folder, Record(made, "cosine", ...))
    is_made_of(folder, made)            # True

Two folders with one `made_of` hold vectors of the same weights, prompts, lengths and texts.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.files import write_json
from babelmix.common.outputs import MANIFEST
from babelmix.common.reading import parse_json, read_text
from babelmix.common.similarities import SIMILARITIES, Similarity
from babelmix.encoder.settings import Embed

FILE = "vectors.json"
# What has no part in what a model says: the card, and the list of a folder's own files.
_NO_PART = ("README.md", MANIFEST, ".gitattributes", ".gitignore")


@dataclass(frozen=True, slots=True)
class Record:
    """What made the vectors, and what is to be known of them."""

    made_of: dict[str, Any]
    similarity: Similarity  # by which they are compared
    prompts: dict[str, str]  # before queries and before passages
    max_tokens: int  # that were read of a text, its prompt and special tokens among them
    texts: dict[str, int]  # queries and passages
    cut: dict[str, int]  # how many of them were longer


def made_of(model: Path, benchmark: Path, settings: Embed, prompts: tuple[str | None, str | None]) -> dict[str, Any]:
    """Return what decides the vectors of a benchmark folder's texts.

    Args:
        model: the model's folder; its files are read whole.
        benchmark: the benchmark's folder.
        settings: how texts become vectors.
        prompts: those given for queries and passages in place of the model's own, None for its own.
    """
    query, passage = prompts
    return {
        "model": _digest(model, (file for file in model.rglob("*") if file.name not in _NO_PART)),
        "benchmark": benchmark_digest(benchmark),
        "query_prompt": query,
        "passage_prompt": passage,
        **settings.model_dump(),
    }


def benchmark_digest(benchmark: Path) -> str:
    """Return the sha256 of a benchmark's texts and their ids; what answers what has no part in it."""
    return _digest(benchmark, [benchmark / "queries.jsonl", benchmark / "passages.jsonl"])


def write_record(folder: Path, record: Record) -> None:
    """Write `vectors.json` into a folder of vectors."""
    write_json(folder / FILE, asdict(record))


def read_record(folder: Path) -> Record | None:
    """Read `vectors.json`; None for vectors of another origin, which have none. UserError for a broken file."""
    file = folder / FILE
    if not file.is_file():
        return None
    raw = parse_json(read_text(file), str(file))
    names = {field.name for field in fields(Record)}
    if not isinstance(raw, dict) or names - raw.keys() or raw["similarity"] not in SIMILARITIES:
        how = "embed the benchmark again, or delete the file if the vectors are of another program"
        raise UserError("not the record of `babelmix embed`", where=str(file), how=how)
    return Record(**{name: raw[name] for name in names})


def is_made_of(folder: Path, made: dict[str, Any]) -> bool:
    """Return whether a folder holds vectors that were made of this, whatever the folder is called."""
    record = read_record(folder)
    return record is not None and record.made_of == made


def _digest(folder: Path, files: Iterable[Path]) -> str:
    """Return the sha256 of the names and the bytes of files, links followed, whatever the order they come in."""
    digest = hashlib.sha256()
    for file in sorted(file for file in files if file.is_file()):
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{content}\0".encode())
    return digest.hexdigest()
