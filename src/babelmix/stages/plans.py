"""The batches of an objective, shown before anything is trained."""

from functools import partial
from itertools import islice

from babelmix.batches.audit import audit, render
from babelmix.batches.sampler import describe
from babelmix.batches.sampler import plan as make_plan
from babelmix.batches.units import index_units, training_rows
from babelmix.common.progress import terminal
from babelmix.corpus.index import index_pairs
from babelmix.settings.params import Settings
from babelmix.stages.pairs import all_pairs


def plan(name: str, steps: int, settings: Settings) -> str:
    """Print the first batches of an objective and an audit of all of them; return what was planned."""
    objective, seed, train = settings.objective(name), settings.seed, settings.train
    total = objective.steps_of(train.steps)
    index = index_pairs(all_pairs(settings))
    units = index_units(index, training_rows(index, objective))
    batches = partial(make_plan, units, objective, batch_size=train.batch_size, seed=seed, steps=total)
    print(f"{name}: {objective.describe()}")
    for number, batch in enumerate(islice(batches(), steps), start=1):
        print(f"{number:4} {describe(batch)}")
    render(audit(index, units, batches(), seed=seed), terminal())
    return f"planned {total:,} batches of {train.batch_size}"
