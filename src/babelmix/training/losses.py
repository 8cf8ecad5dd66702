"""The losses, as functions of vectors alone: whatever made the vectors, in one process or in many.

    loss = info_nce(queries, passages, temperature=0.05)
    loss = batch_loss(vectors, rows, recipe)          # all that a recipe and an objective may ask

InfoNCE (equation 1 of arXiv 2408.10536; van den Oord et al. 2018): for a query, the softmax over the cosine scores of
all passages of the batch, divided by the temperature, must pick its own passage.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, normalize

from babelmix.training.settings import Train


def info_nce(
    queries: torch.Tensor,
    passages: torch.Tensor,
    temperature: float,
    *,
    no_negative: torch.Tensor | None = None,
    symmetric: bool = False,
) -> torch.Tensor:
    """Return the mean InfoNCE loss of a batch, in nats.

    `queries`: float [batch, d]; `passages`: float [batch + more, d], L2-normalised. Row i of one belongs to row i of
    the other, the passages after the batch are hard negatives, and all other passages are negatives but where
    `no_negative`, bool [batch, batch + more], says that they may be right. `symmetric` takes the mean with the same
    loss of passages that look for their queries.
    """
    size = len(queries)
    scores = queries.float() @ passages.float().T / temperature
    if no_negative is not None:
        own = torch.eye(*scores.shape, dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(no_negative & ~own, float("-inf"))
    right = torch.arange(size, device=scores.device)
    loss = cross_entropy(scores, right)
    return (loss + cross_entropy(scores[:, :size].T, right)) / 2 if symmetric else loss


@dataclass(frozen=True)
class BatchRows:
    """What the loss must know of a batch besides the vectors.

    `groups`: int64 [batch + more], of each passage; passages of a query's own group are no negatives of it. `targets`:
    the teacher's vectors of the queries and of the passages, float [2, batch, d], a row of zeros where it has none;
    None without a teacher, whose term is weighted by `teacher_weight`.
    """

    groups: torch.Tensor
    targets: torch.Tensor | None = None
    teacher_weight: float = 1.0


def batch_loss(vectors: torch.Tensor, rows: BatchRows, recipe: Train) -> torch.Tensor:
    """Return the loss of a batch: InfoNCE as the recipe has it, and the teacher's term where there is a teacher.

    `vectors`: float [2 * batch + more, d], L2-normalised: the queries, the passages, the hard negatives. Matryoshka
    (Kusupati et al. 2022, arXiv 2205.13147) takes the mean of InfoNCE over the whole width and each of
    `recipe.matryoshka`, cut and normalised anew.
    """
    size = len(vectors) - len(rows.groups)  # queries: what is no passage
    same = rows.groups[:size, None] == rows.groups[None]

    def contrast(part: torch.Tensor) -> torch.Tensor:
        return info_nce(part[:size], part[size:], recipe.temperature, no_negative=same, symmetric=recipe.symmetric)

    loss = over_widths(contrast, vectors, recipe.matryoshka)
    if rows.targets is not None:
        taught = teacher_loss(vectors[: 2 * size], rows.targets, recipe.temperature, no_negative=same[:, :size])
        loss = loss + rows.teacher_weight * taught
    return loss


def teacher_loss(
    vectors: torch.Tensor, targets: torch.Tensor, temperature: float, *, no_negative: torch.Tensor
) -> torch.Tensor:
    """Return InfoNCE with a teacher's vectors for answers, in nats: distillation by contrast.

    A query in any language must pick the teacher's vector of its passage in the language the unit was written in, among
    the teacher's vectors of the batch, and a passage that of its query. `vectors`: float [2 * batch, d], queries and
    passages; `targets`: float [2, batch, d], of queries and of passages; a unit with a row of zeros takes no part. That
    translations are pulled to one vector is Reimers and Gurevych's (2020, arXiv 2004.09813), who take the squared
    distance; contrast was better on the dev split.
    """
    known = targets.abs().amax(-1).gt(0).all(0)
    if not known.any():
        return vectors.sum() * 0.0
    queries, passages = (part[known] for part in vectors.view(2, len(known), -1))
    to_queries, to_passages = (part[known] for part in targets)
    apart = no_negative[known][:, known]
    return (
        info_nce(queries, to_passages, temperature, no_negative=apart)
        + info_nce(passages, to_queries, temperature, no_negative=apart)
    ) / 2


def over_widths(
    loss: Callable[[torch.Tensor], torch.Tensor], vectors: torch.Tensor, widths: tuple[int, ...]
) -> torch.Tensor:
    """Return the mean of a loss over the whole vectors and over their first numbers, normalised anew."""
    losses = [loss(vectors)] + [loss(normalize(vectors[:, :width], dim=-1)) for width in widths]
    return torch.stack(losses).mean()


def dev_losses(
    queries: NDArray[np.float32],
    passages: NDArray[np.float32],
    unit: NDArray[np.int64],
    lang: list[str],
    temperature: float,
) -> dict[str, float]:
    """Return the contrastive loss, in nats, in each setting, from vectors of some units in all their languages.

    `queries`, `passages`: [n, d], L2-normalised; row i is unit `unit[i]` in language `lang[i]`. "monolingual" is the
    mean over languages of InfoNCE among the passages of a language, "english" that of English, "crosslingual" the mean
    over ordered pairs of languages, "pooled" among all passages of all languages: there each translation of the right
    passage must beat all passages of other units, and is no negative of the others. A setting that the data cannot give
    is left out.
    """
    scores = torch.from_numpy(queries).float() @ torch.from_numpy(passages).float().T / temperature
    same = torch.from_numpy(unit[:, None] == unit)
    negatives = torch.logsumexp(scores.masked_fill(same, float("-inf")), dim=1, keepdim=True)
    each = torch.logaddexp(scores, negatives) - scores  # [query, right passage]
    found: dict[str, float] = {}
    means: dict[tuple[str, str], float] = {}
    names = sorted(set(lang))
    at = {name: np.flatnonzero(np.array(lang) == name) for name in names}
    for a in names:
        for b in names:
            common = np.intersect1d(unit[at[a]], unit[at[b]])
            if len(common) < 2:
                continue
            left = at[a][np.isin(unit[at[a]], common)]
            right = at[b][np.isin(unit[at[b]], common)]
            left, right = left[np.argsort(unit[left])], right[np.argsort(unit[right])]
            part = scores[torch.from_numpy(left)][:, torch.from_numpy(right)]
            means[a, b] = cross_entropy(part, torch.arange(len(part))).item()
    for setting, chosen in (
        ("english", [loss for (a, b), loss in means.items() if a == b == "en"]),
        ("monolingual", [loss for (a, b), loss in means.items() if a == b]),
        ("crosslingual", [loss for (a, b), loss in means.items() if a != b]),
    ):
        if chosen:
            found[setting] = float(np.mean(chosen))
    if len(set(unit.tolist())) > 1:
        found["pooled"] = each[same].mean().item()
    return found
