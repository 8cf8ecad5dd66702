"""The losses, as functions of vectors: they do not depend on how many processes computed the vectors.

    loss = info_nce(queries, passages, temperature=0.05)
    loss = batch_loss(vectors, rows, train)          # InfoNCE, Matryoshka and distillation, as `train` asks

InfoNCE (equation 1 of arXiv 2408.10536; van den Oord et al. 2018): for each query, the cross-entropy of its own passage
under the softmax over the cosine scores of all passages of the batch, divided by the temperature.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy, normalize

from babelmix.training import contrast
from babelmix.training.settings import Train


def info_nce(
    queries: torch.Tensor,
    passages: torch.Tensor,
    temperature: float,
    *,
    groups: torch.Tensor | None = None,
    symmetric: bool = False,
) -> torch.Tensor:
    """Return the mean InfoNCE loss of a batch, in nats.

    A batch with more scores than `contrast.BLOCK_SCORES` takes them in blocks and never holds all of them.

    Args:
        queries: float [batch, d], L2-normalised.
        passages: float [batch + more, d], L2-normalised. Passage i is the right one of query i; the passages after the
            batch are hard negatives. Every other passage is a negative.
        temperature: of the softmax.
        groups: int64 [batch + more], of each passage; other passages of the own passage's group may also be right and
            are not negatives.
        symmetric: take the mean with the loss of passages that must pick their queries.
    """
    queries, passages, size = queries.float(), passages.float(), len(queries)
    if size * len(passages) > contrast.BLOCK_SCORES:
        return contrast.info_nce_in_blocks(queries, passages, groups, temperature=temperature, symmetric=symmetric)
    scores = contrast.score_block(queries, passages, groups, temperature, slice(0, size))
    right = torch.arange(size, device=scores.device)
    loss = cross_entropy(scores, right)
    return (loss + cross_entropy(scores[:, :size].T, right)) / 2 if symmetric else loss


@dataclass(frozen=True)
class BatchRows:
    """What the loss must know of a batch besides the vectors.

    `groups`: int64 [batch + more], of each passage; passages of a query's own group are not negatives of it. `targets`:
    float [2, batch, d], the teacher's vectors of the queries and of the passages, a row of zeros if it has none; None
    without a teacher. `teacher_weight`: factor of the distillation loss.
    """

    groups: torch.Tensor
    targets: torch.Tensor | None = None
    teacher_weight: float = 1.0


def batch_loss(vectors: torch.Tensor, rows: BatchRows, train: Train) -> torch.Tensor:
    """Return the loss of a batch: InfoNCE, and with a teacher the distillation loss.

    `vectors`: float [2 * batch + more, d], L2-normalised: the queries, the passages, the hard negatives. Matryoshka
    (Kusupati et al. 2022, arXiv 2205.13147) takes the mean of InfoNCE over the full width and over each width of
    `train.matryoshka`, cut and normalised again.
    """
    size = len(vectors) - len(rows.groups)  # the number of queries

    def contrast(part: torch.Tensor) -> torch.Tensor:
        return info_nce(part[:size], part[size:], train.temperature, groups=rows.groups, symmetric=train.symmetric)

    loss = over_widths(contrast, vectors, train.matryoshka)
    if rows.targets is not None:
        distillation = distillation_loss(vectors[: 2 * size], rows.targets, train.temperature, rows.groups[:size])
        loss = loss + rows.teacher_weight * distillation
    return loss


def distillation_loss(
    vectors: torch.Tensor, targets: torch.Tensor, temperature: float, groups: torch.Tensor
) -> torch.Tensor:
    """Return InfoNCE against a teacher's vectors, in nats.

    A query in any language must pick, among the teacher's vectors of the batch, that of its passage in the language the
    unit was written in; a passage must pick that of its query. Reimers and Gurevych (2020, arXiv 2004.09813) also train
    translations towards one vector, with the squared distance; the contrastive form was better on the dev split.

    Args:
        vectors: float [2 * batch, d], queries and passages.
        targets: float [2, batch, d], of queries and of passages; a unit with a row of zeros has no part in the loss.
        temperature: of the softmax.
        groups: int64 [batch], see `info_nce`.
    """
    known = targets.abs().amax(-1).gt(0).all(0)
    if not known.any():
        return vectors.sum() * 0.0
    queries, passages = (part[known] for part in vectors.view(2, len(known), -1))
    to_queries, to_passages = (part[known] for part in targets)
    there = info_nce(queries, to_passages, temperature, groups=groups[known])
    back = info_nce(passages, to_queries, temperature, groups=groups[known])
    return (there + back) / 2


def over_widths(
    loss: Callable[[torch.Tensor], torch.Tensor], vectors: torch.Tensor, widths: tuple[int, ...]
) -> torch.Tensor:
    """Return the mean of a loss over the full vectors and over their first `widths` dimensions, normalised again."""
    losses = [loss(vectors)] + [loss(normalize(vectors[:, :width], dim=-1)) for width in widths]
    return torch.stack(losses).mean()
