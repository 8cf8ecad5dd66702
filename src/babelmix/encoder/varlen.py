"""Attention over texts laid end to end, without padding, by torch's own flash attention on a GPU.

    if usable(query.device, query.dtype, query.shape[-1]):
        found = varlen_attention(query, key, value, lengths, scaling)       # [tokens, heads, d]

The kernel reads where each text starts. It takes bfloat16 and float16 on GPUs from Ampere (sm80) on, and knows no
dropout. Everything else, and sliding windows, goes the way of packing.py's buckets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

AMPERE = (8, 0)  # the oldest compute capability that the kernel runs on
MOST_DIMENSIONS = 256  # of a head


@dataclass(frozen=True)
class Lengths:
    """Where texts that are laid end to end start; one for a group, for all layers.

    `starts`: int32 [texts + 1] on the device: the first token of each text, and the number of all tokens. `longest`:
    the most tokens of a text.
    """

    starts: torch.Tensor
    longest: int


def lengths_of(lengths: Sequence[int], device: torch.device) -> Lengths:
    """Return where texts of these lengths start; the copy to a GPU does not wait."""
    starts = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    starts = starts.pin_memory() if device.type == "cuda" else starts
    return Lengths(starts.to(device, non_blocking=True), max(lengths))


def usable(device: torch.device, dtype: torch.dtype, dimensions: int) -> bool:
    """Return whether `varlen_attention` takes vectors of this type, with so many dimensions a head, on this device."""
    if device.type != "cuda" or torch.version.hip is not None or dtype not in (torch.bfloat16, torch.float16):
        return False
    if dimensions % 8 or dimensions > MOST_DIMENSIONS:
        return False
    return torch.backends.cuda.is_flash_attention_available() and torch.cuda.get_device_capability(device) >= AMPERE


def varlen_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, lengths: Lengths, scaling: float
) -> torch.Tensor:
    """Return attention within each text, [tokens, heads, d] in the type of `query`; gradients flow to all three.

    On a GPU, the backward pass adds in no fixed order, unless `torch.use_deterministic_algorithms(True)` is set.

    Args:
        query: bfloat16 or float16 [tokens, heads, d].
        key: as `query`, with the same number of heads.
        value: as `key`.
        lengths: of the texts.
        scaling: factor of the scores.
    """
    from torch.nn.attention import varlen

    query, key, value = query.contiguous(), key.contiguous(), value.contiguous()  # the kernel wants whole rows
    starts, longest = lengths.starts, lengths.longest
    found: Any = varlen.varlen_attn(query, key, value, starts, starts, longest, longest, scale=scaling)
    return found
