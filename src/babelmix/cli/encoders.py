"""Commands for encoders: the start and its pre-training, teachers, hard negatives, batches, training, averages."""

from pathlib import Path
from typing import Annotated

import typer

from babelmix.cli.options import ModelName, ObjectiveName, PassagePrompt, QueryPrompt
from babelmix.common.errors import UserError
from babelmix.common.progress import done


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog="Example: babelmix plan --steps 5 --objective hybrid")(plan)
    app.command(
        epilog="Example: babelmix train --objective hybrid, or torchrun --nproc-per-node 2 -m babelmix train ..."
    )(train)
    app.command(epilog="Example: babelmix average hybrid-start")(average)
    app.command(epilog="Example: babelmix profile --steps 20 --output profile.md")(profile)
    app.command(epilog="Example: babelmix mine --model models/contrastive --output data/negatives/contrastive.npz")(
        mine
    )
    app.command(epilog="Example: babelmix encoder")(encoder)
    app.command(epilog="Example: babelmix tokenise")(tokenise)
    app.command(epilog="Example: babelmix pretrain, or babelmix pretrain --without el")(pretrain)
    app.command(epilog="Example: babelmix teach large")(teach)


def plan(
    steps: Annotated[int, typer.Option(help="Batches to show.", min=1)] = 5,
    objective: ObjectiveName = "hybrid",
) -> None:
    """Print the first batches that an objective would train on, and an audit of all of them; needs no model."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import plans

    done(plans.plan(objective, steps, load_settings()), "dvc repro")


def encoder() -> None:
    """Make the starting encoder of the chosen model.size; one that its preset takes from the hub is downloaded."""
    from babelmix.settings.params import load_settings
    from babelmix.stages.encoders import make_encoder

    done(make_encoder(load_settings()), "dvc repro train")


def tokenise() -> None:
    """Turn the pairs into the starting encoder's token ids, once for all trainings."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import encoders

    done(encoders.tokenise(load_settings()), "dvc repro train")


def pretrain(
    without: Annotated[
        str | None,
        typer.Option(help="Leave this language out, and write only how often its masked texts are found, no model."),
    ] = None,
) -> None:
    """Make models/start, which trainings start from: the untrained encoder, pre-trained as `pretrain` says."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import pretraining

    settings = load_settings()
    if without is None:
        done(pretraining.pretrain(settings), "dvc repro train")
    else:
        done(pretraining.transfer(without, settings), "compare it with the language's entry in metrics/pretrain")


def teach(size: Annotated[str, typer.Argument(help="A preset of model.presets, such as large.")]) -> None:
    """Encode the training pairs in the language they were written in with the encoder of another size, a teacher."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import teaching

    done(teaching.teach(size, load_settings()), "dvc repro train")


def train(objective: ObjectiveName) -> None:
    """Train the starting encoder with one objective; one that was stopped goes on from its last checkpoint.

    Started by torchrun or `accelerate launch`, it trains in several processes, with the same batches.
    """
    from babelmix.settings.params import load_settings
    from babelmix.stages import training

    if line := training.train(objective, load_settings()):
        done(line, "dvc repro")


def average(
    name: Annotated[str | None, typer.Argument(help="An average of params.yaml; or")] = None,
    first: Annotated[Path | None, typer.Option(help="any encoder, a SentenceTransformer folder,")] = None,
    second: Annotated[Path | None, typer.Option(help="another one, trained from the same start,")] = None,
    share: Annotated[float | None, typer.Option(help="the share of the first, 0 to 1, and")] = None,
    output: Annotated[Path | None, typer.Option(help="the folder to write.")] = None,
) -> None:
    """Average the weights of two encoders; for NAME of params.yaml, at the share that scores best on the dev split."""
    from babelmix.stages import averaging

    options = {"--first": first, "--second": second, "--share": share, "--output": output}
    if name is not None:
        from babelmix.settings.params import load_settings

        if given := [option for option, value in options.items() if value is not None]:
            how = "leave it out, or NAME"
            raise UserError(f"NAME already says what is averaged, so {given[0]} has no use", where="average", how=how)
        done(averaging.average_system(name, load_settings()), "dvc repro")
        return
    if first is None or second is None or share is None or output is None:
        missing = next(option for option, value in options.items() if value is None)
        raise UserError(f"missing option '{missing}'", where="average", how="see `babelmix average --help`")
    done(averaging.average_folders(first, second, share, output), "babelmix evaluate --model")


def profile(
    steps: Annotated[int, typer.Option(help="Steps to measure, each with and without the profiler.", min=1)] = 20,
    objective: ObjectiveName = "hybrid",
    output: Annotated[Path | None, typer.Option(help="Also write the tables into this file, as Markdown.")] = None,
    own_layers: Annotated[bool, typer.Option(help="The layers of the model's own class, to compare with.")] = False,
) -> None:
    """Measure where the time of a training step goes, and how far it is from what the processor could do."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import profiling

    line = profiling.profile(objective, steps, load_settings(), output, own_layers=own_layers)
    done(line, "docs/speed.md says how to read it")


def mine(
    model: ModelName,
    output: Annotated[Path, typer.Option(help="File to write, .npz.")],
    languages: Annotated[list[str] | None, typer.Option(help="Only these; all unless given.")] = None,
    number: Annotated[int, typer.Option(help="Negatives of each pair.", min=1)] = 1,
    share: Annotated[
        float, typer.Option(help="What scores above this share of the right passage's score is left out.", min=0)
    ] = 0.95,
    words: Annotated[bool, typer.Option("--words", help="Only the words of dictionaries.")] = False,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
) -> None:
    """Find hard negatives: passages that a model takes for the answer of a training pair (objective.*.negatives)."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import teaching

    prompts = query_prompt, passage_prompt
    settings = load_settings()
    line = teaching.mine(
        model, output, settings, languages=languages, number=number, share=share, words=words, prompts=prompts
    )
    done(line, "name it in params.yaml, objective, negatives")
