"""Join vectors to texts: by ids, the benchmark's or the user's own, or else by the order of the files.

    joined = join(open_shards(folder, "passages"), "passages", folder, Path("data/benchmarks/xquad-r"))
    joined.rows[:1]            # the vector of the benchmark's first passage
    joined.by                  # "ids" or "order"

A benchmark built from a user's files may sort, rename or leave out texts. It records the texts' ids and order in those
files (benchmark.OwnId), so that vectors made of the files can be joined to the benchmark.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import numpy as np

from babelmix.benchmarks.benchmark import OwnId
from babelmix.benchmarks.files import read_own_ids, read_passages, read_queries
from babelmix.common.errors import UserError
from babelmix.common.reading import numbered_lines
from babelmix.common.text import kept_form
from babelmix.retrieval.vectors import Picked, Rows


@dataclass(frozen=True, slots=True)
class Joined:
    """The vectors of a benchmark's texts, in its order; how they were joined, and lines for the user about it."""

    rows: Rows
    by: Literal["ids", "order"]
    notes: tuple[str, ...] = ()


def join(rows: Rows, name: str, folder: Path, benchmark: Path) -> Joined:
    """Join the rows of a folder of vectors to the texts of a benchmark folder.

    With `<name>.txt`, one id a line in any order, rows are joined by id. An id is the benchmark's, or the user's own,
    or `<language>:<own id>` if the user has the same id in several languages. Rows of other texts are skipped and
    counted. Without the file, rows are in the order of the user's files, including texts that the benchmark left out
    (for queries, the judged ones only are accepted too). If the benchmark was not built from a user's files, rows are
    in the benchmark's order.

    Args:
        rows: the rows in the order of their file.
        name: "queries" or "passages".
        folder: the folder of `<name>.txt`; it names the rows in errors.
        benchmark: a benchmark folder.

    Raises:
        UserError: a duplicate id, a text without a row, or numbers of rows and texts that do not fit.
    """
    file = folder / f"{name}.txt"
    if not file.is_file():
        return _by_order(rows, name, folder, benchmark)
    if _same(_ids(file), _texts(name, benchmark)):  # compared line by line, to hold no list in memory
        count = sum(1 for _ in _ids(file))
        _check_count(count, rows, name, file)
        return Joined(rows, "ids")
    names = list(_ids(file))
    _check_count(len(names), rows, name, file)
    own = list(read_own_ids(benchmark, name))
    texts = list(_texts(name, benchmark))
    if len(own) == len(names) and all(
        line in (text.own, _with_language(text)) for line, text in zip(names, own, strict=True)
    ):  # the user's file, line by line: it may even have duplicate ids
        row_of = {text.id: row for row, text in enumerate(own)}
        if all(text in row_of for text in texts):
            return _picked(rows, [row_of[text] for text in texts], name, names, own)
    return _by_ids(rows, name, file, names, texts, own)


def _by_order(rows: Rows, name: str, folder: Path, benchmark: Path) -> Joined:
    number, where = rows.shape[0], f"{folder}, {name}.npy"
    texts = list(_texts(name, benchmark))
    own = list(read_own_ids(benchmark, name))
    kept = [text.id for text in own if text.id]
    how = f"write {name}.txt too: the id of each row, one a line"
    if own and set(texts) <= set(kept):
        sizes = {len(own): [text.id for text in own]}
        if name == "queries":
            sizes.setdefault(len(kept), kept)
        if number not in sizes:
            judged = f" ({len(kept):,} of them judged)" if name == "queries" and len(kept) < len(own) else ""
            raise UserError(f"{number:,} rows for the {len(own):,} {name} of the file{judged}", where=where, how=how)
        row_of = {text: row for row, text in enumerate(sizes[number])}
        picked = np.array([row_of[text] for text in texts], dtype=np.int64)
        note = f"no {name}.txt: rows of {name}.npy are taken in the order of the {name} in the user's own file"
        if number > len(texts):
            note += f"; {number - len(texts):,} of {number:,} skipped: texts that were left out or are not judged"
        return Joined(Picked(rows, picked), "order", (note,))
    if number != len(texts):
        raise UserError(f"{number:,} rows for the benchmark's {len(texts):,} {name}", where=where, how=how)
    return Joined(rows, "order", (f"no {name}.txt: rows of {name}.npy are taken in the order of {name}.jsonl",))


def _by_ids(rows: Rows, name: str, file: Path, names: list[str], texts: list[str], own: list[OwnId]) -> Joined:
    row_of: dict[str, int] = {}
    for row, line in enumerate(names):
        if line in row_of:
            how = f"line {row_of[line] + 1} has the same id; give each text one row"
            raise UserError(f"duplicate id {line!r}", where=f"{file}, line {row + 1}", how=how)
        row_of[line] = row
    owns = {text.id: text for text in own if text.id}
    often = Counter(text.own for text in owns.values())

    def forms(text: str) -> list[str]:
        known = owns.get(text)
        if known is None:
            return [text]
        return list(dict.fromkeys((text, _with_language(known), *([known.own] if often[known.own] == 1 else []))))

    claims = Counter(form for text in texts for form in forms(text))
    # If the file has all ids of the benchmark, an ambiguous id is the benchmark's, otherwise the user's.
    benchmarks = all(text in row_of for text in texts)
    picked: list[int] = []
    for text in texts:
        sure = [form for form in forms(text) if form in row_of and claims[form] == 1]
        if len(sure) > 1:
            how = "give each text one row"
            raise UserError(f"{sure[0]!r} and {sure[1]!r} name the same text", where=str(file), how=how)
        ambiguous = forms(text)[:1] if benchmarks else forms(text)[1:]
        picked.append(next((row_of[form] for form in (*sure, *ambiguous) if form in row_of), -1))
    if -1 in picked:
        missing = texts[picked.index(-1)]
        known = owns.get(missing)
        called = f" ({known.own!r} in the user's file)" if known and known.own != missing else ""
        how = f"embed every text of the {name}, and write the id of each row"
        if known and often[known.own] > 1:
            how = f"write {_with_language(known)!r}: several languages have the id {known.own!r}"
        raise UserError(f"no row for {missing!r}{called}", where=str(file), how=how)
    return _picked(rows, picked, name, names, own)


def _picked(rows: Rows, picked: list[int], name: str, names: list[str], own: list[OwnId]) -> Joined:
    used = set(picked)
    if len(used) < len(picked):
        row = next(row for row, often in Counter(picked).items() if often > 1)
        how = "write the benchmark's ids, or `<language>:<id>`"
        raise UserError(f"{names[row]!r} names two texts", where=f"{name}.txt, line {row + 1}", how=how)
    known = {form for text in own for form in (text.own, _with_language(text))}
    skipped = [line for row, line in enumerate(names) if row not in used]
    unknown = [line for line in skipped if line not in known]
    notes: list[str] = []
    count = f"of {len(names):,} rows of {name}.npy"
    if len(skipped) > len(unknown):
        notes.append(f"{len(skipped) - len(unknown):,} {count} skipped: texts that were left out or are not judged")
    if unknown:
        notes.append(f"{len(unknown):,} {count} skipped: unknown ids, such as {unknown[0]!r}")
    order = np.array(picked, dtype=np.int64)
    in_order = len(order) == rows.shape[0] and bool((order == np.arange(len(order))).all())
    return Joined(rows if in_order else Picked(rows, order), "ids", tuple(notes))


def _ids(file: Path) -> Iterator[str]:
    """Yield the ids of a file, one a line, in NFC; blank lines at its end are ignored."""
    blank = 0
    for number, line in numbered_lines(file):
        line = kept_form(line.strip())
        if not line:
            blank = blank or number
        elif blank:
            raise UserError("an empty id", where=f"{file}, line {blank}", how="write one id a line")
        else:
            yield line


def _texts(name: str, benchmark: Path) -> Iterator[str]:
    """Yield the ids of a benchmark's queries or passages, in its order."""
    return (text.id for text in (read_queries(benchmark) if name == "queries" else read_passages(benchmark)))


def _same(one: Iterator[str], other: Iterator[str]) -> bool:
    return all(a == b for a, b in zip_longest(one, other))


def _with_language(text: OwnId) -> str:
    return f"{text.lang}:{text.own}"


def _check_count(ids: int, rows: Rows, name: str, file: Path) -> None:
    if ids != rows.shape[0]:
        what = f"{ids:,} ids for {rows.shape[0]:,} rows of {name}.npy"
        raise UserError(what, where=str(file), how="write one id a line, in the order of the rows")
