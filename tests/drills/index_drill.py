"""A drill of one change of an index: every fault at every point of its writing.

    python index_drill.py add FOLDER --every

One process imports what a change needs and forks for every fault. After a fault the index is the old one or the new
one, every byte of it as its manifest says; then the same change ends in the new one, and leaves no other file.
"""

import hashlib
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
from faults import FAULTS, Points

sys.path.append(str(Path(__file__).parents[1] / "searching"))
from made import documents_of, make_index, model_of, unit_vectors

from babelmix.common.ending import run_and_exit
from babelmix.searching import approximate, update
from babelmix.searching.build import PassageEncoder, index_vectors
from babelmix.searching.documents import Document
from babelmix.searching.index import SearchIndex

SOME = 40  # faults of a change in the ordinary tests
ROWS = 40
LATER = [Document("d3", "another text", None, "en"), *documents_of(6, start=100)]
VECTORS = dict(zip((d.passage for d in LATER), unit_vectors(len(LATER), seed=8), strict=True))


def add(index: Path) -> None:
    encoder = PassageEncoder(model_of(), lambda texts: np.array([VECTORS[text] for text in texts]))
    update.add_documents(index, LATER, encoder)


def delete(index: Path) -> None:
    update.delete_ids(index, ["d1", "d2"])


def rewrite(index: Path) -> None:
    update.delete_ids(index, [f"d{n}" for n in range(ROWS // 2)])


def build(index: Path) -> None:
    make_index(index, ROWS)


def lists(index: Path) -> None:
    approximate.EXACT = 100
    index_vectors(documents_of(300), unit_vectors(300), model_of(), index)


# What is changed, and what was there before.
CHANGES: dict[str, tuple[Callable[[Path], None], Callable[[Path], None] | None]] = {
    "build": (build, None),
    "replace": (build, lambda index: make_index(index, 9, seed=5)),
    "lists": (lists, lambda index: make_index(index, 9, seed=5)),
    "add": (add, build),
    "delete": (delete, build),
    "rewrite": (rewrite, build),
}


def main() -> None:
    name, work = sys.argv[1], Path(sys.argv[2])
    change, before = CHANGES[name]
    template, whole = work / "template", work / "whole"
    template.mkdir(parents=True)
    (work / "tmp").mkdir()
    if before:
        fork(lambda: before(template / "index"))
    shutil.copytree(template, whole)
    code, points = fork(lambda: change(whole / "index"), Points(whole))
    assert code == 0, "the change fails by itself"
    old, new = content(template), content(whole)
    assert old != new
    cases = [(fault, at) for fault in FAULTS for at in range(1, points + (fault in ("killed", "torn")))]
    tried = cases if "--every" in sys.argv else cases[:: max(1, len(cases) // SOME)]
    failed = [wrong for fault, at in tried if (wrong := drill(change, fault, at, template, old, new))]
    of = f"{len(tried)} of {len(cases)}" if len(tried) < len(cases) else str(len(cases))
    print(f"drill: index, {name}: {of} faults at {points} points, {len(tried) - len(failed)} recovered")
    for line in failed:
        print(f"FAILED {line}")
    sys.exit(1 if failed else 0)


def drill(change: Callable[[Path], None], fault: str, at: int, template: Path, old: str, new: str) -> str:
    """Return what is wrong after one fault and after the same change once more; nothing where all is well."""
    box = template.with_name(f"{fault}-{at}")
    shutil.copytree(template, box)
    try:
        code, _ = fork(lambda: change(box / "index"), Points(box, fault=fault, at=at))
        killed = fault in ("killed", "torn")
        if killed != (code == -signal.SIGKILL) or (not killed and code not in (0, 2)):
            return f"{fault} at {at}: exit code {code}"
        if (found := content(box)) not in (old, new):
            return f"{fault} at {at}: {found}, neither the old nor the new"
        if fork(lambda: change(box / "index"))[0] != 0 or content(box) != new:
            return f"{fault} at {at}: run again, {content(box)}"
        left = [file.name for file in box.iterdir() if file.name != "index"]
        return f"{fault} at {at}: left {left}" if left else ""
    finally:
        shutil.rmtree(box)


def content(box: Path) -> str:
    """Return a hash of all that an index finds, after a look at each of its bytes; "none" where there is none."""
    if not (box / "index").exists():
        return "none"
    index = SearchIndex.open(box / "index", check=True)
    rows = np.flatnonzero(index.live)
    found = [(index.document(row), index.vectors[np.array([row])].tobytes()) for row in rows.tolist()]
    told = repr((sorted(found, key=repr), dict(index.languages), index.record.lists))
    return f"{len(found)} {hashlib.sha256(told.encode()).hexdigest()}"


def fork(work: Callable[[], None], points: Points | None = None) -> tuple[int, int]:
    """Do work in a child as a command would do it; return its exit code and how many points it came by."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            with Path(os.devnull).open("w") as nothing:
                os.dup2(nothing.fileno(), 2)
            if points:
                points.install()

            def command(_: list[str]) -> int:
                work()
                return 0

            try:
                run_and_exit(command, [])
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 1
            if points:
                points.reach("the end")
                os.write(writing, str(len(points.passed)).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as stream:
        passed = stream.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(passed or 0)


if __name__ == "__main__":
    main()
