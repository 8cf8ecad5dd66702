"""What a commit holds, read by git: nothing is checked out, staged or changed.

commit = resolve(Path("."), "HEAD")                             # "67f3327"
read(Path("."), commit, "metrics/main_score.json")              # its text, or None
differing(Path("."), commit, ("metrics", "reports"))            # ("reports/report.md", ...)
"""

import os
import subprocess
from pathlib import Path

from babelmix.common.errors import UserError, quoted


def resolve(root: Path, revision: str) -> str:
    """Return the abbreviated hash of a commit; UserError where `root` is no Git checkout or has no such commit."""
    if _git(root, "rev-parse", "--git-dir").returncode:
        how = "clone the repository with git; an archive of it has no commits to compare with"
        raise UserError("no Git checkout", where=str(root.resolve()), how=how)
    answer = _git(root, "rev-parse", "--verify", "--quiet", "--short", "--end-of-options", f"{revision}^{{commit}}")
    if answer.returncode:
        how = "name one that `git log` or `git tag` shows"
        raise UserError(f"no commit {quoted(revision)}", where=str(root.resolve()), how=how)
    return answer.stdout.decode().strip()


def read(root: Path, commit: str, path: str) -> str | None:
    """Return the text of a file of a commit, `path` from `root`; None where the commit does not have it."""
    answer = _git(root, "show", f"{commit}:./{path}")
    try:
        return None if answer.returncode else answer.stdout.decode()
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=f"{path} of commit {commit}", how="choose another commit") from error


def read_first(root: Path, commit: str, paths: tuple[str, ...]) -> tuple[str, str]:
    """Return the text of the first of these files that a commit has, and the name of this file for errors."""
    for path in paths:
        if (text := read(root, commit, path)) is not None:
            return text, f"{path} of commit {commit}"
    raise UserError(f"commit {commit} has no such file", where=paths[0], how="choose another commit")


def differing(root: Path, commit: str, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tracked files below these paths that differ from a commit, or are gone."""
    return _paths(_git(root, "diff", "--name-only", "--relative", "-z", commit, "--", *paths).stdout)


def untracked(root: Path, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files below these paths that Git neither tracks nor ignores."""
    return _paths(_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *paths).stdout)


def _paths(answer: bytes) -> tuple[str, ...]:
    return tuple(os.fsdecode(path) for path in answer.split(b"\0") if path)


def _git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise UserError(f"git does not run ({error})", where=str(root), how="install git") from error
