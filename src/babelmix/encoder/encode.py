"""Texts to vectors.

    vectors = encode(model, texts, prompt="query", settings=embed_settings, threads=2)     # float16 [n, d]

Every distinct text is encoded once.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from babelmix.encoder.groups import TOKENS_PER_FORWARD
from babelmix.encoder.packing import forward
from babelmix.encoder.precision import in_precision, say_once, usable_precision
from babelmix.encoder.settings import Embed
from babelmix.encoder.tokenise import cut_texts, tokenise
from babelmix.encoder.transfer import fetched
from babelmix.encoder.usage import note_on_threads

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SHARD = 100_000  # texts for callers to encode at once; bounds memory, 77 MB of vectors at 384 dimensions


def encode(
    model: "SentenceTransformer",
    texts: Sequence[str],
    *,
    prompt: str,
    settings: Embed,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float16]:
    """Return float16 [texts, d] unit vectors of `texts`, each after the model's own prompt of that name.

    Texts of similar length share a batch. Equal texts are encoded once. `on_progress` gets the number of texts encoded
    since its last call.
    """
    return encode_and_count_cut(model, texts, prompt, settings, threads, on_progress, unit=True)[0]


def encode_raw(
    model: "SentenceTransformer",
    texts: Sequence[str],
    *,
    prompt: str,
    settings: Embed,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:
    """Return float32 [texts, d] vectors of any length, as the model outputs them: for dot products and distances."""
    return encode_and_count_cut(model, texts, prompt, settings, threads, on_progress, unit=False)[0]


def encode_and_count_cut(
    model: "SentenceTransformer",
    texts: Sequence[str],
    prompt: str,
    settings: Embed,
    threads: int,
    on_progress: Callable[[int], None],
    *,
    unit: bool,
) -> tuple[NDArray[Any], int]:
    """Return the vectors and the number of texts that were cut to the model's limit.

    With `unit` the vectors are float16 of unit length, otherwise float32 of any length.
    """
    import torch
    from torch.nn.functional import normalize

    precision, note = usable_precision(settings.precision, model.device)
    for line in filter(None, (note, note_on_threads(threads))):
        say_once(line)
    torch.set_num_threads(threads)
    model.eval()
    distinct = list(dict.fromkeys(texts))
    vectors = np.empty((len(distinct), model.get_embedding_dimension() or 0), dtype=np.float16 if unit else np.float32)
    ids = tokenise(model, distinct, prompt=prompt, max_tokens=settings.max_tokens)
    groups = forward(model, ids, tokens_per_batch=TOKENS_PER_FORWARD[model.device.type])
    with torch.inference_mode(), in_precision(model, precision):
        wide = ((rows, group.float()) for rows, group in groups)
        for rows, found in fetched((rows, normalize(group) if unit else group) for rows, group in wide):
            vectors[rows] = found.numpy().astype(vectors.dtype)
            on_progress(len(rows))
    row_of = {text: row for row, text in enumerate(distinct)}
    rows = [row_of[text] for text in texts]
    cut = np.zeros(len(distinct), dtype=np.bool_)
    cut[cut_texts(model, distinct, ids, prompt=prompt, max_tokens=settings.max_tokens)] = True
    return vectors[rows], int(np.count_nonzero(cut[rows]))
