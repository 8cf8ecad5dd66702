"""Interpolation of static and contextual vectors: W is SciPy's, the share is what trying all shares by hand gives."""

import doctest
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from babelmix.common.errors import UserError
from babelmix.probes import interpolation
from babelmix.probes.interpolation import SHARES, Words, interpolate, mix, procrustes


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)


def random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def some_words(seed: int, units: int, noise: tuple[float, float], languages: tuple[str, ...] = ("de", "en", "fr")):
    """Words whose static and contextual vectors are those of their unit, with noise; a few words come twice."""
    rng = np.random.default_rng(seed)
    meanings, turn = rng.normal(size=(units, 8)), np.linalg.qr(rng.normal(size=(8, 8)))[0]
    row = [(number, language) for number in range(units) for language in languages if rng.random() < 0.9]
    number = np.array([number for number, _ in row])
    names = [f"w{max(0, one - (one % 5 == 1 and language == 'de'))}" for one, language in row]
    vectors = [(meanings[number] + width * rng.normal(size=(len(row), 8))) for width in noise]
    same = {(name, language): place for place, (name, (_, language)) in enumerate(zip(names, row, strict=True))}
    place = [same[name, language] for name, (_, language) in zip(names, row, strict=True)]  # one word, one vector
    static, contextual = ((part[place]).astype(np.float32) for part in (vectors[0] @ turn, vectors[1]))
    return Words(names, [language for _, language in row], number, static, contextual)


def by_hand(words: Words, held_out: np.ndarray, turn: np.ndarray, share: float) -> tuple[float, float]:
    """P@1 and MRR, one question after another."""
    mixed = unit((1 - share) * unit(words.static) @ turn.astype(np.float64) + share * unit(words.contextual))
    ranks: list[int] = []
    for source, target in permutations(sorted(set(words.languages)), 2):
        candidates: dict[str, int] = {}
        gold: dict[int, str] = {}
        for row, language in enumerate(words.languages):
            if language == target:
                candidates.setdefault(words.names[row], row)
                gold[int(words.units[row])] = words.names[row]
        order = sorted(candidates)
        for row, language in enumerate(words.languages):
            if language == source and held_out[row] and int(words.units[row]) in gold:
                scores = {name: np.float32(mixed[row] @ mixed[candidates[name]]) for name in order}
                ranked = sorted(order, key=lambda name: -scores[name])
                ranks.append(1 + ranked.index(gold[int(words.units[row])]))
    return float(np.mean([rank == 1 for rank in ranks])), float(np.mean([1 / rank for rank in ranks]))


def test_the_examples_are_true() -> None:
    failed, run = doctest.testmod(interpolation)
    assert run and not failed


@given(st.integers(0, 999), st.integers(3, 40), st.integers(2, 9))
@settings(max_examples=30, deadline=None)
def test_the_map_is_that_of_scipy(seed: int, words: int, width: int) -> None:
    static, contextual = random(seed, words, width), random(seed + 1, words, width)
    found = procrustes(static, contextual)
    if words >= width:  # with fewer words than dimensions there are several
        assert np.allclose(found, orthogonal_procrustes(unit(static), unit(contextual))[0], atol=1e-5)
    assert np.allclose(found @ found.T, np.eye(width), atol=1e-5)


def test_a_rotation_is_found_again() -> None:
    turn = np.linalg.qr(random(1, 6, 6).astype(np.float64))[0]
    static = random(2, 50, 6)
    assert np.allclose(procrustes(static, (static @ turn).astype(np.float32)), turn, atol=1e-5)


@pytest.mark.parametrize(("narrow", "wide"), [(4, 7), (7, 4)])
def test_spaces_of_two_widths_keep_a_map_with_orthonormal_rows_or_columns(narrow: int, wide: int) -> None:
    found = procrustes(random(3, 60, narrow), random(4, 60, wide))
    small = found @ found.T if narrow < wide else found.T @ found
    assert found.shape == (narrow, wide) and np.allclose(small, np.eye(4), atol=1e-5)


def test_the_ends_are_the_two_vectors() -> None:
    static, contextual, turn = random(5, 9, 4), random(6, 9, 4), np.linalg.qr(random(7, 4, 4))[0].astype(np.float32)
    assert np.allclose(mix(static, contextual, turn, 1.0), unit(contextual), atol=1e-6)
    assert np.allclose(mix(static, contextual, turn, 0.0), unit(static) @ turn, atol=1e-6)
    assert np.allclose(np.linalg.norm(mix(static, contextual, turn, 0.3), axis=1), 1, atol=1e-6)


@given(st.integers(0, 999), st.tuples(st.sampled_from([0.2, 1.0, 3.0]), st.sampled_from([0.2, 1.0, 3.0])))
@settings(max_examples=10, deadline=None)
def test_the_scores_are_those_by_hand_and_the_best_share_is_chosen(seed: int, noise: tuple[float, float]) -> None:
    words = some_words(seed, 25, noise)
    held_out = words.units % 3 == 0
    found = interpolate(words, held_out)
    assert tuple(score.share for score in found.scores) == SHARES == tuple(n / 10 for n in range(11))
    for score in found.scores:
        assert (score.p_at_1, score.mrr) == pytest.approx(by_hand(words, held_out, found.map, score.share))
    best = max(score.mrr for score in found.scores)
    assert found.share == max(score.share for score in found.scores if score.mrr == best)
    again = interpolate(words, held_out)
    assert again.scores == found.scores and np.array_equal(again.map, found.map)


@pytest.mark.parametrize(("noise", "low"), [((0.1, 3.0), True), ((3.0, 0.1), False)])
def test_the_better_vectors_get_the_larger_share(noise: tuple[float, float], low: bool) -> None:
    words = some_words(1, 60, noise)
    found = interpolate(words, words.units % 4 == 0)
    assert (found.share < 0.5) == low
    scores = {score.share: score.p_at_1 for score in found.scores}
    assert scores[found.share] >= max(scores[0.0], scores[1.0])
    mixed = found.vectors(words.static, words.contextual)
    assert mixed.dtype == np.float32 and mixed.shape == words.contextual.shape


def test_the_map_does_not_see_what_is_held_out() -> None:
    words = some_words(2, 30, (0.5, 0.5))
    held_out = words.units % 3 == 0
    changed = Words(
        words.names,
        words.languages,
        words.units,
        np.where(held_out[:, None], -words.static, words.static),
        words.contextual,
    )
    assert np.array_equal(interpolate(words, held_out).map, interpolate(changed, held_out).map)


@pytest.mark.parametrize(
    ("held_out", "message"),
    [(lambda words: words.units >= 0, "all words are held out"), (lambda words: words.units < 0, "no held-out word")],
)
def test_what_cannot_be_chosen_on_is_refused(held_out, message: str) -> None:
    words = some_words(3, 10, (1.0, 1.0))
    with pytest.raises(UserError, match=message):
        interpolate(words, held_out(words))
