"""Every class of encoder that params.yaml names: a tiny random model from a local hub gives the right vectors."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hub import Hub

from babelmix.common.errors import UserError
from babelmix.common.outputs import MANIFEST
from babelmix.encoder.build import build_encoder
from babelmix.encoder.load import load_encoder, save_encoder
from babelmix.encoder.parameters import count_loaded_parameters, count_parameters
from babelmix.encoder.settings import Preset
from babelmix.settings.params import load_settings

ROOT = Path(__file__).parents[2]
WORDS = "the file menu opens a cell die datei das menue der zelle le fichier query: passage:".split()  # noqa: SIM905
TEXTS = ["the file menu", "die datei das menue der zelle", "le fichier " * 30]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
HIDDEN, WIDE, POSITIONS = 32, 64, 34


@dataclass(frozen=True)
class Made:
    """One published encoder: its files, its vectors computed by hand, and its number of parameters."""

    folder: Path
    model: str  # the class in transformers
    pool: Callable[[Any, Any], Any]  # (hidden states, mask) -> vectors before the norm
    tokens: int  # the longest text it reads
    counts: tuple[int, int]


def mean(hidden: Any, mask: Any) -> Any:
    return (hidden * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]


def cls(hidden: Any, mask: Any) -> Any:
    return hidden[:, 0]


def last(hidden: Any, mask: Any) -> Any:
    return hidden[range(len(hidden)), mask.sum(1) - 1]


def save_tokenizer(folder: Path, kind: str) -> int:
    """Write a tokenizer of the class's kind; return its number of pieces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(set("".join(WORDS)))
    if kind == "unigram":
        pieces = [*SPECIAL, *(f"▁{word}" for word in WORDS), "▁", *letters]
        tokenizer = Tokenizer(models.Unigram([(piece, -float(rank)) for rank, piece in enumerate(pieces)], unk_id=3))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
    else:
        pieces = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), "th", "di", "fi"]
        merges = [("t", "h"), ("d", "i"), ("f", "i")]
        tokenizer = Tokenizer(models.BPE({piece: rank for rank, piece in enumerate(pieces)}, merges))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        mask_token="<mask>", cls_token="<s>", sep_token="</s>", model_max_length=8192,
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    return len(pieces)


def bert_like(words: int, norm: bool, more: int = 0) -> tuple[int, int]:
    """(total, non-embedding) of two layers; `norm`: the embeddings have one, else the layers end in one."""
    layer = 4 * (HIDDEN * HIDDEN + HIDDEN) + 2 * HIDDEN * WIDE + WIDE + HIDDEN + 4 * HIDDEN
    embeddings = HIDDEN * (words + POSITIONS + 1) + (2 * HIDDEN if norm else 0)
    other = 2 * layer + (0 if norm else 2 * HIDDEN) + more
    return embeddings + other, other


def make(kind: str, folder: Path) -> Made:
    """Save a random model as its makers do: with a head, in several files, in half precision."""
    import torch
    import transformers as tf
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer

    torch.manual_seed(5)
    folder.mkdir(parents=True)
    words = save_tokenizer(folder, "unigram" if kind.startswith(("xlmr", "labse")) else "bpe")
    common = {"vocab_size": words, "hidden_size": HIDDEN, "intermediate_size": WIDE, "num_attention_heads": 4,
              "num_hidden_layers": 2, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}  # fmt: skip
    placed = common | {"max_position_embeddings": POSITIONS, "type_vocab_size": 1}
    if kind == "xlmr":
        tf.XLMRobertaForMaskedLM(tf.XLMRobertaConfig(**placed)).half().save_pretrained(folder, max_shard_size="20KB")
        told = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps(told | {"tokenizer_class": "XLMRobertaTokenizer"}))
        assert (folder / "model.safetensors.index.json").is_file()
        return Made(folder, "XLMRobertaModel", mean, 32, bert_like(words, norm=True))
    if kind == "xlmr-xl":
        tf.XLMRobertaXLForMaskedLM(tf.XLMRobertaXLConfig(**placed)).save_pretrained(folder)
        return Made(folder, "XLMRobertaXLModel", mean, 32, bert_like(words, norm=False))
    if kind == "mmbert":
        config = tf.ModernBertConfig(
            **common | {"num_hidden_layers": 3}, cls_token_id=0, sep_token_id=2, local_attention=4
        )
        tf.ModernBertForMaskedLM(config).save_pretrained(folder)
        layer = 4 * HIDDEN * HIDDEN + 3 * HIDDEN * WIDE + 2 * HIDDEN
        other = 3 * layer - HIDDEN + HIDDEN  # the first layer has one norm less, and one stands at the end
        return Made(folder, "ModernBertModel", mean, 512, (HIDDEN * words + HIDDEN + other, other))
    if kind == "eurobert":
        config = tf.EuroBertConfig(**common, num_key_value_heads=2, mask_token_id=4)
        tf.EuroBertForMaskedLM(config).bfloat16().save_pretrained(folder)
        told = json.loads((folder / "config.json").read_text())
        told["auto_map"] = {
            "AutoConfig": "configuration_eurobert.EuroBertConfig",
            "AutoModel": "modeling_eurobert.EuroBertModel",
        }
        (folder / "config.json").write_text(json.dumps(told))
        for name in ("configuration_eurobert.py", "modeling_eurobert.py"):
            (folder / name).write_text("raise SystemExit('code of a model folder was run')")
        other = 2 * (3 * HIDDEN * HIDDEN + 3 * HIDDEN * WIDE + 2 * HIDDEN) + HIDDEN
        return Made(folder, "EuroBertModel", mean, 512, (HIDDEN * words + other, other))
    assert kind == "labse"
    tf.BertModel(tf.BertConfig(**placed)).save_pretrained(folder)
    dense = Dense(HIDDEN, HIDDEN, activation_function=torch.nn.Tanh())
    modules = [Transformer(str(folder), max_seq_length=16), Pooling(HIDDEN, "cls"), dense, Normalize()]
    model = SentenceTransformer(modules=modules, device="cpu", prompts={"old": "old: "}, default_prompt_name="old")
    model.save(str(folder), create_model_card=False)
    weight, bias = dense.linear.weight.detach(), dense.linear.bias.detach()

    def pool(hidden: Any, mask: Any) -> Any:
        return torch.tanh(cls(hidden, mask) @ weight.T + bias)

    return Made(folder, "BertModel", pool, 16, bert_like(words, norm=True, more=HIDDEN * HIDDEN + HIDDEN))


KINDS = ("xlmr", "xlmr-xl", "labse", "mmbert", "eurobert")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    with Hub(folder) as hub, pytest.MonkeyPatch.context() as patch, hub.connected(folder / "cache", patch):
        yield hub


@pytest.fixture(scope="module")
def made(hub: Hub) -> dict[str, Made]:
    encoders = {kind: make(kind, hub.folder / "models/tiny" / kind) for kind in KINDS}
    for made in encoders.values():
        (made.folder / "README.md").write_text("Its maker's card.")
        (made.folder / "pytorch_model.bin").write_bytes(b"a pickle")
        (made.folder / "onnx").mkdir()
        (made.folder / "onnx/model.safetensors").write_bytes(b"an export")
    (encoders["xlmr"].folder / "checkpoint-5").mkdir()
    (encoders["xlmr"].folder / "checkpoint-5/model.safetensors").write_bytes(b"a checkpoint")
    return encoders


def preset(hub: str | None = None, **more: Any) -> Preset:
    return Preset(hub=hub, learning_rate=1e-4, query_prefix="query: ", passage_prefix="passage: ", **more)


def digest(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST)
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def by_hand(made: Made, texts: list[str], pool: Callable[[Any, Any], Any] | None = None, keep: list[int] | None = None):
    """The unit vectors of texts by the class's own forward pass; `keep`: only these layers of it."""
    import torch
    import transformers as tf

    tokens = tf.AutoTokenizer.from_pretrained(made.folder)(
        texts, padding=True, truncation=True, max_length=made.tokens, return_tensors="pt"
    )
    model = getattr(tf, made.model).from_pretrained(made.folder, dtype=torch.float32).eval()
    if keep:
        owner, name = (model, "layers") if made.model == "EuroBertModel" else (model.encoder, "layer")
        setattr(owner, name, torch.nn.ModuleList([getattr(owner, name)[number] for number in keep]))
        model.config.num_hidden_layers = len(keep)
    with torch.no_grad():
        hidden = model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).last_hidden_state
        return torch.nn.functional.normalize((pool or made.pool)(hidden, tokens["attention_mask"])).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_of_the_hub_is_what_its_class_computes(kind: str, hub: Hub, made: dict[str, Made], tmp_path: Path):
    import torch
    from safetensors import safe_open

    known = made[kind]
    build_encoder(preset(f"tiny/{kind}"), tmp_path / "encoder")
    build_encoder(preset(f"tiny/{kind}"), tmp_path / "again")
    assert digest(tmp_path / "encoder") == digest(tmp_path / "again")
    assert {file.suffix for file in (tmp_path / "encoder").rglob("*") if file.is_file() and file.name != MANIFEST} == {
        ".json",
        ".md",
        ".safetensors",
    }
    for file in (tmp_path / "encoder").rglob("*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float32}  # noqa: SIM118
    assert not [
        asked for asked in hub.asked if re.search(r"resolve/.*(\.py|\.bin|\.onnx|README|onnx/|checkpoint)", asked)
    ]

    model = load_encoder(tmp_path / "encoder")
    transformer: Any = model[0]
    assert type(transformer.model).__name__ == known.model
    assert type(transformer.model).__module__.startswith("transformers.models.")
    assert not hasattr(transformer.model.config, "auto_map")
    assert transformer.model.dtype == torch.float32
    assert model.max_seq_length == known.tokens
    assert count_loaded_parameters(model) == count_parameters(tmp_path / "encoder") == known.counts
    queries, passages = ([f"{prompt}: {text}" for text in TEXTS] for prompt in ("query", "passage"))
    np.testing.assert_allclose(model.encode(TEXTS), by_hand(known, TEXTS), atol=2e-6)
    np.testing.assert_allclose(model.encode_query(TEXTS), by_hand(known, queries), atol=2e-6)
    np.testing.assert_allclose(model.encode_document(TEXTS), by_hand(known, passages), atol=2e-6)

    card = (tmp_path / "encoder/README.md").read_text()
    assert f"https://huggingface.co/tiny/{kind}), commit {hub.commit('models', f'tiny/{kind}')}, all" in card
    assert f"Pooled by `{'cls' if kind == 'labse' else 'mean'}`" in card
    assert "its licence and its training data" in " ".join(card.split())
    assert "license" not in card


@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_encoder_comes_back_as_it_was_saved(kind: str, made: dict[str, Made], tmp_path: Path):
    import torch
    from sentence_transformers import SentenceTransformer

    build_encoder(preset(f"tiny/{kind}"), tmp_path / "encoder")
    model = load_encoder(tmp_path / "encoder")
    transformer: Any = model[0]
    words = transformer.model.get_input_embeddings()  # train.freeze_word_embeddings
    assert words.weight.shape[1] == HIDDEN
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 10)
    (tmp_path / "trained").mkdir()
    save_encoder(model, tmp_path / "trained", "a card")
    expected = model.encode(TEXTS)
    np.testing.assert_array_equal(load_encoder(tmp_path / "trained").encode(TEXTS), expected)
    np.testing.assert_array_equal(SentenceTransformer(str(tmp_path / "trained"), device="cpu").encode(TEXTS), expected)


@pytest.mark.parametrize(
    ("kind", "mode", "pool"), [("xlmr", "cls", cls), ("mmbert", "lasttoken", last), ("eurobert", "lasttoken", last)]
)
def test_a_preset_may_pool_otherwise(kind: str, mode: Any, pool: Any, made: dict[str, Made], tmp_path: Path):
    build_encoder(preset(f"tiny/{kind}", pooling=mode), tmp_path / "encoder")
    vectors = load_encoder(tmp_path / "encoder").encode(TEXTS)
    np.testing.assert_allclose(vectors, by_hand(made[kind], TEXTS, pool), atol=2e-6)


@pytest.mark.parametrize("kind", ["xlmr", "xlmr-xl", "eurobert"])
def test_an_encoder_of_the_hub_is_pruned_to_its_last_layer(kind: str, made: dict[str, Made], tmp_path: Path):
    build_encoder(preset(f"tiny/{kind}", layers=1), tmp_path / "encoder")
    vectors = load_encoder(tmp_path / "encoder").encode(TEXTS)
    np.testing.assert_allclose(vectors, by_hand(made[kind], TEXTS, keep=[1]), atol=2e-6)
    assert "pruned to 1 of 2 layers (numbers 2)" in (tmp_path / "encoder/README.md").read_text()


def test_layers_that_differ_are_not_pruned(made: dict[str, Made], tmp_path: Path):
    with pytest.raises(UserError, match="cannot prune a modernbert model") as told:
        build_encoder(preset("tiny/mmbert", layers=1), tmp_path / "encoder")
    assert told.value.where == "tiny/mmbert on the hub"


def test_a_text_is_cut_where_the_preset_says(made: dict[str, Made], tmp_path: Path):
    build_encoder(preset("tiny/eurobert", max_tokens=8), tmp_path / "encoder")
    model = load_encoder(tmp_path / "encoder")
    assert model.max_seq_length == 8
    same = model.encode(["the file menu opens", "the file menu opens die zelle"])
    np.testing.assert_array_equal(same[0], same[1])


def test_one_that_was_fetched_before_needs_no_hub(
    made: dict[str, Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from huggingface_hub import constants

    build_encoder(preset("tiny/xlmr"), tmp_path / "online")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    build_encoder(preset("tiny/xlmr"), tmp_path / "offline")
    assert digest(tmp_path / "online") == digest(tmp_path / "offline")


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def pickled(below: str) -> Callable[[Path], None]:
    return lambda folder: (folder / below / "model.safetensors").rename(folder / below / "pytorch_model.bin")  # type: ignore


def foreign(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "pooling.MyPooling"
    (folder / "modules.json").write_text(json.dumps(modules))


def changed(**values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | values))

    return change


@pytest.mark.parametrize(
    ("kind", "spoil", "message"),
    [
        ("xlmr-xl", without("model.safetensors"), "only as pickle.*revision"),
        ("labse", without("2_Dense/model.safetensors"), "cannot be read"),
        ("labse", pickled("2_Dense"), "only as pickle"),
        ("xlmr-xl", without("tokenizer.json"), "the model has no tokenizer"),
        ("xlmr-xl", without("config.json"), "config.json is missing"),
        ("labse", foreign, "foreign code"),
        ("eurobert", changed(model_type="ours"), "needs code from its folder, which is never run"),
        ("xlmr-xl", changed(num_hidden_layers=3), "16 of the model's weights are not in its files"),
        ("xlmr-xl", changed(hidden_size=16), "cannot be read"),
    ],
)
def test_a_spoilt_repository_is_refused_by_name(
    kind: str, spoil: Any, message: str, hub: Hub, made: dict[str, Made], tmp_path: Path, request: Any
):
    copy = hub.folder / "models/tiny/spoilt"
    shutil.copytree(made[kind].folder, copy)
    request.addfinalizer(lambda: shutil.rmtree(copy))
    spoil(copy)
    with pytest.raises(UserError, match=message) as told:
        build_encoder(preset("tiny/spoilt"), tmp_path / "out/encoder")
    assert told.value.where == "tiny/spoilt on the hub"
    assert not list(tmp_path.glob("out/*"))


def test_a_repository_that_is_not_there_is_told(hub: Hub, made: dict[str, Made], tmp_path: Path):
    with pytest.raises(UserError, match="no such model on the hub"):
        build_encoder(preset("tiny/none"), tmp_path / "encoder")
    with pytest.raises(UserError, match="no revision 'v9'"):
        build_encoder(preset("tiny/xlmr", revision="v9"), tmp_path / "encoder")


def test_a_commit_pins_the_encoder(hub: Hub, made: dict[str, Made], tmp_path: Path):
    commit = hub.commit("models", "tiny/xlmr")
    build_encoder(preset("tiny/xlmr", revision=commit), tmp_path / "pinned")
    assert f"commit {commit}," in (tmp_path / "pinned/README.md").read_text()


@pytest.mark.slow
def test_the_command_line_asks_the_hub_where_the_preset_does(hub: Hub, made: dict[str, Made], tmp_path: Path):
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["model"]["presets"][settings["model"]["size"]] = {"hub": "tiny/xlmr", "learning_rate": 1e-4}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-c", "from babelmix.cli import main; main()", "encoder"]
    environment = hub.environment(tmp_path / "home", DVC_ROOT=str(tmp_path))
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    assert "LOAD REPORT" not in ran.stdout + ran.stderr
    assert len(list((tmp_path / "models/untrained").glob("*.safetensors"))) == 1


def test_the_presets_name_the_encoders_of_the_ladders():
    presets = load_settings(ROOT / "params.yaml").model.presets
    assert {name: preset.hub for name, preset in presets.items() if preset.hub} == {
        "xlmr-l6": "nreimers/mMiniLMv2-L6-H384-distilled-from-XLMR-Large",
        "xlmr-l12": "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large",
        "xlmr-base": "FacebookAI/xlm-roberta-base",
        "xlmr-large": "FacebookAI/xlm-roberta-large",
        "xlmr-xl": "facebook/xlm-roberta-xl",
        "labse": "sentence-transformers/LaBSE",
        "e5-small": "intfloat/multilingual-e5-small",
        "e5-base": "intfloat/multilingual-e5-base",
        "e5-large": "intfloat/multilingual-e5-large",
        "mmbert-small": "jhu-clsp/mmBERT-small",
        "mmbert-base": "jhu-clsp/mmBERT-base",
        "eurobert-210m": "EuroBERT/EuroBERT-210m",
        "eurobert-610m": "EuroBERT/EuroBERT-610m",
        "eurobert-2.1b": "EuroBERT/EuroBERT-2.1B",
    }
    for preset in presets.values():
        assert (preset.query_prefix, preset.passage_prefix) == ("query: ", "passage: ")
    for paper in ("xlmr-base", "labse"):
        assert presets[paper].learning_rate == 3e-5
