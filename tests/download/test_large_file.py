"""`fetch_large_file`: files larger than memory, from a server or a mirror, checked by the hash of their publisher."""

import hashlib
import io
from collections.abc import Iterator
from http.client import IncompleteRead
from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.download import https
from babelmix.download.https import Checksum, fetch_large_file

ADDRESS = "https://example.org/data/corpus.zip"
MEBIBYTE = 1 << 20


class Answer(io.BytesIO):
    """A server's answer, which notes the largest read and breaks after `until` bytes."""

    def __init__(self, content: bytes, until: int | None = None) -> None:
        super().__init__(content)
        self.until, self.largest = until, 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.largest = max(self.largest, size if size is not None and size >= 0 else 1 << 62)
        if self.until is not None and self.tell() >= self.until:
            raise IncompleteRead(b"")
        return super().read(size)


@pytest.fixture
def content() -> bytes:
    return bytes(range(256)) * (MEBIBYTE // 256) * 2 + b"the end"


@pytest.fixture(params=["server", "mirror"])
def origin(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> Iterator[str]:
    """Serve the content from a server or a mirror, and return where it is."""
    if request.param == "server":
        monkeypatch.delenv("BABELMIX_MIRROR", raising=False)
        answer = Answer(content)
        monkeypatch.setattr(https, "urlopen", lambda url, timeout: answer)  # pyright: ignore[reportUnknownLambdaType]
        yield ADDRESS
        assert answer.largest <= MEBIBYTE
    else:
        file = tmp_path / "mirror" / "example.org" / "data" / "corpus.zip"
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))
        yield str(file)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_file_is_written_byte_for_byte_in_blocks(tmp_path: Path, origin: str, content: bytes, algorithm: str):
    value = hashlib.new(algorithm, content).hexdigest()
    out = tmp_path / "out" / "corpus.zip"
    fetch_large_file(ADDRESS, Checksum(algorithm, value), out, max_bytes=len(content))  # type: ignore[arg-type]
    assert out.read_bytes() == content


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_wrong_checksum_names_the_algorithm_and_both_values(
    tmp_path: Path, origin: str, content: bytes, algorithm: str
):
    out = tmp_path / "out" / "corpus.zip"
    out.parent.mkdir()
    out.write_text("old")
    with pytest.raises(UserError) as caught:
        fetch_large_file(ADDRESS, Checksum(algorithm, "0" * 32), out, max_bytes=len(content))  # type: ignore[arg-type]
    found = hashlib.new(algorithm, content).hexdigest()
    what = f"wrong checksum: {algorithm} is {found}, expected {'0' * 32}"
    how = "the file was changed or cut short: replace it, or fetch it again"
    assert (caught.value.what, caught.value.where, caught.value.how) == (what, origin, how)
    assert [path.name for path in out.parent.iterdir()] == ["corpus.zip"]
    assert out.read_text() == "old"


def test_a_file_over_the_limit_is_refused_and_nothing_is_left(tmp_path: Path, origin: str, content: bytes):
    checksum = Checksum("md5", hashlib.md5(content, usedforsecurity=False).hexdigest())
    with pytest.raises(UserError) as caught:
        fetch_large_file(ADDRESS, checksum, tmp_path / "out" / "corpus.zip", max_bytes=len(content) - 1)
    assert (caught.value.what, caught.value.where) == (f"more than {len(content) - 1} bytes", origin)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_connection_that_breaks_is_a_user_error_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
):
    monkeypatch.delenv("BABELMIX_MIRROR", raising=False)
    monkeypatch.setattr(https, "urlopen", lambda url, timeout: Answer(content, until=MEBIBYTE))  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(UserError, match="no answer") as caught:
        fetch_large_file(ADDRESS, Checksum("md5", "0" * 32), tmp_path / "out" / "a", max_bytes=len(content))
    assert caught.value.where == ADDRESS
    assert list((tmp_path / "out").iterdir()) == []
