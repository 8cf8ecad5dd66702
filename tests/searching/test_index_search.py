"""What an index finds, against sorting all scores: filters, equal shares, shifts, ranks and standings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import documents_of, make_index, model_of, unit_vectors

from babelmix.common.errors import UserError
from babelmix.retrieval.language_means import LanguageRows, language_means
from babelmix.retrieval.search import search
from babelmix.searching.build import index_vectors
from babelmix.searching.index import SearchIndex


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "index"
    documents, vectors = make_index(folder, 200)
    return SearchIndex.open(folder), documents, vectors


def moved(documents, vectors, shift):
    """The vectors moved by brute force, float16 as `Moved` gives them."""
    known = [d.language for d in documents]
    means = {lang: vectors[[k == lang for k in known]].astype(np.float64).mean(axis=0) for lang in set(known) - {None}}
    overall = np.mean([means[lang] for lang in sorted(means)], axis=0)
    rows = vectors.astype(np.float64)
    for row, lang in enumerate(known):
        if lang is not None and shift:
            rows[row] += shift * (overall - means[lang])
            rows[row] /= np.linalg.norm(rows[row])
    return rows.astype(np.float16)


def order_of(query, vectors, rows):
    scores = (query.astype(np.float64) @ vectors.astype(np.float64).T).astype(np.float32)
    return sorted(rows, key=lambda row: (-scores[row], row)), scores


def test_hits_are_those_of_exact_search(made):
    index, documents, vectors = made
    queries = unit_vectors(20, seed=5)
    best = search(queries, vectors, 10)
    for hits, rows, scores in zip(index.search(queries, 10), best.passage, best.score, strict=True):
        assert [hit.id for hit in hits] == [documents[row].id for row in rows]
        assert [hit.score for hit in hits] == scores.tolist()
        assert [hit.rank for hit in hits] == list(range(1, 11))


def test_a_hit_carries_its_document(made):
    index, documents, vectors = made
    for row in (0, 1, 3):
        hit = index.search(vectors[row : row + 1], 1)[0][0]
        own = documents[row]
        assert (hit.id, hit.text, hit.title, hit.language) == (own.id, own.text, own.title, own.language)


@given(st.sampled_from([0.0, 0.5, 1.0]), st.integers(1, 40), st.sets(st.sampled_from(["de", "en", "fr"]), min_size=1))
def test_filters_and_shifts_are_those_of_brute_force(made, shift, k, languages):
    index, documents, vectors = made
    query = unit_vectors(1, seed=k)[0]
    rows = [row for row, d in enumerate(documents) if d.language in languages]
    order, scores = order_of(query, moved(documents, vectors, shift), rows)
    hits = index.search(query[None], k, languages=languages, shift=shift)[0]
    assert [hit.id for hit in hits] == [documents[row].id for row in order[:k]]
    assert np.array_equal([hit.score for hit in hits], scores[order[:k]])


@given(st.sampled_from([0.0, 0.5]), st.integers(1, 30))
def test_each_language_gets_as_many_hits(made, shift, k):
    index, documents, vectors = made
    query = unit_vectors(1, seed=k)[0]
    hits = index.search(query[None], k, equal_share=True, shift=shift)[0]
    counts = [sum(hit.language == lang for hit in hits) for lang in ("de", "en", "fr")]
    assert sum(counts) == len(hits) == k
    assert max(counts) - min(counts) <= 1
    rows = moved(documents, vectors, shift)
    for lang, count in zip(("de", "en", "fr"), counts, strict=True):
        order, _ = order_of(query, rows, [row for row, d in enumerate(documents) if d.language == lang])
        assert [hit.id for hit in hits if hit.language == lang] == [documents[row].id for row in order[:count]]
    assert [(hit.language_rank, -hit.score) for hit in hits] == sorted((hit.language_rank, -hit.score) for hit in hits)


def test_the_rank_in_its_language_is_that_among_all_its_passages(made):
    index, documents, vectors = made
    query = unit_vectors(1, seed=9)
    for hit in index.search(query, 50)[0]:
        own = [row for row, d in enumerate(documents) if d.language == hit.language]
        order, _ = order_of(query[0], vectors, own)
        assert documents[order[hit.language_rank - 1]].id == hit.id


def test_a_standing_counts_standard_deviations_in_its_language(made):
    index, documents, vectors = made
    query = unit_vectors(1, seed=9)[0]
    scores = query.astype(np.float64) @ vectors.astype(np.float64).T
    for hit in index.search(query[None], 5)[0]:
        own = scores[[d.language == hit.language for d in documents]]
        assert hit.standing == pytest.approx((hit.score - own.mean()) / own.std(), abs=1e-3)


@pytest.mark.parametrize("shift", [0.0, 0.75])
def test_ranks_are_exact(made, shift):
    index, documents, vectors = made
    query = unit_vectors(1, seed=11)[0]
    order, _ = order_of(query, moved(documents, vectors, shift), range(len(documents)))
    ids = [d.id for d in documents[::7]]
    found = index.ranks(query, [*ids, "no such id"], shift=shift)
    assert found == {name: 1 + [documents[row].id for row in order].index(name) for name in ids}


def test_the_means_are_those_of_the_study(made, tmp_path):
    """Without passages in no known language, a shift is that of `shift-index`."""
    documents = documents_of(90, languages=("de", "en", "fr"))
    vectors = unit_vectors(90)
    index_vectors(documents, vectors, model_of(), tmp_path / "index")
    index = SearchIndex.open(tmp_path / "index")
    from babelmix.searching.means import offsets_of

    means = language_means(LanguageRows.of(vectors, [d.language for d in documents]))
    found = offsets_of(index.folder, index.record, index.codes, index.live)
    for code, lang in enumerate(index.record.languages):
        assert np.array_equal(found[code], means.overall - means.of(lang))


def test_what_an_index_says_of_itself(made):
    index, _, _ = made
    assert dict(index.languages) == {"de": 50, "en": 50, "fr": 50}
    assert len(index) == 200
    assert index.model == "models/small"


@pytest.mark.parametrize(
    ("options", "what"),
    [({"languages": ["xx"]}, "unknown language 'xx'"), ({"shift": 1.5}, "a shift of 1.5")],
    ids=["language", "shift"],
)
def test_options_that_make_no_sense_are_refused(made, options, what):
    with pytest.raises(UserError, match=what):
        made[0].search(unit_vectors(1), 3, **options)


def test_queries_of_another_width_are_refused(made):
    with pytest.raises(UserError, match="16 dimensions"):
        made[0].search(unit_vectors(1, 8), 3)
