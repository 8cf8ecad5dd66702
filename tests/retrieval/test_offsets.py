"""Mean offsets: every form against a loop of ten lines, what a mean is taken of, and what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.common.hashing import hash_order
from babelmix.retrieval.language_means import LanguageMeans, LanguageRows, Means, common_mean, language_means
from babelmix.retrieval.offsets import STRENGTHS, TRAINING, TRANSDUCTIVE, Moved, means_of_index, move, past_questions
from babelmix.retrieval.scorers import CosineScorer

LANGUAGES = ("de", "en", "zh")
FORMS = (*TRAINING, *TRANSDUCTIVE)
Vectors = NDArray[np.float16]


def made(rng: np.random.Generator, spoken: list[str], width: int = 24) -> Vectors:
    """Unit vectors of random texts, each near the place of its language."""
    tongue = {lang: rng.normal(size=width) for lang in sorted(set(spoken))}
    rows = np.array([tongue[lang] + rng.normal(size=width) for lang in spoken])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def spoken_in(*counts: int) -> list[str]:
    return [lang for lang, count in zip(LANGUAGES, counts, strict=False) for _ in range(count)]


def slow(
    name: str, strength: float, queries: Vectors, asked: list[str], passages: Vectors, spoken: list[str],
    training: Means,
) -> list[list[NDArray[np.float64]]]:  # fmt: skip
    """The definition, a text at a time. Every language here has more than ten passages."""
    own = {lang: np.mean([row for row, of in zip(passages, spoken, strict=True) if of == lang], axis=0, dtype=float)
           for lang in set(spoken)}  # fmt: skip
    m = sum(own.values()) / len(own)
    past = sorted(range(len(queries)), key=lambda row: hash_order(f"q{row}"))[:100]
    a = np.mean(queries[past], axis=0, dtype=float)
    of_queries, of_passages = training.queries, training.passages
    offsets: dict[str, Any] = {
        "shift": (lambda x: of_queries.overall - of_queries.of(x), lambda x: of_passages.overall - of_passages.of(x)),
        "centre": (lambda x: -of_queries.of(x), lambda x: -of_passages.of(x)),
        "shift-index": (lambda _: 0 * m, lambda x: m - own[x]),
        "centre-index": (lambda _: -m, lambda x: -own[x]),
        "centre-asked": (lambda _: -a, lambda x: -own[x]),
    }
    found: list[list[NDArray[np.float64]]] = []
    for rows, languages, offset in zip((queries, passages), (asked, spoken), offsets[name], strict=True):
        moved = [row.astype(float) + strength * offset(lang) for row, lang in zip(rows, languages, strict=True)]
        found.append([row / np.linalg.norm(row) for row in moved])
    return found


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_each_form_is_its_definition(name: str, strength: float) -> None:
    rng = np.random.default_rng(1)
    spoken, asked = spoken_in(40, 25, 11), spoken_in(60, 80)
    passages, queries = made(rng, spoken), made(rng, asked)
    training = Means(*(language_means(LanguageRows.of(made(rng, spoken), spoken)) for _ in range(2)))
    texts = LanguageRows.of(queries, asked), LanguageRows.of(passages, spoken)
    index = means_of_index(texts[1], queries, [f"q{row}" for row in range(len(queries))])
    means = training if name in TRAINING else index[name]
    found = move(name, means, strength, *texts)
    for rows, expected in zip(found, slow(name, strength, queries, asked, passages, spoken, training), strict=True):
        assert rows[:].dtype == np.float16
        np.testing.assert_allclose(rows[:].astype(float), np.array(expected), atol=1e-3)
    if name == "shift-index":
        assert found[0][:].tobytes() == queries.tobytes()  # queries are untouched


@st.composite
def problems(draw: st.DrawFn) -> tuple[Vectors, list[str], np.random.Generator]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spoken = spoken_in(*(draw(st.integers(0 if number else 1, 30)) for number in range(3)))
    return made(rng, spoken, 12), spoken, rng


@given(problems(), st.sampled_from(FORMS))
def test_strength_zero_changes_no_byte(problem: tuple[Vectors, list[str], np.random.Generator], name: str) -> None:
    vectors, spoken, rng = problem
    texts = LanguageRows.of(vectors, spoken)
    queries = LanguageRows.of(made(rng, spoken, 12), spoken)
    index = means_of_index(texts, queries.rows, [str(row) for row in range(len(spoken))])
    means = Means(language_means(queries), language_means(texts))
    for rows, texts_before in zip(
        move(name, index.get(name, means), 0.0, queries, texts), (queries, texts), strict=True
    ):
        assert rows[:].tobytes() == texts_before.rows[:].tobytes()


@given(problems())
def test_the_order_of_the_rows_changes_no_bit_of_a_mean(
    problem: tuple[Vectors, list[str], np.random.Generator],
) -> None:
    vectors, spoken, rng = problem
    order = rng.permutation(len(spoken))
    one = language_means(LanguageRows.of(vectors, spoken))
    other = language_means(LanguageRows.of(vectors[order], [spoken[row] for row in order]))
    assert one.by_language.keys() == other.by_language.keys() == {x for x in spoken if spoken.count(x) > 10}
    for lang in LANGUAGES:
        assert one.of(lang).tobytes() == other.of(lang).tobytes()
    # and the rows move with their order
    moved = [
        move("centre", Means(means, means), 1.0, texts, texts)[1][:]
        for means, texts in (
            (one, LanguageRows.of(vectors, spoken)),
            (other, LanguageRows.of(vectors[order], [spoken[row] for row in order])),
        )
    ]
    assert moved[0][order].tobytes() == moved[1].tobytes()


@given(problems())
def test_shift_takes_each_language_to_the_centre_of_all_and_keeps_the_centre(
    problem: tuple[Vectors, list[str], np.random.Generator],
) -> None:
    vectors, spoken, _ = problem
    means = language_means(LanguageRows.of(vectors, spoken))
    before = {lang: vectors[np.array(spoken) == lang].astype(float) for lang in means.by_language}
    after = {lang: rows + means.overall - means.of(lang) for lang, rows in before.items()}  # not yet normalised
    for rows in after.values():
        np.testing.assert_allclose(rows.mean(axis=0), means.overall, atol=1e-12)
    if before:
        centre = np.mean([rows.mean(axis=0) for rows in after.values()], axis=0)
        np.testing.assert_allclose(centre, np.mean([rows.mean(axis=0) for rows in before.values()], axis=0), atol=1e-12)


def test_blocks_of_any_size_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = spoken_in(300, 20, 40)
    texts = LanguageRows.of(made(np.random.default_rng(2), spoken), spoken)
    whole = language_means(texts)
    moved = Moved(texts, -np.array([whole.of(lang) for lang in texts.languages]))
    for size in (1, 7, 64):
        monkeypatch.setattr("babelmix.retrieval.language_means.BLOCK", size)
        for lang in LANGUAGES:
            assert language_means(texts).of(lang).tobytes() == whole.of(lang).tobytes()
        parts = [moved[start : start + size] for start in range(0, len(spoken), size)]
        assert np.concatenate(parts).tobytes() == moved[:].tobytes()
    rows = np.array([3, 3, 301, 350])
    assert moved[rows].tobytes() == moved[:][rows].tobytes()


def test_scores_of_moved_rows_are_those_of_a_copy() -> None:
    spoken = spoken_in(50, 30)
    texts = LanguageRows.of(made(np.random.default_rng(3), spoken), spoken)
    index = means_of_index(texts, texts.rows, spoken)
    queries, passages = move("centre-index", index["centre-index"], 0.5, texts, texts)
    every = np.arange(80)
    lazy, copied = CosineScorer(queries, passages), CosineScorer(queries[:], passages[:])
    assert lazy.score_block(slice(0, 80))(every).tobytes() == copied.score_block(slice(0, 80))(every).tobytes()
    assert lazy.pairs(every, every[::-1]).tobytes() == copied.pairs(every, every[::-1]).tobytes()


def test_ten_passages_have_no_mean_and_eleven_have_one() -> None:
    spoken = spoken_in(30, 11, 10)
    vectors = made(np.random.default_rng(4), spoken)
    found = language_means(LanguageRows.of(vectors, spoken))
    assert sorted(found.by_language) == ["de", "en"] and found.lacking([*LANGUAGES, "ar"]) == ("ar", "zh")
    np.testing.assert_array_equal(found.of("zh"), (found.of("de") + found.of("en")) / 2)
    # such a language stays where it is under shift, and centre takes off what all languages share
    texts = LanguageRows.of(vectors, spoken)
    shifted, centred = (move(name, Means(found, found), 1.0, texts, texts)[1][:] for name in TRAINING)
    assert shifted[41:].tobytes() == vectors[41:].tobytes() and shifted[:41].tobytes() != vectors[:41].tobytes()
    expected = vectors[41:].astype(float) - found.overall
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(centred[41:].astype(float), expected, atol=1e-3)


def test_an_index_without_a_mean_of_any_language_has_that_of_all_its_passages() -> None:
    spoken = spoken_in(4, 6)
    vectors = made(np.random.default_rng(5), spoken)
    found = language_means(LanguageRows.of(vectors, spoken))
    assert found.by_language == {}
    np.testing.assert_allclose(found.overall, vectors.mean(axis=0, dtype=float), atol=1e-12)


def test_shift_of_an_index_of_one_language_changes_no_byte_and_centring_does() -> None:
    spoken = spoken_in(40)
    texts = LanguageRows.of(made(np.random.default_rng(6), spoken), spoken)
    index = means_of_index(texts, texts.rows, [str(row) for row in range(40)])
    for name, same in (("shift-index", True), ("centre-index", False), ("centre-asked", False)):
        queries, passages = move(name, index[name], 1.0, texts, texts)
        assert (passages[:].tobytes() == texts.rows[:].tobytes()) == same
        assert (queries[:].tobytes() == texts.rows[:].tobytes()) == same


def test_the_hundred_past_questions_are_those_with_the_lowest_hash() -> None:
    ids = [f"de:{number}" for number in range(250)]
    rows = past_questions(ids)
    hashes = sorted(hash_order(id_) for id_ in ids)
    assert len(rows) == 100 and (np.diff(rows) > 0).all()
    assert {hash_order(ids[row]) for row in rows} == set(hashes[:100])
    assert past_questions(ids[:7]).tolist() == list(range(7))


def test_vectors_of_another_width_are_refused() -> None:
    texts = LanguageRows.of(made(np.random.default_rng(7), spoken_in(12)), spoken_in(12))
    wide = common_mean(made(np.random.default_rng(7), spoken_in(12), 32))
    with pytest.raises(UserError) as caught:
        move("shift", Means(wide, wide), 1.0, texts, texts, where="vectors")
    assert str(caught.value) == (
        "vectors: vectors of 24 dimensions, means of 32; estimate the means with the same model"
    )


@pytest.mark.parametrize(
    ("value", "says"), [(np.nan, "a number that is not finite"), (np.inf, "a number that is not finite"), (0, "zero")]
)
def test_a_row_that_is_no_unit_vector_is_refused_with_its_number(value: float, says: str) -> None:
    spoken = spoken_in(20, 20)
    vectors = made(np.random.default_rng(8), spoken)
    sound = language_means(LanguageRows.of(vectors, spoken))
    vectors[33] = value
    texts = LanguageRows.of(vectors, spoken)
    with pytest.raises(UserError, match=f"v, row 33: .*{says}"):
        language_means(texts, where="v")
    _, passages = move("centre", Means(sound, sound), 1.0, texts, texts, where="v")
    for read in (slice(30, 40), np.array([2, 33])):
        with pytest.raises(UserError, match=f"v, passages, row 33: .*{says}"):
            passages[read]


def test_a_vector_that_is_its_own_mean_stays_where_it_is() -> None:
    vectors = np.eye(4, dtype=np.float16)[[0] * 12 + [1]]
    texts = LanguageRows.of(vectors, ["de"] * 13)
    means = LanguageMeans({}, np.eye(4)[0])
    for strength in (0.75, 1.0):
        passages = move("centre", Means(means, means), strength, texts, texts)[1]
        assert passages[:12].tobytes() == vectors[:12].tobytes() and passages[12:].tobytes() != vectors[12:].tobytes()


def test_numbers_of_rows_and_languages_must_fit() -> None:
    with pytest.raises(UserError, match="12 rows and 11 languages"):
        LanguageRows.of(np.ones((12, 4)), ["de"] * 11)
    with pytest.raises(UserError, match="no text to take the mean of"):
        language_means(LanguageRows.of(np.ones((0, 4)), []))
