"""Write beside, then rename: a reader never meets half a file, and bad input leaves nothing behind.

with new_file(Path("metrics/headline.json")) as stream:
    stream.write("{}")
with new_folder(Path("models/base")) as folder:      # replaces the old folder as a whole
    (folder / "config.json").write_text("{}")
"""

import errno
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO
from zipfile import BadZipFile

from babelmix.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def project_root() -> Path:
    """Return the project's folder: the one that DVC names (DVC_ROOT) where a run works in a temporary copy of it."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def store() -> Path:
    """Return where what is no result is kept, `.babelmix/`, shared by runs in temporary copies."""
    return project_root() / ".babelmix"


@contextmanager
def new_binary_file(path: Path) -> Generator[BinaryIO]:
    """Yield a binary stream that becomes `path` when the block ends well and vanishes when it raises."""
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
            left.unlink()  # by a process that was killed
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        beside = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
            beside.chmod(0o644)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def new_file(path: Path) -> Generator[TextIO]:
    """Yield a UTF-8 text stream that becomes `path` when the block ends well and vanishes when it raises."""
    with new_binary_file(path) as binary, TextIOWrapper(binary, encoding="utf-8", newline="\n") as stream:
        yield stream


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys, so that the same content is the same bytes."""
    with new_file(path) as stream:
        stream.write(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_arrays(path: Path, names: Iterable[str], *, what: str, how: str) -> list["NDArray[Any]"]:
    """Read the named arrays of an .npz file, never a pickle; a missing or broken file, or one without them, is told.

    `what` says what the file should hold, `how` how to make it again.
    """
    import numpy as np

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(path), how=how) from error
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:  # TypeError: a single array
        raise UserError(f"not a whole .npz file of {what}", where=str(path), how=how) from error


@contextmanager
def new_folder(path: Path) -> Generator[Path]:
    """Yield an empty folder that replaces `path` when the block ends well and vanishes when it raises."""
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        beside.chmod(0o755)
        try:
            yield beside
            shutil.rmtree(path, ignore_errors=True)
            beside.replace(path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def told(path: Path) -> Generator[None]:
    """Turn a full or read-only disk into an error that says so, with `path` as the place."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            how = "free some space and run the same command again; nothing half-written was left"
            raise UserError("no space left on the disk", where=str(path), how=how) from error
        if error.errno in (errno.EACCES, errno.EROFS):
            how = "make the folder writable, or choose another output"
            raise UserError("the output cannot be written", where=str(path), how=how) from error
        raise
