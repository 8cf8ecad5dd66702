"""Several processes: each text is encoded once, the losses are those of one process, and a dead one is reported."""

import csv
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_training import (
    Job,
    environ,
    free_port,
    hashes,
    one_thread,
    start_processes,
    write_project,
    write_small_tokenized,
)
from torch import distributed

from babelmix import cli
from babelmix.corpus.records import Pair
from babelmix.encoder.load import load_encoder
from babelmix.training import distributed as distributed_module
from babelmix.training.distributed import READY, ProcessGroup, process_group

LONG = 500  # seconds, for what hangs; less than `TIMEOUT`, so no test that ends has waited for a dead process
CPU = torch.device("cpu")
PLAIN: dict[str, Any] = {"bfloat16": False, "steps": 6, "eval_steps": 3, "freeze_word_embeddings": True}


@given(st.lists(st.integers(1, 512), min_size=1, max_size=60), st.integers(1, 6))
def test_every_text_has_one_process_and_the_work_is_equal(lengths: list[int], world_size: int) -> None:
    shards = [ProcessGroup(rank, world_size, CPU, 1).shard(lengths) for rank in range(world_size)]
    assert sorted(np.concatenate(shards).tolist()) == list(range(len(lengths)))
    assert all(shard.tolist() == sorted(shard.tolist()) for shard in shards)
    work = [sum(lengths[row] for row in shard) for shard in shards]
    assert max(work) - min(work) <= max(lengths)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    assert len(lengths) < world_size or min(map(len, shards)) > 0


def test_alone_nothing_is_sent() -> None:
    processes, vectors = ProcessGroup(0, 1, CPU, 1), torch.arange(6.0).view(3, 2)
    assert torch.equal(processes.gather(vectors, np.array([2, 0, 1]), 3), vectors[[1, 2, 0]])
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    processes.sum_gradients([weight])
    assert processes.is_main and weight.grad.tolist() == [1, 1]
    assert processes.describe(True) == "cpu, 1 threads, bfloat16"
    assert ProcessGroup(1, 2, CPU, 3).describe(False) == "cpu, 3 threads, float32, 2 processes"


@pytest.mark.parametrize(("world", "here", "own"), [("1", "1", 2), ("1", "2", 1), ("1", "8", 1)])
def test_the_threads_are_divided_among_the_processes_of_a_machine(
    world: str, here: str, own: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    for name, value in (("RANK", "0"), ("WORLD_SIZE", world), ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", here)):
        monkeypatch.setenv(name, value)
    with process_group(2) as processes:
        assert (processes.rank, processes.world_size, processes.threads, torch.get_num_threads()) == (0, 1, own, own)
    torch.set_num_threads(before)


@pytest.mark.parametrize("rank", [0, 1])
def test_no_process_joins_before_the_main_one_is_ready(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Store:
        """The processes' common store; the key is there at the fourth check."""

        def set(self, key: str, value: str) -> None:
            done.append(f"set {key}")

        def check(self, keys: list[str]) -> bool:
            done.append("checked")
            return rank == 0 or done.count("checked") > 3

    monkeypatch.setattr(distributed_module, "rendezvous", lambda *args, **kwargs: iter([(Store(), rank, 2)]))
    monkeypatch.setattr(distributed_module.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(distributed, "init_process_group", lambda *args, **kwargs: done.append("joined"))
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: done.append("left"))
    for name, value in (("RANK", str(rank)), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    with one_thread(), process_group(2, lambda processes: done.append(f"before {processes.rank}")):
        done.append("trained")
    began = ["before 0", f"set {READY}", "checked"] if rank == 0 else ["checked"] * 4
    assert done == [*began, "joined", "trained", "left"]


def test_processes_learn_whether_all_have_the_same_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ProcessGroup(0, 1, CPU, 1).agree(5)
    other = 5

    def add(numbers: torch.Tensor) -> None:
        numbers[1] = other

    monkeypatch.setattr(distributed, "all_reduce", add)
    assert ProcessGroup(0, 2, CPU, 1).agree(5) and not ProcessGroup(0, 2, CPU, 1).agree(0)


def finish(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Wait for all, and return their exit codes and what they wrote to stderr."""
    try:
        found = [process.communicate(timeout=LONG)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [(process.returncode, error) for process, error in zip(processes, found, strict=True)]


def losses(folder: Path, name: str = "history.csv") -> list[float]:
    rows = list(csv.DictReader((folder / name).read_text().splitlines()))
    return [float(row[name]) for row in rows for name in ("loss", "dev_english", "dev_crosslingual") if row[name]]


@pytest.mark.slow
def test_two_processes_train_as_one(
    python: Path, tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    write_small_tokenized(tmp_path / "tokens", parallel_pairs, tiny_encoder)
    cases = [
        {"cached": False},
        {"cached": True, "freeze_word_embeddings": False, "matryoshka": (8,), "symmetric": True},
        {"cached": False, "freeze_word_embeddings": False},
        {"cached": True, "batch_size": 5},  # ten texts of a batch: five each
        {"cached": False, "batch_size": 5, "select_by": "dev_crosslingual", "bfloat16": True, "dropout": 0.1},
    ]
    jobs = [
        Job(str(tiny_encoder), str(tmp_path / "tokens"), str(tmp_path / f"two{number}"), PLAIN | changes)
        for number, changes in enumerate(cases)
    ]
    for code, error in finish(start_processes(python, jobs, tmp_path / "processes")):
        assert code == 0, error
    for number, (job, changes) in enumerate(zip(jobs, cases, strict=True)):
        first, second = (tmp_path / f"two{number}-{rank}" for rank in (0, 1))
        assert hashes(first) == hashes(second), changes
        one = replace(job, output=str(tmp_path / f"one{number}")).run()
        rel = 0.2 if changes.get("dropout") else 1e-4  # each process drops other activations than one alone
        assert losses(first) == pytest.approx(losses(one), rel=rel), changes


@pytest.mark.slow
def test_a_process_that_dies_is_reported_and_both_resume(
    python: Path, tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    write_small_tokenized(tmp_path / "tokens", parallel_pairs, tiny_encoder)
    job = Job(
        str(tiny_encoder), str(tmp_path / "tokens"), str(tmp_path / "out"),
        PLAIN | {"steps": 12, "freeze_word_embeddings": False},
        store=str(tmp_path / "store"), kill_after=8, kill_rank=1,
    )  # fmt: skip
    living, dead = start_processes(python, [job], tmp_path / "processes")
    dead.wait(timeout=LONG)
    (code, error), (killed, _) = finish([living, dead])
    assert (code, killed) == (2, -signal.SIGKILL)
    assert "process 1 of 2: another process of this training exited or does not answer; read its error" in error
    assert "run the same command again" in error and "Traceback" not in error
    again = start_processes(python, [replace(job, kill_after=None)], tmp_path / "processes")
    steps = [process.stdout.readline().strip() for process in again if process.stdout]
    for code, error in finish(again):
        assert code == 0, error
    assert steps == ["6", "6"], "both resume after the last checkpoint"
    assert hashes(tmp_path / "out-0") == hashes(tmp_path / "out-1")
    whole = replace(job, store=None, kill_after=None, output=str(tmp_path / "one")).run()
    assert losses(tmp_path / "out-0") == pytest.approx(losses(whole), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_the_command_trains_in_two_processes(
    launcher: str,
    python: Path,
    tiny_encoder: Path,
    parallel_pairs: list[Pair],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_project(tmp_path / "project", tiny_encoder, parallel_pairs, bfloat16=False)
    history = folder / "metrics/history/hybrid.csv"
    monkeypatch.chdir(folder)
    with one_thread():
        cli.run(["tokenise"])
        cli.run(["train", "--objective", "hybrid"])
    one = losses(history.rename(tmp_path / "history.csv").parent)
    port = str(free_port())
    start = {
        "torchrun": ["torch.distributed.run", "--nproc-per-node", "2", "--master-port", port],
        # Without GPUs it also starts several processes, with `--multi_gpu`.
        "accelerate": ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
                       "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port],
    }[launcher]  # fmt: skip
    command = [python, "-m", *start, "-m", "babelmix", "train", "--objective", "hybrid"]
    environment = environ() | {"PYTHON_EXEC": str(python)}  # both launchers start their workers with it
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, error = process.communicate(timeout=LONG)
    finally:
        process.terminate()  # which ends its workers too
        process.wait()
    assert process.returncode == 0, error
    assert output.count("babelmix: wrote models/hybrid, last loss ") == 1
    assert error.count("babelmix: training on cpu, 1 threads, float32, 2 processes\n") == 1
    assert losses(history.parent, "hybrid.csv") == pytest.approx(one, rel=1e-4)
    assert load_encoder(folder / "models/hybrid") and not list((folder / ".babelmix/training").iterdir())
