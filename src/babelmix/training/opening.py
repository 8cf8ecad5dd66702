"""What the user reads before the first step of a training or a pre-training.

announce("training", model, train, processes, checkpoints)
"""

from typing import TYPE_CHECKING

from babelmix.common.progress import say
from babelmix.encoder.packing import note_on_layers
from babelmix.encoder.usage import note_on_threads
from babelmix.training.checkpoint import CheckpointStore
from babelmix.training.distributed import ProcessGroup
from babelmix.training.engine import in_bfloat16, set_dropout
from babelmix.training.settings import Train

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def announce(
    what: str, model: "SentenceTransformer", train: Train, processes: ProcessGroup, checkpoints: CheckpointStore
) -> None:
    """Say on what a model trains, what makes it slow, and where it resumes; its dropout is set, which decides that.

    Args:
        what: "training" or "pre-training".
        model: put into training mode.
        train: with the dropout and the precision.
        processes: of the training.
        checkpoints: the one that it resumes from, and those of other inputs that it does not.
    """
    say(f"{what} on {processes.describe(in_bfloat16(train, processes.device))}")
    set_dropout(model.train(), train.dropout)
    notes = (note_on_layers(model), note_on_threads(processes.threads))
    for note in filter(None, notes if processes.device.type == "cpu" else notes[:1]):
        say(note)
    if last := checkpoints.step():
        say(f"resuming after step {last}, from {checkpoints.file}")
    for other in checkpoints.others():
        say(f"not resuming from {other}")
