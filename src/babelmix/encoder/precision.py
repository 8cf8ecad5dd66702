"""The number format of the matrix products, as this machine can compute it.

    usable_precision("bfloat16", torch.device("cpu"))   # on an old CPU: ("float32", "cpu has no bfloat16 ...")
    with in_precision(model, "int8"):
        ...                                             # forward passes

torch computes bfloat16 on any machine. Without instructions for it that is emulation, several times slower than
float32.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal

from babelmix.common.progress import say

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

Precision = Literal["bfloat16", "float32", "int8"]


def has_bfloat16(device: "torch.device") -> bool:
    """Return whether the device has instructions for bfloat16; Apple's GPUs count as having them."""
    import torch

    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type != "cpu" or _cpu_has("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def has_int8(device: "torch.device") -> bool:
    """Return whether the device is a CPU with instructions for int8 products (VNNI or AMX), as int8.py needs."""
    import torch

    return device.type == "cpu" and torch.backends.mkldnn.is_available() and _cpu_has("avx512_vnni", "amx_int8")


def usable_precision(asked: Precision, device: "torch.device") -> tuple[Precision, str | None]:
    """Return the precision to compute in, and a line for the user if that is not what was asked for."""
    if asked == "float32" or (asked == "bfloat16" and has_bfloat16(device)) or (asked == "int8" and has_int8(device)):
        return asked, None
    instead: Precision = "bfloat16" if has_bfloat16(device) else "float32"
    return instead, f"{device.type} has no {asked} instructions that babelmix can use: it computes in {instead}"


def default_device() -> "torch.device":
    """Return the device that an encoder is loaded onto: the GPU if there is one, the CPU otherwise."""
    import torch

    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


@cache
def say_once(note: str) -> None:
    """Print a note for the user, the first time only."""
    say(note)


@contextmanager
def in_precision(model: "SentenceTransformer", precision: Precision) -> Generator[None]:
    """Compute the model's forward passes in a usable precision within the block; the weights stay as they are.

    With int8, all that is not a linear layer is computed in bfloat16 if the CPU has it.
    """
    import torch

    from babelmix.encoder.int8 import int8_linears

    bfloat16 = precision == "bfloat16" or (precision == "int8" and has_bfloat16(model.device))
    with torch.autocast(model.device.type, torch.bfloat16, enabled=bfloat16):
        if precision != "int8":
            yield
            return
        with int8_linears(model):
            yield


def _cpu_has(*instructions: str) -> bool:
    import torch

    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in instructions)
