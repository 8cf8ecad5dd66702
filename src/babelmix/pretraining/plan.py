"""Which blocks a batch of pre-training holds, in which language, and which targets its texts have.

    for batch in plan_blocks(blocks, settings.pretrain, seed=13, steps=240):
        batch.texts          # token ids of blocks * sentences texts, block by block

A batch has one language, drawn uniformly, so that no text can be told from another by its language. Its blocks are of
different pages. The batches of `msm`, `ccp` and `msm-shuffled` hold the same blocks. `msm-x` draws an ordered language
pair: the texts in one language, their targets in the other. `bitext` has rows of single texts, the same as the blocks',
as the cross-lingual batches of `batches.sampler` are drawn. Each objective encodes blocks * sentences texts a step, so
the last two, whose targets are texts too, have half as many rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from babelmix.batches.language_pairs import LanguagePair, LanguagePairs
from babelmix.batches.objective import Objective
from babelmix.batches.sampler import UnitQueue, plan
from babelmix.batches.units import Units
from babelmix.common.errors import UserError, unknown_name
from babelmix.pretraining.blocks import Blocks
from babelmix.pretraining.settings import Pretrain
from babelmix.pretraining.units import block_units, text_units


@dataclass(frozen=True)
class BlockBatch:
    """One batch.

    Attributes:
        language: the language of the texts; "X" where each row has its own (bitext).
        target_language: the language of the targets; "Y" where each row has its own, another than its text's.
        texts: int32 token ids of each row's text, block by block, in the order the document encoder reads.
        targets: the token ids of each text's target; None where the texts are their own targets.
        groups: int64 [rows] of the targets. Two rows with one group hold the same text to a reader, so
            neither is a negative of the other.
    """

    language: str
    target_language: str
    texts: tuple[NDArray[np.int32], ...]
    targets: tuple[NDArray[np.int32], ...] | None
    groups: NDArray[np.int64]


def plan_blocks(blocks: Blocks, pretrain: Pretrain, *, seed: int, steps: int, start: int = 0) -> Iterator[BlockBatch]:
    """Yield the batches number `start` to `steps` - 1, epoch after epoch; equal arguments give equal batches.

    Resuming at `start` yields the same batches as an uninterrupted run. An epoch is as many batches as the train
    blocks fill, its generator is `numpy.random.default_rng([seed, epoch])`. In it each language (or ordered language
    pair) has its own permutation of blocks, and a new one when the old is used up. Dev pages are in no batch.

    The names of the languages have no effect, their order has.

    UserError, before the first batch, if no language can fill a batch.
    """
    if pretrain.objective == "none":
        how = "write pretrain.objective: msm, or another"
        raise UserError("no pre-training is chosen", where="pretrain.objective", how=how)
    if pretrain.objective == "bitext":
        return _plan_texts(blocks, pretrain, seed=seed, steps=steps, start=start)
    return _plan_blocks(blocks, pretrain, seed=seed, steps=steps, start=start)


def held_out(blocks: Blocks, language: str, number: int) -> BlockBatch:
    """Return at most `number` blocks of dev pages in one language, one of each page, always the same.

    The pages and the block of a page are chosen by sha256 of the page, so most are the same in all languages.
    UserError for a language without blocks of dev pages.
    """
    if language not in blocks.places:
        raise unknown_name("language", language, blocks.languages, where="held-out blocks")
    of_block = blocks.page_of(language)
    digests = {page: sha256(blocks.pages[page].encode()).digest() for page in np.unique(of_block[blocks.dev[of_block]])}
    if not digests:
        how = "raise pairs.dev_share, or lower pretrain.sentences"
        raise UserError(f"no block of a dev page in {language!r}", where="pairs.dev_share", how=how)
    chosen: list[int] = []
    for page in sorted(digests, key=digests.__getitem__)[:number]:
        of_page = np.flatnonzero(of_block == page)
        chosen.append(of_page.item(int.from_bytes(digests[page][8:16], "big") % len(of_page)))
    return _batch(blocks, (language, language), blocks.places[language][chosen])


def _plan_blocks(blocks: Blocks, pretrain: Pretrain, *, seed: int, steps: int, start: int) -> Iterator[BlockBatch]:
    """Check that a batch can be filled, then return the batches of every objective but bitext."""
    units = block_units(blocks, translated=pretrain.objective == "msm-x")
    pairs = _pairs(blocks, units, pretrain)
    total = sum(int(np.count_nonzero(units[lang].within(lang))) for lang in {lang for lang, _ in pairs.sizes})
    length = max(1, total // pretrain.batch_blocks)
    shuffled = pretrain.objective == "msm-shuffled"

    def batches() -> Iterator[BlockBatch]:
        for epoch in range(start // length, -(-steps // length)):
            first = max(start, epoch * length)
            drawn = _epoch(units, pairs, pretrain.batch_blocks, np.random.default_rng([seed, epoch]))
            chosen = islice(drawn, first - epoch * length, min(length, steps - epoch * length))
            for number, (pair, numbers) in enumerate(chosen, start=first):
                places = blocks.places[pair[0]][numbers]
                if shuffled:  # by a generator of its own, so that the blocks stay those of msm
                    places = np.random.default_rng([seed, number, 2]).permuted(places, axis=1)
                yield _batch(blocks, pair, places)

    return batches()


def _epoch(
    units: dict[str, Units], pairs: LanguagePairs, size: int, rng: np.random.Generator
) -> Iterator[tuple[LanguagePair, list[int]]]:
    """Yield the language pair and the block numbers of each batch, without end."""
    queues: dict[LanguagePair, UnitQueue] = {}
    for number in count():
        pair = pairs.draw(rng)
        queue = queues.setdefault(pair, UnitQueue(units[pair[0]], pair))
        taken: set[int] = set()
        drawn: list[int] = []
        while len(drawn) < size:
            block = queue.draw(taken, number, rng)
            if block is None:
                raise ValueError(f"{pair} has too few pages: `_pairs` leaves such pairs out")
            drawn.append(block)
            taken.add(units[pair[0]].groups.item(block))
        yield pair, drawn


def _pairs(blocks: Blocks, units: dict[str, Units], pretrain: Pretrain) -> LanguagePairs:
    """Return the language pairs that can fill a batch: of one language, or for msm-x of two."""
    crossed = pretrain.objective == "msm-x"
    found = {
        (lang, other): one.distinct(one.within(lang, other))
        for lang, one in units.items()
        for other in one.languages
        if (lang != other) == crossed
    }
    sizes = {pair: number for pair, number in found.items() if number >= pretrain.batch_blocks}
    if sizes:
        return LanguagePairs(sizes, "uniform")
    most = sorted(found.items(), key=lambda item: -item[1])[:5]
    counted = ", ".join(f"{'-'.join(pair if crossed else pair[:1])} {number}" for pair, number in most)
    kind = "language pair" if crossed else "language"
    what = (
        f"no {kind} has {pretrain.batch_blocks} pages of the train split with {blocks.sentences} texts or more"
        f" (it has: {counted or 'none'})"
    )
    how = "lower pretrain.sentences or pretrain.blocks"
    raise UserError(what, where="pretrain.blocks", how=how)


def _plan_texts(blocks: Blocks, pretrain: Pretrain, *, seed: int, steps: int, start: int) -> Iterator[BlockBatch]:
    """Check that a batch can be filled, then return the batches of bitext."""
    units, size = text_units(blocks), pretrain.batch_pairs
    twice = np.sum([rows >= 0 for rows in units.rows.values()], axis=0) > 1 if units.rows else np.empty(0, np.bool_)
    if (number := units.distinct(twice)) < size:
        what = f"a batch of {size} pairs has only {number} distinct texts in two languages"
        how = "lower pretrain.sentences or pretrain.blocks, or add languages"
        raise UserError(what, where="pretrain.blocks", how=how)

    def batches() -> Iterator[BlockBatch]:
        for batch in plan(units, Objective(alpha=0.0), batch_size=size, seed=seed, steps=steps, start=start):
            texts = [blocks.text_of[lang].item(place) for place, lang, _ in batch.rows]
            targets = [blocks.text_of[lang].item(place) for place, _, lang in batch.rows]
            yield BlockBatch("X", "Y", _ids(blocks, texts), _ids(blocks, targets), blocks.groups[targets])

    return batches()


def _batch(blocks: Blocks, pair: LanguagePair, places: NDArray[np.int32]) -> BlockBatch:
    """Return the batch of blocks, int32 [blocks, sentences] of places, in the languages of a pair."""
    language, target_language = pair
    texts, targets = (blocks.text_of[lang][places.ravel()].tolist() for lang in pair)
    of_targets = None if language == target_language else _ids(blocks, targets)
    return BlockBatch(language, target_language, _ids(blocks, texts), of_targets, blocks.groups[targets])


def _ids(blocks: Blocks, texts: list[int]) -> tuple[NDArray[np.int32], ...]:
    return tuple(blocks.tokens[text] for text in texts)
