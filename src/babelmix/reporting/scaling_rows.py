"""The rows of the fits over sizes, as `babelmix scaling` and the report of the study show them.

    found = StudyScores(design, study)
    exponents(fits_of(found)).only("score", "system", "exponent b")     # Rows(head, rows)

Each maker has all columns that any reader gets. Who wants fewer asks for them by name.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from babelmix.evaluation.crossed import Estimate
from babelmix.evaluation.significance import Difference, holm
from babelmix.reporting.dev_choice import marked
from babelmix.reporting.tables import DASH, number, signed
from babelmix.study.entropy import ENTROPIES, entropy_scaling
from babelmix.study.exponents import Interaction, Scaling, interaction, scaling_of
from babelmix.study.fit_quality import FitQuality
from babelmix.study.forecast import forecast, forecast_gain
from babelmix.study.power_law import SIZES
from babelmix.study.scores import StudyScores

QUALITY = ("R²", "largest miss", "left out", "AICc")
Fits = Mapping[tuple[str, str], Scaling | None]  # (score, system as tables show it) -> fits


class Rows(NamedTuple):
    """A table whose cells are texts."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def only(self, *names: str) -> "Rows":
        """Return these columns, in this order."""
        places = [self.head.index(name) for name in names]
        return Rows(names, tuple(tuple(row[place] for place in places) for row in self.rows))


def systems_of(found: StudyScores) -> list[str]:
    """Return the systems whose error is fitted: all objectives, and the reference in its best free form."""
    return [*found.study.objectives, *([found.free] if found.free else [])]


def pairs_of(found: StudyScores) -> list[tuple[str, str]]:
    """Return what is compared: each objective with the reference, and the first with the reference's free form."""
    pairs = [(name, found.reference) for name in found.others]
    return [*pairs, *([(found.others[0], found.free)] if found.others and found.free else [])]


def no_fit(found: StudyScores) -> str | None:
    """Return why there is no fit, as a sentence; None where there is one."""
    sizes = len(found.design.sizes)
    if sizes < SIZES:
        return f"{sizes} of the {SIZES} sizes that a fit needs: points, no fit."
    return None if found.seeds else "No seed stands at every size: points, no fit."


def no_forecast(found: StudyScores) -> str | None:
    """Return why the others do not forecast the largest size, as a sentence; None where they do."""
    sizes = len(found.design.sizes)
    if sizes > SIZES:
        return None
    return f"{sizes - 1} of the {SIZES} sizes that a fit without the largest needs: no forecast."


def seeds_of_fits(found: StudyScores) -> str:
    """Return which seeds the fits have, as a sentence."""
    seeds = ", ".join(map(str, found.seeds))
    if len(found.seeds) == 1:
        return f"Seed {seeds} alone stands at every size: the intervals are over questions alone."
    return f"Seeds that stand at every size: {seeds}."


def estimated(estimate: Estimate | None, *, sign: bool = False) -> str:
    """Return a figure with its 95 % interval; a dash for None."""
    if estimate is None:
        return DASH
    show = signed if sign else _plain
    low, high = estimate.limits(0.95)
    return f"{show(estimate.mean)} ({show(low)} to {show(high)})" if math.isfinite(high) else show(estimate.mean)


def quality(found: FitQuality) -> tuple[str, ...]:
    """Return the cells of the columns QUALITY."""
    aicc = number(found.aicc, ".1f").replace("-", "−")
    return number(found.r2), number(found.largest), number(found.left_out), aicc


def fits_of(found: StudyScores) -> Fits:
    """Return the fits of every score and system; None where an error of 0 has no logarithm."""
    return {
        (score.name, marked(system)): scaling_of(found.parameters, found.errors(system, score))
        for score in found.scores
        for system in systems_of(found)
    }


def exponents(fits: Fits) -> Rows:
    """Return the exponents without a floor, and how well the power laws hold."""
    rows: list[tuple[str, ...]] = []
    for name, fit in fits.items():
        if fit is None:
            rows.append((*name, *[DASH] * 6))
        else:
            rows.append((*name, estimated(fit.exponent), f"±{number(fit.scatter)}", *quality(fit.quality)))
    return Rows(("score", "system", "exponent b", "± sizes", *QUALITY), tuple(rows))


def interactions(found: StudyScores) -> Rows:
    """Return the differences of exponents, with Holm's correction over all of them."""
    compared: dict[tuple[str, str, str], Interaction] = {}
    for score in found.scores:
        for first, second in pairs_of(found):
            own = interaction(found.parameters, found.errors(first, score), found.errors(second, score))
            if own is not None:
                compared[score.name, first, second] = own
    tested = holm([one.exponent for one in compared.values()])
    rows = tuple(
        (
            name,
            f"{first} − {marked(second)}",
            _changed(one.exponent),
            f"{exponent.p_holm:.4f}",
            _span(one.exponent_over_sizes),
            _changed(one.gain),
            _span(one.gain_over_sizes),
        )
        for ((name, first, second), one), exponent in zip(compared.items(), tested, strict=True)
    )
    return Rows(
        ("score", "systems", "exponents", "p (Holm)", "over sizes", "gain per tenfold", "its, over sizes"), rows
    )


def forecasts(found: StudyScores) -> Rows:
    """Return the largest size as the others forecast it: the errors, and the gains of each pair."""
    rows: list[tuple[str, ...]] = []
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
    return Rows(("score", "figure", "forecast", "measured", "miss", "forecast with a floor"), tuple(rows))


def entropies(found: StudyScores) -> Rows:
    """Return the contrastive entropy at each size in nats, and its exponent; no rows where no run has one."""
    rows: list[tuple[str, ...]] = []
    for scope in ENTROPIES:
        for name in found.study.objectives:
            one = entropy_scaling(found, name, scope)
            if one is None or one.law is None or one.quality is None:
                continue
            exponent = estimated(one.exponent) if one.exponent else number(one.law.exponent)
            nats = (number(float(value), ".2f") for value in one.nats)
            rows.append((scope, name, *nats, exponent, number(one.quality.r2), number(one.quality.left_out)))
    return Rows(("scope", "system", *found.design.sizes, "exponent b", "R²", "left out"), tuple(rows))


def _plain(value: float) -> str:
    return number(value).replace("-", "−")


def _span(limits: tuple[float, float]) -> str:
    return f"{signed(limits[0])} to {signed(limits[1])}"


def _changed(difference: Difference) -> str:
    return f"{signed(difference.mean)} ({_span((difference.low, difference.high))})"
