"""InfoNCE in blocks against one matrix of all scores: equal losses and gradients, and no large matrix."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, normalize

from babelmix.settings.params import load_settings
from babelmix.training import contrast
from babelmix.training.losses import BatchRows, batch_loss, info_nce

TRAIN = load_settings(Path(__file__).parents[2] / "params.yaml").train
T = 0.05


def unit_vectors(generator: torch.Generator, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return normalize(torch.randn(*shape, generator=generator, dtype=dtype), dim=-1)


def plain(
    queries: torch.Tensor, passages: torch.Tensor, groups: torch.Tensor | None, temperature: float, symmetric: bool
) -> torch.Tensor:
    """The formula with all scores at once, in torch's own operations."""
    size = len(queries)
    scores = queries @ passages.T / temperature
    if groups is not None:
        same = groups[:size, None] == groups[None]
        scores = scores.masked_fill(same & ~torch.eye(*scores.shape, dtype=torch.bool), float("-inf"))
    right = torch.arange(size)
    loss = cross_entropy(scores, right)
    return (loss + cross_entropy(scores[:, :size].T, right)) / 2 if symmetric else loss


def with_gradients(
    loss: Callable[..., torch.Tensor], *vectors: torch.Tensor
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    leaves = [part.clone().requires_grad_() for part in vectors]
    found = loss(*leaves)
    found.backward()
    return found.detach(), [leaf.grad for leaf in leaves if leaf.grad is not None]


@given(
    seed=st.integers(0, 1000),
    size=st.integers(1, 40),
    more=st.integers(0, 20),
    scores=st.integers(1, 400),
    grouped=st.booleans(),
    symmetric=st.booleans(),
    temperature=st.sampled_from([0.01, 0.05, 1.0]),
)
@settings(max_examples=150, deadline=None)
def test_blocks_give_the_loss_and_the_gradients_of_one_matrix(
    seed: int, size: int, more: int, scores: int, grouped: bool, symmetric: bool, temperature: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    queries = unit_vectors(generator, size, 6, dtype=torch.float64)
    passages = unit_vectors(generator, size + more, 6, dtype=torch.float64)
    groups = torch.randint(0, 8, (size + more,), generator=generator) if grouped else None
    expected = with_gradients(lambda q, p: plain(q, p, groups, temperature, symmetric), queries, passages)

    def ours(q: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        return contrast.info_nce_in_blocks(q, p, groups, temperature=temperature, symmetric=symmetric)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrast, "BLOCK_SCORES", scores)
        found = with_gradients(ours, queries, passages)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("matryoshka", [(), (4, 2)])
@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("more", [0, 7])
def test_the_loss_of_a_batch_does_not_depend_on_the_blocks(
    symmetric: bool, matryoshka: tuple[int, ...], taught: bool, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(1)
    vectors, targets = unit_vectors(generator, 2 * 11 + more, 8), unit_vectors(generator, 2, 11, 8)
    targets[:, 3] = 0
    rows = BatchRows(torch.arange(11 + more) % 9, targets if taught else None)
    train = TRAIN.model_copy(update={"symmetric": symmetric, "matryoshka": matryoshka})
    one = with_gradients(lambda part: batch_loss(part, rows, train), vectors)
    monkeypatch.setattr(contrast, "BLOCK_SCORES", 40)
    blocks = with_gradients(lambda part: batch_loss(part, rows, train), vectors)
    torch.testing.assert_close(blocks, one, rtol=1e-5, atol=1e-6)
    assert not torch.equal(blocks[1][0], one[1][0])  # another order of sums: the blocks were used


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_gradient_is_the_slope_of_the_loss(grouped: bool, symmetric: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contrast, "BLOCK_SCORES", 20)
    generator = torch.Generator().manual_seed(2)
    queries, passages = (unit_vectors(generator, rows, 5, dtype=torch.float64).requires_grad_() for rows in (7, 9))
    groups = torch.tensor([0, 1, 2, 3, 4, 1, 6, 2, 8]) if grouped else None

    def loss(q: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        return contrast.info_nce_in_blocks(q, p, groups, temperature=0.5, symmetric=symmetric)

    assert torch.autograd.gradcheck(loss, (queries, passages))


def test_passages_without_a_gradient_get_none_and_the_queries_theirs() -> None:
    generator = torch.Generator().manual_seed(3)
    queries, passages = unit_vectors(generator, 6, 5).requires_grad_(), unit_vectors(generator, 6, 5)
    contrast.info_nce_in_blocks(queries, passages, None, temperature=T, symmetric=False).backward()
    expected = with_gradients(lambda part: plain(part, passages, None, T, False), queries.detach())[1][0]
    torch.testing.assert_close(queries.grad, expected)
    assert passages.grad is None


def test_no_block_is_larger_than_allowed_and_only_vectors_are_kept_for_the_backward_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contrast, "BLOCK_SCORES", 1000)
    score_block, sizes, kept = contrast.score_block, list[int](), list[int]()

    def spy(*args: Any) -> torch.Tensor:
        scores = score_block(*args)
        sizes.append(scores.numel())
        return scores

    monkeypatch.setattr(contrast, "score_block", spy)
    generator = torch.Generator().manual_seed(4)
    queries, passages = (unit_vectors(generator, 200, 3).requires_grad_() for _ in range(2))

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = info_nce(queries, passages, T, groups=torch.arange(200), symmetric=True)
    loss.backward()
    assert max(sizes) == 1000 and sum(sizes) == 2 * 200 * 200
    assert sum(kept) == 2 * 200 * 3 + 3 * 200  # the vectors, their groups and both logsumexps
