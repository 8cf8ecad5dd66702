"""Texts to token ids: the model's prompts, its limit on the length of a text, and which texts the limit cuts.

    ids = tokenise(model, texts, prompt="query", max_tokens=32)
    limit_of(model, 512)                        # Limit(tokens=512, source="embed.max_tokens", positions=512)

Training and embedding both tokenise here, so both read a text in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Texts = Sequence[NDArray[np.int32] | list[int]]  # token ids of each text

# The names under which a model keeps its prompts; "document" is the name that sentence-transformers uses.
PROMPTS = {"query": ("query",), "passage": ("document", "passage")}


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tokens of a text are read, what sets this limit, and the model's positions (None: no maximum)."""

    tokens: int
    source: str
    positions: int | None


def limit_of(model: "SentenceTransformer", max_tokens: int) -> Limit:
    """Return the limit on a text's tokens: `max_tokens`, or less if the model reads less."""
    positions = position_count(model)
    own: Any = model.max_seq_length  # from its tokenizer, where 10^30 means no limit
    found = Limit(max_tokens, "embed.max_tokens", positions)
    for tokens, source in ((own, "the model's max_seq_length"), (positions, "its positions")):
        if _is_limit(tokens) and tokens < found.tokens:
            found = Limit(tokens, source, positions)
    return found


def prompt_of(model: "SentenceTransformer", prompt: str) -> str:
    """Return the model's prompt for a "query" or a "passage", empty if it has none."""
    return next((found for name in PROMPTS[prompt] if (found := model.prompts.get(name))), "")


def tokenise(model: "SentenceTransformer", texts: Sequence[str], *, prompt: str, max_tokens: int) -> list[list[int]]:
    """Return the token ids of each text after the model's own prompt ("query" or "passage"), cut by `limit_of`."""
    return _tokens(model, texts, prompt, limit_of(model, max_tokens).tokens)


def cut_texts(
    model: "SentenceTransformer", texts: Sequence[str], ids: Texts, *, prompt: str, max_tokens: int
) -> list[int]:
    """Return the row numbers of the texts that `tokenise` has cut, ascending.

    A text at the limit is tokenised again with room for one more token: it was cut if it then becomes longer.
    """
    limit = limit_of(model, max_tokens).tokens
    full = [row for row, found in enumerate(ids) if len(found) >= limit]
    longer = _tokens(model, [texts[row] for row in full], prompt, limit + 1) if full else []
    return [row for row, found in zip(full, longer, strict=True) if len(found) > limit]


def position_count(model: "SentenceTransformer") -> int | None:
    """Return how many token positions the model has, None if it has no maximum.

    In XLM-R's table the rows up to the padding's are not positions of tokens.
    """
    inner: Any = getattr(model[0], "model", None)
    table: Any = getattr(getattr(inner, "embeddings", None), "position_embeddings", None)
    if table is None:
        found = getattr(getattr(inner, "config", None), "max_position_embeddings", None)
        return found if _is_limit(found) else None
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)


def _tokens(model: "SentenceTransformer", texts: Sequence[str], prompt: str, limit: int) -> list[list[int]]:
    prefix = prompt_of(model, prompt)
    return model.tokenizer([prefix + text for text in texts], truncation=True, max_length=limit)["input_ids"]


def _is_limit(number: Any) -> TypeGuard[int]:
    return isinstance(number, int) and 0 < number < 10**9
