"""BM25 scores equal those of the library and of the formula."""

from math import log

import numpy as np
import pytest
from bm25s import BM25
from hypothesis import given
from hypothesis import strategies as st

from babelmix.benchmarks.benchmark import Benchmark, Passage, Query
from babelmix.retrieval.bm25 import K1, B, Bm25Scorer, words


def make_benchmark(queries, passages):
    """Queries are texts, passages are (language, text); rows in the order given."""
    return Benchmark(
        "toy",
        tuple(Query(f"q{i:03}", f"question{i:03}", "en", text) for i, text in enumerate(queries)),
        tuple(Passage(f"p{i:03}", lang, text, "context is not read") for i, (lang, text) in enumerate(passages)),
        (),
    )


def all_scores(benchmark):
    return Bm25Scorer.build(benchmark).score_block(slice(0, len(benchmark.passages)))(np.arange(len(benchmark.queries)))


def lucene(query, passage, passages):
    """BM25 as "Lucene (accurate)" in Kamphuis, de Vries, Boytsov and Lin, ECIR 2020, table 1."""
    average = sum(map(len, passages)) / len(passages)
    total = 0.0
    for word in query:
        having = sum(word in other for other in passages)
        idf = log(1 + (len(passages) - having + 0.5) / (having + 0.5))
        often = passage.count(word)
        if often:
            total += idf * often / (often + K1 * (1 - B + B * len(passage) / average))
    return total


TEXT = st.lists(st.sampled_from(["a", "b", "c", "den", "北京", "ไทย"]), max_size=7).map(" ".join)
PROBLEM = st.builds(
    make_benchmark,
    st.lists(TEXT, min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(["de", "en", "zh"]), TEXT), min_size=1, max_size=10),
)


@given(PROBLEM)
def test_scores_are_those_of_the_formula_within_each_language(benchmark):
    scores = all_scores(benchmark)
    assert scores.dtype == np.float32 and scores.shape == (len(benchmark.queries), len(benchmark.passages))
    for column, passage in enumerate(benchmark.passages):
        own = [words(other.text) for other in benchmark.passages if other.lang == passage.lang]
        expected = [lucene(words(query.text), words(passage.text), own) for query in benchmark.queries]
        np.testing.assert_allclose(scores[:, column], expected, rtol=1e-6)


def random_benchmark(rng, queries=25, passages=120):
    def text(length):
        return " ".join(f"w{int(number)}" for number in np.minimum(rng.zipf(1.3, length), 200))

    made = [(["de", "en", "sw"][i % 3], text(rng.integers(1, 40))) for i in range(passages)]
    return make_benchmark([text(12) for _ in range(queries)], made)


def test_scores_are_those_of_the_library_in_each_language():
    benchmark = random_benchmark(np.random.default_rng(1))
    scores = all_scores(benchmark)
    for lang in benchmark.languages:
        rows = [row for row, passage in enumerate(benchmark.passages) if passage.lang == lang]
        index = BM25(k1=K1, b=B, method="lucene")
        index.index([words(benchmark.passages[row].text) for row in rows], show_progress=False)
        for row, query in enumerate(benchmark.queries):
            np.testing.assert_allclose(scores[row, rows], index.get_scores(words(query.text)), rtol=2e-6, atol=1e-6)


def test_a_word_counts_as_often_as_the_query_has_it():
    once, twice = all_scores(make_benchmark(["cat", "cat cat"], [("en", "the cat sat"), ("en", "a dog")]))
    assert once[0] > 0 and twice.tolist() == (2 * once).tolist()


def test_other_languages_have_no_part_in_a_score():
    english = [("en", "the cat sat"), ("en", "the dog")]
    alone = all_scores(make_benchmark(["the cat"], english))
    beside = all_scores(make_benchmark(["the cat"], [("de", "the cat the cat and more"), *english, ("zh", "cat 北京")]))
    assert np.array_equal(alone, beside[:, 1:3]) and beside.all()


def test_a_word_in_a_language_is_found_from_any_language():
    scores = all_scores(
        make_benchmark(["Wann war Apollo?"], [("en", "apollo flew"), ("hi", "और apollo"), ("hi", "और")])
    )
    assert (scores > 0).tolist() == [[True, True, False]]


BENCHMARK = random_benchmark(np.random.default_rng(2))
SCORES, WHOLE = Bm25Scorer.build(BENCHMARK), all_scores(BENCHMARK)


@given(st.integers(0, 25), st.integers(0, 25), st.integers(0, 120), st.integers(0, 120))
def test_a_block_is_a_part_of_the_whole_bit_for_bit(first, last, left, right):
    queries, passages = slice(first, last), slice(left, right)
    assert np.array_equal(SCORES.score_block(passages)(np.arange(len(WHOLE))[queries]), WHOLE[queries, passages])


def test_passages_with_the_same_words_tie_whatever_their_order():
    rng = np.random.default_rng(3)
    mixed = [rng.permutation([f"w{i}" for i in range(30)]) for _ in range(50)]
    others = [("en", " ".join(f"w{i}" for i in range(stop))) for stop in range(1, 30)]
    queries = [" ".join(words) for words in mixed[:3]]
    scores = all_scores(make_benchmark(queries, [("en", " ".join(words)) for words in mixed] + others))
    assert len(np.unique(scores[:, :50])) == 1 and len(np.unique(scores)) == 30


def test_the_same_benchmark_gives_the_same_matrices():
    again = Bm25Scorer.build(BENCHMARK)
    for ours, theirs in ((SCORES.queries, again.queries), (SCORES.passages, again.passages)):
        for part in ("data", "indices", "indptr"):
            assert getattr(ours, part).tobytes() == getattr(theirs, part).tobytes()


def test_texts_without_words_score_nothing():
    assert not all_scores(make_benchmark(["", "cat", "?"], [("en", "..."), ("de", "")])).any()
    scores = all_scores(make_benchmark(["", "cat"], [("en", "..."), ("en", "cat"), ("de", "!")]))
    assert scores[0].tolist() == [0, 0, 0] and (scores[1] > 0).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat's THE cat, 2nd_one.", ["the", "cat", "s", "the", "cat", "2nd_one"]),
        ("ﬁle ＡＢＣ", ["file", "abc"]),  # NFKC
        ("हिन्दी में", ["हिन्दी", "में"]),  # vowel signs stay in the word
        ("العَرَبِيَّة", ["العَرَبِيَّة"]),
        ("2015年に東京タワー、行く", ["2015", "年に", "に東", "東京", "京タ", "タワ", "ワー", "行く"]),
        ("ｶﾞﾗｽ・北", ["ガラ", "ラス", "北"]),
        ("ที่นี่ กก", ["ที่นี่", "กก"]),  # a character is a letter with its marks
        ("abc北京def", ["abc", "北京", "def"]),
        ("한국어 단어", ["한국어", "단어"]),  # Korean has spaces
        (" …?", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected
