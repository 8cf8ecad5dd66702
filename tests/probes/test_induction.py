"""Lexicon induction: what is asked, what is left out, and the measures against a count by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.lexicon.dictionary import Dictionary
from babelmix.probes.induction import induce, make_task
from babelmix.probes.induction_probe import run_tasks
from babelmix.probes.probe import Asked

ENGLISH = ["the", "dog", "cat", "hound", "taxi", "rare"]
GERMAN = ["der", "hund", "taxi", "katze", "köter", "haus"]


def dictionary(*rows: tuple[str, str]) -> Dictionary:
    return Dictionary("en", "de", rows, {})


def by_word(vectors: dict[str, Sequence[float]]):
    return lambda words: np.array([vectors[word] for word in words], dtype=np.float32)


def random_vectors(words: Sequence[str], seed: int) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    found = rng.integers(-2, 3, (len(words), 3)).astype(np.float32)
    return dict(zip(words, found, strict=True))


def test_a_list_without_a_translation_leaves_its_rows_out_and_counts_them() -> None:
    given_ = dictionary(("Dog", "Hund"), ("dog", "Köter"), ("cat", "Mieze"), ("quux", "haus"))
    task = make_task(given_, ENGLISH, GERMAN)
    assert task.rows == (("dog", "hund"), ("dog", "köter"), ("quux", "haus"))
    assert task.left_out == {
        "rows with a translation that is no candidate": 1,
        "words without a translation among the candidates": 1,
    }
    assert task.about == {"words outside the list": 1, "translations outside the list": 1}
    assert task.candidates == tuple(GERMAN) and task.references == tuple(ENGLISH)


def test_with_a_limit_all_translations_are_candidates_behind_the_first_words() -> None:
    task = make_task(dictionary(("dog", "hund"), ("cat", "mieze"), ("taxi", "taxi")), ENGLISH, GERMAN, limit=2)
    assert task.candidates == ("der", "hund", "mieze", "taxi")
    assert task.references == ("the", "dog")
    assert not task.left_out and len(task.rows) == 3


@given(
    st.lists(st.tuples(st.sampled_from(ENGLISH), st.sampled_from(GERMAN)), min_size=1, max_size=12), st.integers(0, 999)
)
def test_measures_are_those_of_a_count_by_hand(rows: list[tuple[str, str]], seed: int) -> None:
    task = make_task(dictionary(*rows), ENGLISH, GERMAN)
    vectors = {"en": random_vectors(ENGLISH, seed), "de": random_vectors(GERMAN, seed + 1)}
    encode = {lang: by_word(own) for lang, own in vectors.items()}
    found, right = induce(task, encode, encode, strings=True)
    assert right.mean() == pytest.approx(found["all"]["p_at_1_csls"]) and len(task.queries) == len(right)

    def rank(source: str, target: str) -> int:
        scores = {word: float(vectors["en"][source] @ vectors["de"][word]) for word in GERMAN}
        return sorted(GERMAN, key=lambda word: (-scores[word], GERMAN.index(word))).index(target) + 1

    best = {source: min(rank(source, right) for one, right in rows if one == source) for source, _ in rows}
    other = [best[source] for source in best if (source, source) not in rows]
    whole = found["all"]
    assert whole["queries"] == len(best) and whole["rows"] == len(rows)
    assert whole["p_at_1"] == pytest.approx(np.mean([one == 1 for one in best.values()]))
    assert whole["mrr"] == pytest.approx(np.mean([1 / one for one in best.values()]))
    assert whole["p_at_1_single"] == pytest.approx(np.mean([rank(*row) == 1 for row in rows]))
    assert whole["mrr_single"] == pytest.approx(np.mean([1 / rank(*row) for row in rows]))
    assert whole["static_p_at_1"] == whole["p_at_1"]
    assert whole["identical_p_at_1"] == pytest.approx(np.mean([(source, source) in rows for source in best]))
    assert found.get("non_identical", {"queries": 0})["queries"] == len(other)
    if other:
        assert found["non_identical"]["p_at_1"] == pytest.approx(np.mean([one == 1 for one in other]))


def test_csls_is_that_of_a_count_by_hand() -> None:
    """CSLS(x, y) = 2 cos(x, y) - r(x) - r(y), r(y) over the references: words of the source, not the queries.

    r(x) is equal for all candidates of x, so it moves no rank.
    """
    rng = np.random.default_rng(3)
    sources, targets = [f"s{number}" for number in range(40)], [f"t{number}" for number in range(30)]
    own = {word: rng.standard_normal(4).astype(np.float32) for word in (*sources, *targets)}
    own = {word: vector / np.linalg.norm(vector) for word, vector in own.items()}
    rows = [(sources[number], targets[(7 * number + step) % 30]) for number in range(12) for step in (0, 3)]
    task = make_task(dictionary(*rows), sources, targets)
    encode = {lang: by_word(own) for lang in ("en", "de")}
    found, right = induce(task, encode, encode, strings=False)

    def near(word: str) -> float:
        return float(np.mean(sorted((float(own[word] @ own[source]) for source in sources), reverse=True)[:10]))

    def rank(source: str, target: str) -> int:
        scores = {word: 2 * float(own[source] @ own[word]) - near(word) for word in targets}
        return sorted(scores, key=lambda word: -scores[word]).index(target) + 1

    best = {source: min(rank(*row) for row in rows if row[0] == source) for source, _ in rows}
    whole = found["all"]
    assert whole["p_at_1_csls"] == pytest.approx(np.mean([one == 1 for one in best.values()]))
    assert whole["mrr_csls"] == pytest.approx(np.mean([1 / one for one in best.values()]))
    assert whole["mrr_csls_single"] == pytest.approx(np.mean([1 / rank(*row) for row in rows]))
    assert right.tolist() == [best[word] == 1 for word in task.queries]
    assert whole["mrr_csls"] != whole["mrr"]


def test_a_list_without_any_translation_is_a_user_error() -> None:
    task = make_task(dictionary(("dog", "Mieze")), ENGLISH, GERMAN)
    with pytest.raises(
        UserError, match=r"probe, en-de: no question is left \(1 rows with a translation that is no cand"
    ):
        induce(task, {}, {}, strings=False)


def test_bands_share_all_words_out_by_their_place() -> None:
    words = [f"w{number}" for number in range(20_003)]
    rows = tuple((word, "hund") for word in ("w0", "w4999", "w5000", "w19999", "w20000", "unknown"))
    task = make_task(dictionary(*rows), words, GERMAN)
    encode = {lang: by_word(dict.fromkeys([*words, "unknown", *GERMAN], (1.0, 0.0))) for lang in ("en", "de")}
    found, _ = induce(task, encode, encode, strings=False)
    sizes = {part: scores["queries"] for part, scores in found.items()}
    bands = {"rank_0_5k": 2, "rank_5k_20k": 2, "rank_20k_100k": 1, "outside": 1}
    assert sizes == {"all": 6, "non_identical": 6} | bands
    assert "edit_p_at_1" not in found["all"]
    unranked = make_task(dictionary(*rows), words, GERMAN, ranked=False)
    assert induce(unranked, encode, encode, strings=False)[0].keys() == {"all", "non_identical"}


class _Encoder:
    """Stands in for WordEncoder: it counts what it encodes."""

    def __init__(self) -> None:
        self.encoded: list[list[str]] = []

    def __call__(self, words: list[str]) -> NDArray[np.float32]:
        self.encoded.append(words)
        return self.static(words)

    def static(self, words: list[str]) -> NDArray[np.float32]:
        return np.array([[1, len(word)] for word in words], dtype=np.float32)


def test_a_language_is_encoded_once_for_all_directions() -> None:
    there = dictionary(("dog", "hund"), ("taxi", "taxi"), ("cat", "katze"))
    tasks = [make_task(there, ENGLISH, GERMAN), make_task(there.reversed(), GERMAN, ENGLISH)]
    encoder = _Encoder()
    found = run_tasks(tasks, Asked(encoder, "fast"), "xling", units=lambda task: task.queries)  # type: ignore[arg-type]
    assert [sorted(words) for words in encoder.encoded] == [sorted(ENGLISH), sorted(GERMAN)]
    scores = found.scores["by_direction"]
    assert list(scores) == ["en-de", "de-en"]
    assert found.headline["p_at_1"] == pytest.approx(np.mean([one["all"]["p_at_1"] for one in scores.values()]))
