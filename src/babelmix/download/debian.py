"""Download Debian packages with apt, read them or unpack them into a folder, without root or installation.

    fetch_packages(["gnome-user-docs"], Path("data/raw/gnome-help"))
    pages = dict(read_package(Path("gnome-user-docs.deb"), keep=lambda path: path.endswith(".page")))
    unpack_packages([Path("apertium-es-pt.deb"), Path("lttoolbox.deb")], Path("root"))

If the environment variable BABELMIX_MIRROR names a folder, `$BABELMIX_MIRROR/deb/<package>*.deb` is tried first. So
this works on a machine without apt or without a network, too.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, cast

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.download.https import MAX_FOLDERS, mirror

MAX_MEMBER_BYTES = 64 << 20
MAX_PACKAGE_BYTES = 2 << 30
_REFETCH = "this is not the expected package: fetch it again from the distribution"


def fetch_packages(names: Sequence[str], folder: Path) -> None:
    """Download Debian or Ubuntu packages without root or installation, replacing `folder` as a whole.

    Writes `<package>.deb` and, last, `manifest.json`: {package: {"version", "sha256"}}, sorted. apt checks each
    download against the checksum in the distribution's signed lists. Packages from $BABELMIX_MIRROR/deb are not
    checked; the manifest records their sha256.

    UserError: no apt-get, no network, unknown package, full disk.
    """
    with new_folder(folder) as staging:
        missing: list[str] = []
        for name in sorted(names):
            local = _mirrored_package(name)
            if local is None:
                missing.append(name)
            else:
                shutil.copyfile(local, staging / f"{name}.deb")
        if missing:
            _download(missing, staging)
        manifest = {name: _describe(staging / f"{name}.deb") for name in sorted(names)}
        (staging / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def read_package(deb: Path, keep: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of a package's regular files whose path `keep` accepts, in the package's order.

    Paths are relative ("usr/share/..."). The archive is streamed and nothing is written to disk, so a hostile path
    does no harm. UserError for a file over 64 MiB, a package over 2 GiB unpacked, and a damaged package.
    """
    with closing(_members(deb, lambda member, path: member.isfile() and keep(path))) as members:
        for _, path, content in members:
            if content is not None:
                yield path, content


def needed_packages(name: str, *more: str) -> list[str]:
    """Return `name` and all other packages, of `more` and of the dependencies, that this machine lacks, sorted.

    If $BABELMIX_MIRROR/deb has `name`, only the mirror is used. Otherwise apt is asked, which needs no root for that.
    UserError: no apt-get, no network, unknown package.
    """
    if _mirrored_package(name):
        return sorted(_mirrored_dependencies([name, *filter(_mirrored_package, more)]))
    with tempfile.TemporaryDirectory() as private:
        answer = _apt_with_lists(["-s", "install", "--no-install-recommends", name, *more], Path(private))
    _check_apt(_error_of(answer), "apt-get -s install")
    # "Inst name [old version] (new version)" is an upgrade: the machine has that package already.
    return sorted({name, *re.findall(r"^Inst (\S+) \(", answer.stdout, re.MULTILINE)})


def unpack_packages(debs: Sequence[Path], folder: Path) -> None:
    """Unpack packages into one tree, without their scripts, replacing `folder` as a whole.

    Links are kept if their target is inside the tree; devices are left out. UserError as for `read_package`, and for a
    path that leads out of the folder or two files of the same name.
    """
    with new_folder(folder) as staging:
        links: list[tuple[Path, tarfile.TarInfo, Path]] = []
        for deb in debs:
            with closing(_members(deb, lambda member, path: member.isfile())) as members:
                for member, name, content in members:
                    path = staging / name
                    if content is not None:
                        _write(path, content, member, deb)
                    elif member.issym() or member.islnk():
                        links.append((path, member, deb))
        # Links are created last, so that no file is written through a link.
        for path, member, deb in links:
            target = staging / member.linkname if member.islnk() else path.parent / member.linkname
            with _valid_names(f"{deb}, {member.name}"):
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists() and target.resolve().is_relative_to(staging.resolve()):
                    path.symlink_to(os.path.relpath(target, path.parent))


def _write(path: Path, content: bytes, member: tarfile.TarInfo, deb: Path) -> None:
    with _valid_names(f"{deb}, {member.name}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            stream.write(content)
        path.chmod(0o755 if member.mode & 0o100 else 0o644)


@contextmanager
def _valid_names(where: str) -> Generator[None]:
    """Turn errors about impossible or clashing names into a UserError: the package is wrong, not the disk."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UserError("two files of the same name", where=where, how=_REFETCH) from error
    except RuntimeError as error:
        raise UserError("links in a circle", where=where, how=_REFETCH) from error
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL):
            raise
        raise UserError(f"an invalid name ({error.strerror})", where=where, how=_REFETCH) from error


def _mirrored_package(name: str) -> Path | None:
    root = mirror()
    if root is None:
        return None
    found = [*(root / "deb").glob(f"{name}.deb"), *(root / "deb").glob(f"{name}_*.deb")]
    return max(found, default=None)


def _mirrored_dependencies(names: Sequence[str]) -> set[str]:
    """Return packages and their direct and indirect dependencies that the mirror has."""
    found: set[str] = set(names)
    queue = list(names)
    while queue:
        deb = _mirrored_package(queue.pop())
        words = re.split("[,|]", _field(deb, "Depends") + "," + _field(deb, "Pre-Depends")) if deb else []
        needed = {word.strip().partition(" ")[0].partition(":")[0] for word in words}
        new = [name for name in needed - {"", *found} if _mirrored_package(name)]
        queue += new
        found.update(new)
    return found


def _download(names: Sequence[str], folder: Path) -> None:
    _check_apt(_error_of(_apt_with_lists(["download", *names], folder)), "apt-get download")
    for name in names:
        next(folder.glob(f"{name}_*.deb")).rename(folder / f"{name}.deb")


def _apt_with_lists(arguments: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run apt-get; if it fails, run it again with fresh package lists, since the machine's may be missing or old."""
    _need("apt-get")
    with tempfile.TemporaryDirectory() as private:
        answer = _apt(arguments, folder)
        if answer.returncode != 0:
            # Lists in a temporary folder need no root and leave the machine's lists unchanged.
            lists: list[str] = []
            for key, name in (("Dir::State::lists", "lists"), ("Dir::Cache", "cache")):
                (Path(private) / name / "partial").mkdir(parents=True)
                lists += ["-o", f"{key}={private}/{name}"]
            _apt([*lists, "-o", "Acquire::Languages=none", "update"], folder)
            answer = _apt([*lists, *arguments], folder)
    return answer


def _check_apt(failure: str, where: str) -> None:
    """Raise apt's error message, if there is one, as an error that says how to fix it."""
    if "No space left" in failure or "enough free space" in failure:
        raise OSError(errno.ENOSPC, failure)
    if "Unable to locate package" in failure:
        how = "enable the archive that has it (on Ubuntu: universe), or put the .deb under $BABELMIX_MIRROR/deb"
        raise UserError(failure, where=where, how=how)
    if failure:
        how = "connect to the network, or put the .deb files under $BABELMIX_MIRROR/deb"
        raise UserError(failure, where=where, how=how)


def _apt(arguments: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    # As root, apt switches to the user _apt, who may not write into a private folder.
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", *arguments]
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
    )


def _error_of(answer: "subprocess.CompletedProcess[str]") -> str:
    """Return the last line of apt's error message; empty if it succeeded."""
    if answer.returncode == 0:
        return ""
    return _last_line(answer.stderr) or f"apt-get ended with {answer.returncode}"


def _describe(deb: Path) -> dict[str, str]:
    return {"version": _field(deb, "Version"), "sha256": hashlib.sha256(deb.read_bytes()).hexdigest()}


def _field(deb: Path, name: str) -> str:
    _need("dpkg-deb")
    command = ["dpkg-deb", "--field", str(deb), name]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        how = "delete it and fetch it again"
        raise UserError(f"damaged package ({_last_line(done.stderr)})", where=str(deb), how=how)
    return done.stdout.strip()


def _members(
    deb: Path, read: Callable[[tarfile.TarInfo, str], bool]
) -> Generator[tuple[tarfile.TarInfo, str, bytes | None]]:
    """Yield all members of a package with their path, and with the content of those that `read` accepts."""
    _need("dpkg-deb")
    if not deb.is_file():
        raise UserError("no such package", where=str(deb), how="fetch it again: delete its folder and run `dvc repro`")
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=complaints) as unpack,
    ):
        try:
            total = 0
            with tarfile.open(fileobj=cast("IO[bytes]", unpack.stdout), mode="r|") as archive:
                for member in archive:
                    total += member.size
                    if member.size > MAX_MEMBER_BYTES:
                        raise UserError(f"{member.size} bytes in one file", where=f"{deb}, {member.name}", how=_REFETCH)
                    if total > MAX_PACKAGE_BYTES:
                        what = f"more than {MAX_PACKAGE_BYTES} bytes unpacked"
                        raise UserError(what, where=str(deb), how=_REFETCH)
                    path = member.name.removeprefix("./")
                    if path.startswith("/") or ".." in path.split("/"):
                        what = "a path that leads out of the folder"
                        raise UserError(what, where=f"{deb}, {member.name!r}", how=_REFETCH)
                    if path.count("/") > MAX_FOLDERS:
                        what = f"more than {MAX_FOLDERS} nested folders"
                        raise UserError(what, where=f"{deb}, {member.name!r}", how=_REFETCH)
                    content = archive.extractfile(member) if read(member, path) else None
                    yield member, path, content.read() if content else None
            damaged = unpack.wait() != 0
        except (tarfile.TarError, EOFError, ValueError, OverflowError):
            damaged = True
        finally:
            unpack.kill()  # if the reader stops early, dpkg-deb waits on a full pipe
        if damaged:
            complaints.seek(0)
            reason = _last_line(complaints.read().decode(errors="replace"))
            how = "delete it and fetch it again"
            raise UserError(f"damaged package ({reason or 'cut short'})", where=str(deb), how=how)


def _need(command: str) -> None:
    if shutil.which(command) is None:
        how = "use a Debian or Ubuntu container, or install dpkg and put .deb files under $BABELMIX_MIRROR/deb"
        raise UserError(f"no {command} on this machine", where="PATH", how=how)


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
