"""The state of a training on disk, so that one that was killed goes on and ends with the same bytes.

    keeper = Keeper(cache_dir() / "training", inputs)          # inputs: all that decides the result
    with keeper.alone(say):                                # an equal training in another process waits here
        state = keeper.read()                              # None: nothing was kept of exactly these inputs
        keeper.write(State(step, history, best, tensors))
        keeper.forget()                                    # the training is done

A state is known by the sha256 of its inputs, so changed ones never go on from it. It holds the trained weights, the
optimiser's moments and, where the best look is kept, that look's weights. Generators need no state: the batches and
the dropout of a step are drawn from (seed, step) alone, and the learning rate is a function of the step.

A state is one file, replaced in one step, so that no reader meets parts of two. Where the file system has no locks,
equal trainings each do the work, and what the last look of either has kept is a whole state of both.
"""

import errno
import hashlib
import json
import os
import platform
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from babelmix.common.errors import UserError
from babelmix.common.files import new_path, translate_errors
from babelmix.common.imports import source_files
from babelmix.common.locks import locked

# What they compute, and how they write it, decides the bytes of a model's folder.
LIBRARIES = ("numpy", "safetensors", "sentence-transformers", "tokenizers", "torch", "transformers")
# They choose among kernels that round differently.
SWITCHES = (
    "ATEN_CPU_CAPABILITY", "CUBLAS_WORKSPACE_CONFIG", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)  # fmt: skip
_TOLD = "state"  # in the header of the file: all that is no tensor, as JSON
_BROKEN = (OSError, SafetensorError, ValueError, KeyError, TypeError, IndexError, RecursionError)


@dataclass(frozen=True)
class State:
    """What a training knows after `step` steps: its history rows, its best look, and tensors by name."""

    step: int
    history: list[list[Any]]
    best: tuple[int, float] | None  # step and dev loss of the best look
    tensors: dict[str, torch.Tensor]


class Keeper:
    """The file of one training's state, named by the fingerprint of its inputs."""

    def __init__(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        """`inputs`: JSON values that together decide every byte of the result."""
        self._inputs: dict[str, Any] = json.loads(json.dumps(inputs))
        self.fingerprint = hashlib.sha256(json.dumps(self._inputs, sort_keys=True).encode()).hexdigest()
        self._all = folder
        self.file = folder / f"{self.fingerprint[:16]}.safetensors"
        self._writable = True
        self._own: os.stat_result | None = None  # of the file that was read or written last

    @contextmanager
    def alone(self, say: Callable[[str], None]) -> Generator["Keeper"]:
        """Yield this, and keep equal trainings in other processes waiting; wait for one that was there before.

        `say` gets a line where it waits, and where nothing keeps equal trainings apart.
        Where the folder cannot be written no state is kept.
        """
        lock = self.file.with_suffix(".lock")
        with ExitStack() as stack:
            try:
                with translate_errors(lock):
                    held = stack.enter_context(locked(lock, on_wait=lambda holder: say(_waits(holder, lock))))
            except (OSError, UserError) as error:
                number = getattr(error if isinstance(error, OSError) else error.__cause__, "errno", None)
                if number in (errno.ENOSPC, errno.EDQUOT):
                    raise
                self._writable = False
                say(f"no state is kept, so that a training that is stopped begins again: {error}")
            else:
                if not held:
                    say(f"the file system of {self._all} has no locks: equal trainings at once each do the work")
            yield self

    def step(self) -> int | None:
        """Return after how many steps the state was kept, None where there is none; its tensors are not read."""
        with self._whole():
            return int(self._told(_header(self.file))["step"]) if self.file.is_file() else None

    def read(self) -> State | None:
        """Return the kept state, or None where there is none of these inputs. UserError where it is spoilt."""
        if not self.file.is_file():
            return None
        with self._whole():
            self._own = self.file.stat()
            with safe_open(self.file, framework="pt") as stored:
                told, best = self._told(json.loads(stored.metadata()[_TOLD])), None
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no dictionary)
            if told["best"]:
                best = (int(told["best"][0]), float(told["best"][1]))
            return State(int(told["step"]), told["history"], best, tensors)

    def _told(self, told: dict[str, Any]) -> dict[str, Any]:
        if told["inputs"] != self._inputs:
            raise ValueError("of another training")
        return told

    @contextmanager
    def _whole(self) -> Generator[None]:
        try:
            yield
        except _BROKEN as error:
            raise self.spoilt() from error

    def spoilt(self) -> UserError:
        """Return the error for a state that is not whole, or not of the model that it should be of."""
        how = f"delete it (rm {self.file}) and start again from the beginning"
        return UserError("the kept state of a training cannot be read", where=str(self.file), how=how)

    def write(self, state: State) -> None:
        """Keep a state, in place of an earlier one."""
        if not self._writable:
            return
        told = {
            "step": state.step,
            "best": list(state.best) if state.best else None,
            "history": state.history,
            "inputs": self._inputs,
        }
        tensors = {name: tensor.contiguous().cpu() for name, tensor in state.tensors.items()}
        with new_path(self.file) as beside:
            save_file(tensors, beside, metadata={_TOLD: json.dumps(told)})
        self._own = self.file.stat()

    def forget(self) -> None:
        """Delete the kept state, but for one that an equal training has kept since, where nothing locks it out."""
        if not (self._writable and self._own and self.file.is_file()):
            return
        now, own = self.file.stat(), self._own
        if (now.st_ino, now.st_mtime_ns) == (own.st_ino, own.st_mtime_ns):
            self.file.unlink(missing_ok=True)

    def others(self) -> list[str]:
        """Say of each other kept state of the same objective what differs: why it is not gone on from."""
        found: list[str] = []
        for file in sorted(self._all.glob("[!.]*.safetensors")):
            try:
                told = _header(file)
                before, step = dict(told["inputs"]), int(told["step"])
            except _BROKEN:
                continue
            now = self._inputs
            differs = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
            if differs and before.get("objective name") == now.get("objective name"):
                found.append(f"{file} (step {step}; other {', '.join(differs)})")
        return found


def _header(file: Path) -> dict[str, Any]:
    """Return all that a kept state holds but its tensors, which are not read."""
    with safe_open(file, framework="pt") as stored:
        return json.loads(stored.metadata()[_TOLD])


def machine(device: torch.device) -> dict[str, Any]:
    """Return what of this machine decides how numbers are rounded, as JSON values: not how many cores it has."""
    kind: dict[str, Any] = {
        "capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
        "system": platform.system(),
    }
    features = torch.cpu.get_capabilities()
    kind |= {name: value for name, value in features.items() if not name.startswith("num_")}
    if device.type == "cuda":
        kind |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
        kind |= {"compute": torch.cuda.get_device_capability(device), "cudnn": torch.backends.cudnn.version()}
    return kind


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that have a part in the result."""
    return {name: version(name) for name in LIBRARIES} | {"torch": torch.__version__}


def hash_code(*modules: str) -> str:
    """Return the sha256 of the project's code that these modules run."""
    return hash_files(*source_files(*modules))


def hash_files(*paths: Path) -> str:
    """Return the sha256 over the names and bytes of files, or of the files of folders by their names below it."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                name = file.relative_to(path).as_posix() if path.is_dir() else file.name
                digest.update(name.encode() + b"\0")
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _waits(holder: str, lock: Path) -> str:
    return f"waits for an equal training: {holder} (its lock is {lock})"
