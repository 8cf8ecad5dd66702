"""What the arms of the study gain over the main training, and over one that costs as much, in Markdown.

print(to_markdown(arms_of(records.values(), study), study, ["msm", "bitext"]))
"""

from collections.abc import Iterator, Mapping, Sequence

from babelmix.common.errors import unknown_name
from babelmix.evaluation.significance import Difference, Interval
from babelmix.reporting.scaling import changes_table, shown_interval
from babelmix.reporting.tables import DASH, count, table
from babelmix.study.arms import Arms, System, arm_of_settings, is_plain, shown_arm
from babelmix.study.scores import Score, asked_scores
from babelmix.study.settings import Study

BOUND_NOTE = (
    "Paired over questions and over the seeds that both have, ± half of the 95 % interval. Holm's correction over all "
    "{rows} differences of the table: ▲ better, ▼ worse, = equivalent within {bound:g}, · no difference shown."
)
Key = tuple[str, ...]  # size, first, second, score


def to_markdown(found: Sequence[Arms], study: Study, names: Sequence[str] = ()) -> str:
    """Return the tables of each device: scores, differences from the training without the arm, and margins.

    Args:
        found: as `arms_of` returns them.
        study: the settings.
        names: arms to show, all unless given; UserError for one that the settings do not have.
    """
    for name in names:
        if name not in study.arms:
            raise unknown_name("arm", name, study.arms, where="babelmix arms")
    wanted = {arm_of_settings(name, study) for name in names or study.arms}
    return "\n\n".join(text for arms in found for text in _section(arms, study, wanted, several=len(found) > 1))


def _section(found: Arms, study: Study, wanted: set[str], *, several: bool) -> Iterator[str]:
    scores = _scores_of_all(found, study)
    stands_for = {
        arm_of_settings(name, study): own.rate_of for name, own in study.arms.items() if own.rate_of is not None
    }
    if several:
        yield f"## On {found.device}"
    yield f"Machine: {'; '.join(found.machines)}."
    missing = [
        f"{size} {objective} seed {seed} {arm}"
        for arm, own in study.arms.items()
        if arm_of_settings(arm, study) in wanted
        for size, seeds in own.seeds.items()
        for objective in own.objectives
        for seed in seeds
        if seed not in found.cells.get((size, arm_of_settings(arm, study), objective), {})
    ]
    if missing:
        shown = ", ".join(missing[:6]) + (", ..." if len(missing) > 6 else "")
        yield f"Not finished: {len(missing)} trainings ({shown})."
    yield from _scores(found, scores, wanted, stands_for)
    yield from _differences(found, scores, wanted, stands_for)
    yield from _margins(found, study, scores, wanted)


def _scores_of_all(found: Arms, study: Study) -> list[Score]:
    """Return the figures that all finished trainings have."""
    records = [one for own in found.cells.values() for one in own.values()]
    return [
        score
        for score in asked_scores(study)
        if all(
            score.benchmark in own and own[score.benchmark].scopes[score.scope].map is not None
            for one in records
            for own in (one.facts.systems[one.run.objectives[0]],)
        )
    ]


def _scores(found: Arms, scores: Sequence[Score], wanted: set[str], stands_for: Mapping[str, str]) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    for size in found.sizes:
        for arm, objective in _systems(found, size, wanted, stands_for):
            records = found.cells[size, arm, objective].values()
            seeds = ", ".join(map(str, found.seeds(size, (arm, objective))))
            steps = count(next(iter(records)).facts.steps)
            cells = (_cell(found.interval(size, (arm, objective), score)) for score in scores)
            rows.append((size, shown_arm(arm), objective, seeds, steps, *cells))
    yield "### Scores"
    yield (
        "Mean over the seeds, ± half of the 95 % interval over questions and seeds, with one seed over questions "
        "alone. Steps are those of the training; an arm's own steps before it come on top. mAP; of BEIR tasks nDCG@10."
    )
    yield table(("size", "arm", "objective", "seeds", "steps", *(score.name for score in scores)), rows)


def _differences(
    found: Arms, scores: Sequence[Score], wanted: set[str], stands_for: Mapping[str, str]
) -> Iterator[str]:
    """Yield each arm minus the main training, and minus those with more steps and no other change.

    An arm of objectives that the study has not alone is set against the objective whose learning rate it takes.
    """
    family: dict[Key, Difference] = {}
    for size in found.sizes:
        systems = _systems(found, size, wanted, stands_for)
        for arm, objective in systems:
            plain = stands_for.get(arm, objective)
            for other, same in systems:
                if same == plain and is_plain(other) and arm != other and not (is_plain(arm) and other):
                    name = shown_arm(other) if plain == objective else f"{plain}, {shown_arm(other)}"
                    for score in scores:
                        if one := found.difference(size, (arm, objective), (other, plain), score):
                            family[size, f"{objective}, {shown_arm(arm)}", name, score.name] = one
    yield from _table("### Differences from the training without the arm", family, scores, ("size", "system", "minus"))


def _margins(found: Arms, study: Study, scores: Sequence[Score], wanted: set[str]) -> Iterator[str]:
    """Yield the margin of each objective over the first of the study in each arm, and how the arm changes it."""
    reference = study.objectives[0]
    family: dict[Key, Difference] = {}
    changed: dict[Key, Difference] = {}
    for size in found.sizes:
        systems = _systems(found, size, wanted)
        bases = [arm for arm, objective in systems if objective == reference and is_plain(arm)]
        for arm, objective in systems:
            if objective == reference or (arm, reference) not in systems:
                continue
            for score in scores:
                if one := found.difference(size, (arm, objective), (arm, reference), score):
                    family[size, f"{objective} − {reference}", shown_arm(arm), score.name] = one
                for base in (name for name in bases if name != arm and not is_plain(arm)):
                    if one := found.margin_change(size, arm, base, (objective, reference), score):
                        changed[size, f"{objective} − {reference}", f"{arm} − {shown_arm(base)}", score.name] = one
    yield from _table("### The margin in each arm", family, scores, ("size", "margin", "arm"))
    yield from _table("### How an arm changes the margin", changed, scores, ("size", "margin", "arms"))


def _table(title: str, family: dict[Key, Difference], scores: Sequence[Score], head: Sequence[str]) -> Iterator[str]:
    if not family:
        return
    yield title
    yield BOUND_NOTE.format(rows=count(len(family)), bound=next(iter(family.values())).bound)
    yield changes_table(family, head, [score.name for score in scores])


def _systems(found: Arms, size: str, wanted: set[str], stands_for: Mapping[str, str] | None = None) -> list[System]:
    """Return what is finished at a size, by arm: the wanted arms, and those that only change the number of steps.

    `stands_for`: arm -> an objective that is shown beside it, trained without the arm.
    """
    own = [(arm, objective) for at, arm, objective in found.cells if at == size and arm in wanted]
    objectives = dict.fromkeys(objective for _, objective in own)
    objectives |= dict.fromkeys(stands_for[arm] for arm, _ in own if stands_for and arm in stands_for)
    shown = [arm for arm in found.arms if arm in wanted or is_plain(arm)]
    return [(arm, objective) for arm in shown for objective in objectives if (size, arm, objective) in found.cells]


def _cell(found: Interval | None) -> str:
    return DASH if found is None else shown_interval(found)
