"""What people read: the reports, single queries, samples of translations, and MLflow."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.files import project_root, temporary_folder
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.common.progress import say, terminal
from babelmix.settings.params import Settings
from babelmix.workspace import HERE


def scores(settings: Settings) -> str:
    """Write the main scores and the table by language; return what was written."""
    from babelmix.reporting.score_tables import write_scores

    write_scores(HERE, settings)
    return f"wrote {HERE.main_scores}, {HERE.score_table} and {HERE.by_language}"


def study_report(settings: Settings) -> str:
    """Write the report of the study, as a page and as Markdown, from its records alone; return what was written."""
    from babelmix.reporting.answer.write import write_answer

    if settings.study is None:
        raise UserError(
            "no study to report", where=f"{HERE.params}, study", how="add its settings (docs/reproduce.md#the-study)"
        )
    for file in (HERE.report, HERE.report_page):
        claim_file(file)
    write_answer(HERE, settings.study)
    return f"wrote {HERE.report_page} and {HERE.report}"


def run_report(settings: Settings) -> str:
    """Write the report of the last run with its figures; return what was written."""
    from babelmix.reporting.run_report import write_report

    claim_folder(HERE.figures)
    write_report(HERE, settings)
    return f"wrote {HERE.run_report}"


def explore_pages(settings: Settings) -> str:
    """Write a page of single queries for each benchmark; return what was written."""
    from babelmix.reporting.explore_page import write_pages

    claim_folder(HERE.explore)
    write_pages(HERE, settings)
    return f"wrote {HERE.explore}"


def samples(settings: Settings) -> str:
    """Write samples of the translated pairs beside their source; return what was written."""
    from babelmix.reporting.samples import write_samples

    claim_folder(HERE.samples)
    write_samples(HERE, settings)
    return f"wrote {HERE.samples}"


def compare_experiments(
    benchmark: str, names: Sequence[str] | None, into: Sequence[Path], place: str, figure: Path | None
) -> tuple[str, str]:
    """Compare experiments, all of this commit's unless named; return the tables, and what was compared and written.

    The tables also go to `place` in the Markdown files of `into`, and the scores over the sizes to `figure`, a .svg.
    """
    from babelmix.reporting import experiments
    from babelmix.reporting.experiment_files import experiment_names

    _claim_places(into, place, figure)
    found = list(names or experiment_names(Path(), [benchmark]))
    runs = experiments.read_experiments(Path(), found, benchmark)
    text = experiments.to_markdown(runs)

    def draw() -> Any:
        from babelmix.reporting.size_figure import size_figure

        return size_figure(runs, experiments.encoder_sizes(Path(), runs))

    return text, _publish(text, into, place, figure, draw, f"compared {len(found)} experiments")


def rivals(names: Sequence[str] | None, into: Path | None, figure: Path | None) -> tuple[str, str]:
    """Compare recipes, averages and debiasings with plain hybrid; return the tables, and what was compared and written.

    The experiments are all of this commit's that have both benchmarks of the trade-off, unless named. The tables also
    go to the place "rivals" of a Markdown file, and the trade-off to `figure`, a .svg.
    """
    from babelmix.reporting import rivals
    from babelmix.reporting.experiment_files import experiment_names
    from babelmix.reporting.rival_tables import to_markdown

    places, place = [into] if into else [], "rivals"
    _claim_places(places, place, figure)
    found = list(names or experiment_names(Path(), [rivals.PARALLEL, rivals.NATIVE]))
    sizes = rivals.read_rivals(Path(), found, say)
    text = to_markdown(sizes)

    def draw() -> Any:
        from babelmix.reporting.trade_off_figure import trade_off_figure

        return trade_off_figure(sizes)

    return text, _publish(text, places, place, figure, draw, f"compared {len(found)} experiments")


def scaling(settings: Settings, into: Path | None, figure: Path | None) -> tuple[str, str]:
    """Say whether the size changes what the batches buy; return the tables, and what was read and written.

    All comes from the records of the study's finished runs, which are in Git. The tables also go to the place "scaling"
    of a Markdown file, and the errors over the sizes to `figure`, a .svg; of several devices the first is drawn.
    """
    from babelmix.reporting.scaling import to_markdown
    from babelmix.study.design import designs
    from babelmix.study.record import read_all_records

    places, place = [into] if into else [], "scaling"
    _claim_places(places, place, figure)
    study = settings.study
    if study is None:
        raise UserError("no study is planned", where=f"{HERE.params}, study", how="add the section `study:`")
    records = read_all_records(HERE.study)
    found = designs(records, study)
    drawn = next((design for design in found if design.sizes), None)
    if drawn is None:
        what = f"no size has a finished run of every objective ({len(records)} finished runs)"
        raise UserError(what, where=str(HERE.study), how="run `babelmix study`")
    shares = {name: settings.objective(name).share for name in study.objectives}
    text = to_markdown(found, study, {name: share for name, share in shares.items() if share is not None})

    def draw() -> Any:
        from babelmix.reporting.scaling_figure import scaling_figure

        return scaling_figure(drawn, study)

    return text, _publish(text, places, place, figure, draw, f"read {len(records)} finished runs")


def arms(settings: Settings, names: Sequence[str], into: Path | None, place: str) -> tuple[str, str]:
    """Return what arms of the study gain, from the records of its finished runs, and what was read and written.

    The tables also go to a place of a Markdown file. `names`: the arms to show, all unless given.
    """
    from babelmix.reporting.arms import to_markdown
    from babelmix.study.arms import arms_of
    from babelmix.study.record import read_all_records

    places = [into] if into else []
    _claim_places(places, place, None)
    study = settings.study
    if study is None or not study.arms:
        raise UserError(
            "no arms are planned", where=f"{HERE.params}, study.arms", how="add some, or run `babelmix scaling`"
        )
    records = read_all_records(HERE.study)
    found = [one for one in arms_of(records.values(), study) if one.sizes]
    if not found:
        what = f"no arm has a finished run ({len(records)} finished runs)"
        raise UserError(what, where=str(HERE.study), how="run `babelmix study`")
    text = to_markdown(found, study, names)
    return text, _publish(text, places, place, None, None, f"read {len(records)} finished runs")


def compare_probes(files: Sequence[Path], into: Path | None) -> tuple[str, str]:
    """Put what several encoders know of words side by side; return the tables, and what was read and written.

    The tables also go to the place "probes" of a Markdown file.
    """
    from babelmix.reporting.probe_tables import to_markdown

    places, place = [into] if into else [], "probes"
    _claim_places(places, place, None)
    text = to_markdown(files)
    return text, _publish(text, places, place, None, None, f"read {len(files)} files")


def _claim_places(into: Sequence[Path], place: str, figure: Path | None) -> None:
    """Raise UserError, before any work, for a file without its place for tables, or a figure that is not ours."""
    from babelmix.reporting.experiments import check_into

    check_into(into, place)
    if figure:
        from babelmix.reporting.drawing import claim_svg

        claim_svg(figure)


def _publish(
    text: str, into: Sequence[Path], place: str, figure: Path | None, draw: Callable[[], Any] | None, read: str
) -> str:
    """Draw the figure and put the tables into their place, where they are asked for; return what was done."""
    from babelmix.reporting.experiments import write_into

    if figure and draw:
        from babelmix.reporting.drawing import save

        save(draw(), figure)
    for file in into:
        write_into(file, place, text)
    written = ", ".join(str(file) for file in (*into, figure) if file)
    return f"{read}{f', wrote {written}' if written else ''}"


def track(settings: Settings) -> str:
    """Bring MLflow up to date with dvc.lock and the study: a run for each system, none twice; return what was done."""
    from babelmix.reporting import mlflow_runs

    result = mlflow_runs.track(Path(), settings, project_root())
    study = track_study(settings)
    return f"MLflow: {result.created} new runs, {result.updated} renewed{f'; {study}' if study else ''}"


def track_study(settings: Settings) -> str:
    """Bring MLflow up to date with the records of the study; return what was done, if anything.

    Not in a temporary copy of an experiment, whose records are older than those of the project.
    """
    from babelmix.reporting import mlflow_study

    root = project_root()
    if Path().resolve() != root:
        return ""
    result = mlflow_study.track_study(Path(), settings, root)
    return f"study: {result.created} new runs, {result.renewed} made again" if result.created or result.renewed else ""


def serve_ui(settings: Settings, port: int) -> None:
    """Bring MLflow up to date with the study, and serve its UI until interrupted."""
    from babelmix.reporting import mlflow_view

    if line := track_study(settings):
        say(line)
    mlflow_view.serve_ui(project_root(), port)


def explore_query(
    query: str,
    benchmark: str,
    settings: Settings,
    *,
    models: list[str],
    language: str | None,
    top: int,
    prompts: tuple[str | None, str | None],
    split: str | None,
    strict: bool,
) -> None:
    """Print what models find for one query, and where the right answers are, in every language."""
    from babelmix.benchmarks.benchmark import Query
    from babelmix.benchmarks.files import read_benchmark
    from babelmix.encoder.encode import encode, encode_raw
    from babelmix.reporting import explore
    from babelmix.reporting.explore_terminal import render
    from babelmix.retrieval.embeddings import open_embeddings
    from babelmix.retrieval.vector_record import is_made_of, made_of, read_record
    from babelmix.retrieval.vectors import Rows
    from babelmix.stages.benchmarks import open_benchmark
    from babelmix.stages.systems import embed_into, load_model, model_folder

    with open_benchmark(benchmark, split, strict=strict) as folder, temporary_folder() as scratch:
        read = read_benchmark(folder)
        asked = explore.find_query(read, query, language)
        systems: list[tuple[str, Any, Rows]] = []
        folders = [model_folder(name) for name in models]  # all of the hub, before a library is loaded offline
        for number, name in enumerate(models):
            vectors = HERE.embeddings(Path(name).name, folder.name)
            cached = is_made_of(vectors, made_of(folders[number], folder, settings.embed, prompts))
            if not cached:
                vectors = Path(scratch) / str(number)
                embed_into(name, folder, vectors, settings, prompts)
            row, queries = 0, None
            if asked is None:
                record = read_record(vectors)
                how = encode if record is None or record.similarity == "cosine" else encode_raw
                encoder = load_model(name, prompts, quiet=not cached)
                queries = how(encoder, [query], prompt="query", settings=settings.embed, threads=settings.threads)
            else:
                row = next(row for row, known in enumerate(read.queries) if known.id == asked.id)
            opened = open_embeddings(vectors, folder, queries=queries)
            for note in opened.notes:
                say(note)
            systems.append((Path(name).name, opened.queries[row : row + 1][0], opened.passages))
        render(explore.show(read, asked or Query("", "", "", query), systems, top=top), terminal())
