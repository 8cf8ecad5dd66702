"""The losses, as functions of vectors: they do not depend on how many processes computed the vectors.

    loss = info_nce(queries, passages, temperature=0.05)
    loss = batch_loss(vectors, rows, train)          # InfoNCE, Matryoshka, distillation, consistency: what is asked

InfoNCE (equation 1 of arXiv 2408.10536; van den Oord et al. 2018): for each query, the cross-entropy of its own passage
under the softmax over the cosine scores of all passages of the batch, divided by the temperature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

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
    without a teacher. `teacher_weight`: factor of the distillation loss. `distil`: see `distillation_loss`.
    `contrast_weight`: factor of InfoNCE; 0 leaves it out. `parallel`: int64 [k], the queries that are in the batch in
    one more language; None without a consistency loss. `kl_weight`: its factor. `symmetric`: passages also pick their
    queries, as `train.symmetric` asks of all batches.
    """

    groups: torch.Tensor
    targets: torch.Tensor | None = None
    teacher_weight: float = 1.0
    distil: Literal["cross", "same"] = "cross"
    contrast_weight: float = 1.0
    parallel: torch.Tensor | None = None
    kl_weight: float = 0.0
    symmetric: bool = False


def batch_loss(vectors: torch.Tensor, rows: BatchRows, train: Train) -> torch.Tensor:
    """Return the loss of a batch: InfoNCE, and where asked the distillation and the consistency loss.

    `vectors`: float [2 * batch + more + k, d], L2-normalised: the queries, the passages, the hard negatives, the
    queries `rows.parallel` in one more language. Matryoshka (Kusupati et al. 2022, arXiv 2205.13147) takes the mean of
    InfoNCE over the full width and over each width of `train.matryoshka`, cut and normalised again; the other losses
    see the full width.
    """
    end = len(vectors) - (0 if rows.parallel is None else len(rows.parallel))
    size = end - len(rows.groups)  # the number of queries

    def contrast(part: torch.Tensor) -> torch.Tensor:
        symmetric = train.symmetric or rows.symmetric
        return info_nce(part[:size], part[size:end], train.temperature, groups=rows.groups, symmetric=symmetric)

    losses: list[torch.Tensor] = []
    if rows.contrast_weight:
        losses.append(rows.contrast_weight * over_widths(contrast, vectors, train.matryoshka))
    if rows.targets is not None:
        taught, groups = vectors[: 2 * size], rows.groups[:size]
        distillation = distillation_loss(taught, rows.targets, train.temperature, groups, rows.distil)
        losses.append(rows.teacher_weight * distillation)
    if rows.parallel is not None:
        queries, passages, others = vectors.tensor_split([size, end])
        loss = consistency_loss(queries, others, passages, rows.parallel, train.temperature, rows.groups)
        losses.append(rows.kl_weight * loss)
    return reduce(add, losses)


def distillation_loss(
    vectors: torch.Tensor,
    targets: torch.Tensor,
    temperature: float,
    groups: torch.Tensor,
    distil: Literal["cross", "same"] = "cross",
) -> torch.Tensor:
    """Return InfoNCE against a teacher's vectors, in nats.

    A query in any language must pick, among the teacher's vectors of the batch, that of its passage in the language the
    unit was written in; a passage must pick that of its query. With `distil` "same" a query must pick that of the same
    query, and a passage that of the same passage. Reimers and Gurevych (2020, arXiv 2004.09813) also train translations
    towards one vector, with the squared distance; the contrastive form was better on the dev split.

    Args:
        vectors: float [2 * batch, d], queries and passages.
        targets: float [2, batch, d], of queries and of passages; a unit with a row of zeros has no part in the loss.
        temperature: of the softmax.
        groups: int64 [batch], see `info_nce`.
        distil: which of the two vectors a text must pick.
    """
    known = targets.abs().amax(-1).gt(0).all(0)
    if not known.any():
        return vectors.sum() * 0.0
    queries, passages = (part[known] for part in vectors.view(2, len(known), -1))
    to_queries, to_passages = (part[known] for part in targets)
    if distil == "same":
        to_queries, to_passages = to_passages, to_queries
    there = info_nce(queries, to_passages, temperature, groups=groups[known])
    back = info_nce(passages, to_queries, temperature, groups=groups[known])
    return (there + back) / 2


def consistency_loss(
    queries: torch.Tensor,
    others: torch.Tensor,
    passages: torch.Tensor,
    parallel: torch.Tensor,
    temperature: float,
    groups: torch.Tensor,
) -> torch.Tensor:
    """Return how differently a query ranks the passages of a batch in two languages, in nats.

    It is the mean over rows of (KL(p, q) + KL(q, p)) / 2, where p and q are the softmax over the scores of all passages
    that `info_nce` compares, of the query in the one and in the other language. Both get a gradient, as in R-Drop
    (Liang et al. 2021, arXiv 2106.14448, equation 2). No row: 0.

    Args:
        queries: float [batch, d], L2-normalised.
        others: float [k, d], L2-normalised: the queries `parallel` in one more language.
        passages: float [batch + more, d], L2-normalised.
        parallel: int64 [k], ascending.
        temperature: of the softmax.
        groups: int64 [batch + more], see `info_nce`.
    """
    if not len(parallel):
        return queries.sum() * 0.0
    queries, others, passages = queries.float(), others.float(), passages.float()
    every = slice(0, len(queries))
    one, other = (
        contrast.score_block(part, passages, groups, temperature, every)[parallel].log_softmax(dim=1)
        for part in (queries, queries.index_copy(0, parallel, others))
    )
    difference = (one - other).masked_fill(one.isinf(), 0.0)  # passages that are not compared have no part
    return ((one.exp() - other.exp()) * difference).sum(dim=1).mean() / 2


def over_widths(
    loss: Callable[[torch.Tensor], torch.Tensor], vectors: torch.Tensor, widths: tuple[int, ...]
) -> torch.Tensor:
    """Return the mean of a loss over the full vectors and over their first `widths` dimensions, normalised again."""
    losses = [loss(vectors)] + [loss(normalize(vectors[:, :width], dim=-1)) for width in widths]
    return torch.stack(losses).mean()
