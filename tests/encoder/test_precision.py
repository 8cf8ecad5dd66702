"""What a machine can compute: asked for more, babelmix says so once and takes the next best."""

from typing import Any

import pytest
import torch

from babelmix.encoder import precision
from babelmix.encoder.precision import has_bfloat16, say_once, usable_precision
from babelmix.encoder.usage import note_on_threads

CPU = torch.device("cpu")


def machine(monkeypatch: pytest.MonkeyPatch, *instructions: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(instructions, True) | {"avx2": True})


@pytest.mark.parametrize(
    ("instructions", "asked", "used"),
    [
        ((), "bfloat16", "float32"),
        ((), "float32", "float32"),
        ((), "int8", "float32"),
        (("avx512_bf16",), "bfloat16", "bfloat16"),
        (("amx_bf16",), "bfloat16", "bfloat16"),
        (("bf16",), "bfloat16", "bfloat16"),  # ARM
        (("bf16",), "int8", "bfloat16"),
        (("avx512_vnni",), "int8", "int8"),
        (("avx512_vnni",), "bfloat16", "float32"),
    ],
)
def test_a_cpu_computes_in_what_it_has_instructions_for(
    instructions: tuple[str, ...], asked: Any, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, *instructions)
    found, note = usable_precision(asked, CPU)
    assert found == used
    assert (note is None) == (asked == used)
    if note is not None:
        assert note == f"cpu has no {asked} instructions that babelmix can use: it computes in {used}"


@pytest.mark.parametrize("has", [False, True])
def test_a_gpu_is_asked_for_its_own_instructions(has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    asked: list[bool] = []
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: asked.append(including_emulation) or has
    )
    assert has_bfloat16(torch.device("cuda", 0)) == has
    assert asked == [False]
    assert usable_precision("int8", torch.device("cuda", 0))[0] == ("bfloat16" if has else "float32")


def test_a_note_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    say_once.cache_clear()
    say_once("two")
    say_once("two")
    assert capsys.readouterr().err == "babelmix: two\n"


def test_more_threads_than_cores_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1}, raising=False)
    assert note_on_threads(2) is None
    assert note_on_threads(3) == "3 threads on 2 cores: `threads: 2` is faster"


def test_the_weights_are_as_before_after_a_block(tiny_encoder: Any) -> None:
    from babelmix.encoder.load import load_encoder

    model = load_encoder(tiny_encoder)
    before = {name: id(weight) for name, weight in model.named_parameters()}
    with pytest.raises(ZeroDivisionError), precision.in_precision(model, "int8"):
        raise ZeroDivisionError
    assert {name: id(weight) for name, weight in model.named_parameters()} == before
