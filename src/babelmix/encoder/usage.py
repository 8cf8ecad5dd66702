"""What a model's own files say of its use: prompts, similarity, and how many tokens it reads.

    note = set_prompts(model, Path("models/hybrid"), query=None, passage=None)
    similarity, note = similarity_of(model)                 # "cosine"
    note = said_of_lengths(limit_of(model, 1024), 1024, cut=3, texts=40)

A note is a line for the user, or None where there is nothing to say.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.reading import parse_json, read_text
from babelmix.common.similarities import SIMILARITIES, Similarity
from babelmix.encoder.packing import PROMPTS, Limit

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CONFIG = "config_sentence_transformers.json"


def set_prompts(model: "SentenceTransformer", folder: Path, *, query: str | None, passage: str | None) -> str | None:
    """Give the model these prompts in place of its own; None keeps its own.

    The note says that it has none and none were given: E5 and its kin are published without, the prefixes that they
    need stand on the card alone. An empty prompt is one.
    """
    for names, prompt in (("query", query), ("passage", passage)):
        if prompt is not None:
            model.prompts |= dict.fromkeys(PROMPTS[names], prompt)
    own = _own_prompts(folder)
    if query is not None or passage is not None or own.keys() & {name for names in PROMPTS.values() for name in names}:
        return None
    others = f" (it names {', '.join(sorted(own))})" if own else ""
    how = "if its card asks for some, give --query-prompt and --passage-prompt"
    return f"no prompts for queries and passages in its files{others}; {how}"


def similarity_of(model: "SentenceTransformer") -> tuple[Similarity, str | None]:
    """Return the similarity that the model is scored by, the one that its file names.

    The dot product of vectors that the model itself makes unit vectors is the cosine. Manhattan distance is not
    offered: the note says so.
    """
    from sentence_transformers.sentence_transformer.modules import Normalize

    named: str = model.similarity_fn_name
    if named == "dot" and isinstance(model[-1], Normalize):
        return "cosine", None
    for similarity in SIMILARITIES:
        if similarity == named:
            return similarity, None
    return "cosine", f"the model's file names the similarity {named!r}, which is not offered: scored by cosine"


def said_of_lengths(limit: Limit, asked: int, *, cut: int, texts: int) -> str | None:
    """Return the note on how far texts were read: where more was asked for than the model reads, or texts were cut.

    Args:
        limit: what was in force.
        asked: embed.max_tokens.
        cut: texts that were longer than the limit.
        texts: all texts.
    """
    notes: list[str] = []
    if limit.tokens < asked:
        notes.append(
            f"embed.max_tokens {asked:,} is more than the model reads: {limit.tokens:,} tokens ({limit.source})"
        )
    if cut:
        told = f"{cut:,} of {texts:,} texts were cut at {limit.tokens:,} tokens"
        if limit.positions is None or limit.tokens < limit.positions:
            could = "any number" if limit.positions is None else f"up to {limit.positions:,}"
            notes.append(f"{told} by {limit.source}; the model's positions allow {could}")
        else:
            notes.append(f"{told}, all that the model can read")
    return "; ".join(notes) or None


def _own_prompts(folder: Path) -> dict[str, Any]:
    """Return the prompts in the model's file: the library adds empty ones to a model that has none."""
    file = folder / CONFIG
    if not file.is_file():
        return {}
    config = parse_json(read_text(file), str(file))
    prompts = config.get("prompts") if isinstance(config, dict) else None
    if prompts is not None and not isinstance(prompts, dict):
        how = 'write an object, such as {"query": "query: ", "passage": "passage: "}'
        raise UserError(f"prompts that are no object: {json.dumps(prompts)[:40]}", where=str(file), how=how)
    return prompts or {}
