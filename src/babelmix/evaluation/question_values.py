"""A scope's figure as a mean over questions, so that the spread of questions gives its standard error.

values = question_values(scores, "multilingual", "average_precision")     # [questions]
values.mean()                                                              # the figure that the scope reports
"""

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.evaluation.query_scores import QueryScores


def question_values(
    scores: QueryScores, scope: str, measure: str, minus: QueryScores | None = None
) -> NDArray[np.float64]:
    """Return float64 [Q], one value a question, whose mean is the figure of a scope and whose spread is its error.

    The figure is the mean over groups (languages, or pairs of languages) of the mean over their queries. Its influence
    values (infinitesimal jackknife; Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, chapter 6) are
    the slopes of the figure in the weight of each question:

        value[q] = figure + Q * mean over groups of (total[q, g] - mean[g] * count[q, g]) / count[g]

    Translations of a question rise and fall together. They make one value, so ten languages are not ten samples. If
    every question is in every group, its value is its own mean over groups.

    Args:
        scores: of one system.
        scope: a name in SCOPES.
        measure: a column of QueryScores.
        minus: scores of another system on the same queries: then the values are those of the difference.

    Raises:
        UserError: the scope has no queries.
    """
    mask, group_names = scores.groups(scope)
    if not mask.any():
        how = "choose a scope that the benchmark has"
        raise UserError("no queries to compare", where=f"scope {scope!r}", how=how)
    measured: NDArray[np.float64] = getattr(scores, measure)[mask]
    if minus is not None:
        measured = measured - getattr(minus, measure)[mask]
    questions, question = np.unique(scores.parallel_id[mask], return_inverse=True)  # the order of `questions`
    groups, group = np.unique(group_names, return_inverse=True)
    shape = len(questions), len(groups)
    cells = question * shape[1] + group
    count = np.bincount(cells, minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)
    total = np.bincount(cells, weights=measured, minlength=count.size).reshape(shape)
    size = count.sum(axis=0)
    mean = total.sum(axis=0) / size
    return mean.mean() + shape[0] * ((total - mean * count) / size).mean(axis=1)
