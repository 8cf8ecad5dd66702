"""Batches whose rows each flip the coin, and the parallel queries of a batch."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.batches.objective import Objective
from babelmix.batches.parallel_queries import parallel_queries
from babelmix.batches.sampler import Batch, plan
from babelmix.batches.units import Units, index_units
from babelmix.common.errors import UserError
from babelmix.corpus.index import index_pairs, train_rows
from babelmix.corpus.records import Pair

LANGUAGES = ("de", "en", "fr", "ja")


def units_of(number: int, share: float = 0.8, rare: int = 0) -> Units:
    """Units in English, and in each other language with a share; the first `rare` also in Dutch."""
    rng = np.random.default_rng(1)
    known = [(u, lang) for u in range(number) for lang in LANGUAGES if lang == "en" or rng.random() < share]
    known += [(u, "nl") for u in range(rare)]
    pairs = [Pair(f"u{u:03}", lang, "train", f"q {u} {lang}", f"p {u} {lang}", "human") for u, lang in known]
    index = index_pairs((pair, False) for pair in pairs)
    return index_units(index, train_rows(index))


def planned(units: Units, alpha: float, steps: int, *, size: int = 8, seed: int = 5) -> list[Batch]:
    return list(plan(units, Objective(alpha=alpha, per="row"), batch_size=size, seed=seed, steps=steps))


@pytest.mark.parametrize("rare", [0, 2])  # pairs of a language of two units run out within a batch
@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.8])
def test_the_share_of_same_language_rows_stays_within_binomial_bounds(alpha: float, rare: int) -> None:
    steps = 500
    batches = planned(units_of(60, rare=rare), alpha, steps)
    same = [sum(query == passage for _, query, passage in batch.rows) for batch in batches]
    rows = steps * 8
    assert abs(sum(same) / rows - alpha) < 4 * (alpha * (1 - alpha) / rows) ** 0.5
    variance = 8 * alpha * (1 - alpha)  # of a binomial: the rows of a batch do not know of each other
    assert abs(np.var(same) - variance) < 4 * variance * (2 / steps) ** 0.5


@given(st.floats(0, 1), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_no_unit_comes_twice_and_the_same_seed_gives_the_same_plan(alpha: float, seed: int) -> None:
    units = units_of(30, rare=3)
    batches = planned(units, alpha, 12, seed=seed)
    assert batches == planned(units, alpha, 12, seed=seed)
    objective = Objective(alpha=alpha, per="row")
    assert batches[5:] == list(plan(units, objective, batch_size=8, seed=seed, steps=12, start=5))
    for batch in batches:
        assert batch.kind == "within" and len({unit for unit, _, _ in batch.rows}) == 8
        assert all(units.rows[lang][unit] >= 0 for unit, *langs in batch.rows for lang in langs)


def test_languages_of_same_language_rows_are_uniform_and_mixed_in_a_batch() -> None:
    batches = planned(units_of(60), 1.0, 500)
    counted = Counter(query for batch in batches for _, query, passage in batch.rows if query == passage)
    assert sum(counted.values()) == 4000 and set(counted) == set(LANGUAGES)
    assert max(abs(number / 4000 - 0.25) for number in counted.values()) < 4 * (0.25 * 0.75 / 4000) ** 0.5
    assert np.mean([len({lang for _, lang, _ in batch.rows}) for batch in batches]) > 3


@pytest.mark.parametrize(
    ("alpha", "says"),
    [
        (0.5, "train.batch_size: a cross-lingual batch of 8 has only 7 distinct units in two languages; "),
        (1.0, "train.batch_size: a mixed batch of 8 has only 7 distinct units; "),
    ],
)
def test_too_few_units_are_refused_before_the_first_batch(alpha: float, says: str) -> None:
    with pytest.raises(UserError) as caught:
        planned(units_of(7, share=1.0), alpha, 1)
    assert str(caught.value) == f"{says}lower it to 7 or add translations"


def test_a_language_too_small_for_a_monolingual_batch_can_be_mixed() -> None:
    units = units_of(60, rare=2)
    assert any("nl" in row for batch in planned(units, 0.5, 50) for row in batch.rows)
    with pytest.raises(UserError, match="a monolingual batch of 8 in 'nl' has only 2 distinct units"):
        list(plan(units, Objective(alpha=0.5), batch_size=8, seed=5, steps=1))


@given(st.integers(0, 1000), st.integers(1, 50))
@settings(max_examples=30, deadline=None)
def test_parallel_queries_are_in_another_language_of_the_unit(seed: int, step: int) -> None:
    units = units_of(30, share=0.4)
    (batch,) = planned(units, 1.0, 1, seed=seed)
    rows, languages = parallel_queries(units, batch, seed=seed, step=step)
    assert (rows, languages) == parallel_queries(units, batch, seed=seed, step=step)
    several = [sum(of[unit] >= 0 for of in units.rows.values()) > 1 for unit, _, _ in batch.rows]
    assert rows == [row for row, more in enumerate(several) if more]
    for row, lang in zip(rows, languages, strict=True):
        unit, query, _ = batch.rows[row]
        assert lang != query and units.rows[lang][unit] >= 0


def test_the_language_of_a_parallel_query_is_uniform_and_another_at_another_step() -> None:
    units = units_of(60, share=1.0)
    (batch,) = planned(units, 1.0, 1)
    drawn = Counter[tuple[str, str]]()
    for step in range(1, 501):
        rows, languages = parallel_queries(units, batch, seed=1, step=step)
        drawn.update((batch.rows[row][1], lang) for row, lang in zip(rows, languages, strict=True))
    of_query = Counter[str]()
    for (query, _), number in drawn.items():
        of_query[query] += number
    for (query, _), number in drawn.items():
        assert abs(number / of_query[query] - 1 / 3) < 4 * (2 / 9 / of_query[query]) ** 0.5
