"""The front matter of a model card: what the hub reads, with the scores as its model index.

data = card_data(facts)                    # a huggingface_hub.ModelCardData
licence_of(facts)                          # ("other", "weights-mit-data-various")
"""

from typing import TYPE_CHECKING

from babelmix.evaluation.measures import MEASURE_NAMES
from babelmix.exporting.card_facts import Facts, Score

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

SCOPE_NAMES = {
    "monolingual": "the passages of the query's language",
    "crosslingual": "the passages of one other language",
    "multilingual": "the pool of all languages",
}
BASE_MODEL = "intfloat/multilingual-e5-small"
LICENCE_NAME = "weights-mit-data-various"


def card_data(facts: Facts) -> "ModelCardData":
    """Return the front matter, with the scores as the hub's model index.

    The scores are of the model before its export, so an export that was changed has none there.
    """
    from huggingface_hub import ModelCardData

    licence, name = licence_of(facts)
    base = base_model(facts)
    languages = facts.trimmed.languages if facts.trimmed else facts.seen
    scores = () if facts.changed else facts.scores
    return ModelCardData(
        language=sorted(languages) or None,
        license=licence,
        license_name=name,
        library_name="sentence-transformers",
        pipeline_tag="sentence-similarity",
        tags=["sentence-transformers", "sentence-similarity", "feature-extraction", "babelmix"],
        base_model=base,
        model_name=facts.name if scores else None,
        eval_results=[_result(score) for score in scores] or None,
    )


def _result(score: Score) -> "EvalResult":
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type="information-retrieval",
        task_name="Information Retrieval",
        dataset_type=score.benchmark,
        dataset_name=score.benchmark,
        dataset_config=score.scope,
        metric_type=score.measure,
        metric_name=f"{MEASURE_NAMES[score.measure]} in {SCOPE_NAMES[score.scope]}",
        metric_value=round(score.interval.mean, 4),
    )


def base_model(facts: Facts) -> str | None:
    """Return the starting encoder as the hub names it; None for a local folder, and where it is unknown."""
    if facts.preset is None or facts.preset.folder:
        return None
    return facts.preset.hub or BASE_MODEL


def packaged(facts: Facts) -> bool:
    """Return whether the starting encoder is the packaged one."""
    return facts.preset is not None and not facts.preset.hub and not facts.preset.folder


def licence_of(facts: Facts) -> tuple[str, str | None]:
    """Return the licence as the hub writes it, and its name where that is "other"."""
    if not packaged(facts):
        return "other", "unknown"
    return ("other", LICENCE_NAME) if facts.trained else ("mit", None)
