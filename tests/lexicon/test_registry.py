"""Every lexicon by its name, and the checksums of what is downloaded."""

import hashlib
import re
from pathlib import Path, PurePosixPath

import pytest

from babelmix.benchmarks.registry import BENCHMARKS
from babelmix.common.errors import UserError
from babelmix.corpus.registry import PAIR_SOURCES
from babelmix.lexicon import pinned
from babelmix.lexicon.pinned import checksums, fetch_pinned, raw_file
from babelmix.lexicon.registry import LEXICONS, lexicon_of


def test_a_name_means_one_thing() -> None:
    """`babelmix fetch NAME` takes the names of all three."""
    assert {"simlex", "tatoeba", "xling"} <= LEXICONS.keys()
    assert not LEXICONS.keys() & (PAIR_SOURCES.keys() | BENCHMARKS.keys())


def test_an_unknown_lexicon_is_refused_with_the_nearest_name() -> None:
    assert lexicon_of("tatoeba") is LEXICONS["tatoeba"]
    with pytest.raises(UserError, match="probes: unknown lexicon 'tatoba'; did you mean 'tatoeba'"):
        lexicon_of("tatoba")


@pytest.mark.parametrize(("name", "number"), [("simlex", 10), ("tatoeba", 32), ("xling", 45 + 8)])
def test_every_file_has_a_checksum_and_a_name_of_its_own(name: str, number: int) -> None:
    found = checksums(name)
    assert len(found) == len({PurePosixPath(path).name for path in found}) == number
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in found.values())


def test_a_changed_file_is_refused_and_the_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = tmp_path / "mirror/example.org/lists/a.txt"
    served.parent.mkdir(parents=True)
    served.write_text("one\n")
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr(pinned, "checksums", lambda name: {"lists/a.txt": hashlib.sha256(b"one\n").hexdigest()})
    fetch_pinned(tmp_path / "raw", "lists", "https://example.org")
    assert raw_file(tmp_path / "raw", "a.txt", "lists").read_text() == "one\n"
    served.write_text("two\n")
    with pytest.raises(UserError, match="wrong checksum"):
        fetch_pinned(tmp_path / "raw", "lists", "https://example.org")
    assert raw_file(tmp_path / "raw", "a.txt", "lists").read_text() == "one\n"


def test_a_missing_file_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"de_vocab.txt: no such file; run `babelmix fetch xling`"):
        raw_file(tmp_path, "de_vocab.txt", "xling")
