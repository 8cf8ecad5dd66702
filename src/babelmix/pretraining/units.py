"""Train blocks, and their texts, as units: what the queues and the plan of `batches` draw from.

units = block_units(blocks, translated=True)
units["de"].within("de", "fr")           # which German blocks have all their texts in French
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from babelmix.batches.units import Units
from babelmix.pretraining.blocks import Blocks


def block_units(blocks: Blocks, *, translated: bool) -> dict[str, Units]:
    """Return the blocks of each language as units; a unit's group is its page.

    A unit's number is the block's, and the unit exists in the block's own language if its page is a train page. If
    `translated`, it also exists in every language that has all its places.
    """
    found: dict[str, Units] = {}
    for lang, places in blocks.places.items():
        page = blocks.page_of(lang)
        number = np.where(blocks.dev[page], -1, np.arange(len(page))).astype(np.int32)
        others = blocks.languages if translated else (lang,)
        rows = {other: np.where((blocks.text_of[other][places] >= 0).all(axis=1), number, -1) for other in others}
        ids = tuple(f"{blocks.pages[of_block]}#{block}" for block, of_block in enumerate(page.tolist()))
        found[lang] = Units(ids, rows, page.astype(np.int64))
    return found


def text_units(blocks: Blocks) -> Units:
    """Return the places of all languages' train blocks as units, which exist in the languages that have them in blocks.

    So they hold the texts that the blocks hold. Two places share a group if a text of one and of the other are the same
    to a reader in some language, directly or through a third.
    """
    rows = {lang: np.full(len(blocks.page), -1, dtype=np.int32) for lang in blocks.languages}
    pieces = [np.empty((2, 0), dtype=np.int64)]  # of place, and group of its text
    for lang, places in blocks.places.items():
        train = places[~blocks.dev[blocks.page_of(lang)]].ravel()
        rows[lang][train] = blocks.text_of[lang][train]
        pieces.append(np.stack([train.astype(np.int64), blocks.groups[blocks.text_of[lang][train]]]))
    place, group = np.concatenate(pieces, axis=1)
    number = len(blocks.page) + len(blocks.groups)  # places, then groups: nodes of a graph
    edges = (np.ones(len(place), dtype=np.int8), (place, len(blocks.page) + group))
    labels = connected_components(coo_array(edges, shape=(number, number)), directed=False)[1]
    ids = tuple(f"{blocks.pages[page]}#{place}" for place, page in enumerate(blocks.page.tolist()))
    return Units(ids, rows, labels[: len(blocks.page)].astype(np.int64))
