"""A training that was stopped, by an exception or by SIGKILL, resumes and ends with the bytes of one that was not."""

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_training import (
    ALONE,
    Job,
    Stopped,
    hashes,
    inputs_of,
    run,
    same,
    small_settings,
    start,
    stop_after,
    write_result,
    write_small_tokenized,
)

from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.fingerprint import SWITCHES, hash_files, machine
from babelmix.training.checkpoint import Checkpoint, CheckpointStore
from babelmix.training.tokenized_pairs import TokenizedPairs, read_tokenized

HARD: dict[str, Any] = {"dropout": 0.1, "freeze_word_embeddings": False}


@pytest.fixture(scope="module")
def tokens(tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "tokens"
    write_small_tokenized(folder, parallel_pairs, tiny_encoder)
    return folder


@pytest.fixture(scope="module")
def tokenized(tokens: Path) -> TokenizedPairs:
    return read_tokenized(tokens)


def checkpoints_of(tiny_encoder: Path, tokens: Path, store: Path, **changes: Any) -> CheckpointStore:
    return CheckpointStore(store, inputs_of(small_settings(**changes), tiny_encoder, tokens))


def stop(encoder: Path, tokenized: TokenizedPairs, checkpoints: CheckpointStore, after: int, **changes: Any) -> None:
    """Train, and stop after that step."""
    with pytest.raises(Stopped):
        run(encoder, tokenized, small_settings(**changes), checkpoints=checkpoints, on_progress=stop_after(after))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "stops"),
    [
        ({"bfloat16": False}, [7]),
        ({"dropout": 0.1}, [5, 11]),  # right after an evaluation, then after another
        ({"dropout": 0.1, "cached": True}, [8]),
        ({"freeze_word_embeddings": False}, [6, 8]),  # twice between the same evaluations
        (
            {**HARD, "select_by": "dev_crosslingual", "learning_rate": 0.03, "eval_steps": 3},
            [10],
        ),  # the best was before
        ({"steps": 40, "batch_size": 12, "eval_steps": 13}, [30]),  # in a later epoch
        ({}, [3]),  # before the first evaluation: from the beginning
    ],
)
def test_a_stopped_training_ends_with_the_same_bytes(
    changes: dict[str, Any],
    stops: list[int],
    tiny_encoder: Path,
    tokens: Path,
    tokenized: TokenizedPairs,
    tmp_path: Path,
) -> None:
    settings, checkpoints = (
        small_settings(**changes),
        checkpoints_of(tiny_encoder, tokens, tmp_path / "store", **changes),
    )
    whole = write_result(*run(tiny_encoder, tokenized, settings), tmp_path / "whole")
    for after in stops:
        stop(tiny_encoder, tokenized, checkpoints, after, **changes)
        checkpoint, every = checkpoints.read(), settings.train.eval_steps
        assert (checkpoint.step if checkpoint else 0) == after // every * every
    counted: list[int] = []
    model, history = run(tiny_encoder, tokenized, settings, checkpoints=checkpoints, on_progress=counted.append)
    again = write_result(model, history, tmp_path / "again")
    assert hashes(whole) == hashes(again)
    assert sum(counted) == settings.train.steps and len(history) == settings.train.steps
    if checkpoint:
        assert counted[0] == checkpoint.step and set(counted[1:]) == {1}
    if settings.train.select_by != "last":
        losses = {step.step: step.dev_crosslingual for step in history if step.dev_crosslingual}
        assert checkpoint and checkpoint.best == min(losses.items(), key=lambda item: item[1])


@pytest.mark.slow
def test_a_killed_training_resumes_in_another_process(
    python: Path, tiny_encoder: Path, tokens: Path, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {**HARD, "select_by": "dev_pooled", "steps": 24, "eval_steps": 7}
    store = str(tmp_path / "store")
    job = Job(str(tiny_encoder), str(tokens), str(tmp_path / "killed"), changes, store=store, kill_after=17)
    process = start(python, [job], tmp_path / "process")
    output, error = process.communicate()
    assert process.returncode == -signal.SIGKILL and output.split()[-1] == "17", error
    assert not (tmp_path / "killed-0").exists()
    job = replace(job, kill_after=None)
    checkpoints = job.checkpoints()
    assert checkpoints and (checkpoint := checkpoints.read()) and checkpoint.step == 14
    counted: list[int] = []
    again = job.run(on_progress=counted.append)  # here
    assert counted[0] == 14
    whole = replace(job, store=None, output=str(tmp_path / "whole")).run()
    assert hashes(again) == hashes(whole)


def test_a_training_with_changed_inputs_never_resumes_and_says_why(
    tiny_encoder: Path, tokens: Path, tokenized: TokenizedPairs, tmp_path: Path
) -> None:
    store, settings = tmp_path / "store", small_settings()
    stop(tiny_encoder, tokenized, checkpoints_of(tiny_encoder, tokens, store), 6)
    known = inputs_of(settings, tiny_encoder, tokens)
    assert CheckpointStore(store, known).read() and CheckpointStore(store, known).others() == []
    other_weights, other_pairs = tmp_path / "encoder", tmp_path / "pairs"
    for folder, file in ((other_weights, "model.safetensors"), (other_pairs, "queries.bin")):
        folder.mkdir()
        (folder / file).write_bytes(b"others")
    changed: list[tuple[str, dict[str, Any]]] = [
        ("seed", inputs_of(small_settings(seed=14), tiny_encoder, tokens)),
        ("train", inputs_of(small_settings(steps=13), tiny_encoder, tokens)),
        ("objective", known | {"objective": {"alpha": 0.4}}),
        ("train", inputs_of(small_settings(learning_rate=0.1), tiny_encoder, tokens)),
        ("starting encoder", inputs_of(settings, other_weights, tokens)),
        ("pairs", inputs_of(settings, tiny_encoder, other_pairs)),
        ("teacher, negatives", inputs_of(settings, tiny_encoder, tokens, extras=[other_pairs])),
        ("threads", inputs_of(settings, tiny_encoder, tokens, processes=replace(ALONE, threads=2))),
        ("processes", inputs_of(settings, tiny_encoder, tokens, processes=replace(ALONE, world_size=2))),
        ("code", {**known, "code": "of another day"}),
        ("libraries", {**known, "libraries": {"torch": "3.0"}}),
        ("machine", {**known, "machine": {**known["machine"], "avx512_bf16": "of another processor"}}),
    ]
    for differs, other in changed:
        checkpoints = CheckpointStore(store, other)
        assert checkpoints.read() is None
        (line,) = checkpoints.others()
        assert line.startswith(str(store))
        assert line.endswith(f" (step 5; different: {differs}); restore these to resume from it, or delete it")
    of_another = CheckpointStore(store, inputs_of(settings, tiny_encoder, tokens, name="contrastive"))
    assert of_another.read() is None and of_another.others() == []


def test_the_same_inputs_have_the_same_fingerprint_wherever_they_lie(
    tiny_encoder: Path, tokens: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").symlink_to(tiny_encoder)
    one = inputs_of(small_settings(), tiny_encoder, tokens)
    assert one == inputs_of(small_settings(), tmp_path / "elsewhere", tokens)
    assert json.loads(json.dumps(one)) == one
    (tmp_path / "a").write_text("1")
    assert len({hash_files(tmp_path / "a"), hash_files(tmp_path / "elsewhere"), hash_files()}) == 3


def test_a_switch_that_changes_how_numbers_are_rounded_is_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    before = machine(ALONE.device)
    assert before == machine(ALONE.device) and before["capability"] and before["switches"] == {}
    assert not any("cores" in name for name in before)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert machine(ALONE.device) == before | {"switches": {"ONEDNN_MAX_CPU_ISA": "AVX2"}}


def test_a_file_counts_with_its_place_below_the_folder(tmp_path: Path) -> None:
    for place in ("one/config.json", "two/below/config.json"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text("{}")
    assert hash_files(tmp_path / "one") != hash_files(tmp_path / "two")
    assert hash_files(tmp_path / "one") == hash_files(tmp_path / "two/below")


CHECKPOINT = Checkpoint(5, [[5, "mixed", 1.5, 0.1, None]], (5, 0.25), {"weight.a": torch.tensor([1.0, 2.0])})


def test_a_checkpoint_comes_back_as_it_was_and_can_be_deleted(tmp_path: Path) -> None:
    checkpoints = CheckpointStore(tmp_path, {"seed": 1, "train": {"widths": (1, 2)}})
    assert checkpoints.read() is None
    checkpoints.write(Checkpoint(1, [], None, {}))
    (line,) = CheckpointStore(tmp_path, {"seed": 2}).others()
    assert line.startswith(f"{checkpoints.file} (step 1; different: seed, train); ")
    assert checkpoints.step() == 1
    checkpoints.write(CHECKPOINT)
    found = checkpoints.read()
    assert found and same(found.tensors, CHECKPOINT.tensors)
    assert replace(found, tensors={}) == replace(CHECKPOINT, tensors={})
    checkpoints.delete()
    checkpoints.delete()
    assert checkpoints.read() is None and list(tmp_path.iterdir()) == []


def as_version_0_1(file: Path, **inputs: Any) -> None:
    """Rewrite a checkpoint as version 0.1 wrote it: its metadata had another key."""
    with safe_open(file, framework="pt") as stored:
        header = json.loads(stored.metadata()["checkpoint"])
        tensors = {name: stored.get_tensor(name) for name in list(stored.keys())}
    save_file(tensors, file, metadata={"state": json.dumps(header | {"inputs": header["inputs"] | inputs})})


def test_a_checkpoint_of_an_older_version_is_read(tmp_path: Path) -> None:
    checkpoints = CheckpointStore(tmp_path, {"seed": 1})
    checkpoints.write(CHECKPOINT)
    as_version_0_1(checkpoints.file)
    found = checkpoints.read()
    assert checkpoints.step() == 5 and found and same(found.tensors, CHECKPOINT.tensors)


def test_a_checkpoint_of_older_code_is_passed_over_with_one_line(
    tiny_encoder: Path, tokens: Path, tokenized: TokenizedPairs, tmp_path: Path
) -> None:
    old = {**inputs_of(small_settings(), tiny_encoder, tokens), "code": "of version 0.1", "train": {"look_steps": 5}}
    of_old = CheckpointStore(tmp_path, {"seed": 13})
    of_old.write(CHECKPOINT)
    as_version_0_1(of_old.file, **old)
    before = of_old.file.read_bytes()
    checkpoints = checkpoints_of(tiny_encoder, tokens, tmp_path)
    assert checkpoints.step() is None and checkpoints.read() is None
    (line,) = checkpoints.others()
    how = "restore these to resume from it, or delete it"
    assert line == f"{of_old.file} (step 5; different: code, train); {how}"
    _, history = run(tiny_encoder, tokenized, small_settings(), checkpoints=checkpoints)
    checkpoints.delete()
    assert len(history) == 12 and of_old.file.read_bytes() == before and list(tmp_path.iterdir()) == [of_old.file]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def other_seed(file: Path) -> None:
    with safe_open(file, framework="pt") as stored:
        header = json.loads(stored.metadata()["checkpoint"])
        tensors = {name: stored.get_tensor(name) for name in list(stored.keys())}
    save_file(tensors, file, metadata={"checkpoint": json.dumps(header | {"inputs": {"seed": 2}})})


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        other_seed,
        lambda file: file.write_bytes(b""),
        lambda file: file.write_text("[]"),
        lambda file: file.write_bytes(b"PK" + file.read_bytes()[200:]),
        lambda file: save_file({}, file),
        lambda file: save_file({}, file, metadata={"checkpoint": "[]"}),
        lambda file: save_file({}, file, metadata={"checkpoint": "{"}),
        lambda file: save_file({}, file, metadata={"checkpoint": '{"step": 5}'}),
    ],
)
def test_a_corrupt_checkpoint_is_refused_with_what_to_do(damage: Any, tmp_path: Path) -> None:
    checkpoints = CheckpointStore(tmp_path, {"seed": 1})
    checkpoints.write(CHECKPOINT)
    damage(checkpoints.file)
    for read in (checkpoints.read, checkpoints.step):
        with pytest.raises(UserError, match="the checkpoint is corrupt; delete it") as caught:
            read()
        assert f"(rm {checkpoints.file})" in str(caught.value)


def drop(tensors: dict[str, torch.Tensor], kind: str) -> None:
    tensors.pop(next(name for name in tensors if name.startswith(kind)))


@pytest.mark.parametrize(
    "tamper",
    [
        lambda tensors: drop(tensors, "weight."),
        lambda tensors: drop(tensors, "best."),
        lambda tensors: tensors.update({"weight.0.another": torch.zeros(2)}),
        lambda tensors: tensors.update({"odd": torch.zeros(2)}),
        lambda tensors: tensors.update(
            {name: tensors[name][..., :3].clone() for name in tensors if "exp_avg." in name}
        ),
        lambda tensors: tensors.update(
            {name: tensors[name][:1].clone() for name in tensors if name.startswith("weight.")}
        ),
    ],
)
def test_the_checkpoint_of_another_model_is_refused(
    tamper: Any, tiny_encoder: Path, tokens: Path, tokenized: TokenizedPairs, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {"select_by": "dev_pooled", "freeze_word_embeddings": False, "eval_steps": 2}
    checkpoints = checkpoints_of(tiny_encoder, tokens, tmp_path, **changes)
    stop(tiny_encoder, tokenized, checkpoints, 2, **changes)
    checkpoint = checkpoints.read()
    assert checkpoint
    tamper(checkpoint.tensors)
    checkpoints.write(checkpoint)
    with pytest.raises(UserError, match="the checkpoint is corrupt; delete it"):
        run(tiny_encoder, tokenized, small_settings(**changes), checkpoints=checkpoints)
