"""An encoder's transformer as an ONNX file: token ids and mask in, the last hidden state out.

    export_onnx(model, Path("onnx/model.onnx"))

Inputs `input_ids` and `attention_mask`, int64 [texts, longest]; output `last_hidden_state`, float32 [texts, longest,
d]: the names that sentence-transformers' own backends look for. Token types are those of a single text. Prompts,
tokenizer, pooling and what follows it stay in the folder's other files. The file has no names of files, no lines of
code and no versions of this machine in it: the same weights and libraries give the same bytes.
"""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from babelmix.common.errors import UserError
from babelmix.common.one_line import reason_of
from babelmix.exporting.no_telemetry import import_libraries

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LARGEST = 2**31 - 1  # bytes of a protobuf
INPUTS, OUTPUT = ("input_ids", "attention_mask"), "last_hidden_state"


def export_onnx(model: "SentenceTransformer", file: Path) -> None:
    """Write the model's transformer as ONNX, in float32.

    Raises UserError if the model has no transformer, if its layers cannot be exported, or if `export` is not installed.
    """
    onnx, _ = import_libraries("onnx", "onnxscript")
    layers = _Layers(transformer_of(model)).eval()
    # Two texts of unequal length: the exporter takes a size of 1 for a constant.
    ids = torch.tensor([[2, 3, 3, 4], [2, 3, 4, 1]])
    sizes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("longest", max=_positions(model))}
    try:
        with _quiet(), _plain_attention(layers.inner):
            program: Any = torch.onnx.export(
                layers, (ids, torch.ones_like(ids)), input_names=list(INPUTS), output_names=[OUTPUT], dynamo=True,
                dynamic_shapes=(sizes, sizes), verbose=False,
            )  # fmt: skip
    except Exception as error:
        first = reason_of(error)
        how = "export it as st alone; torch must be able to trace the model's class"
        raise UserError(f"the layers cannot be exported ({first})", where="--form onnx", how=how) from error
    proto = _plain(program.model_proto)
    if proto.ByteSize() > LARGEST:
        how = "export it as st alone, or trim its vocabulary with --languages"
        raise UserError("over 2 GB, more than an ONNX file may have", where="--form", how=how)
    file.write_bytes(proto.SerializeToString(deterministic=True))
    onnx.checker.check_model(str(file))


def transformer_of(model: "SentenceTransformer") -> Any:
    """Return the model's transformer; UserError if it has none, such as a model of static embeddings."""
    inner = getattr(model[0], "model", None)
    if not hasattr(inner, "config") or not hasattr(inner, "forward"):
        how = "export it as st alone"
        raise UserError(f"its first module is {type(model[0]).__name__}, not a transformer", where="--form", how=how)
    return inner


class _Layers(torch.nn.Module):
    """A transformer as a function of two tensors."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.inner(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


@contextmanager
def _plain_attention(inner: Any) -> Generator[None]:
    """Compute attention by plain products within the block.

    torch's own function leaves guards against NaN in the graph. A text has a token, so there is no NaN.
    """
    before = inner.config._attn_implementation
    inner.set_attn_implementation("eager")
    try:
        yield
    finally:
        inner.set_attn_implementation(before)


def _positions(model: "SentenceTransformer") -> int:
    from babelmix.encoder.tokenise import position_count

    return position_count(model) or 2**20


def _plain(proto: Any) -> Any:
    """Return the model without what the exporter notes of the machine and of the code that it traced."""
    del proto.metadata_props[:]
    proto.producer_name, proto.producer_version, proto.doc_string = "babelmix", "", ""
    graph = proto.graph
    for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    del graph.value_info[:]  # shapes on the way, which every engine infers for itself
    for function in proto.functions:
        function.doc_string = ""
        del function.metadata_props[:]
    return proto


@contextmanager
def _quiet() -> Generator[None]:
    """Silence the exporter: its notes are for those who write models."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
