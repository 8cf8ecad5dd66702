"""Did a run give the committed results again? Scores within tolerances, and every other file that differs, with why.

    found = verify(Path("."))                   # against HEAD; reads, and writes nothing
    render(found, terminal())
    found.reproduced

On one kind of processor a run repeats to the byte. Another kind adds floating-point numbers in another order, and a
training amplifies the difference. The tolerances come from two default runs with the same seed, settings and data,
commits 233d621 and e9d68bf of this repository. Between them the training was rewritten to skip padding, so the order
of the additions changed.

- The 12 main scores differed by .0020 (root mean square) and .0035 (largest). Another kind of processor gave .2746
  where .2728 was committed. Tolerance: .008, four times the root mean square.
- A score of one language or pair is a mean of n queries, and its noise falls with the root of n. Times this root, mAP
  and nDCG differed by .08 (root mean square) and .35 (largest), recall by .11 and .60. Tolerance: .5 and 1 over the
  root of n.

Rank distances are committed in the report alone, as text, and are not compared.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isinf, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError, quoted, shown
from babelmix.common.one_line import one_line
from babelmix.common.reading import parse_json, read_text
from babelmix.reporting import commits
from babelmix.reporting.lock import hashes, parse_lock
from babelmix.workspace import HERE

if TYPE_CHECKING:
    from rich.console import Console

MAIN_SCORES = (str(HERE.main_scores), str(HERE.metrics / "headline.json"))  # and its name in older commits
BY_LANGUAGE = (str(HERE.by_language),)
KEYS = {"system": "variant", "benchmark": "benchmark", "scope": "setting", "languages": "languages"}  # and older names
NOT_SCORES = {*KEYS, *KEYS.values(), "queries", "seen"}
WRITTEN = {  # by a run, and committed -> what differs in it
    str(HERE.lock): "hashes of what the stages read and wrote",
    str(HERE.metrics): "scores",
    str(HERE.reports): "text, pages and figures made of the scores",
}
READ = (str(HERE.params), "dvc.yaml", "requirements.txt", "src", str(HERE.data))
MAIN_TOLERANCE, MEAN_TOLERANCE, RECALL_TOLERANCE = 0.008, 0.5, 1.0  # the last two over the root of the queries
SHOWN = 5  # differences in the table, of main scores and of those by language
NAMED = 3  # stages, files or scores that a line names
LINE = 1000  # characters of a line
AGAIN = "run `babelmix report run`, or name another commit: --against REVISION"


@dataclass(frozen=True, slots=True)
class Score:
    """One score, as committed and as made; None where a benchmark has no such score."""

    name: str  # "hybrid gnome-help multilingual", and for a score by language its languages and measure
    committed: float | None
    made: float | None
    tolerance: float

    @property
    def difference(self) -> float:
        """Made minus committed; infinite where only one of them is a number."""
        if self.committed is None or self.made is None:
            return 0.0 if self.committed is self.made else inf
        return self.made - self.committed

    @property
    def excess(self) -> float:
        """The difference in tolerances: above 1 it is too large."""
        return abs(self.difference) / self.tolerance


@dataclass(frozen=True, slots=True)
class Verification:
    """What a run made, held against a commit."""

    commit: str  # abbreviated hash
    is_head: bool  # whether it is the commit that is checked out
    main: tuple[Score, ...]
    by_language: tuple[Score, ...]
    not_made: tuple[str, ...]  # names of committed scores that the run did not make
    only_made: int  # scores that the commit lacks
    first_stages: tuple[str, ...]  # stages that wrote other bytes from the same inputs, by the same command
    inputs: tuple[str, ...]  # files that a run reads, and that differ from the commit
    outputs: tuple[str, ...]  # files that a run writes, and that differ from the commit
    new: tuple[str, ...]  # those of `outputs` that Git does not track

    @property
    def reproduced(self) -> bool:
        """Whether every committed score was made again within its tolerance."""
        return not self.not_made and all(score.excess <= 1 for score in (*self.main, *self.by_language))


def verify(root: Path, revision: str = "HEAD") -> Verification:
    """Compare what the last run in `root` made with what a commit holds; nothing is written.

    Raises UserError: no Git checkout, no such revision, no run in `root`, no scores in the commit, files that are not
    those of a report, or no score in common.
    """
    commit = commits.resolve(root, revision)
    if not (root / HERE.evaluations).is_dir():
        what = "no run to compare: these are the committed scores"
        raise UserError(what, where=str(HERE.metrics), how="run `make repro`")
    main, main_not_made, only_main = _match(
        _main_scores(*commits.read_first(root, commit, MAIN_SCORES)), _main_scores(*_made(root, MAIN_SCORES))
    )
    rows, rows_not_made, only_rows = _match(
        _scores_by_language(*commits.read_first(root, commit, BY_LANGUAGE)),
        _scores_by_language(*_made(root, BY_LANGUAGE)),
    )
    if not main and not rows:
        how = "run with the settings of that commit, or choose another with --against"
        raise UserError(f"no score in common with commit {commit}", where="metrics", how=how)
    new = commits.untracked(root, tuple(WRITTEN))
    return Verification(
        commit=commit,
        is_head=commit == commits.resolve(root, "HEAD"),
        main=tuple(main),
        by_language=tuple(rows),
        not_made=(*main_not_made, *rows_not_made),
        only_made=only_main + only_rows,
        first_stages=tuple(_first_stages(root, commit)),
        inputs=commits.differing(root, commit, READ),
        outputs=(*commits.differing(root, commit, tuple(WRITTEN)), *new),
        new=new,
    )


def render(found: Verification, console: "Console") -> None:
    """Print the largest differences in 80 columns, then the verdict, the reasons, and how to put the files back."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    main, rows = (_differing(scores) for scores in (found.main, found.by_language))
    if main or rows:
        table = Table("score", box=SIMPLE_HEAD, title=f"Largest differences from commit {found.commit}")
        for name in ("committed", "made", "difference", "tolerance"):
            table.add_column(name, justify="right", no_wrap=True)
        for score in (*main[:SHOWN], *rows[:SHOWN]):
            change = "-" if isinf(score.difference) else f"{score.difference:+.4f}"
            table.add_row(score.name, _number(score.committed), _number(score.made), change, _number(score.tolerance))
        console.print(table)
    for line in (*_verdict(found, main, rows), *_reasons(found)):
        console.print(one_line(line, LINE), highlight=False)


def _differing(scores: Sequence[Score]) -> list[Score]:
    """Return the scores that differ at all, those furthest from their tolerance first."""
    return sorted((score for score in scores if score.difference), key=lambda score: -score.excess)


def _verdict(found: Verification, main: Sequence[Score], rows: Sequence[Score]) -> Iterator[str]:
    def counted(some: Sequence[Score], others: Sequence[Score]) -> str:
        return (
            f"{len(some)} of {len(found.main)} main scores and {len(others):,} of {len(found.by_language):,} scores "
            "by language"
        )

    beyond = [[score for score in scores if score.excess > 1] for scores in (main, rows)]
    if not found.reproduced:
        parts = [f"{counted(*beyond)} differ by more than their tolerance"] if any(beyond) else []
        if found.not_made:
            parts.append(f"{len(found.not_made):,} committed scores were not made ({_named(found.not_made)})")
        yield f"not reproduced: {'; '.join(parts)}"
    elif main or rows:
        largest = (*main, *rows)[0]
        yield (
            f"reproduced within tolerances: largest difference {largest.difference:+.4f} ({largest.name}); "
            f"{counted(main, rows)} differ"
        )
    elif found.outputs:
        yield f"reproduced: all {len(found.main)} main scores and {len(found.by_language):,} by language are equal"
    else:
        yield f"reproduced: byte for byte (metrics, reports and dvc.lock of commit {found.commit})"
    if found.only_made:
        yield f"commit {found.commit} lacks {found.only_made:,} of the scores that were made"


def _reasons(found: Verification) -> Iterator[str]:
    if found.inputs:
        yield f"these are not the committed settings, code or data: {_named(found.inputs)}"
    if found.first_stages:
        cause = "the download" if found.first_stages[0].startswith("fetch") else "the kind of processor"
        yield (
            f"the difference begins at {_named(found.first_stages)}: same inputs and command, other bytes; "
            f"{cause} may differ"
        )
    if found.outputs:
        by_place = {place: [file for file in found.outputs if file.split("/")[0] == place] for place in WRITTEN}
        counts = [f"{place}, {len(files)} ({WRITTEN[place]})" for place, files in by_place.items() if files]
        yield f"files that differ from commit {found.commit}: {'; '.join(counts)}"
        if found.is_head:
            places = " ".join(place for place, files in by_place.items() if files)
            yield f"to put the committed ones back: git checkout HEAD -- {places}"
    if found.new:
        yield f"new files, which the commit lacks: {_named(found.new)}"


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(shown(name) for name in names[:NAMED]) + more


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


_Scores = dict[str, tuple[float | None, float]]  # name -> score, and its tolerance


def _match(committed: _Scores, made: _Scores) -> tuple[list[Score], list[str], int]:
    """Return the scores that both have, the names of those that were not made, and how many only the run has."""
    both = [Score(name, value, made[name][0], most) for name, (value, most) in committed.items() if name in made]
    return both, [name for name in committed if name not in made], len(made.keys() - committed.keys())


def _main_scores(text: str, where: str) -> _Scores:
    return {" ".join(path): (value, MAIN_TOLERANCE) for path, value in _leaves(parse_json(text, where), (), where)}


def _leaves(value: Any, path: tuple[str, ...], where: str) -> Iterator[tuple[tuple[str, ...], float | None]]:
    """Yield (keys, score) of nested objects, however deep the scores are."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name), where)
    elif value is None:
        yield path, None
    else:
        yield path, _score(value, where)


def _scores_by_language(text: str, where: str) -> _Scores:
    found: _Scores = {}
    for row in _rows(text, where):
        keys = [new if new in row else old for new, old in KEYS.items()]
        if not {*keys, "queries"} <= row.keys():
            raise UserError("not a table of scores by language", where=where, how=AGAIN)
        name, root = " ".join(row[key] or "" for key in keys), sqrt(max(1.0, _score(row["queries"], where)))
        for measure in (name for name in row if name not in NOT_SCORES):
            tolerance = (RECALL_TOLERANCE if measure.startswith("recall") else MEAN_TOLERANCE) / root
            found[f"{name} {measure}"] = (_score(row[measure], where) if row[measure] else None, tolerance)
    return found


def _rows(text: str, where: str) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise UserError(f"not a table ({error})", where=where, how=AGAIN) from error


def _score(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError) as error:
        raise UserError(f"{quoted(str(value))} is not a score", where=where, how=AGAIN) from error
    if not isfinite(number):
        raise UserError(f"a score is {number}", where=where, how=AGAIN)
    return number


def _made(root: Path, names: tuple[str, ...]) -> tuple[str, str]:
    """Return the text of the first of these files that is there, and its path for errors."""
    for name in names:
        if (root / name).is_file():
            return read_text(root / name), name
    raise UserError("no such file", where=names[0], how="run `make repro`")


def _first_stages(root: Path, commit: str) -> Iterator[str]:
    """Yield the stages whose outputs differ from the commit's although command, inputs and parameters are equal."""
    before, file = commits.read(root, commit, str(HERE.lock)), root / HERE.lock
    after = read_text(file) if file.is_file() else None
    if before is None or after is None or before == after:
        return
    committed, made = parse_lock(before, f"{HERE.lock} of commit {commit}"), parse_lock(after, str(HERE.lock))
    for name in filter(made.__contains__, committed):
        one, other = committed[name], made[name]
        same = all(one.get(key) == other.get(key) for key in ("cmd", "params"))
        if same and hashes(one, "deps") == hashes(other, "deps") and hashes(one, "outs") != hashes(other, "outs"):
            yield name
