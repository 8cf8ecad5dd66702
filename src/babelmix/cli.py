"""The command line: every stage of dvc.yaml is one command here, and each does nothing but read, call and write.

    babelmix plan --steps 5
    babelmix evaluate --model models/hybrid --benchmark gnome-help --output scores.json

Modules are imported inside the commands: `babelmix --help` must not wait for torch.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

# Set before any library is imported: nothing is reported home, and no hub is asked for a file that is not here.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import typer

from babelmix.config import BENCHMARKS, Settings, load_settings
from babelmix.errors import UserError, unknown_name
from babelmix.progress import done, progress

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train a retriever that works across languages, and see what the batches did. The whole of it: dvc repro",
)

DATA = Path("data")
MODELS = Path("models")
METRICS = Path("metrics")

Name = Annotated[str, typer.Argument(help="A source or benchmark, such as gnome-help.")]
ObjectiveName = Annotated[str, typer.Option("--objective", help="A batch recipe of params.yaml, such as hybrid.")]
ModelFolder = Annotated[Path, typer.Option("--model", help="A SentenceTransformer folder.")]
BenchmarkName = Annotated[str, typer.Option("--benchmark", help=f"{', '.join(BENCHMARKS)}, or a benchmark folder.")]


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command; `main` reads `--debug` itself."""


@app.command(epilog="Example: babelmix fetch xquad-r")
def fetch(name: Name) -> None:
    """Download the raw files of a source into data/raw/NAME."""
    from babelmix.sources import fetch_source

    settings = load_settings()
    folder = DATA / "raw" / name
    fetch_source(name, folder, settings)
    done(f"wrote {folder}", "dvc repro")


@app.command(epilog="Example: babelmix pairs")
def pairs() -> None:
    """Cut LibreOffice Help into question-passage pairs, aligned over languages, and hold a dev split apart."""
    from babelmix.benchmark import write_benchmark
    from babelmix.pairs import dev_benchmark, write_counts
    from babelmix.records import write_pairs
    from babelmix.sources.libreoffice_help import build_pairs

    settings = load_settings()
    kept, counts = build_pairs(DATA / "raw" / "libreoffice-help", settings.pairs)
    write_pairs(DATA / "pairs" / "human", kept)
    write_benchmark(DATA / "dev", dev_benchmark(kept, settings.pairs.dev_questions))
    write_counts(METRICS / "pairs.json", counts)
    done(f"wrote {len(kept)} pairs in {len(counts)} languages to data/pairs/human", "dvc repro translate")


@app.command(epilog="Example: babelmix translate --language pt")
def translate(language: Annotated[str, typer.Option(help="A language of translate.languages.")]) -> None:
    """Machine-translate English pairs into one language, and keep what passes the quality gate."""
    from babelmix.pairs import write_counts
    from babelmix.records import read_pairs, write_pairs
    from babelmix.translate import get_translator, translate_pairs

    settings = load_settings()
    routes = settings.translate.routes
    if language not in routes:
        raise unknown_name("language", language, routes, where="--language")
    route = routes[language]
    translator = get_translator(route.engine, "en", language, settings.threads)
    english = read_pairs(DATA / "pairs" / "human" / "en.jsonl")
    kept, counts = translate_pairs(english, translator, language, route.units)
    write_pairs(DATA / "pairs" / "machine" / language, kept)
    write_counts(METRICS / "translate" / f"{language}.json", counts)
    done(f"wrote {len(kept)} pairs in {language} by {translator.name}", "dvc repro train")


@app.command(epilog="Example: babelmix encoder")
def encoder() -> None:
    """Make the starting encoder of the chosen model.size."""
    from babelmix.backbone import build_encoder

    settings = load_settings()
    build_encoder(settings.preset(), MODELS / "untrained")
    done(f"wrote models/untrained ({settings.model.size})", "dvc repro train")


@app.command(epilog="Example: babelmix train --objective hybrid")
def train(objective: ObjectiveName) -> None:
    """Train the starting encoder with one objective."""
    from babelmix import train as training
    from babelmix.backbone import load_encoder, save_encoder
    from babelmix.files import new_folder

    settings = load_settings()
    recipe = settings.objective(objective)
    model = load_encoder(MODELS / "untrained")
    known = read_training_pairs(settings)
    with progress(f"train {objective}", settings.train.steps) as step:
        history = training.train(model, known, recipe, settings, told=lambda _: step(1))
    with new_folder(MODELS / objective) as folder:
        save_encoder(model, folder, training.model_card(objective, settings))
    training.write_history(history, METRICS / "history" / f"{objective}.csv")
    done(f"wrote models/{objective}, last loss {history[-1].loss:.3f}", "dvc repro")


@app.command(epilog="Example: babelmix benchmark gnome-help")
def benchmark(name: Name) -> None:
    """Build a benchmark from its raw files into data/benchmarks/NAME."""
    from babelmix.benchmark import write_benchmark
    from babelmix.sources import build_benchmark

    settings = load_settings()
    built = build_benchmark(name, DATA / "raw" / name, settings)
    write_benchmark(DATA / "benchmarks" / name, built)
    what = f"{len(built.queries)} queries and {len(built.passages)} passages in {len(built.languages)} languages"
    done(f"wrote {what} to data/benchmarks/{name}", "dvc repro")


@app.command(epilog="Example: babelmix embed --model models/hybrid --benchmark gnome-help --output vectors")
def embed(
    model: ModelFolder,
    benchmark: BenchmarkName,
    output: Annotated[Path, typer.Option(help="Folder to write.")],
) -> None:
    """Encode the queries and passages of a benchmark once, for every setting."""
    from babelmix.embed import write_embeddings

    vectors = _embed(model, _benchmark(benchmark), load_settings())
    write_embeddings(output, vectors)
    done(f"wrote {len(vectors.queries)} + {len(vectors.passages)} rows to {output}", "babelmix evaluate")


@app.command(epilog="Example: babelmix evaluate --model models/hybrid --benchmark gnome-help --output scores.json")
def evaluate(
    benchmark: BenchmarkName,
    output: Annotated[Path, typer.Option(help="JSON file to write.")],
    model: Annotated[Path | None, typer.Option(help="A SentenceTransformer folder, or")] = None,
    embeddings: Annotated[Path | None, typer.Option(help="a folder with queries.npy and passages.npy.")] = None,
    per_query: Annotated[Path | None, typer.Option(help="Also write average precisions, .npz.")] = None,
) -> None:
    """Score a model on a benchmark: monolingual, cross-lingual, multilingual, and its language bias."""
    from babelmix import evaluate as evaluation
    from babelmix.embed import read_embeddings

    if (model is None) == (embeddings is None):
        raise UserError("one of --model and --embeddings is needed", where="evaluate", how="give exactly one")
    read = _benchmark(benchmark)
    vectors = read_embeddings(embeddings) if embeddings else _embed(model or Path(), read, load_settings())
    result = evaluation.evaluate(read, vectors.queries, vectors.passages)
    evaluation.write_evaluation(result, str(model or embeddings), output, per_query)
    done(f"wrote {output}", "babelmix report" if per_query else f"look into {output}")


@app.command(epilog="Example: babelmix report")
def report() -> None:
    """Write metrics/headline.json, metrics/by_language.csv and reports/report.md with its figures."""
    from babelmix.report import write_report

    write_report(Path(), load_settings())
    done("wrote reports/report.md and metrics/headline.json", "make ui")


@app.command(epilog="Example: babelmix track")
def track() -> None:
    """Bring MLflow up to date with dvc.lock: one run for each trained variant, none twice."""
    from babelmix import tracking

    result = tracking.track(Path(), load_settings(), _store_root())
    done(f"MLflow: {result.created} new runs, {result.updated} renewed", "make ui")


@app.command(epilog="Example: babelmix ui --port 5000")
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000) -> None:
    """Open MLflow on loopback at the comparison of all runs."""
    from babelmix import tracking

    tracking.serve_ui(_store_root(), port)


@app.command(epilog="Example: babelmix plan --steps 5 --objective hybrid")
def plan(
    steps: Annotated[int, typer.Option(help="Batches to show.", min=1)] = 5,
    objective: ObjectiveName = "hybrid",
) -> None:
    """Print the first batches that an objective would train on."""
    from itertools import islice

    from babelmix.batching import describe, index_units
    from babelmix.batching import plan as make_plan

    settings = load_settings()
    recipe = settings.objective(objective)
    units = index_units([pair for pair in read_training_pairs(settings) if pair.split == "train"], recipe.languages)
    size = settings.train.batch_size
    batches = make_plan(units, alpha=recipe.alpha, batch_size=size, seed=settings.seed)
    for number, batch in enumerate(islice(batches, steps), start=1):
        typer.echo(f"{number:4} {describe(batch)}")


def read_training_pairs(settings: Settings) -> list[Any]:
    """Read the human pairs and those of every machine-translated language that the settings name."""
    from babelmix.records import read_pairs

    machine = [DATA / "pairs" / "machine" / language for language in settings.translate.languages]
    return read_pairs(DATA / "pairs" / "human", *machine)


def _benchmark(name: str) -> Any:
    """Read a benchmark: a folder, one that the pipeline made, or a known name, fetched and built for this once."""
    from tempfile import TemporaryDirectory

    from babelmix.benchmark import read_benchmark

    for folder in (Path(name), DATA / "benchmarks" / name):
        if folder.is_dir():
            return read_benchmark(folder)
    if name not in BENCHMARKS:
        raise unknown_name("benchmark", name, BENCHMARKS, where="--benchmark")
    from babelmix.sources import build_benchmark, fetch_source

    settings = load_settings()
    with TemporaryDirectory(prefix="babelmix-") as folder:
        fetch_source(name, Path(folder) / name, settings)
        return build_benchmark(name, Path(folder) / name, settings)


def _embed(model: Path, benchmark: Any, settings: Settings) -> Any:
    from babelmix.backbone import load_encoder
    from babelmix.embed import embed_benchmark

    encoder = load_encoder(model)
    total = len({query.text for query in benchmark.queries}) + len({p.text for p in benchmark.passages})
    with progress(f"embed {benchmark.name}", total) as step:
        return embed_benchmark(encoder, benchmark, settings=settings.embed, threads=settings.threads, told=step)


def _store_root() -> Path:
    """The project that owns the MLflow store: DVC names it where a run works in a temporary copy."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def main() -> NoReturn:
    """Run the command line; what a user can mend is told in one line, with exit code 2."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        app()
    except UserError as error:
        if debug:
            raise
        typer.echo(f"babelmix: {error}", err=True)
        sys.exit(2)
    sys.exit(0)
