"""Readers of model folders and of checkpoints: configuration, tokenizer, modules and weights of a tiny encoder."""

import json
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from .damage import damaged, damaged_binary, numbers
from .harness import Files, Target
from .seeds import one_of, some
from .trees import spoilt_json


@cache
def model_files() -> Files:
    """Return the files of a SentenceTransformer folder: a BERT of one layer, and a tokenizer of a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from babelmix.encoder.build import build_encoder
    from babelmix.encoder.settings import Preset

    words = ["<pad>", "<unk>", "the", "file", "menu", "opens"]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
        pad_token_id=0,
    )
    torch.manual_seed(1)
    with TemporaryDirectory() as scratch:
        source, folder = Path(scratch) / "source", Path(scratch) / "model"
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", model_max_length=16
        ).save_pretrained(source)
        BertModel(config, add_pooling_layer=False).save_pretrained(source)
        build_encoder(Preset(folder=source, learning_rate=1e-3, query_prefix="query: "), folder)
        files = {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
    return {name: content for name, content in files.items() if not name.endswith(".md")}


def _model_input(rng: Random) -> Files:
    files = model_files()

    def spoil(name: str, content: bytes) -> bytes:
        if name.endswith(".json"):
            return one_of(rng, content, lambda: spoilt_json(rng, json.loads(content)))
        return rng.choice((damaged, damaged_binary, numbers))(rng, content)

    return some(
        rng, dict(files), {name: lambda n=name, c=content: spoil(n, c or b"") for name, content in files.items()}
    )


def _model(folder: Path, output: Path) -> None:
    from babelmix.encoder.load import load_encoder

    load_encoder(folder)


INPUTS = {"objective name": "hybrid", "seed": 1}


@cache
def _checkpoint() -> tuple[str, bytes]:
    import torch

    from babelmix.training.checkpoint import Checkpoint, CheckpointStore

    with TemporaryDirectory() as scratch:
        checkpoints = CheckpointStore(Path(scratch), INPUTS)
        checkpoints.write(Checkpoint(3, [[1, "monolingual", 0.5]], (2, 0.25), {"weight": torch.ones(2, 3)}))
        return checkpoints.file.name, checkpoints.file.read_bytes()


def _checkpoint_input(rng: Random) -> Files:
    name, valid = _checkpoint()
    data = rng.choice((damaged, damaged_binary, numbers))(rng, valid)
    return {name: data} if rng.random() < 0.8 else {name: valid, f"other-{name}": data}


def _read_checkpoint(folder: Path, output: Path) -> None:
    from babelmix.training.checkpoint import CheckpointStore

    checkpoints = CheckpointStore(folder, INPUTS)
    checkpoints.others()
    checkpoints.step()
    checkpoints.read()


TARGETS = (Target("model", 0.3, _model_input, _model), Target("state", 0.5, _checkpoint_input, _read_checkpoint))
