"""Which processor a measurement ran on, in one line: a time without it says little.

describe_machine(2)     # "AMD EPYC, 2 cores, 2 threads, AVX-512 BF16, no AMX; torch 2.13.0+cpu"
"""

import torch

from babelmix.common.processes import cores, processor

# The features that decide the speed of bfloat16 products, by torch's names -> the makers' names.
FEATURES = {"avx512_bf16": "AVX-512 BF16", "amx_bf16": "AMX"}


def describe_machine(threads: int) -> str:
    """Return the processor, its cores, the threads used, its bfloat16 instructions and the version of torch."""
    capabilities = torch.cpu.get_capabilities()
    features = [name if capabilities.get(key) else f"no {name}" for key, name in FEATURES.items()]
    counts = f"{cores()} cores, {threads} threads"
    return f"{processor()}, {counts}, {', '.join(features)}; torch {torch.__version__}"
