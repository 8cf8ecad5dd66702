"""Which texts go through the layers together: groups of similar length, and how many tokens a group has.

for rows in group_by_length([7, 3, 5], tokens=10, padded=False):
    ...                                     # [1, 2], then [0]
"""

from collections.abc import Iterator, Sequence

# Tokens that go through the layers together, by the type of device. So many that a product runs at its full rate, and
# that a weight's gradient is one product rather than a sum; not more, since memory grows with them.
TOKENS_PER_FORWARD = {"cpu": 4096, "cuda": 65_536, "mps": 16_384}


def group_by_length(lengths: Sequence[int], tokens: int, *, padded: bool) -> Iterator[list[int]]:
    """Yield groups of row numbers in ascending order of length (then of row), each as large as `tokens` allows.

    `padded` counts every row as long as the longest of its group.
    """
    group: list[int] = []
    total = 0
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):  # so this row is the longest yet
        total = (len(group) + 1) * lengths[row] if padded else total + lengths[row]
        if group and total > tokens:
            yield group
            group, total = [], lengths[row]
        group.append(row)
    if group:
        yield group
