"""A project of one's own: settings, stages, example pairs and an example benchmark, without a clone of babelmix.

    start_project(Path("my-project"), ["en", "de", "pt"])     # "wrote 12 files to my-project"

`templates/` has the files. Its `pipeline.yaml` is a link to the dvc.yaml of babelmix itself, so there is one pipeline;
`own_pipeline` takes out what only a clone of babelmix has.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_file
from babelmix.common.progress import say

TEMPLATES = Path(__file__).with_name("templates")
EXAMPLES: dict[str, dict[str, tuple[str, str]]] = json.loads((TEMPLATES / "benchmark.json").read_text(encoding="utf-8"))
VALID = sorted({language for texts in EXAMPLES.values() for language in texts})
DEFAULT = ("en", "de", "pt")
BENCHMARK = "my-benchmark"
_HIDDEN = {"gitignore": ".gitignore", "dvcignore": ".dvcignore"}  # a wheel keeps these names, not always hidden ones
_KEPT = (".git", ".dvc")  # folders that Git and DVC made
_STAGING = re.compile(r"\..+\.babelmix-.+\.tmp")  # what a killed call left; the next one deletes it (common/files.py)
_BARE = ([], ["[core]", "no_scm", "=", "True"])  # the words of what `dvc init` writes, before any option is set
_STUDY = "answer"  # the stage that reads the records of babelmix's own study
_CODE = re.compile(r"(?:, )?src/babelmix/?[\w./]*")
_HEAD = "# The stages of `dvc repro`, as babelmix has them. `dvc dag` shows which stage needs which.\n"


def start_project(folder: Path, languages: Sequence[str]) -> str:
    """Write a project into a new or empty folder, begin Git and DVC in it, and return what was written.

    `languages` are those of the example benchmark. A second call completes what a kill left. UserError: a folder with
    any other content (the first of it is named), a file, a language without examples.
    """
    for language in languages:
        if language not in VALID:
            raise unknown_name("language of the examples", language, VALID, where="--languages")
    files = project_files(tuple(dict.fromkeys(languages)) or DEFAULT)
    target = folder.resolve()
    missing = _missing(folder, target, files)
    for name in missing:
        with new_file(target / name) as stream:
            stream.write(files[name])
    _begin_git(target)
    _begin_dvc(target)
    return f"wrote {len(missing)} files to {folder}"


def project_files(languages: Sequence[str]) -> dict[str, str]:
    """Return the text of each file of a new project by its path."""
    root = TEMPLATES / "project"
    files = {
        "/".join(_HIDDEN.get(part, part) for part in file.relative_to(root).parts): file.read_text(encoding="utf-8")
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }
    files["dvc.yaml"] = own_pipeline((TEMPLATES / "pipeline.yaml").read_text(encoding="utf-8"))
    return files | {f"data/own/{BENCHMARK}/{name}": text for name, text in _benchmark(languages).items()}


def own_pipeline(text: str) -> str:
    """Return the stages of babelmix's dvc.yaml for a project that has no source code of babelmix.

    Commands are those of the installed babelmix, no stage depends on code, and the stage of babelmix's own study, the
    comments, and a plot whose template lies in the clone are gone.
    """
    lines: list[str] = []
    dropped = False
    for line in text.splitlines():
        if re.match(r" {0,2}\S", line):  # a section or a stage begins
            dropped = line.startswith((f"  {_STUDY}:", "  - metrics/scores.csv:"))
        if dropped or line.lstrip().startswith("#"):
            continue
        if line.startswith("    deps: ["):
            line = _CODE.sub("", line).replace("[, ", "[")
        lines.append(line.replace("cmd: PYTHONPATH=src ", "cmd: "))
    return _HEAD + "\n".join(lines) + "\n"


def _benchmark(languages: Sequence[str]) -> dict[str, str]:
    """Return the files of the example benchmark, in babelmix's own form."""
    queries: list[dict[str, Any]] = []
    passages: list[dict[str, Any]] = []
    qrels: list[dict[str, Any]] = []
    for name, texts in EXAMPLES.items():
        for language in languages:
            query, passage = texts[language]
            place = f"{name}-{language}"
            queries.append({"id": place, "parallel_id": name, "lang": language, "text": query})
            passages.append({"id": place, "lang": language, "text": passage})
            qrels.append({"parallel_id": name, "passage": place})
    rows = {"queries.jsonl": queries, "passages.jsonl": passages, "qrels.jsonl": qrels}
    return {
        name: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content) for name, content in rows.items()
    }


def _missing(folder: Path, target: Path, files: dict[str, str]) -> list[str]:
    """Return the files that the target lacks; UserError for content that is not one of them to the byte."""
    if target.exists() and not target.is_dir():
        raise UserError("a file, but must be a folder", where=str(folder), how="choose another folder")
    for parent, folders, names in os.walk(target):
        here = Path(parent)
        if here == target:
            folders[:] = [name for name in folders if name not in _KEPT]
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*(name for name in names if not _STAGING.fullmatch(name)), *links]):
            relative = (here / name).relative_to(target).as_posix()
            if relative not in files or not _same(here / name, files[relative]):
                how = "choose a new or an empty folder: nothing is overwritten"
                raise UserError(f"the folder holds {relative!r}", where=str(folder), how=how)
    return [name for name in files if not (target / name).exists()]


def _same(file: Path, text: str) -> bool:
    return file.is_file() and not file.is_symlink() and file.read_bytes() == text.encode()


def _begin_git(target: Path) -> None:
    """Make the folder a Git repository, unless it is in one."""
    if shutil.which("git") is None:
        say("git is not here: the project has no history, and `dvc exp run` needs one")
    elif _run(target, "git", "rev-parse", "--is-inside-work-tree") and (failed := _run(target, "git", "init", "-q")):
        say(f"git init failed ({failed}): run it in {target}")


def _begin_dvc(target: Path) -> None:
    """Make the folder a DVC project, unless it is one: without reports home, and files linked where the disk can."""
    config = target / ".dvc" / "config"
    begun = config.exists()
    if begun and config.read_text(encoding="utf-8").split() not in _BARE:
        return
    dvc = shutil.which("dvc", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    if dvc is None:
        say("dvc is not here: pip install 'babelmix[all]', then `dvc init` in the project")
        return
    if _run(target, "git", "rev-parse", "--is-inside-work-tree"):
        kind = ["--no-scm"]
    else:
        kind = [] if (target / ".git").exists() else ["--subdir"]
    failed = "" if begun else _run(target, dvc, "init", "-q", *kind)
    for option, value in (("core.analytics", "false"), ("core.check_update", "false")):
        failed = failed or _run(target, dvc, "config", "-q", option, value)
    failed = failed or _run(target, dvc, "config", "-q", "cache.type", "reflink,hardlink,copy")
    if failed:
        say(f"dvc init failed ({failed}): run it in {target}")


def _run(folder: Path, *command: str) -> str:
    """Run a program in a folder; return "" if it ends well, else the last line that it wrote."""
    quiet = os.environ | {"DVC_NO_ANALYTICS": "true", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=quiet, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        return str(error)
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    return "" if done.returncode == 0 else next((line for line in reversed(lines) if line.strip()), "no reason given")
