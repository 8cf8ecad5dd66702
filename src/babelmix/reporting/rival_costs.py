"""What a rival's training costs, in steps of the plain recipe, and which plain hybrid has as many steps.

cost = costs(settings, units=8000)                  # {"untrained": 0, "hybrid": 240, "hybrid-start": 240, ...}
at_equal_compute(cost["distilled"], plain_hybrids(settings, cost))      # "hybrid-thrice"
"""

from collections.abc import Mapping

from babelmix.batches.objective import Objective
from babelmix.common.errors import UserError
from babelmix.settings.params import Settings
from babelmix.training.cost import steps_worth
from babelmix.workspace import HERE, UNTRAINED

PLAIN = "hybrid"  # the objective that every rival is held against


def costs(settings: Settings, units: int) -> dict[str, float]:
    """Return encoder -> the steps of the plain recipe that cost as much as its training.

    - An objective costs its steps. With the consistency loss a step reads a third text, a query: it costs more by the
      share of a query's tokens in those of a pair.
    - A teacher reads every training unit once, a query and a passage each, see `training.cost.steps_worth`.
    - A weight average costs the sum of its two trainings, an untrained encoder and a debiasing nothing.

    Args:
        settings: of the experiment.
        units: parallel ids of the training pairs, which a teacher reads.

    UserError for an objective with a teacher where the number of layers of either encoder is not known.
    """
    found = {UNTRAINED: 0.0}
    for name in settings.objectives:
        objective, train = settings.objective(name), settings.train
        found[name] = float(objective.steps_of(train.steps))
        if objective.kl_weight:
            tokens = train.max_query_tokens + train.max_passage_tokens
            found[name] *= 1 + train.max_query_tokens / tokens
        if objective.teacher:
            layers = _layers(settings, objective.teacher), _layers(settings, settings.model.size)
            found[name] += steps_worth(2 * units, *layers, 2 * train.batch_size)
    for name in settings.averages:
        average = settings.average[name]
        found[name] = found[average.first] + found[average.second]
    return found


def plain_hybrids(settings: Settings, cost: Mapping[str, float]) -> dict[str, float]:
    """Return the objectives that are plain hybrid but for their steps, and the cost of each, cheap ones first."""

    def as_plain(objective: Objective) -> Objective:
        return objective.model_copy(update={"steps": 1.0})

    plain = as_plain(settings.objective(PLAIN))
    names = [name for name in settings.objectives if as_plain(settings.objective(name)) == plain]
    return {name: cost[name] for name in sorted(names, key=lambda name: (cost[name], name != PLAIN))}


def at_equal_compute(cost: float, plain: Mapping[str, float]) -> str:
    """Return the cheapest plain hybrid that costs at least as much; the dearest where none does."""
    enough = [name for name, own in plain.items() if own >= cost]
    return enough[0] if enough else list(plain)[-1]


def _layers(settings: Settings, size: str) -> int:
    layers = settings.model.presets[size].layers
    if layers is None:
        what, how = "a teacher's cost needs the number of layers", "write `layers:`, all of them"
        raise UserError(what, where=f"{HERE.params}, model.presets.{size}", how=how)
    return layers
