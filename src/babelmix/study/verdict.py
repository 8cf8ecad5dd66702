"""The answer in a few sentences, made from the numbers: what the batches gain, and whether the size changes that.

verdict(design, study)
# "Hybrid batches gain 0.030 to 0.042 mAP in the pool of xquad-r against contrastive ones at every size (5 seeds a
#  size). Whether the gain grows with the size depends on the scale: as a share of the error that is left ..."
"""

from collections.abc import Mapping, Sequence

from babelmix.evaluation.measures import MEASURE_NAMES
from babelmix.evaluation.significance import Difference, holm
from babelmix.study.design import Design
from babelmix.study.exponents import Interaction, interaction
from babelmix.study.gains import gains
from babelmix.study.scores import Score, StudyScores
from babelmix.study.settings import Study

NO_CHANGE = "no change is shown"
VERBS = {"better": "gain", "worse": "lose"}


def verdict(design: Design, study: Study) -> str:
    """Return what the study's second objective (hybrid) does against its first (contrastive) in the main pool.

    The sizes are one family of tests (Holm), named before anyone looked: the question of the project. The change over
    sizes is asked on three scales, which are another family: the share of the error that is left (the difference of
    exponents), the score itself, and its log odds. It is of the seeds that all sizes have. Where sizes scatter more
    around the line than the change is large, the sentence says so. A null is an answer.
    """
    found = StudyScores(design, study)
    if not (design.sizes and found.others and found.scores):
        return "Nothing to compare yet: no size has a finished run of two objectives."
    score, asked = found.scores[0], found.others[0]
    by_size = gains(found, asked, found.reference, score)
    tested = dict(zip(by_size, holm(list(by_size.values())), strict=True))
    return f"{_gained(found, asked, score, tested)} {_change(found, asked, score)}"


def _gained(found: StudyScores, asked: str, score: Score, tested: Mapping[str, Difference]) -> str:
    own = found.design.main[found.design.sizes[0], asked][0].facts.systems[asked][score.benchmark]
    place = f"{MEASURE_NAMES[own.main_score]} in the pool of {score.benchmark} against {found.reference} ones"
    groups: dict[str, list[str]] = {}
    for size, difference in tested.items():
        groups.setdefault(difference.verdict, []).append(size)
    every = "at every size" if len(tested) == len(found.study.sizes) else f"at all {len(tested)} sizes so far"
    parts: list[str] = []
    for name, sizes in groups.items():
        where = every if len(groups) == 1 else f"at {', '.join(sizes)}"
        means = [tested[size].mean for size in sizes]
        if name in VERBS:
            span = _span([abs(mean) for mean in means])
            parts.append(f"{VERBS[name]} {span} {place} {where}" if not parts else f"{VERBS[name]} {span} {where}")
        else:
            shown = "are equivalent within the bound" if name == "equivalent" else "show no difference"
            values = ", ".join(_signed(mean) for mean in means)
            parts.append(f"{shown} in {place} {where} ({values})" if not parts else f"{shown} {where} ({values})")
    return f"{asked.capitalize()} batches {'; they '.join(parts)} ({_seeds(found)})."


def _seeds(found: StudyScores) -> str:
    """Return how many seeds a size has; with one, the interval is over questions alone."""
    by_size = {size: len(found.design.seeds[size]) for size in found.design.sizes}
    alone = [size for size, seeds in by_size.items() if seeds == 1]
    if len(alone) == len(by_size):
        return "one seed a size: the intervals are over questions alone, and another seed may differ"
    few, many = min(by_size.values()), max(by_size.values())
    text = f"{few} seeds a size" if few == many else f"{few} to {many} seeds a size"
    return f"{text}; {', '.join(alone)} with one, over questions alone" if alone else text


def _change(found: StudyScores, asked: str, score: Score) -> str:
    sizes = len(found.design.sizes)
    if sizes < 3:
        return f"Whether that changes with the size is not known: {sizes} of the three sizes that a fit needs."
    if not found.seeds:
        return "Whether that changes with the size is not known: no seed stands at every size."
    errors = found.errors(asked, score), found.errors(found.reference, score)
    compared = interaction(found.parameters, *errors)
    if compared is None:
        return "Whether that changes with the size is not known: an error or a score of 0 has no logarithm."
    ahead = (errors[1] - errors[0]).mean(axis=(1, 2))
    what = "gain" if (ahead > 0).all() else "loss" if (ahead < 0).all() else "difference"
    return _sentence(compared, what, found.seeds)


def _sentence(compared: Interaction, what: str, seeds: Sequence[int]) -> str:
    """Return how a gain, loss or difference changes with the size, on three scales; a loss shrinks as it nears 0."""
    asked: list[tuple[str, str, Difference, tuple[float, float]]] = [
        ("as a share of the error that is left", "exponents ", compared.exponent, compared.exponent_over_sizes),
        ("in the score itself", "for ten times the parameters ", compared.gain, compared.gain_over_sizes),
    ]
    if compared.odds and compared.odds_over_sizes:
        asked.append(("in log odds", "likewise ", compared.odds, compared.odds_over_sizes))
    slopes = holm([slope for _, _, slope, _ in asked])
    trends = [_trend(slope, what) for slope in slopes]
    parts = [
        f"{scale} {trend} ({unit}{_signed(slope.mean)}, {_signed(slope.low)} to {_signed(slope.high)})"
        + _caveat(slope, over_sizes)
        for (scale, unit, _, over_sizes), trend, slope in zip(asked, trends, slopes, strict=True)
    ]
    if len(set(trends)) > 1:
        start = f"Whether the {what} changes with the size depends on the scale"
    elif trends[0] == NO_CHANGE:
        start = f"No change of the {what} with the size is shown"
    else:
        start = f"The {what} {trends[0].removeprefix('it ')} with the size"
    own = f"seed {seeds[0]}, over questions alone" if len(seeds) == 1 else f"{len(seeds)} seeds that all sizes have"
    return f"{start} ({own}): {'; '.join(parts)}."


def _caveat(slope: Difference, over_sizes: tuple[float, float]) -> str:
    low, high = over_sizes
    if slope.p_holm >= 0.05 or low > 0 or high < 0:
        return ""
    return f", but not shown of other sizes ({_signed(low)} to {_signed(high)})"


def _trend(slope: Difference, what: str) -> str:
    if slope.p_holm >= 0.05:
        return NO_CHANGE
    up, down = {"gain": ("grows", "shrinks"), "loss": ("shrinks", "grows")}.get(what, ("rises", "falls"))
    return f"it {up if slope.mean > 0 else down}"


def _span(values: list[float]) -> str:
    low, high = (f"{value:.3f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
