"""Questions about one article rise and fall together, so they count as one sample and not as several.

    by_article(values, ids)         # [..., questions] -> [..., samples]; the mean stays, the spread is of articles

Known are the articles of XQuAD, 48 with 8 to 74 of its 1,190 questions each. `xquad_articles.csv` names them, from
xquad-r/en.json of google-research-datasets/lareqa at commit 9bc8c7f (CC BY-SA 4.0). An id of SQuAD names one question
wherever it stands. All other questions count one by one.
"""

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).parent / "xquad_articles.csv"


@cache
def xquad_articles() -> dict[str, str]:
    """Return question id -> title of its article, in the order of the ids."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        rows = [(row["article"], row["questions"].split()) for row in csv.DictReader(stream)]
    return dict(sorted((question, article) for article, questions in rows for question in questions))


def by_article(values: NDArray[np.float64], questions: Sequence[str]) -> NDArray[np.float64]:
    """Return float64 [..., samples], a value for each article and for each question that is of no known article.

    With Q questions in G samples, the value of a sample is

        figure + G / Q * sum over its questions of (value - figure),    figure = mean of all values

    Their mean is the figure. Their variance over G is the variance of the figure if samples are independent, whatever
    the questions within one do: the linearised variance of a ratio under cluster sampling (Cochran 1977, Sampling
    Techniques, 3rd edition, section 9A.2, without the finite population correction).

    Args:
        values: float64 [..., Q], see `question_values`.
        questions: their ids.
    """
    known = xquad_articles()
    _, sample = np.unique([known.get(question, f"question {question}") for question in questions], return_inverse=True)
    samples = int(sample.max()) + 1 if len(sample) else 0
    if samples == len(sample):
        return values
    figure = values.mean(axis=-1, keepdims=True)
    member = np.zeros((len(sample), samples))
    member[np.arange(len(sample)), sample] = samples / len(sample)
    return figure + (values - figure) @ member
