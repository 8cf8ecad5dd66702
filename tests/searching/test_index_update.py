"""Updates in place: what they change, what they keep, and when an index is written anew."""

import numpy as np
import pytest
from made import documents_of, make_index, model_of, unit_vectors

from babelmix.common.errors import UserError
from babelmix.searching import update
from babelmix.searching.build import PassageEncoder, index_vectors
from babelmix.searching.documents import Document
from babelmix.searching.index import SearchIndex
from babelmix.searching.means import offsets_of


class Known:
    """An encoder that knows the vector of each text, and counts what it encodes."""

    def __init__(self, documents, vectors, fingerprint="0" * 64):
        self.vectors = {d.passage: v for d, v in zip(documents, vectors, strict=True)}
        self.encoded = 0
        self.encoder = PassageEncoder(model_of(fingerprint=fingerprint), self.run)

    def run(self, texts):
        self.encoded += len(texts)
        return np.array([self.vectors[text] for text in texts])


def same(index, other):
    """Two indexes find the same with the same scores, moved or not."""
    queries = unit_vectors(5, seed=77)
    for options in ({}, {"shift": 0.5}, {"equal_share": True}):
        one, two = ([[(h.id, h.text, h.score, h.language) for h in hits] for hits in i.search(queries, 200, **options)]
                    for i in (index, other))  # fmt: skip
        assert one == two


def test_an_index_that_grew_is_one_that_was_made_at_once(tmp_path):
    documents, vectors = documents_of(120), unit_vectors(120)
    index_vectors(documents[:50], vectors[:50], model_of(), tmp_path / "grown")
    known = Known(documents, vectors)
    assert update.add_documents(tmp_path / "grown", documents[50:100], known.encoder) == update.Added(50, 0, 0)
    assert update.add_documents(tmp_path / "grown", documents[100:], known.encoder) == update.Added(20, 0, 0)
    index_vectors(documents, vectors, model_of(), tmp_path / "once")
    grown, once = SearchIndex.open(tmp_path / "grown", check=True), SearchIndex.open(tmp_path / "once")
    assert len(grown.record.segments) == 3 and dict(grown.languages) == dict(once.languages)
    same(grown, once)


def test_the_means_follow_an_update_bit_for_bit(tmp_path):
    documents, vectors = documents_of(120), unit_vectors(120)
    index_vectors(documents, vectors, model_of(), tmp_path / "index")
    update.delete_ids(tmp_path / "index", [f"d{n}" for n in range(0, 20)])
    index_vectors(documents[20:], vectors[20:], model_of(), tmp_path / "once")
    found = [
        offsets_of(i.folder, i.record, i.codes, i.live)[[*map(i.record.languages.index, ("de", "en", "fr"))]]
        for i in (SearchIndex.open(tmp_path / "index"), SearchIndex.open(tmp_path / "once"))
    ]
    assert np.array_equal(*found)


def test_a_document_with_a_known_id_replaces_the_old_one(tmp_path):
    make_index(tmp_path / "index", 40)
    later = [Document("d3", "another text", None, "en"), *documents_of(2)]
    known = Known(later, unit_vectors(3, seed=8))
    assert update.add_documents(tmp_path / "index", later, known.encoder) == update.Added(0, 1, 2)
    assert known.encoded == 1, "what stands there already is not encoded"
    index = SearchIndex.open(tmp_path / "index")
    assert len(index) == 40
    assert index.document(index.rows_of(["d3"])["d3"]).text == "another text"


def test_deleted_documents_are_not_found_and_unknown_ids_are_told(tmp_path):
    _, vectors = make_index(tmp_path / "index", 40)
    assert update.delete_ids(tmp_path / "index", ["d1", "d2", "nope"]) == (2, ("nope",))
    index = SearchIndex.open(tmp_path / "index")
    assert len(index) == 38
    assert not {"d1", "d2"} & {hit.id for hit in index.search(vectors[1:2], 40)[0]}
    assert index.ranks(vectors[1], ["d1", "d4"]).keys() == {"d4"}
    assert max(index.ranks(vectors[1], [f"d{n}" for n in range(40)]).values()) == 38


def test_an_index_of_many_deleted_rows_is_written_anew(tmp_path):
    documents, vectors = make_index(tmp_path / "index", 40)
    update.delete_ids(tmp_path / "index", [f"d{n}" for n in range(12)])
    index = SearchIndex.open(tmp_path / "index", check=True)
    assert index.record.rows == len(index) == 28
    index_vectors(documents[12:], vectors[12:], model_of(), tmp_path / "once")
    same(index, SearchIndex.open(tmp_path / "once"))
    names = {file.name for file in (tmp_path / "index").iterdir()}
    assert len([name for name in names if name.startswith("vectors-")]) == 1, names


def test_an_index_of_many_segments_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(update, "SEGMENTS", 3)
    documents, vectors = documents_of(40), unit_vectors(40)
    index_vectors(documents[:20], vectors[:20], model_of(), tmp_path / "index")
    for start in (20, 30):
        update.add_documents(tmp_path / "index", documents[start : start + 10], Known(documents, vectors).encoder)
    assert len(SearchIndex.open(tmp_path / "index").record.segments) == 1


def test_all_may_be_deleted_and_added_again(tmp_path):
    documents, vectors = make_index(tmp_path / "index", 8)
    update.delete_ids(tmp_path / "index", [d.id for d in documents])
    assert SearchIndex.open(tmp_path / "index").search(vectors[:1], 3) == [[]]
    assert SearchIndex.open(tmp_path / "index").search(vectors[:1], 3, shift=0.5, equal_share=True) == [[]]
    update.add_documents(tmp_path / "index", documents, Known(documents, vectors).encoder)
    assert len(SearchIndex.open(tmp_path / "index")) == 8


def test_an_open_index_stays_as_it_was_opened(tmp_path):
    documents, vectors = make_index(tmp_path / "index", 40)
    index, other = SearchIndex.open(tmp_path / "index"), SearchIndex.open(tmp_path / "index")
    before = [index.search(vectors[:3], 5, shift=shift) for shift in (0.0, 0.5)]
    update.delete_ids(tmp_path / "index", [d.id for d in documents[:20]])  # writes it anew
    assert [other.search(vectors[:3], 5, shift=shift) for shift in (0.0, 0.5)] == before
    assert other.ranks(vectors[0], ["d0", "d39"])["d0"] == 1


def test_vectors_of_another_model_are_refused(tmp_path):
    make_index(tmp_path / "index", 40)
    before = {file.name: file.read_bytes() for file in (tmp_path / "index").iterdir()}
    other = Known([], [], fingerprint="1" * 64)
    with pytest.raises(UserError, match="made with another model, models/small"):
        update.add_documents(tmp_path / "index", documents_of(1), other.encoder)
    assert {file.name: file.read_bytes() for file in (tmp_path / "index").iterdir()} == before


def test_an_update_that_fails_leaves_nothing(tmp_path):
    make_index(tmp_path / "index", 40)
    before = {file.name: file.read_bytes() for file in (tmp_path / "index").iterdir()}
    wrong = PassageEncoder(model_of(), lambda texts: np.zeros((len(texts), 16), np.float16))
    with pytest.raises(UserError, match="zero vector"):
        update.add_documents(tmp_path / "index", [Document("x", "x")], wrong)
    assert {file.name: file.read_bytes() for file in (tmp_path / "index").iterdir()} == before
    assert list(tmp_path.iterdir()) == [tmp_path / "index"]
