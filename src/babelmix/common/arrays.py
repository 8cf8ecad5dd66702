"""Files of numpy's own forms, read without pickle and without trust: what is damaged is told in one line.

units, vectors = read_arrays(Path("teacher.npz"), ("units", "vectors"), what="vectors", how="make it again")
with whole_arrays("scores.npy", what=".npy array", how="make it again"):
    array = np.load("scores.npy", allow_pickle=False)
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from babelmix.common.errors import UserError
from babelmix.common.old_names import say_old_name

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_arrays(
    file: Path | BinaryIO,
    names: Iterable[str],
    *,
    what: str,
    how: str,
    where: str = "",
    old_names: Mapping[str, str] | None = None,
) -> list["NDArray[Any]"]:
    """Return the named arrays of an .npz file; UserError where it is missing, damaged or lacks one of them.

    `what` says what the file should hold, `how` how to make it again, `where` what it is called if not by its path;
    `old_names` gives the name that an array had in the last release, by its new name.
    """
    import numpy as np

    with whole_arrays(where or str(file), what=f".npz file of {what}", how=how):
        if isinstance(file, Path):
            with file.open("rb") as stream:
                return read_arrays(stream, names, what=what, how=how, where=str(file), old_names=old_names)
        stored = np.load(file, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with stored:
            old = {new: was for new, was in (old_names or {}).items() if new not in stored and was in stored}
            for new, was in old.items():
                say_old_name(was, new, where)
            return [stored[old.get(name, name)] for name in names]


@contextmanager
def whole_arrays(where: str, *, what: str, how: str) -> Generator[None]:
    """Turn what goes wrong while numpy reads a file into a UserError at `where`.

    Damaged bytes may raise almost anything: numpy evaluates a header as Python, unpacks by zipfile and zlib, and asks
    for as much memory as the header says.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError("no such file", where=where, how=how) from error
    except (IsADirectoryError, PermissionError) as error:
        raise UserError(f"cannot be read ({error.strerror})", where=where, how=how) from error
    except MemoryError as error:
        raise UserError(f"no {what} that memory holds ({error})", where=where, how=how) from error
    except Exception as error:
        raise UserError(f"not a whole {what}", where=where, how=how) from error
