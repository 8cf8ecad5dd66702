"""A training that was stopped, by an exception or by SIGKILL, goes on and ends with the bytes of one that was not."""

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_training import ALONE, Job, hashes, run, same, small_settings, start, write_result, write_small_corpus

from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.training.checkpoint import SWITCHES, Keeper, State, hash_files, machine
from babelmix.training.loop import inputs
from babelmix.training.tokenized_pairs import Corpus, read_corpus

HARD: dict[str, Any] = {"dropout": 0.1, "freeze_word_embeddings": False}


class Stopped(Exception):
    """Raised in the middle of a training."""


@pytest.fixture(scope="module")
def tokens(tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "tokens"
    write_small_corpus(folder, parallel_pairs, tiny_encoder)
    return folder


@pytest.fixture(scope="module")
def corpus(tokens: Path) -> Corpus:
    return read_corpus(tokens)


def keeper_of(tiny_encoder: Path, tokens: Path, store: Path, **recipe: Any) -> Keeper:
    return Keeper(store, inputs("hybrid", small_settings(**recipe), tiny_encoder, tokens, [], ALONE))


def stop(encoder: Path, corpus: Corpus, keeper: Keeper, after: int, **recipe: Any) -> None:
    """Train, and stop after that step."""
    done = 0

    def told(steps: int) -> None:
        nonlocal done
        done += steps
        if done == after:
            raise Stopped

    with pytest.raises(Stopped):
        run(encoder, corpus, small_settings(**recipe), keeper=keeper, told=told)


@pytest.mark.parametrize(
    ("recipe", "stops"),
    [
        ({"bfloat16": False}, [7]),
        ({"dropout": 0.1}, [5, 11]),  # right after a look, then after another
        ({"dropout": 0.1, "cached": True}, [8]),
        ({"freeze_word_embeddings": False}, [6, 8]),  # twice between the same looks
        ({**HARD, "keep": "crosslingual", "learning_rate": 0.03, "look_steps": 3}, [10]),  # the best look was before
        ({"steps": 40, "batch_size": 12, "look_steps": 13}, [30]),  # in a later epoch
        ({}, [3]),  # before the first look: from the beginning
    ],
)
def test_a_stopped_training_ends_with_the_same_bytes(
    recipe: dict[str, Any], stops: list[int], tiny_encoder: Path, tokens: Path, corpus: Corpus, tmp_path: Path
) -> None:
    settings, keeper = small_settings(**recipe), keeper_of(tiny_encoder, tokens, tmp_path / "store", **recipe)
    whole = write_result(*run(tiny_encoder, corpus, settings), tmp_path / "whole")
    for after in stops:
        stop(tiny_encoder, corpus, keeper, after, **recipe)
        state, looks = keeper.read(), settings.train.look_steps
        assert (state.step if state else 0) == after // looks * looks
    counted: list[int] = []
    model, history = run(tiny_encoder, corpus, settings, keeper=keeper, told=counted.append)
    again = write_result(model, history, tmp_path / "again")
    assert hashes(whole) == hashes(again)
    assert sum(counted) == settings.train.steps and len(history) == settings.train.steps
    if state:
        assert counted[0] == state.step and set(counted[1:]) == {1}
    if settings.train.keep != "last":
        losses = {step.step: step.dev_crosslingual for step in history if step.dev_crosslingual}
        assert state and state.best == min(losses.items(), key=lambda look: look[1])


@pytest.mark.slow
def test_a_killed_training_goes_on_in_another_process(
    python: Path, tiny_encoder: Path, tokens: Path, tmp_path: Path
) -> None:
    recipe: dict[str, Any] = {**HARD, "keep": "pooled", "steps": 24, "look_steps": 7}
    store = str(tmp_path / "store")
    job = Job(str(tiny_encoder), str(tokens), str(tmp_path / "killed"), recipe, store=store, kill_after=17)
    process = start(python, [job], tmp_path / "process")
    output, error = process.communicate()
    assert process.returncode == -signal.SIGKILL and output.split()[-1] == "17", error
    assert not (tmp_path / "killed-0").exists()
    job = replace(job, kill_after=None)
    keeper = job.keeper()
    assert keeper and (state := keeper.read()) and state.step == 14
    counted: list[int] = []
    again = job.run(told=counted.append)  # here
    assert counted[0] == 14
    whole = replace(job, store=None, output=str(tmp_path / "whole")).run()
    assert hashes(again) == hashes(whole)


def test_changed_inputs_never_go_on_and_it_is_told_why(
    tiny_encoder: Path, tokens: Path, corpus: Corpus, tmp_path: Path
) -> None:
    store, settings = tmp_path / "store", small_settings()
    stop(tiny_encoder, corpus, keeper_of(tiny_encoder, tokens, store), 6)
    known = inputs("hybrid", settings, tiny_encoder, tokens, [], ALONE)
    assert Keeper(store, known).read() and Keeper(store, known).others() == []
    other_weights, other_pairs = tmp_path / "encoder", tmp_path / "pairs"
    for folder, file in ((other_weights, "model.safetensors"), (other_pairs, "queries.bin")):
        folder.mkdir()
        (folder / file).write_bytes(b"others")
    changed: dict[str, dict[str, Any]] = {
        "seed": inputs("hybrid", small_settings(seed=14), tiny_encoder, tokens, [], ALONE),
        "train": inputs("hybrid", small_settings(steps=13), tiny_encoder, tokens, [], ALONE),
        "learning rate, train": inputs("hybrid", small_settings(learning_rate=0.1), tiny_encoder, tokens, [], ALONE),
        "starting encoder": inputs("hybrid", settings, other_weights, tokens, [], ALONE),
        "pairs": inputs("hybrid", settings, tiny_encoder, other_pairs, [], ALONE),
        "teacher, negatives": inputs("hybrid", settings, tiny_encoder, tokens, [other_pairs], ALONE),
        "threads": inputs("hybrid", settings, tiny_encoder, tokens, [], replace(ALONE, threads=2)),
        "processes": inputs("hybrid", settings, tiny_encoder, tokens, [], replace(ALONE, world=2)),
        "code": {**known, "code": "of another day"},
        "libraries": {**known, "libraries": {"torch": "3.0"}},
        "machine": {**known, "machine": {**known["machine"], "avx512_bf16": "of another processor"}},
    }
    for differs, other in changed.items():
        keeper = Keeper(store, other)
        assert keeper.read() is None
        (told,) = keeper.others()
        assert told.endswith(f"(step 5; other {differs})") and str(store) in told
    of_another = Keeper(store, inputs("contrastive", settings, tiny_encoder, tokens, [], ALONE))
    assert of_another.read() is None and of_another.others() == []


def test_the_same_inputs_have_the_same_fingerprint_wherever_they_lie(
    tiny_encoder: Path, tokens: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").symlink_to(tiny_encoder)
    one = inputs("hybrid", small_settings(), tiny_encoder, tokens, [], ALONE)
    assert one == inputs("hybrid", small_settings(), tmp_path / "elsewhere", tokens, [], ALONE)
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


STATE = State(5, [[5, "mixed", 1.5, 0.1, None]], (5, 0.25), {"weight.a": torch.tensor([1.0, 2.0])})


def test_a_state_comes_back_as_it_was_and_can_be_forgotten(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, {"seed": 1, "train": {"widths": (1, 2)}})
    assert keeper.read() is None
    keeper.write(State(1, [], None, {}))
    assert Keeper(tmp_path, {"seed": 2}).others() == [f"{keeper.file} (step 1; other seed, train)"]
    assert keeper.step() == 1
    keeper.write(STATE)
    found = keeper.read()
    assert found and same(found.tensors, STATE.tensors)
    assert replace(found, tensors={}) == replace(STATE, tensors={})
    keeper.forget()
    keeper.forget()
    assert keeper.read() is None and list(tmp_path.iterdir()) == []


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def other_seed(file: Path) -> None:
    with safe_open(file, framework="pt") as stored:
        told = json.loads(stored.metadata()["state"])
        tensors = {name: stored.get_tensor(name) for name in list(stored.keys())}
    save_file(tensors, file, metadata={"state": json.dumps(told | {"inputs": {"seed": 2}})})


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        other_seed,
        lambda file: file.write_bytes(b""),
        lambda file: file.write_text("[]"),
        lambda file: file.write_bytes(b"PK" + file.read_bytes()[200:]),
        lambda file: save_file({}, file),
        lambda file: save_file({}, file, metadata={"state": "[]"}),
        lambda file: save_file({}, file, metadata={"state": "{"}),
        lambda file: save_file({}, file, metadata={"state": '{"step": 5}'}),
    ],
)
def test_a_spoilt_state_is_told_with_what_to_do(spoil: Any, tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, {"seed": 1})
    keeper.write(STATE)
    spoil(keeper.file)
    for read in (keeper.read, keeper.step):
        with pytest.raises(UserError, match="the kept state of a training cannot be read; delete it") as told:
            read()
        assert f"(rm {keeper.file})" in str(told.value)


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
def test_the_state_of_another_model_is_told(
    tamper: Any, tiny_encoder: Path, tokens: Path, corpus: Corpus, tmp_path: Path
) -> None:
    recipe: dict[str, Any] = {"keep": "pooled", "freeze_word_embeddings": False, "look_steps": 2}
    keeper = keeper_of(tiny_encoder, tokens, tmp_path, **recipe)
    stop(tiny_encoder, corpus, keeper, 2, **recipe)
    state = keeper.read()
    assert state
    tamper(state.tensors)
    keeper.write(state)
    with pytest.raises(UserError, match="the kept state of a training cannot be read; delete it"):
        run(tiny_encoder, corpus, small_settings(**recipe), keeper=keeper)
