"""Packed texts come back unchanged, and other arrays are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.common.id_arrays import pack, unpack

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=12)


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_texts_come_back(texts: list[str]) -> None:
    packed = pack("units", texts)
    assert list(packed) == ["units", "units_ends"]
    assert unpack(packed["units"], packed["units_ends"]) == tuple(texts)


def test_one_long_text_takes_no_room_for_the_others() -> None:
    texts = ["x" * 200_000, *map(str, range(20_000))]
    packed = pack("units", texts)
    assert sum(array.nbytes for array in packed.values()) < 1_000_000
    assert unpack(packed["units"], packed["units_ends"]) == tuple(texts)


@pytest.mark.parametrize(
    "change",
    [
        {"units": np.array(["ab", "c"])},
        {"units": np.zeros((3, 1), dtype=np.uint8)},
        {"units": np.frombuffer("é".encode() + b"a", dtype=np.uint8)},  # an end within a character
        {"units_ends": np.array([1, 2])},
        {"units_ends": np.array([2, 1, 3])},
        {"units_ends": np.array([-1, 3])},
        {"units_ends": np.array([1, 3], dtype=np.int32)},
        {"units_ends": np.array([[1, 3]])},
        {"units_ends": np.array(3)},
        {"units_ends": np.array([], dtype=np.int64)},
    ],
)
def test_other_arrays_are_refused(change: dict[str, np.ndarray]) -> None:
    packed = pack("units", ("a", "bc")) | change
    with pytest.raises(ValueError, match=r"not packed texts|can't decode"):
        unpack(packed["units"], packed["units_ends"])
