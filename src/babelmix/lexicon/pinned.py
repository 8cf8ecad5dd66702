"""Download the files of a lexicon, each pinned by the sha256 that checksums.csv has for it.

    fetch_pinned(Path("data/lexicons/tatoeba"), "tatoeba", BABELBERT)
    raw_file(Path("data/lexicons/tatoeba"), "tatoeba.deu-eng.deu", "tatoeba")

The repository of BabelBERT (ACL 2023, arXiv 2208.01018) has three of the lexicons.
"""

import csv
from importlib.resources import files
from pathlib import Path, PurePosixPath

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.download.https import fetch_file

BABELBERT = "https://raw.githubusercontent.com/umanlp/babelbert/141cb24dfc1ddaa3c2ee9418837efcb5b64e821c/datasets"


def checksums(lexicon: str) -> dict[str, str]:
    """Return path -> sha256 of the files of a lexicon; a path begins at the lexicon's address."""
    text = (files("babelmix.lexicon") / "checksums.csv").read_text(encoding="utf-8")
    return {row["path"]: row["sha256"] for row in csv.DictReader(text.splitlines()) if row["lexicon"] == lexicon}


def fetch_pinned(folder: Path, lexicon: str, address: str) -> None:
    """Download the files of a lexicon that lie below an address; `folder` is replaced as a whole, and has no folders.

    UserError: see `https.fetch_file`.
    """
    with new_folder(folder) as staging:
        for path, sha256 in checksums(lexicon).items():
            fetch_file(f"{address}/{path}", sha256, staging / PurePosixPath(path).name)


def raw_file(folder: Path, name: str, lexicon: str) -> Path:
    """Return the path of a raw file of a lexicon; UserError, with the command that fetches it, if it is missing."""
    file = folder / name
    if not file.is_file():
        raise UserError("no such file", where=str(file), how=f"run `babelmix fetch {lexicon}`")
    return file
