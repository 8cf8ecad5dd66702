"""What a pre-training has learned: how often a masked text is found on dev pages, by language.

    found = masked_text_accuracy(engine, blocks, settings.pretrain)
    found["el"]          # {"own_block": .41, "other_blocks": .83, "all": .38, "texts": 448}

Dev texts are scored as those of a training batch are: `pretrain.blocks` blocks at once. So the numbers compare between
languages and objectives and with the history, and chance is the same: one of the texts of a block, one of those of the
other blocks. The history of `msm-x` is of batches with half as many blocks, so there it does not compare.
"""

from statistics import fmean
from typing import Any, TypedDict

import numpy as np

from babelmix.pretraining.blocks import Blocks
from babelmix.pretraining.engine import Engine
from babelmix.pretraining.plan import held_out
from babelmix.pretraining.settings import Pretrain

DEV_BLOCKS = 64  # of a language, one of each page


class Accuracy(TypedDict):
    """How often the masked text scored above all of its block, above all of other blocks, above both; of how many."""

    own_block: float
    other_blocks: float
    all: float
    texts: int


def masked_text_accuracy(engine: Engine, blocks: Blocks, pretrain: Pretrain) -> dict[str, Accuracy]:
    """Return the accuracy of each language with enough dev pages for a batch.

    It is that of a text of a page among texts in the same language, whatever the objective. Blocks that fill no batch
    are left out.
    """
    found: dict[str, Accuracy] = {}
    size = pretrain.blocks * pretrain.sentences
    for language in blocks.languages:
        page = blocks.page_of(language)
        if len(np.unique(page[blocks.dev[page]])) < pretrain.blocks:
            continue
        batch = held_out(blocks, language, DEV_BLOCKS)
        whole = len(batch.texts) // size * size
        vectors = engine.encode(batch.texts[:whole])
        parts = [
            engine.hits(vectors[start : start + size], batch.groups[start : start + size], start)
            for start in range(0, whole, size)
        ]
        own, other, both = np.concatenate(parts, axis=1).mean(axis=1).tolist()
        found[language] = Accuracy(own_block=own, other_blocks=other, all=both, texts=whole)
    return found


def summary(found: dict[str, Accuracy], without: str | None) -> dict[str, Any]:
    """Return the numbers of a pre-training: means over the languages it was trained in, and each language.

    A language that was left out has its own entry, and no part in the means.
    """
    trained = [one for language, one in found.items() if language != without]
    numbers: dict[str, Any] = {"languages": found}
    if trained:
        numbers |= {
            f"mean_{kind}": fmean(one[kind] for one in trained) for kind in ("own_block", "other_blocks", "all")
        }
    if without is not None and without in found:
        numbers |= {"without": without, "transfer": found[without]}
    return numbers
