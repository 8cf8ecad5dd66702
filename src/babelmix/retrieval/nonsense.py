"""Vectors of the nonsense queries: encode them once for each system, keep them, read them.

write_nonsense(Path("data/embeddings/hybrid/nonsense.npz"), encoder, settings.embed, threads=2)
read_nonsense(Path("data/embeddings/hybrid/nonsense.npz"))        # [100, d]
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.nonsense import nonsense_queries
from babelmix.common.arrays import read_arrays
from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.encoder.settings import Embed

NAME = "nonsense"  # of the array in an .npz file
HOW = "embed the benchmarks again"


def write_nonsense(path: Path, model: "SentenceTransformer", settings: "Embed", threads: int) -> None:
    """Encode the nonsense queries after the model's query prompt, and write them as one array of an .npz file.

    The rows are those that `embed_benchmarks` would write for queries: float16 of unit length if the model is scored by
    cosine, float32 of any length otherwise.
    """
    from babelmix.encoder.encode import encode, encode_raw
    from babelmix.encoder.usage import similarity_of

    texts = nonsense_queries()
    if similarity_of(model)[0] == "cosine":
        vectors = encode(model, texts, prompt="query", settings=settings, threads=threads)
    else:
        vectors = encode_raw(model, texts, prompt="query", settings=settings, threads=threads)
    with new_binary_file(path) as stream:
        np.savez(stream, allow_pickle=False, **{NAME: vectors})


def read_nonsense(path: Path) -> NDArray[np.floating[Any]]:
    """Return the vectors of the nonsense queries, [100, d]; UserError for a file that is missing or damaged."""
    (vectors,) = read_arrays(path, (NAME,), what="vectors of nonsense queries", how=HOW)
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or 0 in vectors.shape:
        raise UserError(f"an array of {vectors.dtype}, shape {vectors.shape}", where=str(path), how=HOW)
    return vectors
