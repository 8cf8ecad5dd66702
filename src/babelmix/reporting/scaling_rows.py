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
from babelmix.study.entropy import ENTROPIES, EntropyScaling, entropy_scaling, over_seeds
from babelmix.study.exponents import Interaction, Scaling, interaction, scaling_of
from babelmix.study.fit_quality import FitQuality
from babelmix.study.forecast import forecast, forecast_gain
from babelmix.study.power_law import SIZES, PowerLaw
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
    """Return what is compared: each objective with the reference; the first, plain and in its free form, with the free.

    The last but one asks whether other batches are worth more than debiasing without training; the last, whether they
    are worth something once both are debiased.
    """
    pairs = [(name, found.reference) for name in found.others]
    if not (found.others and found.free):
        return pairs
    return [*pairs, (found.others[0], found.free), *([(found.freed, found.free)] if found.freed else [])]


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
            f"{marked(first)} − {marked(second)}",
            _changed(one.exponent),
            f"{exponent.p_holm:.4f}",
            _span(one.exponent_over_sizes),
            _changed(one.gain),
            _span(one.gain_over_sizes),
            _changed(one.odds) if one.odds else DASH,
            _span(one.odds_over_sizes) if one.odds_over_sizes else DASH,
        )
        for ((name, first, second), one), exponent in zip(compared.items(), tested, strict=True)
    )
    scales = ("gain per tenfold", "its, over sizes", "log odds per tenfold", "their, over sizes")
    return Rows(("score", "systems", "exponents", "p (Holm)", "over sizes", *scales), rows)


def forecasts(found: StudyScores) -> Rows:
    """Return the largest size as the others forecast it: the errors, and the gains of each pair."""
    rows: list[tuple[str, ...]] = []
    for score in found.scores:
        for system in systems_of(found):
            one = forecast(found.parameters, found.errors(system, score))
            if one is not None:
                figures = estimated(one.forecast), estimated(one.measured), estimated(one.miss, sign=True)
                floor = DASH if one.with_floor is None else number(one.with_floor)
                rows.append((score.name, f"error, {marked(system)}", *figures, floor))
        for first, second in pairs_of(found):
            one = forecast_gain(found.parameters, found.errors(first, score), found.errors(second, score))
            if one is not None:
                figures = (estimated(own, sign=True) for own in (one.forecast, one.measured, one.miss))
                with_floor = DASH if one.with_floor is None else signed(one.with_floor)
                rows.append((score.name, f"gain, {marked(first)} − {marked(second)}", *figures, with_floor))
    return Rows(("score", "figure", "forecast", "measured", "miss", "forecast with a floor"), tuple(rows))


def entropies(found: StudyScores) -> Rows:
    """Return the contrastive entropy at each size in nats, and its exponents; no rows where no run has one.

    Below them are the differences of each objective from the reference.
    """
    rows: list[tuple[str, ...]] = []
    for scope in ENTROPIES:
        fitted = {name: entropy_scaling(found, name, scope) for name in found.study.objectives}
        known = {name: one for name, one in fitted.items() if one and one.law and one.quality}
        for name, one in known.items():
            if one.law and one.quality:
                exponent = estimated(one.exponent) if one.exponent else number(one.law.exponent)
                nats = (number(float(value), ".2f") for value in one.nats)
                quality = number(one.quality.r2), number(one.quality.left_out)
                rows.append((scope, name, *nats, exponent, *quality, *_floor(one.with_floor)))
        for name in (name for name in found.others if {name, found.reference} <= known.keys()):
            rows.append((scope, *_between(name, known[name], found.reference, known[found.reference])))
    head = ("scope", "system", *found.design.sizes, "exponent b", "R²", "left out", "floor c", "b with it")
    return Rows(head, tuple(rows))


def _floor(law: PowerLaw | None) -> tuple[str, str]:
    if law is None:
        return DASH, DASH
    return (number(law.floor) if law.identified else "not told"), number(law.exponent)


def _between(name: str, one: EntropyScaling, reference: str, other: EntropyScaling) -> tuple[str, ...]:
    nats = (f"{value:+.2f}".replace("-", "−") for value in (one.nats - other.nats).tolist())
    figure = one.law.exponent - other.law.exponent if one.law and other.law else float("nan")
    found = over_seeds(figure, one.by_seed - other.by_seed)
    exponent = estimated(found, sign=True) if found else signed(figure)
    return (f"{name} − {reference}", *nats, exponent, *[DASH] * 4)


def _plain(value: float) -> str:
    return number(value).replace("-", "−")


def _span(limits: tuple[float, float]) -> str:
    return f"{signed(limits[0])} to {signed(limits[1])}"


def _changed(difference: Difference) -> str:
    return f"{signed(difference.mean)} ({_span((difference.low, difference.high))})"
