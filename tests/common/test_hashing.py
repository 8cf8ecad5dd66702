"""The order by hash is that of sha256, in digits or bytes, and a larger sample extends a smaller one."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.hashing import hash_order


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]))), st.integers(0, 9))
def test_a_larger_sample_extends_a_smaller_one(names: set[str], number: int):
    order = sorted(names, key=hash_order)
    assert order == sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert order[:number] == order[: number + 1][:number]
