"""What a command says first on a processor without bfloat16, where it computes in float32."""

import torch

from babelmix.encoder.precision import has_bfloat16, usable_precision

CPU = torch.device("cpu")
PRECISION = "bfloat16" if has_bfloat16(CPU) else "float32"  # that a training or embedding asked for bfloat16 has here


def note_on_bfloat16() -> str:
    """The line on stderr, empty on a processor that has bfloat16."""
    note = usable_precision("bfloat16", CPU)[1]
    return f"babelmix: {note}\n" if note else ""
