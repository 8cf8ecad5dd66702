"""A teacher's vectors: of each training unit in the language it was written in, whatever order the pairs come in."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from babelmix import cli
from babelmix.common.errors import UserError
from babelmix.common.id_arrays import pack
from babelmix.corpus.index import index_pairs
from babelmix.corpus.records import Pair, write_pairs
from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed
from babelmix.training.teacher import TeacherVectors, aligned, encode_pairs, encode_teacher, read_teacher, write_teacher

EXACT = Embed(max_tokens=64, precision="float32", context=False)


@pytest.fixture
def english(parallel_pairs: list[Pair]) -> list[Pair]:
    return [pair for pair in parallel_pairs if pair.lang == "en" and pair.split == "train"]


@pytest.fixture
def few() -> TeacherVectors:
    rng = np.random.default_rng(1)
    queries, passages = rng.normal(size=(2, 3, 8)).astype(np.float16)
    return TeacherVectors(("a", "b#é", "c"), queries, passages, layers=12)


def test_each_unit_has_the_encoder_s_own_vectors_in_the_order_of_ids(tiny_encoder: Path, english: list[Pair]) -> None:
    model, done = load_encoder(tiny_encoder), list[int]()
    vectors = encode_teacher(model, english[::-1], settings=EXACT, threads=1, on_progress=done.append)
    assert vectors.units == tuple(sorted(pair.parallel_id for pair in english)) and sum(done) == 2 * len(english)
    assert vectors.queries.dtype == vectors.passages.dtype == np.float16
    for prompt, found in (("query", vectors.queries), ("passage", vectors.passages)):
        texts = [getattr(pair, prompt) for pair in sorted(english, key=lambda pair: pair.parallel_id)]
        assert np.array_equal(found, encode(model, texts, prompt=prompt, settings=EXACT, threads=1))
    assert not np.array_equal(vectors.queries, vectors.passages)


def test_shards_give_what_one_piece_gives(
    tiny_encoder: Path, english: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_encoder(tiny_encoder)
    whole = encode_pairs(model, english, settings=EXACT, threads=1)
    monkeypatch.setattr("babelmix.training.teacher.SHARD", 7)
    for one, other in zip(whole, encode_pairs(model, english, settings=EXACT, threads=1), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_vectors_go_to_the_numbers_of_an_index_and_zeros_where_there_are_none(few: TeacherVectors) -> None:
    pairs = [Pair(unit, "en", "train", f"q {unit}", f"p {unit}", "human") for unit in ("c", "0", "a", "d")]
    found = aligned(few, index_pairs((pair, False) for pair in pairs))  # units 0, a, c, d
    assert found.dtype == np.float32 and found.shape == (2, 4, 8)
    for side, vectors in enumerate((few.queries, few.passages)):
        apart = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)  # the mean is over all three
        apart /= np.linalg.norm(apart, axis=1, keepdims=True)
        np.testing.assert_allclose(found[side, [1, 2]], apart[[0, 2]], atol=1e-5)
        assert not found[side, [0, 3]].any()


def test_pairs_that_the_teacher_cannot_encode_are_refused(tiny_encoder: Path, english: list[Pair]) -> None:
    import torch

    model = load_encoder(tiny_encoder)
    with pytest.raises(UserError, match="there are no pairs"):
        encode_teacher(model, [], settings=EXACT, threads=1)
    with pytest.raises(UserError, match="duplicate unit 'page00#h'"):
        encode_teacher(model, [*english, replace(english[0], lang="de")], settings=EXACT, threads=1)
    with torch.no_grad():
        next(iter(model.parameters())).fill_(float("nan"))
    with pytest.raises(UserError, match=r"parallel_id 'page00#h', en: a vector that is not finite"):
        encode_teacher(model, english, settings=EXACT, threads=1)


def test_vectors_come_back_as_written_and_as_the_same_bytes(few: TeacherVectors, tmp_path: Path) -> None:
    for name in ("deep/one.npz", "two.npz"):
        write_teacher(tmp_path / name, few)
    assert (tmp_path / "deep/one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    again = read_teacher(tmp_path / "two.npz")
    assert again.units == few.units and again.queries.dtype == again.passages.dtype == np.float16
    assert np.array_equal(again.queries, few.queries) and np.array_equal(again.passages, few.passages)


def test_a_missing_or_damaged_file_is_refused(few: TeacherVectors, tmp_path: Path) -> None:
    file = tmp_path / "large.npz"
    with pytest.raises(UserError, match="no such file"):
        read_teacher(file)
    write_teacher(file, few)
    whole = file.read_bytes()
    for broken in (b"", b"PK", b"\x80\x04junk", whole[: len(whole) // 2]):
        file.write_bytes(broken)
        with pytest.raises(UserError, match="not a whole"):
            read_teacher(file)
    with file.open("wb") as stream:
        np.save(stream, few.queries)
    with pytest.raises(UserError, match="not a whole"):
        read_teacher(file)
    np.savez(file, languages=np.array(["de"]))
    with pytest.raises(UserError, match="not a whole"):
        read_teacher(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"units": np.array([{}, 2, 3], dtype=object)}, "not a whole"),  # pickled, and never loaded
        ({"units": np.arange(3)}, "not a teacher's vectors"),
        ({"units": np.array(["a", "b", "c"])}, "not a teacher's vectors"),  # as they were written once
        (pack("units", ("a", "c", "b")), "not a teacher's vectors"),
        (pack("units", ("a", "b")), "not a teacher's vectors"),
        ({"queries": np.zeros((3, 8))}, "not a teacher's vectors"),
        ({"layers": np.array(0)}, "not a teacher's vectors"),
        ({"layers": np.array([12])}, "not a teacher's vectors"),
        ({"passages": np.zeros((3, 7), dtype=np.float16)}, "not a teacher's vectors"),
        ({"passages": np.full((3, 8), np.nan, dtype=np.float16)}, "not a teacher's vectors"),
        (
            {"queries": np.zeros((3, 0), np.float16), "passages": np.zeros((3, 0), np.float16)},
            "not a teacher's vectors",
        ),
    ],
)
def test_arrays_of_another_kind_are_refused(change: dict, says: str, few: TeacherVectors, tmp_path: Path) -> None:
    plain = {"queries": few.queries, "passages": few.passages, "layers": np.array(12)}
    arrays = pack("units", few.units) | plain | change
    np.savez(tmp_path / "large.npz", **arrays)
    with pytest.raises(UserError, match=says):
        read_teacher(tmp_path / "large.npz")


@pytest.fixture
def project(
    tmp_path: Path, tiny_transformer: Path, parallel_pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., object]:
    """The folder of a run with pairs and a tiny preset; returns what calls the command line in it."""
    raw = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    raw["model"]["presets"] |= {"tiny": {"folder": str(tiny_transformer), "learning_rate": 1e-3}}
    raw["sources"], raw["source"] = ["mine"], {"mine": {"path": "data/own/mine.jsonl", "language": "de"}}
    raw["translate"]["routes"]["pt"] = "de ctranslate2:somewhere pt"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    write_pairs(tmp_path / "data/pairs/human/mine", (pair for pair in parallel_pairs if pair.parallel_id != "page03#h"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli.app, arguments)


def test_the_command_reads_the_train_split_in_the_source_s_language(
    project: Callable[..., object], tiny_transformer: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    result = project("teach", "tiny")
    assert result.exit_code == 0, result.exception
    assert "babelmix: wrote data/teacher/tiny.npz, 44 units of 32 dimensions; next: dvc repro train" in result.stdout
    vectors = read_teacher(tmp_path / "data/teacher/tiny.npz")
    german = [pair for pair in parallel_pairs if pair.lang == "de" and pair.split == "train"]
    german = [pair for pair in german if pair.parallel_id != "page03#h"]
    assert vectors.units == tuple(pair.parallel_id for pair in german)
    assert [path.name for path in (tmp_path / "data/teacher").iterdir()] == ["tiny.npz"]


def test_an_unknown_size_is_refused(project: Callable[..., object]) -> None:
    result = project("teach", "tny")
    assert isinstance(result.exception, UserError) and "did you mean 'tiny'?" in str(result.exception)


def test_the_folder_is_there_in_a_clone_with_its_readme_alone() -> None:
    import subprocess

    root = Path(__file__).parents[2]
    for name, ignored in (("README.md", 1), ("large.npz", 0)):
        command = ["git", "check-ignore", "-q", f"data/teacher/{name}"]
        if (root / ".git").exists():
            assert subprocess.run(command, cwd=root, check=False).returncode == ignored
    assert (root / "data/teacher/README.md").is_file()
