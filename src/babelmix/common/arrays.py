"""Read .npy and .npz files without pickle: a damaged file is a UserError.

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
    """Return the named arrays of an .npz file; UserError if it is missing, damaged or lacks one of them.

    In errors, `what` names the expected content, `how` says how to make the file again, and `where` names the file (its
    path by default). `old_names` is {name: the array's name in the last release}: both are read.
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
    """Turn any error while numpy reads a file into a UserError at `where`.

    Damaged bytes may raise almost any exception: numpy evaluates the header as Python, unpacks with zipfile and zlib,
    and allocates as much memory as the header says.
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
        raise UserError(f"the {what} does not fit into memory ({error})", where=where, how=how) from error
    except Exception as error:
        raise UserError(f"not a whole {what}", where=where, how=how) from error
