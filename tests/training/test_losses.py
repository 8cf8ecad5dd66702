"""The losses against formulas in numpy, and against those of sentence-transformers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.encoder.load import load_encoder
from babelmix.settings.params import load_settings
from babelmix.training.losses import BatchRows, batch_loss, consistency_loss, info_nce, over_widths
from babelmix.training.settings import Train

ROOT = Path(__file__).parents[2]
T = 0.05
Array = np.ndarray


def train_settings(**more: Any) -> Train:
    plain = {"temperature": T, "symmetric": False, "matryoshka": ()}
    return load_settings(ROOT / "params.yaml").train.model_copy(update=plain | more)


def unit_vectors(*shape: int, seed: int = 0) -> Array:
    vectors = np.random.default_rng(seed).normal(size=shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def tensor(vectors: Array) -> torch.Tensor:
    return torch.tensor(vectors, dtype=torch.float32)


def formula(queries: Array, passages: Array, allowed: Array | None = None, temperature: float = T) -> float:
    """Equation 1, over the passages that `allowed` [queries, passages] names."""
    scores = np.exp(queries @ passages.T / temperature)
    kept = scores if allowed is None else scores * allowed
    return float(-np.mean(np.log(np.diag(scores) / kept.sum(axis=1))))


def unrelated(size: int, more: int = 0) -> BatchRows:
    return BatchRows(torch.arange(size + more))


def test_info_nce_is_the_formula_of_equation_1() -> None:
    queries, passages = unit_vectors(2, 6, 5)
    assert info_nce(tensor(queries), tensor(passages), T).item() == pytest.approx(formula(queries, passages), rel=1e-5)


def test_symmetric_is_the_mean_of_both_directions() -> None:
    queries, passages = unit_vectors(2, 6, 5)
    found = info_nce(tensor(queries), tensor(passages), T, symmetric=True).item()
    assert found == pytest.approx((formula(queries, passages) + formula(passages, queries)) / 2, rel=1e-5)
    assert info_nce(tensor(passages), tensor(queries), T, symmetric=True).item() == pytest.approx(found, rel=1e-6)


def test_hard_negatives_are_more_columns_of_every_query_and_none_of_the_way_back() -> None:
    queries, passages = unit_vectors(5, 6), unit_vectors(8, 6, seed=1)
    one, both = (info_nce(tensor(queries), tensor(passages), T, symmetric=way).item() for way in (False, True))
    assert one == pytest.approx(formula(queries, passages), rel=1e-5)
    assert one > formula(queries, passages[:5])
    assert both == pytest.approx((formula(queries, passages) + formula(passages[:5], queries)) / 2, rel=1e-5)


def test_the_loss_is_taken_in_float32() -> None:
    """Scores over a temperature lose their digits in bfloat16."""
    queries, passages = (tensor(vectors).bfloat16() for vectors in unit_vectors(2, 6, 5))
    expected = formula(queries.float().numpy(), passages.float().numpy())
    assert info_nce(queries, passages, T).dtype == torch.float32
    assert info_nce(queries, passages, T).item() == pytest.approx(expected, rel=1e-5)


def test_a_passage_of_the_same_group_is_not_a_negative() -> None:
    """Two rows of a batch share a passage: the loss of each is that of the batch without the other's column."""
    vectors = unit_vectors(12, 5)
    vectors[6 + 4] = vectors[6 + 1]
    queries, passages = vectors[:6], vectors[6:]
    allowed = np.ones((6, 6))
    allowed[1, 4] = allowed[4, 1] = 0
    rows = BatchRows(torch.tensor([0, 1, 2, 3, 1, 5]))
    found = batch_loss(tensor(vectors), rows, train_settings()).item()
    assert found == pytest.approx(formula(queries, passages, allowed), rel=1e-5)
    assert found < batch_loss(tensor(vectors), unrelated(6), train_settings()).item()
    each = [formula(queries[[row]], np.vstack([passages[row], np.delete(passages, row, 0)])) for row in (0, 2, 3, 5)]
    each += [formula(queries[[row]], np.vstack([passages[row], passages[[0, 2, 3, 5]]])) for row in (1, 4)]
    assert found == pytest.approx(np.mean(each), rel=1e-5)


def test_the_way_back_leaves_out_the_same_cells() -> None:
    vectors = unit_vectors(12, 5)
    allowed = np.ones((6, 6))
    allowed[1, 4] = allowed[4, 1] = 0
    found = batch_loss(
        tensor(vectors), BatchRows(torch.tensor([0, 1, 2, 3, 1, 5])), train_settings(symmetric=True)
    ).item()
    there, back = formula(vectors[:6], vectors[6:], allowed), formula(vectors[6:], vectors[:6], allowed.T)
    assert found == pytest.approx((there + back) / 2, rel=1e-5)


def test_a_hard_negative_of_the_querys_own_group_is_none() -> None:
    vectors = unit_vectors(4 + 4 + 3, 5)
    groups = torch.tensor([7, 8, 9, 10, 8, 20, 9])  # the first hard negative is of row 1's group, the last of row 2's
    allowed = np.ones((4, 7))
    allowed[1, 4] = allowed[2, 6] = 0
    found = batch_loss(tensor(vectors), BatchRows(groups), train_settings()).item()
    assert found == pytest.approx(formula(vectors[:4], vectors[4:], allowed), rel=1e-5)


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_query_without_any_negative_has_no_loss_and_no_gradient(symmetric: bool) -> None:
    vectors = tensor(unit_vectors(8, 5)).requires_grad_()
    loss = batch_loss(vectors, BatchRows(torch.zeros(4, dtype=torch.int64)), train_settings(symmetric=symmetric))
    loss.backward()
    assert loss.item() == 0 and vectors.grad is not None and not vectors.grad.any()


def test_matryoshka_is_the_mean_over_widths_cut_and_normalised_anew() -> None:
    vectors = unit_vectors(10, 8)
    expected = []
    for width in (8, 2, 5):
        cut = vectors[:, :width] / np.linalg.norm(vectors[:, :width], axis=1, keepdims=True)
        expected.append(formula(cut[:5], cut[5:]))
    found = batch_loss(tensor(vectors), unrelated(5), train_settings(matryoshka=(2, 5))).item()
    assert found == pytest.approx(np.mean(expected), rel=1e-5)
    assert over_widths(torch.sum, tensor(vectors), ()).item() == pytest.approx(vectors.sum(), rel=1e-5)


@pytest.mark.parametrize("more", [0, 3])
def test_the_teachers_term_is_the_contrast_with_the_teachers_vectors(more: int) -> None:
    """A query must pick the teacher's vector of its passage, a passage that of its query, among units that it knows."""
    vectors, targets = unit_vectors(12 + more, 7), unit_vectors(2, 6, 7, seed=1)
    targets[0, 1] = targets[1, 1] = targets[1, 3] = 0  # the teacher never saw these
    known = [0, 2, 4, 5]
    there = formula(vectors[:6][known], targets[1, known])
    back = formula(vectors[6:12][known], targets[0, known])
    rows = BatchRows(torch.arange(6 + more), tensor(targets), 0.7)
    alone = batch_loss(tensor(vectors), unrelated(6, more), train_settings()).item()
    found = batch_loss(tensor(vectors), rows, train_settings()).item()
    assert found == pytest.approx(alone + 0.7 * (there + back) / 2, rel=1e-5)
    narrow = train_settings(matryoshka=(3,))  # the teacher's vectors are of the whole width
    alone = batch_loss(tensor(vectors), unrelated(6, more), narrow).item()
    assert batch_loss(tensor(vectors), rows, narrow).item() == pytest.approx(alone + 0.7 * (there + back) / 2, rel=1e-5)


def test_the_teachers_vector_of_the_same_group_is_not_a_negative() -> None:
    vectors, targets = unit_vectors(12, 7), unit_vectors(2, 6, 7, seed=1)
    targets[0, 0] = 0
    allowed = np.ones((5, 5))
    allowed[0, 3] = allowed[3, 0] = 0  # rows 1 and 4, without row 0
    there = formula(vectors[1:6], targets[1, 1:], allowed)
    back = formula(vectors[7:], targets[0, 1:], allowed.T)
    groups = torch.tensor([0, 1, 2, 3, 1, 5])
    alone = batch_loss(tensor(vectors), BatchRows(groups), train_settings()).item()
    found = batch_loss(tensor(vectors), BatchRows(groups, tensor(targets)), train_settings()).item()
    assert found == pytest.approx(alone + (there + back) / 2, rel=1e-5)


def test_a_teacher_that_knows_nothing_changes_neither_loss_nor_gradient() -> None:
    taught, alone = (tensor(unit_vectors(8, 6)).requires_grad_() for _ in range(2))
    one = batch_loss(taught, BatchRows(torch.arange(4), torch.zeros(2, 4, 6)), train_settings())
    other = batch_loss(alone, unrelated(4), train_settings())
    assert one.item() == other.item()
    one.backward()
    other.backward()
    torch.testing.assert_close(taught.grad, alone.grad, rtol=0, atol=0)


@given(st.integers(0, 1000), st.permutations(range(6)), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_rows_does_not_matter(seed: int, order: list[int], symmetric: bool, taught: bool) -> None:
    vectors, targets = tensor(unit_vectors(6 + 6 + 4, 5, seed=seed)), tensor(unit_vectors(2, 6, 5, seed=seed + 1))
    groups = torch.from_numpy(np.random.default_rng(seed).integers(0, 6, 10))
    chosen = train_settings(symmetric=symmetric, matryoshka=(3,))
    expected = batch_loss(vectors, BatchRows(groups, targets if taught else None), chosen)
    rest = [12 + 2, 12 + 0, 12 + 3, 12 + 1]
    moved = vectors[[*order, *(6 + row for row in order), *rest]]
    rows = BatchRows(groups[[*order, *(row - 6 for row in rest)]], targets[:, order] if taught else None)
    assert batch_loss(moved, rows, chosen).item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> Any:
    return load_encoder(tiny_encoder).eval()


@pytest.mark.parametrize("negatives", [0, 2])
@pytest.mark.parametrize("symmetric", [False, True])
def test_the_contrast_is_their_multiple_negatives_ranking(symmetric: bool, negatives: int, model: Any) -> None:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    ways: Any = ("query_to_doc", "doc_to_query") if symmetric else ("query_to_doc",)
    theirs = MultipleNegativesRankingLoss(model, scale=1 / T, directions=ways, partition_mode="per_direction")
    vectors = tensor(unit_vectors(6 * (2 + negatives), 5))
    ours, other = (vectors.clone().requires_grad_() for _ in range(2))
    expected = theirs.compute_loss_from_embeddings(list(other.chunk(2 + negatives)), torch.empty(0))
    found = batch_loss(ours, unrelated(6, 6 * negatives), train_settings(symmetric=symmetric))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    expected.backward()
    found.backward()
    assert ours.grad is not None and other.grad is not None
    # theirs normalises once more, so it has no part along the vector itself
    along = (ours.grad * vectors).sum(dim=1, keepdim=True) * vectors
    torch.testing.assert_close(ours.grad - along, other.grad, rtol=1e-4, atol=1e-5)


def test_matryoshka_is_theirs_with_equal_weights(model: Any) -> None:
    from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss, MultipleNegativesRankingLoss

    texts = ["the file menu", "die datei", "a cell", "text with a page", "le fichier", "die zelle"]
    features = [
        dict(model.tokenizer(side, padding=True, return_tensors="pt")) for side in (texts, [*texts[1:], "menu"])
    ]
    with torch.no_grad():
        vectors = torch.cat([model(dict(side))["sentence_embedding"] for side in features])
        theirs = MatryoshkaLoss(model, MultipleNegativesRankingLoss(model, scale=1 / T), [32, 16, 8], [1 / 3] * 3)
        expected = theirs(features, torch.empty(0)).item()
    found = batch_loss(vectors, unrelated(6), train_settings(matryoshka=(16, 8))).item()
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.2])
def test_a_text_must_pick_the_teachers_vector_of_the_same_text(weight: float) -> None:
    vectors, targets = unit_vectors(12, 7), unit_vectors(2, 6, 7, seed=1)
    allowed = np.ones((6, 6))
    allowed[1, 4] = allowed[4, 1] = 0
    groups = torch.tensor([0, 1, 2, 3, 1, 5])
    taught = (formula(vectors[:6], targets[0], allowed) + formula(vectors[6:], targets[1], allowed)) / 2
    rows = BatchRows(groups, tensor(targets), 0.8, "same", contrast_weight=weight)
    contrast = batch_loss(tensor(vectors), BatchRows(groups), train_settings()).item()
    found = batch_loss(tensor(vectors), rows, train_settings()).item()
    assert found == pytest.approx(weight * contrast + 0.8 * taught, rel=1e-5)


def divergence(queries: Array, others: Array, passages: Array, parallel: list[int], groups: list[int]) -> float:
    """The mean of both directions of KL, one row and one passage at a time."""
    found: list[float] = []
    for other, row in zip(others, parallel, strict=True):
        seen = [at for at, group in enumerate(groups) if at == row or group != groups[row]]
        one, two = (np.exp([query @ passages[at] / T for at in seen]) for query in (queries[row], other))
        p, q = one / one.sum(), two / two.sum()
        found.append(sum(a * np.log(a / b) + b * np.log(b / a) for a, b in zip(p, q, strict=True)) / 2)
    return float(np.mean(found))


@given(st.integers(0, 1000), st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_the_consistency_loss_is_the_divergence_of_a_plain_loop(seed: int, rows: list[int], more: int) -> None:
    parallel, groups = sorted(rows), np.random.default_rng(seed).integers(0, 6, 6 + more)
    vectors = unit_vectors(12 + more + len(parallel), 5, seed=seed)
    queries, passages, others = np.split(vectors, [6, 12 + more])
    expected = divergence(queries, others, passages, parallel, groups.tolist())
    asked = BatchRows(torch.from_numpy(groups), parallel=torch.tensor(parallel), kl_weight=0.7)
    whole = tensor(vectors).requires_grad_()
    found = batch_loss(whole, asked, train_settings())
    plain = batch_loss(tensor(vectors[: 12 + more]), BatchRows(torch.from_numpy(groups)), train_settings())
    assert found.item() == pytest.approx(plain.item() + 0.7 * expected, rel=1e-4, abs=1e-5)
    found.backward()
    assert whole.grad is not None and bool(whole.grad.isfinite().all())


def test_a_query_that_ranks_alike_in_both_languages_and_no_query_at_all_have_no_divergence() -> None:
    queries, passages = tensor(unit_vectors(4, 5)), tensor(unit_vectors(4, 5, seed=1))
    rows, groups = torch.arange(4), torch.arange(4)
    assert consistency_loss(queries, queries, passages, rows, T, groups).item() == 0
    assert consistency_loss(queries, queries[:0], passages, rows[:0], T, groups).item() == 0
