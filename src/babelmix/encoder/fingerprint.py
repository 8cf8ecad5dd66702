"""What decides the bytes of a computation besides its settings: code, libraries, machine and files, as JSON values.

A checkpoint is named by the sha256 of these facts, so a training never resumes from a checkpoint of other inputs. Kept
vectors are too, so none comes back for another model.
"""

import hashlib
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.imports import source_files
from babelmix.common.outputs import MANIFEST

if TYPE_CHECKING:
    import torch

# Their computation and their file formats decide the bytes of a model's folder.
LIBRARIES = ("numpy", "safetensors", "sentence-transformers", "tokenizers", "torch", "transformers")
# Environment variables that choose among kernels that round differently.
SWITCHES = (
    "ATEN_CPU_CAPABILITY", "CUBLAS_WORKSPACE_CONFIG", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)  # fmt: skip
# Files of a model's folder that do not affect its vectors: the model card, the measured speeds of an export, and the
# list of a folder's own files.
_IGNORED = ("README.md", "export.json", MANIFEST, ".gitattributes", ".gitignore")


def machine(device: "torch.device") -> dict[str, Any]:
    """Return what decides how this machine rounds numbers, as JSON values; the number of cores is not part of it."""
    import torch

    from babelmix.encoder.kernels import load_kernels

    kind: dict[str, Any] = {
        "capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
        "system": platform.system(),
    }
    features = torch.cpu.get_capabilities()
    kind |= {name: value for name, value in features.items() if not name.startswith("num_")}
    if device.type == "cpu":
        kernels = load_kernels()
        kind |= {"kernels": kernels and kernels.name}
    if device.type == "cuda":
        kind |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
        kind |= {"compute": torch.cuda.get_device_capability(device), "cudnn": torch.backends.cudnn.version()}
    return kind


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that decide the result."""
    import torch

    return {name: version(name) for name in LIBRARIES} | {"torch": torch.__version__}


def hash_code(*modules: str) -> str:
    """Return the sha256 of the project's code that these modules run, see `source_files`."""
    return hash_files(*source_files(*modules))


def hash_files(*paths: Path) -> str:
    """Return the sha256 over the names and bytes of files; files of a folder count under their path in the folder."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                name = file.relative_to(path).as_posix() if path.is_dir() else file.name
                digest.update(name.encode() + b"\0")
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def hash_model(folder: Path) -> str:
    """Return the sha256 of a model's folder: weights, tokenizer and configuration; links are followed."""
    digest = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.name not in _IGNORED and file.is_file()):
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{content}\0".encode())
    return digest.hexdigest()
