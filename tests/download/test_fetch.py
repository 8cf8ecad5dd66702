import hashlib
import io
import json
import random
import shutil
import stat
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.outputs import MANIFEST, written_files
from babelmix.download import debian as packages
from babelmix.download import https as fetch
from babelmix.download.debian import fetch_packages, needed_packages, read_package, unpack_packages
from babelmix.download.https import fetch_file, unpack_zip

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")


def make_deb(deb: Path, files: dict[str, bytes]) -> Path:
    """Build a real package that holds these files."""
    tree = deb.parent / f"{deb.name}.tree"
    control = tree / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    fields = {"Package": "help", "Version": "1.2", "Architecture": "all", "Maintainer": "a <a@example.org>"}
    control.write_text("".join(f"{key}: {value}\n" for key, value in fields.items()) + "Description: help\n")
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    (tree / "usr").mkdir(exist_ok=True)
    (tree / "usr" / "link").symlink_to("/etc/hostname")
    command = ["dpkg-deb", "-Zgzip", "--root-owner-group", "--build", str(tree), str(deb)]
    subprocess.run(command, check=True, capture_output=True)
    return deb


@needs_dpkg
def test_read_package_yields_the_kept_regular_files_only(tmp_path: Path):
    deb = make_deb(tmp_path / "help.deb", {"usr/a.html": b"<p>a</p>", "usr/b.txt": b"b", "usr/c.html": b""})
    assert dict(read_package(deb, lambda path: not path.endswith(".txt"))) == {
        "usr/a.html": b"<p>a</p>",
        "usr/c.html": b"",
    }


@needs_dpkg
def test_read_package_may_be_left_early(tmp_path: Path):
    deb = make_deb(tmp_path / "help.deb", {f"usr/{number}": b"x" * 100_000 for number in range(30)})
    files = read_package(deb, lambda path: True)
    assert next(files)[0].startswith("usr/")
    files.close()


@needs_dpkg
@pytest.mark.parametrize("keep_bytes", [0, 40, 400, 2000])
def test_a_damaged_package_is_a_user_error_that_names_it(tmp_path: Path, keep_bytes: int):
    content = bytes(range(256)) * 40 + hashlib.sha256(b"noise").digest() * 200
    deb = make_deb(tmp_path / "help.deb", {f"usr/{number}": content[number:] for number in range(40)})
    assert deb.stat().st_size > 2000
    deb.write_bytes(deb.read_bytes()[:keep_bytes])
    with pytest.raises(UserError, match=r"damaged package.*fetch it again") as caught:
        list(read_package(deb, lambda path: True))
    assert str(deb) in caught.value.where


@needs_dpkg
def test_a_package_that_unpacks_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    deb = make_deb(tmp_path / "help.deb", {"usr/a": b"0" * 9000, "usr/b": b"0" * 9000})
    monkeypatch.setattr(packages, "MAX_MEMBER_BYTES", 8000)
    with pytest.raises(UserError, match="9000 bytes in one file"):
        list(read_package(deb, lambda path: True))
    monkeypatch.setattr(packages, "MAX_MEMBER_BYTES", 10_000)
    monkeypatch.setattr(packages, "MAX_PACKAGE_BYTES", 10_000)
    with pytest.raises(UserError, match="more than 10000 bytes unpacked"):
        list(read_package(deb, lambda path: False))


@needs_dpkg
def test_packages_come_from_the_mirror_with_a_sorted_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mirror" / "deb").mkdir(parents=True)
    one = make_deb(tmp_path / "mirror" / "deb" / "zebra_1.2_all.deb", {"usr/z": b"z"})
    two = make_deb(tmp_path / "mirror" / "deb" / "ant.deb", {"usr/a": b"a"})
    make_deb(tmp_path / "mirror" / "deb" / "ant-farm_3_all.deb", {"usr/a": b"b"})
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))
    fetch_packages(["zebra", "ant"], tmp_path / "raw")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == [
        MANIFEST,
        "ant.deb",
        "manifest.json",
        "zebra.deb",
    ]
    manifest = json.loads((tmp_path / "raw" / "manifest.json").read_text())
    assert list(manifest) == ["ant", "zebra"]
    digests = {name: hashlib.sha256(deb.read_bytes()).hexdigest() for name, deb in (("ant", two), ("zebra", one))}
    assert manifest == {name: {"version": "1.2", "sha256": digests[name]} for name in digests}


def test_without_apt_the_error_says_how_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("BABELMIX_MIRROR", raising=False)
    with pytest.raises(UserError, match=r"no apt-get on this machine.*container.*BABELMIX_MIRROR/deb"):
        fetch_packages(["gnome-user-docs"], tmp_path / "raw")
    assert list(tmp_path.iterdir()) == []


APT = """#!/bin/sh
echo "$@" >>"$APT_CALLS"
case "$*" in
*Dir::State::lists*update*) exit 0 ;;
*Dir::State::lists*download*) [ -z "$APT_SAYS" ] && : >ant_1%3a2_all.deb && exit 0 ;;
esac
echo "${APT_SAYS:-E: Unable to locate package ant}" >&2
exit 100
"""


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for apt-get whose first download fails; it logs its calls. Only its answers are made up."""
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(APT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("APT_CALLS", str(tmp_path / "calls"))
    monkeypatch.delenv("BABELMIX_MIRROR", raising=False)
    return tmp_path / "calls"


@needs_dpkg
def test_missing_package_lists_are_fetched_once_and_the_download_repeated(tmp_path: Path, apt: Path):
    with pytest.raises(UserError, match="damaged package"):  # the stand-in's download is an empty file
        fetch_packages(["ant"], tmp_path / "raw")
    words = [line.split() for line in apt.read_text().splitlines()]
    assert [next(word for word in call if word in ("update", "download")) for call in words] == [
        "download",
        "update",
        "download",
    ]


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("E: Unable to locate package ant", "Unable to locate package ant.*universe"),
        ("E: Failed to fetch http://x  Could not connect", "Could not connect.*connect to the network"),
        ("E: Write error - write (28: No space left on device)", "no space left on the disk"),
        ("E: You don't have enough free space in /x.", "no space left on the disk"),
    ],
)
def test_what_apt_says_is_told_and_nothing_is_left(
    tmp_path: Path, apt: Path, monkeypatch: pytest.MonkeyPatch, says: str, expected: str
):
    monkeypatch.setenv("APT_SAYS", says)
    with pytest.raises(UserError, match=expected):
        fetch_packages(["ant"], tmp_path / "raw")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "calls"]


SIMULATED = """#!/bin/sh
case "$*" in
*Dir::State::lists*update*) exit 0 ;;
*Dir::State::lists*"-s install"*) cat "$APT_CALLS.says" && exit 0 ;;
esac
echo "E: Unable to locate package ant" >&2
exit 100
"""


def test_apt_says_what_a_package_needs_here(tmp_path: Path, apt: Path):
    (tmp_path / "bin" / "apt-get").write_text(SIMULATED)
    (tmp_path / "calls.says").write_text(
        "NOTE: This is only a simulation!\nInst libbee1 (2 Debian:12 [amd64])\n"
        "Inst libc6 [1] (2 Debian:12 [amd64]) []\nInst cicada (1:3 Debian:12 [all])\nConf libbee1 (2 Debian:12)\n"
    )
    assert needed_packages("ant", "cicada") == ["ant", "cicada", "libbee1"]
    (tmp_path / "bin" / "apt-get").write_text(APT)
    with pytest.raises(UserError, match=r"Unable to locate package ant.*universe"):
        needed_packages("ant")


@needs_dpkg
def test_a_mirror_says_what_a_package_of_its_own_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "deb"
    folder.mkdir()
    depends = {"ant": "bee (>= 1) | wasp, libc6", "bee": "cicada:any", "cicada": "ant", "wasp": "", "moth": ""}
    for name, needs in depends.items():
        tree = tmp_path / name / "DEBIAN"
        tree.mkdir(parents=True)
        fields = {"Package": name, "Version": "1", "Architecture": "all", "Maintainer": "a <a@example.org>"}
        control = "".join(
            f"{key}: {value}\n" for key, value in (fields | ({"Depends": needs} if needs else {})).items()
        )
        (tree / "control").write_text(f"{control}Description: help\n")
        command = ["dpkg-deb", "-Zgzip", "--root-owner-group", "--build", str(tree.parent), str(folder / f"{name}.deb")]
        subprocess.run(command, check=True, capture_output=True)
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path))
    monkeypatch.setenv("PATH", str(Path(shutil.which("dpkg-deb") or "").parent))
    assert needed_packages("ant") == ["ant", "bee", "cicada", "wasp"]
    assert needed_packages("wasp", "moth", "gnat") == ["moth", "wasp"]


def make_raw_deb(deb: Path, *members: tuple[str, bytes, str]) -> Path:
    """Write a package whose members are exactly these: (path, type of tarfile, content or target of a link)."""
    parts = {"debian-binary": b"2.0\n"}
    control = [("./control", tarfile.REGTYPE, "Package: a\nVersion: 1\n")]
    for name, rows in (("control.tar.gz", control), ("data.tar.gz", members)):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path, kind, content in rows:
                member = tarfile.TarInfo(path)
                member.type, member.mode = kind, 0o4755 if path.endswith("program") else 0o600
                if kind == tarfile.REGTYPE:
                    member.size = len(content)
                else:
                    member.linkname = content
                archive.addfile(member, io.BytesIO(content.encode()) if kind == tarfile.REGTYPE else None)
        parts[name] = packed.getvalue()
    with deb.open("wb") as stream:
        stream.write(b"!<arch>\n")
        for name, data in parts.items():
            stream.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode())
            stream.write(data + b"\n" * (len(data) % 2))
    return deb


FILE, LINK, HARD, FOLDER, DEVICE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE


@needs_dpkg
def test_packages_are_unpacked_into_one_tree_with_their_links(tmp_path: Path):
    one = make_raw_deb(
        tmp_path / "one.deb",
        ("./usr/lib/", FOLDER, ""), ("./usr/lib/a.so.1", LINK, "a.so.1.2"), ("./usr/lib/a.so.1.2", FILE, "library"),
        ("./usr/lib/out", LINK, "../../../../etc"), ("./usr/lib/absolute", LINK, "/etc/hostname"),
        ("./usr/lib/hard", HARD, "./usr/lib/a.so.1.2"), ("./usr/bin/program", FILE, "#!"), ("./dev", DEVICE, ""),
    )  # fmt: skip
    two = make_raw_deb(tmp_path / "two.deb", ("./usr/lib/b", FILE, "b"), ("./usr/lib/out/evil", FILE, "inside"))
    unpack_packages([one, two], tmp_path / "root")
    root = tmp_path / "root/usr"
    assert {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()} == {
        "lib/a.so.1": "library",
        "lib/a.so.1.2": "library",
        "lib/hard": "library",
        "lib/b": "b",
        "lib/out/evil": "inside",
        "bin/program": "#!",
    }
    assert (root / "lib/a.so.1").readlink() == Path("a.so.1.2")
    assert stat.S_IMODE((root / "bin/program").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "lib/b").stat().st_mode) == 0o644
    assert sorted(path.name for path in (tmp_path / "root").iterdir()) == [MANIFEST, "usr"]


@needs_dpkg
@pytest.mark.parametrize("path", ["/etc/evil", "./../evil", "./usr/../../evil", "//evil"])
def test_a_package_with_a_path_that_leads_out_is_refused(tmp_path: Path, path: str):
    deb = make_raw_deb(tmp_path / "a.deb", ("./usr/good", FILE, "good"), (path, FILE, "evil"))
    with pytest.raises(UserError, match="a path that leads out of the folder"):
        unpack_packages([deb], tmp_path / "root")
    assert [file.name for file in tmp_path.iterdir()] == ["a.deb"]


@needs_dpkg
def test_two_files_of_one_name_are_refused(tmp_path: Path):
    one = make_raw_deb(tmp_path / "one.deb", ("./usr/a", FILE, "1"))
    for path in ("./usr/a", "./usr/a/b"):
        two = make_raw_deb(tmp_path / "two.deb", (path, FILE, "2"))
        with pytest.raises(UserError, match="two files of the same name"):
            unpack_packages([one, two], tmp_path / "root")


ADDRESS = "https://example.org/data/en%20us.json"


@pytest.fixture
def mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mirror" / "example.org" / "data" / "en us.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xff{}\r\n")
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))
    return file


def test_a_file_comes_from_the_mirror_byte_for_byte(tmp_path: Path, mirrored: Path):
    fetch_file(ADDRESS, hashlib.sha256(mirrored.read_bytes()).hexdigest(), tmp_path / "out" / "en.json")
    assert (tmp_path / "out" / "en.json").read_bytes() == mirrored.read_bytes()


def test_a_wrong_checksum_names_both_and_leaves_the_old_file(tmp_path: Path, mirrored: Path):
    out = tmp_path / "out" / "en.json"
    out.parent.mkdir()
    out.write_text("old")
    with pytest.raises(UserError) as caught:
        fetch_file(ADDRESS, "0" * 64, out)
    assert hashlib.sha256(mirrored.read_bytes()).hexdigest() in caught.value.what
    assert "0" * 64 in caught.value.what
    assert caught.value.where == str(mirrored)
    assert [path.name for path in out.parent.iterdir()] == ["en.json"]
    assert out.read_text() == "old"


@pytest.mark.parametrize("address", ["file:///etc/hostname", "http://example.org/a", "example.org/a"])
def test_only_https_addresses_are_read(tmp_path: Path, address: str):
    with pytest.raises(UserError, match="not an https address"):
        fetch_file(address, "0" * 64, tmp_path / "a")


def test_without_a_network_the_error_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("BABELMIX_MIRROR", raising=False)
    with pytest.raises(UserError, match="connect to the network, or set BABELMIX_MIRROR"):
        fetch_file("https://localhost:9/a", "0" * 64, tmp_path / "a")  # the discard port: nobody answers
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"BABELMIX_MIRROR=.*no such folder"):
        fetch_file(ADDRESS, "0" * 64, tmp_path / "a")


def make_zip(archive: Path, files: dict[str, bytes], *, method: int = ZIP_DEFLATED, mode: int = stat.S_IFREG) -> Path:
    with ZipFile(archive, "w", method) as package:
        for name, content in files.items():
            member = ZipInfo(name)
            member.filename = name  # ZipInfo cleans it
            member.external_attr = (mode | 0o644) << 16
            member.compress_type = method
            package.writestr(member, content)
    return archive


def declare(archive: Path, *, size: int | None = None, crc: int | None = None, flag: int = 0) -> None:
    """Change what the directory at the end of a zip says of its one member."""
    data = bytearray(archive.read_bytes())
    place = data.rindex(b"PK\x01\x02")
    if size is not None:
        struct.pack_into("<I", data, place + 24, size)
    if crc is not None:
        struct.pack_into("<I", data, place + 16, crc)
    data[place + 8] |= flag
    archive.write_bytes(data)


def refused(archive: Path, *, max_bytes: int = 1 << 20) -> UserError:
    """The error of unpacking, which leaves the old folder and nothing beside it."""
    folder = archive.parent / "out" / "raw"
    with new_folder(folder) as beside:
        (beside / "old").write_text("old")
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(UserError, match="delete the archive and fetch it again") as caught:
        unpack_zip(archive, folder, max_bytes=max_bytes)
    assert sorted(archive.parent.rglob("*")) == before
    assert caught.value.where.startswith(str(archive))
    return caught.value


def test_a_zip_is_unpacked_as_a_whole_new_folder(tmp_path: Path):
    content = {"top/": b"", "top/a.txt": b"a" * 3_000_000, "top/in/b": b"", "readme": b"read", "..a/b..": b"dots"}
    archive = make_zip(tmp_path / "a.zip", content)
    with new_folder(tmp_path / "out") as beside:
        (beside / "old").write_text("old")
    unpack_zip(archive, tmp_path / "out", keep=lambda path: path != "readme")
    found = {str(path.relative_to(tmp_path / "out")): path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    found.pop(MANIFEST)
    assert {name: path.read_bytes() for name, path in found.items()} == {
        name: data for name, data in content.items() if name not in ("top/", "readme")
    }
    unpack_zip(make_zip(tmp_path / "b.zip", {"one": b"1" * 999}, method=ZIP_STORED), tmp_path / "out", max_bytes=999)
    assert written_files(tmp_path / "out") == {"one"}


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "a/..", "/evil", "//host/evil", "C:/evil", "c:evil", "a\\..\\evil", "./a", "..", ""],
)
def test_a_path_that_leads_out_is_refused_though_nobody_would_keep_it(tmp_path: Path, name: str):
    (tmp_path / "in").mkdir()
    archive = make_zip(tmp_path / "in" / "a.zip", {"good": b"good", name: b"evil"})
    error = refused(archive)
    assert error.what == "a path that leads out of the folder"
    assert error.where == f"{archive}, {name!r}"
    with pytest.raises(UserError, match="a path that leads out"):
        unpack_zip(archive, tmp_path / "kept", keep=lambda path: path == "good")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [MANIFEST, "a.zip", "old"]


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_a_device_is_refused(tmp_path: Path, mode: int):
    error = refused(make_zip(tmp_path / "a.zip", {"link": b"/etc/hostname"}, mode=mode))
    assert error.what == "a link or a device"
    assert "'link'" in error.where


@pytest.mark.parametrize("method", [ZIP_DEFLATED, ZIP_STORED])
@pytest.mark.parametrize("content_declared_by_checksum", [bytes(50_000), bytes(10)])
def test_a_member_longer_than_it_declares_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int, content_declared_by_checksum: bytes
):
    archive = make_zip(tmp_path / "a.zip", {"bomb": bytes(50_000)}, method=method)
    declare(archive, size=10, crc=zlib.crc32(content_declared_by_checksum))
    monkeypatch.setattr(fetch, "_BLOCK_BYTES", 1000)
    error = refused(archive)
    assert error.what == "more than the declared 10 bytes"
    assert "'bomb'" in error.where


def test_a_member_shorter_than_it_declares_is_refused(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"short": b"abc"})
    declare(archive, size=4)
    assert refused(archive).what == "3 bytes, but 4 declared"


def test_a_bomb_is_stopped_at_the_limit_over_all_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = make_zip(tmp_path / "a.zip", {"a": bytes(600_000), "b": bytes(30_000_000)})
    assert archive.stat().st_size < 40_000
    monkeypatch.setattr(fetch, "_BLOCK_BYTES", 1000)
    error = refused(archive, max_bytes=1_000_000)
    assert error.what == "more than 1000000 bytes unpacked"
    assert "'b'" in error.where


def test_encryption_and_rare_compressions_are_refused(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"secret": b"abc"})
    declare(archive, flag=1)
    assert refused(archive).what == "encrypted"
    (tmp_path / "b").mkdir()
    rare = make_zip(tmp_path / "b" / "b.zip", {"a": b"abc"}, method=ZIP_BZIP2)
    assert refused(rare).what == "compressed by another method than deflate"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a", "a/b/c"), ("a/b", "a"), ("x" * 300,)])
def test_names_that_cannot_stand_together_are_refused(tmp_path: Path, names: tuple[str, ...]):
    with ZipFile(tmp_path / "a.zip", "w") as package:
        for name in names:
            package.writestr(name, b"x")
    error = refused(tmp_path / "a.zip")
    assert error.what.startswith("cannot be unpacked (")
    assert error.where.endswith(f", {names[-1]!r}")


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.99])
def test_a_zip_that_was_cut_short_is_told(tmp_path: Path, share: float):
    archive = make_zip(tmp_path / "a.zip", {"a": random.Random(3).randbytes(5000), "b": b"b"})
    archive.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])
    assert "damaged archive" in refused(archive).what


def test_a_changed_byte_is_told_by_the_checksum(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"a": b"b" * 500}, method=ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"bbbb", b"bxbb", 1))
    error = refused(archive)
    assert "Bad CRC-32" in error.what
    assert "'a'" in error.where
    with pytest.raises(UserError, match="no such archive"):
        unpack_zip(tmp_path / "nowhere.zip", tmp_path / "raw")


def test_no_damage_ends_in_anything_but_a_user_error(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"a": random.Random(4).randbytes(60) * 3, "in/b": b"b" * 90})
    whole, chance = archive.read_bytes(), random.Random(5)
    told = 0
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        archive.write_bytes(data)
        try:
            unpack_zip(archive, tmp_path / "out", max_bytes=10_000)
        except UserError:
            told += 1
    assert told > 100
    assert {path.name for path in tmp_path.iterdir()} <= {"a.zip", "out"}


@pytest.mark.network
def test_apt_downloads_a_real_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get on this machine")
    monkeypatch.delenv("BABELMIX_MIRROR", raising=False)
    try:
        fetch_packages(["debian-archive-keyring"], tmp_path / "raw")
    except UserError as error:
        pytest.skip(f"apt cannot download here: {error}")
    deb = tmp_path / "raw" / "debian-archive-keyring.deb"
    assert any(path.endswith(".gpg") for path, _ in read_package(deb, lambda path: True))
