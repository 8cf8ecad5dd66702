"""What several tests share: one environment on every machine; a tiny encoder on disk, and a few parallel pairs."""

import same_everywhere  # noqa: F401 -- before any library that reads the environment

# isort: split
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from babelmix.corpus.records import Pair

# The same examples every time, and as long for each as it takes; `make fuzz` looks for new ones.
settings.register_profile("gate", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gate")

WORDS = {
    "en": [
        "the",
        "file",
        "menu",
        "opens",
        "a",
        "cell",
        "with",
        "text",
        "and",
        "prints",
        "every",
        "page",
        "of",
        "your",
        "table",
    ],
    "de": [
        "die",
        "datei",
        "oeffnet",
        "das",
        "menue",
        "der",
        "zelle",
        "mit",
        "text",
        "und",
        "druckt",
        "jede",
        "seite",
        "deiner",
        "tabelle",
    ],
    "fr": [
        "le",
        "fichier",
        "ouvre",
        "un",
        "menu",
        "de",
        "cellule",
        "avec",
        "du",
        "texte",
        "et",
        "imprime",
        "chaque",
        "page",
        "du",
        "tableau",
    ],
}


def sentence(lang: str, start: int, length: int) -> str:
    """A sentence that differs from unit to unit and is parallel by position between languages."""
    words = WORDS[lang]
    return " ".join(words[(start * 3 + step * (start % 5 + 1)) % len(words)] for step in range(length)) + f" {start}"


@pytest.fixture(scope="session")
def parallel_pairs() -> list[Pair]:
    """60 units in three languages, 45 of them for training."""
    return [
        Pair(f"page{unit:02}#h", lang, "train" if unit < 45 else "dev", sentence(lang, unit, 3),
             sentence(lang, unit, 6 + unit % 12), "human")
        for unit in range(60)
        for lang in WORDS
    ]  # fmt: skip


@pytest.fixture(scope="session")
def tiny_transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BertModel of two layers and a tokenizer of whole words, saved in transformers form."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["<pad>", "<unk>", "<s>", "</s>"]
    words = sorted({word for words in WORDS.values() for word in words})
    vocabulary = [*special, *words, *map(str, range(60)), "query:", "passage:"]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    folder = tmp_path_factory.mktemp("tiny") / "transformer"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        model_max_length=64, model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, pad_token_id=0,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a SentenceTransformer folder, built by the project."""
    from babelmix.encoder.build import build_encoder
    from babelmix.encoder.settings import Preset

    folder = tmp_path_factory.mktemp("tiny") / "encoder"
    preset = Preset(folder=tiny_transformer, learning_rate=1e-3, query_prefix="query: ", passage_prefix="passage: ")
    build_encoder(preset, folder)
    return folder
