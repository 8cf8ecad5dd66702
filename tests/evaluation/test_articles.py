"""Questions of an article count as one sample: the mean stays, and the interval holds the truth as often as it says."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from babelmix.evaluation.articles import by_article, xquad_articles
from babelmix.evaluation.crossed import crossed_mean
from babelmix.evaluation.query_scores import QueryScores
from babelmix.evaluation.significance import paired_difference, score_interval

IDS = list(xquad_articles())
TITLES = np.array(list(xquad_articles().values()))
PUBLISHED = (
    "raw.githubusercontent.com/google-research-datasets/lareqa/9bc8c7fb6dd8d01d72a05a93c2cb96882b0d299c/xquad-r/en.json"
)


def test_the_articles_are_those_of_the_published_file() -> None:
    mirror = os.environ.get("BABELMIX_MIRROR")
    if not mirror:
        pytest.skip("BABELMIX_MIRROR is not set: the published files are not at hand")
    published = json.loads((Path(mirror) / PUBLISHED).read_text(encoding="utf-8"))
    expected = {
        question["id"]: article["title"]
        for article in published["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    }
    assert expected == xquad_articles()


def test_there_are_48_articles_and_1190_questions_in_order() -> None:
    sizes = np.unique(TITLES, return_counts=True)[1]
    assert (len(IDS), len(sizes), sizes.min(), sizes.max()) == (1190, 48, 8, 74) and sorted(IDS) == IDS


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(0, 5))
def test_the_mean_stays_and_the_variance_is_that_of_the_sums_of_articles(seed: int, asked: int, others: int) -> None:
    rng = np.random.default_rng(seed)
    own = sorted(rng.choice(len(IDS), asked, replace=False))
    names = [IDS[at] for at in own] + [f"q{number}" for number in range(others)]
    groups = [TITLES[at] for at in own] + names[asked:]
    values = rng.random((2, len(names)))
    found = by_article(values, names)
    count = len(set(groups))
    assert found.shape == (2, count) and found.mean(axis=1) == pytest.approx(values.mean(axis=1))
    for row, samples in zip(values, found, strict=True):
        sums = [
            sum(v - row.mean() for v, g in zip(row, groups, strict=True) if g == name) for name in sorted(set(groups))
        ]
        expected = count / (count - 1) * sum(one**2 for one in sums) / len(names) ** 2 if count > 1 else 0
        variance = samples.var(ddof=1) / count if count > 1 else 0
        assert variance == pytest.approx(expected)


def test_questions_of_no_known_article_are_left_as_they_are() -> None:
    values = np.arange(6.0).reshape(2, 3)
    assert by_article(values, ["a", "b", "c"]) is values


def drawn(rng: np.random.Generator) -> NDArray[np.float64]:
    """Values [1, Q] around the truth 0, with an effect of each article that explains a tenth of the variance."""
    effects = rng.normal(0, 1, len(set(TITLES)))
    return (effects[np.unique(TITLES, return_inverse=True)[1]] + rng.normal(0, 3, len(IDS)))[None]


def test_the_interval_holds_the_truth_where_articles_have_effects() -> None:
    rng = np.random.default_rng(13)
    held = {"articles": 0, "questions": 0}
    for _ in range(400):
        values = drawn(rng)
        for name, samples in (("articles", by_article(values, IDS)), ("questions", values)):
            low, high = crossed_mean([samples]).limits(0.95)
            held[name] += low <= 0 <= high
    assert 0.92 <= held["articles"] / 400 <= 0.98
    assert held["questions"] / 400 < 0.8, "the questions one by one"


def test_scores_and_differences_count_articles_and_name_the_questions() -> None:
    rng = np.random.default_rng(13)
    values, other = drawn(rng)[0], drawn(rng)[0]
    scope, language = np.full(len(IDS), "monolingual"), np.full(len(IDS), "de")
    one, two = (QueryScores(scope, np.array(IDS), language, language, *[own] * 6) for own in (values, other))
    found = score_interval([one], "monolingual", "average_precision")
    low, high = crossed_mean([by_article(values[None], IDS)]).limits(0.95)
    assert (found.low, found.high, found.questions) == (pytest.approx(low), pytest.approx(high), 1190)
    difference = paired_difference([one], [two], "monolingual")
    low, high = crossed_mean([by_article((values - other)[None], IDS)]).limits(0.95)
    assert (difference.low, difference.high, difference.questions) == (pytest.approx(low), pytest.approx(high), 1190)
