"""Files of means: they come back as written, and what is not such a file is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from babelmix.common.errors import UserError
from babelmix.retrieval.language_means import LanguageMeans, Means, read_means, write_means


@pytest.fixture
def means() -> Means:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(2, 4, 8)) / 8
    return Means(*(LanguageMeans({"en": part[0], "de": part[1], "zh": part[2]}, part[3]) for part in rows))


def test_means_come_back_as_written_and_as_the_same_bytes(means: Means, tmp_path: Path) -> None:
    write_means(tmp_path / "deep/a.npz", means)
    turned = LanguageMeans(dict(reversed(means.queries.by_language.items())), means.queries.overall)
    write_means(tmp_path / "b.npz", Means(turned, means.passages))
    assert (tmp_path / "deep/a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = read_means(tmp_path / "b.npz")
    for before, after in ((means.queries, again.queries), (means.passages, again.passages)):
        assert list(after.by_language) == ["de", "en", "zh"]
        for lang in ("de", "en", "zh", "th"):
            assert after.of(lang).dtype == np.float64
            np.testing.assert_array_equal(after.of(lang), before.of(lang).astype(np.float32))


def test_means_without_any_language_come_back_too(tmp_path: Path) -> None:
    write_means(tmp_path / "a.npz", Means(LanguageMeans({}, np.full(8, 0.1)), LanguageMeans({}, np.full(8, 0.2))))
    again = read_means(tmp_path / "a.npz")
    assert again.queries.by_language == {} and again.passages.overall.tolist() == [float(np.float32(0.2))] * 8


def test_a_missing_or_broken_file_is_refused(means: Means, tmp_path: Path) -> None:
    file = tmp_path / "means.npz"
    with pytest.raises(UserError) as caught:
        read_means(file)
    assert str(caught.value) == f"{file}: no such file; estimate the means again"
    write_means(file, means)
    whole = file.read_bytes()
    for broken in (b"", b"PK", b"\x80\x04junk", whole[: len(whole) // 2]):
        file.write_bytes(broken)
        with pytest.raises(UserError, match=r"not a whole \.npz file of means; estimate the means again"):
            read_means(file)


@pytest.mark.parametrize(
    "change",
    [
        {"languages": np.array(["de", "en"])},
        {"languages": np.array(["de", "de", "en"])},
        {"languages": np.arange(3)},
        {"queries": np.zeros((3, 9), dtype=np.float32)},
        {"passages": np.zeros((3, 8))},
        {"passages": np.full((3, 8), np.nan, dtype=np.float32)},
        {"queries": np.ones((3, 8), dtype=np.float32)},
        {"overall": np.zeros((1, 8), dtype=np.float32)},
        {"overall": np.zeros(8, dtype=np.float32)},
        {"overall": np.full((2, 8), np.inf, dtype=np.float32)},
    ],
)
def test_arrays_that_are_no_means_are_refused(change: dict[str, Any], means: Means, tmp_path: Path) -> None:
    write_means(tmp_path / "a.npz", means)
    with np.load(tmp_path / "a.npz") as stored:
        arrays = dict(stored) | change
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(UserError, match="the arrays are not means of languages; estimate the means again"):
        read_means(tmp_path / "b.npz")


def test_queries_and_passages_of_other_languages_are_not_written(means: Means, tmp_path: Path) -> None:
    other = LanguageMeans({"fr": np.zeros(8)}, np.zeros(8))
    with pytest.raises(ValueError, match="the same languages"):
        write_means(tmp_path / "a.npz", Means(means.queries, other))
    assert not (tmp_path / "a.npz").exists()
