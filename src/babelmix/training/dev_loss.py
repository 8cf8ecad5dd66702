"""The dev loss during training: contrastive losses on a few dev units, by language scope.

dev_loss = DevLoss(tokenized, train)
dev_loss.scopes                 # those of "english", "monolingual", "crosslingual", "pooled" that have enough data
dev_loss.losses(engine)         # {"english": 1.93, ...}, in nats
"""

from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from babelmix.batches.units import index_units
from babelmix.common.hashing import hash_order
from babelmix.corpus.index import PairIndex, dev_rows
from babelmix.corpus.records import source_of_unit
from babelmix.training.settings import Train
from babelmix.training.step import Engine
from babelmix.training.tokenized_pairs import TokenizedPairs

DEV_UNITS = 32  # an evaluation encodes them in all their languages


class DevLoss:
    """The dev units that every evaluation encodes, and their losses."""

    def __init__(self, tokenized: TokenizedPairs, train: Train) -> None:
        """Take the texts of the dev units."""
        index, rows, chosen = tokenized.index, dev_rows(tokenized.index), dev_units(tokenized.index)
        self.units = len(chosen)
        self._rows = rows[np.isin(index.unit[rows], chosen)]
        self._texts = [tokenized.queries[row] for row in self._rows] + [tokenized.passages[row] for row in self._rows]
        self._unit = index.unit[self._rows].astype(np.int64)
        self._lang = [index.languages[lang] for lang in index.lang[self._rows]]
        self._temperature = train.temperature
        blank = np.zeros((len(self._rows), 1), dtype=np.float32)
        self.scopes = dev_losses(blank, blank, self._unit, self._lang, 1.0).keys() if len(blank) else set[str]()

    def losses(self, engine: Engine) -> dict[str, float]:
        """Return the loss of each scope in `scopes`."""
        if not self.scopes:
            return {}
        vectors = engine.encode(self._texts)
        size = len(self._rows)
        return dev_losses(vectors[:size], vectors[size:], self._unit, self._lang, self._temperature)


def dev_units(index: PairIndex) -> list[int]:
    """Choose the dev units, as places in `index.units`: of each source in turn, no two of one group.

    The units of a source come in the most languages first, then by the sha256 of the unit. Without the turns a source
    in one language would have no part beside one in many.
    """
    rows = dev_rows(index)
    languages = np.bincount(index.unit[rows], minlength=len(index.units))  # of each unit
    known = np.flatnonzero(languages).tolist()
    known.sort(key=lambda unit: (-languages[unit], hash_order(index.units[unit])))
    by_source: dict[str, list[int]] = {}
    for unit in known:
        by_source.setdefault(source_of_unit(index.units[unit]), []).append(unit)
    turns = zip_longest(*(by_source[source] for source in sorted(by_source)))
    groups, chosen = index_units(index, rows).groups, list[int]()
    for unit in (unit for turn in turns for unit in turn if unit is not None):
        if len(chosen) < DEV_UNITS and groups[unit] not in groups[chosen]:
            chosen.append(unit)
    return chosen


def dev_losses(
    queries: NDArray[np.float32],
    passages: NDArray[np.float32],
    unit: NDArray[np.int64],
    lang: list[str],
    temperature: float,
) -> dict[str, float]:
    """Return the contrastive loss of each scope, in nats, from the vectors of some units in all their languages.

    "monolingual" is the mean over languages of InfoNCE among the passages of one language, and "english" is that of
    English. "crosslingual" is the mean over ordered pairs of languages. "pooled" is InfoNCE among the passages of all
    languages: each translation of the right passage must score above all passages of other units, and is not a negative
    of the other translations. A scope without enough data is left out.

    Args:
        queries: float32 [n, d], L2-normalised.
        passages: float32 [n, d], L2-normalised.
        unit: int64 [n], the unit of each row.
        lang: [n], the language of each row.
        temperature: of the softmax.
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
    for scope, chosen in (
        ("english", [loss for (a, b), loss in means.items() if a == b == "en"]),
        ("monolingual", [loss for (a, b), loss in means.items() if a == b]),
        ("crosslingual", [loss for (a, b), loss in means.items() if a != b]),
    ):
        if chosen:
            found[scope] = float(np.mean(chosen))
    if len(set(unit.tolist())) > 1:
        found["pooled"] = each[same].mean().item()
    return found
