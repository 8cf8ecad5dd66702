"""The state of a training on disk, so that one that was killed goes on and ends with the same bytes.

    keeper = Keeper(store() / "training", inputs)          # inputs: all that decides the result
    state = keeper.read()                                  # None: nothing was kept of exactly these inputs
    keeper.write(State(step, history, tensors))
    keeper.forget()                                        # the training is done

A state is known by the sha256 of its inputs, so changed ones never go on from it. It holds the trained weights, the
optimiser's moments and, where the best look is kept, that look's weights. Generators need no state: the batches and
the dropout of a step are drawn from (seed, step) alone, and the learning rate is a function of the step.
"""

import hashlib
import json
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from babelmix.errors import UserError
from babelmix.files import new_folder


@dataclass(frozen=True)
class State:
    """What a training knows after `step` steps: its history rows, its best look, and tensors by name."""

    step: int
    history: list[list[Any]]
    best: tuple[int, float] | None  # step and dev loss of the best look
    tensors: dict[str, torch.Tensor]


class Keeper:
    """The folder of one training's state, named by the fingerprint of its inputs."""

    def __init__(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        """`inputs`: JSON values that together decide every byte of the result."""
        self._inputs = dict(inputs)
        self.fingerprint = hashlib.sha256(json.dumps(self._inputs, sort_keys=True).encode()).hexdigest()
        self._all = folder
        self.folder = folder / self.fingerprint[:16]

    def step(self) -> int | None:
        """Return after how many steps the state was kept, None where there is none; its tensors are not read."""
        with self._whole():
            return int(self._told()["step"]) if self.folder.is_dir() else None

    def read(self) -> State | None:
        """Return the kept state, or None where there is none of these inputs. UserError where it is spoilt."""
        if not self.folder.is_dir():
            return None
        with self._whole():
            told, tensors = self._told(), load_file(self.folder / "state.safetensors")
            best = told["best"]
            return State(told["step"], told["history"], (best[0], best[1]) if best else None, tensors)

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        if told["inputs"] != json.loads(json.dumps(self._inputs)):
            raise ValueError("of another training")
        return told

    @contextmanager
    def _whole(self) -> Generator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
            raise self.spoilt() from error

    def spoilt(self) -> UserError:
        """Return the error for a state that is not whole, or not of the model that it should be of."""
        how = f"delete it (rm -r {self.folder}) and start again from the beginning"
        return UserError("the kept state of a training cannot be read", where=str(self.folder), how=how)

    def write(self, state: State) -> None:
        """Keep a state, in place of an earlier one."""
        for left in self._all.glob(f".{self.folder.name}.*"):
            shutil.rmtree(left, ignore_errors=True)  # by a process that was killed
        with new_folder(self.folder) as beside:
            save_file(
                {name: tensor.contiguous().cpu() for name, tensor in state.tensors.items()},
                beside / "state.safetensors",
            )
            told = {"step": state.step, "best": state.best, "history": state.history, "inputs": self._inputs}
            (beside / "state.json").write_text(json.dumps(told, sort_keys=True), encoding="utf-8")

    def forget(self) -> None:
        """Delete the kept state."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def others(self) -> list[str]:
        """Say of each other kept state of the same objective what differs: why it is not gone on from."""
        found: list[str] = []
        for file in sorted(self._all.glob("[!.]*/state.json")):
            try:
                told = json.loads(file.read_text(encoding="utf-8"))
                before, step = dict(told["inputs"]), int(told["step"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            now: dict[str, Any] = json.loads(json.dumps(self._inputs))
            differs = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
            if differs and before.get("objective name") == now.get("objective name"):
                found.append(f"{file.parent} (step {step}; other {', '.join(differs)})")
        return found


def hash_files(*paths: Path) -> str:
    """Return the sha256 over the names and bytes of files, or of the files of folders."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.name.encode() + b"\0")
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
