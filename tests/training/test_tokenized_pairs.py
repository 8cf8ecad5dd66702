"""Tokenized pairs: reading gives what tokenising gave, and a folder that is not whole is refused."""

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
from babelmix.encoder.load import load_encoder
from babelmix.encoder.tokenise import tokenise
from babelmix.settings.params import load_settings
from babelmix.training import tokenized_pairs as tokens
from babelmix.training.settings import Train
from babelmix.training.tokenized_pairs import read_tokenized, write_tokenized

ROOT = Path(__file__).parents[2]
Done = list[int]


def train_settings(**more: Any) -> Train:
    return load_settings(ROOT / "params.yaml").train.model_copy(update=more)


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> Any:
    return load_encoder(tiny_encoder)


@pytest.fixture(scope="module")
def rows(parallel_pairs: list[Pair]) -> list[tuple[Pair, bool]]:
    """Some of them machine-translated, the units not in order."""
    return [(pair, number % 4 == 0) for number, pair in enumerate(reversed(parallel_pairs))]


@pytest.fixture
def folder(tmp_path: Path, model: Any, rows: list[tuple[Pair, bool]]) -> Path:
    write_tokenized(tmp_path / "tokens", rows, model, train_settings())
    return tmp_path / "tokens"


def digest(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_what_is_read_is_what_tokenising_gives(
    chunk: int, model: Any, rows: list[tuple[Pair, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CHUNK", chunk)
    done: Done = []
    assert (
        write_tokenized(tmp_path / "tokens", iter(rows), model, train_settings(), done.append) == len(rows) == sum(done)
    )
    assert max(done) == min(chunk, len(rows))
    tokenized = read_tokenized(tmp_path / "tokens")
    pairs = [pair for pair, _ in rows]
    queries = model.tokenizer([f"query: {pair.query}" for pair in pairs])["input_ids"]
    passages = model.tokenizer([f"passage: {pair.passage}" for pair in pairs])["input_ids"]
    assert [tokenized.queries[row].tolist() for row in range(len(tokenized.queries))] == queries
    assert [tokenized.passages[row].tolist() for row in range(len(tokenized.passages))] == passages
    assert queries != passages and len({len(text) for text in passages}) > 5


def test_the_index_is_that_of_the_pairs(folder: Path, rows: list[tuple[Pair, bool]]) -> None:
    found, expected = read_tokenized(folder).index, index_pairs(rows)
    for field in fields(expected):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(one, other)
        assert isinstance(one, tuple) or one.dtype == other.dtype
    assert found.units == expected.units and found.languages == ("de", "en", "fr")


def test_queries_and_passages_are_cut_each_to_its_own_length(
    model: Any, rows: list[tuple[Pair, bool]], tmp_path: Path
) -> None:
    write_tokenized(tmp_path / "tokens", rows, model, train_settings(max_query_tokens=5, max_passage_tokens=9))
    tokenized = read_tokenized(tmp_path / "tokens")
    texts = {"query": [pair.query for pair, _ in rows], "passage": [pair.passage for pair, _ in rows]}
    for side, prompt, longest in ((tokenized.queries, "query", 5), (tokenized.passages, "passage", 9)):
        ids = [side[row].tolist() for row in range(len(side))]
        assert ids == tokenise(model, texts[prompt], prompt=prompt, max_tokens=longest)
        assert max(map(len, ids)) == longest and {text[-1] for text in ids} == {3}  # the last sign is kept


def test_the_ids_stay_on_disk(folder: Path) -> None:
    tokenized = read_tokenized(folder)
    for side, texts in (("queries", tokenized.queries), ("passages", tokenized.passages)):
        assert isinstance(texts.ids, np.memmap) and texts.ids.dtype == np.dtype("<i4")
        assert Path(str(texts.ids.filename)) == folder / f"{side}.bin"
        assert np.shares_memory(texts[3], texts.ids) and not texts.ids.flags.writeable


def test_two_writings_leave_the_same_bytes(
    folder: Path, model: Any, rows: list[tuple[Pair, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CHUNK", 11)
    write_tokenized(tmp_path / "again", rows, model, train_settings())
    assert digest(folder) == digest(tmp_path / "again")
    assert set(digest(folder)) == {"queries.bin", "passages.bin", "index.npz", MANIFEST}


def test_a_new_writing_replaces_the_folder_as_a_whole(folder: Path, model: Any, rows: list[tuple[Pair, bool]]) -> None:
    assert write_tokenized(folder, rows[:10], model, train_settings()) == 10
    tokenized = read_tokenized(folder)
    assert len(tokenized.queries) == len(tokenized.passages) == len(tokenized.index.unit) == 10
    (folder / "mine.bin").write_bytes(b"of the user's own")
    with pytest.raises(UserError, match=r"the output holds 'mine.bin', which babelmix did not write there"):
        write_tokenized(folder, rows[:10], model, train_settings())
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
        write_tokenized(folder, broken(), model, train_settings())
    with pytest.raises(UserError, match="duplicate parallel_id"):
        write_tokenized(folder, [*rows[:12], rows[0]], model, train_settings())
    assert digest(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["tokens"]


def test_no_pairs_make_an_empty_folder(model: Any, tmp_path: Path) -> None:
    assert write_tokenized(tmp_path / "tokens", [], model, train_settings()) == 0
    tokenized = read_tokenized(tmp_path / "tokens")
    assert len(tokenized.queries) == len(tokenized.passages) == 0 and tokenized.index.units == ()


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
    ("file", "message"),
    [
        ("index.npz", "no tokenised pairs"),
        ("queries.bin", "no such file"),
        ("passages.bin", "no such file"),
    ],
)
def test_a_missing_file_is_refused_with_the_command_that_makes_it(file: str, message: str, folder: Path) -> None:
    (folder / file).unlink()
    with pytest.raises(UserError, match=message) as caught:
        read_tokenized(folder)
    assert "dvc repro tokenise" in caught.value.how


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tokenised pairs"):
        read_tokenized(tmp_path / "none")


DAMAGE = {
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


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_folder_is_refused(how: str, folder: Path) -> None:
    DAMAGE[how](folder)
    with pytest.raises(UserError, match=r"not a whole (.npz )?(file|index) of") as caught:
        read_tokenized(folder)
    assert "dvc repro tokenise" in caught.value.how
