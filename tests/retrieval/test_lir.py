"""Language information removal: vectors lose their language's direction and their preference for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.retrieval.lir import (
    Directions,
    find_directions,
    read_directions,
    remove_directions,
    sample_pairs,
    write_directions,
)

LANGUAGES = ("de", "en", "zh")
HALF = 2e-3  # what float16 leaves open in a product of unit vectors


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embeddings(rng, languages, meanings, dimensions=24, strength=2.0):
    """All meanings in each language, as meaning + language direction: float16 [L * M, d] and its languages."""
    meaning = unit(rng.normal(size=(meanings, dimensions)))
    tongue = strength * unit(rng.normal(size=(len(languages), dimensions)))
    vectors = unit((tongue[:, None] + meaning[None]).reshape(-1, dimensions)).astype(np.float16)
    return vectors, [lang for lang in languages for _ in range(meanings)]


def nearest(vectors):
    scores = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    np.fill_diagonal(scores, -np.inf)
    return scores.argmax(axis=1)


def test_only_train_pairs_are_sampled_and_more_units_take_none_away(parallel_pairs):
    few, many = sample_pairs(parallel_pairs, 2), sample_pairs(parallel_pairs, 1000)
    assert {pair.split for pair in many} == {"train"} and set(few) <= set(many)
    train = [pair for pair in parallel_pairs if pair.split == "train"]
    assert sorted(many, key=str) == sorted(train, key=str)
    assert sorted({pair.lang for pair in few}) == sorted({pair.lang for pair in train})
    assert len(few) == 2 * len({pair.lang for pair in train})
    assert sample_pairs(parallel_pairs[::-1], 2) == few


def test_a_strong_language_direction_no_longer_decides_who_is_near():
    vectors, spoken = embeddings(np.random.default_rng(1), LANGUAGES, meanings=150)
    spoken = np.array(spoken)
    found = find_directions(vectors, spoken.tolist(), rank=1)
    before, after = nearest(vectors), nearest(remove_directions(vectors, spoken.tolist(), found))
    assert (spoken[before] == spoken).mean() > 0.95
    assert (spoken[after] != spoken).mean() > 0.95
    assert (after % 150 == np.arange(450) % 150).mean() > 0.95  # and they are the translations


def test_directions_are_singular_vectors_of_the_rows_not_centred():
    vectors, spoken = embeddings(np.random.default_rng(2), LANGUAGES, meanings=40)
    found = find_directions(vectors, spoken, rank=3)
    assert sorted(found.by_language) == sorted(LANGUAGES)
    for number, lang in enumerate(LANGUAGES):
        rows = vectors[40 * number : 40 * number + 40].astype(np.float64)
        # The eigenvectors of the second moments span the same, by another road.
        expected = np.linalg.eigh(rows.T @ rows)[1][:, -3:]
        ours = found.by_language[lang]
        assert ours.dtype == np.float32 and ours.shape == (3, 24)
        np.testing.assert_allclose(ours.T @ ours, expected @ expected.T, atol=1e-5)


def test_for_a_language_without_text_every_language_weighs_the_same():
    vectors, spoken = embeddings(np.random.default_rng(3), LANGUAGES, meanings=40)
    often = [row for row, lang in enumerate(spoken) for _ in range(9 if lang == "de" else 1)]
    level, tilted = (find_directions(vectors[rows], [spoken[row] for row in rows], 2) for rows in (range(120), often))
    np.testing.assert_allclose(level.other.T @ level.other, tilted.other.T @ tilted.other, atol=1e-5)
    moments = vectors.astype(np.float64).T @ vectors.astype(np.float64)
    expected = np.linalg.eigh(moments)[1][:, -2:]
    np.testing.assert_allclose(level.other.T @ level.other, expected @ expected.T, atol=1e-5)
    assert level.of("th") is level.other and level.of("de") is level.by_language["de"]


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    languages = LANGUAGES[: draw(st.integers(1, 3))]
    vectors, spoken = embeddings(
        rng,
        languages,
        meanings=draw(st.integers(8, 30)),
        dimensions=12,
        strength=draw(st.sampled_from([0.5, 1.0, 2.0])),
    )
    shuffled = rng.permutation(len(vectors))
    return vectors[shuffled], [spoken[row] for row in shuffled], draw(st.integers(1, 4))


@given(problems())
def test_what_remains_is_of_unit_length_and_square_to_the_directions(problem):
    vectors, spoken, rank = problem
    found = find_directions(vectors, spoken, rank)
    cleaned = remove_directions(vectors, spoken, found)
    assert cleaned.dtype == np.float16 and cleaned.shape == vectors.shape
    np.testing.assert_allclose(np.linalg.norm(cleaned.astype(np.float64), axis=1), 1, atol=HALF)
    for row, lang in enumerate(spoken):
        assert np.abs(found.by_language[lang] @ cleaned[row].astype(np.float32)).max() < HALF


@given(problems())
def test_removing_twice_is_removing_once(problem):
    vectors, spoken, rank = problem
    found = find_directions(vectors, spoken, rank)
    once = remove_directions(vectors, spoken, found)
    np.testing.assert_allclose(remove_directions(once, spoken, found).astype(float), once.astype(float), atol=HALF)


@given(problems())
def test_signs_and_names_have_no_part_in_the_result(problem):
    vectors, spoken, rank = problem
    found = find_directions(vectors, spoken, rank)
    cleaned = remove_directions(vectors, [*spoken[:-1], "th"], found)
    flipped = Directions({lang: -along for lang, along in found.by_language.items()}, -found.other)
    assert remove_directions(vectors, [*spoken[:-1], "th"], flipped).tobytes() == cleaned.tobytes()
    other_names = {"de": "vi", "en": "ar", "zh": "es"}
    renamed = [other_names[lang] for lang in spoken]
    again = remove_directions(vectors, [*renamed[:-1], "th"], find_directions(vectors, renamed, rank))
    np.testing.assert_allclose(again.astype(float), cleaned.astype(float), atol=HALF)


def test_a_language_without_text_loses_what_all_languages_share():
    rng = np.random.default_rng(4)
    common = np.zeros(24)
    common[0] = 3
    rows = unit(rng.normal(size=(300, 24)) / 5 + common).astype(np.float16)
    found = find_directions(rows[:200], ["de"] * 100 + ["en"] * 100, 1)
    assert abs(found.other[0, 0]) > 0.99
    assert np.abs(remove_directions(rows[200:], ["th"] * 100, found)[:, 0].astype(float)).max() < 0.3


@pytest.fixture
def found():
    return find_directions(*embeddings(np.random.default_rng(5), LANGUAGES, meanings=20), 2)


def test_directions_come_back_as_written_and_as_the_same_bytes(found, tmp_path):
    write_directions(tmp_path / "deep" / "a.npz", found)
    write_directions(tmp_path / "b.npz", Directions(dict(reversed(found.by_language.items())), found.other))
    assert (tmp_path / "deep" / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = read_directions(tmp_path / "b.npz")
    assert list(again.by_language) == ["de", "en", "zh"] and np.array_equal(again.other, found.other)
    for lang, along in found.by_language.items():
        assert np.array_equal(again.by_language[lang], along) and again.by_language[lang].dtype == np.float32


def test_a_missing_or_broken_file_is_told(found, tmp_path):
    file = tmp_path / "found.npz"
    with pytest.raises(UserError, match="no such file"):
        read_directions(file)
    write_directions(file, found)
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[300] ^= 1
    for broken in (b"", b"PK", b"\x80\x04junk", whole[: len(whole) // 2], bytes(changed)):
        file.write_bytes(broken)
        with pytest.raises(UserError, match="not a whole"):
            read_directions(file)
    with file.open("wb") as stream:
        np.save(stream, found.other)
    with pytest.raises(UserError, match="not a whole"):
        read_directions(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"languages": np.array([{"a": 1}, 2, 3], dtype=object)}, "not a whole"),  # pickled, and never loaded
        ({"languages": np.array(["de", "en"])}, "the arrays are not directions"),
        ({"languages": np.arange(3)}, "the arrays are not directions"),
        ({"other": np.eye(24, dtype=np.float32)[0]}, "the arrays are not directions"),
        ({"other": np.eye(24)[:2]}, "the arrays are not directions"),
        ({"other": np.ones((2, 24), dtype=np.float32)}, "the arrays are not directions"),
        ({"other": np.full((2, 24), np.nan, dtype=np.float32)}, "the arrays are not directions"),
    ],
)
def test_arrays_that_are_no_directions_are_refused(change, says, found, tmp_path):
    own = np.array([found.by_language[lang] for lang in LANGUAGES])
    arrays = {"languages": np.array(LANGUAGES), "directions": own, "other": found.other} | change
    np.savez(tmp_path / "found.npz", **arrays)
    with pytest.raises(UserError, match=says):
        read_directions(tmp_path / "found.npz")


@pytest.mark.parametrize(
    ("vectors", "spoken", "rank", "says"),
    [
        (np.ones((2, 4)), ["de"], 1, "shape (2, 4) and 1 languages"),
        (np.ones(4), ["de"] * 4, 1, "shape (4,) and 4 languages"),
        (np.empty((0, 4)), [], 1, "shape (0, 4) and 0 languages"),
        (np.array([[1, 0], [np.nan, 1]]), ["de", "de"], 1, "row 1: a number that is not finite"),
        (np.eye(4), ["de"] * 4, 0, "0 directions of 4"),
        (np.eye(4), ["de"] * 4, 4, "4 directions of 4"),
        (np.eye(4), ["de", "de", "de", "en"], 2, "en: the text spans 1 directions, fewer than 2"),
        (np.ones((4, 4)), ["de"] * 4, 2, "de: the text spans 1 directions, fewer than 2"),
        (np.zeros((4, 4)), ["de"] * 4, 1, "de: the text spans 0 directions, fewer than 1"),
    ],
)
def test_text_that_gives_no_directions_is_refused(vectors, spoken, rank, says):
    with pytest.raises(UserError) as caught:
        find_directions(vectors, spoken, rank)
    assert says in str(caught.value)


def test_vectors_that_do_not_fit_or_vanish_are_refused(found):
    with pytest.raises(UserError, match="vectors of 12 dimensions, directions of 24"):
        remove_directions(np.ones((1, 12)), ["de"], found)
    with pytest.raises(UserError, match="2 languages"):
        remove_directions(np.ones((1, 24)), ["de", "en"], found)
    lost = np.array([np.ones(24), found.by_language["en"][0]], dtype=np.float16)
    with pytest.raises(UserError, match="row 1, language 'en': nothing remains"):
        remove_directions(lost, ["de", "en"], found)
    with pytest.raises(UserError, match="row 0, language 'de': nothing remains"):
        remove_directions(np.zeros((1, 24)), ["de"], found)
