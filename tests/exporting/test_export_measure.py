"""What a form costs: the same mAP as the evaluation's, losses by language and scope, and tables that mark them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.qrels import qrels_of
from babelmix.corpus.records import Pair
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.score_files import to_json
from babelmix.exporting.form_files import size_of
from babelmix.exporting.form_tables import Row, form_tables, plain_lines
from babelmix.exporting.markdown import table
from babelmix.exporting.measure import Measured, losses, measure, worst
from babelmix.exporting.sensitivity import InFloat32
from babelmix.retrieval.scorers import CosineScorer
from babelmix.retrieval.vectors import unit_rows


def by_words(texts: Sequence[str], prompt: str) -> np.ndarray:
    """Vectors of a text's words: no model, and the same every time."""
    found = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.split():
            found[row, sum(word.encode()) % 64] += 1
    return found


def test_map_is_that_of_the_evaluation(parallel_pairs: list[Pair]) -> None:
    data = dev_benchmark(parallel_pairs, 10)
    found = measure(by_words, data, context=False)
    queries, passages = [one.text for one in data.queries], [one.text for one in data.passages]
    scorer = CosineScorer(*(unit_rows(by_words(texts, "")) for texts in (queries, passages)))
    scopes = to_json(evaluate(qrels_of(data), scorer), "x")["scopes"]
    for scope in ("monolingual", "multilingual"):
        expected = {lang: row["map"] for lang, row in scopes[scope]["by"].items()}
        assert found.map[scope] == pytest.approx(expected, abs=1e-6)
    for scope, row in scopes.items():  # with all pairs of languages there, the means of means are equal
        assert found.mean(scope) == pytest.approx(row["map"], abs=1e-6)
    assert found.texts_per_second > 0


def row(name: str, de: float, en: float, kept: InFloat32 | None = None) -> Row:
    maps = {scope: {"de": de, "en": en} for scope in ("monolingual", "multilingual")} | {"crosslingual": {}}
    return Row(name, 1_500_000, Measured(maps, 10.0), kept)


def test_losses_are_those_of_the_original_minus_the_form() -> None:
    found = losses(row("a", 0.7, 0.6).measured, row("b", 0.69, 0.61).measured)
    assert found["monolingual"] == pytest.approx({"de": 0.01, "en": -0.01})
    assert worst(found) == (pytest.approx(0.01), "de, monolingual")


def test_a_loss_above_the_limit_is_marked_in_both_tables() -> None:
    rows = [row("original", 0.7, 0.6), row("int8", 0.6979, 0.5985, InFloat32((1,), 0.003))]
    plain = "\n".join(plain_lines(rows))
    assert "+0.0021!" in plain and "+0.0015!" not in plain and "+0.0015" in plain
    assert "int8: 1 products stay" in plain and "crosslingual" not in plain
    text = form_tables(rows, ("de",))
    assert text.count("| de | 0.7000 | +0.0021! |") == 2 and "| en (not kept) | 0.6000 | +0.0015 |" in text
    assert max(map(len, plain.splitlines())) <= 100


def test_a_benchmark_of_one_language_has_no_crosslingual_table() -> None:
    one = Measured({"monolingual": {"de": 0.5}, "crosslingual": {}, "multilingual": {"de": 0.5}}, 1.0)
    assert one.mean("crosslingual") is None
    assert "crosslingual" not in form_tables([Row("a", 1, one), Row("b", 1, one)])


def test_a_cell_of_a_table_stays_in_its_cell() -> None:
    assert table(("a", "b"), [("x|y", "1\n2")], figures=True) == "| a | b |\n| --- | ---: |\n| x\\|y | 1 2 |"


def test_the_size_of_a_model_counts_its_modules_too(tmp_path: Path) -> None:
    (tmp_path / "2_Dense").mkdir()
    for file in ("model.safetensors", "2_Dense/model.safetensors", "tokenizer.json"):
        (tmp_path / file).write_bytes(b"12345")
    assert size_of(tmp_path, "st") == 10
