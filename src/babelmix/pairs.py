"""Which pairs an objective trains on: people's and a machine's, or one of the two on the same units.

pairs = training_pairs(human, machine, settings.objective("hybrid"))
"""

from collections.abc import Sequence

from babelmix.config import Objective
from babelmix.errors import UserError
from babelmix.records import Pair


def training_pairs(human: Sequence[Pair], machine: Sequence[Pair], objective: Objective | None = None) -> list[Pair]:
    """Return what people wrote, and a machine's translation where people have written none of that unit and language.

    For an objective with an `origin`, train pairs are those of the units that people and a machine both have in every
    one of its `languages` that a machine translated into, with the text of one of the two: "human" and "machine" train
    on the same units. Other languages, the source among them, are people's in both, and so are the dev pairs. UserError
    where no unit is left.
    """
    written = {(pair.unit, pair.lang) for pair in human}
    usual = [*human, *(pair for pair in machine if (pair.unit, pair.lang) not in written)]
    if objective is None or objective.origin is None:
        return usual
    translated = {(pair.unit, pair.lang): pair for pair in machine}
    languages = set(objective.languages or ())
    targets = languages & {pair.lang for pair in machine}
    both = (
        set.intersection(
            *({unit for unit, lang in written & translated.keys() if lang == target} for target in targets)
        )
        if targets
        else set[str]()
    )
    chosen = [
        translated[pair.unit, pair.lang] if objective.origin == "machine" and pair.lang in targets else pair
        for pair in human
        if pair.split == "train" and pair.unit in both and pair.lang in languages
    ]
    if not chosen:
        names = ", ".join(sorted(languages))
        how = f"put its languages ({names}), but the source's, into pairs.languages and translate.languages"
        raise UserError("no unit has both human and machine translations", where="objective, origin", how=how)
    return [*chosen, *(pair for pair in human if pair.split == "dev")]
