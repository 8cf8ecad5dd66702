"""Trim a vocabulary to the languages that are wanted: most of a small multilingual encoder is word embeddings.

    trimmed = trim_vocabulary(model, {"de": german_texts, "en": english_texts})
    trimmed.kept, trimmed.of                     # 65536, 250037

Which pieces stay is said in exporting/pieces.py. A text whose pieces all stay is cut into the same pieces as before:

- Unigram (XLM-R) takes the cut with the highest sum of scores. The best cut stays possible, and no new one comes in.
- WordPiece takes the longest piece that fits, and that one stays. Whole words are looked up.

So its vectors stay the same. The piece with the lowest score stays too: Unigram derives the score of the unknown from it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.exporting.pieces import ROWS, Pieces, pieces_to_keep

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedTokenizerFast

KINDS = ("Unigram", "WordPiece", "WordLevel")


@dataclass(frozen=True, slots=True)
class Trimmed:
    """A model with a smaller vocabulary: how many rows of word embeddings are left, and how many there were."""

    kept: int
    of: int
    model: "SentenceTransformer"


def trim_vocabulary(
    model: "SentenceTransformer", texts: Mapping[str, Iterable[str]], *, rows: int | None = ROWS
) -> Trimmed:
    """Return the model with the pieces of its vocabulary that the languages need; the model itself is changed.

    Args:
        model: its first module is a transformer with a fast tokenizer.
        texts: language -> texts of that language, such as exporting/language_texts.py gives.
        rows: fill up to this many rows with pieces of the languages' scripts, see pieces.py; None: do not fill.

    Raises:
        UserError: no texts; a tokenizer of a kind that is not trimmed, such as BPE, or a slow one.
    """
    transformer: Any = model[0]
    tokenizer, network = getattr(transformer, "tokenizer", None), getattr(transformer, "model", None)
    if network is None or not getattr(tokenizer, "is_fast", False) or transformer.processor is not tokenizer:
        raise _not_trimmed("the model has no fast tokenizer")
    content: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    of, kind = network.get_input_embeddings().num_embeddings, content["model"]["type"]
    if kind not in KINDS:
        raise _not_trimmed(f"the tokenizer is of the kind {kind}")
    pieces = Pieces.of(content, always=range((tokenizer.pad_token_id or 0) + 1))
    kept = pieces_to_keep(tokenizer.backend_tokenizer, pieces, texts, rows)
    _keep_pieces(content, kept)
    transformer.processor = _rebuilt(tokenizer, content)  # of a model for texts alone it is the tokenizer
    _keep_rows(network, kept)
    return Trimmed(len(kept), of, model)


def _keep_pieces(content: dict[str, Any], kept: Sequence[int]) -> None:
    """Leave only the kept pieces, by their ascending old ids, in the content of a tokenizer.json; renumber them."""
    new = {old: number for number, old in enumerate(kept)}
    vocabulary = content["model"]["vocab"]
    if isinstance(vocabulary, list):  # Unigram: [piece, score] by id
        content["model"]["vocab"] = [vocabulary[old] for old in kept]
        content["model"]["unk_id"] = new[content["model"]["unk_id"]]
    else:
        content["model"]["vocab"] = {piece: new[old] for piece, old in vocabulary.items() if old in new}
    for token in content["added_tokens"]:
        token["id"] = new[token["id"]]
    if content["padding"]:
        content["padding"]["pad_id"] = new[content["padding"]["pad_id"]]
    for processor in _processors(content["post_processor"]):
        for special in processor.get("special_tokens", {}).values():  # TemplateProcessing
            special["ids"] = [new[old] for old in special["ids"]]
        for name in ("sep", "cls"):  # BertProcessing, RobertaProcessing
            if name in processor:
                processor[name][1] = new[processor[name][1]]


def _processors(processor: dict[str, Any] | None) -> Iterable[dict[str, Any]]:
    """Return a post processor, or the parts of a sequence of such."""
    if processor is None:
        return ()
    return processor["processors"] if processor["type"] == "Sequence" else (processor,)


def _rebuilt(tokenizer: "PreTrainedTokenizerFast", content: dict[str, Any]) -> "PreTrainedTokenizerFast":
    """Return the tokenizer with another tokenizer.json, as a load of its saved files gives it."""
    from transformers import AutoTokenizer

    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        (Path(folder) / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _keep_rows(network: Any, kept: Sequence[int]) -> None:
    """Leave only the kept rows of the word embeddings, and say so in the configuration."""
    import torch

    old = network.get_input_embeddings()
    index = torch.tensor(kept, device=old.weight.device)
    new = torch.nn.Embedding(len(kept), old.embedding_dim, padding_idx=old.padding_idx, device=old.weight.device)
    new.weight = torch.nn.Parameter(old.weight.detach()[index].clone(), requires_grad=old.weight.requires_grad)
    network.set_input_embeddings(new)
    network.config.vocab_size = len(kept)
    for name in ("bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id"):
        if (token := getattr(network.config, name, None)) is not None:
            setattr(network.config, name, kept.index(token) if token in kept else None)


def _not_trimmed(what: str) -> UserError:
    how = f"leave the vocabulary whole, or use a model with a fast tokenizer of the kinds {', '.join(KINDS)}"
    return UserError(f"{what}: its vocabulary cannot be trimmed", where="vocabulary", how=how)
