"""Names of countries, languages, scripts and currencies in 16 languages, each beside its English name.

    fetch(Path("data/lexicons/iso-codes"))
    names = read_names(Path("data/lexicons/iso-codes"))
    names.local["de"][1]                # Name(kind="country", code="AX", english="Åland Islands", local="Åland-Inseln")
    names.identical["de"][0].local      # "Aruba", in both languages
    names.untranslated["ja"]            # {"country": 4, ...}

The Debian package iso-codes has the English names of ISO 3166-1, 639-2, 15924 and 4217 as JSON, and their translations,
by volunteers, as catalogues of gettext.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.reading import checked_text, parse_json, shown
from babelmix.common.text import kept_form
from babelmix.download.debian import fetch_packages, read_package
from babelmix.lexicon.source import LexicalSource

PACKAGE = "iso-codes"
# The package's folder for each language: Portuguese of Portugal, Chinese in simplified characters.
_SAME = ("ar", "de", "el", "es", "fr", "hi", "it", "ja", "ko", "nl", "pt", "ru", "th", "tr", "vi")
LOCALES = {**{lang: lang for lang in _SAME}, "zh": "zh_CN"}
LANGUAGES = tuple(LOCALES)
_AGAIN = f"run `babelmix fetch {PACKAGE}`"
# What gettext raises for bytes that are no catalogue, end too early, or are in no encoding.
_DAMAGE = (OSError, struct.error, ValueError, LookupError)


@dataclass(frozen=True, slots=True)
class Standard:
    """The standard that names one kind of thing, and the field of its JSON file that has the code."""

    name: str
    code: str


STANDARDS = {
    "country": Standard("3166-1", "alpha_2"),
    "language": Standard("639-2", "alpha_3"),
    "script": Standard("15924", "alpha_4"),
    "currency": Standard("4217", "alpha_3"),
}


@dataclass(frozen=True, slots=True)
class Name:
    """The name of one thing in English and in another language."""

    kind: str  # a key of STANDARDS
    code: str  # "DE", "deu", "Latn", "EUR"
    english: str
    local: str


@dataclass(frozen=True, slots=True)
class Names:
    """The names of each language, kind by kind in the order of the package.

    `local` has those that differ from the English name, `identical` those that are spelt like it. `untranslated` counts
    the others by kind: the language has no entry for them.
    """

    local: Mapping[str, tuple[Name, ...]]
    identical: Mapping[str, tuple[Name, ...]]
    untranslated: Mapping[str, Mapping[str, int]]


class _Nothing(NullTranslations):
    """Stands behind a catalogue and returns an empty text for what the catalogue lacks."""

    def gettext(self, message: str) -> str:
        """Return an empty text."""
        return ""


def fetch(folder: Path) -> None:
    """Download the package and replace the folder; apt checks it, and the manifest has its version and sha256."""
    fetch_packages([PACKAGE], folder)


def read_names(folder: Path) -> Names:
    """Read the names out of `<folder>/iso-codes.deb`, in NFC.

    Two currencies of one name are two names: 181 codes have 179 English names. A language without a catalogue of a kind
    (Hindi has none of scripts and currencies) counts all of it as untranslated.

    UserError: a missing or damaged package, one that lacks a standard or all catalogues of a language, a JSON file of
    another form, a damaged catalogue.
    """
    files = dict(read_package(folder / f"{PACKAGE}.deb", _paths().__contains__))
    english = {kind: list(_read_english(files, kind, folder)) for kind in STANDARDS}
    local: dict[str, tuple[Name, ...]] = {}
    identical: dict[str, tuple[Name, ...]] = {}
    untranslated: dict[str, dict[str, int]] = {}
    for lang in LANGUAGES:
        if not any(_catalogue(lang, kind) in files for kind in STANDARDS):
            raise UserError(f"no names in {lang!r}", where=str(folder / f"{PACKAGE}.deb"), how=_AGAIN)
        names = [name for kind in STANDARDS for name in _translate(files, lang, kind, english[kind])]
        local[lang] = tuple(name for name in names if name.local not in ("", name.english))
        identical[lang] = tuple(name for name in names if name.local == name.english)
        untranslated[lang] = dict(Counter(name.kind for name in names if not name.local))
    return Names(local, identical, untranslated)


def _read_english(files: Mapping[str, bytes], kind: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (code, English name) as the JSON file of a standard has it."""
    standard, path = STANDARDS[kind], _json(kind)
    where = f"{folder / PACKAGE}.deb, {path}"
    if path not in files:
        raise UserError("the package lacks this file", where=where, how=_AGAIN)
    try:
        text = files[path].decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=where, how=_AGAIN) from error
    stored: Any = parse_json(text, where)
    rows: Any = stored.get(standard.name) if isinstance(stored, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"not the list {standard.name!r} of objects: {shown(rows)}", where=where, how=_AGAIN)
    for number, row in enumerate(rows):
        place = f"{where}, {standard.name}[{number}]"
        code = checked_text(row.get(standard.code), f"{place}.{standard.code}")
        yield code, checked_text(row.get("name"), f"{place}.name")


def _translate(files: Mapping[str, bytes], lang: str, kind: str, english: list[tuple[str, str]]) -> Iterator[Name]:
    """Yield the names of a kind; one that the language's catalogue lacks has an empty `local`."""
    path = _catalogue(lang, kind)
    try:
        catalogue = GNUTranslations(BytesIO(files[path])) if path in files else NullTranslations()
    except _DAMAGE as error:
        raise UserError(f"a damaged catalogue ({error})", where=f"{PACKAGE}.deb, {path}", how=_AGAIN) from error
    catalogue.add_fallback(_Nothing())
    for code, name in english:
        yield Name(kind, code, kept_form(name), kept_form(catalogue.gettext(name)))


def _json(kind: str) -> str:
    return f"usr/share/iso-codes/json/iso_{STANDARDS[kind].name}.json"


def _catalogue(lang: str, kind: str) -> str:
    return f"usr/share/locale/{LOCALES[lang]}/LC_MESSAGES/iso_{STANDARDS[kind].name}.mo"


def _paths() -> set[str]:
    """Return the paths of all files to read in the package."""
    return {_json(kind) for kind in STANDARDS} | {_catalogue(lang, kind) for lang in LANGUAGES for kind in STANDARDS}


SOURCE = LexicalSource(name="iso-codes", licence="iso-codes: LGPL-2.1+", fetch=fetch)
