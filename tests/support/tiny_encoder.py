"""An encoder of two layers and 32 dimensions, with a vocabulary of the words of small_pairs.py."""

from pathlib import Path

from small_pairs import WORDS


def write_transformer(folder: Path) -> None:
    """Save a BertModel of two layers and a tokenizer of whole words in transformers form."""
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
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        model_max_length=64, model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, pad_token_id=0,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)


def write_encoder(folder: Path, transformer: Path) -> None:
    """Save the same as a SentenceTransformer folder, built by the project."""
    from babelmix.encoder.build import build_encoder
    from babelmix.encoder.settings import Preset

    preset = Preset(folder=transformer, learning_rate=1e-3, query_prefix="query: ", passage_prefix="passage: ")
    build_encoder(preset, folder)
