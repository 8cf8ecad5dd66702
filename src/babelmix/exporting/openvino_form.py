"""An ONNX file as OpenVINO's two files, .xml and .bin, in float32 or with static 8 bits.

    network = convert(Path("onnx/model.onnx"))
    write_openvino(network, Path("openvino/openvino_model.xml"))
    quantised = quantise_statically(network, calibration, products)

What the library notes of the conversion, such as versions and options, is left out: the same ONNX file gives the same
bytes.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.exporting.no_telemetry import import_nncf, import_openvino

Batch = Mapping[str, NDArray[np.int64]]  # input name -> [texts, longest]
SMOOTH = 0.5
NO_PRODUCTS = ("Constant", "Parameter", "Result")


def convert(file: Path) -> Any:
    """Return OpenVINO's network of an ONNX file; its inputs, output and products keep their names."""
    return import_openvino().convert_model(str(file))


def write_openvino(network: Any, file: Path) -> None:
    """Write a network as `file`, an .xml, and as a .bin beside it; weights of float32 stay so."""
    openvino = import_openvino()
    for part in list(network.get_rt_info()):
        del network.get_rt_info()[part]
    for number, node in enumerate(network.get_ordered_ops()):  # generated names count on through a process
        if node.get_type_name() not in ("Parameter", "Result"):
            node.set_friendly_name(f"{node.get_type_name()}_{number}")
    openvino.save_model(network, str(file), compress_to_fp16=False)


def quantise_statically(
    network: Any, calibration: Sequence[Batch], products: Sequence[str], in_float32: Sequence[str] = ()
) -> Any:
    """Return the network with 8 bits in the products with weights, scaled by the ranges of the calibration batches.

    All else stays in float32: attention, sums and norms are few operations and lose most. Weights take 7 bits, for
    processors without VNNI. A static scale makes a text's vector independent of the texts beside it. NNCF's SmoothQuant
    moves outliers of inputs into weights first, by half (SMOOTH): its default of .95 moved cosines nine times as far.

    Args:
        network: of `convert`.
        calibration: batches of texts.
        products: the names of all products with weights.
        in_float32: those of them that stay as they are.
    """
    nncf = import_nncf()
    nncf.set_log_level(logging.ERROR)
    narrow = set(products) - set(in_float32)
    others = [node.get_friendly_name() for node in network.get_ops() if node.get_type_name() not in NO_PRODUCTS]
    with redirect_stdout(StringIO()):  # its progress bars
        return nncf.quantize(
            network,
            nncf.Dataset([dict(batch) for batch in calibration]),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(calibration),
            ignored_scope=nncf.IgnoredScope(names=[name for name in others if name not in narrow], validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                overflow_fix=nncf.OverflowFix.ENABLE,
                smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=SMOOTH),
            ),
        )
