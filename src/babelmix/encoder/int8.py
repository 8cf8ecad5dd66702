"""Linear layers in int8, on a CPU with VNNI.

    with int8_linears(model):
        ...                     # forward passes without gradients

Weights are rounded to 8 bits with a scale for each output; inputs as they come, with a scale for each token, so that
the vector of a text does not depend on the texts beside it. The product is oneDNN's, of unsigned inputs (128 stands for
zero) and signed weights: what the instructions take. Embeddings, attention and normalisation stay as they are.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LARGEST, ZERO = 127, 128  # the largest absolute value, and the unsigned number that stands for zero


@contextmanager
def int8_linears(model: "SentenceTransformer") -> Generator[None]:
    """Replace every linear layer of the transformer by its int8 form within the block."""
    inner: Any = model[0]
    found = [
        (module, name, part)
        for module in inner.modules()
        for name, part in module.named_children()
        if type(part) is torch.nn.Linear
    ]
    try:
        for module, name, part in found:
            setattr(module, name, Int8Linear(part))
        yield
    finally:
        for module, name, part in found:
            setattr(module, name, part)


class Int8Linear(torch.nn.Module):
    """A linear layer with weights of 8 bits; made of a float layer, for inference alone."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        """Round the weights of `linear`, which keeps its own."""
        super().__init__()
        weight = linear.weight.detach().float()
        scales = weight.abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny * LARGEST) / LARGEST
        rounded = (weight / scales[:, None]).round().to(torch.int8)
        self._scales, self._zeros = scales, torch.zeros(len(scales), dtype=torch.int64)
        self._packed: torch.Tensor = torch.ops.onednn.qlinear_prepack(rounded, None)
        bias: Any = linear.bias  # None in a layer without one, which torch's stubs leave out
        self._bias = torch.zeros_like(scales) if bias is None else bias.detach().float()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return float [..., outputs] of float [..., inputs], bfloat16 under autocast."""
        rows = inputs.reshape(-1, inputs.shape[-1]).float()
        scales = rows.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny * LARGEST) / LARGEST
        # oneDNN prepares a product anew for each number of rows, so few numbers may occur.
        rounded = torch.full((1 << max(len(rows) - 1, 0).bit_length(), rows.shape[1]), ZERO, dtype=torch.uint8)
        rounded[: len(rows)] = (rows / scales).round_().add_(ZERO)
        product: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            rounded, 1.0, ZERO, self._packed, self._scales, self._zeros, None, 1.0, 0, torch.float32, "none", [], "none"
        )
        outputs = torch.addcmul(self._bias, product[: len(rows)], scales)
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else inputs.dtype
        return outputs.to(kind).view(*inputs.shape[:-1], -1)
