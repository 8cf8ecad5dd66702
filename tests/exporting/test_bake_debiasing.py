"""Debiasing as a model's last modules: plain sentence-transformers gives what our own forms give."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.load import load_encoder, save_encoder
from babelmix.exporting.debiasing import Baked, Examples, bake_debiasing
from babelmix.exporting.widths import set_width
from babelmix.retrieval.language_means import LanguageMeans, LanguageRows, Means, language_means
from babelmix.retrieval.lir import find_directions, remove_directions
from babelmix.retrieval.offsets import move

HALF = 1e-3  # our own forms are kept in float16: a value below 1 has a step of 5e-4
STRENGTH = 0.75
Vectors = tuple[NDArray[np.float32], NDArray[np.float32], list[str]]


@pytest.fixture(scope="module")
def vectors(tiny_encoder: Path, parallel_pairs: list[Pair]) -> Vectors:
    """Unit vectors of queries and of passages as the model gives them, and their languages."""
    model = load_encoder(tiny_encoder)
    queries = model.encode_query([pair.query for pair in parallel_pairs])
    passages = model.encode_document([pair.passage for pair in parallel_pairs])
    return queries, passages, [pair.lang for pair in parallel_pairs]


@pytest.fixture(scope="module")
def means(vectors: Vectors) -> Means:
    queries, passages, languages = vectors
    half = [rows.astype(np.float16) for rows in (queries, passages)]
    return Means(*(language_means(LanguageRows.of(rows, languages)) for rows in half))


def saved(model: SentenceTransformer, folder: Path) -> SentenceTransformer:
    """The model as plain sentence-transformers loads it from disk."""
    folder.mkdir()
    save_encoder(model, folder, "# A model")
    return SentenceTransformer(str(folder), local_files_only=True)


def exactly(form: str, means: LanguageMeans, rows: NDArray[np.float32], languages: list[str]) -> NDArray[np.float64]:
    """The move in float64, written down again."""
    offsets = [(means.overall if form == "shift" else 0) - means.of(lang) for lang in languages]
    moved = rows.astype(np.float64) + STRENGTH * np.array(offsets)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


@pytest.mark.parametrize("form", ["shift", "centre"])
def test_offsets_by_a_known_language_are_ours(
    form: str, tiny_encoder: Path, tmp_path: Path, parallel_pairs: list[Pair], vectors: Vectors, means: Means
) -> None:
    model = load_encoder(tiny_encoder)
    baked = bake_debiasing(model, form, means=means, strength=STRENGTH)
    assert baked == Baked(form, STRENGTH, tuple(sorted({pair.lang for pair in parallel_pairs})))
    plain = saved(model, tmp_path / "out")
    queries, passages, languages = vectors
    ours = move(
        form,
        means,
        STRENGTH,
        LanguageRows.of(queries.astype(np.float16), languages),
        LanguageRows.of(passages.astype(np.float16), languages),
    )
    for lang in sorted(set(languages)):
        rows = [row for row, other in enumerate(languages) if other == lang]
        for kind, texts, before, own, of_kind in (
            ("query", [parallel_pairs[row].query for row in rows], queries, ours[0], means.queries),
            ("document", [parallel_pairs[row].passage for row in rows], passages, ours[1], means.passages),
        ):
            found = plain.encode(texts, prompt_name=kind, task=f"{kind}-{lang}")
            expected = exactly(form, of_kind, before[rows], [lang] * len(rows))
            assert np.abs(found - expected).max() < 1e-5
            assert np.abs(found - own[np.array(rows)]).max() < HALF


def test_directions_by_a_known_language_and_of_an_unknown_one(
    tiny_encoder: Path, tmp_path: Path, parallel_pairs: list[Pair], vectors: Vectors
) -> None:
    queries, passages, languages = vectors
    directions = find_directions(passages, languages, 1)
    model = load_encoder(tiny_encoder)
    baked = bake_debiasing(model, "lir", directions=directions)
    assert baked.strength is None and baked.languages == tuple(sorted(set(languages)))
    plain = saved(model, tmp_path / "out")
    lang = languages[0]
    rows = [row for row, other in enumerate(languages) if other == lang]
    texts = [parallel_pairs[row].query for row in rows]
    ours = remove_directions(queries[rows], [lang] * len(rows), directions)
    assert np.abs(plain.encode(texts, prompt_name="query", task=f"query-{lang}") - ours).max() < HALF
    unknown = remove_directions(queries[rows], ["und"] * len(rows), directions)
    assert np.abs(plain.encode_query(texts) - unknown).max() < HALF


def test_without_a_language_the_common_mean_stands_for_it(
    tiny_encoder: Path, tmp_path: Path, parallel_pairs: list[Pair], vectors: Vectors, means: Means
) -> None:
    model = load_encoder(tiny_encoder)
    bake_debiasing(model, "shift", means=means, strength=STRENGTH)
    plain = saved(model, tmp_path / "out")
    texts = [pair.passage for pair in parallel_pairs[:8]]
    assert np.abs(plain.encode_document(texts) - vectors[1][:8]).max() < 1e-6  # shift moves no unknown language
    assert np.abs(plain.encode(texts, prompt_name="document") - vectors[1][:8]).max() < 1e-6
    assert np.abs(plain.encode_query([parallel_pairs[0].query]) - vectors[0][:1]).max() < 1e-6


@pytest.mark.parametrize("form", ["shift", "centre"])
def test_the_guessing_map_comes_nearer_than_no_move(
    form: str, tiny_encoder: Path, tmp_path: Path, parallel_pairs: list[Pair], vectors: Vectors, means: Means
) -> None:
    queries, passages, languages = vectors
    examples = Examples({"query": (queries, languages), "document": (passages, languages)})
    model = load_encoder(tiny_encoder)
    baked = bake_debiasing(model, form, means=means, strength=STRENGTH, examples=examples)
    assert baked.cosine is not None and baked.unmoved is not None and baked.unmoved < baked.cosine <= 1 + 1e-9
    plain = saved(model, tmp_path / "out")
    guessed = plain.encode_document([pair.passage for pair in parallel_pairs])
    known = exactly(form, means.passages, passages, languages)
    unmoved = np.mean((passages * known).sum(axis=1))
    assert np.mean((guessed * known).sum(axis=1)) > unmoved
    assert np.allclose(np.linalg.norm(guessed, axis=1), 1, atol=1e-6)


def test_a_width_comes_after_a_debiasing(
    tiny_encoder: Path, tmp_path: Path, parallel_pairs: list[Pair], vectors: Vectors, means: Means
) -> None:
    model = load_encoder(tiny_encoder)
    bake_debiasing(model, "centre", means=means, strength=STRENGTH)
    set_width(model, 8)
    plain = saved(model, tmp_path / "out")
    lang = vectors[2][0]
    found = plain.encode([parallel_pairs[0].query], prompt_name="query", task=f"query-{lang}")
    whole = exactly("centre", means.queries, vectors[0][:1], [lang])[:, :8]
    assert np.abs(found - whole / np.linalg.norm(whole)).max() < 1e-5
    with pytest.raises(UserError, match="before its width is cut"):
        bake_debiasing(model, "centre", means=means, strength=STRENGTH)


@pytest.mark.parametrize(
    ("form", "what"),
    [
        pytest.param("shift-index", "unknown debiasing", id="of the index"),
        pytest.param("lir", "lir needs directions", id="no directions"),
        pytest.param("centre", "centre needs means", id="no means"),
    ],
)
def test_a_debiasing_that_no_model_can_hold(form: str, what: str, tiny_encoder: Path) -> None:
    with pytest.raises(UserError, match=what):
        bake_debiasing(load_encoder(tiny_encoder), form)
