"""Blocks: consecutive texts of one page in one language, as token ids, and their translations.

    blocks = build_blocks(pages, model, sentences=8, max_tokens=64)
    blocks.places["de"][0]                        # the places of the first German block, int32 [8]
    blocks.text_of["fr"][blocks.places["de"][0]]  # their French texts, -1 where there is none
    blocks.tokens[text]                           # int32 token ids of a text

A place is an anchored text of a page, whatever the language: two texts at one place are translations.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from babelmix.pretraining.pages import Pages
from babelmix.training.tokenized_pairs import TokenTexts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class Blocks:
    """The blocks of all pages, of both splits.

    Attributes:
        sentences: texts of a block.
        tokens: token ids of each distinct text, int32.
        groups: int64 [texts]; equal for texts of one `compared_form`, which are one text to a reader.
        pages: the pages, ascending.
        dev: bool [pages], whether the page is of the dev split.
        page: int32 [places], the page of each place.
        text_of: by language, int32 [places]: the text at a place, -1 where the language has none.
        places: by language, int32 [blocks, sentences]: the places of each block, in the language's reading order.
        counts: by language, see `build_blocks`.
    """

    sentences: int
    tokens: TokenTexts
    groups: NDArray[np.int64]
    pages: tuple[str, ...]
    dev: NDArray[np.bool_]
    page: NDArray[np.int32]
    text_of: Mapping[str, NDArray[np.int32]]
    places: Mapping[str, NDArray[np.int32]]
    counts: Mapping[str, Mapping[str, int]]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages, in the order of the pages."""
        return tuple(self.places)


def build_blocks(pages: Pages, model: "SentenceTransformer", *, sentences: int, max_tokens: int) -> Blocks:
    """Cut every page into blocks of `sentences` consecutive texts, and tokenise each distinct text once.

    A text follows the model's passage prompt and is cut to `max_tokens` tokens.
    """
    raise NotImplementedError


def without(blocks: Blocks, languages: Collection[str]) -> Blocks:
    """Return the blocks without those of some languages, which are then no targets either."""
    raise NotImplementedError
