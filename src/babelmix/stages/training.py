"""The training of one objective."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from babelmix.batches.objective import Objective
from babelmix.common.errors import UserError
from babelmix.common.files import new_folder, store
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.common.progress import progress, say
from babelmix.encoder.build import load_encoder, save_encoder
from babelmix.settings.params import Settings
from babelmix.workspace import HERE, UNTRAINED


def train(name: str, settings: Settings) -> str | None:
    """Train the starting encoder with one objective; return what was written, None in a process that is not the main.

    A training that was stopped goes on from its last kept state. Started by torchrun or `accelerate launch`, it runs
    in several processes, with the same batches.
    """
    from babelmix.training import loop
    from babelmix.training.checkpoint import Keeper
    from babelmix.training.distributed import Team, workers
    from babelmix.training.model_card import model_card
    from babelmix.training.tokenized_pairs import read_corpus

    objective, recipe, start = settings.objective(name), settings.training(), HERE.model(UNTRAINED)
    output, history_file = HERE.model(name), HERE.history(name)
    claim_folder(output)
    claim_file(history_file)

    def keeper_of(team: Team) -> Keeper:
        files = [file for file in _extra_files(objective) if file]
        inputs = loop.inputs(
            name, objective, recipe, seed=settings.seed, start=start, tokens=HERE.tokens, extras=files, team=team
        )
        return Keeper(store() / "training", inputs)

    keepers: list[Keeper] = []
    with ExitStack() as stack:
        team = stack.enter_context(
            workers(settings.threads, lambda team: keepers.append(stack.enter_context(keeper_of(team).alone(say))))
        )
        corpus = read_corpus(HERE.tokens)
        extras = _extras(objective, corpus.index)
        model = load_encoder(start)
        keeper = keeper_of(team)
        if keepers and keeper.fingerprint != keepers[0].fingerprint:
            how = "run the same command again"
            raise UserError("what it trains on was changed while it waited", where=f"train {name}", how=how)
        keeper = keepers[0] if keepers else keeper
        if team.first:
            say(f"training on {team.describe(recipe.bfloat16)}")
            if kept := keeper.step():
                say(f"going on after step {kept}, from {keeper.file}")
            for other in keeper.others():
                say(f"not gone on from: {other}")
        with progress(f"train {name}", recipe.steps) as step:
            told = step if team.first else _silent
            history = loop.train(
                model,
                corpus,
                objective,
                recipe,
                seed=settings.seed,
                team=team,
                extras=extras,
                keeper=keeper,
                told=told,
            )
        if not team.first:
            return None
        card = model_card(
            f"{settings.model.size}/{name}/s{settings.seed}",
            settings.preset(),
            objective,
            recipe,
            seed=settings.seed,
            sources=settings.sources,
            translated=_translated(settings),
        )
        with new_folder(output) as folder:
            save_encoder(model, folder, card)
        loop.write_history(history, history_file)
        keeper.forget()
    return f"wrote {output}, last loss {history[-1].loss:.3f}"


def _translated(settings: Settings) -> list[str]:
    """Return the languages that at least one source is translated into."""
    return [
        lang for lang in settings.translate.languages if any(settings.route(name, lang) for name in settings.sources)
    ]


def _silent(_: int) -> None:
    """Show nothing: one process of several shows the progress."""


def _extra_files(objective: Objective) -> tuple[Path | None, Path | None]:
    """Return the files of the teacher's vectors and the hard negatives of an objective; None where it has none."""
    return HERE.teacher(objective.teacher) if objective.teacher else None, objective.negatives


def _extras(objective: Objective, index: Any) -> Any:
    """Read the teacher's vectors and the hard negatives of an objective, as the index numbers units."""
    from babelmix.training import hard_negatives, teacher
    from babelmix.training.step import Extras

    vectors, negatives = _extra_files(objective)
    return Extras(
        teacher=teacher.aligned(teacher.read_teacher(vectors), index) if vectors else None,
        negatives=hard_negatives.aligned(hard_negatives.read_negatives(negatives), index) if negatives else None,
    )
