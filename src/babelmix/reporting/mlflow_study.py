"""The study as MLflow runs: one parent for all, a run for each encoder of each record, baselines as runs of their own.

    track_study(Path("."), settings, store_root)        # seconds, from a bare clone; nothing where nothing has changed

The runs are made from metrics/study alone. A run is known by its record and its encoder. A record that changed makes
its run again, and MLflow keeps the one before among the deleted runs; a record that is gone leaves its run alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.progress import progress, say
from babelmix.reporting.dev_choice import best_debiasing, dev_figures
from babelmix.reporting.mlflow_entry import CONTENT, Entry, write_entry
from babelmix.reporting.mlflow_scores import DEV_SPLITS, PARAMETERS, Evaluations, finite, main_metrics, table
from babelmix.reporting.mlflow_store import all_runs, experiment_id, locked, open_client, refused, tagged
from babelmix.settings.params import Settings
from babelmix.study.design import designs
from babelmix.study.record import Record, read_all_records
from babelmix.study.runs import TRAINED, planned
from babelmix.study.settings import Study
from babelmix.workspace import BM25, DEBIASINGS, UNTRAINED, Workspace, encoder_of

STUDY = "babelmix study"  # an experiment of its own: its runs are of other settings than the pipeline's
STUDY_RUN = "babelmix.study_run"  # record|encoder, or the name of a parent
PARENT_ID = "mlflow.parentRunId"  # by this tag the UI nests runs
PARENT, RATES = "study", "learning rates"
GROUP = "group"  # param by which the UI groups: the name without the seed; the UI shows its value alone
SIZES = "sizes"  # the part of the study that its question is about
PARTS = {
    "main": SIZES,
    UNTRAINED: SIZES,
    BM25: SIZES,
    "steps": "steps",
    "arm": "arms",
    "rate": "rates",
}  # by the kind of a run


@dataclass(frozen=True, slots=True)
class StudyTracked:
    """The number of new runs, and of runs that were made again."""

    created: int
    renewed: int


def track_study(root: Path, settings: Settings, store_root: Path) -> StudyTracked:
    """Bring the study's MLflow runs up to date with the records in `root`; MLflow is imported only to write.

    Records that may not stand side by side (`study.design`) are left out, all of them, and a line says why.
    """
    records = read_all_records(Workspace(root).study)
    if settings.study is None or not records:
        return StudyTracked(0, 0)
    try:
        wanted = study_entries(records, settings.study)
    except UserError as error:
        say(f"the study is not in MLflow: {error}")
        return StudyTracked(0, 0)
    known = tagged(store_root, STUDY, STUDY_RUN, CONTENT)
    ids = {key: run_id for key, (run_id, _) in known.items()}
    contents = {key: _placed(entry, ids.get(parent or "", "")).content() for key, (parent, entry) in wanted.items()}
    if all(known.get(key, ("", ""))[1] == content for key, content in contents.items()):
        return StudyTracked(0, 0)
    with locked(store_root), refused(store_root):
        return _write(store_root, wanted)


def study_entries(records: Mapping[str, Record], study: Study) -> dict[str, tuple[str | None, Entry]]:
    """Return key -> (key of the parent, entry), parents first; UserError for runs on different versions of the data."""
    children: dict[str, tuple[str | None, Entry]] = {}
    for name, record in records.items():
        parent = RATES if record.run.kind == "rate" else PARENT
        children |= {f"{name}|{encoder}": (parent, entry) for encoder, entry in _entries(record)}
    left_out = [sentence for design in designs(records, study) for sentence in design.left_out]
    note = f"{len(records)} of {len(planned(study, {}))} runs of the study are finished."
    note += "".join(f"\n- {sentence}" for sentence in left_out)
    tags = {"runs": str(len(records)), "left_out": "; ".join(left_out) or "nothing", "mlflow.note.content": note}
    parents: dict[str, tuple[str | None, Entry]] = {PARENT: (None, Entry(PARENT, {}, {}, tags=tags))}
    if any(parent == RATES for parent, _ in children.values()):
        parents[RATES] = (PARENT, Entry(RATES, {}, {}))
    return parents | children


def _entries(record: Record) -> Iterator[tuple[str, Entry]]:
    """Yield a record's encoders, each with the run that MLflow should have of it."""
    evaluations: Evaluations = {
        system: {benchmark: scored.model_dump() for benchmark, scored in own.items()}
        for system, own in record.facts.systems.items()
    }
    for encoder in dict.fromkeys(encoder_of(name) for name in evaluations):
        yield encoder, _entry(record, encoder, evaluations)


def _entry(record: Record, encoder: str, evaluations: Evaluations) -> Entry:
    run, facts = record.run, record.facts
    trained, average = encoder in facts.losses, encoder in facts.shares
    forms = [name for name in evaluations if encoder_of(name) == encoder and name != encoder]
    params: dict[str, Any] = {"part": "averages" if average else PARTS[run.kind], "system": encoder}
    params[GROUP] = _name(record, encoder, seed=False)
    metrics: dict[str, float] = {}
    debiased = None
    if encoder != BM25:
        params |= {"size": run.size, "layers": facts.layers, "parameters": facts.parameters}
        metrics[PARAMETERS] = facts.parameters_outside_embeddings
        debiased = best_debiasing(_dev_figures(evaluations, forms), encoder, DEBIASINGS) if forms else None
    if trained or average:
        params |= {"seed": run.seed, "share": facts.shares.get(encoder)}
    if trained:
        alpha = facts.settings.get("objective", {}).get(encoder, {}).get("alpha")
        params |= {"alpha": alpha, "steps": facts.steps, "learning_rate": facts.learning_rate}
        used = {"train_seconds": facts.seconds.get(f"train@{encoder}")}
        used["peak_memory_gb"] = facts.peak_memory / 2**30 if facts.peak_memory else None
        metrics |= finite(used)
    params["device"] = facts.device
    tags = {"dvc.rev": facts.revision, "dvc.exp": run.experiment}
    tags |= {"debiasing": debiased.removeprefix(encoder)} if debiased else {}
    return Entry(
        name=_name(record, encoder, seed=True),
        params={name: str(value) for name, value in params.items() if value is not None},
        metrics=main_metrics(evaluations, encoder, debiased) | metrics,
        table=table(evaluations, [encoder, *forms]),
        curves=tuple(
            ("train/loss" if name == "loss" else f"dev/{name[4:]}_loss", facts.steps, value)
            for name, value in finite(facts.losses.get(encoder, {})).items()
        ),
        settings={"settings": facts.settings, "machine": facts.machine, "hashes": facts.hashes},
        tags=tags,
    )


def _name(record: Record, encoder: str, *, seed: bool) -> str:
    run = record.run
    parts = [encoder] if run.kind == BM25 else [run.size, encoder]
    if run.kind == "rate":
        parts.append(f"rate-x{run.rate_factor:g}")
    if run.kind in TRAINED and seed:
        parts.append(f"s{run.seed}")
    if run.kind == "steps":
        parts.append(f"x{run.steps_factor:g}")
    if run.arm:
        parts.append(run.arm)
    if record.facts.device != "cpu":  # figures of two devices have no mean
        parts.append(record.facts.device)
    return "/".join(parts)


def _dev_figures(evaluations: Evaluations, forms: list[str]) -> dict[str, Any]:
    return {
        form: dev_figures(dict(evaluations[form][split]) for split in DEV_SPLITS if split in evaluations[form])
        for form in forms
    }


def _placed(entry: Entry, parent_id: str) -> Entry:
    """Return the entry as a child of a run; its content differs if that run is another one."""
    return replace(entry, tags=entry.tags | {PARENT_ID: parent_id}) if parent_id else entry


def _write(store_root: Path, wanted: Mapping[str, tuple[str | None, Entry]]) -> StudyTracked:
    client = open_client(store_root)
    experiment = experiment_id(client, store_root, STUDY)
    known = {run.data.tags[STUDY_RUN]: run for run in all_runs(client, experiment) if STUDY_RUN in run.data.tags}
    created = renewed = 0
    with progress("study in MLflow", len(wanted)) as step:
        for key, (parent, plain) in wanted.items():
            entry = _placed(plain, known[parent].info.run_id if parent else "")
            content, old = entry.content(), known.get(key)
            if old is None or old.data.tags.get(CONTENT) != content:
                if old is None or key not in (PARENT, RATES):
                    known[key] = client.create_run(experiment, tags={STUDY_RUN: key}, run_name=entry.name)
                write_entry(client, known[key], entry, content)
                if old is not None and known[key] is not old:  # MLflow would not change its params
                    client.delete_run(old.info.run_id)
                created, renewed = created + (old is None), renewed + (old is not None)
            step(1)
    return StudyTracked(created, renewed)
