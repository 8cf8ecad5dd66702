"""Readers of archives, pages and stores: zips, Debian packages, HTML and Mallard pages, the translation cache."""

import contextlib
import gzip
import hashlib
import io
import sqlite3
import stat
import tarfile
import warnings
import zipfile
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.benchmarks.sources import debian_handbook, gnome_help
from babelmix.corpus.sources import libreoffice_help
from babelmix.download.debian import read_package, unpack_packages
from babelmix.download.https import unpack_zip
from babelmix.translate.cache import Cache

from .damage import TOKENS, damaged, damaged_binary, numbers
from .harness import Files, Target
from .seeds import DE, EN, LONG, one_of, settings

# fmt: off
NAMES = (
    "../x", "/x", "a/../../x", "a\\..\\x", "C:x", ".", "..", "", "a//b", "a/./b", "a/", "a", "a/b", "\0", "a\0b",
    "~/x", "a" * 300, "a/" * 300 + "b", "a/" * 1900 + "b", "\u202ea", "é", "e\u0301", "con", "nfcorpus/corpus.jsonl",
    "x/" + "b" * 256, "-rf", "a\nb",
)
# fmt: on


@cache
def _bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(zipfile.ZipInfo("bomb"), bytes(8 << 20), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _zip(rng: Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in ("n/corpus.jsonl", "n/qrels/test.tsv", *(rng.choice(NAMES) for _ in range(rng.randrange(3)))):
            member = zipfile.ZipInfo(name.replace("\0", "\x01"))
            kind = rng.choice((0, 0, 0, stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR, stat.S_IFCHR))
            member.external_attr = (kind | 0o644) << 16
            member.compress_type = rng.choice(
                (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
            )
            content = rng.choice((b"text\n" * 50, b"", bytes(3000), b"/etc/passwd"))
            if member.filename.endswith("/"):
                content = b""
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of two members with one name
                file.writestr(member, content)
        if rng.random() < 0.1:
            file.comment = rng.choice(TOKENS)[:60000]
    return stream.getvalue()


def _zip_input(rng: Random) -> Files:
    if rng.random() < 0.005:
        return {"a.zip": _bomb()}
    data = _zip(rng)
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        data = rng.choice((damaged_binary, numbers, lambda r, d: numbers(r, d, 2), damaged))(rng, data)
    return {"a.zip": data}


def _unzip(folder: Path, output: Path) -> None:
    unpack_zip(folder / "a.zip", output, max_bytes=4 << 20)


def deb(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """Return a Debian package of these files: an ar archive of a control and a data part."""

    def tar(members: dict[str, bytes]) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(f"./{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            for name, target in (links or {}).items() if members is files else ():
                info = tarfile.TarInfo(f"./{name}")
                info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info)
        return gzip.compress(stream.getvalue(), 1, mtime=0)

    control = b"Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: help\n"
    data = b"!<arch>\n"
    for name, content in (
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", tar({"control": control})),
        ("data.tar.gz", tar(files)),
    ):
        data += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
            + content
            + b"\n" * (len(content) % 2)
        )
    return data


def help_page(texts: tuple[str, ...]) -> bytes:
    parts = "".join(f'<h2 id="hd_id{n}">{text}</h2><p id="par_id{n}">{text} {LONG}</p>' for n, text in enumerate(texts))
    return (
        f'<html><head><title>{texts[0]}</title></head><body><div id="DisplayArea">{parts}</div></body></html>'.encode()
    )


def mallard(texts: tuple[str, ...]) -> bytes:
    parts = "".join(f'<section id="s{n}"><title>{t}</title><p>{t} {LONG}</p></section>' for n, t in enumerate(texts))
    head = f"<title>{texts[0]}</title><subtitle>{texts[1]}</subtitle><p>{LONG}</p>"
    return f'<?xml version="1.0"?><page xmlns="http://projectmallard.org/1.0/" id="a">{head}{parts}</page>'.encode()


def handbook(texts: tuple[str, ...]) -> bytes:
    parts = "".join(
        f'<div class="section"><div class="titlepage"><h2 class="title"><a id="s.{n}"></a>1.{n}. {text}</h2></div>'
        f'<div class="para">{text} {LONG}</div></div>'
        for n, text in enumerate(texts)
    )
    head = '<div class="titlepage"><h1><a id="c"></a>Chapter 1. A</h1></div>'
    return f'<html><body><div class="chapter">{head}{parts}</div></body></html>'.encode()


# fmt: off
MARKUP = (
    b"<div>" * 3000, b"<p>" * 3000, b"<section id='a'>" * 300, b"</div>", b"</page>", b"<title/>", b"<title>",
    b"&nbsp;", b"&#0;", b"&#xD800;", b"&#99999999;", b"&amp", b"<!--", b"-->",
    b"<?xml version='1.0' encoding='utf-16'?>", b"<?pi", b"<![CDATA[", b"]]>",
    b"<!DOCTYPE a [<!ENTITY b 'cc'><!ENTITY d '&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;'>]>",
    b"&e;", b"&x;", b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'>",
    b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>", b"<xi:include href='/etc/passwd'/>", b'id="hd_id1"',
    b"id=''", b"id", b'class="section"', b'xmlns=""', b"xmlns:a='b'", b"<svg><style>", b"<script>",
    b"<meta charset=utf-16>", b"<div class='section'><div class='titlepage'><h1/></div></div>", b"<a id='x'/>",
    b"<frameset>", b"<plaintext>", b"<base href='http://x/'>",
)
# fmt: on


def page_of(rng: Random, page: bytes) -> bytes:
    def markup() -> bytes:
        at = rng.choice([0, len(page), *(n for n, sign in enumerate(page) if sign == 0x3C)])
        return page[:at] + rng.choice(MARKUP) + page[at + rng.choice((0, 0, 1, 5)) :]

    return one_of(rng, page, markup, markup)


def _page_input(rng: Random) -> Files:
    kind, make = rng.choice((("help", help_page), ("mallard", mallard), ("handbook", handbook)))
    return {f"{kind}.page": page_of(rng, make(rng.choice((EN, DE))))}


def _page(folder: Path, output: Path) -> None:
    for file in folder.iterdir():
        data = file.read_bytes()
        if file.stem == "help":
            libreoffice_help.read_page(data)
        elif file.stem == "mallard":
            list(gnome_help.read_page(data, str(file)))
        else:
            list(debian_handbook.read_page(data))


SETTINGS = BenchmarkSettings(languages=("de", "en"), max_passage_characters=400)


def _deb_input(rng: Random) -> Files:
    """Return the packages of one of the three sources, a page of it spoilt, or the package, or both of its names."""
    pages = {
        "libreoffice-help-en-us": {"usr/share/libreoffice/help/en-US/text/a.html": help_page(EN)},
        "libreoffice-help-de": {"usr/share/libreoffice/help/de/text/a.html": help_page(DE)},
        "gnome-user-docs": {
            f"usr/share/help/{lang}/gnome-help/a.page": mallard(t) for lang, t in (("C", EN), ("de", DE))
        },
        "debian-handbook": {
            f"usr/share/doc/d/html/{lang}/a.html": handbook(t) for lang, t in (("en-US", EN), ("de-DE", DE))
        },
    }
    packages = rng.choice((["libreoffice-help-en-us", "libreoffice-help-de"], ["gnome-user-docs"], ["debian-handbook"]))
    spoil = rng.choice(packages)
    files = pages[spoil]
    if rng.random() < 0.6:
        name = rng.choice(list(files))
        files[name] = page_of(rng, files[name])
    links: dict[str, str] = {}
    if rng.random() < 0.3:
        files[rng.choice(NAMES).replace("\0", "") or "x"] = b"x"
        links = {rng.choice(NAMES).replace("\0", "") or "y": rng.choice(("/etc/passwd", "../../..", "a", ".", "\x01"))}
    found: Files = {f"{name}.deb": deb(pages[name], links if name == spoil else None) for name in packages}
    if rng.random() < 0.3:
        found[f"{spoil}.deb"] = rng.choice((damaged_binary, numbers, damaged))(rng, found[f"{spoil}.deb"] or b"")
    return found


def _deb(folder: Path, output: Path) -> None:
    names = {file.stem for file in folder.iterdir()}
    if "gnome-user-docs" in names:
        gnome_help.build(folder, SETTINGS)
    elif "debian-handbook" in names:
        debian_handbook.build(folder, SETTINGS)
    else:
        pairs = settings().pairs
        libreoffice_help.build(folder, pairs.model_copy(update={"languages": ("en", "de")}))


def _debs(folder: Path, output: Path) -> None:
    files = sorted(folder.iterdir())
    for file in files:
        for _ in read_package(file, lambda path: True):
            pass
    unpack_packages(files, output)


@cache
def _store() -> tuple[str, bytes]:
    with TemporaryDirectory() as scratch:
        cache_ = Cache(Path(scratch), "engine 1")
        cache_.put({text: other for text, other in zip(EN, DE, strict=True)})
        (file,) = Path(scratch).glob("*.sqlite")
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.close()
        return file.name, file.read_bytes()


def _cache_input(rng: Random) -> Files:
    name, valid = _store()
    data = rng.choice((damaged_binary, numbers, damaged))(rng, valid)
    if rng.random() < 0.2:
        made = sqlite3.connect(":memory:")
        made.execute(
            rng.choice(("CREATE TABLE translations (key, text)", "CREATE TABLE translations (a)", "CREATE TABLE x (y)"))
        )
        if rng.random() < 0.5:
            with contextlib.suppress(sqlite3.Error):
                keys = [hashlib.sha256(text.encode()).digest() for text in EN]
                values = rng.choice((None, 1, 1.5, b"\xff", "x"))
                made.executemany("INSERT INTO translations VALUES (?, ?)", [(key, values) for key in keys])
        data = made.serialize()
        made.close()
    files: Files = {name: data}
    if rng.random() < 0.1:
        files[f"{name}{rng.choice(('-wal', '-journal', '-shm'))}"] = rng.choice((valid, b"", rng.randbytes(600)))
    return files


def _use_cache(folder: Path, output: Path) -> None:
    found = Cache(folder, "engine 1")
    for text, other in found.get(EN).items():
        text.encode(), other.encode()
    found.put({"new": "neu"})
    found.get([*EN, "new"])


TARGETS = (
    Target("zip", 5, _zip_input, _unzip),
    Target("page", 6, _page_input, _page),
    Target("package", 0.6, _deb_input, _deb),
    Target("unpack", 0.4, _deb_input, _debs),
    Target("cache", 2, _cache_input, _use_cache, own_files=True),
)
