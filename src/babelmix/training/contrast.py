"""InfoNCE of large batches: one block of queries at a time, never all scores at once.

    loss = info_nce_in_blocks(queries, passages, groups, temperature=0.05, symmetric=False)

The loss and its gradient need, of each query, only the logsumexp of its scores, and the scores themselves one block at
a time. The forward pass keeps the logsumexps, the backward pass computes the scores again: memory grows with the batch,
not with its square. The trick is that of FlashAttention (arXiv 2205.14135), and of Inf-CL (arXiv 2410.17243) for this
loss.
"""

from collections.abc import Iterator
from typing import Any

import torch

BLOCK_SCORES = 2**22  # scores of a block, 16 MiB in float32: enough for fast matrix products, and for a batch of 2,048


def info_nce_in_blocks(
    queries: torch.Tensor,
    passages: torch.Tensor,
    groups: torch.Tensor | None,
    *,
    temperature: float,
    symmetric: bool,
) -> torch.Tensor:
    """Return what `losses.info_nce` returns, up to rounding, in the type of `queries`; the arguments are the same."""
    loss: Any = _InfoNCE.apply(queries, passages, groups, temperature, symmetric)
    return loss


def score_block(
    queries: torch.Tensor, passages: torch.Tensor, groups: torch.Tensor | None, temperature: float, rows: slice
) -> torch.Tensor:
    """Return the scores of some queries, [rows, batch + more]: cosines over the temperature, -inf where not compared.

    A query is not compared with passages of its own group, except its own passage.
    """
    scores = (queries[rows] @ passages.T).div_(temperature)
    if groups is not None:
        apart = groups[: len(queries)][rows, None] == groups
        apart.diagonal(rows.start).fill_(False)
        scores.masked_fill_(apart, float("-inf"))
    return scores


class _InfoNCE(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        queries: torch.Tensor,
        passages: torch.Tensor,
        groups: torch.Tensor | None,
        temperature: float,
        symmetric: bool,
    ) -> torch.Tensor:
        size = len(queries)
        right = (queries * passages[:size]).sum(dim=1) / temperature
        of_queries = torch.empty_like(right)
        of_passages = torch.full_like(right, float("-inf")) if symmetric else None
        for rows in _blocks(size, len(passages)):
            scores = score_block(queries, passages, groups, temperature, rows)
            of_queries[rows] = scores.logsumexp(dim=1)
            if of_passages is not None:
                of_passages = torch.logaddexp(of_passages, scores[:, :size].logsumexp(dim=0))
        ctx.save_for_backward(queries, passages, groups, of_queries, of_passages)
        ctx.temperature = temperature
        loss = (of_queries - right).mean()
        return loss if of_passages is None else (loss + (of_passages - right).mean()) / 2

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        queries, passages, groups, of_queries, of_passages = ctx.saved_tensors
        size = len(queries)
        of_each = torch.empty_like(queries)
        of_all = torch.zeros_like(passages) if ctx.needs_input_grad[1] else None
        for rows in _blocks(size, len(passages)):
            scores = score_block(queries, passages, groups, ctx.temperature, rows)
            weights = (scores - of_queries[rows, None]).exp_()  # the softmax; its right entries are lowered by one
            if of_passages is not None:
                weights[:, :size] += scores[:, :size].sub_(of_passages).exp_()
                weights /= 2
            weights.diagonal(rows.start).sub_(1)
            of_each[rows] = weights @ passages
            if of_all is not None:
                of_all.addmm_(weights.T, queries[rows])
        scale = grads[0] / (size * ctx.temperature)
        return of_each.mul_(scale), None if of_all is None else of_all.mul_(scale), None, None, None


def _blocks(queries: int, passages: int) -> Iterator[slice]:
    """Yield the rows of each block of queries."""
    rows = max(1, BLOCK_SCORES // passages)
    for start in range(0, queries, rows):
        yield slice(start, min(start + rows, queries))
