"""Names of ISO: a small package made here, and the distribution's with its counts."""

import json
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.common.languages import LANGUAGES as KNOWN
from babelmix.lexicon import iso_codes
from babelmix.lexicon.iso_codes import LANGUAGES, STANDARDS, Name, read_names

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")
Files = dict[str, bytes]


def catalogue(entries: dict[str, str], charset: str = "UTF-8") -> bytes:
    """Return a catalogue of gettext in its binary form: a header, two tables of (length, place), the texts."""
    texts = sorted({"": f"Content-Type: text/plain; charset={charset}\n", **entries}.items())
    number, start = len(texts), 28
    places, body = b"", b""
    for column in (0, 1):
        for text in texts:
            raw = text[column].encode()
            places += struct.pack("<II", len(raw), start + 16 * number + len(body))
            body += raw + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, number, start, start + 8 * number, 0, 0) + places + body


def standard(name: str, code: str, *names: tuple[str, str]) -> Files:
    rows = [{code: short, "name": english, "flag": "x"} for short, english in names]
    return {f"usr/share/iso-codes/json/iso_{name}.json": json.dumps({name: rows}).encode()}


def translated(lang: str, name: str, entries: dict[str, str]) -> Files:
    return {f"usr/share/locale/{lang}/LC_MESSAGES/iso_{name}.mo": catalogue(entries)}


def small() -> Files:
    """Two countries, a language, a script, two currencies of one name; Thai has the language alone."""
    files = standard("3166-1", "alpha_2", ("AW", "Aruba"), ("DE", "Germany"))
    files |= standard("639-2", "alpha_3", ("deu", "German"))
    files |= standard("15924", "alpha_4", ("Latn", "Latin"))
    files |= standard("4217", "alpha_3", ("SLE", "Leone"), ("SLL", "Leone"))
    for lang in iso_codes.LOCALES.values():
        files |= translated(lang, "639-2", {"German": f"German in {lang}"})
        if lang != "th":
            files |= translated(lang, "3166-1", {"Aruba": "Aruba", "Germany": "Mu\u0308nze"})
            files |= translated(lang, "4217", {"Leone": f"leone ({lang})"})
    return files


def package(folder: Path, files: Files) -> Path:
    """Build a real package that holds these files."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    tree.chmod(0o755)
    fields = "Package: iso-codes\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: names\n"
    (tree / "DEBIAN/control").write_text(fields)
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    command = ["dpkg-deb", "-Zgzip", "--root-owner-group", "--build", str(tree), str(folder / "iso-codes.deb")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@needs_dpkg
def test_names_stand_beside_the_english_ones_and_the_same_and_missing_ones_are_apart(tmp_path: Path) -> None:
    names = read_names(package(tmp_path, small()))
    assert names.local["zh"] == (
        Name("country", "DE", "Germany", "M\u00fcnze"),
        Name("language", "deu", "German", "German in zh_CN"),
        Name("currency", "SLE", "Leone", "leone (zh_CN)"),
        Name("currency", "SLL", "Leone", "leone (zh_CN)"),
    )
    assert names.identical["zh"] == (Name("country", "AW", "Aruba", "Aruba"),)
    assert names.untranslated["zh"] == {"script": 1}
    assert names.local["th"] == (Name("language", "deu", "German", "German in th"),)
    assert names.untranslated["th"] == {"country": 2, "script": 1, "currency": 2}
    assert names.local.keys() == names.identical.keys() == names.untranslated.keys() == set(LANGUAGES)
    assert set(LANGUAGES) < KNOWN


COUNTRIES, MO = "usr/share/iso-codes/json/iso_3166-1.json", "usr/share/locale/de/LC_MESSAGES/iso_3166-1.mo"
WHOLE = catalogue({"Germany": "Deutschland"})


@needs_dpkg
@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        (MO, b"", r"LC_MESSAGES/iso_3166-1.mo: a damaged catalogue \("),
        (MO, b"Deutschland" * 9, "a damaged catalogue"),
        (MO, WHOLE[:20], "a damaged catalogue"),
        (MO, WHOLE[:60], "a damaged catalogue"),
        (MO, catalogue({"Germany": "Österreich"}, "ASCII"), "a damaged catalogue"),
        (MO, catalogue({"Germany": "Deutschland"}, "of-no-kind"), "a damaged catalogue"),
        (COUNTRIES, b"{", r"iso_3166-1.json, line 1, column 2: not valid JSON"),
        (COUNTRIES, b'"\xff"', "iso_3166-1.json: not UTF-8 text"),
        (COUNTRIES, b"[]", "not the list '3166-1' of objects"),
        (COUNTRIES, b'{"3166-1": {"AW": "Aruba"}}', "not the list '3166-1' of objects"),
        (COUNTRIES, b'{"3166-1": ["Aruba"]}', "not the list '3166-1' of objects"),
        (COUNTRIES, b'{"3166-1": [{"name": "Aruba"}]}', r"3166-1\[0\].alpha_2: missing"),
        (COUNTRIES, b'{"3166-1": [{"alpha_2": "AW", "name": 7}]}', r"3166-1\[0\].name: not a text: 7"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, path: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_names(package(tmp_path, small() | {path: content}))


@needs_dpkg
def test_a_package_that_lacks_files_is_refused(tmp_path: Path) -> None:
    files = small()
    del files[COUNTRIES]
    (tmp_path / "one").mkdir()
    with pytest.raises(UserError, match=r"iso_3166-1.json: the package lacks this file"):
        read_names(package(tmp_path / "one", files))
    (tmp_path / "two").mkdir()
    german = {name: content for name, content in small().items() if "/locale/de/" not in name}
    with pytest.raises(UserError, match=r"iso-codes.deb: no names in 'de'"):
        read_names(package(tmp_path / "two", german))


def test_a_folder_without_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such package"):
        read_names(tmp_path)


def test_without_apt_and_mirror_the_error_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path))
    with pytest.raises(UserError, match=r"no apt-get on this machine.*BABELMIX_MIRROR/deb"):
        iso_codes.SOURCE.fetch(tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


# Of Debian's iso-codes 4.15.0-1: 249 countries, 487 languages, 182 scripts, 181 currencies.
COUNTRIES_IN = {"ar": 248, "de": 153, "el": 248, "es": 165, "fr": 181, "hi": 248, "it": 137, "ja": 245, "ko": 249}
COUNTRIES_IN |= {"nl": 151, "pt": 190, "ru": 248, "th": 246, "tr": 184, "vi": 243, "zh": 249}


@pytest.mark.network
def test_published_names(tmp_path: Path) -> None:
    try:
        iso_codes.SOURCE.fetch(tmp_path / "raw")
    except UserError as error:
        pytest.skip(f"the package cannot be had here: {error}")
    version = json.loads((tmp_path / "raw/manifest.json").read_text())["iso-codes"]["version"]
    if version != "4.15.0-1":
        pytest.skip(f"the counts are those of 4.15.0-1, this is {version}")
    names = read_names(tmp_path / "raw")
    differ = {lang: Counter(name.kind for name in found) for lang, found in names.local.items()}
    assert {lang: counts["country"] for lang, counts in differ.items()} == COUNTRIES_IN
    assert (differ["hi"]["language"], differ["ko"]["language"]) == (119, 487)
    for lang in LANGUAGES:
        total = differ[lang] + Counter(one.kind for one in names.identical[lang]) + Counter(names.untranslated[lang])
        assert total == {"country": 249, "language": 487, "script": 182, "currency": 181}
    assert total.keys() == STANDARDS.keys()
