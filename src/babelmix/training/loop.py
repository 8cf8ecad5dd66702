"""Train one encoder with one objective; data, seed, steps and optimiser are equal for all objectives.

    with workers(settings.threads) as team:
        history = train(model, corpus, objective, recipe, seed=13, team=team)     # changes the model in place
    write_history(history, Path("metrics/history/hybrid.csv"))

What a step does stands in engine.py, what the loss is in losses.py, what a batch holds in batching.py.
"""

import csv
import hashlib
import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from babelmix.batches.objective import Objective
from babelmix.batches.sampler import Batch, describe, plan
from babelmix.batches.units import index_units, training_rows
from babelmix.common.errors import UserError
from babelmix.common.files import new_file
from babelmix.corpus.index import dev_rows
from babelmix.training.checkpoint import Keeper, State, hash_code, hash_files, libraries, machine
from babelmix.training.distributed import Team
from babelmix.training.losses import dev_losses
from babelmix.training.settings import Train
from babelmix.training.step import Engine, Extras
from babelmix.training.tokenized_pairs import Corpus

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# With what they import: all code that decides the bytes of a training.
CODE = ("training.loop", "encoder.build", "training.hard_negatives", "training.teacher")
DEV_UNITS = 32  # those that exist in the most languages; encoded once a look, in all their languages


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the training history; the dev losses stand only on the steps that looked."""

    step: int
    kind: str
    loss: float
    learning_rate: float
    dev_english: float | None = None
    dev_monolingual: float | None = None
    dev_crosslingual: float | None = None
    dev_pooled: float | None = None


def train(
    model: "SentenceTransformer",
    corpus: Corpus,
    objective: Objective,
    recipe: Train,
    *,
    seed: int,
    team: Team,
    extras: Extras | None = None,
    keeper: Keeper | None = None,
    told: Callable[[int], None] = lambda steps: None,
) -> list[Step]:
    """Train `model` in place for `recipe.steps` steps and return the history.

    The model ends as it was after the last step, or at the look with the lowest dev loss that `train.keep` names. With
    a `keeper` a training that was stopped goes on where its state was last kept, and ends with the same bytes. `told`
    gets the number of steps done since it was last called. Raises UserError where the plan cannot be made, where the
    loss stops being a number (the step and the batch are named), where memory ends, and where another process does.
    """
    model.to(team.device)
    engine = Engine(model, corpus, recipe, team, extras or Extras(), seed=seed)
    _check_widths(model, recipe, extras)
    units = index_units(corpus.index, training_rows(corpus.index, objective))
    look = _Look(corpus, recipe)
    if team.world > min(recipe.batch_size, look.units or recipe.batch_size):
        what = f"{team.world} processes for batches of {recipe.batch_size} pairs and looks at {look.units} dev units"
        raise UserError(what, where="train", how="start fewer: one that has nothing to encode would be in the way")
    if recipe.keep != "last" and recipe.keep not in look.settings:
        how = "choose another train.keep, or add dev pairs (pairs.dev_share) in the languages it needs"
        raise UserError(f"the dev split cannot give the {recipe.keep} loss", where="params.yaml, train.keep", how=how)
    history: list[Step] = []
    best: tuple[int, float] | None = None
    best_weights: dict[str, torch.Tensor] = {}
    state = keeper.read() if keeper else None
    if keeper and not team.agree(state.step if state else 0):
        how = f"let all of them see the folder {keeper.file.parent}, or delete {keeper.file.name} there to begin again"
        raise UserError("the processes see different kept states", where=str(keeper.file), how=how)
    if keeper and state:
        history, best = [Step(*row) for row in state.history], state.best
        try:
            best_weights = engine.restore(state.tensors)
        except (KeyError, ValueError) as error:
            raise keeper.spoilt() from error
        told(state.step)
    batches = plan(units, objective, batch_size=recipe.batch_size, seed=seed, steps=recipe.steps, start=len(history))
    for number, batch in enumerate(batches, start=len(history) + 1):
        rate = recipe.peak_lr * learning_rate_share(number - 1, recipe)
        with _faults(number, batch, recipe, keeper):
            loss = engine.step(units, batch, number, rate, objective)
            looked = number % recipe.look_steps == 0 or number == recipe.steps
            dev = look.losses(engine) if looked else {}
        history.append(Step(number, batch.kind, loss, rate, **{f"dev_{name}": value for name, value in dev.items()}))
        if looked and recipe.keep != "last" and (best is None or math.isnan(best[1]) or dev[recipe.keep] < best[1]):
            best, best_weights = (number, dev[recipe.keep]), engine.copy_weights()
        if looked and keeper and team.first and number < recipe.steps:
            rows = [list(astuple(row)) for row in history]
            keeper.write(State(number, rows, best, engine.tensors(best_weights)))
        told(1)
    if best:
        engine.load_weights(best_weights)
    return history


def inputs(
    name: str,
    objective: Objective,
    recipe: Train,
    *,
    seed: int,
    start: Path,
    tokens: Path,
    extras: Sequence[Path],
    team: Team,
) -> dict[str, Any]:
    """Return all that decides the bytes of a training, as JSON values: settings, files by hash, code, machine."""
    return {
        "objective name": name,
        "objective": objective.model_dump(mode="json"),
        "train": recipe.model_dump(mode="json"),
        "seed": seed,
        "threads": team.threads,
        "processes": team.world,
        "device": team.device.type,
        "machine": machine(team.device),
        "libraries": libraries(),
        "starting encoder": hash_files(start),
        "pairs": hash_files(tokens),
        "teacher, negatives": hash_files(*extras),
        "code": hash_code(*CODE),
    }


def learning_rate_share(step: int, recipe: Train) -> float:
    """Return the share of the learning rate at a step (from 0): linear warm-up to 1, then linear decay towards 0."""
    warmup = math.ceil(recipe.steps * recipe.warmup_share)
    if step < warmup:
        return (step + 1) / warmup
    return (recipe.steps - step) / max(1, recipe.steps - warmup)


def write_history(history: Sequence[Step], path: Path) -> None:
    """Write the history as CSV: the fields of `Step`, losses in nats."""
    with new_file(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Step.__dataclass_fields__)
        for row in history:
            values = ("" if value is None else f"{value:.6g}" for value in astuple(row)[2:])
            writer.writerow([row.step, row.kind, *values])


class _Look:
    """The dev units that every look encodes, and the losses they give."""

    def __init__(self, corpus: Corpus, recipe: Train) -> None:
        index, rows = corpus.index, dev_rows(corpus.index)
        number = np.bincount(index.unit[rows], minlength=len(index.units))
        known = np.flatnonzero(number).tolist()
        known.sort(key=lambda unit: (-number[unit], hashlib.sha256(index.units[unit].encode()).digest()))
        groups, chosen = index_units(index, rows).groups, list[int]()
        for unit in known:
            if len(chosen) < DEV_UNITS and groups[unit] not in groups[chosen]:
                chosen.append(unit)
        self.units = len(chosen)
        self._rows = rows[np.isin(index.unit[rows], chosen)]
        self._texts = [corpus.queries[row] for row in self._rows] + [corpus.passages[row] for row in self._rows]
        self._unit = index.unit[self._rows].astype(np.int64)
        self._lang = [index.languages[lang] for lang in index.lang[self._rows]]
        self._temperature = recipe.temperature
        blank = np.zeros((len(self._rows), 1), dtype=np.float32)
        self.settings = dev_losses(blank, blank, self._unit, self._lang, 1.0).keys() if len(blank) else set[str]()

    def losses(self, engine: Engine) -> dict[str, float]:
        """Return the dev loss in each setting that the dev split can give."""
        if not self.settings:
            return {}
        vectors = engine.encode(self._texts)
        size = len(self._rows)
        return dev_losses(vectors[:size], vectors[size:], self._unit, self._lang, self._temperature)


def _check_widths(model: "SentenceTransformer", recipe: Train, extras: Extras | None) -> None:
    width = model.get_embedding_dimension() or 0
    for narrow in recipe.matryoshka:
        if not 0 < narrow < width:
            how = f"choose widths between 0 and {width}"
            raise UserError(f"the encoder has {width} numbers, not {narrow}", where="train.matryoshka", how=how)
    if extras and extras.teacher is not None and extras.teacher.shape[2] != width:
        what = f"its vectors have {extras.teacher.shape[2]} numbers, the encoder's {width}"
        raise UserError(what, where="model.teachers", how="choose a teacher of the same width")


@contextmanager
def _faults(number: int, batch: Batch, recipe: Train, keeper: Keeper | None) -> Generator[None]:
    """Turn what can go wrong in a step into an error that says what to do."""
    where = f"train, step {number} ({describe(batch)})"
    kept = f"; the state of the last look is kept in {keeper.file}" if keeper and keeper.file.is_file() else ""
    try:
        yield
    except FloatingPointError as error:
        how = f"lower the learning rate or raise train.temperature; no model was written{kept}"
        raise UserError(f"{error} is no number to learn from", where=where, how=how) from error
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise
        cached = "" if recipe.cached else "set train.cached to true, or "
        how = f"{cached}lower train.batch_size or train.max_passage_tokens{kept}"
        raise UserError("out of memory", where=where, how=how) from error
