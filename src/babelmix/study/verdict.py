"""The answer in one sentence, made from the numbers: what the batches gain, and whether that changes with the size.

verdict(design, study)
# "Hybrid batches gain 0.030 to 0.042 mAP in the pool of xquad-r against contrastive ones at every size (5 seeds).
#  Whether the gain changes with the size: no difference of exponents is shown ..."
"""

from collections.abc import Mapping

from babelmix.evaluation.significance import Difference, holm
from babelmix.study.design import Design
from babelmix.study.exponents import Interaction, interaction
from babelmix.study.gains import gains
from babelmix.study.scores import Score, StudyScores
from babelmix.study.settings import Study

VERBS = {"better": "gain", "worse": "lose"}
MEASURES = {"map": "mAP", "ndcg_at_10": "nDCG@10"}


def verdict(design: Design, study: Study) -> str:
    """Return what the study's second objective (hybrid) does against its first (contrastive) in the main pool.

    The sizes are one family of tests (Holm), named before anyone looked: the question of the project. The change over
    sizes is the difference of the exponents of the error, with its interval over questions and seeds. Where sizes
    scatter more around the line than the difference is large, the sentence says so. A null is an answer.
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
    place = f"{MEASURES[own.main_score]} in the pool of {score.benchmark} against {found.reference} ones"
    groups: dict[str, list[str]] = {}
    for size, difference in tested.items():
        groups.setdefault(difference.verdict, []).append(size)
    seeds = sorted({len(own) for own in found.design.seeds.values()})
    how_many = f"{seeds[0]}{f' to {seeds[-1]}' if len(seeds) > 1 else ''} seed{'s' if seeds[-1] > 1 else ''} a size"
    if seeds == [1]:
        how_many = "one seed a size: intervals over questions alone"
    parts: list[str] = []
    for name, sizes in groups.items():
        where = "at every size" if len(groups) == 1 else f"at {', '.join(sizes)}"
        means = [tested[size].mean for size in sizes]
        if name in VERBS:
            span = _span([abs(mean) for mean in means])
            parts.append(f"{VERBS[name]} {span} {place} {where}" if not parts else f"{VERBS[name]} {span} {where}")
        else:
            shown = "are equivalent within the bound" if name == "equivalent" else "show no difference"
            values = ", ".join(_signed(mean) for mean in means)
            parts.append(f"{shown} in {place} {where} ({values})" if not parts else f"{shown} {where} ({values})")
    return f"{asked.capitalize()} batches {'; they '.join(parts)} ({how_many})."


def _change(found: StudyScores, asked: str, score: Score) -> str:
    sizes = len(found.design.sizes)
    if sizes < 3:
        return f"Whether that changes with the size is not known: {sizes} of the three sizes that a fit needs."
    compared = interaction(found.parameters, found.errors(asked, score), found.errors(found.reference, score))
    if compared is None:
        return "Whether that changes with the size is not known: no seed stands at every size."
    return _sentence(compared)


def _sentence(compared: Interaction) -> str:
    exponent, gain = compared.exponent, compared.gain
    figures = f"{_signed(exponent.mean)}, {_signed(exponent.low)} to {_signed(exponent.high)}"
    plain = f"{_signed(gain.mean)}, {_signed(gain.low)} to {_signed(gain.high)}, for ten times the parameters"
    itself = f"the gain itself {_trend(gain)} ({plain}){_caveat(gain, compared.gain_over_sizes)}"
    if exponent.p >= 0.05:
        return f"Whether the gain changes with the size: no difference of exponents is shown ({figures}); {itself}."
    caveat = _caveat(exponent, compared.exponent_over_sizes)
    share = f"As a share of the error that is left, the gain {_trend(exponent)} with the size (exponents {figures})"
    return f"{share}{caveat}; {itself}."


def _trend(slope: Difference) -> str:
    return "shows no change" if slope.p >= 0.05 else "grows" if slope.mean > 0 else "shrinks"


def _caveat(slope: Difference, over_sizes: tuple[float, float]) -> str:
    low, high = over_sizes
    if slope.p >= 0.05 or low > 0 or high < 0:
        return ""
    return (
        f", but the sizes do not lie near enough to a line to say so of other sizes ({_signed(low)} to {_signed(high)})"
    )


def _span(values: list[float]) -> str:
    low, high = (f"{value:.3f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
