"""How MLflow's UI opens: charts of the main scores, the study's as means over the seeds of a size and system.

    serve_ui(store_root, port=5000)         # prints the address, and serves on loopback until interrupted

The UI reads a view from a tag of the experiment, whose name is in the address: what its button "Share" makes. A UI that
does not know the tag shows its own first view.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.reporting.mlflow_runs import EXPERIMENT
from babelmix.reporting.mlflow_scores import COLUMNS, HEADLINE, PARAMETERS
from babelmix.reporting.mlflow_store import LOOPBACK, all_runs, database, locked, open_client, refused, serve
from babelmix.reporting.mlflow_study import GROUP, SIZES, STUDY

VIEW = "babelmix"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
PARAMS = ("size", "system", "alpha", "seed", "steps", "learning_rate")
RUN_NAME = "attributes.`Run Name`"
SECTION = "scores"
MOST = 100  # runs or groups in a chart, and runs that the UI loads at once


def comparison_url(store_root: Path, host: str = LOOPBACK, port: int = 5000) -> str:
    """Return the address of the charts of all runs, the study's if it has any; UserError if there are no runs yet."""
    if database(store_root).exists():
        with locked(store_root), refused(store_root):
            client = open_client(store_root)
            for name in (STUDY, EXPERIMENT):
                experiment = client.get_experiment_by_name(name)
                runs = list(all_runs(client, experiment.experiment_id)) if experiment else []
                if experiment and runs:
                    wanted = view({run.data.params.get(GROUP, "") for run in runs}) if name == STUDY else view()
                    if experiment.tags.get(VIEW_TAG) != wanted:
                        client.set_experiment_tag(experiment.experiment_id, VIEW_TAG, wanted)
                    page = f"experiments/{experiment.experiment_id}/runs?viewStateShareKey={VIEW}"
                    return f"http://{host}:{port}/#/{page}&compareRunsMode=CHART&workflowType=machine_learning"
    raise UserError("no runs yet", where=str(database(store_root)), how="run `make repro` first")


def serve_ui(store_root: Path, port: int = 5000) -> None:
    """Print the address of the comparison and serve MLflow's UI on loopback until interrupted.

    Raises UserError if there are no runs, or if the port is taken.
    """
    serve(store_root, comparison_url(store_root, port=port), port)


def view(groups: Collection[str] = ()) -> str:
    """Return the view's JSON: which runs, sorted and grouped by what, with which columns and charts.

    With `groups`, those of the study's runs, it shows the runs of the study's question, size against system: 97 of 5
    seeds, 6 sizes and 3 systems. The others (steps, rates, averages) come when the filter is cleared.
    """
    charts = [
        _chart("SCATTER", xaxis=_metric(PARAMETERS), yaxis=_metric(HEADLINE)),
        _chart("BAR", metricKey=HEADLINE),
        _chart("SCATTER", xaxis=_metric(PARAMETERS), yaxis=_metric("gap")),
        _chart("PARALLEL", selectedParams=[], selectedMetrics=["cross", "mono", "native", "beir", HEADLINE]),
    ]
    columns = [*(f"metrics.`{name}`" for name in COLUMNS), *(f"params.`{name}`" for name in PARAMS)]
    state: dict[str, Any] = {
        "searchFilter": f"params.part = '{SIZES}'" if groups else "",
        "orderByKey": f"metrics.`{HEADLINE}`",
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": [RUN_NAME, *columns],
        "columnWidths": {RUN_NAME: 250} | dict.fromkeys(columns, 90),
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": [chart | {"uuid": f"{SECTION}-{number}"} for number, chart in enumerate(charts)],
        "compareRunSections": [
            {
                "uuid": name,
                "name": name,
                "display": name == SECTION,
                "isReordered": True,
                "deleted": False,
                "columns": 2,
            }
            for name in (SECTION, "Model metrics", "train", "dev")
        ],
        "isAccordionReordered": True,
        "hideEmptyCharts": True,
    }
    if groups:
        state["groupBy"] = {"aggregateFunction": "average", "groupByKeys": [{"mode": "param", "groupByData": GROUP}]}
        state["groupsExpanded"] = {f"param.{GROUP}.{name}": False for name in sorted(groups)}
    return json.dumps(state, separators=(",", ":"))


def _chart(kind: str, **options: Any) -> dict[str, Any]:
    return (
        {"type": kind, "metricSectionId": SECTION, "deleted": False, "isGenerated": False}
        | options
        | {
            "runsCountToCompare": MOST,
        }
    )


def _metric(name: str) -> dict[str, str]:
    return {"key": name, "type": "METRIC"}
