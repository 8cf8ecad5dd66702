"""Download public files over https, checked by a checksum, and unpack zip archives safely.

    fetch_file("https://example.org/en.json", sha256="9f86...", path=Path("data/raw/en.json"))
    fetch_large_file("https://example.org/a.zip", Checksum("md5", "d41d..."), Path("a.zip"), max_bytes=8 << 30)
    unpack_zip(Path("nfcorpus.zip"), Path("data/raw/nfcorpus"))

If the environment variable BABELMIX_MIRROR names a folder, `$BABELMIX_MIRROR/<host>/<path>` is tried first. So this
works on a machine without a network, too.
"""

import errno
import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from copy import copy
from http.client import HTTPException
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file, new_folder

MAX_ARCHIVE_BYTES = 2 << 30
MAX_FILE_BYTES = 256 << 20
MAX_FOLDERS = 64
TIMEOUT_SECONDS = 60
_BLOCK_BYTES = 1 << 20
_AGAIN = "delete the archive and fetch it again"
# What zipfile and zlib raise for a damaged archive.
_DAMAGE = (BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)


class Checksum(NamedTuple):
    """What a publisher says about a file: the name of the hash, and its value in hexadecimal digits.

    sha256 is the one to use. md5 is for publishers that give no other: it finds a damaged file, not a forged one.
    """

    algorithm: Literal["sha256", "md5"]
    value: str


def fetch_file(url: str, sha256: str, path: Path) -> None:
    """Download a public file of at most 256 MiB, check its sha256 and write it; see `fetch_large_file`."""
    fetch_large_file(url, Checksum("sha256", sha256), path, max_bytes=MAX_FILE_BYTES)


def fetch_large_file(url: str, expected: Checksum, path: Path, *, max_bytes: int) -> None:
    """Download the public file at an https address in blocks of 1 MiB, check it, and rename it to `path`.

    The file may be larger than memory. It is copied from `$BABELMIX_MIRROR/<host>/<path>` if that exists. UserError,
    and `path` is unchanged: no network, an HTTP error, more than `max_bytes`, a wrong checksum.
    """
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise UserError("not an https address", where=url, how="give an address that begins with https://")
    root = mirror()
    local = root / parts.netloc / unquote(parts.path).lstrip("/") if root else None
    mirrored = local is not None and local.is_file()
    origin = str(local) if mirrored else url
    digest, size = hashlib.new(expected.algorithm, usedforsecurity=False), 0
    with new_binary_file(path) as stream:
        for block in _file_blocks(Path(origin)) if mirrored else _downloaded_blocks(url):
            size += len(block)
            if size > max_bytes:
                raise UserError(f"more than {max_bytes} bytes", where=origin, how="check the address")
            digest.update(block)
            stream.write(block)
        if digest.hexdigest() != expected.value:
            what = f"wrong checksum: {expected.algorithm} is {digest.hexdigest()}, expected {expected.value}"
            how = "the file was changed or cut short: replace it, or fetch it again"
            raise UserError(what, where=origin, how=how)


def unpack_zip(
    archive: Path, folder: Path, *, keep: Callable[[str], bool] = lambda path: True, max_bytes: int = MAX_ARCHIVE_BYTES
) -> None:
    """Unpack the files of a zip whose path `keep` accepts, replacing `folder` as a whole.

    The archive's own claims are checked. Every path, kept or not, must stay inside the folder. Each file is unpacked in
    blocks, up to its declared size and up to `max_bytes` for all files together.

    UserError, with the archive and the member, and `folder` is unchanged: a path that leads outside, a link or device,
    encryption, a compression other than deflate, a wrong size or checksum, two members of the same name, and an archive
    that is damaged or cut short.
    """
    if not archive.is_file():
        raise UserError("no such archive", where=str(archive), how="fetch it again")
    where, total = str(archive), 0
    with new_folder(folder) as staging:
        try:
            with ZipFile(archive) as package:
                for member in package.infolist():
                    _refuse_unsafe(archive, member)
                for member in package.infolist():
                    if member.is_dir() or not keep(member.filename):
                        continue
                    where = f"{archive}, {member.filename!r}"
                    path = staging / member.filename
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("xb") as stream:
                        for block in _blocks(package, member, where):
                            total += len(block)
                            if total > max_bytes:
                                raise UserError(f"more than {max_bytes} bytes unpacked", where=where, how=_AGAIN)
                            stream.write(block)
        except (*_DAMAGE, NotImplementedError, IndexError) as error:
            reason = str(error).strip().rpartition("\n")[2]
            what = f"damaged archive ({reason or 'cut short'})"
            raise UserError(what, where=where, how=_AGAIN) from error
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL):
                raise
            raise UserError(f"cannot be unpacked ({error.strerror})", where=where, how=_AGAIN) from error


def mirror() -> Path | None:
    """Return the folder that BABELMIX_MIRROR names, None if it is not set; UserError if the folder does not exist."""
    folder = os.environ.get("BABELMIX_MIRROR")
    if folder and not Path(folder).is_dir():
        raise UserError("no such folder", where=f"BABELMIX_MIRROR={folder}", how="correct it, or unset it")
    return Path(folder) if folder else None


def _refuse_unsafe(archive: Path, member: ZipInfo) -> None:
    path, reason = member.filename, ""
    if "\\" in path or path[1:2] == ":" or {"", ".", ".."} & set(path.removesuffix("/").split("/")):
        reason = "a path that leads out of the folder"
    elif path.count("/") > MAX_FOLDERS:
        reason = f"more than {MAX_FOLDERS} nested folders"
    elif stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        reason = "a link or a device"
    elif member.flag_bits & 1:
        reason = "encrypted"
    elif member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        reason = "compressed by another method than deflate"
    if reason:
        raise UserError(reason, where=f"{archive}, {path!r}", how=_AGAIN)


def _blocks(package: ZipFile, member: ZipInfo, where: str) -> Iterator[bytes]:
    """Yield the content of a member in blocks; UserError unless it is as long as the archive declares."""
    endless = copy(member)
    endless.file_size = 1 << 62  # zipfile would silently cut content longer than declared
    size = 0
    with package.open(endless) as content:
        while block := content.read(_BLOCK_BYTES):
            size += len(block)
            if size > member.file_size:
                raise UserError(f"more than the declared {member.file_size} bytes", where=where, how=_AGAIN)
            yield block
    if size != member.file_size:
        raise UserError(f"{size} bytes, but {member.file_size} declared", where=where, how=_AGAIN)


def _file_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield block


def _downloaded_blocks(url: str) -> Iterator[bytes]:
    """Yield the answer of a server in blocks; UserError for no network, an HTTP error and a broken connection."""
    how = "connect to the network, or set BABELMIX_MIRROR to a folder that holds <host>/<path>"
    try:
        answer = urlopen(url, timeout=TIMEOUT_SECONDS)  # noqa: S310 -- the caller checked for https
    except HTTPError as error:
        raise UserError(f"the server answers {error.code} {error.reason}", where=url, how=how) from error
    except (OSError, HTTPException) as error:
        raise UserError(f"no answer ({error})", where=url, how=how) from error
    with answer:
        while True:
            try:
                block: bytes = answer.read(_BLOCK_BYTES)
            except (OSError, HTTPException) as error:
                raise UserError(f"no answer ({error})", where=url, how=how) from error
            if not block:
                return
            yield block
