"""How a model wants to be used, by its own files: prompts, similarity, and how many tokens it reads.

    note = set_prompts(model, Path("models/hybrid"), query=None, passage=None)
    similarity, note = similarity_of(model)                 # "cosine"
    note = note_on_lengths(limit_of(model, 1024), 1024, cut=3, texts=40)
    note = note_on_threads(2)

A note is one line for the user, or None.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.processes import cores
from babelmix.common.reading import parse_json, read_text
from babelmix.common.similarities import SIMILARITIES, Similarity
from babelmix.encoder.tokenise import PROMPTS, Limit

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CONFIG = "config_sentence_transformers.json"


def set_prompts(model: "SentenceTransformer", folder: Path, *, query: str | None, passage: str | None) -> str | None:
    """Replace the model's prompts by these; None keeps its own. An empty prompt counts as given.

    The note warns if the model has no prompts and none were given. E5 models, for example, are published without: only
    the model card names the prefixes that they need.
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
    """Return the similarity that the model is scored by: the one that its file names.

    If the model normalises its vectors, their dot product is the cosine. Manhattan distance is not supported: the note
    says so, and the model is scored by cosine.
    """
    from sentence_transformers.sentence_transformer.modules import Normalize

    named: str = model.similarity_fn_name
    if named == "dot" and isinstance(model[-1], Normalize):
        return "cosine", None
    for similarity in SIMILARITIES:
        if similarity == named:
            return similarity, None
    return (
        "cosine",
        f"its file names the similarity {named!r}, which babelmix does not support: scored by cosine",
    )


def note_on_lengths(limit: Limit, asked: int, *, cut: int, texts: int) -> str | None:
    """Return a note if the model reads fewer tokens than asked for, or if texts were cut.

    Args:
        limit: the limit that applied.
        asked: embed.max_tokens.
        cut: number of texts longer than the limit.
        texts: number of all texts.
    """
    notes: list[str] = []
    if limit.tokens < asked:
        notes.append(
            f"embed.max_tokens {asked:,} is more than the model reads: {limit.tokens:,} tokens ({limit.source})"
        )
    if cut:
        what = f"{cut:,} of {texts:,} texts were cut at {limit.tokens:,} tokens"
        if limit.positions is None or limit.tokens < limit.positions:
            could = "any number" if limit.positions is None else f"up to {limit.positions:,}"
            notes.append(f"{what} by {limit.source}; the model's positions allow {could}")
        else:
            notes.append(f"{what}, all that the model can read")
    return "; ".join(notes) or None


def note_on_threads(threads: int) -> str | None:
    """Return a note if there are more threads than cores that this process may use: they wait for each other."""
    here = cores()
    return f"{threads} threads on {here} cores: `threads: {here}` is faster" if threads > here else None


def _own_prompts(folder: Path) -> dict[str, Any]:
    """Return the prompts in the model's file; the loaded model is no guide, since the library adds empty prompts."""
    file = folder / CONFIG
    if not file.is_file():
        return {}
    config = parse_json(read_text(file), str(file))
    prompts = config.get("prompts") if isinstance(config, dict) else None
    if prompts is not None and not isinstance(prompts, dict):
        how = 'write an object, such as {"query": "query: ", "passage": "passage: "}'
        raise UserError(f"prompts that are not an object: {json.dumps(prompts)[:40]}", where=str(file), how=how)
    return prompts or {}
