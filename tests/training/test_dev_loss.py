"""The dev losses against loops over rows."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.common.hashing import hash_order
from babelmix.corpus.index import index_pairs
from babelmix.corpus.records import Pair
from babelmix.training.dev_loss import DEV_UNITS, dev_losses, dev_units

T = 0.05
Array = np.ndarray


def unit_vectors(*shape: int, seed: int = 0) -> Array:
    vectors = np.random.default_rng(seed).normal(size=shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def slow_dev_losses(queries: Array, passages: Array, unit: list[int], lang: list[str]) -> dict[str, float]:
    """The same by loops over rows: a row's loss is its right score against the scores of its scope."""

    def score(query: int, passage: int) -> float:
        return math.exp(float(queries[query] @ passages[passage]) / T)

    rows = range(len(unit))
    row_of = {(unit[row], lang[row]): row for row in rows}
    cells: dict[tuple[str, str], float] = {}
    for a in set(lang):
        for b in set(lang):
            units = [u for u in set(unit) if (u, a) in row_of and (u, b) in row_of]
            if len(units) > 1:
                total = 0.0
                for u in units:
                    against = sum(score(row_of[u, a], row_of[v, b]) for v in units)
                    total -= math.log(score(row_of[u, a], row_of[u, b]) / against)
                cells[a, b] = total / len(units)
    found: dict[str, float] = {}
    if ("en", "en") in cells:
        found["english"] = cells["en", "en"]
    for name, chosen in (
        ("monolingual", [cells[a, b] for a, b in cells if a == b]),
        ("crosslingual", [cells[a, b] for a, b in cells if a != b]),
    ):
        if chosen:
            found[name] = sum(chosen) / len(chosen)
    each: list[float] = []
    for query in rows:
        others = sum(score(query, passage) for passage in rows if unit[passage] != unit[query])
        for passage in rows:
            if others and unit[passage] == unit[query]:
                each.append(-math.log(score(query, passage) / (score(query, passage) + others)))
    if each:
        found["pooled"] = sum(each) / len(each)
    return found


def found_losses(queries: Array, passages: Array, unit: list[int], lang: list[str]) -> dict[str, float]:
    return dev_losses(queries.astype(np.float32), passages.astype(np.float32), np.array(unit, dtype=np.int64), lang, T)


@st.composite
def cells(draw: st.DrawFn) -> list[tuple[int, str]]:
    """Which units exist in which languages, in any order, with gaps."""
    every = [(unit, lang) for unit in (3, 5, 8, 21) for lang in ("de", "en", "fr")]
    return draw(st.permutations(every))[: draw(st.integers(1, len(every)))]


@given(cells(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_dev_losses_are_those_of_a_plain_loop(exists: list[tuple[int, str]], seed: int) -> None:
    queries, passages = unit_vectors(2, len(exists), 4, seed=seed)
    unit, lang = [unit for unit, _ in exists], [lang for _, lang in exists]
    assert found_losses(queries, passages, unit, lang) == pytest.approx(
        slow_dev_losses(queries, passages, unit, lang), rel=1e-4, abs=1e-5
    )


@given(cells(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_dev_losses_do_not_depend_on_the_order_of_the_rows(exists: list[tuple[int, str]], random: Any) -> None:
    queries, passages = unit_vectors(2, len(exists), 4)
    order = random.sample(range(len(exists)), len(exists))
    unit, lang = [unit for unit, _ in exists], [lang for _, lang in exists]
    moved = found_losses(queries[order], passages[order], [unit[row] for row in order], [lang[row] for row in order])
    assert moved == pytest.approx(found_losses(queries, passages, unit, lang), rel=1e-4, abs=1e-5)


def test_dev_losses_leave_out_what_the_data_cannot_give() -> None:
    def scopes_of(*exists: tuple[int, str]) -> set[str]:
        vectors = unit_vectors(len(exists), 4)
        return set(found_losses(vectors, vectors, [unit for unit, _ in exists], [lang for _, lang in exists]))

    assert scopes_of((1, "en")) == scopes_of((1, "en"), (1, "de")) == set()
    assert scopes_of((1, "en"), (2, "de")) == {"pooled"}
    assert scopes_of((1, "en"), (2, "en")) == {"english", "monolingual", "pooled"}
    assert scopes_of((1, "fr"), (2, "fr")) == {"monolingual", "pooled"}
    assert scopes_of((1, "fr"), (2, "fr"), (1, "de"), (2, "de")) == {"monolingual", "crosslingual", "pooled"}


def test_dev_losses_of_perfect_vectors_are_near_nothing_and_of_equal_ones_are_chance() -> None:
    unit, lang = [0, 1, 2] * 2, ["de"] * 3 + ["en"] * 3
    perfect = found_losses(np.tile(np.eye(3), (2, 1)), np.tile(np.eye(3), (2, 1)), unit, lang)
    assert set(perfect) == {"english", "monolingual", "crosslingual", "pooled"} and max(perfect.values()) < 1e-6
    equal = found_losses(np.ones((6, 1)), np.ones((6, 1)), unit, lang)
    assert equal.pop("pooled") == pytest.approx(math.log(1 + 4))  # one right passage, four of other units
    assert equal == pytest.approx(dict.fromkeys(("english", "monolingual", "crosslingual"), math.log(3)))


def chosen_units(*exists: tuple[str, str]) -> list[str]:
    """The dev units among pairs of these units and languages."""
    rows = [Pair(unit, lang, "dev", f"q {unit} {lang}", f"p {unit} {lang}", "human") for unit, lang in exists]
    index = index_pairs((pair, False) for pair in rows)
    return [index.units[unit] for unit in dev_units(index)]


def test_every_source_has_dev_units_though_another_is_in_more_languages() -> None:
    pages = [(f"a/page.html#{number}", lang) for number in range(40) for lang in ("de", "en", "fr")]
    questions = [(f"squadshifts:{number}", "en") for number in range(40)]
    found = chosen_units(*questions, *pages)
    assert len(found) == DEV_UNITS and sum(unit.startswith("squadshifts:") for unit in found) == DEV_UNITS // 2
    few = chosen_units(*questions[:3], *pages)
    assert len(few) == DEV_UNITS and sum(unit.startswith("squadshifts:") for unit in few) == 3


def test_the_dev_units_of_one_source_are_those_in_the_most_languages_and_then_by_hash() -> None:
    names = [f"a/page.html#{number}" for number in range(40)]
    many = set(names[:7])
    found = chosen_units(*((name, "en") for name in names), *((name, "de") for name in many))
    assert found == sorted(names, key=lambda name: (name not in many, hash_order(name)))[:DEV_UNITS]
