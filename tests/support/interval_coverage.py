"""How often a 95 % interval holds the truth, by method and number of seeds: the table of docs/measures.md.

PYTHONPATH=src:tests/support python tests/support/interval_coverage.py
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from babelmix.evaluation.crossed import crossed_mean

Limits = Callable[[list[NDArray[np.float64]]], tuple[float, float]]
REPLICATIONS = 2000


def question_effects(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw skewed effects of mean 0 and variance 1: like average precision, many are near the ends 0 and 1."""
    a, b = 0.35, 0.2
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    return (rng.beta(a, b, shape) - mean) / np.sqrt(variance)


def draw(
    rng: np.random.Generator, seeds: int, questions: tuple[int, ...], seed_share: float, rest: float = 0.5
) -> list[NDArray[np.float64]]:
    """Draw values [S, Q] of each task around the truth 0; the effect of a seed is common to the tasks.

    `seed_share`: the variance of one seed over that of the mean of the question effects; `rest`: the variance of the
    rest over that of a question.
    """
    of_questions = sum(1 / count for count in questions) / len(questions) ** 2
    seed = rng.normal(0, np.sqrt(seed_share * of_questions), (seeds, 1))
    return [
        question_effects(rng, (1, count)) + seed + rng.normal(0, np.sqrt(rest), (seeds, count)) for count in questions
    ]


def crossed(tasks: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the project's interval."""
    return crossed_mean(tasks).limits(0.95)


def bootstrap(resamples: int = 500) -> Limits:
    """Return the opponent: the percentile bootstrap over questions and seeds that the crossed effects replaced."""

    @cache
    def weights(units: int, place: int) -> NDArray[np.float64]:
        rng = np.random.default_rng([units, place])
        return rng.multinomial(units, np.full(units, 1 / units), size=resamples) / units

    def limits(tasks: list[NDArray[np.float64]]) -> tuple[float, float]:
        means = np.zeros(resamples)
        for place, values in enumerate(tasks, 1):
            seeds, questions = values.shape
            means += ((weights(questions, place) @ values.T) * weights(seeds, 0)).sum(axis=1) / len(tasks)
        low, high = np.percentile(means, (2.5, 97.5))
        return float(low), float(high)

    return limits


def coverage(
    limits: Limits,
    seeds: int,
    questions: tuple[int, ...],
    seed_share: float,
    replications: int = REPLICATIONS,
) -> float:
    """Return the share of replications whose interval holds the truth."""
    rng = np.random.default_rng([seeds, len(questions), *questions])
    found = (limits(draw(rng, seeds, questions, seed_share)) for _ in range(replications))
    return float(np.mean([low <= 0 <= high for low, high in found]))


def to_markdown() -> str:
    """Return the table; a row for each number of seeds and strength of the seed, a column for each method and size."""
    sizes = {"40 questions": (40,), "300 questions": (300,), "3 tasks, 40 to 300": (40, 100, 300)}
    shares = {0.0: "none", 1.0: "as large", 3.0: "three times"}
    heads = [f"{method}, {size}" for size in sizes for method in ("crossed", "bootstrap")]
    lines = [f"| seeds | variance of a seed | {' | '.join(heads)} |", f"|---|---|{'---:|' * len(heads)}"]
    for seeds in (1, 2, 3, 5):
        for share, words in shares.items():
            if seeds == 1 and share:
                continue  # one seed says nothing about others
            cells = [
                f"{coverage(limits, seeds, questions, share):.3f}"
                for questions in sizes.values()
                for limits in (crossed, bootstrap())
            ]
            lines.append(f"| {seeds} | {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(to_markdown())
