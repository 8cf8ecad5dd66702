"""Vectors of words and short sentences: of an encoder, and of its input embeddings alone.

    encode = WordEncoder(model, settings.embed, threads=2, prompt="query", store=store)
    encode(["Hund", "dog"])                        # float32 [2, d] of unit length, after that prompt
    encode.after("none")(["Hund", "dog"])          # without a prompt
    encode.static(["Hund", "dog"])                 # the mean input embedding of each word's sub-words

An encoder's vectors are those of `encoder/encode.py`: rounded to float16, kept for the next run where they may be, the
last layer pooled as the model does it.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from babelmix.encoder.encode import TOKENISED, encode
from babelmix.encoder.settings import Embed
from babelmix.encoder.vector_store import VectorStore
from babelmix.probes.settings import Prompt

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WordEncoder:
    """Words to vectors by one model after one prompt."""

    model: "SentenceTransformer"
    settings: Embed
    threads: int
    prompt: Prompt
    store: VectorStore | None = None
    on_progress: Callable[[int], None] = lambda done: None

    def after(self, prompt: Prompt) -> "WordEncoder":
        """Return the same with another prompt."""
        return replace(self, prompt=prompt)

    def __call__(self, words: Sequence[str]) -> Vectors:
        """Return float32 [words, d] unit vectors; equal words are encoded once."""
        with _prompt_of(self.model, self.prompt):
            vectors = encode(
                self.model,
                words,
                prompt="query",
                settings=self.settings,
                threads=self.threads,
                on_progress=self.on_progress,
                store=self.store,
            )
        return _unit(vectors.astype(np.float32))

    def static(self, words: Sequence[str]) -> Vectors:
        """Return float32 [words, d] unit vectors: the mean input embedding of a word's sub-words.

        No prompt and no special token counts. A word without any sub-word gets the zero vector.
        """
        inner: Any = self.model[0]
        weight: torch.Tensor = inner.model.get_input_embeddings().weight.detach().float()
        found = np.zeros((len(words), weight.shape[1]), dtype=np.float32)
        for start in range(0, len(words), TOKENISED):
            part = list(words[start : start + TOKENISED])
            ids: list[list[int]] = self.model.tokenizer(part, add_special_tokens=False)["input_ids"]
            offsets = torch.tensor(np.cumsum([0, *map(len, ids[:-1])]), device=weight.device)
            flat = torch.tensor([one for word in ids for one in word], dtype=torch.long, device=weight.device)
            means = torch.nn.functional.embedding_bag(flat, weight, offsets, mode="mean")
            found[start : start + len(part)] = means.cpu().numpy()
        return _unit(found)


@contextmanager
def _prompt_of(model: "SentenceTransformer", prompt: Prompt) -> Generator[None]:
    """Take the model's query prompt away for the block if no prompt is asked for."""
    own = model.prompts
    if prompt == "none":
        model.prompts = own | {"query": ""}
    try:
        yield
    finally:
        model.prompts = own


def _unit(vectors: Vectors) -> Vectors:
    """Divide rows by their length; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
