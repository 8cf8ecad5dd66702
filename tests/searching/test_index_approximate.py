"""The lists of many passages: their recall as it is said, filters, shifts, equal bytes, updates beside them."""

import numpy as np
import pytest
from made import LANGUAGES, documents_of, model_of, unit_vectors

from babelmix.searching import approximate, update
from babelmix.searching.build import PassageEncoder, index_vectors
from babelmix.searching.documents import Document
from babelmix.searching.index import SearchIndex

pytestmark = pytest.mark.slow
ROWS = 3000


def clustered(rows=ROWS, dimensions=16, seed=1):
    """Vectors in clusters, as texts have them, and the languages a little apart."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(0)
    centres = fixed.normal(size=(60, dimensions))
    own = fixed.normal(size=(len(LANGUAGES), dimensions)) * 0.5
    vectors = centres[rng.integers(60, size=rows)] + 0.6 * rng.normal(size=(rows, dimensions))
    vectors += own[np.arange(rows) % len(LANGUAGES)]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """One index with lists and one that is searched exactly, of the same passages."""
    folder, vectors = tmp_path_factory.mktemp("lists"), clustered()
    patch = pytest.MonkeyPatch()
    index_vectors(documents_of(ROWS), vectors, model_of(), folder / "exact")
    patch.setattr(approximate, "EXACT", 1000)
    patch.setattr(approximate, "SMALL", 500)  # all three languages have lists
    index_vectors(documents_of(ROWS), vectors, model_of(), folder / "lists")
    yield SearchIndex.open(folder / "lists"), SearchIndex.open(folder / "exact"), vectors
    patch.undo()


def recall(one, other):
    ids = [[{hit.id for hit in hits} for hits in found] for found in (one, other)]
    return np.mean([len(a & b) / len(b) for a, b in zip(*ids, strict=True)])


def test_the_recall_is_measured_on_queries_that_chose_nothing(both):
    facts = both[0].record.lists
    assert facts.overall.recall >= 0.98 and facts.overall.queries == 500
    assert facts.overall.probes < facts.lists == approximate.number_of_lists(ROWS)
    assert facts.by_language.keys() == {"de", "en", "fr"}
    assert all(found.recall >= 0.97 and found.queries == 50 for found in facts.by_language.values())


@pytest.mark.parametrize(
    "options",
    [{}, {"languages": ["de"]}, {"languages": ["de", "fr"]}, {"shift": 0.5}, {"shift": 1.0, "languages": ["en"]},
     {"equal_share": True}, {"equal_share": True, "shift": 0.75}],
    ids=["plain", "one-language", "two-languages", "shift", "shift-one-language", "share", "share-and-shift"],
)  # fmt: skip
def test_lists_find_what_exact_search_finds(both, options):
    lists, exact, _ = both
    queries = clustered(100, seed=2).astype(np.float32)
    one, other = lists.search(queries, 10, **options), exact.search(queries, 10, **options)
    assert recall(one, other) >= 0.98
    scores = {(n, hit.id): hit.score for n, hits in enumerate(other) for hit in hits}
    both_have = [(scores[n, hit.id], hit.score) for n, hits in enumerate(one) for hit in hits if (n, hit.id) in scores]
    assert len(both_have) > 900
    assert all(a == b for a, b in both_have), "scores are exact"


def test_the_same_passages_give_the_same_bytes(both, tmp_path, monkeypatch):
    monkeypatch.setattr(approximate, "EXACT", 1000)
    index_vectors(documents_of(ROWS), both[2], model_of(), tmp_path / "again")
    for file in both[0].folder.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_updates_stand_beside_the_lists(both, tmp_path, monkeypatch):
    monkeypatch.setattr(approximate, "EXACT", 1000)
    folder, vectors = tmp_path / "index", both[2]
    index_vectors(documents_of(ROWS), vectors, model_of(), folder)
    more = unit_vectors(40, seed=9)
    known = {f"new {n}": more[n] for n in range(40)}
    encoder = PassageEncoder(model_of(), lambda texts: np.array([known[text] for text in texts]))
    update.add_documents(folder, [Document(f"n{n}", f"new {n}", None, "de") for n in range(40)], encoder)
    update.delete_ids(folder, [f"d{n}" for n in range(0, 200)])
    index = SearchIndex.open(folder)
    assert index.record.lists is not None and len(index) == ROWS - 160
    assert [hits[0].id for hits in index.search(more, 1)] == [f"n{n}" for n in range(40)]
    found = index.search(vectors[:200], 10)
    assert not {hit.id for hits in found for hit in hits} & {f"d{n}" for n in range(200)}
    assert all(len(hits) == 10 for hits in found)


def test_many_rows_beside_the_lists_make_new_ones(both, tmp_path, monkeypatch):
    monkeypatch.setattr(approximate, "EXACT", 1000)
    folder, vectors = tmp_path / "index", clustered(2500)
    index_vectors(documents_of(1200), vectors[:1200], model_of(), folder)
    later = documents_of(1100, start=1200)
    known = {d.passage: vectors[n] for n, d in enumerate(later, start=1200)}
    update.add_documents(folder, later, PassageEncoder(model_of(), lambda texts: np.array([known[t] for t in texts])))
    index = SearchIndex.open(folder)
    assert len(index.record.segments) == 1 and index.record.segments[0].rows == 2300
    assert index.record.lists is not None
    assert [hits[0].id for hits in index.search(vectors[:2300:100], 1)] == [f"d{n}" for n in range(0, 2300, 100)]
