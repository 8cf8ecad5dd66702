"""The token store: what is read back is what tokenising gives, and a folder is whole or is refused."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from babelmix.common.errors import UserError
from babelmix.common.outputs import MANIFEST
from babelmix.corpus.index import index_pairs
from babelmix.corpus.records import Pair
from babelmix.encoder.build import load_encoder
from babelmix.encoder.packing import tokenise
from babelmix.settings.params import load_settings
from babelmix.training import tokenized_pairs as tokens
from babelmix.training.settings import Train
from babelmix.training.tokenized_pairs import read_corpus, write_corpus

ROOT = Path(__file__).parents[2]
Told = list[int]


def recipe(**more: Any) -> Train:
    return load_settings(ROOT / "params.yaml").train.model_copy(update=more)


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> Any:
    return load_encoder(tiny_encoder)


@pytest.fixture(scope="module")
def rows(parallel_pairs: list[Pair]) -> list[tuple[Pair, bool]]:
    """Some by a machine, and the units not in their order."""
    return [(pair, number % 4 == 0) for number, pair in enumerate(reversed(parallel_pairs))]


@pytest.fixture
def folder(tmp_path: Path, model: Any, rows: list[tuple[Pair, bool]]) -> Path:
    write_corpus(tmp_path / "tokens", rows, model, recipe())
    return tmp_path / "tokens"


def digest(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_what_is_read_is_what_tokenising_gives(
    chunk: int, model: Any, rows: list[tuple[Pair, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CHUNK", chunk)
    told: Told = []
    assert write_corpus(tmp_path / "tokens", iter(rows), model, recipe(), told.append) == len(rows) == sum(told)
    assert max(told) == min(chunk, len(rows))
    corpus = read_corpus(tmp_path / "tokens")
    pairs = [pair for pair, _ in rows]
    queries = model.tokenizer([f"query: {pair.query}" for pair in pairs])["input_ids"]
    passages = model.tokenizer([f"passage: {pair.passage}" for pair in pairs])["input_ids"]
    assert [corpus.queries[row].tolist() for row in range(len(corpus.queries))] == queries
    assert [corpus.passages[row].tolist() for row in range(len(corpus.passages))] == passages
    assert queries != passages and len({len(text) for text in passages}) > 5


def test_the_index_is_that_of_the_pairs(folder: Path, rows: list[tuple[Pair, bool]]) -> None:
    found, expected = read_corpus(folder).index, index_pairs(rows)
    for field in fields(expected):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(one, other)
        assert isinstance(one, tuple) or one.dtype == other.dtype
    assert found.units == expected.units and found.languages == ("de", "en", "fr")


def test_queries_and_passages_are_cut_each_to_its_own_length(
    model: Any, rows: list[tuple[Pair, bool]], tmp_path: Path
) -> None:
    write_corpus(tmp_path / "tokens", rows, model, recipe(max_query_tokens=5, max_passage_tokens=9))
    corpus = read_corpus(tmp_path / "tokens")
    texts = {"query": [pair.query for pair, _ in rows], "passage": [pair.passage for pair, _ in rows]}
    for side, prompt, longest in ((corpus.queries, "query", 5), (corpus.passages, "passage", 9)):
        ids = [side[row].tolist() for row in range(len(side))]
        assert ids == tokenise(model, texts[prompt], prompt=prompt, max_tokens=longest)
        assert max(map(len, ids)) == longest and {text[-1] for text in ids} == {3}  # the last sign is kept


def test_the_ids_stay_on_disk(folder: Path) -> None:
    corpus = read_corpus(folder)
    for side, texts in (("queries", corpus.queries), ("passages", corpus.passages)):
        assert isinstance(texts.ids, np.memmap) and texts.ids.dtype == np.dtype("<i4")
        assert Path(str(texts.ids.filename)) == folder / f"{side}.bin"
        assert np.shares_memory(texts[3], texts.ids) and not texts.ids.flags.writeable


def test_two_writings_leave_the_same_bytes(
    folder: Path, model: Any, rows: list[tuple[Pair, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CHUNK", 11)
    write_corpus(tmp_path / "again", rows, model, recipe())
    assert digest(folder) == digest(tmp_path / "again")
    assert set(digest(folder)) == {"queries.bin", "passages.bin", "index.npz", MANIFEST}


def test_a_new_writing_replaces_the_folder_as_a_whole(folder: Path, model: Any, rows: list[tuple[Pair, bool]]) -> None:
    assert write_corpus(folder, rows[:10], model, recipe()) == 10
    corpus = read_corpus(folder)
    assert len(corpus.queries) == len(corpus.passages) == len(corpus.index.unit) == 10
    (folder / "mine.bin").write_bytes(b"of the user's own")
    with pytest.raises(UserError, match=r"the output holds 'mine.bin', which babelmix did not write there"):
        write_corpus(folder, rows[:10], model, recipe())
    (folder / "mine.bin").unlink()  # it is there, as it was


def test_an_error_half_way_leaves_the_old_folder(
    folder: Path, model: Any, rows: list[tuple[Pair, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CHUNK", 5)

    def broken() -> Iterator[tuple[Pair, bool]]:
        yield from rows[:12]
        raise RuntimeError("the pairs end here")

    before = digest(folder)
    with pytest.raises(RuntimeError, match="end here"):
        write_corpus(folder, broken(), model, recipe())
    with pytest.raises(UserError, match="stands twice"):
        write_corpus(folder, [*rows[:12], rows[0]], model, recipe())
    assert digest(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["tokens"]


def test_no_pairs_are_a_corpus_of_none(model: Any, tmp_path: Path) -> None:
    assert write_corpus(tmp_path / "tokens", [], model, recipe()) == 0
    corpus = read_corpus(tmp_path / "tokens")
    assert len(corpus.queries) == len(corpus.passages) == 0 and corpus.index.units == ()


def replaced(file: str, content: bytes) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / file).write_bytes(content)

    return replace


def cut(file: str, share: float) -> Callable[[Path], None]:
    def shorten(folder: Path) -> None:
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[: int(len(content) * share)])

    return shorten


def longer(folder: Path) -> None:
    with (folder / "queries.bin").open("ab") as stream:
        stream.write(b"\0\0\0\0")


def another_archive(folder: Path) -> None:
    np.savez(folder / "index.npz", vectors=np.zeros((3, 4)))


def pickled(folder: Path) -> None:
    np.savez(folder / "index.npz", units=np.array([{"a": 1}], dtype=object))


def plain_array(folder: Path) -> None:
    np.save(folder / "index.npy", np.zeros((3, 4)))
    (folder / "index.npy").rename(folder / "index.npz")


def without(name: str) -> Callable[[Path], None]:
    def leave_out(folder: Path) -> None:
        with np.load(folder / "index.npz") as stored:
            arrays = {key: stored[key] for key in stored.files if key != name}
        np.savez(folder / "index.npz", **arrays)

    return leave_out


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("index.npz", "no tokenised pairs"),
        ("queries.bin", "no such file"),
        ("passages.bin", "no such file"),
    ],
)
def test_a_file_that_is_missing_is_told_with_the_command_that_makes_it(file: str, told: str, folder: Path) -> None:
    (folder / file).unlink()
    with pytest.raises(UserError, match=told) as caught:
        read_corpus(folder)
    assert "dvc repro tokenise" in caught.value.how


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tokenised pairs"):
        read_corpus(tmp_path / "none")


SPOILT = {
    "queries cut": cut("queries.bin", 0.5),
    "passages cut by half a number": lambda folder: (folder / "passages.bin").write_bytes(
        (folder / "passages.bin").read_bytes()[:-2]
    ),
    "passages empty": replaced("passages.bin", b""),
    "queries longer": longer,
    "index cut": cut("index.npz", 0.7),
    "index empty": replaced("index.npz", b""),
    "index no archive": replaced("index.npz", b"no archive at all"),
    "another archive": another_archive,
    "a pickle": pickled,
    "a plain array": plain_array,
    "no starts": without("queries_starts"),
    "no keys": without("keys"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_folder_is_refused(how: str, folder: Path) -> None:
    SPOILT[how](folder)
    with pytest.raises(UserError, match=r"not a whole (.npz )?(file|index) of") as told:
        read_corpus(folder)
    assert "dvc repro tokenise" in told.value.how
