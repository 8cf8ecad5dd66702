"""The kernels of the folder cpp/: compiled at first use for this very processor, called on torch tensors of a CPU.

    kernels = load_kernels()                     # None where there is no compiler
    kernels.gelu(x, bias, out)                   # out = GELU(x + bias)

The library is kept beside the compiled Python files, under a name made of its source, the compiler and the processor,
with the sha256 of its bytes at its end. It uses the threads of the OpenMP library that torch has loaded.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.autograd.profiler import record_function

SOURCES = Path(__file__).with_name("cpp")
COMPILERS = ("c++", "g++", "clang++")  # after the one that CXX names
FLAGS = ("-O3", "-march=native", "-std=c++17", "-fPIC", "-fopenmp", "-fno-math-errno", "-fno-trapping-math")
_NAMES = {torch.bfloat16: "bfloat16", torch.float32: "float32"}


class Kernels:
    """The loaded library. All tensors are contiguous and on the CPU.

    Activations are bfloat16 or float32, all of one type [tokens, width]; sums, biases, gains and shifts are float32.
    `starts` is int64 [texts + 1]: text i has the rows from starts[i] to starts[i + 1]. Widths are multiples of 16.
    """

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        """Wrap the loaded `library`; its `name` is made of its source, the compiler and the processor."""
        self._library, self.name = library, name

    def attention(
        self,
        qkv: torch.Tensor,
        bias: torch.Tensor,
        out: torch.Tensor,
        starts: torch.Tensor,
        heads: int,
        scale: float,
    ) -> None:
        """Attention within each text. `qkv`: queries, keys and values side by side, [tokens, 3 * width]; + `bias`."""
        dim = out.shape[1] // heads
        self._call("attention", qkv, qkv, bias, out, starts, len(starts) - 1, heads, dim, scale)

    def attention_gradient(
        self,
        qkv: torch.Tensor,
        bias: torch.Tensor,
        gradient: torch.Tensor,
        to: torch.Tensor,
        starts: torch.Tensor,
        heads: int,
        scale: float,
    ) -> None:
        """Write the gradient of `qkv` to `to`, from that of the attention's result."""
        dim = gradient.shape[1] // heads
        self._call("attention_gradient", qkv, qkv, bias, gradient, to, starts, len(starts) - 1, heads, dim, scale)

    def gelu(self, x: torch.Tensor, bias: torch.Tensor, out: torch.Tensor) -> None:
        """Out = GELU(x + bias), the exact one (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""
        self._call("gelu", x, x, bias, out, *x.shape)

    def gelu_gradient(
        self,
        x: torch.Tensor,
        bias: torch.Tensor,
        gradient: torch.Tensor,
        to: torch.Tensor,
        out: torch.Tensor,
        bias_gradient: torch.Tensor,
    ) -> None:
        """Write the gradient of `x` to `to` and GELU itself to `out`; add the bias's gradient to `bias_gradient`."""
        self._call("gelu_gradient", x, x, bias, gradient, to, out, bias_gradient, *x.shape)

    def norm(
        self,
        x: torch.Tensor,
        bias: torch.Tensor,
        residual: torch.Tensor,
        layer_norm: torch.nn.LayerNorm,
        out: torch.Tensor,
        normalised: torch.Tensor | None = None,
        inverse: torch.Tensor | None = None,
    ) -> None:
        """Out = layer norm of x + bias + residual.

        The gradient needs the normalised rows and `inverse`, float32 [tokens], 1 / their standard deviation.
        """
        gain, shift, epsilon = layer_norm.weight, layer_norm.bias, layer_norm.eps
        self._call("norm", x, x, bias, residual, gain, shift, epsilon, out, normalised, inverse, *x.shape)

    def norm_gradient(
        self,
        gradients: tuple[torch.Tensor, torch.Tensor | None],
        normalised: torch.Tensor,
        inverse: torch.Tensor,
        gain: torch.Tensor,
        to: torch.Tensor,
        sums: torch.Tensor,
    ) -> None:
        """Write the gradient of x, which is also that of the residual, to `to`.

        The gradient of the norm's result is the sum of the two `gradients`. Those of bias, gain and shift are added to
        `sums`, [3, width].
        """
        first, second = gradients
        self._call("norm_gradient", first, first, second, normalised, inverse, gain, to, sums, *first.shape)

    def mean(self, x: torch.Tensor, out: torch.Tensor, starts: torch.Tensor) -> None:
        """Out = the mean of each text's rows, float32 [texts, width]."""
        self._call("mean", x, x, out, starts, *out.shape)

    def add_rows(self, x: torch.Tensor, sums: torch.Tensor) -> None:
        """Add the sum of all rows of `x` to `sums`, [width]."""
        self._call("add_rows", x, x, sums, *x.shape)

    def _call(self, name: str, like: torch.Tensor, *arguments: torch.Tensor | int | float | None) -> None:
        torch.get_num_threads()  # gives this thread of Python torch's number of OpenMP threads
        function = getattr(self._library, f"{name}_{_NAMES[like.dtype]}")
        with record_function(f"babelmix::{name}"):
            function(*(_as_c(argument) for argument in arguments))


@cache
def load_kernels() -> Kernels | None:
    """Compile the kernels if this processor has none yet, and load them; None without a working compiler."""
    compiler = next(
        (found for name in (os.environ.get("CXX"), *COMPILERS) if name and (found := shutil.which(name))), None
    )
    if compiler is None:
        return None
    _keep_freed_memory()
    try:
        version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
        sources = [file.read_bytes() for file in sorted(SOURCES.glob("*.?pp"))]
        key = hashlib.sha256(b"\0".join([*sources, version, " ".join(FLAGS).encode(), _processor()]))
        file = SOURCES.with_name("__pycache__") / f"kernels-{key.hexdigest()[:16]}.so"
        if not _is_whole(file):
            _compile(compiler, file)
        return Kernels(ctypes.CDLL(str(file)), file.name)
    except (OSError, subprocess.CalledProcessError):
        return None


def _keep_freed_memory() -> None:
    """Let this process keep what it frees: asking for a step's activations anew, page by page, takes 4 % of a step."""
    if platform.libc_ver()[0] == "glibc":
        for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
            ctypes.CDLL(None).mallopt(option, 2**30)


def _compile(compiler: str, file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=file.parent) as scratch:
        compiled, linked = Path(scratch) / "kernels.o", Path(scratch) / file.name
        # Linked without -fopenmp: the functions of OpenMP are to be those of the library that torch has loaded.
        for command in (
            [*FLAGS, "-c", str(SOURCES / "kernels.cpp"), "-o", compiled],
            ["-shared", compiled, "-o", linked],
        ):
            subprocess.run([compiler, *command], capture_output=True, check=True)
        with linked.open("ab") as stream:
            stream.write(hashlib.sha256(linked.read_bytes()).digest())
        linked.replace(file)


def _is_whole(file: Path) -> bool:
    content = file.read_bytes() if file.is_file() else b""
    return len(content) > 32 and hashlib.sha256(content[:-32]).digest() == content[-32:]


def _processor() -> bytes:
    """Return what the instructions that a processor has depend on: its kind, and what Linux says of it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    chosen = [line for line in lines if line.startswith(("model name", "flags", "Features"))]
    return "\n".join([platform.machine(), platform.processor(), *sorted(set(chosen))]).encode()


def _as_c(value: torch.Tensor | int | float | None) -> Any:
    if value is None or isinstance(value, torch.Tensor):
        return ctypes.c_void_p(None if value is None else value.data_ptr())
    return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_int64(value)
