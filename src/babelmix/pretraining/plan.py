"""Which blocks a batch of pre-training holds, in which language, and what they are held against.

for batch in plan_blocks(blocks, settings.pretrain, seed=13, steps=240):
    batch.texts          # token ids of blocks * sentences texts, block by block
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.pretraining.blocks import Blocks
from babelmix.pretraining.settings import Pretrain


@dataclass(frozen=True)
class BlockBatch:
    """One batch.

    Attributes:
        language: the language of the texts; "X" where each row has its own (bitext).
        target_language: the language of the targets; "Y" where each row has its own, another than its text's.
        texts: int32 token ids of blocks * sentences texts, block by block, in the order the document encoder reads.
        targets: the token ids of each text's target; None where the texts are their own targets.
        groups: int64 [blocks * sentences] of the targets. Two rows with one group hold the same text to a reader, so
            neither is a negative of the other.
    """

    language: str
    target_language: str
    texts: tuple[NDArray[np.int32], ...]
    targets: tuple[NDArray[np.int32], ...] | None
    groups: NDArray[np.int64]


def plan_blocks(blocks: Blocks, settings: Pretrain, *, seed: int, steps: int, start: int = 0) -> Iterator[BlockBatch]:
    """Yield the batches number `start` to `steps` - 1; equal arguments give equal batches.

    UserError, before the first batch, if no language can fill a batch.
    """
    raise NotImplementedError


def held_out(blocks: Blocks, language: str, number: int) -> BlockBatch:
    """Return at most `number` blocks of dev pages in one language, at most one of each page, always the same."""
    raise NotImplementedError
