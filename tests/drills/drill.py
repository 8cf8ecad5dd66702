"""A drill of one stage: every fault at every point of its command, and after each the command once more.

    python drill.py train FOLDER --every       # FOLDER: a project that the stage can run in, made by test_drills.py

One process imports what the stage needs and forks for every fault. After a fault an output is the old one or the new
one, as a whole, and nothing else has changed; then the same command ends with the bytes of a run that nothing stopped.
"""

import gc
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from faults import FAULTS, Points
from stages import STAGES, Stage

SHORT = 3000  # characters of what a failed command said


@dataclass(frozen=True)
class Case:
    """One fault of a drill: where it starts from, what happens, and at which point."""

    start: str  # "fresh": without outputs; "old": with those of another run
    fault: str
    at: int
    point: str  # its name


@dataclass(frozen=True)
class Ran:
    """How a command ended: its exit code, negative for a signal, what it said, and the points that it passed."""

    code: int
    said: str
    points: list[str]


Tree = dict[str, str]  # path below the sandbox -> sha256, or "/" for a folder


def main() -> None:
    """Drill the stage of the command line, and print one line."""
    name, project, every = sys.argv[1], Path(sys.argv[2]), "--every" in sys.argv
    stage = STAGES[name]
    importlib.import_module("babelmix.cli")
    stage.load()
    assert threading.active_count() == 1, "a process of several threads is forked"
    gc.freeze()  # a collection in a fork would copy all pages
    work = project.parent / "drill"
    whole: dict[str, tuple[Tree, Tree, Any]] = {}
    cases: list[Case] = []
    points = total = 0
    for start in ("fresh", "old"):
        template = _template(stage, project, work, start)
        sandbox = _copy(template, work / f"whole-{start}")
        ran = _run(stage.command, sandbox)
        assert ran.code == 0, ran.said
        whole[start] = (_tree(template), _tree(sandbox), _fork(lambda box=sandbox: stage.projection(box / "project")))
        shutil.rmtree(sandbox)
        points += len(ran.points)
        here: list[Case] = []
        for fault in FAULTS:
            last = len(ran.points) if fault in ("killed", "torn") else len(ran.points) - 1  # at the end all is done
            here += [Case(start, fault, at, ran.points[at - 1]) for at in range(1, last + 1)]
        total += len(here)
        cases += _spread(here, (stage.most if every else stage.some).get(start))
    failed = [fault for fault in _each(cases, lambda case: _drill(stage, case, work, whole[case.start])) if fault]
    of = f"{len(cases)} of {total}" if len(cases) < total else str(total)
    print(f"drill: {name}: {of} faults at {points} points ({', '.join(FAULTS)}), {len(cases) - len(failed)} recovered")
    for line in failed:
        print(f"FAILED {line}")
    sys.exit(1 if failed else 0)


def _spread(cases: list[Case], most: int | None) -> list[Case]:
    """Return the cases, or as many of them as are tried, evenly spread and always the same."""
    if most is None or most >= len(cases):
        return cases
    return [cases[number * (len(cases) - 1) // (most - 1)] for number in range(most)]


def _drill(stage: Stage, case: Case, work: Path, whole: tuple[Tree, Tree, Any]) -> str:
    """Return what is wrong after one fault and after another run; nothing where all is well."""
    before, after, projection = whole
    sandbox = _copy(work / f"template-{case.start}", work / f"{case.start}-{case.fault}-{case.at}")
    ran = _run(stage.command, sandbox, case)
    wrong = _ended(case, ran) or _harmed(stage, case, _tree(sandbox), before, after)
    if not wrong:
        again = _run(stage.command, sandbox)
        if again.code != 0:
            wrong = f"run again: exit code {again.code}, {again.said}"
        elif differs := _differs(stage, _tree(sandbox), after):
            wrong = f"run again: {differs}"
        elif stage.projection(sandbox / "project") != projection:
            wrong = f"run again: other content, {stage.projection(sandbox / 'project')} for {projection}"
    shutil.rmtree(sandbox)
    return f"{case.start}, {case.fault} at {case.at} ({case.point}): {wrong}" if wrong else ""


def _ended(case: Case, ran: Ran) -> str:
    """Say what is wrong with how a command ended: killed where it was killed, else well or in one line."""
    if case.fault in ("killed", "torn"):
        return "" if ran.code == -signal.SIGKILL else f"exit code {ran.code}, {ran.said}"
    if ran.code not in (0, 2) or "Traceback" in ran.said:
        return f"exit code {ran.code}, {ran.said}"
    return ""


def _harmed(stage: Stage, case: Case, now: Tree, before: Tree, after: Tree) -> str:
    """Say what is neither old nor new, what is changed that is no output, and what was left without need."""
    for output in stage.outputs:
        own = _below(now, f"project/{output}")
        if own not in (_below(before, f"project/{output}"), _below(after, f"project/{output}")):
            return f"{output} is neither the old nor the new: {sorted(own)}"
    for path in sorted(now.keys() | before.keys()):
        if now.get(path) == before.get(path) or _is_output(stage, path):
            continue
        if now.get(path) == after.get(path):  # a folder that is made for an output
            continue
        if case.fault != "full" and any(part.endswith(".tmp") for part in path.split("/")):
            continue
        return f"{path} was {'changed' if path in before and path in now else 'made' if path in now else 'lost'}"
    return ""


def _differs(stage: Stage, now: Tree, after: Tree) -> str:
    """Say what is other than after a run that nothing stopped; contents of databases are compared elsewhere."""
    for path in sorted(now.keys() | after.keys()):
        loose = any(path.startswith(f"project/{store}") for store in stage.stores)
        if now.get(path) != after.get(path) and not loose:
            return f"{path} is {'other' if path in now and path in after else 'left' if path in now else 'lacking'}"
    return ""


def _is_output(stage: Stage, path: str) -> bool:
    return any(path == f"project/{name}" or path.startswith(f"project/{name}/") for name in stage.outputs) or any(
        path.startswith(f"project/{name}") for name in (*stage.stores, ".babelmix")
    )


def _below(tree: Tree, root: str) -> Tree:
    return {path: told for path, told in tree.items() if path == root or path.startswith(f"{root}/")}


def _tree(sandbox: Path) -> Tree:
    return {
        str(file.relative_to(sandbox)): "/" if file.is_dir() else hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sandbox.rglob("*")
    }


def _template(stage: Stage, project: Path, work: Path, start: str) -> Path:
    """A project before the command, with nothing in the outputs' places or with what another run has left there."""
    template = _copy(None, work / f"template-{start}")
    shutil.copytree(project, template / "project")
    if start == "old":
        _set(template, stage.old_params)
        ran = _run(stage.old_command or stage.command, template)
        assert ran.code == 0, ran.said
    _set(template, stage.params)
    return template


def _set(sandbox: Path, params: dict[str, Any]) -> None:
    """Change params.yaml, two levels deep."""
    file = sandbox / "project/params.yaml"
    raw = yaml.safe_load(file.read_text())
    for name, value in params.items():
        raw[name] = raw[name] | value if isinstance(value, dict) else value
    file.write_text(yaml.safe_dump(raw))


def _copy(template: Path | None, sandbox: Path) -> Path:
    """Make a sandbox: a project, a home and a folder of temporary files."""
    if template:
        shutil.copytree(template, sandbox)
    for name in ("home", "tmp"):
        (sandbox / name).mkdir(parents=True, exist_ok=True)
    return sandbox


def _run(command: list[str], sandbox: Path, case: Case | None = None) -> Ran:
    """Run a command of babelmix in a fork, as its own process would run it."""
    return _fork_command(lambda: _command(command, sandbox, case))


def _command(command: list[str], sandbox: Path, case: Case | None) -> tuple[int, Points]:
    import tempfile

    from babelmix import cli
    from babelmix.common.ending import run_and_exit

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(sandbox / "project")
    os.environ |= {"HOME": str(sandbox / "home"), "TMPDIR": str(sandbox / "tmp")}
    tempfile.tempdir = str(sandbox / "tmp")  # as it would be found, without the file that tempfile writes to try it
    sys.argv = ["babelmix", *command]
    points = Points(sandbox, fault=case.fault, at=case.at) if case else Points(sandbox)
    points.install()
    try:
        run_and_exit(cli.run, command)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    points.reach("the end")
    return code, points


def _fork_command(work: Callable[[], tuple[int, Points]]) -> Ran:
    """Run work in a child whose output is read; its points are known unless it was killed."""
    (said, saying), (passed, passing) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(said)
        os.close(passed)
        for stream in (1, 2):
            os.dup2(saying, stream)
        code = 1
        try:
            code, points = work()
            sys.stdout.flush()
            os.write(passing, "\n".join(points.passed).encode()[:60000])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(saying)
    os.close(passing)
    with os.fdopen(said, "rb") as stream:
        output = stream.read().decode(errors="replace")
    with os.fdopen(passed, "rb") as stream:
        points = stream.read().decode().splitlines()
    _, status = os.waitpid(child, 0)
    return Ran(os.waitstatus_to_exitcode(status), output[-SHORT:], points)


def _fork(work: Callable[[], Any]) -> Any:
    """Return what work finds in a child, so that the parent stays as it was."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            with os.fdopen(writing, "w") as stream:
                json.dump(work(), stream)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, "work in a child failed"
    return json.loads(text)


def _each(cases: Iterable[Case], work: Callable[[Case], str]) -> list[str]:
    """Do each case in a fork, as many at once as there are cores, and return what each found, in their order."""
    found: dict[int, str] = {}
    running: dict[int, tuple[int, int]] = {}
    waiting = list(enumerate(cases))[::-1]
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            number, case = waiting.pop()
            reading, writing = os.pipe()
            child = os.fork()
            if not child:
                try:
                    text = work(case)
                except BaseException:
                    text = f"{case}: {traceback.format_exc()}"
                os.write(writing, text.encode()[:60000])
                os._exit(0)
            os.close(writing)
            running[child] = (number, reading)
        child, _ = os.wait()
        number, reading = running.pop(child)
        with os.fdopen(reading, "rb") as stream:
            found[number] = stream.read().decode(errors="replace")
    return [found[number] for number in sorted(found)]


if __name__ == "__main__":
    main()
