"""The batches of pre-training: one language, different pages, every block in turn, and each control as it says."""

from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from number_pages import LANGUAGES, blocks_of, pages_of, some_pages

from babelmix.common.errors import UserError
from babelmix.pretraining.blocks import without
from babelmix.pretraining.pages import Pages
from babelmix.pretraining.plan import BlockBatch, held_out, plan_blocks
from babelmix.pretraining.settings import Pretrain

SIZE = 3  # texts of a block
OBJECTIVES = ("msm", "ccp", "msm-shuffled", "msm-x", "bitext")
EVEN = {lang: [7] * 12 for lang in LANGUAGES}


def chosen(objective: str, blocks: int = 2, **others: Any) -> Pretrain:
    """Settings whose batches have as many rows as so many blocks; with targets beside them half of `blocks:`."""
    said = 2 * blocks if objective in ("msm-x", "bitext") else blocks
    return Pretrain.model_validate({"objective": objective, "blocks": said, "sentences": SIZE} | others)


def planned(pages: Pages, wanted: Pretrain, *, steps: int = 12, start: int = 0, seed: int = 5) -> list[BlockBatch]:
    """The batches, or an example to leave out: the pages cannot fill one."""
    try:
        return list(plan_blocks(blocks_of(pages, SIZE), wanted, seed=seed, steps=steps, start=start))
    except UserError:
        assume(False)
        raise


def texts(batch: BlockBatch) -> list[str]:
    return [" ".join(map(str, ids)) for ids in batch.texts]


def targets(batch: BlockBatch) -> list[str]:
    return texts(batch) if batch.targets is None else [" ".join(map(str, ids)) for ids in batch.targets]


def of_blocks(batch: BlockBatch) -> list[tuple[str, ...]]:
    rows = texts(batch)
    return [tuple(rows[start : start + SIZE]) for start in range(0, len(rows), SIZE)]


def all_blocks(pages: Pages, lang: str) -> Counter[tuple[str, tuple[str, ...]]]:
    """Every train block of a language with its page, cut by hand."""
    found = Counter[tuple[str, tuple[str, ...]]]()
    for page, strings in pages.texts[lang].items():
        rest = list(strings.values())
        while len(rest) >= SIZE and page not in pages.dev:
            found[page, tuple(rest[:SIZE])] += 1
            rest = rest[SIZE:]
    return found


def written(batches: list[BlockBatch]) -> list[Any]:
    """Everything that batches say, in a form that can be compared."""
    return [(one.language, one.target_language, texts(one), targets(one), one.groups.tolist()) for one in batches]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_encodes_as_many_texts_a_step(objective: str) -> None:
    wanted = Pretrain.model_validate({"objective": objective, "blocks": 4, "sentences": SIZE})
    for batch in planned(pages_of(EVEN), wanted):
        assert len(batch.texts) + len(batch.targets or ()) == 4 * SIZE


@given(some_pages(), st.sampled_from(["msm", "ccp"]))
@settings(max_examples=30)
def test_a_batch_has_train_blocks_of_one_language_and_different_pages(pages: Pages, objective: str) -> None:
    batches = planned(pages, chosen(objective))
    assert len(batches) == 12
    for batch in batches:
        assert batch.language == batch.target_language and batch.targets is None
        known = all_blocks(pages, batch.language)
        candidates = [{page for page, block in known if block == one} for one in of_blocks(batch)]
        assert len(candidates) == 2 and all(candidates)
        assert any(one != other for one in candidates[0] for other in candidates[1])


@given(some_pages(), st.sampled_from(OBJECTIVES))
@settings(max_examples=30)
def test_groups_say_which_targets_are_the_same_text(pages: Pages, objective: str) -> None:
    for batch in planned(pages, chosen(objective)):
        found = targets(batch)
        assert batch.groups.dtype == np.int64 and batch.groups.shape == (len(found),) == (2 * SIZE,)
        for one, other in combinations(range(len(found)), 2):
            assert (batch.groups[one] == batch.groups[other]) == (found[one] == found[other])


@given(some_pages(), st.sampled_from(OBJECTIVES), st.integers(0, 40))
@settings(max_examples=30)
def test_resuming_gives_the_batches_of_an_uninterrupted_run(pages: Pages, objective: str, start: int) -> None:
    batches = planned(pages, chosen(objective), steps=30)
    assert written(planned(pages, chosen(objective), steps=30, start=start)) == written(batches[start:])
    assert written(planned(pages, chosen(objective), steps=11)) == written(batches[:11])


@given(some_pages(shared=False))
@settings(max_examples=30)
def test_a_block_comes_again_only_if_all_that_did_not_come_share_a_page_of_the_batch(pages: Pages) -> None:
    blocks = {lang: {block: page for page, block in all_blocks(pages, lang)} for lang in pages.texts}
    able = {lang: found for lang, found in blocks.items() if len(set(found.values())) >= 2}
    assume(able)
    epoch = sum(map(len, able.values())) // 2
    seen: dict[str, Counter[tuple[str, ...]]] = {lang: Counter() for lang in able}
    for batch in planned(pages, chosen("msm"), steps=epoch):
        counted, page_of = seen[batch.language], able[batch.language]
        round_before = min(counted[block] for block in page_of)
        waiting = {block for block in page_of if counted[block] == round_before}
        drawn = of_blocks(batch)
        if any(counted[block] > round_before for block in drawn):
            pages_drawn = {page_of[block] for block in drawn}
            assert all(block in drawn or page_of[block] in pages_drawn for block in waiting)
        counted.update(drawn)


def test_all_blocks_come_before_any_comes_again() -> None:
    pages = pages_of({"en": [7] * 12})  # 24 blocks
    batches = planned(pages, chosen("msm", 4), steps=6)
    assert Counter(block for batch in batches for block in of_blocks(batch)) == Counter(
        block for _, block in all_blocks(pages, "en")
    )


def test_languages_are_drawn_uniformly_whatever_their_size() -> None:
    pages = pages_of({"en": [11] * 20, "de": [3] * 4, "ja": [11] * 8})
    counted = Counter(batch.language for batch in planned(pages, chosen("msm"), steps=900))
    assert counted.keys() == set(LANGUAGES)
    assert all(abs(number / 900 - 1 / 3) < 4 * (2 / 9 / 900) ** 0.5 for number in counted.values())


@given(some_pages())
@settings(max_examples=30)
def test_shuffling_keeps_the_texts_of_every_block_of_msm(pages: Pages) -> None:
    for one, other in zip(planned(pages, chosen("msm")), planned(pages, chosen("msm-shuffled")), strict=True):
        assert [sorted(block) for block in of_blocks(one)] == [sorted(block) for block in of_blocks(other)]
        assert one.language == other.language


def test_shuffling_makes_every_order_equally_likely() -> None:
    pages = pages_of({"en": [3] * 8})
    batches = planned(pages, chosen("msm-shuffled"), steps=300)
    orders = Counter(tuple(int(text.split()[2]) for text in block) for batch in batches for block in of_blocks(batch))
    assert len(orders) == 6
    assert all(abs(number / 600 - 1 / 6) < 4 * (5 / 36 / 600) ** 0.5 for number in orders.values())


@given(some_pages(shared=False))
@settings(max_examples=30)
def test_msm_x_targets_are_the_same_places_in_another_language(pages: Pages) -> None:
    order = list(pages.texts)
    for batch in planned(pages, chosen("msm-x")):
        assert batch.language != batch.target_language and batch.targets is not None
        known = {block for _, block in all_blocks(pages, batch.language)}
        assert set(of_blocks(batch)) <= known
        row, target_row = (str(order.index(lang)) for lang in (batch.language, batch.target_language))
        other = {text for strings in pages.texts[batch.target_language].values() for text in strings.values()}
        for text, target in zip(texts(batch), targets(batch), strict=True):
            assert text.split()[0] == row and target.split()[0] == target_row
            assert text.split()[1:] == target.split()[1:] and target in other


def test_msm_x_skips_blocks_whose_targets_are_missing() -> None:
    missing = frozenset(("de", page, 0) for page in range(6))  # German has the first block of pages 6 to 11 only
    pages = pages_of({"en": [3] * 12, "de": [3] * 12}, missing=missing)
    batches = planned(pages, chosen("msm-x"), steps=40)
    assert {text.split()[1] for batch in batches for text in texts(batch)} == {str(page) for page in range(6, 12)}
    assert {batch.language for batch in batches} == {"en", "de"}


@given(some_pages())
@settings(max_examples=30)
def test_bitext_rows_are_translations_that_share_no_text(pages: Pages) -> None:
    order = list(pages.texts)
    train = {lang: {text for _, block in all_blocks(pages, lang) for text in block} for lang in order}
    for batch in planned(pages, chosen("bitext")):
        assert (batch.language, batch.target_language) == ("X", "Y") and batch.targets is not None
        rows = list(zip(texts(batch), targets(batch), strict=True))
        for text, target in rows:
            if text.startswith("99"):
                assert target == text  # one text in all languages
                assert sum(text in known for known in train.values()) > 1
            else:
                assert text.split()[1:] == target.split()[1:] and text.split()[0] != target.split()[0]
                assert text in train[order[int(text.split()[0])]] and target in train[order[int(target.split()[0])]]
        assert len({text for row in rows for text in row}) == sum(len(set(row)) for row in rows)
        places = [" ".join(text.split()[1:]) for text, _ in rows]
        assert len(set(places)) == len(rows)


def test_bitext_draws_a_language_pair_for_each_row() -> None:
    batches = planned(pages_of(EVEN), chosen("bitext", 6), steps=60)
    pairs = Counter(
        (text.split()[0], target.split()[0])
        for batch in batches
        for text, target in zip(texts(batch), targets(batch), strict=True)
    )
    assert len(pairs) == 6 and min(pairs.values()) > 100  # of 1080
    assert max(len({text.split()[0] for text in texts(batch)}) for batch in batches) == 3


@given(some_pages(), st.sampled_from(OBJECTIVES))
@settings(max_examples=30)
def test_names_of_languages_have_no_effect(pages: Pages, objective: str) -> None:
    names = dict(zip(LANGUAGES, ("zh", "ar", "fr"), strict=True))
    renamed = replace(
        pages,
        texts={names[lang]: of_pages for lang, of_pages in pages.texts.items()},
        left_out={names[lang]: counted for lang, counted in pages.left_out.items()},
    )
    before, after = planned(pages, chosen(objective)), planned(renamed, chosen(objective))
    for one, other in zip(written(before), written(after), strict=True):
        assert [names.get(lang, lang) for lang in one[:2]] == list(other[:2])
        assert one[2:] == other[2:]


def test_seeds_give_different_batches() -> None:
    for objective in OBJECTIVES:
        one, other = (planned(pages_of(EVEN), chosen(objective), seed=seed) for seed in (1, 2))
        assert written(one) != written(other)


def test_dev_pages_are_in_no_batch_and_held_out() -> None:
    pages = pages_of(EVEN, dev=frozenset({2, 5, 7}))
    for objective in OBJECTIVES:
        batches = planned(pages, chosen(objective), steps=60)
        seen = {text.split()[1] for batch in batches for text in texts(batch)}
        assert seen == {str(page) for page in range(12)} - {"2", "5", "7"}
    blocks = blocks_of(pages, SIZE)
    found = held_out(blocks, "de", 10)
    assert sorted(block[0].split()[1] for block in of_blocks(found)) == ["2", "5", "7"]
    assert (found.language, found.target_language, found.targets) == ("de", "de", None)
    assert written([found]) == written([held_out(blocks, "de", 10)])
    assert of_blocks(held_out(blocks, "de", 2)) == of_blocks(found)[:2]
    assert [block[0].split()[1:] for block in of_blocks(held_out(blocks, "ja", 10))] == [
        block[0].split()[1:] for block in of_blocks(found)
    ]


def test_a_language_left_out_is_in_no_batch() -> None:
    blocks = without(blocks_of(pages_of(EVEN), SIZE), ["de"])
    assert blocks.languages == ("en", "ja")
    for objective in OBJECTIVES:
        batches = list(plan_blocks(blocks, chosen(objective), seed=5, steps=40))
        assert {text.split()[0] for batch in batches for text in (*texts(batch), *targets(batch))} == {"0", "2"}
    with pytest.raises(UserError, match=r"unknown language 'fr'.*valid: en, ja"):
        without(blocks, ["fr"])


@pytest.mark.parametrize(
    ("objective", "blocks", "message"),
    [
        ("none", 2, r"pretrain\.objective: no pre-training is chosen; write pretrain\.objective: msm"),
        ("msm", 5, r"no language has 5 pages of the train split with 3 texts or more \(it has: en 4, de 3\); lower"),
        ("msm-x", 4, r"no language pair has 4 .* \(it has: de-en 3, en-de 2\)"),
        ("bitext", 6, r"a batch of 18 pairs has only 8 distinct texts in two languages; lower"),
    ],
)
def test_pages_that_fill_no_batch_are_an_error_before_the_first(objective: str, blocks: int, message: str) -> None:
    pages = pages_of({"en": [3, 4, 2, 3, 6], "de": [3, 4, 2, 3, 2]}, missing=frozenset({("de", 1, 1)}))
    with pytest.raises(UserError, match=message):
        plan_blocks(blocks_of(pages, SIZE), chosen(objective, blocks), seed=1, steps=1)


def test_held_out_needs_blocks_of_dev_pages() -> None:
    blocks = blocks_of(pages_of(EVEN), SIZE)
    with pytest.raises(UserError, match=r"no block of a dev page in 'de'; raise pairs\.dev_share"):
        held_out(blocks, "de", 4)
    with pytest.raises(UserError, match="unknown language 'fr'"):
        held_out(blocks, "fr", 4)
