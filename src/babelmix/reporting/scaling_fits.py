"""The tables of the fits over sizes, in Markdown: exponents, their differences, the joint fit, forecasts, entropy.

"\\n\\n".join(fit_tables(StudyScores(design, study), {"contrastive": 1.0, "hybrid": 0.5}))
"""

from collections.abc import Iterator, Mapping, Sequence

from babelmix.reporting.scaling_rows import (
    QUALITY,
    Fits,
    entropies,
    estimated,
    exponents,
    fits_of,
    forecasts,
    interactions,
    no_fit,
    no_forecast,
    quality,
    seeds_of_fits,
)
from babelmix.reporting.tables import number, table
from babelmix.study.joint import SMALLEST, joint_fits
from babelmix.study.power_law import SIZES_WITH_FLOOR
from babelmix.study.scores import StudyScores

FITS = (
    "Error = 1 − score = a · N^−b, least squares of the log error over the sizes; N: parameters outside the "
    "embeddings. Intervals are 95 %, of these sizes; ± sizes is the standard error of the "
    "exponent by how far the sizes are from the line. A bad fit shows as a low R² (of the log errors) or a large "
    "miss (the largest |error − fit|). Left out: the root mean square miss of a size that the fit has not seen. "
    "AICc: smaller is better."
)
FLOOR = (
    "The same with a floor, error = c + a · N^−b, 0 ≤ c < the smallest error. Not told: the floor is at its bound, so "
    "the sizes do not tell it, and the fit is the one above (floor 0) or runs against the smallest error. "
    "A floor whose interval holds 0 is not shown."
)
INTERACTION = (
    "Exponent of the first system minus that of the second, paired over questions and seeds: above 0, the first gains "
    "more with the size, as a share of the error. Over sizes: the interval by how the log ratios of the two errors "
    "scatter around a line; where it holds 0, other sizes may show another sign. Gain per tenfold: the slope of the "
    "plain difference of scores over log10 of the size, with its own interval over sizes. Log odds per tenfold: the "
    "same of log(score / error). The three may have other signs: whether a gain grows depends on the scale. p: Holm's "
    "correction over the exponents of the table."
)
JOINT = (
    "One fit for several objectives, with α, the share of monolingual batches, as a term. N is over the geometric mean "
    "of the sizes. Shift: parallel lines. Turn: the exponent moves with α, by b1. Bend: α² besides. Power of the "
    "share: error ∝ N^−b (1 − α + ε)^−g, a form of arXiv 2410.12883, ε from a fixed grid; one marked ! is at an end of "
    "it, and the terms hold for that ε alone. The smaller the left-out miss, the better a form forecasts; a difference "
    "of .001 says nothing."
)
FORECAST = (
    "The largest size, forecast by the power law of all others, beside what was measured. A miss whose interval "
    "excludes 0 says that the power law does not hold so far; with one seed it may also be that of the training. The "
    "rows are not corrected for their number. A dash: the sizes tell no floor."
)
ENTROPY = (
    "Contrastive entropy on the dev split, in nats, as a · N^−b, and with a floor, c + a · N^−b. A training has one "
    "figure, so intervals are over seeds alone. A row with a minus has the differences of two objectives."
)


def fit_tables(found: StudyScores, alphas: Mapping[str, float]) -> Iterator[str]:
    """Yield what the sizes say together, as paragraphs and tables; with two sizes, that there is no fit.

    Args:
        found: the scores of a design.
        alphas: objective -> share of monolingual batches, of those that have one number; of equals the first is fitted.
    """
    yield "### Power laws"
    if (why := no_fit(found)) is not None:
        yield why
        return
    fits = fits_of(found)
    yield f"{FITS} {seeds_of_fits(found)}"
    yield table(*exponents(fits))
    yield from _floors(len(found.design.sizes), fits)
    if found.others:
        yield "### Does the exponent change with the batches"
        yield INTERACTION
        yield table(*interactions(found))
        yield from _joint(found, alphas)
    yield "### The largest size, forecast"
    if (why := no_forecast(found)) is not None:
        yield why
    else:
        yield forecast_explained(found)
        yield table(*forecasts(found))
    if (own := entropies(found)).rows:
        yield "### Contrastive entropy"
        yield ENTROPY
        yield table(*own)


def forecast_explained(found: StudyScores) -> str:
    """Return how the forecasts are read, and by which sizes they are."""
    return f"{FORECAST} Here: {found.design.sizes[-1]} by {', '.join(found.design.sizes[:-1])}."


def _floors(sizes: int, fits: Fits) -> Iterator[str]:
    if sizes < SIZES_WITH_FLOOR:
        yield f"With a floor: {sizes} of the {SIZES_WITH_FLOOR} sizes that it needs, no fit."
        return
    rows: list[Sequence[str]] = []
    for name, fit in fits.items():
        if fit is None or fit.with_floor is None or fit.floor_quality is None:
            continue
        law = fit.with_floor
        floor = estimated(fit.floor) if law.identified else f"not told ({number(law.floor)})"
        exponent = estimated(fit.floor_exponent) if law.identified else number(law.exponent)
        rows.append((*name, floor, exponent, *quality(fit.floor_quality)))
    yield FLOOR
    yield table(("score", "system", "floor c", "exponent b", *QUALITY), rows)


def _joint(found: StudyScores, alphas: Mapping[str, float]) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    names: dict[float, str] = {}
    for name in found.study.objectives:
        if name in alphas:
            names.setdefault(alphas[name], name)
    for score in found.scores:
        fits = joint_fits(found.parameters, {alpha: found.errors(name, score) for alpha, name in names.items()})
        for fit in fits:
            alpha = [f"{name} {estimated(one, sign=True)}" for name, one in fit.terms.items() if name not in ("k", "b")]
            end = "!" if fit.eps in (SMALLEST[0], SMALLEST[-1]) else ""
            eps = "" if fit.eps is None else f", ε {fit.eps:g}{end}"
            misses = (number(fit.r2), number(fit.largest), number(fit.left_out))
            rows.append((score.name, fit.name, estimated(fit.terms["b"]), "; ".join(alpha) + eps, *misses))
    if rows:
        yield "### One fit with α as a term"
        yield f"{JOINT} Of {', '.join(names.values())}."
        yield table(("score", "form", "b", "terms in α", "R²", "largest miss", "left out"), rows)
