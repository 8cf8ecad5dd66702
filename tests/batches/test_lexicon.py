"""Lexical batches: how many, where, of words alone; and the other batches are those of the objective without them."""

import doctest
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from babelmix.batches import lexicon
from babelmix.batches.audit import audit
from babelmix.batches.lexicon import LEXICAL, Lexicon
from babelmix.batches.objective import Objective
from babelmix.batches.sampler import Batch, plan
from babelmix.batches.units import Units, index_units, training_rows
from babelmix.common.errors import UserError
from babelmix.corpus.index import PairIndex, dev_rows, index_pairs
from babelmix.corpus.records import WORDS, Pair, of_words

SHARES = st.floats(0.01, 1) | st.sampled_from([0.25, 0.5, 1.0])
PLACES = st.sampled_from(["spread", "first", "last"])


def texts(number: int = 30, languages: Sequence[str] = ("de", "en", "fr")) -> list[Pair]:
    return [
        Pair(f"page{n:03}", lang, "train", f"q {n} {lang}", f"p {n} {lang}", "human")
        for n in range(number)
        for lang in languages
    ]


def words(number: int = 30, languages: Sequence[str] = ("de", "en", "it"), split: str = "train") -> list[Pair]:
    """The first word of every fourth row is that of the row before it too."""
    pairs: list[Pair] = []
    for n in range(number):
        for place, lang in enumerate(languages):
            word = f"w{n - 1 if n % 4 == 1 and not place else n} {lang}"
            pairs.append(Pair(f"{WORDS}mine:{n:03}", lang, split, word, word, "human"))
    return pairs


def gather(pairs: Sequence[Pair], objective: Objective) -> tuple[PairIndex, Units]:
    index = index_pairs((one, False) for one in pairs)
    return index, index_units(index, training_rows(index, objective))


def planned(pairs: Sequence[Pair], objective: Objective, steps: int, start: int = 0) -> tuple[Units, list[Batch]]:
    units = gather(pairs, objective)[1]
    return units, list(plan(units, objective, batch_size=4, seed=5, steps=steps, start=start))


def named(units: Units, batches: Sequence[Batch]) -> list[list[tuple[str, str, str]]]:
    """Batches by the units' ids, which do not depend on what else is in the index."""
    return [[(units.ids[unit], *languages) for unit, *languages in batch.rows] for batch in batches]


def test_the_examples_are_true() -> None:
    failed, run = doctest.testmod(lexicon)
    assert run and not failed


@given(SHARES, PLACES, st.integers(0, 300))
def test_the_share_is_exact_and_the_places_are_what_they_say(share: float, at: str, steps: int) -> None:
    asked = Lexicon.model_validate({"share": share, "at": at})
    before = [asked.before(step, steps) for step in range(steps + 1)]
    here = [step for step, (one, two) in enumerate(pairwise(before)) if two > one]
    assert all(two - one in (0, 1) for one, two in pairwise(before))
    assert len(here) == before[-1] == round(share * steps)
    if at == "first":
        assert here == list(range(len(here)))
    elif at == "last":
        assert here == list(range(steps - len(here), steps))
    elif len(here) > 1:
        gaps = {two - one for one, two in pairwise([-1, *here])}
        assert max(gaps) - min(gaps) <= 1 and here[-1] == steps - 1


def test_a_quarter_is_every_fourth_batch() -> None:
    _, found = planned(texts() + words(), Objective(alpha=0.5, lexicon=Lexicon(share=0.25)), 12)
    assert [number for number, batch in enumerate(found, start=1) if batch.kind == LEXICAL] == [4, 8, 12]


@given(SHARES, PLACES, st.integers(1, 40), st.sampled_from([0.0, 0.5, 1.0, ((0.0, 1.0), (1.0, 0.0))]))
@settings(max_examples=40, deadline=None)
def test_words_are_in_lexical_batches_alone_and_the_others_are_those_without_words(
    share: float, at: str, steps: int, alpha: float | tuple[tuple[float, float], ...]
) -> None:
    asked = Lexicon.model_validate({"share": share, "at": at})
    units, found = planned(texts() + words(), Objective(alpha=alpha, lexicon=asked), steps)
    assert len(found) == steps
    lexical = [batch for batch in found if batch.kind == LEXICAL]
    others = [batch for batch in found if batch.kind != LEXICAL]
    assert len(lexical) == round(share * steps)
    for rows in named(units, lexical):
        assert all(of_words(name) and query != passage for name, query, passage in rows)
        assert len(rows) == 4
    alone, without = planned(texts(), Objective(alpha=alpha), len(others))
    assert named(units, others) == named(alone, without)
    assert [batch.kind for batch in others] == [batch.kind for batch in without]


@given(st.integers(0, 60), st.integers(1, 60), SHARES, PLACES)
@settings(max_examples=30, deadline=None)
def test_a_plan_that_starts_late_is_the_tail_of_one_that_does_not(
    start: int, steps: int, share: float, at: str
) -> None:
    objective = Objective(alpha=0.5, lexicon=Lexicon.model_validate({"share": share, "at": at}))
    pairs = texts(10) + words(12)  # some epochs of both
    assert planned(pairs, objective, steps, start)[1] == planned(pairs, objective, steps)[1][start:]


def test_no_lexical_batch_holds_a_word_twice() -> None:
    units, found = planned(words(), Objective(alpha=0.5, lexicon=Lexicon(share=1)), 200)
    known = {(pair.parallel_id, pair.lang): pair.query for pair in words()}
    for rows in named(units, found):
        for side in (1, 2):
            assert len({known[row[0], row[side]] for row in rows}) == len(rows)


@pytest.mark.parametrize("objective", [Objective(alpha=0.5), Objective(alpha=0.5, per="row")])
def test_an_objective_without_a_lexicon_leaves_words_out(objective: Objective) -> None:
    """Also words that are the same as a text: they join no two texts."""
    joining = [Pair(f"{WORDS}mine:{n}", "en", "train", f"q {n} en", f"q {n} en", "human") for n in range(9)]
    (units, found), (alone, without) = (planned(pairs, objective, 30) for pairs in (texts() + joining, texts()))
    assert named(units, found) == named(alone, without)


def test_a_word_and_a_text_share_no_group() -> None:
    objective = Objective(alpha=0.5, lexicon=Lexicon(share=0.5))
    same = [
        Pair("page1", "en", "train", "cell", "what it holds", "human"),
        Pair("page2", "en", "train", "ask", "Cell", "human"),
        *(Pair(f"{WORDS}mine:{n}", "en", "train", "cell", "cell", "human") for n in range(2)),
    ]
    _, units = gather(same, objective)
    assert units.ids[:2] == ("page1", "page2")
    one, other, word, again = units.groups.tolist()
    assert one == other and word == again and one != word


def test_a_lexicon_alone_draws_no_text() -> None:
    units, found = planned(texts() + words(), Objective(alpha=0.5, lexicon=Lexicon(share=1)), 10)
    assert units.languages == ("de", "en", "it") and {batch.kind for batch in found} == {LEXICAL}


def test_languages_hold_for_words_too() -> None:
    objective = Objective(alpha=0.5, languages=("de", "en"), lexicon=Lexicon(share=0.5))
    _, found = planned(texts() + words(), objective, 20)
    assert {lang for batch in found for row in batch.rows for lang in row[1:]} == {"de", "en"}


@pytest.mark.parametrize(
    ("pairs", "asked", "message"),
    [
        (texts(), Lexicon(share=0.25, at="last"), "no word pairs .* add a dictionary"),
        (texts() + words(2), Lexicon(share=0.25, at="last"), "a cross-lingual batch of 4 has only"),
        (texts() + words(languages=("de",)), Lexicon(share=0.25, at="last"), "need two languages, there is de"),
        (texts(2) + words(), Lexicon(share=0.75, at="first"), "batch of 4 in 'de' has only 2"),
    ],
)
def test_what_cannot_be_filled_is_refused_before_the_first_batch(
    pairs: list[Pair], asked: Lexicon, message: str
) -> None:
    objective = Objective(alpha=0.5, lexicon=asked)
    with pytest.raises(UserError, match=message):
        next(plan(gather(pairs, objective)[1], objective, batch_size=4, seed=1, steps=200))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lexicon": {"share": 0}}, "greater than 0"),
        ({"lexicon": {"share": 1.5}}, "less than or equal to 1"),
        ({"lexicon": {"share": 0.5, "at": "middle"}}, "spread"),
        ({"lexicon": {"share": 0.5}, "origin": "human", "languages": ["en", "pt"]}, "words have none"),
    ],
)
def test_an_impossible_lexicon_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Objective.model_validate({"alpha": 0.5} | changes)


def test_the_objective_says_what_its_batches_hold() -> None:
    texts_too = Objective(alpha=0.5, lexicon=Lexicon(share=0.25, at="first")).describe()
    assert texts_too.startswith(
        "the first 25% of the batches hold words in two languages; otherwise a batch is monoling"
    )
    assert (
        Objective(alpha=0.5, lexicon=Lexicon(share=1)).describe() == "100% of the batches hold words in two languages"
    )
    assert "words" not in Objective(alpha=0.5).describe()


def test_the_audit_draws_words_beside_words() -> None:
    objective = Objective(alpha=0.5, lexicon=Lexicon(share=0.5))
    index, units = gather(texts() + words(), objective)
    found = audit(index, units, plan(units, objective, batch_size=4, seed=5, steps=200), seed=5)
    assert found.batches[LEXICAL] == 100 and found.false_negatives == 0
    assert found.false_negatives_blind > 0  # words of two rows; no two texts share one
    assert found.own_language[LEXICAL] < found.negatives[LEXICAL]


def test_the_dev_loss_is_of_texts() -> None:
    index = index_pairs((one, False) for one in [*words(split="dev"), Pair("page", "en", "dev", "q", "p", "human")])
    assert [index.units[index.unit[row]] for row in dev_rows(index)] == ["page"]
