"""The tables of the rivals, in Markdown: scores, every debiasing, differences from plain hybrid, and language bias.

print(to_markdown(read_rivals(Path("."), names, say)))
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from statistics import fmean
from typing import Any

from babelmix.evaluation.significance import Difference, Interval
from babelmix.reporting.dev_choice import best_debiasing, marked
from babelmix.reporting.rivals import AIM, BEIR, NATIVE, PARALLEL, SizeRivals, beir_score
from babelmix.reporting.tables import DASH, SIGNS, count, signed, table
from babelmix.workspace import BM25, BY_INDEX, BY_TEXT, DEBIASINGS, DEV, encoder_of

HOW = (
    "Means over seeds, ± half of the 95 % interval over questions and seeds; with one seed over questions alone. "
    "Steps: what the training costs in steps of the plain recipe; the teacher and both parts of an average count. "
    "Dev: the mean pooled mAP on the dev splits, which chose everything that is chosen. Each encoder is shown plain, "
    "with its best debiasing by training text, and with its best by the index. † is transductive: estimated on the "
    "passages of the index that is searched, without labels."
)
BIAS = (
    f"On {PARALLEL}: LPR, the share of queries whose first right answer is in their own language; recall at 10 over "
    "the right answers in the query's language, and over those in others; MRC@10, the overlap of the lists of one "
    f"question's translations. On {DEV}: contrastive entropy in nats (monolingual, cross-lingual, pooled). Hubs: the "
    "share of nonsense queries whose first passage is the most frequent one."
)
PICKED = (
    " (picked among all shown systems, each of whose monolingual losses is tested by itself: of many rows some reach "
    "it by chance)"
)
MEASURES = ("lpr", "recall_same_at_10", "recall_across_at_10", "mrc_at_10")  # keys of an evaluation's "bias"


def to_markdown(sizes: Sequence[SizeRivals]) -> str:
    """Return what dev recommends at each size, and the tables with how to read them."""
    parts = [_answer(sizes), HOW, *(text for found in sizes for text in _scores(found))]
    parts += ["### Every debiasing", _grid_note(), *(text for found in sizes for text in _grids(found))]
    parts += ["### Differences from plain hybrid at equal compute", _difference_note(sizes)]
    parts += [text for found in sizes for text in _differences(found)]
    parts += ["### Language bias and hubs", BIAS, *(text for found in sizes for text in _bias(found))]
    return "\n\n".join(parts)


def _answer(sizes: Sequence[SizeRivals]) -> str:
    lines: list[str] = []
    for found in sizes:
        seeds = f"seed{'s' if len(found.seeds) > 1 else ''} {', '.join(map(str, found.seeds))}"
        lines.append(f"- **{found.size}** ({seeds}). {' '.join(_recommendation(found))}")
        reached = [marked(name) for name in found.shown if (name, "multi") in found.differences]
        reached = [name for name in reached if found.reaches_aim(name.removesuffix("†"))]
        lines[-1] += f" The aim is reached by: {', '.join(reached) or 'none'}{PICKED if reached else ''}."
        if found.left_out:
            lines[-1] += f" Left out, as not every seed has them: {', '.join(found.left_out)}."
    aim = (
        f"Aim: multilingual mAP on {PARALLEL} at least {AIM:.2f} above plain hybrid at equal compute, and no "
        "monolingual loss beyond the bound. The dev splits recommend, at each size and cost:"
    )
    return "\n".join([aim, "", *lines])


def _recommendation(found: SizeRivals) -> Iterator[str]:
    ways = ((False, "by training text alone"), (True, "with the index's own passages too"))
    for plain, (transductive, way) in product(found.plain, ways):
        name = found.recommended(plain, transductive=transductive)
        text = f"At most {count(round(found.plain[plain]))} steps, {way}: **{marked(name)}**"
        if (name, "multi") in found.differences:
            multi, mono = found.differences[name, "multi"], found.differences[name, "mono"]
            text += (
                f" ({_change(multi)} multilingual and {_change(mono)} monolingual against {found.against(name)}; "
                f"the aim is {'' if found.reaches_aim(name) else 'not '}reached)"
            )
        yield f"{text}."


def _scores(found: SizeRivals) -> Iterator[str]:
    yield f"### Scores, {found.size}"
    rows: list[Sequence[str]] = []
    beir = [(task, english) for task in found.tasks for english in (True, False)]
    others: list[Sequence[str]] = []
    for name in found.shown:
        cells = [_score(found, name, score) for score in ("mono", "cross", "multi", "native mono", "native")]
        cells.insert(3, _mean([one["bias"]["rank_distance"] for one in found.evaluations[PARALLEL][name]], ".0f"))
        rows.append((marked(name), _steps(found, name), *cells))
        dev = found.dev.get(name)
        chosen_by = (DASH, DASH) if dev is None else (short(dev.pooled), short(dev.monolingual))
        others.append((marked(name), *chosen_by, *(_score(found, name, beir_score(*one)) for one in beir)))
    yield table(("mAP", "steps", "mono", "cross", "multi", "rank dist.", "native mono", "native pool"), rows)
    yield f"Mono, cross, multi and rank distance on {PARALLEL}. Below: mAP on dev, and nDCG@10."
    tasks = (f"{task}, {'en' if english else 'others'}" for task, english in beir)
    yield table(("", "dev", "dev mono", *tasks), others)


def _grid_note() -> str:
    return (
        f"Multilingual mAP on {PARALLEL} and, in the second table of a size, pooled mAP on {NATIVE}, by recipe and "
        "debiasing. Bold: chosen on dev, one by training text and one by the index."
    )


def _grids(found: SizeRivals) -> Iterator[str]:
    for benchmark, name in ((PARALLEL, f"{found.size}, multi"), (NATIVE, f"{found.size}, native pool")):
        rows: list[Sequence[str]] = []
        for encoder in found.cost:
            best = {best_debiasing(found.dev, encoder, forms) for forms in (BY_TEXT, BY_INDEX)}
            row = [encoder]
            for system in (encoder, *(encoder + debiasing for debiasing in DEBIASINGS)):
                evaluations = found.evaluations[benchmark].get(system, [])
                cell = _mean([one["scopes"]["multilingual"]["map"] for one in evaluations])
                row.append(f"**{cell}**" if system in best and evaluations else cell)
            rows.append(row)
        yield table((name, "plain", *(marked(debiasing).removeprefix("+") for debiasing in DEBIASINGS)), rows)


def _difference_note(sizes: Sequence[SizeRivals]) -> str:
    rows = sum(len(found.differences) for found in sizes)
    bound = sizes[0].settings.evaluate.equivalence_bound
    return (
        "Each system minus the plain hybrid in the second column, the cheapest with at least as many steps as the "
        "system's training costs (with an asterisk where the dearest has fewer), ± half of the 95 % interval. p: "
        f"Holm's correction over all {count(rows)} differences of this section. ▲ better, ▼ worse, = equivalent "
        f"within {bound:g}, · no difference shown. No loss: with 95 % confidence the monolingual loss is below "
        f"{bound:g}, each row taken alone. Aim: multi better by {AIM:.2f} at least, and no loss. {BEIR}: nDCG@10 over "
        f"queries of all languages, the mean over {', '.join(sizes[0].tasks) or 'no task'}."
    )


def _differences(found: SizeRivals) -> Iterator[str]:
    parallel: list[Sequence[str]] = []
    others: list[Sequence[str]] = []
    for name in found.shown:
        if (name, "multi") not in found.differences:
            continue
        multi, mono = found.differences[name, "multi"], found.differences[name, "mono"]
        first = (marked(name), _against(found, name))
        no_loss, aim = ("yes" if shown else "no" for shown in (mono.no_worse, found.reaches_aim(name)))
        parallel.append((*first, *_tested(multi), *_tested(mono), no_loss, aim))
        others.append(
            (*first, *_tested(found.differences[name, "native"]), *_tested(found.differences.get((name, BEIR))))
        )
    yield table((found.size, "against", "multi", "p", "mono", "p", "no loss", "aim"), parallel)
    yield table((found.size, "against", "native pool", "p", BEIR, "p"), others)


def _bias(found: SizeRivals) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    for name in found.shown:
        parallel, dev = found.evaluations[PARALLEL][name], found.evaluations[DEV].get(name, [])
        bias = [_field(parallel, "bias", key) for key in MEASURES]
        entropy = [_field(dev, "contrastive_entropy", key) for key in ("monolingual", "crosslingual", "pooled")]
        rows.append((marked(name), *bias, *entropy, _field(parallel, "nonsense", "same_first")))
    head = ("LPR", "R@10 same", "R@10 across", "MRC@10", "entropy mono", "cross", "pooled", "hubs")
    yield table((found.size, *head), rows)


def _field(evaluations: Iterable[dict[str, Any]], section: str, key: str) -> str:
    """Return the mean of a figure over seeds; a dash where an evaluation lacks it."""
    return _mean([(one.get(section) or {}).get(key) for one in evaluations])


def _mean(values: Sequence[float | None], form: str = ".3f") -> str:
    known = [value for value in values if value is not None]
    return short(fmean(known), form) if known and len(known) == len(values) else DASH


def _score(found: SizeRivals, system: str, name: str) -> str:
    score = found.scores.get((system, name))
    return DASH if score is None else f"{short(score.mean)}{_half(score)}"


def _change(difference: Difference) -> str:
    return f"{signed(difference.mean).replace('0.', '.')}{_half(difference)}"


def _tested(difference: Difference | None) -> tuple[str, str]:
    if difference is None:
        return DASH, DASH
    p = "<.001" if difference.p_holm < 0.001 else short(difference.p_holm)
    return f"{_change(difference)} {SIGNS[difference.verdict]}", p


def _half(found: Interval | Difference) -> str:
    """Return half of the interval's width, to be added; nothing where one question gives none."""
    half = (found.high - found.low) / 2
    return f"±{short(half)}" if math.isfinite(half) else ""


def short(value: float, form: str = ".3f") -> str:
    """Return a figure without the zero before its point: ".538"."""
    text = format(value, form)
    return text[1:] if text.startswith("0.") else text


def _steps(found: SizeRivals, system: str) -> str:
    return DASH if system == BM25 else count(round(found.cost[encoder_of(system)]))


def _against(found: SizeRivals, system: str) -> str:
    plain = found.against(system)
    return plain if found.plain[plain] >= found.cost[encoder_of(system)] else f"{plain}*"
