"""Train one encoder with one objective; data, seed, steps and optimiser are equal for all objectives.

    with process_group(settings.threads) as processes:
        history = train(model, tokenized, objective, settings.training(), seed=13, processes=processes)
    write_history(history, Step, Path("metrics/history/hybrid.csv"))

`train` changes the model in place. step.py has one step, losses.py the loss, babelmix.batches what a batch holds.
"""

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from babelmix.batches.objective import Objective
from babelmix.batches.sampler import describe, plan
from babelmix.batches.units import index_units, training_rows
from babelmix.common.errors import UserError
from babelmix.encoder.fingerprint import hash_code, hash_files, libraries, machine
from babelmix.training.average import WeightMean, first_averaged
from babelmix.training.checkpoint import Checkpoint, CheckpointStore
from babelmix.training.dev_loss import DevLoss
from babelmix.training.distributed import ProcessGroup
from babelmix.training.settings import Train
from babelmix.training.step import Engine, Extras
from babelmix.training.tokenized_pairs import TokenizedPairs

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# These modules, with what they import, are all code that decides the bytes of a training.
CODE = ("training.loop", "encoder.load", "training.hard_negatives", "training.teacher")
SMALLER = "train.batch_size or train.max_passage_tokens"  # what makes a batch smaller


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the training history; only steps with an evaluation have dev losses."""

    step: int
    kind: str
    loss: float
    lr: float
    dev_english: float | None = None
    dev_monolingual: float | None = None
    dev_crosslingual: float | None = None
    dev_pooled: float | None = None


def train(
    model: "SentenceTransformer",
    tokenized: TokenizedPairs,
    objective: Objective,
    train: Train,
    *,
    seed: int,
    processes: ProcessGroup,
    extras: Extras | None = None,
    checkpoints: CheckpointStore | None = None,
    on_progress: Callable[[int], None] = lambda steps: None,
) -> list[Step]:
    """Train `model` in place for `train.steps` steps and return the history.

    The final weights are those of the last step, or of the evaluation with the lowest dev loss that `train.select_by`
    names, or the mean of those after each step from `objective.average_from` on. Dev losses are of the weights that are
    trained, not of their mean. With `checkpoints` a training that was stopped resumes from its last checkpoint and ends
    with the same bytes. `on_progress` gets the number of steps done since its last call. Raises UserError if the
    batches cannot be planned, if `average_from` meets a `train.select_by` other than last, if the loss is not finite
    (the error names the step and the batch), if memory runs out or if another process exits.
    """
    model.to(processes.device)
    engine = Engine(model, tokenized, train, processes, extras or Extras(), seed=seed)
    _check_widths(model, train, extras)
    units = index_units(tokenized.index, training_rows(tokenized.index, objective))
    dev_loss = DevLoss(tokenized, train)
    scope = train.select_by.removeprefix("dev_")
    _check_processes(processes, train, dev_loss)
    if scope != "last" and scope not in dev_loss.scopes:
        how = "choose another train.select_by, or add dev pairs (pairs.dev_share) in the languages it needs"
        what = f"the dev split has no pairs for {train.select_by}"
        raise UserError(what, where="params.yaml, train.select_by", how=how)
    if scope != "last" and objective.average_from is not None:
        what = f"`average_from` takes the mean of the weights, {train.select_by} those of one evaluation"
        raise UserError(what, where="params.yaml, train.select_by", how="set it to last")
    history: list[Step] = []
    best: tuple[int, float] | None = None
    best_weights: dict[str, torch.Tensor] = {}
    checkpoint = checkpoints.read() if checkpoints else None
    if checkpoints and not processes.agree(checkpoint.step if checkpoint else 0):
        folder, name = checkpoints.file.parent, checkpoints.file.name
        how = f"let all processes see the folder {folder}, or delete {name} there to start from the beginning"
        raise UserError("the processes see different checkpoints", where=str(checkpoints.file), how=how)
    if checkpoints and checkpoint:
        history, best = [Step(*row) for row in checkpoint.history], checkpoint.best
        try:
            best_weights = engine.restore(checkpoint.tensors)
        except (KeyError, ValueError) as error:
            raise checkpoints.corrupt() from error
        on_progress(checkpoint.step)
    mean = None
    if objective.average_from is not None:
        mean = WeightMean(first_averaged(objective.average_from, train.steps), best_weights)
    parts = objective.lexicon.parts(train.steps) if objective.lexicon else (train.steps,)
    batches = plan(units, objective, batch_size=train.batch_size, seed=seed, steps=train.steps, start=len(history))
    for number, batch in enumerate(batches, start=len(history) + 1):
        lr = train.peak_lr * lr_multiplier(number - 1, train, parts)
        with explained_errors(f"train, step {number} ({describe(batch)})", train, checkpoints, smaller=SMALLER):
            loss = engine.step(units, batch, number, lr, objective)
            if mean:
                mean.add(number, engine.named)
            evaluated = number % train.eval_steps == 0 or number == train.steps
            dev = dev_loss.losses(engine) if evaluated else {}
        history.append(Step(number, batch.kind, loss, lr, **{f"dev_{name}": value for name, value in dev.items()}))
        if evaluated and scope != "last" and (best is None or math.isnan(best[1]) or dev[scope] < best[1]):
            best, best_weights = (number, dev[scope]), engine.copy_weights()
        if evaluated and checkpoints and processes.is_main and number < train.steps:
            rows = [list(astuple(row)) for row in history]
            checkpoints.write(Checkpoint(number, rows, best, engine.tensors(mean.weights if mean else best_weights)))
        on_progress(1)
    if best or mean:
        engine.load_weights(mean.weights if mean else best_weights)
    return history


def inputs(
    name: str,
    objective: Objective,
    train: Train,
    *,
    seed: int,
    start: Path,
    tokens: Path,
    extras: Sequence[Path],
    processes: ProcessGroup,
) -> dict[str, Any]:
    """Return everything that decides the bytes of a training, as JSON values: settings, hashes of files, code, machine.

    Args:
        name: of the objective.
        objective: of the training.
        train: the `train` section with its learning rate filled in.
        seed: of batches and dropout.
        start: folder of the starting encoder.
        tokens: folder of the tokenized pairs.
        extras: files of the teacher's vectors and of hard negatives.
        processes: of the training.
    """
    return {
        "objective name": name,
        "objective": objective.model_dump(mode="json"),
        "train": train.model_dump(mode="json"),
        "seed": seed,
        "starting encoder": hash_files(start),
        "pairs": hash_files(tokens),
        "teacher, negatives": hash_files(*extras),
        "code": hash_code(*CODE),
    } | surroundings(processes)


def surroundings(processes: ProcessGroup) -> dict[str, Any]:
    """Return what decides the bytes of any training besides its settings, inputs and code, as JSON values."""
    return {
        "threads": processes.threads,
        "processes": processes.world_size,
        "device": processes.device.type,
        "machine": machine(processes.device),
        "libraries": libraries(),
    }


def lr_multiplier(step: int, train: Train, parts: Sequence[int] = ()) -> float:
    """Return the factor of the peak learning rate at a step (from 0): linear warm-up to 1, then linear decay to 0.

    Each of `parts`, lengths in steps that make up the training, has both; without parts the whole of `train.steps`.
    """
    steps = train.steps
    for steps in parts:
        if step < steps:
            break
        step -= steps
    warmup = math.ceil(steps * train.warmup_ratio)
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / max(1, steps - warmup)


def _check_processes(processes: ProcessGroup, train: Train, dev_loss: DevLoss) -> None:
    """Raise UserError if a process would have nothing to encode."""
    if processes.world_size > min(train.batch_size, dev_loss.units or train.batch_size):
        count = f"{processes.world_size} processes"
        what = f"{count} are too many for batches of {train.batch_size} pairs and {dev_loss.units} dev units"
        raise UserError(what, where="train", how="start fewer, so that each has a text to encode")


def _check_widths(model: "SentenceTransformer", train: Train, extras: Extras | None) -> None:
    width = model.get_embedding_dimension() or 0
    for narrow in train.matryoshka:
        if not 0 < narrow < width:
            how = f"choose widths between 0 and {width}"
            raise UserError(f"the encoder has {width} dimensions, not {narrow}", where="train.matryoshka", how=how)
    if extras and extras.teacher is not None and extras.teacher.shape[2] != width:
        what = f"its vectors have {extras.teacher.shape[2]} dimensions, the encoder's {width}"
        raise UserError(what, where="model.teachers", how="choose a teacher of the same width")


@contextmanager
def explained_errors(where: str, train: Train, checkpoints: CheckpointStore | None, *, smaller: str) -> Generator[None]:
    """Turn a loss that is not finite and a lack of memory into errors that say what to do.

    `where`: the step and its batch. `smaller`: the settings that make a batch smaller.
    """
    exists = checkpoints is not None and checkpoints.file.is_file()
    kept = f"; the last checkpoint is {checkpoints.file}" if checkpoints and exists else ""
    try:
        yield
    except FloatingPointError as error:
        how = f"lower the learning rate or raise train.temperature; no model was written{kept}"
        raise UserError(str(error), where=where, how=how) from error
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise
        cached = "" if train.cached else "set train.cached to true, or "
        raise UserError("out of memory", where=where, how=f"{cached}lower {smaller}{kept}") from error
