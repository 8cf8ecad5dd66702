"""The encoder of an index: passages into it, and queries to search it with.

    encode = query_encoder(index)                       # the model that made the index
    index.search(encode(["wie drucke ich?"]), 10)

Vectors of another model have nothing to say in an index, so a model whose files differ is refused.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.encoder.settings import Embed
from babelmix.searching.build import PassageEncoder
from babelmix.searching.index import SearchIndex
from babelmix.searching.record import Model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MAX_TOKENS = 512


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

    made = index.record.model
    folder = model or Path(made.name)
    if not folder.is_dir():
        how = "say where it is now with --model"
        raise UserError(f"the model that made {index.folder} is not here", where=str(folder), how=how)
    if hash_model(folder) != made.fingerprint:
        how = f"use that model, or make the index again with `babelmix index --model {folder}`"
        what = f"another model than {made.name}, which made {index.folder}"
        raise UserError(what, where=str(folder), how=how)
    run = partial(encode, load_encoder(folder), prompt="query", settings=_settings(made.max_tokens))
    return lambda texts: run(texts, threads=threads or cores()).astype(np.float32)


def passage_encoder(
    folder: Path,
    name: str,
    *,
    loaded: "SentenceTransformer | None" = None,
    threads: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> PassageEncoder:
    """Load a model to make an index with.

    Args:
        folder: of the model.
        name: what the index calls it; `query_encoder` looks there for it.
        loaded: the same model, where it is in memory already.
        threads: of torch; all cores by default.
        on_progress: gets the number of texts encoded since its last call.

    Raises:
        UserError: a folder that is no whole model, or a model that is not scored by cosine.
    """
    from babelmix.encoder.encode import encode
    from babelmix.encoder.fingerprint import hash_model
    from babelmix.encoder.load import load_encoder
    from babelmix.encoder.usage import similarity_of

    encoder = loaded or load_encoder(folder)
    if (similarity := similarity_of(encoder)[0]) != "cosine":
        raise UserError(f"an index compares by cosine, not {similarity!r}", where=name, how="use another model")
    width = encoder.get_embedding_dimension() or 0
    model = Model(name=name, fingerprint=hash_model(folder), dimensions=width, max_tokens=MAX_TOKENS)
    run = partial(encode, encoder, prompt="passage", settings=_settings(MAX_TOKENS), on_progress=on_progress)
    return PassageEncoder(model, lambda texts: run(texts, threads=threads or cores()))


def cores() -> int:
    """Return the number of cores."""
    return os.cpu_count() or 1


def _settings(max_tokens: int) -> Embed:
    return Embed(max_tokens=max_tokens, precision="float32", context=False)
