"""Download files from the Hugging Face hub by name, at a recorded commit.

    fetch_from_hub(Path("data/raw/miracl-sw"), Wanted("miracl/miracl", "main", lambda names: names[:2]))
    topics = hub_file("miracl/miracl", "miracl-v1.0-sw/topics/topics.miracl-v1.0-sw-dev.tsv")

HF_ENDPOINT, HF_TOKEN, HF_HOME and HF_HUB_OFFLINE have the meaning that huggingface_hub gives them. It reads them when
it is first imported. Most of the project needs no hub, so the command line switches it off. It sets HF_HUB_OFFLINE=1,
and BABELMIX_HUB_OFF=1 to mark that the user did not do so. `allow_hub` switches the hub on again.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.one_line import reason_of

Kind = Literal["dataset", "model"]
TIMEOUT_SECONDS = 10
_OURS = "BABELMIX_HUB_OFF"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files of a data set on the hub; `choose` selects them from the names in the repository."""

    repo: str
    revision: str  # a branch, a tag or, to pin the bytes, a full commit hash
    choose: Callable[[list[str]], Sequence[str]]


def allow_hub() -> None:
    """Unset the HF_HUB_OFFLINE=1 that the command line set; keep one that the user set.

    Call it before any library imports huggingface_hub: RuntimeError if one did already.
    """
    if os.environ.pop(_OURS, None):
        if "huggingface_hub" in sys.modules:
            raise RuntimeError("huggingface_hub was imported before allow_hub() and stays offline")
        os.environ.pop("HF_HUB_OFFLINE", None)


def fetch_from_hub(folder: Path, *wanted: Wanted) -> None:
    """Download files of one or more data sets under their names in the repository, replacing `folder` as a whole.

    Also writes `manifest.json`: {repository: {"commit", "files": {name: sha256}}}, sorted. All files of a repository
    come from one commit, to which its revision pointed at the start.

    UserError: see `hub_file`; a name that leads out of the folder.
    """
    with new_folder(folder) as staging:
        manifest: dict[str, dict[str, object]] = {}
        for item in wanted:
            commit, names = look_up(item.repo, item.revision, "dataset")
            digests: dict[str, str] = {}
            for name in sorted(item.choose(names)):
                path = PurePosixPath(name)
                if path.is_absolute() or ".." in path.parts:
                    raise UserError(f"unsafe file name {name!r}", where=item.repo, how="do not use this repository")
                (staging / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(download(item.repo, name, commit, "dataset"), staging / path)
                with (staging / path).open("rb") as stream:
                    digests[name] = hashlib.file_digest(stream, "sha256").hexdigest()
            manifest[item.repo] = {"commit": commit, "files": digests}
        text = json.dumps(dict(sorted(manifest.items())), indent=2, ensure_ascii=False)
        (staging / "manifest.json").write_text(text + "\n", encoding="utf-8")


def hub_file(repo: str, path: str, *, revision: str = "main", kind: Kind = "dataset") -> Path:
    """Return the path of a repository's file in huggingface_hub's cache; download it if it is not there yet.

    If the user has set HF_HUB_OFFLINE, only the cache is used.

    UserError: the hub does not answer, is switched off or answers with an error; no such repository, revision or
    file; a repository whose terms were not accepted.
    """
    from huggingface_hub import is_offline_mode

    if not is_offline_mode():
        look_up(repo, revision, kind)  # fails at once; the download would retry for minutes
    return download(repo, path, revision, kind)


def hub_model(repo: str, choose: Callable[[list[str]], Sequence[str]], *, revision: str = "main") -> Path:
    """Download the files of a model that `choose` selects; return their folder in huggingface_hub's cache.

    `choose` must select config.json. If the user has set HF_HUB_OFFLINE, a model that was used before is taken from the
    cache. UserError: see `hub_file`.
    """
    from huggingface_hub import is_offline_mode

    if not is_offline_mode():
        commit, names = look_up(repo, revision, "model")
        for name in choose(names):
            download(repo, name, commit, "model")
    return download(repo, "config.json", revision, "model").parent


def look_up(repo: str, revision: str, kind: Kind) -> tuple[str, list[str]]:
    """Return the commit of a revision and the sorted names of its files, with one request to the hub.

    UserError: see `hub_file`.
    """
    from huggingface_hub import HfApi

    with _translate_errors(repo, revision, kind):
        ask = HfApi().dataset_info if kind == "dataset" else HfApi().model_info
        info = ask(repo, revision=revision, timeout=TIMEOUT_SECONDS)
        if not info.sha:
            raise ValueError("no commit")
        return info.sha, sorted(sibling.rfilename for sibling in info.siblings or ())


def download(repo: str, path: str, revision: str, kind: Kind) -> Path:
    """Return the path of a repository's file in huggingface_hub's cache, downloaded without an earlier check.

    UserError: see `hub_file`.
    """
    from huggingface_hub import hf_hub_download

    with _translate_errors(repo, revision, kind, path):
        return Path(hf_hub_download(repo, path, repo_type=kind, revision=revision))


@contextmanager
def _translate_errors(repo: str, revision: str, kind: Kind, path: str = "") -> Generator[None]:
    """Turn errors of the client library into UserErrors."""
    from httpx2 import TransportError
    from huggingface_hub import constants, errors, is_offline_mode

    where = "/".join(filter(None, (constants.ENDPOINT, "datasets" if kind == "dataset" else "", repo, path)))
    online = "connect to the network, or set HF_ENDPOINT to a mirror of the hub that answers"
    try:
        yield
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, TransportError) as error:
        if is_offline_mode():
            what = "not in the cache, and the hub is switched off by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE"
            raise UserError(what, where=where, how="unset the variable") from error
        reason = reason_of(error.__cause__ or error)
        raise UserError(f"the hub does not answer ({reason})", where=where, how=online) from error
    except errors.GatedRepoError as error:
        page = where.removesuffix(f"/{path}")
        how = f"accept its terms at {page}, and set HF_TOKEN to a token of the account that did"
        raise UserError("the repository is gated", where=where, how=how) from error
    except errors.RepositoryNotFoundError as error:
        how = "check the name; for a private one set HF_TOKEN"
        raise UserError(f"no such {kind} on the hub, or a private one", where=where, how=how) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"no revision {revision!r}", where=where, how="name a branch, a tag or a commit") from error
    except errors.EntryNotFoundError as error:
        how = "the repository may have changed: name an older revision of it"
        raise UserError(f"no such file at revision {revision!r}", where=where, how=how) from error
    except errors.HfHubHTTPError as error:
        how = "try again later; if it asks for a login, set HF_TOKEN"
        raise UserError(f"the hub answers with an error ({reason_of(error)})", where=where, how=how) from error
    except errors.HFValidationError as error:
        raise UserError(f"not a name on the hub: {repo!r}", where=kind, how="names look like org/name") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("the answer is not that of a hub", where=where, how="correct or unset HF_ENDPOINT") from error
