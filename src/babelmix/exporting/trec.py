"""TREC's text files: runs and qrels as trec_eval, ir_measures and pyserini read them, and pyserini's topics.

ids = passage_ids(folder)
Lines(Path("qrels.txt"), "--qrels", [*qrels_lines(topics, ids)]).write()       # TOPIC 0 PASSAGE RELEVANCE
Lines(Path("topics.tsv"), "--topics", [*topic_lines(topics, texts)]).write()   # TOPIC, a tab, the text
write_run(Path("run.txt"), topics, ids, rankings(scorer, qrels, topics, 1000), tag_of("models/hybrid"))
                                                       # TOPIC Q0 PASSAGE RANK SCORE TAG

trec_eval sorts a ranking by its scores, in float32, and equal ones by the passage's id from z to a; ours goes from a to
z. So a score that is not below the one before it is lowered to the next float32: every reader then has our order.

A relevant passage whose text the benchmark lacks stands in the qrels as `babelmix-lost-N`: no run lists it, and it
counts as relevant and not found, as it does in our own measures.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.files import read_passages
from babelmix.common.errors import UserError, quoted
from babelmix.common.files import new_file
from babelmix.common.outputs import claim_file
from babelmix.exporting.rankings import Ranking
from babelmix.exporting.topics import LOST, Topics

TAG = "babelmix"  # how the sixth column of our runs begins: a run file without it is the user's
_RUN_COLUMNS = 6


def check_ids(ids: Iterable[str], where: str) -> None:
    """Raise UserError for an id with a blank in it: blanks part the columns of TREC's files."""
    for one in ids:
        if len(one.split()) != 1:
            how = "rename it in your files: blanks part the columns of a TREC file"
            raise UserError(f"a blank in the id {quoted(one)}", where=where, how=how)


def passage_ids(folder: Path) -> tuple[str, ...]:
    """Return the ids of a benchmark folder's passages, in order; UserError for one with a blank."""
    found = tuple(passage.id for passage in read_passages(folder))
    check_ids(found, f"{folder.name}, passages")
    return found


def tag_of(system: str) -> str:
    """Return the name of a run in its sixth column, without blanks.

    >>> tag_of("models/my hybrid+lir")
    'babelmix-models-my-hybrid+lir'
    """
    return f"{TAG}-" + re.sub(r"[^\w.+-]+", "-", system)


def claim_run(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Raise UserError unless a run may be written there: no file is there, or an empty one, or a run of babelmix."""
    meant = claim_file(path, inputs=inputs, what="--trec")
    if meant.exists() and meant.stat().st_size:  # a system that retrieves nothing leaves an empty run
        with meant.open(encoding="utf-8", errors="replace") as stream:
            columns = stream.readline(100_000).split()
        if len(columns) != _RUN_COLUMNS or not columns[-1].startswith(TAG):
            raise _foreign(path, "--trec")


def write_run(path: Path, topics: Topics, ids: Sequence[str], ranked: Iterable[Ranking], tag: str) -> int:
    """Write a run, one topic after the other; return how many scores were lowered to part ties."""
    lowered = 0
    with new_file(path) as stream:
        for name, (passages, scores) in zip(topics.names, ranked, strict=True):
            falling = strictly_falling(scores)
            lowered += int(np.count_nonzero(falling != scores))
            for rank, passage, score in zip(count(1), passages.tolist(), falling.tolist()):
                stream.write(f"{name} Q0 {ids[passage]} {rank} {score:.9g} {tag}\n")
    return lowered


def strictly_falling(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 scores, [n] best first, in which each is below the one before it.

    Only scores that tie change, and those that the lowered ones reach: each by as few steps of float32 as it takes.

    >>> strictly_falling(np.array([0.5, 0.5, 0.25], dtype=np.float32)).tolist()
    [0.5, 0.4999999701976776, 0.25]
    """
    if len(scores) < 2 or bool((scores[1:] < scores[:-1]).all()):
        return scores
    falling, least = scores.copy(), np.float32(-np.inf)
    for place in range(1, len(falling)):
        if falling[place] >= falling[place - 1]:
            falling[place] = np.nextafter(falling[place - 1], least)
    return falling


def qrels_lines(topics: Topics, ids: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a qrels file: topic, 0, passage, relevance."""
    lost = count(1)
    columns = (topics.topic.tolist(), topics.passage.tolist(), topics.relevance.tolist())
    for topic, passage, relevance in zip(*columns, strict=True):
        name = f"{TAG}-lost-{next(lost)}" if passage == LOST else ids[passage]
        yield f"{topics.names[topic]} 0 {name} {relevance}\n"


def topic_lines(topics: Topics, texts: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a topics file: topic, a tab, the text on one line; `texts` are those of all queries, [Q]."""
    for name, query in zip(topics.names, map(int, topics.query), strict=True):
        yield f"{name}\t{' '.join(texts[query].split())}\n"


@dataclass(frozen=True, slots=True)
class Lines:
    """A text file to write, and the option that names it."""

    path: Path
    what: str
    lines: Sequence[str]

    def claim(self, inputs: Iterable[Path] = ()) -> None:
        """Raise UserError unless the file may be written: none is there, or one with the same lines."""
        meant = claim_file(self.path, inputs=inputs, what=self.what)
        if meant.exists() and meant.read_bytes() != "".join(self.lines).encode():
            raise _foreign(self.path, self.what)

    def write(self) -> None:
        """Write the lines."""
        with new_file(self.path) as stream:
            stream.writelines(self.lines)


def _foreign(path: Path, what: str) -> UserError:
    how = "choose another output, or move that file away"
    return UserError(f"the {what} exists, and is not what babelmix would write there", where=str(path), how=how)
