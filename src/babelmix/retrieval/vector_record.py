"""What made a folder of vectors: `vectors.json` records it, so that a folder is recognised under any name.

    made = made_of(Path("models/hybrid"), Path("data/benchmarks/xquad-r"), embed_settings, (None, None))
    write_record(folder, Record(made, "cosine", ...))
    is_made_of(folder, made)            # True

Two folders with equal `made_of` hold vectors of the same weights, prompts, lengths and texts.
"""

import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.files import write_json
from babelmix.common.reading import parse_json, read_text
from babelmix.common.similarities import SIMILARITIES, Similarity
from babelmix.encoder.fingerprint import hash_model
from babelmix.encoder.precision import default_device, usable_precision
from babelmix.encoder.settings import Embed

FILE = "vectors.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What made the vectors, and how to use them."""

    made_of: dict[str, Any]
    similarity: Similarity  # how the vectors are compared
    prompts: dict[str, str]  # the text before each query and each passage
    max_tokens: int  # the most tokens read of a text, including its prompt and special tokens
    texts: dict[str, int]  # the number of queries and of passages
    cut: dict[str, int]  # how many of them were longer than max_tokens


def made_of(
    model: Path | str, benchmark: Path, settings: Embed, prompts: tuple[str | None, str | None]
) -> dict[str, Any]:
    """Return everything that determines the vectors of a benchmark folder's texts.

    Args:
        model: the model's folder, all files of which are then hashed, or what `hash_model` returned for it.
        benchmark: the benchmark's folder.
        settings: how texts become vectors; of the precision counts what this machine can compute.
        prompts: prompts for queries and passages that replace the model's own; None keeps its own.
    """
    query, passage = prompts
    return {
        "model": model if isinstance(model, str) else hash_model(model),
        "benchmark": benchmark_digest(benchmark),
        "query_prompt": query,
        "passage_prompt": passage,
        **settings.model_dump(),
        "precision": usable_precision(settings.precision, default_device())[0],
    }


def benchmark_digest(benchmark: Path) -> str:
    """Return the sha256 of a benchmark's texts and their ids; the relevance judgements do not count."""
    digest = hashlib.sha256()
    for name in ("passages.jsonl", "queries.jsonl"):
        if (benchmark / name).is_file():
            with (benchmark / name).open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            digest.update(f"{name}\0{content}\0".encode())
    return digest.hexdigest()


def write_record(folder: Path, record: Record) -> None:
    """Write `vectors.json` into a folder of vectors."""
    write_json(folder / FILE, asdict(record))


def read_record(folder: Path) -> Record | None:
    """Read `vectors.json`; None if the folder has none, as vectors of other programs. UserError for a damaged file."""
    file = folder / FILE
    if not file.is_file():
        return None
    raw = parse_json(read_text(file), str(file))
    names = {field.name for field in fields(Record)}
    whole = isinstance(raw, dict) and not names - raw.keys() and isinstance(raw["made_of"], dict)
    if not whole or raw["similarity"] not in SIMILARITIES:
        how = "embed the benchmark again, or delete the file if another program made the vectors"
        raise UserError("not a record of `babelmix embed`", where=str(file), how=how)
    return Record(**{name: raw[name] for name in names})


def is_made_of(folder: Path, made: dict[str, Any]) -> bool:
    """Return whether the folder's vectors were made of `made`."""
    record = read_record(folder)
    return record is not None and record.made_of == made
