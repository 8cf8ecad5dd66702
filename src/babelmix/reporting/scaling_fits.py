"""The tables of the fits over sizes, in Markdown: exponents, their differences, the joint fit, forecasts, entropy.

"\\n\\n".join(fit_tables(StudyScores(design, study), {"contrastive": 1.0, "hybrid": 0.5}))
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from babelmix.evaluation.crossed import Estimate
from babelmix.evaluation.significance import Difference, holm
from babelmix.reporting.dev_choice import marked
from babelmix.reporting.tables import number, signed, table
from babelmix.study.entropy import ENTROPIES, entropy_scaling
from babelmix.study.exponents import Interaction, Scaling, interaction, scaling_of
from babelmix.study.fit_quality import FitQuality
from babelmix.study.forecast import forecast, forecast_gain
from babelmix.study.joint import joint_fits
from babelmix.study.power_law import SIZES, SIZES_WITH_FLOOR
from babelmix.study.scores import StudyScores

DASH = "–"
QUALITY = ("R²", "largest miss", "left out", "AICc")
FITS = (
    "Error = 1 − score = a · N^−b, least squares of the log error over the sizes; N: parameters outside the "
    "embeddings. Intervals are 95 %, over questions and seeds, of these sizes; ± sizes is the standard error of the "
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
    "plain difference of scores over log10 of the size. Where errors fall, it may have the other sign."
)
JOINT = (
    "One fit for all objectives, with α, the share of monolingual batches, as a term; N is over the geometric mean of "
    "the sizes. Shift: parallel lines. Turn: the exponent moves with α, by b1. Bend: α² besides. Power of the share: "
    "error ∝ N^−b (1 − α + ε)^−g, a form of arXiv 2410.12883, ε from a fixed grid. The form whose left-out miss is "
    "smallest forecasts best."
)
FORECAST = (
    "The largest size, forecast by the power law of all others, beside what was measured. The intervals are over "
    "questions and seeds; a miss whose interval excludes 0 says that the power law does not hold so far."
)
ENTROPY = (
    "Contrastive entropy on the dev split, in nats, as a · N^−b. A training has one figure, so intervals are over "
    "seeds alone."
)


def fit_tables(found: StudyScores, alphas: Mapping[str, float]) -> Iterator[str]:
    """Yield what the sizes say together, as paragraphs and tables; with two sizes, that there is no fit.

    Args:
        found: the scores of a design.
        alphas: objective -> share of monolingual batches, of those that have one number.
    """
    yield "### Power laws"
    sizes = len(found.design.sizes)
    if sizes < SIZES:
        yield f"{sizes} of the {SIZES} sizes that a fit needs: points, no fit."
        return
    if not found.seeds:
        yield "No seed stands at every size: points, no fit."
        return
    yield f"{FITS} {_seeds(found)}"
    fits = {
        (score.name, marked(system)): scaling_of(found.parameters, found.errors(system, score))
        for score in found.scores
        for system in systems_of(found)
    }
    yield _exponents(fits)
    yield from _floors(sizes, fits)
    if found.others:
        yield from _interactions(found)
        yield from _joint(found, alphas)
    yield from _forecasts(found)
    yield from _entropies(found)


def systems_of(found: StudyScores) -> list[str]:
    """Return the systems whose error is fitted: all objectives, and the reference in its best free form."""
    return [*found.study.objectives, *([found.free] if found.free else [])]


def estimated(estimate: Estimate | None, *, sign: bool = False) -> str:
    """Return a figure with its 95 % interval; a dash for None."""
    if estimate is None:
        return DASH
    show = signed if sign else _plain
    low, high = estimate.limits(0.95)
    return f"{show(estimate.mean)} ({show(low)} to {show(high)})" if math.isfinite(high) else show(estimate.mean)


def _plain(value: float) -> str:
    return number(value).replace("-", "−")


def changed(difference: Difference) -> str:
    """Return a difference with its 95 % interval."""
    return f"{signed(difference.mean)} ({signed(difference.low)} to {signed(difference.high)})"


def _seeds(found: StudyScores) -> str:
    seeds = ", ".join(map(str, found.seeds))
    if len(found.seeds) == 1:
        return f"Seed {seeds} alone stands at every size: the intervals are over questions alone."
    return f"Seeds that stand at every size: {seeds}."


def _exponents(fits: Mapping[tuple[str, str], Scaling | None]) -> str:
    rows: list[Sequence[str]] = []
    for name, fit in fits.items():
        if fit is None:
            rows.append((*name, *[DASH] * 6))
            continue
        scatter = f"±{number(fit.scatter)}"
        rows.append((*name, estimated(fit.exponent), scatter, *_quality(fit.quality)))
    return table(("score", "system", "exponent b", "± sizes", *QUALITY), rows)


def _floors(sizes: int, fits: Mapping[tuple[str, str], Scaling | None]) -> Iterator[str]:
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
        rows.append((*name, floor, exponent, *_quality(fit.floor_quality)))
    yield FLOOR
    yield table(("score", "system", "floor c", "exponent b", *QUALITY), rows)


def _quality(quality: FitQuality) -> tuple[str, ...]:
    aicc = number(quality.aicc, ".1f").replace("-", "−")
    return number(quality.r2), number(quality.largest), number(quality.left_out), aicc


def _interactions(found: StudyScores) -> Iterator[str]:
    compared: dict[tuple[str, str, str], Interaction] = {}
    for score in found.scores:
        for first, second in pairs_of(found):
            own = interaction(found.parameters, found.errors(first, score), found.errors(second, score))
            if own is not None:
                compared[score.name, first, second] = own
    tested = holm([one.exponent for one in compared.values()])
    rows = [
        (
            name,
            f"{first} − {marked(second)}",
            changed(one.exponent),
            f"{exponent.p_holm:.4f}",
            f"{signed(one.over_sizes[0])} to {signed(one.over_sizes[1])}",
            changed(one.gain),
        )
        for ((name, first, second), one), exponent in zip(compared.items(), tested, strict=True)
    ]
    yield "### Does the exponent change with the batches"
    yield f"{INTERACTION} p: Holm's correction over the table."
    yield table(("score", "systems", "exponents", "p (Holm)", "over sizes", "gain per tenfold"), rows)


def pairs_of(found: StudyScores) -> list[tuple[str, str]]:
    """Return what is compared: each objective with the reference, and the first with the reference's free form."""
    pairs = [(name, found.reference) for name in found.others]
    return [*pairs, *([(found.others[0], found.free)] if found.free else [])]


def _joint(found: StudyScores, alphas: Mapping[str, float]) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    names = [name for name in found.study.objectives if name in alphas]
    for score in found.scores:
        fits = joint_fits(found.parameters, {alphas[name]: found.errors(name, score) for name in names})
        for fit in fits:
            alpha = [f"{name} {estimated(one, sign=True)}" for name, one in fit.terms.items() if name not in ("k", "b")]
            eps = "" if fit.eps is None else f", ε {fit.eps:g}"
            misses = (number(fit.r2), number(fit.largest), number(fit.left_out))
            rows.append((score.name, fit.name, estimated(fit.terms["b"]), "; ".join(alpha) + eps, *misses))
    if rows:
        yield "### One fit with α as a term"
        yield JOINT
        yield table(("score", "form", "b", "terms in α", "R²", "largest miss", "left out"), rows)


def _forecasts(found: StudyScores) -> Iterator[str]:
    sizes, largest = len(found.design.sizes), found.design.sizes[-1]
    yield "### The largest size, forecast"
    if sizes <= SIZES:
        yield f"{sizes - 1} of the {SIZES} sizes that a fit without the largest needs: no forecast."
        return
    yield f"{FORECAST} Here: {largest} by {', '.join(found.design.sizes[:-1])}."
    rows: list[Sequence[str]] = []
    for score in found.scores:
        for system in systems_of(found):
            one = forecast(found.parameters, found.errors(system, score))
            if one is not None:
                figures = estimated(one.forecast), estimated(one.measured), estimated(one.miss, sign=True)
                rows.append((score.name, f"error, {marked(system)}", *figures, number(one.with_floor)))
        for first, second in pairs_of(found):
            one = forecast_gain(found.parameters, found.errors(first, score), found.errors(second, score))
            if one is not None:
                figures = (estimated(own, sign=True) for own in (one.forecast, one.measured, one.miss))
                with_floor = DASH if one.with_floor is None else signed(one.with_floor)
                rows.append((score.name, f"gain, {first} − {marked(second)}", *figures, with_floor))
    yield table(("score", "figure", "forecast", "measured", "miss", "forecast with a floor"), rows)


def _entropies(found: StudyScores) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    for scope in ENTROPIES:
        for name in found.study.objectives:
            one = entropy_scaling(found, name, scope)
            if one is None or one.law is None or one.quality is None:
                continue
            exponent = estimated(one.exponent) if one.exponent else number(one.law.exponent)
            nats = ", ".join(number(float(value), ".2f") for value in one.nats)
            rows.append((scope, name, nats, exponent, number(one.quality.r2), number(one.quality.left_out)))
    if rows:
        yield "### Contrastive entropy"
        yield ENTROPY
        yield table(("scope", "system", f"nats, {', '.join(found.design.sizes)}", "exponent b", "R²", "left out"), rows)
