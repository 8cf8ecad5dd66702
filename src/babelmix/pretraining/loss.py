"""The hierarchical loss of MSM: find the masked text among those of its own block and those of other blocks.

    negatives = negatives_of(groups, sentences=8)
    loss = hierarchical_loss(queries @ keys.T / temperature, negatives, bias=0.5)
    own, other, both = hits(scores, negatives)

Zhang et al. (2023, arXiv 2302.01626), as their code has it (`contrastive_utils.py`, `masked_loss`), without the queue.
With s the scores over the temperature, D(i) the other texts of the block and O(i) those of other blocks:

    b_i = bias * (mean of s_ik over D(i) - mean of s_ik over O(i)), a constant for the gradient
    L_i = -s_ii + log(exp s_ii + sum over D(i) of exp(s_ik - b_i) + sum over O(i) of exp s_ik)

The texts around a masked one are the hard negatives. The bias lowers their scores, so that they do not outweigh the
many of other blocks.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Negatives:
    """Which keys a query is held against besides its own: bool [texts, texts], of its own block, of other blocks."""

    own: torch.Tensor
    other: torch.Tensor


def negatives_of(groups: torch.Tensor, sentences: int) -> Negatives:
    """Return the negatives of a batch of blocks; a text with the group of the right one is a false negative, and none.

    Args:
        groups: int64 [texts], block by block; texts of one group are equal to a reader.
        sentences: texts of a block.
    """
    block = torch.arange(len(groups), device=groups.device) // sentences
    together, compared = block[:, None] == block, groups[:, None] != groups
    return Negatives(own=together & compared, other=~together & compared)


def hierarchical_loss(scores: torch.Tensor, negatives: Negatives, bias: float) -> torch.Tensor:
    """Return the mean of L_i over the texts, in nats.

    The bias of a row without negatives of either kind is 0.

    Args:
        scores: float [texts, texts], cosines of queries and keys over the temperature; the right key of query i is i.
        negatives: of the batch.
        bias: the factor of b_i, mu in the paper.
    """
    fixed = scores.detach()
    lowered = bias * (_mean(fixed, negatives.own) - _mean(fixed, negatives.other))
    lowered = lowered * (negatives.own.any(dim=1) & negatives.other.any(dim=1))
    right = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    logits = torch.where(negatives.own, scores - lowered[:, None], scores)
    logits = logits.masked_fill(~(right | negatives.own | negatives.other), float("-inf"))
    return (logits.logsumexp(dim=1) - scores.diagonal()).mean()


def hits(scores: torch.Tensor, negatives: Negatives) -> NDArray[np.bool_]:
    """Return bool [3, texts]: whether the right key scores above all of its own block, of other blocks, of both.

    A tie is a miss.
    """
    right = scores.diagonal()
    own, other = (
        right > scores.masked_fill(~kind, float("-inf")).amax(dim=1) for kind in (negatives.own, negatives.other)
    )
    return torch.stack([own, other, own & other]).cpu().numpy()


def neighbours(texts: int, sentences: int, window: int, *, seed: int, step: int) -> torch.Tensor:
    """Return int64 [texts]: for each text another one of its block, at most `window` places away, drawn evenly.

    The prediction of CCP (Wu et al. 2022, arXiv 2206.03281), as MSM's code has it for comparison (`window_crop`): the
    vector of a neighbour, without a document encoder. Equal (seed, step) draw the same.
    """
    rng = np.random.default_rng([seed, step])
    near = [
        [other for other in range(max(0, at - window), min(sentences, at + window + 1)) if other != at]
        for at in range(sentences)
    ]
    drawn = [start + int(rng.choice(near[at])) for start in range(0, texts, sentences) for at in range(sentences)]
    return torch.tensor(drawn, dtype=torch.int64)


def _mean(scores: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
    """Return the mean of each row over some columns, float [texts]; 0 over none."""
    return (scores * kind).sum(dim=1) / kind.sum(dim=1).clamp(min=1)
