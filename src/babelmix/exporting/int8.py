"""An ONNX file with weights of 8 bits: embeddings by row, and the products of layers.

    narrow_embeddings(proto)                            # in place; for ONNX Runtime and for OpenVINO
    quantise_dynamically(Path("narrow.onnx"), Path("onnx/model_qint8.onnx"), in_float32=["node_MatMul_70"])

An embedding keeps a scale for each row, so its largest error is half a 127th of that row's largest weight. A product's
weights keep a scale for each output. They are rounded to 7 bits: processors without VNNI add two products in 16 bits,
which 8 bits would overflow, and so the form has the same vectors on every processor that rounds alike. ONNX Runtime
scales the inputs of a product by the largest of the whole batch. So a vector depends a little on the texts beside it.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from babelmix.exporting.no_telemetry import import_libraries

LARGEST = 127
ROWS = 1024  # an embedding with fewer rows, such as that of positions, stays in float32


def narrow_embeddings(proto: Any) -> int:
    """Round the large embeddings of an ONNX model to 8 bits in place; return how many."""
    onnx, numpy_helper = import_libraries("onnx", "onnx.numpy_helper")
    weights = {weight.name: weight for weight in proto.graph.initializer}
    found = 0
    for node in list(proto.graph.node):
        table = weights.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or len(table.dims) != 2 or table.dims[0] < ROWS:
            continue
        rows = numpy_helper.to_array(table)
        scales = np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(np.float32).tiny * LARGEST) / LARGEST
        narrow, name = np.rint(rows / scales).astype(np.int8), table.name
        proto.graph.initializer.remove(table)
        proto.graph.initializer.extend(
            [numpy_helper.from_array(narrow, f"{name}.int8"), numpy_helper.from_array(scales, f"{name}.scales")]
        )
        place, (output,) = list(proto.graph.node).index(node), node.output
        ids = node.input[1]
        new = [
            onnx.helper.make_node("Gather", [f"{name}.int8", ids], [f"{output}.int8"], f"{name}.int8"),
            onnx.helper.make_node("Gather", [f"{name}.scales", ids], [f"{output}.scales"], f"{name}.scales"),
            onnx.helper.make_node("Cast", [f"{output}.int8"], [f"{output}.float"], f"{name}.float", to=1),
            onnx.helper.make_node("Mul", [f"{output}.float", f"{output}.scales"], [output], f"{name}.rows"),
        ]
        proto.graph.node.remove(node)
        for offset, one in enumerate(new):
            proto.graph.node.insert(place + offset, one)
        found += 1
    return found


def products_of(proto: Any) -> list[str]:
    """Return the names of the products with weights, in the order of the layers."""
    weights = {weight.name for weight in proto.graph.initializer if len(weight.dims) == 2}
    return [node.name for node in proto.graph.node if node.op_type == "MatMul" and node.input[1] in weights]


def quantise_dynamically(source: Path, file: Path, in_float32: Sequence[str] = ()) -> None:
    """Write an ONNX file with all products with weights in 8 bits but those named `in_float32`."""
    quantization, onnx = import_libraries("onnxruntime.quantization", "onnx")
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises a step that is for models of vision
    try:
        quantization.quantize_dynamic(
            str(source),
            str(file),
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=list(in_float32),
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        root.setLevel(level)
    written = onnx.load(str(file))
    written.producer_name, written.producer_version = "babelmix", ""
    del written.metadata_props[:]
    file.write_bytes(written.SerializeToString(deterministic=True))
