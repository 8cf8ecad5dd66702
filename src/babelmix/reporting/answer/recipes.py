"""Which recipe to take: every encoder and debiasing at every size, and the cheapest that reaches a wanted score.

The dev splits choose the debiasing of an encoder. Whether that form reaches the wanted score is read off the test
benchmark, and so is a wish, not a proof.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from babelmix.evaluation.measures import MEASURE_NAMES
from babelmix.reporting.answer.document import Finder, Offer, Paragraph, Section, Table
from babelmix.reporting.dev_choice import is_transductive, marked
from babelmix.reporting.tables import number
from babelmix.study.design import Design
from babelmix.study.record import Record
from babelmix.study.settings import Study
from babelmix.workspace import BM25, DEV, NATIVE_DEV, UNTRAINED

NEEDS_INDEX = (
    "† needs the passages of the index that it searches, and `+centre-asked` a hundred past queries too. Without a "
    "dagger a form needs training text alone. Each needs the language of every query and passage, but `+centre-asked` "
    "not that of a query."
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """An encoder of one size in one form, with the means over its seeds."""

    size: str
    encoder: str
    form: str  # "" is plain
    records: tuple[Record, ...]

    @property
    def system(self) -> str:
        """The name that scores have."""
        return self.encoder + self.form

    @property
    def sized(self) -> str:
        """The size as tables show it: BM25 has none."""
        return "any" if self.encoder == BM25 else self.size

    @property
    def dev(self) -> float | None:
        """The mean of the pooled mAP over the dev splits, which choose; None where none was scored, as for BM25."""
        splits = () if self.encoder == BM25 else (DEV, NATIVE_DEV)
        known = [score for split in splits if (score := self.score(split, "multilingual", "map")) is not None]
        return fmean(known) if known else None

    @property
    def seconds(self) -> float | None:
        """The median seconds that training took, with averaging; 0 without training, None where nobody measured it."""
        if self.encoder in (BM25, UNTRAINED):
            return 0.0
        measured: list[float] = []
        for one in self.records:
            stages = [f"train@{name}" for name in one.run.objectives]
            stages += [f"average@{name}" for name in one.run.averages if name == self.encoder]
            if all(stage in one.facts.seconds for stage in stages):
                measured.append(sum(one.facts.seconds[stage] for stage in stages))
        return median(measured) if measured else None

    def score(self, benchmark: str, scope: str, measure: str | None = None) -> float | None:
        """Return a score, the main one unless given, the mean over seeds; None where a record lacks it."""
        own = [
            one.score(self.system, benchmark, scope, measure) if benchmark in one.facts.systems[self.system] else None
            for one in self.records
        ]
        known = [value for value in own if value is not None]
        return fmean(known) if known and len(known) == len(own) else None


def recipes(design: Design, study: Study) -> list[Recipe]:
    """Return all encoders and forms that the records have, small sizes first, trained ones first."""
    averages = study.averages.names if study.averages else ()
    return [
        Recipe(size, encoder, form, design.main[size, encoder])
        for size in design.sizes
        for encoder in (*study.objectives, *averages, UNTRAINED, BM25)
        if (size, encoder) in design.main and (encoder != BM25 or size == design.sizes[0])
        for form in ("", *study.forms)
        if all(encoder + form in one.facts.systems for one in design.main[size, encoder])
    ]


def recipes_section(design: Design, study: Study, suffix: str) -> Section:
    """Return the scores of all recipes and forms, of the forms that dev chose, and the finder."""
    found = recipes(design, study)
    chosen = list(_chosen(found, index=True))
    finder = _finder(found, study, suffix)
    blocks = (
        Paragraph(
            "An encoder can be debiased after training, at no training cost. The dev splits choose the form. "
            + NEEDS_INDEX
        ),
        *([finder] if finder.offers else []),
        _scores(chosen, design, study),
        _forms(found, chosen, study),
    )
    return Section(f"recipes{suffix}", "Which recipe to take", blocks)


def _chosen(found: Sequence[Recipe], index: bool) -> Iterator[Recipe]:
    """Yield the form of each encoder that dev prefers; the plain one where nothing was scored on dev."""
    for key in dict.fromkeys((one.size, one.encoder) for one in found):
        own = [one for one in found if (one.size, one.encoder) == key and (index or not is_transductive(one.system))]
        yield max(own, key=lambda one: -math.inf if one.dev is None else one.dev)


def _scores(chosen: Sequence[Recipe], design: Design, study: Study) -> Table:
    columns: list[tuple[str, Callable[[Recipe], float | None]]] = []
    for benchmark in (name for name in study.benchmarks if name != NATIVE_DEV):
        scopes = {"multilingual": "pool"} if benchmark == "native" else _scopes_of(benchmark, study)
        for scope, name in scopes.items():
            measure = next((one.facts.systems[r.system][benchmark].main_score for r in chosen for one in r.records
                            if benchmark in one.facts.systems[r.system]), None)  # fmt: skip
            if measure:
                column = f"{benchmark} {name}, {MEASURE_NAMES[measure]}"
                columns.append((column, lambda one, b=benchmark, s=scope: one.score(b, s)))
    rows = [
        (one.sized, marked(one.system), *(number(value(one)) for _, value in columns), number(one.dev))
        for one in chosen
    ]
    head = ("size", "recipe in the form that dev chose", *(name for name, _ in columns), "dev pool, mAP")
    return Table("Each recipe in its best form", head, tuple(rows), names=2)


def _scopes_of(benchmark: str, study: Study) -> dict[str, str]:
    if benchmark == study.benchmarks[0]:
        return {"multilingual": "pool", "crosslingual": "cross-lingual", "monolingual": "monolingual"}
    return {"monolingual": "English queries", "crosslingual": "translated queries"}


def _forms(found: Sequence[Recipe], chosen: Sequence[Recipe], study: Study) -> Table:
    main = study.benchmarks[0]
    by = {(one.size, one.encoder, one.form): one for one in found}
    rows = [
        (
            best.sized,
            best.encoder,
            *(
                number(by[key].score(main, "multilingual")) if (key := (best.size, best.encoder, form)) in by else "–"
                for form in ("", *study.forms)
            ),
            best.form or "plain",
        )
        for best in chosen
    ]
    head = ("size", "recipe", "plain", *map(marked, (f"{form}" for form in study.forms)), "dev chose")
    return Table(f"Every form in the pool of {main}, mAP", head, tuple(rows), names=2, folded=True)


def _finder(found: Sequence[Recipe], study: Study, suffix: str) -> Finder:
    main = study.benchmarks[0]
    offers = [
        offer
        for index in (True, False)
        for offer in _offers(list(_chosen(found, index)), main, index, study.benchmarks)
    ]
    caption = (
        f"The smallest size that reaches a wanted mAP in the pool of {main}, and there the recipe that is best in the "
        "native pool, in the form that dev chose; all train for equal steps"
    )
    head = ("wanted, up to", "forms", "size", "recipe", "native pool", "training, s")
    return Finder(f"finder{suffix}", caption, head, tuple(offers))


def _offers(chosen: Sequence[Recipe], main: str, index: bool, benchmarks: Sequence[str]) -> Iterator[Offer]:
    """Yield, small sizes first and the best in the native pool first, each that reaches more than all before it.

    What needs no training comes before what does. Recipes of a size train for equal steps, so no clock decides.
    """
    scored = [
        (one, score, one.score("native", "multilingual") if "native" in benchmarks else None)
        for one in chosen
        if (score := one.score(main, "multilingual")) is not None
    ]
    order = {size: place for place, size in enumerate(dict.fromkeys(one.size for one, *_ in scored))}

    def cost(row: tuple[Recipe, float, float | None]) -> tuple[int, bool, float, float]:
        one, score, native = row
        return order[one.size], one.encoder not in (BM25, UNTRAINED), -(native or 0), -score

    best = -math.inf
    for one, score, native in sorted(scored, key=cost):
        if score > best:
            best = score
            seconds = "not measured" if one.seconds is None else f"{one.seconds:,.0f}"
            forms = "all" if index else "without †"
            cells = (number(score), forms, one.sized, marked(one.system), number(native), seconds)
            where = "without any encoder" if one.encoder == BM25 else f"at {one.size}"
            yield Offer(round(score, 4), index, cells, f"{marked(one.system)} {where} reaches {number(score)}")
