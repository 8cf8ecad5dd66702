"""The most similar string against the plain recursion, over every candidate."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from babelmix.probes import edit_distance
from babelmix.probes.edit_distance import nearest_strings

WORDS = st.text("abcdéж", min_size=1, max_size=7)


@cache
def edits(one: str, other: str) -> int:
    if not one or not other:
        return len(one) + len(other)
    swapped = edits(one[:-1], other[:-1]) + (one[-1] != other[-1])
    return min(swapped, edits(one[:-1], other) + 1, edits(one, other[:-1]) + 1)


def nearest(word: str, candidates: list[str]) -> int:
    return min(
        range(len(candidates)), key=lambda row: edits(word, candidates[row]) / max(len(word), len(candidates[row]))
    )


@given(st.lists(WORDS, min_size=1, max_size=6), st.lists(WORDS, min_size=1, max_size=50))
def test_the_nearest_string_is_that_of_the_recursion(queries: list[str], candidates: list[str]) -> None:
    expected = [nearest(word, candidates) for word in queries]
    assert nearest_strings(queries, candidates).tolist() == expected


def test_words_of_another_script_get_the_first_candidate() -> None:
    assert nearest_strings(["дом"], ["house", "home"]).tolist() == [0]


def test_blocks_change_nothing() -> None:
    queries, candidates = [f"wort{number}" for number in range(40)], [f"word{7 * number}" for number in range(40)]
    whole = nearest_strings(queries, candidates).tolist()
    size, edit_distance.QUERIES = edit_distance.QUERIES, 7
    try:
        assert nearest_strings(queries, candidates).tolist() == whole
    finally:
        edit_distance.QUERIES = size
