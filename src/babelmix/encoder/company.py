"""Is the vector of a text the same in any company? A matrix product may choose its kernel by the number of rows.

    same_in_company(model, settings, threads=2)        # True: a vector may be kept and used beside other texts

The answer is measured, not proved: some dozen texts of all lengths are encoded alone, in small groups, in full ones and
in another order, and every vector must keep all its bits.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from babelmix.encoder.encode import computing, unit_rows
from babelmix.encoder.groups import TOKENS_PER_FORWARD
from babelmix.encoder.packing import forward
from babelmix.encoder.settings import Embed
from babelmix.encoder.tokenise import Texts, limit_of, tokenise

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TEXTS = 32  # of numbers, which every tokenizer knows: from one number up to the longest that is read
GROUPS = (1, 90, 300, 1000)  # tokens in a group besides a full one; 1: every text alone


def same_in_company(model: "SentenceTransformer", settings: Embed, *, threads: int) -> bool:
    """Return whether texts keep all bits of their vectors in groups of all sizes, in this process and on this machine.

    The vectors are compared in float32, after the norm and before they are rounded.
    """
    import torch

    torch.set_num_threads(threads)
    model.eval()
    ids = _texts(model, settings)
    full = TOKENS_PER_FORWARD[model.device.type]
    expected = _vectors(model, ids, settings, full)
    if not _same(_vectors(model, ids[::-2], settings, full), expected[::-2]):
        return False
    for tokens in GROUPS:
        if not _same(_vectors(model, ids, settings, tokens), expected):
            return False
    copies = 1 + 2 * full // sum(map(len, ids))  # two full groups and more
    crowd = _vectors(model, [text for text in ids for _ in range(copies)], settings, full)
    return _same(crowd, np.repeat(expected, copies, axis=0))


def _texts(model: "SentenceTransformer", settings: Embed) -> Texts:
    """Return token ids of texts whose lengths grow by squares up to the limit, two texts of each length."""
    longest = limit_of(model, settings.max_tokens).tokens
    words = [1 + longest * (number // 2) ** 2 // (TEXTS // 2 - 1) ** 2 for number in range(TEXTS)]
    texts = [" ".join(str((7 * row + word) % 60) for word in range(count)) for row, count in enumerate(words)]
    return tokenise(model, texts, prompt="passage", max_tokens=settings.max_tokens)


def _vectors(model: "SentenceTransformer", ids: Texts, settings: Embed, tokens: int) -> NDArray[np.float32]:
    found = np.empty((len(ids), model.get_embedding_dimension() or 0), dtype=np.float32)
    with computing(model, settings):
        for rows, group in forward(model, ids, tokens_per_batch=tokens):
            found[rows] = unit_rows(group).cpu().numpy()
    return found


def _same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return one.tobytes() == other.tobytes()
