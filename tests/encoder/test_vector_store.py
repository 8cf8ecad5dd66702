"""Kept vectors come back byte for byte or not at all: after kills, damage, other writers and a full store."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from babelmix.common.imports import source_files
from babelmix.encoder import keep, vector_store
from babelmix.encoder.vector_store import VectorStore

FACTS = {"model": "a", "threads": 1}
TEXTS = [f"text {number}" for number in range(50)]


def vectors_of(texts: list[str], *, seed: int = 1) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(len(texts), 8)).astype(np.float16), rng.random(len(texts)) < 0.3


def filled(folder: Path, facts: dict[str, Any] = FACTS, texts: list[str] = TEXTS) -> VectorStore:
    store = VectorStore(folder, facts)
    store.put(texts, *vectors_of(texts))
    assert store.closed is None
    return store


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def test_what_was_put_comes_back_in_the_order_asked_and_nothing_else(tmp_path: Path) -> None:
    filled(tmp_path)
    vectors, cut = vectors_of(TEXTS)
    asked = ["unknown", TEXTS[30], TEXTS[2], "also unknown", TEXTS[49]]
    rows, found, was_cut = VectorStore(tmp_path, FACTS).get(asked)
    assert rows.tolist() == [1, 2, 4]
    assert found.dtype == np.float16 and np.array_equal(found, vectors[[30, 2, 49]])
    assert np.array_equal(was_cut, cut[[30, 2, 49]])


@pytest.mark.parametrize("other", [{"model": "b", "threads": 1}, {"model": "a", "threads": 2}, {"model": "a"}])
def test_other_facts_find_nothing(tmp_path: Path, other: dict[str, Any]) -> None:
    filled(tmp_path)
    rows, found, was_cut = VectorStore(tmp_path, other).get(TEXTS)
    assert len(rows) == len(found) == len(was_cut) == 0


def test_the_code_of_every_precision_decides_what_is_kept() -> None:
    assert {"precision.py", "int8.py", "kernels.py"} <= {file.name for file in source_files(*keep.CODE)}


def test_an_empty_store_has_nothing_and_writes_nothing(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "store", FACTS)
    assert store.same_in_company() is None and not len(store.get(TEXTS)[0])
    store.put([], *vectors_of([]))
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("damage", ["cut short", "empty", "a bit turned", "another file", "gone"])
def test_a_damaged_file_counts_as_missing_and_is_made_again(tmp_path: Path, damage: str) -> None:
    store = filled(tmp_path)
    store.put(["one more"], *vectors_of(["one more"]))
    known = {len(VectorStore(tmp_path, FACTS).get([text])[0]) for text in (*TEXTS, "one more")}
    assert known == {1}
    file = max(files(tmp_path), key=lambda one: one.stat().st_size)
    content = bytearray(file.read_bytes())
    if damage == "a bit turned":
        content[-5] ^= 4
    file.write_bytes({"cut short": content[:-7], "empty": b"", "another file": b"text"}.get(damage, content))
    if damage == "gone":
        file.unlink()
    again = VectorStore(tmp_path, FACTS)
    assert again.get([*TEXTS, "one more"])[0].tolist() == [len(TEXTS)]
    again.put(TEXTS, *vectors_of(TEXTS))
    assert np.array_equal(again.get(TEXTS)[1], vectors_of(TEXTS)[0])
    assert np.array_equal(VectorStore(tmp_path, FACTS).get(TEXTS)[1], vectors_of(TEXTS)[0])


def test_a_reader_sees_what_another_writes_and_survives_its_deletions(tmp_path: Path) -> None:
    reader = VectorStore(tmp_path, FACTS)
    assert not len(reader.get(TEXTS)[0])
    filled(tmp_path)
    assert len(reader.get(TEXTS)[0]) == len(TEXTS)
    for file in files(tmp_path):
        file.unlink()
    assert not len(reader.get(TEXTS)[0])


def test_two_writers_of_the_same_texts_leave_one_file(tmp_path: Path) -> None:
    filled(tmp_path)
    filled(tmp_path, texts=TEXTS[::-1][:50])
    assert len(files(tmp_path)) == 1


def test_the_folder_used_longest_ago_makes_room_and_what_is_not_ours_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []
    for name in "abc":
        filled(tmp_path, {"model": name}).remember(True)
        folders += {file.parent for file in files(tmp_path)} - set(folders)
    oldest, middle, newest = folders
    (oldest / "mine.txt").write_text("the user's")
    for number, folder in enumerate(folders):
        os.utime(folder, (1000 + number, 1000 + number))
    size = sum(file.stat().st_size for file in oldest.iterdir() if file.suffix == ".safetensors")
    monkeypatch.setattr(vector_store, "LIMIT", 4 * size - size // 2)
    assert VectorStore(tmp_path, {"model": "b"}).same_in_company()  # used now
    filled(tmp_path, {"model": "d"})
    assert [file.name for file in oldest.iterdir()] == ["mine.txt"]
    assert files(middle) and files(newest)
    (oldest / "mine.txt").unlink()
    os.utime(newest, (2000, 2000))
    filled(tmp_path, {"model": "e"})
    assert not newest.exists() and files(middle)


def test_a_store_that_one_model_fills_takes_no_more_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path)
    monkeypatch.setattr(vector_store, "LIMIT", 100)
    store.put(["one more"], *vectors_of(["one more"]))
    assert "fill the store" in str(store.closed) and len(files(tmp_path)) == 1
    assert len(store.get(TEXTS)[0]) == len(TEXTS)


def test_a_folder_that_cannot_be_written_keeps_nothing_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    store = VectorStore(tmp_path / "store", FACTS)
    store.put(TEXTS, *vectors_of(TEXTS))
    assert store.closed is not None and (tmp_path / "store").read_text() == "a file"
    assert not len(store.get(TEXTS)[0])


@pytest.mark.parametrize("content", ["", "[]", '{"facts": {}, "same in company": true}', '{"facts": 3'])
def test_what_is_remembered_of_other_facts_or_damaged_is_asked_again(tmp_path: Path, content: str) -> None:
    store = VectorStore(tmp_path, FACTS)
    for same in (True, False):
        store.remember(same)
        assert VectorStore(tmp_path, FACTS).same_in_company() is same
    next(tmp_path.rglob("facts.json")).write_text(content)
    assert VectorStore(tmp_path, FACTS).same_in_company() is None
