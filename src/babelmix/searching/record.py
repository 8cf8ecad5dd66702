"""What an index says of itself, and the step that replaces one state of it by the next.

    record = read_record(Path("my-index"))          # UserError for anything but a whole index of this version
    commit(Path("my-index"), record, kept, new)     # new files become part of the index; one rename

The manifest that every folder of babelmix has (common/outputs.py) names the files of the index's present state, with
their sizes and sha256. A file that it does not name is no part of the index. So an update writes files of a new number
beside the old ones, and then replaces the manifest: a kill at any instant leaves the old state or the new one. The next
writer deletes files that no manifest names.
"""

import json
import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from babelmix.common.errors import UserError
from babelmix.common.files import new_file, translate_errors
from babelmix.common.locks import locked
from babelmix.common.outputs import MANIFEST, manifest_entry, manifest_files, manifest_text
from babelmix.common.progress import say
from babelmix.common.reading import parse_json, read_text

VERSION = 1
AGAIN = "make it again with `babelmix index`"
_OWN = re.compile(r"(record|deleted|sums|vectors|texts|ends|languages|digests|order|lists)-\d{6}\.(json|npy|bin|faiss)")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Model(_Part):
    """The encoder of an index's passages."""

    name: str  # the folder or hub name; for messages, and to find it again
    fingerprint: str  # sha256 of its files, see encoder/fingerprint.py
    dimensions: int = Field(ge=1)
    max_tokens: int = Field(ge=1)  # that were read of a passage at most
    query_prompt: str | None = None  # in place of the model's own
    passage_prompt: str | None = None


class Segment(_Part):
    """Passages that were added together: files `<kind>-<number>`."""

    number: int = Field(ge=1, lt=10**6)
    rows: int = Field(ge=1)


class Recall(_Part):
    """How many lists are read for a query, and how much of the exact top ten that finds."""

    probes: int = Field(ge=1)  # lists that are read
    recall: float = Field(ge=0, le=1)  # mean recall@10 against exact search
    queries: int = Field(ge=0)  # that it was measured on: none of them chose `probes`


class Lists(_Part):
    """The approximate index of the first segment."""

    lists: int = Field(ge=1)
    overall: Recall
    by_language: dict[str, Recall]


class Record(_Part):
    """All that an index says of itself."""

    version: int
    number: int = Field(ge=1, lt=10**6)  # of the state; each update adds one
    model: Model
    languages: tuple[str, ...]  # a passage's language is a position here, -1 if it is in none
    segments: tuple[Segment, ...] = Field(min_length=1)
    lists: Lists | None

    @property
    def rows(self) -> int:
        """Passages in all segments, with the deleted ones."""
        return sum(segment.rows for segment in self.segments)


def file_of(folder: Path, kind: str, number: int) -> Path:
    """Return the file of a kind: "vectors" of segment 1 is vectors-000001.npy."""
    endings = {"record": "json", "texts": "bin", "lists": "faiss"}
    return folder / f"{kind}-{number:06}.{endings.get(kind, 'npy')}"


def is_index(folder: Path) -> bool:
    """Return whether a folder holds an index, whole or damaged."""
    return any(_OWN.fullmatch(name) and name.startswith("record-") for name in _files(folder) or ())


def state_of(folder: Path) -> bytes | None:
    """Return the bytes of an index's manifest, which differ after every update; None if it has none."""
    try:
        return (folder / MANIFEST).read_bytes()
    except OSError:
        return None


def read_record(folder: Path, *, check: bool = False) -> Record:
    """Return what an index says of itself, after a look at the size of each of its files.

    `check`: also compare the sha256 of each file, which reads the whole index.

    Raises:
        UserError: not an index, an index of another version, or a file that is missing or not as it was written.
    """
    if not folder.is_dir():
        what = "an index is a folder" if folder.exists() else "no such index"
        raise UserError(what, where=str(folder), how="make it with `babelmix index`")
    files = _files(folder)
    names = [name for name in files or () if _OWN.fullmatch(name) and name.startswith("record-")]
    if files is None or len(names) != 1:
        raise UserError("not an index of babelmix", where=str(folder), how="make one with `babelmix index`")
    for name, entry in files.items():
        _check_file(folder / name, entry, check=check)
    raw = parse_json(read_text(folder / names[0]), str(folder / names[0]))
    version = raw.get("version") if isinstance(raw, dict) else None
    if version != VERSION:
        what = f"an index of version {json.dumps(version)[:20]}; this babelmix reads version {VERSION}"
        raise UserError(what, where=str(folder), how=AGAIN)
    try:
        return Record.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{folder / names[0]}, {'.'.join(map(str, first['loc']))}"
        raise UserError(first["msg"], where=where, how=AGAIN) from error


def write_record(folder: Path, record: Record) -> Path:
    """Write what an index says of itself as a file of the folder, and return the file; it is no part of it yet."""
    file = file_of(folder, "record", record.number)
    text = json.dumps(record.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
    return file


def commit(folder: Path, record: Record, kept: Iterable[Path], new: Iterable[Path]) -> None:
    """Replace the state of an index: it is then made of `record`, files it `kept`, and files that are `new`.

    Everything else that an index wrote into the folder is deleted afterwards.
    """
    before = _files(folder) or {}
    files = {file.name: before[file.name] for file in kept}
    for file in (*new, write_record(folder, record)):
        files[file.name] = manifest_entry(file)
    with new_file(folder / MANIFEST) as stream:
        stream.write(manifest_text(files))
    sweep(folder)


def sweep(folder: Path) -> None:
    """Delete what an index wrote into its folder and does not name: old files, and those of an update that ended."""
    named = _files(folder)
    if named is None:
        return
    for file in sorted(folder.iterdir()):
        staged = file.name.startswith(f".{MANIFEST}.") and file.name.endswith(".tmp")
        if (_OWN.fullmatch(file.name) and file.name not in named) or staged:
            file.unlink(missing_ok=True)


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Hold the lock of an index's writers for the block; wait, and say so, while another process writes."""
    folder = folder.resolve()
    lock = folder.parent / f".{folder.name[:80]}.babelmix-index"
    with translate_errors(folder):
        held = locked(lock, on_wait=lambda holder: say(f"{folder.name}: waiting for {holder}"))
        with held:
            yield


def _files(folder: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """Return the manifest's files, by name; None if babelmix wrote no such folder."""
    files = manifest_files(folder)
    if files is None or not all(isinstance(entry, dict) for entry in files.values()):
        return None
    return files


def _check_file(file: Path, entry: Mapping[str, Any], *, check: bool) -> None:
    if not file.is_file():
        raise UserError("the index lacks this file", where=str(file), how=AGAIN)
    if (size := file.stat().st_size) != entry.get("size"):
        raise UserError(f"{size:,} bytes, not the {entry.get('size')} that were written", where=str(file), how=AGAIN)
    if check and manifest_entry(file) != dict(entry):
        raise UserError("not the bytes that were written", where=str(file), how=AGAIN)
