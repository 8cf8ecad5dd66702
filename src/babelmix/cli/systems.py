"""Commands for systems, all that is scored: vectors, where languages lie in them, scores and single queries."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from babelmix.cli.options import BenchmarkName, OptionalBenchmark, PassagePrompt, QueryPrompt, Split, Strict, SystemName
from babelmix.common.errors import UserError
from babelmix.common.progress import done, say
from babelmix.workspace import HERE, remade_by

if TYPE_CHECKING:
    from babelmix.settings.params import Settings
    from babelmix.stages.systems import Prompts

T = TypeVar("T")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog="Example: babelmix evaluate --model models/hybrid --benchmark gnome-help --output scores.json")(
        evaluate
    )
    app.command(epilog='Example: babelmix explore --benchmark gnome-help "How do I print a page?"')(explore)
    app.command(epilog="Example: babelmix embed --model models/hybrid --benchmark gnome-help --output vectors")(embed)
    app.command(epilog="Example: babelmix lir --model models/hybrid --output lir.npz")(lir)
    app.command(epilog="Example: babelmix offsets --model models/hybrid --output offsets.npz")(offsets)
    app.command("directions", hidden=True, epilog="Example: babelmix lir --model models/hybrid --output lir.npz")(
        directions
    )


def embed(
    benchmark: OptionalBenchmark = None,
    model: Annotated[str | None, typer.Option(help="A SentenceTransformer folder, or its name on the hub.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to write.")] = None,
    system: SystemName = None,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
    split: Split = None,
    strict: Strict = False,
) -> None:
    """Encode a benchmark's queries and passages; --system: all benchmarks, and where the languages lie."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import systems

    settings, prompts = load_settings(), (query_prompt, passage_prompt)
    if system is not None:
        where = _alone("embed", system, benchmark, model, output, *prompts, split, strict or None)
        systems.check_system(system, settings, where=where, encoder=True)
        line = systems.embed_system(system, settings)
    else:
        benchmark = _needed("embed", "--benchmark", benchmark)
        model, output = _needed("embed", "--model", model), _needed("embed", "--output", output)
        line = systems.embed_model(model, benchmark, output, settings, prompts=prompts, split=split, strict=strict)
    done(line, "babelmix evaluate")


def lir(
    model: Annotated[str | None, typer.Option(help="A SentenceTransformer folder, or its name on the hub.")] = None,
    output: Annotated[Path | None, typer.Option(help="File to write, .npz.")] = None,
    system: SystemName = None,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
) -> None:
    """Find the directions of each language in unlabelled training passages, for `evaluate --lir`."""
    from babelmix.stages import systems

    prompts = query_prompt, passage_prompt
    _by_training_text("lir", systems.find_directions, HERE.lir, system, model, output, prompts)


def offsets(
    model: Annotated[str | None, typer.Option(help="A SentenceTransformer folder, or its name on the hub.")] = None,
    output: Annotated[Path | None, typer.Option(help="File to write, .npz.")] = None,
    system: SystemName = None,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
) -> None:
    """Find the mean of each language in unlabelled training text, for `evaluate --debias shift --means`."""
    from babelmix.stages import systems

    prompts = query_prompt, passage_prompt
    _by_training_text("offsets", systems.find_means, HERE.offsets, system, model, output, prompts)


def directions(
    model: Annotated[str | None, typer.Option()] = None,
    output: Annotated[Path | None, typer.Option()] = None,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
) -> None:
    """Run `lir`, which this command was called before; the next release drops the old name."""
    say("`directions` is now `lir`; the next release drops the old name")
    lir(model, output, None, query_prompt, passage_prompt)


def evaluate(
    benchmark: OptionalBenchmark = None,
    output: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    model: Annotated[str | None, typer.Option(help="A SentenceTransformer folder, its hub name, or bm25; or")] = None,
    embeddings: Annotated[Path | None, typer.Option(help="a folder with queries.npy and passages.npy.")] = None,
    lir_file: Annotated[
        Path | None, typer.Option("--lir", "--directions", help="Take these language directions out first.")
    ] = None,
    debias: Annotated[
        str | None,
        typer.Option(
            help="Move languages together: shift-index, centre-index, centre-asked; shift, centre by --means."
        ),
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="Of --debias, the share of the offset; 1 unless given.", min=0, max=1)
    ] = None,
    means: Annotated[Path | None, typer.Option(help="Of --debias, a file of `babelmix offsets`.")] = None,
    system: SystemName = None,
    per_query: Annotated[Path | None, typer.Option(help="Also write the scores of every query, .npz.")] = None,
    similarity: Annotated[
        str | None, typer.Option(help="Of --embeddings: cosine, dot or euclidean; what vectors.json says, or cosine.")
    ] = None,
    form: Annotated[
        str,
        typer.Option("--format", help="babelmix; mteb: its results of the pool; mteb-pairs: of pairs of languages."),
    ] = "babelmix",
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
    split: Split = None,
    strict: Strict = False,
) -> None:
    """Score a model on a benchmark: monolingual, cross-lingual, multilingual, and its language bias."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import scoring

    if system is not None:
        from babelmix.stages.systems import check_system

        other_form = None if form == "babelmix" else form
        others = (benchmark, model, embeddings, lir_file, debias, strength, means, output, per_query, other_form)
        others = (*others, similarity, query_prompt, passage_prompt, split, strict or None)
        settings, where = load_settings(), _alone("evaluate", system, *others)
        check_system(system, settings, where=where, encoder=False)
        done(scoring.evaluate_system(system, settings), "babelmix report run")
        return
    benchmark, output = _needed("evaluate", "--benchmark", benchmark), _needed("evaluate", "--output", output)
    wanted, prompts = scoring.Wanted(lir_file, debias, strength, means), (query_prompt, passage_prompt)
    asked = scoring.Asked(benchmark, model, embeddings, similarity, wanted, prompts, split, strict)
    if form != "babelmix":
        from babelmix.stages import exchange

        if per_query is not None:
            raise UserError("--per-query is for babelmix's own form", where="--format", how="leave one of them out")
        done(exchange.evaluate_as(form, output, asked, load_settings), f"look into {output}")
        return
    line = scoring.evaluate_any(output, asked, load_settings, per_query=per_query)
    done(line, "babelmix report run" if per_query else f"look into {output}")


def explore(
    query: Annotated[str, typer.Argument(help="A text of your own, or the id of a query or question.")],
    benchmark: BenchmarkName,
    model: Annotated[
        list[str] | None, typer.Option(help="One or two models; models/contrastive and models/hybrid unless given.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of a question that is asked in several.")] = None,
    top: Annotated[int, typer.Option(help="How many passages to show.", min=1)] = 10,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
    split: Split = None,
    strict: Strict = False,
) -> None:
    """Show what two models find for one query, and where the right answers are, in every language."""
    from babelmix.settings.params import load_settings
    from babelmix.stages.results import explore_query

    explore_query(
        query,
        benchmark,
        load_settings(),
        models=model or _trained_models(),
        language=language,
        top=top,
        prompts=(query_prompt, passage_prompt),
        split=split,
        strict=strict,
    )


def _trained_models() -> list[str]:
    """Return the pipeline's contrastive and hybrid encoders; UserError if they were not trained here."""
    folders = [HERE.model(name) for name in ("contrastive", "hybrid")]
    for folder in folders:
        if not folder.is_dir():
            how = f"{remade_by('train', folder.name)}, or name one or two models with --model"
            raise UserError("no such model", where=str(folder), how=how)
    return [str(folder) for folder in folders]


def _by_training_text(
    command: str,
    find: "Callable[[str, Path, Settings, Prompts], str]",
    file_of: Callable[[str], Path],
    system: str | None,
    model: str | None,
    output: Path | None,
    prompts: "Prompts",
) -> None:
    """Write where languages lie in training text: of a system into `file_of(system)`, or of any model into a file."""
    from babelmix.settings.params import load_settings
    from babelmix.stages.systems import check_system

    settings = load_settings()
    if system is not None:
        check_system(system, settings, where=_alone(command, system, model, output, *prompts), encoder=True)
        model, output = str(HERE.model(system)), file_of(system)
    model, output = _needed(command, "--model", model), _needed(command, "--output", output)
    done(find(model, output, settings, prompts), "babelmix evaluate")


def _alone(command: str, system: str, *others: object) -> str:
    """Refuse other options beside --system: it says what is read and written. Return the command for messages."""
    where = f"{command} --system {system}"
    if any(other is not None for other in others):
        how = "leave --system out, or the others; --model scores or embeds on a single benchmark"
        raise UserError("--system already says what is read and written", where=where, how=how)
    return where


def _needed(command: str, name: str, value: T | None) -> T:
    """Return the value of an option; UserError if it is missing."""
    if value is None:
        raise UserError(f"missing option '{name}'", where=command, how=f"see `babelmix {command} --help`")
    return value
