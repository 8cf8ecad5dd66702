"""Public files onto disk over https, each checked on arrival, and zips unpacked with care.

    fetch_file("https://example.org/en.json", sha256="9f86...", path=Path("data/raw/en.json"))
    unpack_zip(Path("nfcorpus.zip"), Path("data/raw/nfcorpus"))

Where the environment variable BABELMIX_MIRROR names a folder, `<it>/<host>/<path>` is looked at first, so that a
machine without a network can do the same.
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
# What zipfile and zlib raise on bytes that are no whole zip.
_DAMAGE = (BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)


def fetch_file(url: str, sha256: str, path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> None:
    """Write the public file at an https address to `path`, once its sha256 (hexadecimal) is seen to be right.

    Taken from `$BABELMIX_MIRROR/<host>/<path>` if that file exists. UserError: no network, an answer other
    than success, more than `max_bytes`, another checksum; `path` is then left as it was.
    """
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise UserError("not an https address", where=url, how="give an address that begins with https://")
    root = mirror()
    local = root / parts.netloc / unquote(parts.path).lstrip("/") if root else None
    if local and local.is_file():
        origin, data = str(local), local.read_bytes()
    else:
        origin, data = url, _download_file(url, max_bytes)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        how = "the file was changed or cut short: replace it, or fetch it again"
        raise UserError(f"wrong checksum: sha256 is {found}, expected {sha256}", where=origin, how=how)
    with new_binary_file(path) as stream:
        stream.write(data)


def unpack_zip(
    archive: Path, folder: Path, *, keep: Callable[[str], bool] = lambda path: True, max_bytes: int = MAX_ARCHIVE_BYTES
) -> None:
    """Unpack the files of a zip whose path `keep` accepts, replacing `folder` as a whole.

    What the archive says of itself is not believed: every path in it, kept or not, has to stay inside the folder,
    and each file is unpacked by the block until it ends, is longer than declared, or all are over `max_bytes`.

    UserError, with the archive and the member, for a path that leads outside, a link or device, encryption, a
    compression other than deflate, a wrong size or checksum, two members of one name, and an archive that is
    damaged or cut short. `folder` is then left as it was.
    """
    if not archive.is_file():
        raise UserError("no such archive", where=str(archive), how="fetch it again")
    where, total = str(archive), 0
    with new_folder(folder) as beside:
        try:
            with ZipFile(archive) as package:
                for member in package.infolist():
                    _refuse_unsafe(archive, member)
                for member in package.infolist():
                    if member.is_dir() or not keep(member.filename):
                        continue
                    where = f"{archive}, {member.filename!r}"
                    path = beside / member.filename
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
    """Return the folder that BABELMIX_MIRROR names, None where it is not set; UserError for one that is not there."""
    folder = os.environ.get("BABELMIX_MIRROR")
    if folder and not Path(folder).is_dir():
        raise UserError("no such folder", where=f"BABELMIX_MIRROR={folder}", how="correct it, or unset it")
    return Path(folder) if folder else None


def _refuse_unsafe(archive: Path, member: ZipInfo) -> None:
    path, fault = member.filename, ""
    if "\\" in path or path[1:2] == ":" or {"", ".", ".."} & set(path.removesuffix("/").split("/")):
        fault = "a path that leads out of the folder"
    elif path.count("/") > MAX_FOLDERS:
        fault = f"more than {MAX_FOLDERS} folders in one another"
    elif stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        fault = "a link or a device"
    elif member.flag_bits & 1:
        fault = "encrypted"
    elif member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        fault = "compressed in another way than deflate"
    if fault:
        raise UserError(fault, where=f"{archive}, {path!r}", how=_AGAIN)


def _blocks(package: ZipFile, member: ZipInfo, where: str) -> Iterator[bytes]:
    """Yield the content of a member, which has to be as long as the archive declares."""
    endless = copy(member)
    endless.file_size = 1 << 62  # zipfile cuts what is longer than declared without a word
    size = 0
    with package.open(endless) as content:
        while block := content.read(_BLOCK_BYTES):
            size += len(block)
            if size > member.file_size:
                raise UserError(f"more than the {member.file_size} bytes it declares", where=where, how=_AGAIN)
            yield block
    if size != member.file_size:
        raise UserError(f"{size} bytes, but it declares {member.file_size}", where=where, how=_AGAIN)


def _download_file(url: str, max_bytes: int) -> bytes:
    how = "connect to the network, or set BABELMIX_MIRROR to a folder that holds <host>/<path>"
    try:
        with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 -- https was checked above
            data: bytes = answer.read(max_bytes + 1)
    except HTTPError as error:
        raise UserError(f"the server says {error.code} {error.reason}", where=url, how=how) from error
    except (OSError, HTTPException) as error:
        raise UserError(f"no answer ({error})", where=url, how=how) from error
    if len(data) > max_bytes:
        raise UserError(f"more than {max_bytes} bytes", where=url, how="check the address")
    return data
