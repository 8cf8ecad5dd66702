"""What was measured of one form of an export: its size, its speed, its scores.

    row = FormRow("onnx-int8", 58_000_000, 41.0, {"de": 0.61}, {"de": -0.004})

The measuring fills these rows; the model card prints them.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormRow:
    """One form of an export. `map_by_language` and `loss_by_language` are empty where nothing was scored.

    They are monolingual: the queries of a language among the passages of that language.
    """

    name: str  # "sentence-transformers", "onnx", "onnx-int8", "openvino", ...
    bytes: int  # of all its files
    texts_per_second: float | None  # None: not measured
    map_by_language: Mapping[str, float]  # language -> mAP
    loss_by_language: Mapping[str, float]  # language -> mAP of the model before the export, minus its own
