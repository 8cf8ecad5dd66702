"""Encoders: the starting one, its teachers and hard negatives, and the training."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from babelmix.batches.objective import Objective
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_folder, store, temporary_folder, write_json
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.common.progress import progress, say
from babelmix.encoder.build import build_encoder, load_encoder, save_encoder
from babelmix.encoder.settings import Preset
from babelmix.settings.params import Settings
from babelmix.stages.pairs import all_pairs
from babelmix.workspace import HERE, UNTRAINED


def make_encoder(settings: Settings) -> str:
    """Make the starting encoder of model.size and count its parameters; return what was written."""
    from babelmix.encoder.parameters import count_parameters

    folder = HERE.model(UNTRAINED)
    claim_folder(folder)
    claim_file(HERE.encoder_metrics)
    _allow_hub_of(settings.preset())
    build_encoder(settings.preset(), folder)
    total, non_embedding = count_parameters(folder)
    write_json(HERE.encoder_metrics, {"parameters": total, "non_embedding_parameters": non_embedding})
    return f"wrote {folder} ({settings.model.size})"


def tokenise(settings: Settings) -> str:
    """Turn the pairs into the starting encoder's token ids, once for all trainings; return what was written."""
    from babelmix.training.tokenized_pairs import write_corpus

    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # nothing is forked here
    claim_folder(HERE.tokens)
    model = load_encoder(HERE.model(UNTRAINED))
    with progress("tokenise", None) as step:
        number = write_corpus(HERE.tokens, all_pairs(settings), model, settings.train, step)
    return f"wrote {number:,} pairs to {HERE.tokens}"


def teach(size: str, settings: Settings) -> str:
    """Encode the training pairs in the language they were written in with a larger encoder; return what was written."""
    from babelmix.corpus.records import read_pairs
    from babelmix.training import teacher

    output, presets = HERE.teacher(size), settings.model.presets
    claim_file(output)
    if size not in presets:
        raise unknown_name("size", size, presets, where="params.yaml, model.presets")
    written = [HERE.human_pairs(name) / f"{settings.source_language(name)}.jsonl" for name in settings.sources]
    known = [pair for pair in read_pairs(*written) if pair.split == "train"]
    _allow_hub_of(presets[size])
    with temporary_folder() as scratch:
        build_encoder(presets[size], Path(scratch) / size)
        model = load_encoder(Path(scratch) / size)
        with progress(f"teach {size}", 2 * len(known)) as step:
            vectors = teacher.teach(model, known, settings=settings.embed, threads=settings.threads, told=step)
    teacher.write_teacher(output, vectors)
    return f"wrote {output}, {len(vectors.units):,} units of {vectors.queries.shape[1]} dimensions"


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


def mine(
    model: str,
    output: Path,
    settings: Settings,
    *,
    languages: Sequence[str] | None,
    number: int,
    share: float,
    prompts: tuple[str | None, str | None],
) -> str:
    """Find hard negatives of the training pairs with a model; return what was written."""
    import numpy as np

    from babelmix.batches.units import index_units
    from babelmix.corpus.index import index_pairs, train_rows
    from babelmix.encoder.usage import similarity_of
    from babelmix.stages.systems import load_model
    from babelmix.training import hard_negatives

    claim_file(output, inputs=[Path(model)], written=hard_negatives.ARRAYS)
    known = list(all_pairs(settings))
    index = index_pairs(known)
    rows = train_rows(index)
    units = index_units(index, rows)
    if languages:
        for lang in languages:
            if lang not in index.languages:
                raise unknown_name("language", lang, index.languages, where="--languages")
        rows = rows[np.isin(index.lang[rows], [index.languages.index(lang) for lang in languages])]
    encoder = load_model(model, prompts)
    if (similarity := similarity_of(encoder)[0]) != "cosine":
        say(f"{model}: mined by cosine, though its file names the similarity {similarity!r}")
    with progress(f"mine with {model}", 3 * len(rows)) as step:
        found = hard_negatives.mine(
            encoder,
            [pair for pair, _ in known],
            index,
            rows,
            units,
            number,
            share=share,
            settings=settings.embed,
            threads=settings.threads,
            told=step,
        )
    hard_negatives.write_negatives(output, found)
    count = np.count_nonzero(found.negatives >= 0)
    return f"wrote {output}, {count:,} negatives of {len(rows):,} pairs"


def _translated(settings: Settings) -> list[str]:
    """Return the languages that at least one source is translated into."""
    return [
        lang for lang in settings.translate.languages if any(settings.route(name, lang) for name in settings.sources)
    ]


def _allow_hub_of(preset: Preset) -> None:
    """Switch the hub on where a preset is of it."""
    if preset.hub is not None:
        from babelmix.download.hub import allow_hub

        allow_hub()


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
