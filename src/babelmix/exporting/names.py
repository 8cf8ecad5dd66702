"""The forms of an exported model, and where each is in the folder: as sentence-transformers' own backends look for it.

FILES["openvino-int8"]        # "openvino/openvino_model_qint8_quantized.xml"
"""

from enum import StrEnum
from typing import Literal

Form = Literal["st", "onnx", "onnx-int8", "openvino", "openvino-int8"]


class Kind(StrEnum):
    """What a user asks for."""

    ST = "st"
    ONNX = "onnx"
    OPENVINO = "openvino"


FILES: dict[Form, str] = {
    "st": "model.safetensors",
    "onnx": "onnx/model.onnx",
    "onnx-int8": "onnx/model_qint8.onnx",
    "openvino": "openvino/openvino_model.xml",
    "openvino-int8": "openvino/openvino_model_qint8_quantized.xml",
}
ONNX: tuple[Form, ...] = ("onnx", "onnx-int8")
OPENVINO: tuple[Form, ...] = ("openvino", "openvino-int8")
