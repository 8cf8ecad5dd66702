"""Small indexes of random vectors, with documents in three languages and some in none."""

from pathlib import Path

import numpy as np

from babelmix.searching.build import index_vectors
from babelmix.searching.documents import Document
from babelmix.searching.record import Model

LANGUAGES = ("de", "en", "fr", None)


def unit_vectors(rows, dimensions=16, seed=3):
    vectors = np.random.default_rng(seed).normal(size=(rows, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def documents_of(rows, start=0, languages=LANGUAGES):
    return [
        Document(f"d{n}", f"text {n} é", f"title {n}" if n % 2 else None, languages[n % len(languages)])
        for n in range(start, start + rows)
    ]


def model_of(dimensions=16, fingerprint="0" * 64):
    return Model(name="models/small", fingerprint=fingerprint, dimensions=dimensions, max_tokens=512)


def make_index(folder: Path, rows=100, *, seed=3, languages=LANGUAGES):
    vectors = unit_vectors(rows, seed=seed)
    documents = documents_of(rows, languages=languages)
    index_vectors(documents, vectors, model_of(), folder)
    return documents, vectors
