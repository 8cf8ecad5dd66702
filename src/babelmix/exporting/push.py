"""Send a folder that babelmix wrote to the Hugging Face hub: a model or a data set.

    check_push("org/hybrid")                                                      # before the folder is made
    address = push_folder(Path("export/hybrid"), "org/hybrid", kind="model")

Call `download.hub.allow_hub` first, before any library imports huggingface_hub. HF_ENDPOINT and HF_TOKEN have the
meaning that huggingface_hub gives them. A repository that does not exist yet is made private: you make it public on its
page.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from babelmix.common.errors import UserError, quoted
from babelmix.common.outputs import written_files
from babelmix.common.progress import say

AGAIN = "run the same command again: what the hub has already is not sent twice"
REFUSALS = {
    400: ("the hub does not take the folder", "mend what it names: it reads the front matter of README.md first"),
    401: ("the hub does not know you", "log in with `hf auth login`, or set HF_TOKEN to a token that may write"),
    402: ("the hub asks for payment", "free some storage of that account, or name another"),
    403: (
        "the hub does not let you write there",
        "set HF_TOKEN to a token that may write there, or name a repository of your own",
    ),
    404: ("no such organisation or repository, or a private one", "check the name, and set HF_TOKEN"),
    413: ("too large for the hub", "send less in one folder"),
    429: ("the hub asks for a pause", "wait some minutes, then run the same command again"),
}


def check_push(repo: str) -> None:
    """Raise UserError for what needs no request to be refused: a name that is none, a hub that is switched off."""
    from huggingface_hub import constants, is_offline_mode
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if is_offline_mode():
        where = f"{constants.ENDPOINT}/{repo}"
        raise UserError("the hub is switched off by HF_HUB_OFFLINE", where=where, how="unset the variable")
    how = "names look like org/name"
    if repo.count("/") != 1:
        raise UserError(f"not a name on the hub: {quoted(repo)}", where="--push", how=how)
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise UserError(f"not a name on the hub: {_first(error)}", where="--push", how=how) from error


def push_folder(folder: Path, repo: str, *, kind: Literal["model", "dataset"]) -> str:
    """Send the files of a folder's manifest to a repository of the hub as one commit; return the commit's address.

    Files that the repository has besides stay. The folder is only read, whatever happens.

    Args:
        folder: as babelmix wrote it; a README.md that was edited since is sent as it is.
        repo: org/name.
        kind: of repository.

    Raises:
        UserError: not a folder of babelmix, or a file of it is missing or a link; what `check_push` refuses; a hub that
            does not answer, refuses or breaks off.
    """
    files = _files_of(folder)
    check_push(repo)
    from huggingface_hub import CommitOperationAdd, HfApi, constants
    from huggingface_hub.utils import disable_progress_bars

    where = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repo}"
    if not sys.stderr.isatty():
        disable_progress_bars()
    with _refusals(where):
        api = HfApi()
        api.create_repo(repo, repo_type=kind, private=True, exist_ok=True)
        operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in files]
        found = api.create_commit(repo, operations, commit_message="Written by babelmix", repo_type=kind)
    return str(found.commit_url)


def _files_of(folder: Path) -> list[str]:
    """Return the names in a folder's manifest, each of an ordinary file; say what else is there."""
    names = sorted(written_files(folder))
    if not names:
        how = "name a folder that babelmix wrote: it holds a file .babelmix-manifest"
        raise UserError("not a folder that babelmix wrote", where=str(folder), how=how)
    for name in names:
        file = folder / name
        if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
            raise UserError("missing, or a link out of the folder", where=str(file), how="write the folder again")
    others = sum(1 for file in folder.rglob("*") if file.is_file()) - len(names) - 1
    if others > 0:
        say(f"{folder}: not sent, as babelmix did not write them: {others} files")
    return names


@contextmanager
def _refusals(where: str) -> Generator[None]:
    """Turn what huggingface_hub raises while it sends into UserErrors; it wraps some causes in others."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except (HfHubHTTPError, TransportError, OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        chain = list(_causes(error))
        for cause in chain:
            if isinstance(cause, HfHubHTTPError):
                status = cause.response.status_code
                what, how = REFUSALS.get(status, ("the hub answers with an error", f"wait, then {AGAIN}"))
                detail = cause.server_message or _first(cause)
                raise UserError(f"{what} ({status}: {detail})", where=where, how=how) from error
        if any(isinstance(cause, TransportError | OSError) for cause in chain):
            how = f"connect to the network, or set HF_ENDPOINT to a hub that answers, then {AGAIN}"
            raise UserError(f"the hub does not answer ({_first(chain[-1])})", where=where, how=how) from error
        how = "read what it says; if it is not about README.md, correct or unset HF_ENDPOINT"
        raise UserError(f"the hub does not take the folder ({_first(error)})", where=where, how=how) from error


def _causes(error: BaseException) -> Generator[BaseException]:
    """Yield an error and what caused it, the first cause last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _first(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__
