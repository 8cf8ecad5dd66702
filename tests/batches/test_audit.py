"""The audit of a plan: what it counts, compared with counting by hand, and false negatives beside a blind draw."""

import unicodedata
from io import StringIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from babelmix.batches.audit import Audit, audit, false_negatives, render
from babelmix.batches.objective import Objective
from babelmix.batches.sampler import Batch, plan
from babelmix.batches.units import Units, index_units
from babelmix.corpus.index import PairIndex, index_pairs, train_rows
from babelmix.corpus.records import Pair


def gather(pairs: list[Pair]) -> tuple[PairIndex, Units]:
    index = index_pairs((pair, False) for pair in pairs)
    return index, index_units(index, train_rows(index))


def pair(unit: int, lang: str, query: str = "", passage: str = "") -> Pair:
    name = f"u{unit:02}"
    return Pair(name, lang, "train", query or f"q {name} {lang}", passage or f"p {name} {lang}", "human")


def planted() -> list[Pair]:
    """40 units in three languages, of which ten have one English passage and two each other's text as a query."""
    pairs = [
        pair(u, lang, passage="Same" if u < 10 and lang == "en" else "") for u in range(40) for lang in ("de", "en")
    ]
    return [*pairs, *(pair(u, "fr", query="p u20 de" if u == 21 else "") for u in range(20, 40))]


@pytest.mark.parametrize(
    "objective",
    [
        Objective(alpha=0.5),
        Objective(alpha=1.0),
        Objective(alpha=0.0, other="X-X"),
        Objective(alpha=0.0, batch_languages=2),
    ],
)
def test_planted_duplicates_are_in_a_blind_draw_and_not_in_the_plan(objective: Objective) -> None:
    index, units = gather(planted())
    found = audit(index, units, plan(units, objective, batch_size=8, seed=1, steps=60), seed=1)
    assert found.false_negatives == 0 < found.false_negatives_blind
    assert found.passed > 0
    assert sum(found.negatives.values()) == 60 * 8 * 7
    assert found == audit(index, units, plan(units, objective, batch_size=8, seed=1, steps=60), seed=1)


def test_texts_that_look_alike_are_one_text_to_the_plan_and_to_the_audit() -> None:
    forms = ["Thư viện mở cửa", unicodedata.normalize("NFD", "Thư viện mở cửa"), "THƯ VIỆN\u00ad MỞ CỬA", "Thư viện"]
    index, units = gather([pair(u, "en", passage=text) for u, text in enumerate(forms)])
    assert false_negatives(index, units, np.arange(4)) == 3 * 2
    batches = list(plan(units, Objective(alpha=1.0), batch_size=2, seed=1, steps=20))
    assert all(3 in {unit for unit, _, _ in batch.rows} for batch in batches)


def test_a_plan_that_ignores_groups_is_found_out() -> None:
    """The audit does not trust the groups: if each unit is a group by itself, the plan has false negatives."""
    index, units = gather(planted())
    blind = Units(units.ids, units.rows, np.arange(len(units.ids)))
    batches = plan(blind, Objective(alpha=1.0), batch_size=8, seed=1, steps=60)
    assert audit(index, blind, batches, seed=1).false_negatives > 0


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_false_negatives_are_those_that_brute_force_finds(data: st.DataObject) -> None:
    words = st.sampled_from(["", "", "", "a", "A ", "b", "c"])
    pairs = [
        pair(u, lang, data.draw(words), data.draw(words))
        for u in range(8)
        for place, lang in enumerate(("en", "de", "fr"))
        if not place or u % (place + 1)
    ]
    index, units = gather(pairs)
    members = data.draw(st.lists(st.integers(0, 7), min_size=1, max_size=12))
    texts = [
        {text.strip().lower() for one in pairs if one.parallel_id == units.ids[u] for text in (one.query, one.passage)}
        for u in members
    ]
    expected = sum(bool(one & other) for i, one in enumerate(texts) for j, other in enumerate(texts) if i != j)
    assert false_negatives(index, units, np.array(members)) == expected


def test_counts_are_those_by_hand() -> None:
    index, units = gather([pair(u, lang) for u in range(5) for lang in ("de", "en")])
    rows = ((0, "en", "de"), (1, "de", "en"), (2, "en", "de"))
    batches = [
        Batch("monolingual", tuple((u, "en", "en") for u in (0, 1, 3)), passed=2),
        Batch("crosslingual", rows, passed=1),
    ]
    found = audit(index, units, batches, seed=1)
    assert found.batches == {"monolingual": 1, "crosslingual": 1}
    assert found.negatives == {"monolingual": 6, "crosslingual": 6}
    # English queries 0 and 2 each see the English passage of 1; German query 1 sees two German ones.
    assert found.own_language == {"monolingual": 6, "crosslingual": 4}
    assert found.language_pairs == {("en", "en"): 3, ("en", "de"): 2, ("de", "en"): 1}
    assert found.languages(0) == {"en": 5, "de": 1} and found.languages(1) == {"en": 4, "de": 2}
    assert (found.seen, found.units, found.most, found.passed, found.false_negatives) == (4, 5, ("u00", 2), 3, 0)


def test_fewer_languages_a_batch_make_more_negatives_in_the_query_s_own() -> None:
    index, units = gather([pair(u, lang) for u in range(30) for lang in ("de", "en", "fr", "ja")])
    shares: list[float] = []
    for few in (None, 3, 2):
        objective = Objective(alpha=0.0, batch_languages=few)
        found = audit(index, units, plan(units, objective, batch_size=8, seed=1, steps=100), seed=1)
        shares.append(found.own_language["crosslingual"] / found.negatives["crosslingual"])
    assert shares == sorted(shares) and 0.2 < shares[0] < 0.3 and 0.4 < shares[2] < 0.6


def test_the_tables_fit_80_columns() -> None:
    codes = ("ar", "de", "el", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pt", "ru", "tr")
    pairs = {(a, b): 1_234_567 for a in codes for b in codes}
    kinds = {"crosslingual": 70_000, "monolingual": 30_000, "mixed": 3}
    negatives = dict.fromkeys(kinds, 10**10)
    most = ("a-source-of-pairs-with-a-long-name/folder/file.html#heading-123456", 1200)
    stream = StringIO()
    render(Audit(kinds, negatives, negatives, pairs, 9, 10, most, 11, 0, 12), Console(file=stream, width=80))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(lines)
    assert "heading-123456" in text.replace(" ", "").replace("│", "") and "false negatives, blind draw" in text
    assert "12 (0.0000%)" in text and "ar-ar" in text and "9 of 10" in text
