"""The training of one objective."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from babelmix.batches.objective import Objective
from babelmix.common.errors import UserError
from babelmix.common.files import cache_dir, new_folder
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.common.progress import progress, say
from babelmix.encoder.load import load_encoder, save_encoder
from babelmix.settings.params import Settings
from babelmix.training.settings import Train
from babelmix.workspace import HERE, remade_by


def train(name: str, settings: Settings) -> str | None:
    """Train the encoder of `models/start` with one objective; return what was written.

    None in a process that is not the main.

    A training that was stopped resumes from its last checkpoint. Under torchrun or `accelerate launch` it runs in
    several processes, with the same batches.
    """
    from babelmix.training import loop
    from babelmix.training.checkpoint import CheckpointStore
    from babelmix.training.distributed import ProcessGroup, process_group
    from babelmix.training.history import write_history
    from babelmix.training.model_card import model_card
    from babelmix.training.opening import announce
    from babelmix.training.tokenized_pairs import read_tokenized

    objective, chosen, start = settings.objective(name), settings.training(), HERE.start
    chosen = chosen.model_copy(update={"steps": objective.steps_of(chosen.steps)})
    output, history_file = HERE.model(name), HERE.history(name)
    claim_folder(output)
    claim_file(history_file)
    if not start.is_dir():
        raise UserError("no encoder to start from", where=str(start), how=remade_by("pretrain"))

    def checkpoints_of(processes: ProcessGroup) -> CheckpointStore:
        inputs = loop.inputs(
            name,
            objective,
            chosen,
            seed=settings.seed,
            start=start,
            tokens=HERE.tokens,
            extras=[file for file in _extra_files(objective) if file],
            processes=processes,
        )
        return CheckpointStore(cache_dir() / "training", inputs)

    locked: list[CheckpointStore] = []  # of the main process, before the processes join

    def lock(processes: ProcessGroup) -> None:
        locked.append(stack.enter_context(checkpoints_of(processes).exclusive(say)))

    with ExitStack() as stack:
        processes = stack.enter_context(process_group(settings.threads, lock))
        tokenized = read_tokenized(HERE.tokens)
        model = load_encoder(start)
        extras, teacher_steps = _extras(objective, tokenized.index, model, chosen)
        checkpoints = checkpoints_of(processes)
        if locked and checkpoints.fingerprint != locked[0].fingerprint:
            how = "run the same command again"
            raise UserError("the training's inputs changed while it waited", where=f"train {name}", how=how)
        checkpoints = locked[0] if locked else checkpoints
        if processes.is_main:
            announce("training", model, chosen, processes, checkpoints)
        with progress(f"train {name}", chosen.steps) as step:
            history = loop.train(
                model,
                tokenized,
                objective,
                chosen,
                seed=settings.seed,
                processes=processes,
                extras=extras,
                checkpoints=checkpoints,
                on_progress=step if processes.is_main else _silent,
            )
        if not processes.is_main:
            return None
        card = model_card(
            f"{settings.model.size}/{name}/s{settings.seed}",
            settings.preset(),
            objective,
            chosen,
            seed=settings.seed,
            sources=sources_read(objective, settings),
            translated=translated_languages(objective, settings),
            teacher_steps=teacher_steps,
            pretrained=None if settings.pretrain.objective == "none" else settings.pretrain.describe(),
        )
        with new_folder(output) as folder:
            save_encoder(model, folder, card)
        write_history(history, loop.Step, history_file)
        checkpoints.delete()
    return f"wrote {output}, last loss {history[-1].loss:.3f}"


def sources_read(objective: Objective, settings: Settings) -> list[str]:
    """Return the sources that an objective draws from: those of texts, of words, or both."""
    return [name for name in settings.sources if objective.reads(words=settings.source_language(name) is None)]


def translated_languages(objective: Objective, settings: Settings) -> list[str]:
    """Return the languages of an objective that at least one of its sources is translated into."""
    wanted = objective.languages or settings.translate.languages
    read = sources_read(objective, settings)
    return [
        lang
        for lang in settings.translate.languages
        if lang in wanted and any(settings.route(name, lang) for name in read)
    ]


def _silent(_: int) -> None:
    """Show nothing: only the main process shows progress."""


def _extra_files(objective: Objective) -> tuple[Path | None, Path | None]:
    """Return the files of the teacher's vectors and the hard negatives of an objective; None where it has none."""
    return HERE.teacher(objective.teacher) if objective.teacher else None, objective.negatives


def _extras(objective: Objective, index: Any, model: Any, chosen: Train) -> tuple[Any, float | None]:
    """Read the teacher's vectors and the hard negatives of an objective, as the index numbers units.

    Also return how many steps of this training cost as much as the teacher's vectors; None without a teacher.
    """
    from babelmix.training import hard_negatives, teacher
    from babelmix.training.cost import steps_worth
    from babelmix.training.step import Extras

    vectors_file, negatives = _extra_files(objective)
    vectors = teacher.read_teacher(vectors_file) if vectors_file else None
    extras = Extras(
        teacher=teacher.aligned(vectors, index) if vectors else None,
        negatives=hard_negatives.aligned(hard_negatives.read_negatives(negatives), index) if negatives else None,
    )
    if vectors is None:
        return extras, None
    layers = teacher.layers_of(model)
    return extras, steps_worth(2 * len(vectors.units), vectors.layers, layers, 2 * chosen.batch_size)
