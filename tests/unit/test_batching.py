"""The batch plan: what a batch may hold, how kinds mix, and that the same numbers give the same plan."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.batching import Units, describe, index_units, plan, plan_epoch
from babelmix.errors import UserError
from babelmix.records import Pair

LANGUAGES = ("de", "en", "fr", "ja")


def pair(unit: int, lang: str, query: str = "", passage: str = "") -> Pair:
    name = f"u{unit:04}"
    return Pair(name, lang, "train", query or f"q {name} {lang}", passage or f"p {name} {lang}", "human")


def some_units(number: int = 60, languages: tuple[str, ...] = LANGUAGES) -> Units:
    """Every unit in English, and in each other language with a share of its own."""
    rng = np.random.default_rng(1)
    return index_units(
        [pair(u, lang) for u in range(number) for lang in languages if lang == "en" or rng.random() < 0.8]
    )


@st.composite
def units_with_duplicates(draw: st.DrawFn) -> Units:
    """Units of which some share a query or a passage in one language."""
    number = draw(st.integers(20, 50))
    texts = st.integers(0, number // 2)
    pairs = [
        pair(u, lang, passage=f"shared {draw(texts)}" if draw(st.integers(0, 3)) == 0 else "")
        for u in range(number)
        for lang in LANGUAGES
        if draw(st.booleans())
    ]
    return index_units(pairs)


@given(units_with_duplicates(), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_no_batch_holds_a_unit_a_query_or_a_passage_twice(units: Units, alpha: float, seed: int) -> None:
    try:
        batches = list(islice(plan(units, alpha=alpha, batch_size=4, seed=seed), 20))
    except UserError:
        return  # too few distinct units for this batch: told before the first batch
    for batch in batches:
        assert len({unit for unit, _, _ in batch.rows}) == 4
        for side in (1, 2):
            texts = [
                (units.texts[row[side]][row[0]].query, units.texts[row[side]][row[0]].passage) for row in batch.rows
            ]
            assert len({query for query, _ in texts}) == 4
            assert len({passage for _, passage in texts}) == 4


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_kinds_are_what_they_say(alpha: float) -> None:
    for batch in islice(plan(some_units(), alpha=alpha, batch_size=8, seed=3), 60):
        if batch.kind == "monolingual":
            assert len({lang for _, query, passage in batch.rows for lang in (query, passage)}) == 1
        else:
            assert all(query != passage for _, query, passage in batch.rows)
            assert len({(query, passage) for _, query, passage in batch.rows}) > 1


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.8])
def test_the_mix_of_kinds_stays_within_binomial_bounds(alpha: float) -> None:
    steps = 2000
    kinds = Counter(batch.kind for batch in islice(plan(some_units(), alpha=alpha, batch_size=2, seed=7), steps))
    sigma = (alpha * (1 - alpha) / steps) ** 0.5
    assert abs(kinds["monolingual"] / steps - alpha) < 4 * sigma


def test_languages_and_directions_are_drawn_uniformly() -> None:
    mono = Counter(b.rows[0][1] for b in islice(plan(some_units(), alpha=1.0, batch_size=2, seed=5), 4000))
    cross = Counter(
        row[1:] for b in islice(plan(some_units(), alpha=0.0, batch_size=4, seed=5), 3000) for row in b.rows
    )
    assert set(mono) == set(LANGUAGES) and len(cross) == 12
    assert all(abs(count / 4000 - 1 / 4) < 0.03 for count in mono.values())
    assert all(abs(count / 12000 - 1 / 12) < 0.012 for count in cross.values())


@given(st.integers(0, 50), st.integers(0, 5), st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=25, deadline=None)
def test_the_same_seed_and_epoch_give_the_same_plan(seed: int, epoch: int, alpha: float) -> None:
    units = some_units(30)
    first, again = (list(plan_epoch(units, alpha=alpha, batch_size=4, seed=seed, epoch=epoch)) for _ in range(2))
    assert first == again


def test_seeds_and_epochs_do_not_collide() -> None:
    units = some_units()
    plans = {
        (seed, epoch): tuple(plan_epoch(units, alpha=0.5, batch_size=8, seed=seed, epoch=epoch))
        for seed in range(6)
        for epoch in range(6)
    }
    assert len(set(plans.values())) == 36


def test_the_order_of_the_pairs_does_not_matter() -> None:
    pairs = [pair(u, lang) for u in range(30) for lang in LANGUAGES]
    forward, backward = index_units(pairs), index_units(pairs[::-1])
    options = {"alpha": 0.5, "batch_size": 8, "seed": 1}
    assert list(islice(plan(forward, **options), 30)) == list(islice(plan(backward, **options), 30))


def test_languages_get_different_permutations() -> None:
    units = index_units([pair(u, lang) for u in range(40) for lang in LANGUAGES])
    seen: dict[str, list[int]] = {lang: [] for lang in LANGUAGES}
    for batch in islice(plan(units, alpha=1.0, batch_size=8, seed=2), 60):
        seen[batch.rows[0][1]] += [unit for unit, _, _ in batch.rows]
    assert len({tuple(order[:40]) for order in seen.values()}) == len(LANGUAGES)


def test_an_epoch_of_one_language_visits_every_unit_once_before_any_twice() -> None:
    units = index_units([pair(u, "en") for u in range(40)])
    rows = [row[0] for batch in plan_epoch(units, alpha=1.0, batch_size=8, seed=2, epoch=0) for row in batch.rows]
    assert sorted(rows) == list(range(40))


def test_shared_texts_make_one_group_also_through_a_third_unit() -> None:
    units = index_units([pair(0, "en", passage="Same  text"), pair(1, "en", passage="same text", query="ask"),
                         pair(2, "en", query="Ask"), pair(3, "en")])  # fmt: skip
    assert units.groups[0] == units.groups[1] == units.groups[2] != units.groups[3]


@pytest.mark.parametrize(
    ("languages", "alpha", "batch_size", "told"),
    [
        (("en",), 0.5, 4, "two languages"),
        (LANGUAGES, 1.0, 500, "lower train.batch_size"),
        (LANGUAGES, 0.0, 500, "lower it to"),
        (LANGUAGES, 1.5, 4, "no probability"),
    ],
)
def test_what_cannot_be_planned_is_told(languages: tuple[str, ...], alpha: float, batch_size: int, told: str) -> None:
    with pytest.raises(UserError, match=told):
        next(plan(some_units(languages=languages), alpha=alpha, batch_size=batch_size, seed=1))


def test_a_batch_is_described_in_one_line() -> None:
    batch = next(plan(some_units(), alpha=0.0, batch_size=8, seed=1))
    assert describe(batch).startswith("crosslingual 8 units: ")
