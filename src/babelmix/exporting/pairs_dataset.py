"""The pairs as a data set for the library `datasets`: Parquet shards, one configuration a language.

    with new_folder(Path("pairs")) as folder:
        written = write_shards(folder, [PairFile(Path("data/pairs/human/mine/de.jsonl"), "mine", "de", "MIT")])
    load_dataset("pairs", "de")["train"][0]["query"]        # with the card of dataset_card.py beside the shards

A row is a pair, with its page, and who or what wrote it. The same pairs give the same bytes. Memory holds one shard,
the pages, the ids of sources without pages, and a hash for each training text of one language.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from babelmix.common.progress import progress
from babelmix.common.text import compared_form
from babelmix.corpus.records import SPLITS, Pair, iterate_pairs

if TYPE_CHECKING:
    from datasets import DatasetInfo, Features

SHARD_BYTES = 64 << 20  # of texts in a shard, before compression
ALL = "all"  # the configuration of all languages, which `load_dataset(folder)` loads
COLUMNS = {
    "id": "pairs with one id are translations of one another",
    "page": "the page, or the passage, that the pair is from: no page is in two splits",
    "language": "of query and passage",
    "query": "the question, or the heading of a section",
    "passage": "the text that answers it",
    "answer": "the words of the passage that answer the query, if the source has them",
    "origin": "human: people wrote or translated it; machine: a machine translated it",
    "engine": "what translated it, with its version; empty for human",
    "translated_from": "the language that the machine translated from; empty for human",
    "pivot": "the languages that the translation went through, if any",
    "source": "where the pair is from",
    "licence": "of the source, as its publisher has it",
}
OTHER_PAGE, IN_TRAIN = "its page is in the other split", "train has its query or passage"


@dataclass(frozen=True, slots=True)
class PairFile:
    """A file of pairs of one source in one language, and what its rows say of themselves."""

    file: Path
    source: str
    language: str
    licence: str
    machine: bool = False  # whether babelmix translated it
    written_in: str = "en"  # the language that the source's translations start from
    pivot: str = ""
    pages: bool = False  # whether parallel_ids are `page#heading`


@dataclass(slots=True)
class Written:
    """What was written: rows by (language, split, source, origin), rows left out, sizes by (language, split)."""

    rows: Counter[tuple[str, str, str, str]] = field(default_factory=Counter[tuple[str, str, str, str]])
    left_out: Counter[str] = field(default_factory=Counter[str])
    pages: int = 0
    sizes: dict[tuple[str, str], "Size"] = field(default_factory=dict[tuple[str, str], "Size"])

    @property
    def languages(self) -> list[str]:
        """The languages that have rows, sorted."""
        return sorted({language for language, _ in self.sizes})

    def count(self, **wanted: str) -> int:
        """Return how many rows have these values of language, split, source and origin."""
        places = {name: number for number, name in enumerate(("language", "split", "source", "origin"))}
        return sum(
            rows for key, rows in self.rows.items() if all(key[places[name]] == value for name, value in wanted.items())
        )


@dataclass(frozen=True, slots=True)
class Size:
    """How large the rows of a language and split are: bytes in memory, bytes of the files, rows of each shard."""

    memory: int
    files: int
    shards: tuple[int, ...]


def write_shards(folder: Path, files: Sequence[PairFile], *, shard_bytes: int = SHARD_BYTES) -> Written:
    """Write `<language>/<split>-00000-of-00001.parquet` of all files into a folder; return what was written.

    Rows are in the order of `files`, and within a file in its own. The first file of a source decides which pages are
    in which split; a row of another split is left out. So is a dev row whose query or passage is a training text of its
    language: two texts may have one translation. UserError for a broken line, as `iterate_pairs`.
    """
    pages = _Pages(files)
    written = Written()
    by_language = groupby(sorted(files, key=lambda one: one.language), key=lambda one: one.language)
    with progress("pairs", len(files)) as step:
        for language, group in by_language:
            own = list(group)
            shards = {split: _Shards(folder / language, split, shard_bytes) for split in SPLITS}
            trained = {key for _, pair in _pairs(own) if pair.split == "train" for key in _keys(pair)}
            for file in own:
                for _, pair in _pairs([file]):
                    page = pages.of(file, pair)
                    if pages.split(page, pair.split) != pair.split:
                        written.left_out[OTHER_PAGE] += 1
                    elif pair.split == "dev" and not trained.isdisjoint(_keys(pair)):
                        written.left_out[IN_TRAIN] += 1
                    else:
                        row = _row(file, pair, page)
                        shards[pair.split].add(row)
                        written.rows[language, pair.split, file.source, row["origin"]] += 1
                step(1)
            for split, writer in shards.items():
                if size := writer.close():
                    written.sizes[language, split] = size
    written.pages = len(pages)
    return written


def dataset_infos(written: Written) -> "dict[str, DatasetInfo]":
    """Return what `datasets` keeps of each configuration: columns, and rows and bytes of each split."""
    from datasets import DatasetInfo, SplitDict, SplitInfo

    infos: dict[str, DatasetInfo] = {}
    for name in (ALL, *written.languages):
        sizes = {
            split: [size for (lang, of), size in sorted(written.sizes.items()) if of == split and name in (ALL, lang)]
            for split in SPLITS
        }
        splits = SplitDict()
        for split, found in sizes.items():
            if found:
                splits.add(SplitInfo(split, sum(one.memory for one in found), sum(sum(one.shards) for one in found)))
        infos[name] = DatasetInfo(
            features=features(),
            splits=splits,
            download_size=sum(one.files for found in sizes.values() for one in found),
            dataset_size=sum(one.memory for found in sizes.values() for one in found),
        )
    return infos


def data_files(written: Written) -> dict[str, list[dict[str, str]]]:
    """Return the files of each configuration and split, as a card writes them."""
    there = {split: f"*/{split}-*.parquet" for split in SPLITS if written.count(split=split)}
    found = {ALL: [{"split": split, "path": path} for split, path in there.items()]}
    for language in written.languages:
        found[language] = [
            {"split": split, "path": f"{language}/{split}-*.parquet"}
            for split in SPLITS
            if (language, split) in written.sizes
        ]
    return found


def features() -> "Features":
    """Return the columns of a row: all of them texts."""
    from datasets import Features, Value

    return Features({name: Value("string") for name in COLUMNS})


class _Pages:
    """The page of each pair, and the split of each page."""

    def __init__(self, files: Sequence[PairFile]) -> None:
        self._of: dict[tuple[str, str], str] = {}  # (source, parallel_id) -> page, of sources without pages
        self._splits: dict[str, str] = {}
        first = {file.source: file for file in reversed(files)}
        for file in first.values():
            for _, pair in _pairs([file]):
                if not file.pages:
                    digest = sha256(compared_form(pair.passage).encode(errors="surrogatepass")).hexdigest()[:16]
                    self._of[file.source, pair.parallel_id] = f"{file.source}:{digest}"
                self._splits.setdefault(self.of(file, pair), pair.split)

    def of(self, file: PairFile, pair: Pair) -> str:
        """Return the page of a pair: of its id, or what stands for the passage of the unit in its first language."""
        if file.pages:
            return f"{file.source}:{pair.parallel_id.partition('#')[0]}"
        return self._of.setdefault((file.source, pair.parallel_id), f"{file.source}:{pair.parallel_id}")

    def split(self, page: str, split: str) -> str:
        """Return the split of a page; `split` for one that is new."""
        return self._splits.setdefault(page, split)

    def __len__(self) -> int:
        return len(self._splits)


class _Shards:
    """The shards of one language and split."""

    def __init__(self, folder: Path, split: str, most: int) -> None:
        self._folder, self._split, self._most = folder, split, most
        self._rows: list[dict[str, str]] = []
        self._bytes = self._memory = 0
        self._lengths: list[int] = []

    def add(self, row: dict[str, str]) -> None:
        """Add a row; a full shard is written."""
        self._rows.append(row)
        self._bytes += sum(len(text.encode()) for text in row.values())
        if self._bytes >= self._most:
            self._write()

    def close(self) -> Size | None:
        """Write what is left, name the shards by their number, and return their sizes; None if there was no row."""
        if self._rows:
            self._write()
        total = len(self._lengths)
        for number in range(total):
            name = f"{self._split}-{number:05}-of-{total:05}.parquet"
            self._file(number).rename(self._folder / name)
        files = sum(file.stat().st_size for file in self._folder.glob(f"{self._split}-*.parquet"))
        return Size(self._memory, files, tuple(self._lengths)) if total else None

    def _write(self) -> None:
        from datasets import Dataset, disable_progress_bars

        disable_progress_bars()
        self._folder.mkdir(exist_ok=True)
        columns = {name: [row[name] for row in self._rows] for name in COLUMNS}
        shard = Dataset.from_dict(columns, features=features())
        self._memory += shard.to_parquet(str(self._file(len(self._lengths))))
        self._lengths.append(len(self._rows))
        self._rows, self._bytes = [], 0

    def _file(self, number: int) -> Path:
        return self._folder / f"{self._split}-{number:05}.parquet"


def _pairs(files: Sequence[PairFile]) -> Iterator[tuple[str, Pair]]:
    return iterate_pairs(*(file.file for file in files))


def _row(file: PairFile, pair: Pair, page: str) -> dict[str, str]:
    human = not file.machine and pair.origin == "human"
    return {
        "id": pair.parallel_id,
        "page": page,
        "language": pair.lang,
        "query": pair.query,
        "passage": pair.passage,
        "answer": pair.answer,
        "origin": "human" if human else "machine",
        "engine": "" if human else pair.origin,
        "translated_from": "" if human else file.written_in,
        "pivot": file.pivot,
        "source": file.source,
        "licence": file.licence,
    }


def _keys(pair: Pair) -> tuple[bytes, bytes]:
    query, passage = (
        sha256(compared_form(text).encode(errors="surrogatepass")).digest()[:16] for text in (pair.query, pair.passage)
    )
    return query, passage
