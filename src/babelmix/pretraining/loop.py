"""Pre-train an encoder on blocks of texts: the steps, the learning rate, checkpoints and the history.

    with process_group(settings.threads) as processes:
        history, engine = pretrain(model, blocks, settings.pretrain, train, seed=13, processes=processes)
    write_history(history, Step, Path("metrics/pretrain/history.csv"))

`pretrain` changes the model in place. Optimiser, warm-up, decay and clipping are those of `train`.
"""

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.corpus.settings import Pairs
from babelmix.encoder.fingerprint import hash_code, hash_files
from babelmix.pretraining.blocks import Blocks
from babelmix.pretraining.engine import Engine
from babelmix.pretraining.history import Step
from babelmix.pretraining.plan import BlockBatch, plan_blocks
from babelmix.pretraining.settings import Pretrain
from babelmix.training.checkpoint import Checkpoint, CheckpointStore
from babelmix.training.distributed import ProcessGroup
from babelmix.training.loop import explained_errors, lr_multiplier, surroundings
from babelmix.training.settings import Train

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# These modules, with what they import, are all code that decides the bytes of a pre-training.
CODE = ("pretraining.loop", "pretraining.pages", "encoder.load")
SMALLER = "pretrain.blocks"  # what makes a batch smaller


def pretrain(
    model: "SentenceTransformer",
    blocks: Blocks,
    pretrain: Pretrain,
    train: Train,
    *,
    seed: int,
    processes: ProcessGroup,
    checkpoints: CheckpointStore | None = None,
    on_progress: Callable[[int], None] = lambda steps: None,
) -> tuple[list[Step], Engine]:
    """Pre-train `model` in place for `pretrain.steps` steps; return the history, and the engine for diagnostics.

    With `checkpoints`, one each `train.eval_steps` steps, a pre-training that was stopped resumes and ends with the
    same bytes. `on_progress` gets the number of steps done since its last call. Raises UserError if the batches cannot
    be planned, if the loss is not finite (the error names the step) or if memory runs out.

    Args:
        model: the encoder.
        blocks: of the pages; those of the train split are learned from.
        pretrain: the section of that name.
        train: the section of that name, with the steps and the learning rate of the pre-training
            (`Settings.pretraining`).
        seed: of batches, dropout and what is trained beside the encoder.
        processes: of the training.
        checkpoints: where to resume from.
        on_progress: see above.
    """
    model.to(processes.device)
    engine = Engine(model, pretrain, train, processes, seed=seed)
    history: list[Step] = []
    if checkpoints and (checkpoint := checkpoints.read()):
        history = [Step(*row) for row in checkpoint.history]
        try:
            engine.restore(checkpoint.tensors)
        except (KeyError, ValueError) as error:
            raise checkpoints.corrupt() from error
        on_progress(checkpoint.step)
    batches = plan_blocks(blocks, pretrain, seed=seed, steps=pretrain.steps, start=len(history))
    for number, batch in enumerate(batches, start=len(history) + 1):
        lr = train.peak_lr * lr_multiplier(number - 1, train)
        where = f"pretrain, step {number} ({pretrain.objective}, {languages_of(batch)})"
        with explained_errors(where, train, checkpoints, smaller=SMALLER):
            done = engine.step(batch, number, lr)
        history.append(Step(number, languages_of(batch), done.loss, lr, done.own, done.other))
        if checkpoints and processes.is_main and number % train.eval_steps == 0 and number < pretrain.steps:
            rows = [list(astuple(row)) for row in history]
            checkpoints.write(Checkpoint(number, rows, None, engine.tensors({})))
        on_progress(1)
    return history, engine


def inputs(
    pretrain: Pretrain,
    train: Train,
    pairs: Pairs,
    *,
    without: str | None,
    seed: int,
    start: Path,
    pages: Path,
    processes: ProcessGroup,
) -> dict[str, Any]:
    """Return everything that decides the bytes of a pre-training, as JSON values: see `training.loop.inputs`.

    Args:
        pretrain: the section of that name.
        train: the section of that name, with the steps and the learning rate of the pre-training.
        pairs: the section of that name, for languages and splits.
        without: the language that is left out.
        seed: of the pre-training.
        start: folder of the starting encoder.
        pages: folder of the raw pages.
        processes: of the training.
    """
    return {
        "objective name": f"pretrain {pretrain.objective}",
        "pretrain": pretrain.model_dump(mode="json"),
        "train": train.model_dump(mode="json"),
        "pages of": pairs.model_dump(mode="json"),
        "without": without,
        "seed": seed,
        "starting encoder": hash_files(start),
        "pages": hash_files(pages),
        "code": hash_code(*CODE),
    } | surroundings(processes)


def languages_of(batch: BlockBatch) -> str:
    """Return the languages of a batch in words: "de", or "de-fr" where the targets have another."""
    one, other = batch.language, batch.target_language
    return one if one == other else f"{one}-{other}"
