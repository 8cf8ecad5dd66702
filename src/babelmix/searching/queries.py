"""The encoder of an index: passages into it, and queries to search it with.

    encode = query_encoder(index)                       # the model that made the index
    index.search(encode(["wie drucke ich?"]), 10)

Vectors of another model have nothing to say in an index, so a model whose files differ is refused.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.common.processes import cores
from babelmix.common.progress import say
from babelmix.common.reading import checked_text
from babelmix.common.text import published_form
from babelmix.encoder.settings import Embed
from babelmix.searching.build import PassageEncoder
from babelmix.searching.index import SearchIndex
from babelmix.searching.record import Model

MAX_TOKENS = 512
LONGEST = 10_000  # characters of a query


def query_encoder(
    index: SearchIndex, model: Path | None = None, *, threads: int | None = None
) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """Load the model of an index and return what turns queries into unit vectors, float32 [n, d].

    Args:
        index: an open index.
        model: where the model is now; where it was when it made the index unless given.
        threads: of torch; all cores by default.

    Raises:
        UserError: no such model, a model that cannot be read, or another model than the index's.
    """
    from babelmix.encoder.encode import encode
    from babelmix.encoder.fingerprint import hash_model
    from babelmix.encoder.load import load_encoder
    from babelmix.encoder.usage import set_prompts

    made = index.record.model
    folder = model or Path(made.name)
    if not folder.is_dir():
        how = "say where it is now with --model"
        raise UserError(f"the model that made {index.folder} is not here", where=str(folder), how=how)
    if hash_model(folder) != made.fingerprint:
        how = f"use that model, or make the index again with `babelmix index --model {folder}`"
        what = f"another model than {made.name}, which made {index.folder}"
        raise UserError(what, where=str(folder), how=how)
    encoder = load_encoder(folder)
    set_prompts(encoder, folder, query=made.query_prompt, passage=made.passage_prompt)
    run = partial(encode, encoder, prompt="query", settings=_settings(made.max_tokens))
    return lambda texts: run(texts, threads=threads or cores()).astype(np.float32)


def passage_encoder(
    folder: Path,
    name: str,
    *,
    prompts: tuple[str | None, str | None] = (None, None),
    threads: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
    store: Path | None = None,
) -> PassageEncoder:
    """Load a model to make an index with.

    Args:
        folder: of the model.
        name: what the index calls it; `query_encoder` looks there for it.
        prompts: before each query and each passage, in place of the model's own; the index keeps them.
        threads: of torch; all cores by default.
        on_progress: gets the number of texts encoded since its last call.
        store: keeps vectors by what made them: after a kill, the same command does not encode them again.

    Raises:
        UserError: a folder that is no whole model, or a model that is not scored by cosine.
    """
    from babelmix.encoder.encode import TextList, encode_each
    from babelmix.encoder.fingerprint import hash_model
    from babelmix.encoder.keep import open_store
    from babelmix.encoder.load import load_encoder
    from babelmix.encoder.usage import set_prompts, similarity_of

    encoder, settings, threads = load_encoder(folder), _settings(MAX_TOKENS), threads or cores()
    if (similarity := similarity_of(encoder)[0]) != "cosine":
        raise UserError(f"an index compares by cosine, not {similarity!r}", where=name, how="use another model")
    width = encoder.get_embedding_dimension() or 0
    query, passage = prompts
    if note := set_prompts(encoder, folder, query=query, passage=passage):
        say(f"{name}: {note}")
    model = Model(
        name=name,
        fingerprint=hash_model(folder),
        dimensions=width,
        max_tokens=MAX_TOKENS,
        query_prompt=query,
        passage_prompt=passage,
    )
    kept = store and open_store(encoder, model.fingerprint, store, settings, threads=threads, unit=True)
    cut = [0]

    def encode(texts: Sequence[str]) -> NDArray[np.float16]:
        lists = [TextList("passage", texts)]
        _, vectors, longer = next(encode_each(encoder, lists, settings, threads, on_progress, unit=True, store=kept))
        cut[0] += longer
        return vectors

    return PassageEncoder(model, encode, cut)


def checked_query(text: str) -> str:
    """Return a query of at most LONGEST characters, and say if it was cut; UserError for a blank one."""
    text = checked_text(published_form(text), "query").strip()
    if not text:
        raise UserError("a blank query", where="search", how="ask something")
    if len(text) > LONGEST:
        say(f"a query of {len(text):,} characters; the first {LONGEST:,} are searched for")
    return text[:LONGEST]


def _settings(max_tokens: int) -> Embed:
    return Embed(max_tokens=max_tokens, precision="float32", context=False)
