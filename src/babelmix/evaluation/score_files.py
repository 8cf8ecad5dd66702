"""Files of scores: the figures of an evaluation as JSON, the scores of every query as .npz.

write_evaluation(evaluation, "hybrid", Path("scores.json"), Path("scores.npz"))
parse_evaluation(text, "scores.json")["scopes"]["multilingual"]["map"]
read_query_scores(Path("scores.npz"), "scores.npz").average_precision
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from babelmix.common.arrays import read_arrays
from babelmix.common.errors import UserError
from babelmix.common.fields import fields_checked
from babelmix.common.files import new_binary_file, new_file
from babelmix.common.old_names import with_new_names
from babelmix.common.reading import parse_json
from babelmix.evaluation.evaluate import Evaluation
from babelmix.evaluation.hubness import Hubness
from babelmix.evaluation.measures import MEASURES, group_means, mean_of_means
from babelmix.evaluation.query_scores import SCOPES, QueryScores

# Keys and columns that every file of scores has, of older releases too: outputs.claim_file knows such a file by them.
KEYS, COLUMNS = ("benchmark", "left_out", "bias"), ("query_language", "passage_language", "average_precision")
OLD_KEYS = {"model": "system", "headline": "main_score", "settings": "scopes"}  # of the JSON: old name -> new
OLD_COLUMNS = {"scope": "setting", "parallel_id": "question"}  # of the .npz: new name -> old
_TEXTS = ("scope", "parallel_id", "query_language", "passage_language")


def write_evaluation(
    evaluation: Evaluation, system: str, output: Path, per_query_output: Path | None = None, **about: Any
) -> None:
    """Write the figures as JSON, see `to_json`; into a second file, if given, the scores of every query as .npz."""
    if per_query_output is not None:
        with new_binary_file(per_query_output) as stream:
            np.savez_compressed(stream, allow_pickle=False, **per_query(evaluation))
    with new_file(output) as stream:
        stream.write(json.dumps(to_json(evaluation, system, **about), indent=1, ensure_ascii=False) + "\n")


def per_query(evaluation: Evaluation) -> dict[str, NDArray[Any]]:
    """Return the columns of QueryScores by name, ready for numpy.savez_compressed."""
    return {name: getattr(evaluation.scores, name) for name in QueryScores.__dataclass_fields__}


def to_json(evaluation: Evaluation, system: str, **about: Any) -> dict[str, Any]:
    """Return the figures in the form that `babelmix evaluate` writes; numbers are rounded to 6 decimals.

    `about` adds facts of the system and of the benchmark, for example `similarity`. Its `left_out` is merged with what
    the rankings left out, and its `nonsense`, the Hubness of nonsense queries, with that of the benchmark's queries.

    `queries` counts rankings: in the cross-lingual scope a query counts once for each language that it is scored
    against. A figure that the benchmark does not allow is None, never NaN: for example the cross-lingual figures where
    no question is answered in another language.
    """
    scores, bias = evaluation.scores, evaluation.bias
    scopes = {scope: _figures(scores, scope) for scope in SCOPES}
    pooled = scores.average_precision[scores.scope == "multilingual"]
    scopes["multilingual"]["map_over_questions"] = float(pooled.mean())
    mono, cross = scopes["monolingual"]["map"], scopes["crosslingual"]["map"]
    return _rounded(
        {
            "benchmark": evaluation.benchmark,
            "system": system,
            **about,
            "left_out": {**about.get("left_out", {}), **evaluation.left_out},
            "nonsense": {
                **asdict(about.get("nonsense") or Hubness(None, None)),
                "same_first_queries": evaluation.hubness.same_first,
                "distinct_top10_queries": evaluation.hubness.distinct_top10,
            },
            "main_score": evaluation.main_score,
            "scopes": scopes,
            "bias": {
                "rank_distance": bias.rank_distance,
                "rank_distance_share": bias.rank_distance_share,
                "max_rank": bias.max_rank,
                "language_share_top10": bias.language_share_top10,
                "language_share_pool": bias.language_share_pool,
                "language_share_by": bias.language_share_by,
                "same_language_share_top10": bias.same_language_share_top10,
                "peer": bias.peer,
                **asdict(bias.preference),
                "mrc_at_10": bias.mrc_at_10,
                "mono_minus_cross": None if mono is None or cross is None else mono - cross,
                "by": bias.rank_distance_by,
            },
        }
    )


def _figures(scores: QueryScores, scope: str) -> dict[str, Any]:
    mask, groups = scores.groups(scope)
    columns: dict[str, NDArray[np.float64]] = {
        measure: getattr(scores, column)[mask] for measure, column in MEASURES.items()
    }
    names, counts = np.unique(groups, return_counts=True)
    by: dict[str, dict[str, float]] = {name: {} for name in names.tolist()}
    for measure, values in columns.items():
        for name, mean in group_means(values, groups).items():
            by[name][measure] = mean
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        by[name]["queries"] = count
    figures: dict[str, Any] = {measure: mean_of_means(values, groups) for measure, values in columns.items()}
    return figures | {"queries": len(groups), "by": by}


def _rounded(figure: Any) -> Any:
    if isinstance(figure, dict):
        return {name: _rounded(value) for name, value in figure.items()}
    return round(figure, 6) if isinstance(figure, float) else figure


def parse_evaluation(text: str, where: str) -> dict[str, Any]:
    """Return what `to_json` wrote; a file of the last release gets the new names of its keys.

    UserError, with `where`, for a text that lacks a field which the report, the comparisons or MLflow read.
    """
    value = parse_json(text, where)
    if isinstance(value, dict):
        value = with_new_names(value, OLD_KEYS, where)
    with fields_checked(where):
        _Evaluation.model_validate(value)
    return value


def read_query_scores(file: Path | BinaryIO, where: str) -> QueryScores:
    """Read the scores of every query that `babelmix evaluate --per-query` wrote; `where` names the file in errors.

    UserError for a file that is damaged, or has a column of another kind, or a score outside of 0 to 1.
    """
    how = "delete it and run `dvc repro` again"
    names = tuple(QueryScores.__dataclass_fields__)
    arrays = read_arrays(file, names, what="scores of queries", how=how, where=where, old_names=OLD_COLUMNS)
    columns = dict(zip(names, arrays, strict=True))
    rows = columns["scope"].shape
    for name, column in columns.items():
        text = name in _TEXTS
        if column.dtype.kind != ("U" if text else "f") or column.shape != rows or len(rows) != 1:
            what = f"not a column of {'texts' if text else 'scores'} ({column.dtype}, shape {column.shape})"
            raise UserError(what, where=f"{where}, {name}", how=how)
        if not text and not ((column >= 0) & (column <= 1)).all():
            raise UserError("a score that is not between 0 and 1", where=f"{where}, {name}", how=how)
    return QueryScores(**columns)


Figure = Annotated[float, Field(strict=True, allow_inf_nan=False)] | None
Count = Annotated[int, Field(strict=True)]


class _Scope(BaseModel):
    map: Figure
    map_at_20: Figure
    ndcg_at_10: Figure
    recall_at_1: Figure
    recall_at_10: Figure
    recall_at_100: Figure
    queries: Count
    by: dict[str, dict[str, Figure]]


class _Scopes(BaseModel):
    multilingual: _Scope
    crosslingual: _Scope
    monolingual: _Scope


class _Bias(BaseModel):
    rank_distance: Figure
    rank_distance_share: Figure
    language_share_top10: dict[str, Figure]
    language_share_pool: dict[str, Figure]
    language_share_by: dict[str, dict[str, Figure]]
    same_language_share_top10: Figure
    by: dict[str, Figure]
    # Of this release on.
    lpr: Figure = None
    lpr_expected: Figure = None
    recall_same_at_10: Figure = None
    recall_same_at_100: Figure = None
    recall_across_at_10: Figure = None
    recall_across_at_100: Figure = None
    mrc_at_10: Figure = None


class _Evaluation(BaseModel):
    """The fields of an evaluation that are read; the file may have more."""

    benchmark: str
    main_score: Literal["map", "map_at_20", "ndcg_at_10", "recall_at_1", "recall_at_10", "recall_at_100"]
    scopes: _Scopes
    bias: _Bias
    nonsense: dict[str, Figure] | None = None
    contrastive_entropy: dict[str, Figure] | None = None
