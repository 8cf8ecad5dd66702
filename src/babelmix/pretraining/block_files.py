"""Blocks on disk, so that pages are read and tokenised once for all pre-trainings.

write_blocks(Path("blocks"), blocks)
blocks = read_blocks(Path("blocks"))
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.arrays import read_arrays, whole_arrays
from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.id_arrays import pack, unpack
from babelmix.pretraining.blocks import COUNTS, Blocks
from babelmix.training.tokenized_pairs import TokenTexts

FILE = "blocks.npz"
WHAT, HOW = "blocks of texts", "make them again"
_TYPES = {"ids": np.int32, "starts": np.int64, "groups": np.int64, "dev": np.bool_, "page": np.int32} | {
    "text_of": np.int32, "places": np.int32, "ends": np.int64, "counts": np.int64,
}  # fmt: skip


def write_blocks(folder: Path, blocks: Blocks) -> None:
    """Write blocks into `folder`, replacing it as a whole; equal blocks give equal bytes."""
    none = np.empty((0, blocks.sentences), dtype=np.int32)
    with new_folder(folder) as staging:
        np.savez(
            staging / FILE,
            allow_pickle=False,
            **pack("pages", blocks.pages),
            languages=np.array(blocks.languages, dtype=np.str_),
            ids=blocks.tokens.ids,
            starts=blocks.tokens.starts,
            groups=blocks.groups,
            dev=blocks.dev,
            page=blocks.page,
            text_of=np.array([*blocks.text_of.values()], dtype=np.int32).reshape(len(blocks.text_of), len(blocks.page)),
            places=np.concatenate([none, *blocks.places.values()]),
            ends=np.cumsum([len(rows) for rows in blocks.places.values()], dtype=np.int64),
            counts=np.array([[counts[name] for name in COUNTS] for counts in blocks.counts.values()], dtype=np.int64),
        )


def read_blocks(folder: Path) -> Blocks:
    """Read what `write_blocks` wrote; UserError if it is missing or damaged."""
    file = folder / FILE
    if not file.exists():
        raise UserError(f"no {WHAT}", where=str(folder), how=HOW)
    names = ("pages", "pages_ends", "languages", *_TYPES)
    arrays = dict(zip(names, read_arrays(file, names, what=WHAT, how=HOW), strict=True))
    with whole_arrays(str(file), what=f"file of {WHAT}", how=HOW):
        blocks = _blocks(arrays)
        if not _sound(arrays, blocks):
            raise ValueError("the arrays do not fit together")
    return blocks


def _blocks(arrays: Mapping[str, NDArray[Any]]) -> Blocks:
    languages: list[str] = arrays["languages"].tolist()
    split = np.split(arrays["places"], arrays["ends"][:-1])
    return Blocks(
        sentences=arrays["places"].shape[1],
        tokens=TokenTexts(arrays["ids"], arrays["starts"]),
        groups=arrays["groups"],
        pages=unpack(arrays["pages"], arrays["pages_ends"]),
        dev=arrays["dev"],
        page=arrays["page"],
        text_of=dict(zip(languages, arrays["text_of"], strict=True)),
        places=dict(zip(languages, split, strict=True)),
        counts={
            lang: dict(zip(COUNTS, row, strict=True))
            for lang, row in zip(languages, arrays["counts"].tolist(), strict=True)
        },
    )


def _sound(arrays: Mapping[str, NDArray[Any]], blocks: Blocks) -> bool:
    """Return whether the arrays have their types and lengths, and every number names something that is there."""
    if any(arrays[name].dtype != kind for name, kind in _TYPES.items()):
        return False
    starts, ends = blocks.tokens.starts, np.concatenate([[0], arrays["ends"]])
    texts, places = len(starts) - 1, len(blocks.page)
    return bool(
        starts[0] == 0
        and starts[-1] == len(blocks.tokens.ids)
        and (np.diff(starts) >= 0).all()
        and ends[-1] == len(arrays["places"])
        and (np.diff(ends) >= 0).all()
        and blocks.groups.shape == (texts,)
        and blocks.dev.shape == (len(blocks.pages),)
        and arrays["text_of"].shape == (len(blocks.places), places)
        and _within(blocks.page, 0, len(blocks.pages))
        and _within(arrays["text_of"], -1, texts)
        and _within(arrays["places"], 0, places)
        and all((blocks.text_of[lang][rows] >= 0).all() for lang, rows in blocks.places.items())
    )


def _within(numbers: NDArray[Any], low: int, high: int) -> bool:
    return bool(((numbers >= low) & (numbers < high)).all())
