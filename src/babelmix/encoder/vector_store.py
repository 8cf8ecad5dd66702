"""Vectors on disk by what made them: a text that was encoded before is read, and not encoded again.

    store = VectorStore(vector_store(), facts)         # facts: all that decides a vector besides its text
    store.put(texts, vectors, cut)
    rows, vectors, cut = store.get(["query: How do I print?"])      # those that it has, byte for byte

Each set of facts has a folder, named by the sha256 of the facts. Its files hold some thousand vectors each, with the
sha256 of every text and one of the whole content. A file is written beside and renamed, so a kill loses one file at
most, and several processes may read and write at once. A damaged file counts as missing. At most LIMIT bytes are kept:
of several folders the one that was used longest ago goes first. `rm -r` on the folder is safe at any time.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.common.files import new_path, write_json

LIMIT = 4 * 2**30  # bytes of all vectors: five million of 384 dimensions in float16
FACTS = "facts.json"
_CONTENT = "sha256"  # in a file's metadata: of its arrays
_OURS = re.compile(r"[0-9a-f]{32}\.safetensors|facts\.json|\..*\.babelmix-.*\.tmp")
Keys = NDArray[np.uint64]  # [n, 4], the sha256 of each text
Found = tuple[NDArray[np.int64], NDArray[Any], NDArray[np.bool_]]


class VectorStore:
    """The vectors of one set of facts."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """`folder` is the store of all sets of facts; `facts` are JSON values. Nothing is written yet."""
        self._facts: dict[str, Any] = json.loads(json.dumps(facts))
        self._all = folder
        digest = hashlib.sha256(json.dumps(self._facts, sort_keys=True).encode()).hexdigest()
        self._folder = folder / digest[:32]
        self._keys: dict[Path, Keys | None] = {}  # of each file that was read; None: it is damaged
        self._closed: str | None = None
        with suppress(OSError):
            os.utime(self._folder)  # it was used now

    @property
    def closed(self) -> str | None:
        """Why no further vectors are kept: a full or read-only disk; None while they are."""
        return self._closed

    def same_in_company(self) -> bool | None:
        """Return what `remember` was told of these facts, None if nothing."""
        try:
            found = json.loads((self._folder / FACTS).read_text(encoding="utf-8"))
            same = found["same in company"] if found["facts"] == self._facts else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return same if isinstance(same, bool) else None

    def remember(self, same: bool) -> None:
        """Keep whether a vector is the same in any company (encoder/company.py)."""
        try:
            write_json(self._folder / FACTS, {"facts": self._facts, "same in company": same})
        except (OSError, UserError) as error:
            self._closed = str(error)

    def get(self, texts: Sequence[str]) -> Found:
        """Return the positions in `texts` of the known ones, ascending, their vectors [m, d], and which were cut."""
        wanted = _keys(texts)
        place = np.full(len(texts), -1, dtype=np.int64)
        vectors: list[NDArray[Any]] = []
        cut: list[NDArray[np.bool_]] = []
        count = 0
        for file in sorted(self._folder.glob("*.safetensors")):
            keys = self._keys_of(file)
            if keys is None or not len(keys):
                continue
            at = np.minimum(np.searchsorted(keys[:, 0], wanted[:, 0]), len(keys) - 1)
            here = np.flatnonzero((keys[at] == wanted).all(axis=1) & (place < 0))
            if len(here) and (content := self.read(file)) is not None and np.array_equal(content[0], keys):
                place[here] = np.arange(count, count + len(here))
                count += len(here)
                vectors.append(content[1][at[here]])
                cut.append(content[2][at[here]])
        if not vectors:
            return np.empty(0, dtype=np.int64), np.empty((0, 0)), np.empty(0, dtype=np.bool_)
        rows = np.flatnonzero(place >= 0)
        return rows, np.concatenate(vectors)[place[rows]], np.concatenate(cut)[place[rows]]

    @staticmethod
    def read(file: Path) -> tuple[Keys, NDArray[Any], NDArray[np.bool_]] | None:
        """Return the keys, the vectors and which texts were cut; None if the file is missing or damaged."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file, framework="numpy") as stored:
                arrays = {name: stored.get_tensor(name) for name in ("cut", "keys", "vectors")}
                sound = stored.metadata()[_CONTENT] == _content(arrays)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        return (arrays["keys"], arrays["vectors"], arrays["cut"]) if sound else None

    def put(self, texts: Sequence[str], vectors: NDArray[Any], cut: NDArray[np.bool_]) -> None:
        """Keep the vectors [n, d] of distinct texts and which were cut; once the disk refuses, keep nothing more."""
        if self._closed or not len(texts):
            return
        keys = _keys(texts)
        order = np.lexsort(keys.T[::-1])  # by the first column, then the next
        arrays = {"cut": cut[order], "keys": keys[order], "vectors": vectors[order]}
        name = hashlib.sha256(arrays["keys"].tobytes()).hexdigest()[:32]
        try:
            self._make_room(sum(array.nbytes for array in arrays.values()))
            file = self._folder / f"{name}.safetensors"
            _write(file, arrays)
            self._keys.pop(file, None)  # a damaged file may have had this name
        except (OSError, UserError) as error:
            self._closed = str(error)

    def _keys_of(self, file: Path) -> Keys | None:
        if file not in self._keys:
            content = self.read(file)
            self._keys[file] = None if content is None else content[0]
        return self._keys[file]

    def _make_room(self, more: int) -> None:
        """Delete other sets of facts, the one used longest ago first, until `more` bytes fit, or raise UserError."""
        used = {folder: _size_and_time(folder) for folder in self._all.glob("?" * 32)}
        total = more + sum(size for size, _ in used.values())
        for folder in sorted(used.keys() - {self._folder}, key=lambda folder: used[folder][1]):
            if total <= LIMIT:
                return
            for file in list(folder.iterdir()):
                if _OURS.fullmatch(file.name):
                    file.unlink(missing_ok=True)
            with suppress(OSError):  # it holds what babelmix did not write
                folder.rmdir()
            total -= used[folder][0]
        if total > LIMIT:
            how = "delete the folder to begin anew"
            raise UserError(f"the vectors of one model fill the store ({LIMIT:,} bytes)", where=str(self._all), how=how)


def _size_and_time(folder: Path) -> tuple[int, float]:
    """Return the bytes of a folder's vectors and when it was last used; another process may delete it meanwhile."""
    size = 0
    for file in folder.glob("*.safetensors"):
        with suppress(OSError):
            size += file.stat().st_size
    try:
        return size, folder.stat().st_mtime
    except OSError:
        return 0, 0.0


def _write(file: Path, arrays: dict[str, NDArray[Any]]) -> None:
    from safetensors.numpy import save_file

    with new_path(file) as staging:
        save_file(arrays, staging, metadata={_CONTENT: _content(arrays)})


def _content(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in ("cut", "keys", "vectors"):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _keys(texts: Sequence[str]) -> Keys:
    digests = b"".join(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts)
    return np.frombuffer(digests, dtype=np.uint64).reshape(len(texts), 4)
