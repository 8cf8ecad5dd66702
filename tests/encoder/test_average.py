"""Weight averages: equal to a loop over the weights, by hash where nothing is averaged, and refused without a match."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from babelmix.common.errors import UserError
from babelmix.common.outputs import MANIFEST
from babelmix.encoder.average import average, average_tensor, match
from babelmix.encoder.fingerprint import hash_model
from babelmix.encoder.load import load_encoder

FIRST, FILE = "embeddings.LayerNorm.bias", "OTHER/model.safetensors"


@pytest.fixture(scope="module")
def second(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny encoder after a training: other weights but for the word embeddings, and other versions of libraries."""
    folder = tmp_path_factory.mktemp("average") / "trained"
    shutil.copytree(tiny_encoder, folder)
    generator = torch.Generator().manual_seed(5)
    weights = load_file(folder / "model.safetensors")
    for name, weight in weights.items():
        if "word_embeddings" not in name:
            weight += 0.1 * torch.randn(weight.shape, generator=generator)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    change(folder / "config_sentence_transformers.json", __version__={"torch": "1.0"})
    (folder / "README.md").write_text("another card")
    (folder / MANIFEST).unlink()
    return folder


def change(file: Path, **values: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def run(first: Path, second: Path, share: float, output: Path) -> Path:
    average(match(first, second), share, output, title="halfway", reason="chosen by hand")
    return output


def digest(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("share", [0.25, 0.5, 0.7])
def test_every_weight_is_that_of_a_loop(tiny_encoder: Path, second: Path, tmp_path: Path, share: float) -> None:
    found = load_file(run(tiny_encoder, second, share, tmp_path / "out") / "model.safetensors")
    one, other = load_file(tiny_encoder / "model.safetensors"), load_file(second / "model.safetensors")
    assert found.keys() == one.keys()
    for name, weight in found.items():
        pairs = zip(one[name].flatten().numpy(), other[name].flatten().numpy(), strict=True)
        expected = [a if a == b else np.float32(share) * a + np.float32(1 - share) * b for a, b in pairs]
        assert weight.dtype == torch.float32 and weight.flatten().tolist() == [float(value) for value in expected], name
        assert torch.equal(weight, one[name]) == ("word_embeddings" in name), name


def test_share_1_is_the_first_and_share_0_the_second_bit_for_bit(
    tiny_encoder: Path, second: Path, tmp_path: Path
) -> None:
    assert hash_model(run(tiny_encoder, second, 1, tmp_path / "one")) == hash_model(tiny_encoder)
    assert (
        digest(run(tiny_encoder, second, 0, tmp_path / "zero"))["model.safetensors"]
        == (digest(second)["model.safetensors"])
    )


def test_equal_inputs_give_equal_bytes_and_an_encoder_that_loads(
    tiny_encoder: Path, second: Path, tmp_path: Path
) -> None:
    once, again = (run(tiny_encoder, second, 0.5, tmp_path / name) for name in ("once", "again"))
    assert digest(once) == digest(again)
    assert digest(once).keys() == digest(tiny_encoder).keys()
    assert load_encoder(once).encode_query(["the file menu"]).shape == (1, 32)
    assert oct((once / "model.safetensors").stat().st_mode)[-3:] == "644"


def test_the_card_names_both_encoders_their_hashes_and_the_share(
    tiny_encoder: Path, second: Path, tmp_path: Path
) -> None:
    card = (run(tiny_encoder, second, 0.25, tmp_path / "out") / "README.md").read_text()
    for line in (
        "# halfway",
        f"- 0.25 of `encoder`, sha256 {hash_model(tiny_encoder)}.",
        f"- 0.75 of `trained`, sha256 {hash_model(second)}.",
        "- The share: chosen by hand.",
    ):
        assert f"\n{line}\n" in card


@given(st.lists(st.tuples(*2 * [st.floats(-1e3, 1e3, width=32)]), min_size=1, max_size=8), st.floats(0, 1))
def test_an_average_lies_between_its_two_and_is_the_same_from_either_side(
    values: list[tuple[float, float]], share: float
) -> None:
    one, other = (torch.tensor(column) for column in zip(*values, strict=True))
    found = average_tensor(one, other, share)
    room = 1e-6 * torch.maximum(one.abs(), other.abs()) + 1e-38
    assert (found >= torch.minimum(one, other) - room).all() and (found <= torch.maximum(one, other) + room).all()
    assert torch.allclose(found, average_tensor(other, one, 1 - share), rtol=1e-5, atol=1e-4)


def test_half_precision_is_averaged_in_float32() -> None:
    one, other = torch.tensor([2048.0, 1.0]).half(), torch.tensor([2050.0, 60000.0]).half()
    found = average_tensor(one, other, 0.5)
    assert found.dtype == torch.float16 and found.tolist() == [2048.0, 30000.0]


def _more_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["extra.weight"] = torch.zeros(2)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _half(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {FIRST: weights[FIRST].half()}, folder / "model.safetensors", metadata={"format": "pt"})


def _whole_numbers(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {FIRST: weights[FIRST].int()}, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (_more_weights, f"{FILE}: the encoders do not match: only OTHER has the weight extra.weight"),
        (_half, f"{FILE}: the encoders do not match: the type of {FIRST} is float16, not float32"),
        (_whole_numbers, f"{FILE}: the encoders do not match: the type of {FIRST} is int32, not float32"),
        (
            lambda folder: change(folder / "1_Pooling/config.json", pooling_mode="cls"),
            "OTHER/1_Pooling/config.json: the encoders do not match: pooling_mode is another",
        ),
        (
            lambda folder: change(folder / "config_sentence_transformers.json", prompts={"query": "q: "}),
            "OTHER/config_sentence_transformers.json: the encoders do not match: prompts is another",
        ),
        (
            lambda folder: change(folder / "tokenizer.json", model={"type": "WordLevel", "vocab": {}}),
            "OTHER/tokenizer.json: the encoders do not match: model is another",
        ),
        (
            lambda folder: (folder / "vocab.txt").write_text("a"),
            "OTHER: the encoders do not match: only OTHER has vocab.txt",
        ),
    ],
)
def test_encoders_that_do_not_match_are_told_by_their_first_difference(
    edit: Callable[[Path], object], what: str, tiny_encoder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_encoder, other)
    edit(other)
    told = f"{what}; average two encoders that were trained from one start".replace("OTHER", str(other))
    with pytest.raises(UserError, match=f"^{re.escape(told)}$"):
        run(tiny_encoder, other, 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_of_another_shape_and_other_whole_numbers_are_told(tmp_path: Path) -> None:
    """The configurations of such encoders differ first; here the weights alone do."""
    from babelmix.encoder import average as module

    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(2, 3)}, one)
    save_file({"a": torch.zeros(3, 2)}, other)
    with pytest.raises(UserError, match=re.escape("the shape of a is [3, 2], not [2, 3]")):
        module._average_file(one, other, 0.5, tmp_path / "out")
    save_file({"a": torch.arange(3)}, one)
    save_file({"a": torch.arange(1, 4)}, other)
    with pytest.raises(UserError, match="the encoders do not match: a holds other whole numbers"):
        module._average_file(one, other, 0.5, tmp_path / "out")


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_outside_0_to_1_is_told(share: float, tiny_encoder: Path, tmp_path: Path) -> None:
    told = f"--share: the share {share:g} is not between 0 and 1; take one, such as 0.5"
    with pytest.raises(UserError, match=f"^{re.escape(told)}$"):
        run(tiny_encoder, tiny_encoder, share, tmp_path / "out")


def test_a_folder_that_is_no_encoder_is_told(tiny_encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such model folder"):
        run(tiny_encoder, tmp_path / "none", 0.5, tmp_path / "out")
    with pytest.raises(UserError, match=r"the output is or holds .*encoder, which this command reads"):
        run(tiny_encoder, tiny_encoder, 0.5, tiny_encoder)
