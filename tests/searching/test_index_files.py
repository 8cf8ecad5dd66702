"""An index on disk: what is no index, what is damaged, what is of another version, and who may write."""

import json
import multiprocessing
import shutil

import numpy as np
import pytest
from made import make_index, model_of, unit_vectors

from babelmix.common.errors import UserError
from babelmix.common.outputs import MANIFEST, claim_folder
from babelmix.searching import update
from babelmix.searching.build import index_vectors
from babelmix.searching.documents import Document
from babelmix.searching.index import SearchIndex
from babelmix.searching.record import read_record, sweep


@pytest.fixture
def index(tmp_path):
    make_index(tmp_path / "index", 30)
    return tmp_path / "index"


def test_the_same_passages_give_the_same_bytes(index, tmp_path):
    make_index(tmp_path / "again", 30)
    for file in index.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_every_file_that_is_cut_is_one_line(index, tmp_path):
    for file in sorted(index.iterdir()):
        copy = tmp_path / "copy"
        shutil.copytree(index, copy)
        if size := file.stat().st_size:
            with (copy / file.name).open("r+b") as stream:
                stream.truncate(size // 2)
            with pytest.raises(UserError):
                SearchIndex.open(copy)
        (copy / file.name).unlink()
        with pytest.raises(UserError):
            SearchIndex.open(copy)
        shutil.rmtree(copy)


def test_every_file_with_another_byte_is_one_line_where_all_are_compared(index):
    for file in sorted(set(index.iterdir()) - {index / MANIFEST}):
        before = file.read_bytes()
        file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        with pytest.raises(UserError, match=file.name):
            SearchIndex.open(index, check=True)
        file.write_bytes(before)
    SearchIndex.open(index, check=True)


def change(index, **facts):
    """Write other facts into the record, and its new size into the manifest."""
    record = index / "record-000001.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | facts))
    manifest = json.loads((index / MANIFEST).read_text())
    manifest["files"][record.name]["size"] = record.stat().st_size
    (index / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"version": 2}, "an index of version 2; this babelmix reads version 1"),
        ({"version": "new"}, 'an index of version "new"'),
        ({"segments": []}, "segments"),
        ({"segments": [{"number": 1, "rows": 31}]}, "not the array that belongs here"),
        ({"languages": []}, "a language that the index does not name"),
        ({"lists": {"lists": 4}}, "lists"),
        ({"secret": 1}, "secret"),
    ],
    ids=["version", "version-text", "no-segments", "rows", "languages", "lists", "unknown"],
)
def test_an_index_that_says_other_things_is_one_line(index, facts, what):
    change(index, **facts)
    with pytest.raises(UserError, match=what):
        SearchIndex.open(index)


def test_what_is_no_index_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for name, what in (("file", "an index is a folder"), ("folder", "not an index"), ("missing", "no such index")):
        with pytest.raises(UserError, match=what):
            SearchIndex.open(tmp_path / name)
    with pytest.raises(UserError, match="no such index"):
        update.delete_ids(tmp_path / "missing", ["a"])
    assert not [file.name for file in tmp_path.iterdir() if file.name not in ("file", "folder")]


def test_no_document_makes_no_index(tmp_path):
    with pytest.raises(UserError, match="no document to index"):
        index_vectors([], np.empty((0, 16), np.float16), model_of(), tmp_path / "index")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_index_is_not_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="did not write"):
        make_index(tmp_path / "mine", 3)
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_an_update_leaves_foreign_files_alone(index):
    (index / "notes.txt").write_text("mine")
    update.delete_ids(index, ["d1"])
    assert (index / "notes.txt").read_text() == "mine"


def test_leftovers_are_no_part_and_go_with_the_next_update(index):
    (index / "vectors-000009.npy").write_bytes(b"half")
    (index / "deleted-000002.npy").write_bytes(b"half")
    assert len(SearchIndex.open(index)) == 30
    sweep(index)
    claim_folder(index)
    assert read_record(index).number == 1


def test_an_update_is_a_folder_that_babelmix_wrote(index):
    update.delete_ids(index, ["d1"])
    claim_folder(index)
    make_index(index, 5)
    assert len(SearchIndex.open(index, check=True)) == 5


def _delete(folder, ids):
    for name in ids:
        update.delete_ids(folder, [name])


def test_two_writers_wait_for_each_other(index, tmp_path):
    spawn = multiprocessing.get_context("fork")
    others = [spawn.Process(target=_delete, args=(index, [f"d{n}" for n in range(start, 6, 2)])) for start in (0, 1)]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
    assert [other.exitcode for other in others] == [0, 0]
    assert len(SearchIndex.open(index, check=True)) == 24
    assert list(tmp_path.iterdir()) == [index]


def test_ids_and_texts_of_any_signs_come_back(tmp_path):
    documents = [Document(f"é{n}\u4e2d", "" if n == 0 else "\U0001f600 " * n, "t", None) for n in range(12)]
    index_vectors(documents, unit_vectors(12), model_of(), tmp_path / "index")
    index = SearchIndex.open(tmp_path / "index")
    assert [index.document(row) for row in range(12)] == documents
    assert index.rows_of([d.id for d in documents]) == {d.id: n for n, d in enumerate(documents)}
