"""Checkpoints: a training that was killed resumes from the last one and ends with the same bytes.

    checkpoints = CheckpointStore(folder, inputs)          # inputs: everything that decides the result
    with checkpoints.exclusive(say):                       # an equal training in another process waits here
        checkpoint = checkpoints.read()                    # None: there is none of exactly these inputs
        checkpoints.write(Checkpoint(step, history, best, tensors))
        checkpoints.delete()                               # the training is done

The sha256 of the inputs names the file, so a training with other inputs never resumes from it. A checkpoint holds the
trained weights, the optimisers' moments and, where the weights with the lowest dev loss are selected or the weights are
averaged, these weights or their mean.
Random generators are not stored: batches and dropout depend on (seed, step) alone, and the learning rate on the step.

A checkpoint is one file, and a new one replaces it in one step, so no reader sees a half-written one. On a file system
without locks equal trainings each do all the work, and either can resume from what the other wrote last.
"""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from babelmix.common.errors import UserError
from babelmix.common.files import new_path, translate_errors
from babelmix.common.locks import locked

_KEY = "checkpoint"  # in the file's metadata: all but the tensors, as JSON
_OLD_KEY = "state"  # the name that version 0.1 wrote, read for one release
_CORRUPT = (OSError, SafetensorError, ValueError, KeyError, TypeError, IndexError, RecursionError)


@dataclass(frozen=True)
class Checkpoint:
    """A training after `step` steps: rows of its history, the evaluation with the lowest dev loss, tensors by name."""

    step: int
    history: list[list[Any]]
    best: tuple[int, float] | None  # step and dev loss
    tensors: dict[str, torch.Tensor]


class CheckpointStore:
    """The checkpoint file of one training, named by the fingerprint of its inputs."""

    def __init__(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        """`inputs`: JSON values that together decide every byte of the result."""
        self._inputs: dict[str, Any] = json.loads(json.dumps(inputs))
        self.fingerprint = hashlib.sha256(json.dumps(self._inputs, sort_keys=True).encode()).hexdigest()
        self._folder = folder
        self.file = folder / f"{self.fingerprint[:16]}.safetensors"
        self._writable = True
        self._own: os.stat_result | None = None  # of the file that this store read or wrote last

    @contextmanager
    def exclusive(self, say: Callable[[str], None]) -> Generator["CheckpointStore"]:
        """Yield this store while equal trainings in other processes wait; wait for one that started before.

        `say` gets a line if this process waits, if the file system has no locks, and if the folder is not writable, in
        which case the training runs without checkpoints. A full disk raises UserError.
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
                say(f"writes no checkpoints, so a stopped training starts again from the beginning: {error}")
            else:
                if not held:
                    say(f"the file system of {self._folder} has no locks: equal trainings at once each do all the work")
            yield self

    def step(self) -> int | None:
        """Return the step of the checkpoint, None if there is none; its tensors are not read."""
        with self._readable():
            return int(self._checked(_header(self.file))["step"]) if self.file.is_file() else None

    def read(self) -> Checkpoint | None:
        """Return the checkpoint, or None if there is none of these inputs. UserError if the file is corrupt."""
        if not self.file.is_file():
            return None
        with self._readable():
            self._own = self.file.stat()
            with safe_open(self.file, framework="pt") as stored:
                header, best = self._checked(_parse(stored.metadata())), None
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no dictionary)
            if header["best"]:
                best = (int(header["best"][0]), float(header["best"][1]))
            return Checkpoint(int(header["step"]), header["history"], best, tensors)

    def _checked(self, header: dict[str, Any]) -> dict[str, Any]:
        if header["inputs"] != self._inputs:
            raise ValueError("of another training")
        return header

    @contextmanager
    def _readable(self) -> Generator[None]:
        try:
            yield
        except _CORRUPT as error:
            raise self.corrupt() from error

    def corrupt(self) -> UserError:
        """Return the error for a checkpoint that is damaged or belongs to another model."""
        how = f"delete it (rm {self.file}) and start again from the beginning"
        return UserError("the checkpoint is corrupt", where=str(self.file), how=how)

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, which replaces an earlier one."""
        if not self._writable:
            return
        header = {
            "step": checkpoint.step,
            "best": list(checkpoint.best) if checkpoint.best else None,
            "history": checkpoint.history,
            "inputs": self._inputs,
        }
        tensors = {name: tensor.contiguous().cpu() for name, tensor in checkpoint.tensors.items()}
        with new_path(self.file) as staging:
            save_file(tensors, staging, metadata={_KEY: json.dumps(header)})
        self._own = self.file.stat()

    def delete(self) -> None:
        """Delete the checkpoint, unless an equal training has written one since (on a file system without locks)."""
        if not (self._writable and self._own and self.file.is_file()):
            return
        now, own = self.file.stat(), self._own
        if (now.st_ino, now.st_mtime_ns) == (own.st_ino, own.st_mtime_ns):
            self.file.unlink(missing_ok=True)

    def others(self) -> list[str]:
        """Return a line for each other checkpoint of this objective: its step, and why this training ignores it.

        The usual cause is another version of the code or changed settings. A file that cannot be read is left out.
        """
        found: list[str] = []
        for file in sorted(self._folder.glob("[!.]*.safetensors")):
            try:
                header = _header(file)
                before, step = dict(header["inputs"]), int(header["step"])
            except _CORRUPT:
                continue
            now = self._inputs
            differs = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
            if differs and before.get("objective name") == now.get("objective name"):
                how = "restore these to resume from it, or delete it"
                found.append(f"{file} (step {step}; different: {', '.join(differs)}); {how}")
        return found


def _header(file: Path) -> dict[str, Any]:
    """Return all of a checkpoint but its tensors, which are not read."""
    with safe_open(file, framework="pt") as stored:
        return _parse(stored.metadata())


def _parse(metadata: dict[str, str]) -> dict[str, Any]:
    return json.loads(metadata[_KEY if _KEY in metadata else _OLD_KEY])


def _waits(holder: str, lock: Path) -> str:
    return f"waits for an equal training: {holder} (its lock is {lock})"
