"""Blocks: consecutive texts of one page in one language, as token ids, and their translations.

    blocks = build_blocks(pages, model, sentences=8, max_tokens=64)
    blocks.places["de"][0]                        # the places of the first German block, int32 [8]
    blocks.text_of["fr"][blocks.places["de"][0]]  # their French texts, -1 where there is none
    blocks.tokens[text]                           # int32 token ids of a text

A place is an anchored text of a page, whatever the language: two texts at one place are translations. A block begins
where the one before it ends, and its texts are not joined to fill it up. So a block holds the same places in most
languages. MSM (arXiv 2302.01626) joins sentences up to 64 tokens.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import unknown_name
from babelmix.corpus.index import text_key
from babelmix.encoder.tokenise import tokenise
from babelmix.pretraining.pages import REASONS, Pages
from babelmix.training.tokenized_pairs import CHUNK, TokenTexts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

COUNTS = ("pages", "short-pages", "texts", "texts-unused", "blocks", *REASONS)


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

    def page_of(self, language: str) -> NDArray[np.int32]:
        """Return int32 [blocks], the page of each block of a language."""
        return self.page[self.places[language][:, 0]]


def build_blocks(pages: Pages, model: "SentenceTransformer", *, sentences: int, max_tokens: int) -> Blocks:
    """Cut every page into blocks of `sentences` consecutive texts, and tokenise each distinct text once.

    A text follows the model's passage prompt and is cut to `max_tokens` tokens. A page with fewer texts has no block,
    and the texts after a page's last whole block are in none. The counts of a language are
    `COUNTS`: pages, those without a block, texts, those in no block, blocks; and the texts left out, by reason.
    """
    names = tuple(sorted(set().union(*pages.texts.values())))
    numbers: dict[str, int] = {}  # of the distinct texts
    places = _places(pages, names)
    text_of: dict[str, NDArray[np.int32]] = {}
    of_blocks: dict[str, NDArray[np.int32]] = {}
    counts: dict[str, dict[str, int]] = {}
    for lang, texts in pages.texts.items():
        text_of[lang] = np.full(len(places), -1, dtype=np.int32)
        rows: list[list[int]] = []
        for page, strings in texts.items():
            row = [places[page, anchor] for anchor in strings]
            text_of[lang][row] = [numbers.setdefault(text, len(numbers)) for text in strings.values()]
            rows += [row[end - sentences : end] for end in range(sentences, len(row) + 1, sentences)]
        of_blocks[lang] = np.array(rows, dtype=np.int32).reshape(-1, sentences)
        counts[lang] = _count(texts.values(), sentences, pages.left_out[lang])
    number_of = {page: number for number, page in enumerate(names)}
    return Blocks(
        sentences=sentences,
        tokens=_tokens(list(numbers), model, max_tokens),
        groups=_groups(numbers),
        pages=names,
        dev=np.array([page in pages.dev for page in names], dtype=np.bool_),
        page=np.array([number_of[page] for page, _ in places], dtype=np.int32),
        text_of=text_of,
        places=of_blocks,
        counts=counts,
    )


def without(blocks: Blocks, languages: Collection[str]) -> Blocks:
    """Return the blocks without those of some languages, which are then no targets either; UserError if it has none."""
    for lang in languages:
        if lang not in blocks.places:
            raise unknown_name("language", lang, blocks.languages, where="languages to leave out of pre-training")
    left = [lang for lang in blocks.languages if lang not in languages]
    return replace(
        blocks,
        text_of={lang: blocks.text_of[lang] for lang in left},
        places={lang: blocks.places[lang] for lang in left},
        counts={lang: blocks.counts[lang] for lang in left},
    )


def _places(pages: Pages, names: Iterable[str]) -> dict[tuple[str, str], int]:
    """Return the number of each (page, anchor): page after page, in reading order, the first language's first."""
    anchored = ((page, anchor) for page in names for texts in pages.texts.values() for anchor in texts.get(page, ()))
    return {place: number for number, place in enumerate(dict.fromkeys(anchored))}


def _count(pages: Collection[Mapping[str, str]], sentences: int, left_out: Mapping[str, int]) -> dict[str, int]:
    lengths = [len(strings) for strings in pages]
    short = sum(length < sentences for length in lengths)
    blocks = sum(length // sentences for length in lengths)
    found = (len(lengths), short, sum(lengths), sum(lengths) - sentences * blocks, blocks)
    return dict(zip(COUNTS, (*found, *(left_out.get(reason, 0) for reason in REASONS)), strict=True))


def _tokens(texts: list[str], model: "SentenceTransformer", max_tokens: int) -> TokenTexts:
    ids: list[NDArray[np.int32]] = []
    for start in range(0, len(texts), CHUNK):
        chunk = tokenise(model, texts[start : start + CHUNK], prompt="passage", max_tokens=max_tokens)
        ids += [np.array(text, dtype=np.int32) for text in chunk]
    starts = np.cumsum([0, *map(len, ids)], dtype=np.int64)
    return TokenTexts(np.concatenate([np.empty(0, dtype=np.int32), *ids]), starts)


def _groups(texts: Iterable[str]) -> NDArray[np.int64]:
    keys = np.frombuffer(b"".join(map(text_key, texts)), dtype="<u8")
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)
