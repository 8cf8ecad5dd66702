"""Store texts of any length in .npz files: their UTF-8 bytes in one array, their ends in another.

    np.savez(stream, **pack("units", ("a", "bcd")))      # units: uint8 of 4 bytes, units_ends: [1, 4]
    unpack(stored["units"], stored["units_ends"])        # ("a", "bcd")

A NumPy array of strings gives every text the space of the longest: with one id of 200,000 characters among 20,000 ids
it takes 16 GB.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(name: str, texts: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Return two arrays by name: the texts' bytes, uint8, and the end of each text in them, int64."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    return {name: np.frombuffer(b"".join(encoded), dtype=np.uint8), f"{name}_ends": ends}


def unpack(content: NDArray[Any], ends: NDArray[Any]) -> tuple[str, ...]:
    """Return the texts; ValueError for arrays that `pack` did not make."""
    if not (content.ndim == ends.ndim == 1 and content.dtype == np.uint8 and ends.dtype == np.int64):
        raise ValueError("not packed texts")
    limits: list[int] = [0, *ends.tolist()]
    if limits[-1] != len(content) or any(one > other for one, other in pairwise(limits)):
        raise ValueError("not packed texts")
    whole = content.tobytes()
    return tuple(whole[start:end].decode() for start, end in pairwise(limits))
