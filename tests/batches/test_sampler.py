"""The batch plan: what a batch may hold, how kinds mix, and that the same numbers give the same plan."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.batches.objective import Objective
from babelmix.batches.sampler import Batch, describe, plan, plan_epoch
from babelmix.batches.units import Units, index_units, training_rows
from babelmix.common.errors import UserError
from babelmix.corpus.index import PairIndex, index_pairs, train_rows
from babelmix.corpus.records import Pair

LANGUAGES = ("de", "en", "fr", "ja")


def pair(unit: int, lang: str, query: str = "", passage: str = "", split: str = "train") -> Pair:
    name = f"u{unit:04}"
    return Pair(name, lang, split, query or f"q {name} {lang}", passage or f"p {name} {lang}", "human")


def gather(pairs: Iterable[Pair]) -> tuple[PairIndex, Units]:
    index = index_pairs((one, False) for one in pairs)
    return index, index_units(index, train_rows(index))


def some_units(number: int = 60, languages: Sequence[str] = LANGUAGES) -> Units:
    """Every unit in English, and in each other language with a share of its own."""
    rng = np.random.default_rng(1)
    return gather(pair(u, lang) for u in range(number) for lang in languages if lang == "en" or rng.random() < 0.8)[1]


def uneven_units() -> Units:
    """English 80, German 40, French 20; every French unit is in German too."""
    return gather(pair(u, lang) for lang, number in (("en", 80), ("de", 40), ("fr", 20)) for u in range(number))[1]


def batches(units: Units, objective: Objective, steps: int, *, batch_size: int = 4, seed: int = 5) -> list[Batch]:
    return list(plan(units, objective, batch_size=batch_size, seed=seed, steps=steps))


def named(units: Units, planned: Iterable[Batch]) -> list[str]:
    """The plan in units' ids, which do not depend on what else is in the index."""
    return [
        " ".join([one.kind, *(f"{units.ids[unit]}:{query}:{passage}" for unit, query, passage in one.rows)])
        for one in planned
    ]


@st.composite
def pairs_with_duplicates(draw: st.DrawFn) -> list[Pair]:
    """Units of which some share a query or a passage, or have another's passage as their query."""
    number = draw(st.integers(20, 50))
    texts = st.integers(0, number // 2)

    def text() -> str:
        return f"shared {draw(texts)}" if draw(st.integers(0, 5)) == 0 else ""

    return [pair(u, lang, text(), text()) for u in range(number) for lang in LANGUAGES if draw(st.booleans())]


OBJECTIVES = st.builds(
    Objective,
    alpha=st.sampled_from([0.0, 0.5, 1.0, ((0.0, 1.0), (0.3, 0.5), (1.0, 0.0))]),
    other=st.sampled_from(["X-Y", "X-X"]),
    weights=st.sampled_from(["uniform", "size", 3.0, 0.1]),
    batch_languages=st.sampled_from([None, 2, 3]),
)


@given(pairs_with_duplicates(), OBJECTIVES, st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_no_batch_holds_a_unit_a_query_or_a_passage_twice(pairs: list[Pair], objective: Objective, seed: int) -> None:
    try:
        _, units = gather(pairs)
        planned = batches(units, objective, 25, seed=seed)
    except UserError:
        return  # too few distinct units: an error before the first batch
    texts = {(one.parallel_id, one.lang): one for one in pairs}
    assert len(planned) == 25
    for batch in planned:
        queries = [texts[units.ids[unit], query] for unit, query, _ in batch.rows]
        passages = [texts[units.ids[unit], passage] for unit, _, passage in batch.rows]
        assert len({unit for unit, _, _ in batch.rows}) == 4
        assert len({one.query for one in queries}) == 4 and len({one.passage for one in passages}) == 4
        languages = {lang for row in batch.rows for lang in row[1:]}
        if batch.kind == "crosslingual":
            assert all(query != passage for _, query, passage in batch.rows)
            assert len(languages) <= (objective.batch_languages or len(LANGUAGES))
        else:
            assert all(query == passage for _, query, passage in batch.rows)
            assert batch.kind == "mixed" or len(languages) == 1


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_kinds_are_what_they_say(alpha: float) -> None:
    for batch in batches(some_units(), Objective(alpha=alpha), 60, batch_size=8):
        if batch.kind == "monolingual":
            assert len({lang for _, query, passage in batch.rows for lang in (query, passage)}) == 1
        else:
            assert all(query != passage for _, query, passage in batch.rows)
            assert len({(query, passage) for _, query, passage in batch.rows}) > 1


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.8])
def test_the_mix_of_kinds_stays_within_binomial_bounds(alpha: float) -> None:
    steps = 2000
    kinds = Counter(batch.kind for batch in batches(some_units(), Objective(alpha=alpha), steps, batch_size=2))
    assert abs(kinds["monolingual"] / steps - alpha) < 4 * (alpha * (1 - alpha) / steps) ** 0.5


def test_a_schedule_of_alpha_runs_over_all_steps_within_binomial_bounds() -> None:
    objective = Objective(alpha=((0.0, 1.0), (0.5, 0.2), (1.0, 0.2)))
    planned = batches(some_units(), objective, 3000, batch_size=2)
    assert planned[0].kind == "monolingual"
    for first in range(0, 3000, 500):
        expected = [objective.alpha_at(number / 2999) for number in range(first, first + 500)]
        found = sum(batch.kind == "monolingual" for batch in planned[first : first + 500])
        assert abs(found - sum(expected)) < 4 * sum(alpha * (1 - alpha) for alpha in expected) ** 0.5


def test_languages_and_directions_are_drawn_uniformly() -> None:
    mono = Counter(b.rows[0][1] for b in batches(some_units(), Objective(alpha=1.0), 4000, batch_size=2))
    cross = Counter(row[1:] for b in batches(some_units(), Objective(alpha=0.0), 3000) for row in b.rows)
    mixed = Counter(row[1:] for b in batches(some_units(), Objective(alpha=0, other="X-X"), 3000) for row in b.rows)
    assert set(mono) == set(LANGUAGES) and len(cross) == 12 and len(mixed) == 4
    assert all(abs(count / 4000 - 1 / 4) < 0.03 for count in mono.values())
    assert all(abs(count / 12000 - 1 / 12) < 0.012 for count in cross.values())
    assert all(abs(count / 12000 - 1 / 4) < 0.02 for count in mixed.values())


@pytest.mark.parametrize(("weights", "power"), [("uniform", 0), ("size", 1), (1.0, 1), (2.0, 0.5), (0.5, 2)])
def test_weights_draw_by_the_number_of_pairs_to_their_power(weights: str | float, power: float) -> None:
    def check(drawn: list[tuple[str, ...]], sizes: dict[tuple[str, ...], int]) -> None:
        total = sum(size**power for size in sizes.values())
        counted = Counter(drawn)
        for pair, size in sizes.items():
            share = size**power / total
            assert abs(counted[pair] / len(drawn) - share) < 4 * (share * (1 - share) / len(drawn)) ** 0.5

    def objective(alpha: float, other: str = "X-Y") -> Objective:
        return Objective.model_validate({"alpha": alpha, "other": other, "weights": weights})

    units, one_language = uneven_units(), {("en",): 80, ("de",): 40, ("fr",): 20}
    check([batch.rows[0][1:2] for batch in batches(units, objective(1.0), 2000)], one_language)
    mixed = batches(units, objective(0.0, "X-X"), 500)
    check([row[1:2] for batch in mixed for row in batch.rows], one_language)
    pairs = {("en", "de"): 40, ("de", "en"): 40, **{(a, b): 20 for a, b in (("en", "fr"), ("fr", "en"))}}
    pairs |= {("fr", "de"): 20, ("de", "fr"): 20}
    check([row[1:] for batch in batches(units, objective(0.0), 500) for row in batch.rows], pairs)


def test_a_weight_that_draws_one_language_alone_still_fills_the_batch() -> None:
    objective = Objective(alpha=0.0, other="X-X", weights=0.001)
    units = gather(
        pair(u, lang) for lang, first, number in (("en", 0, 6), ("de", 6, 5)) for u in range(first, first + number)
    )[1]
    assert {len(batch.rows) for batch in batches(units, objective, 20, batch_size=10)} == {10}


@pytest.mark.parametrize("number", [2, 3])
def test_few_languages_a_batch(number: int) -> None:
    drawn = [
        frozenset(lang for row in batch.rows for lang in row[1:])
        for batch in batches(some_units(), Objective(alpha=0.0, batch_languages=number), 300, batch_size=16)
    ]
    assert set(drawn) == {frozenset(few) for few in combinations(LANGUAGES, number)}


def test_few_languages_keep_to_those_that_fill_a_batch_and_share_units() -> None:
    """German and English share units enough, French a few; Japanese and Korean are alone with each other."""
    spans = (("en", 0, 30), ("de", 0, 30), ("fr", 28, 40), ("ja", 100, 104), ("ko", 100, 104))
    units = gather(pair(u, lang) for lang, first, last in spans for u in range(first, last))[1]
    two, three = (batches(units, Objective(alpha=0.0, batch_languages=number), 50, batch_size=8) for number in (2, 3))
    assert {lang for batch in two for row in batch.rows for lang in row[1:]} == {"de", "en"}
    assert {lang for batch in three for row in batch.rows for lang in row[1:]} == {"de", "en", "fr"}
    with pytest.raises(UserError, match="no 4 languages of 5 share units"):
        batches(units, Objective(alpha=0.0, batch_languages=4), 1, batch_size=8)
    assert batches(units, Objective(alpha=1.0, batch_languages=4), 1, batch_size=4)  # no X-Y batch is asked


@given(st.integers(0, 50), st.integers(0, 5), OBJECTIVES)
@settings(max_examples=25, deadline=None)
def test_the_same_seed_and_epoch_give_the_same_plan(seed: int, epoch: int, objective: Objective) -> None:
    options = {"batch_size": 4, "seed": seed, "epoch": epoch, "steps": 90}
    first, again = (list(plan_epoch(some_units(30), objective, **options)) for _ in range(2))
    assert first == again


@given(st.integers(0, 70), st.integers(1, 70), OBJECTIVES)
@settings(max_examples=25, deadline=None)
def test_a_plan_that_starts_late_is_the_tail_of_one_that_does_not(start: int, steps: int, objective: Objective) -> None:
    options = {"batch_size": 4, "seed": 3, "steps": steps}
    units = some_units(20)  # an epoch is some 16 batches
    whole = list(plan(units, objective, **options))
    assert len(whole) == steps and list(plan(units, objective, **options, start=start)) == whole[start:]


def test_seeds_and_epochs_do_not_collide() -> None:
    units = some_units()
    plans = {
        (seed, epoch): tuple(plan_epoch(units, Objective(alpha=0.5), batch_size=8, seed=seed, epoch=epoch, steps=9))
        for seed in range(6)
        for epoch in range(6)
    }
    assert len(set(plans.values())) == 36


@given(pairs_with_duplicates(), st.randoms(use_true_random=False), OBJECTIVES)
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_pairs_does_not_matter(pairs: list[Pair], random: Random, objective: Objective) -> None:
    shuffled = random.sample(pairs, len(pairs))
    forward, other = gather(pairs)[1], gather(shuffled)[1]
    try:
        expected = named(forward, batches(forward, objective, 30))
    except UserError:
        with pytest.raises(UserError):
            batches(other, objective, 30)
        return
    assert named(other, batches(other, objective, 30)) == expected


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_plan_of_published_runs_stays(alpha: float) -> None:
    """Hashes of 240 batches, over some 12 epochs; a change of them makes all results new."""
    expected = {
        0.0: "de53dbe339d95c396b8925d6e51ae2f8",
        0.5: "da04a013f09685ccccb04611603c9487",
        1.0: "936cf39d53c0a2e3ff1103d5bba2286d",
    }
    pairs = [
        pair(u, lang, f"shared {u // 3}" if u % 7 == 0 else "", f"same {u % 5}" if u % 6 == 0 and lang == "en" else "",
             "dev" if u % 10 == 9 else "train")
        for u in range(90)
        for place, lang in enumerate(LANGUAGES)
        if u % (place + 2) or lang == "en"
    ]  # fmt: skip
    units = gather(pairs)[1]
    text = "\n".join(named(units, batches(units, Objective(alpha=alpha), 240, batch_size=12, seed=13)))
    assert hashlib.sha256(text.encode()).hexdigest()[:32] == expected[alpha]


def test_languages_get_different_permutations() -> None:
    units = gather(pair(u, lang) for u in range(40) for lang in LANGUAGES)[1]
    seen: dict[str, list[int]] = {lang: [] for lang in LANGUAGES}
    for batch in batches(units, Objective(alpha=1.0), 60, batch_size=8, seed=2):
        seen[batch.rows[0][1]] += [unit for unit, _, _ in batch.rows]
    assert len({tuple(order[:40]) for order in seen.values()}) == len(LANGUAGES)


def test_an_epoch_of_one_language_visits_every_unit_once_before_any_twice() -> None:
    units = gather(pair(u, "en") for u in range(40))[1]
    epoch = plan_epoch(units, Objective(alpha=1.0), batch_size=8, seed=2, epoch=0, steps=5)
    assert sorted(row[0] for batch in epoch for row in batch.rows) == list(range(40))


def test_a_unit_passed_over_comes_first_in_the_next_batch() -> None:
    """Five of nine units share a passage: after the first of them, the others wait."""
    units = gather(pair(u, "en", passage="same" if u < 5 else "") for u in range(9))[1]
    for seed in range(20):
        first, second = batches(units, Objective(alpha=1.0), 2, seed=seed)
        if first.passed:
            assert second.rows[0][0] < 5
    assert any(batches(units, Objective(alpha=1.0), 1, seed=seed)[0].passed for seed in range(20))


def test_shared_texts_make_one_group_also_through_a_third_unit() -> None:
    _, units = gather([pair(0, "en", passage="Same  text"), pair(1, "en", passage="same text", query="ask"),
                       pair(2, "de", query="Ask"), pair(3, "en"), pair(4, "fr", query="q u0003 EN")])  # fmt: skip
    one, two, three, four, five = units.groups.tolist()
    assert one == two == three and four == five and one != four


def test_only_the_chosen_rows_join_units() -> None:
    pairs = [pair(0, "en"), pair(1, "en"), pair(0, "de", "same"), pair(1, "de", "same"), pair(2, "fr", split="dev")]
    index, _ = gather(pairs)
    both, english = (
        index_units(index, training_rows(index, Objective(alpha=1.0, languages=of))) for of in (None, ("en",))
    )
    assert both.groups[0] == both.groups[1] and english.groups[0] != english.groups[1]
    assert both.languages == ("de", "en") and english.languages == ("en",)
    assert both.ids == english.ids == ("u0000", "u0001", "u0002")
    assert english.rows["en"].tolist() == [0, 1, -1] and both.rows["de"].tolist() == [2, 3, -1]


@pytest.mark.parametrize(
    ("languages", "objective", "batch_size", "message"),
    [
        (("en",), Objective(alpha=0.5), 4, "two languages"),
        (LANGUAGES, Objective(alpha=1.0), 500, "lower train.batch_size"),
        (LANGUAGES, Objective(alpha=((0.0, 0.0), (1.0, 1.0))), 500, "a monolingual batch of 500"),
        (LANGUAGES, Objective(alpha=0.0), 500, "lower it to"),
        (("en",), Objective(alpha=0.0, other="X-X"), 500, "a mixed batch of 500 has only 60"),
        (LANGUAGES, Objective(alpha=0.0, batch_languages=5), 4, "no 5 languages of 4"),
        ((), Objective(alpha=0.0, other="X-X"), 4, "no pairs"),
    ],
)
def test_a_plan_that_cannot_be_filled_is_refused(
    languages: Sequence[str], objective: Objective, batch_size: int, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        next(plan(some_units(languages=languages), objective, batch_size=batch_size, seed=1, steps=1))


def test_a_batch_is_described_in_one_line() -> None:
    (batch,) = batches(some_units(), Objective(alpha=0.0), 1, batch_size=8)
    assert describe(batch).startswith("crosslingual 8 units: ")
    assert describe(Batch("mixed", ((0, "en", "en"), (1, "de", "de"), (2, "en", "en")))).endswith("3 units: en 2, de 1")
