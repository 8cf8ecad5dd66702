"""The hierarchical loss against a plain loop, its gradient against one with the bias as constants, and its parts."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from babelmix.pretraining.loss import hierarchical_loss, hits, negatives_of, neighbours

T = 0.1
GROUPS = [0, 1, 2, 3, 4, 1, 6, 7, 8, 3, 3, 11]  # texts 1 and 5 are equal, and 3, 9 and 10, of which two in one block


def cosines(texts: int, seed: int = 1) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    one, other = (normalize(torch.from_numpy(rng.normal(size=(texts, 5))), dim=-1) for _ in range(2))
    return one @ other.T / T


def by_loop(scores: np.ndarray, groups: list[int], sentences: int, bias: float) -> float:
    total = 0.0
    for i, row in enumerate(scores):
        compared = [k for k in range(len(row)) if k != i and groups[k] != groups[i]]
        own = [row[k] for k in compared if k // sentences == i // sentences]
        other = [row[k] for k in compared if k // sentences != i // sentences]
        b = bias * (np.mean(own) - np.mean(other)) if own and other else 0.0
        below = math.exp(row[i]) + sum(math.exp(s - b) for s in own) + sum(math.exp(s) for s in other)
        total -= math.log(math.exp(row[i]) / below)
    return total / len(scores)


@given(
    st.integers(0, 99),
    st.lists(st.integers(0, 8), min_size=12, max_size=12),
    st.sampled_from([2, 3, 4, 6, 12]),
    st.floats(0, 1),
)
def test_the_loss_is_that_of_a_plain_loop(seed: int, groups: list[int], sentences: int, bias: float) -> None:
    scores = cosines(12, seed)
    found = hierarchical_loss(scores, negatives_of(torch.tensor(groups), sentences), bias)
    assert found.item() == pytest.approx(by_loop(scores.numpy(), groups, sentences, bias), rel=1e-9)


def test_no_gradient_flows_through_the_bias() -> None:
    negatives = negatives_of(torch.tensor(GROUPS), 4)
    one, other = (cosines(12).requires_grad_() for _ in range(2))
    hierarchical_loss(one, negatives, 0.5).backward()
    fixed = other.detach().numpy()
    constants = torch.tensor([
        0.5 * (fixed[i][negatives.own[i]].mean() - fixed[i][negatives.other[i]].mean()) for i in range(12)
    ])  # fmt: skip
    allowed = torch.eye(12, dtype=torch.bool) | negatives.own | negatives.other
    logits = (other - constants[:, None] * negatives.own).masked_fill(~allowed, float("-inf"))
    torch.nn.functional.cross_entropy(logits, torch.arange(12)).backward()
    assert one.grad is not None and other.grad is not None
    torch.testing.assert_close(one.grad, other.grad)
    rows = one.grad.sum(dim=1)  # a bias with a gradient would leave another sum
    torch.testing.assert_close(rows, torch.zeros_like(rows), rtol=0, atol=1e-12)


def test_equal_texts_are_no_negatives_of_each_other_and_are_not_in_the_means() -> None:
    negatives = negatives_of(torch.tensor(GROUPS), 4)
    assert not negatives.other[1, 5] and not negatives.own[9, 10] and not negatives.other[3, 9]
    assert negatives.own[1].nonzero().flatten().tolist() == [0, 2, 3]
    scores = cosines(12)
    changed = scores.clone()
    for i in range(12):
        for k in range(12):
            if i != k and GROUPS[i] == GROUPS[k]:
                changed[i, k] += 3
    assert hierarchical_loss(changed, negatives, 0.5).equal(hierarchical_loss(scores, negatives, 0.5))


def test_a_bias_of_zero_is_infonce_and_a_bias_lowers_what_is_near() -> None:
    scores = cosines(12)
    negatives = negatives_of(torch.arange(12), 4)
    plain = torch.nn.functional.cross_entropy(scores, torch.arange(12))
    torch.testing.assert_close(hierarchical_loss(scores, negatives, 0.0), plain)
    near = scores + 20.0 * negatives.own
    assert hierarchical_loss(near, negatives, 0.5) < hierarchical_loss(near, negatives, 0.0) - 5


def test_a_hit_is_above_all_negatives_of_its_kind() -> None:
    scores = torch.zeros(4, 4, dtype=torch.float64)
    scores[0] = torch.tensor([3.0, 2.0, 4.0, 0.0])  # lost to another block
    scores[1] = torch.tensor([5.0, 3.0, 1.0, 0.0])  # lost to its own block
    scores[2] = torch.tensor([0.0, 0.0, 1.0, 0.0])
    found = hits(scores, negatives_of(torch.arange(4), 2))  # the last row has ties alone
    assert found.tolist() == [[True, False, True, False], [False, True, True, False], [False, False, True, False]]


@given(st.integers(2, 9), st.integers(1, 10), st.integers(0, 50))
def test_a_neighbour_is_near_in_the_same_block_and_another_text(sentences: int, window: int, step: int) -> None:
    texts = 5 * sentences
    drawn = neighbours(texts, sentences, window, seed=13, step=step)
    places = torch.arange(texts)
    assert (drawn // sentences == places // sentences).all()
    assert ((drawn - places).abs() <= window).all() and (drawn != places).all()
    assert drawn.equal(neighbours(texts, sentences, window, seed=13, step=step))


def test_every_near_text_is_drawn_as_often_and_each_step_draws_anew() -> None:
    drawn = torch.stack([neighbours(8, 8, 2, seed=1, step=step) for step in range(2000)])
    for at in range(8):
        near = [other for other in range(max(0, at - 2), min(8, at + 3)) if other != at]
        counts = [(drawn[:, at] == other).sum().item() / 2000 for other in near]
        assert counts == pytest.approx([1 / len(near)] * len(near), abs=0.05)
