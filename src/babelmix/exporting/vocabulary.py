"""Trim a vocabulary to the languages that are wanted: most of a small multilingual encoder is word embeddings.

    trimmed = trim_vocabulary(model, {"de": german_texts, "en": english_texts})
    trimmed.kept, trimmed.of                     # 65536, 250037

Which pieces stay is said in exporting/pieces.py. A text whose pieces all stay is cut into the same pieces as before:

- Unigram (XLM-R) takes the cut with the highest sum of scores. The best cut stays possible, and no new one comes in.
- WordPiece takes the longest piece that fits, and that one stays. Whole words are looked up.

So its vectors stay the same. The piece with the lowest score stays too: from it Unigram derives the score of what it
does not know.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.files import temporary_folder
from babelmix.exporting.pieces import ROWS, Pieces, keep_pieces, pieces_to_keep

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
    from tokenizers import Tokenizer

    transformer: Any = model[0]
    network: Any = getattr(transformer, "model", None)
    tokenizer: Any = getattr(transformer, "tokenizer", None)
    if network is None or not getattr(tokenizer, "is_fast", False) or transformer.processor is not tokenizer:
        raise _not_trimmed("the model has no fast tokenizer")
    content: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    content["truncation"] = content["padding"] = None  # of the last call: the library sets both at every call
    of, kind = network.get_input_embeddings().num_embeddings, content["model"]["type"]
    if kind not in KINDS:
        raise _not_trimmed(f"the tokenizer is of the kind {kind}")
    pieces = Pieces.of(content, always=range((tokenizer.pad_token_id or 0) + 1))
    prompts = [prompt for prompt in model.prompts.values() if prompt]
    kept = pieces_to_keep(Tokenizer.from_str(json.dumps(content)), pieces, texts, rows, prompts=prompts)
    keep_pieces(content, kept)
    transformer.processor = _rebuilt(tokenizer, content)  # of a model for texts alone it is the tokenizer
    _keep_rows(network, kept)
    return Trimmed(len(kept), of, model)


def _rebuilt(tokenizer: "PreTrainedTokenizerFast", content: dict[str, Any]) -> "PreTrainedTokenizerFast":
    """Return the tokenizer with another tokenizer.json, as a load of its saved files gives it."""
    from transformers import AutoTokenizer

    with temporary_folder() as folder:
        tokenizer.save_pretrained(folder)
        (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
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
