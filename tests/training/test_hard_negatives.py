"""Hard negatives: what sorting all passages of the language gives, without answers, known or suspected."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from babelmix import cli
from babelmix.batches.units import index_units
from babelmix.common.errors import UserError
from babelmix.common.id_arrays import pack
from babelmix.corpus.index import PairIndex, index_pairs, train_rows
from babelmix.corpus.records import Pair, write_pairs
from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed
from babelmix.training import mining as module
from babelmix.training.hard_negatives import Negatives, aligned, read_negatives, write_negatives
from babelmix.training.mining import hardest, mine

EXACT = Embed(max_tokens=64, precision="float32", context=False)


def unit(rng: np.random.Generator, rows: int, dimensions: int = 16) -> np.ndarray:
    vectors = rng.normal(size=(rows, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def by_sorting(queries, passages, groups, texts, k, share):
    """The definition, one query after another."""
    scores = (queries.astype(np.float64) @ passages.astype(np.float64).T).astype(np.float32)
    found = np.full((len(queries), k), -1)
    for row, line in enumerate(scores):
        ceiling = line[row] - (1 - share) * abs(line[row])
        order = sorted(range(len(line)), key=lambda other: (-line[other], other))
        fit = [other for other in order if groups[other] != groups[row] and line[other] <= ceiling]
        fit = [other for other in fit if other == texts.tolist().index(texts[other])][:k]
        found[row, : len(fit)] = fit
    return found


@settings(deadline=None)
@given(
    seed=st.integers(0, 99), pairs=st.integers(1, 80), k=st.integers(1, 9), share=st.sampled_from([0.0, 0.8, 0.95, 9]),
    distinct=st.sampled_from([2, 10, 200]), blocks=st.tuples(st.integers(3, 50), st.integers(3, 50)),
)  # fmt: skip
def test_the_hardest_are_those_of_sorting_all_scores(
    seed: int, pairs: int, k: int, share: float, distinct: int, blocks: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    texts = rng.integers(0, distinct, pairs).astype(np.uint64)
    groups = np.minimum(texts.astype(np.int64), rng.integers(0, 40, pairs)) if seed % 2 else texts.astype(np.int64)
    passages = unit(rng, distinct)[texts]
    noisy = passages + rng.normal(size=passages.shape) * rng.choice([0.0, 0.2, 2.0], size=(pairs, 1))
    queries = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float16)
    done = list[int]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "QUERIES", blocks[0])
        patch.setattr(module, "PASSAGES", blocks[1])
        found = hardest(queries, passages, groups, texts, k, share=share, on_progress=done.append)
    assert np.array_equal(found, by_sorting(queries, passages, groups, texts, k, share))
    assert sum(done) == pairs


def indexed(pairs: list[Pair]) -> tuple[PairIndex, np.ndarray]:
    index = index_pairs((pair, pair.origin != "human") for pair in pairs)
    return index, train_rows(index)


def mined(folder: Path, pairs: list[Pair], k: int, **options) -> tuple[Negatives, PairIndex]:
    index, rows = indexed(pairs)
    units = index_units(index, rows)
    return mine(load_encoder(folder), pairs, index, rows, units, k, settings=EXACT, threads=1, **options), index


def test_every_row_gets_the_best_of_its_own_language_and_no_translation(
    tiny_encoder: Path, parallel_pairs: list[Pair]
) -> None:
    done = list[int]()
    found, index = mined(tiny_encoder, parallel_pairs, 3, on_progress=done.append)
    assert (found.units, found.languages) == (index.units, ("de", "en", "fr"))
    assert (found.unit.dtype, found.lang.dtype, found.negatives.dtype) == (np.int32, np.int16, np.int32)
    train = sorted(
        (pair for pair in parallel_pairs if pair.split == "train"), key=lambda pair: (pair.lang, pair.parallel_id)
    )
    assert [
        (found.languages[lang], found.units[number]) for lang, number in zip(found.lang, found.unit, strict=True)
    ] == [(pair.lang, pair.parallel_id) for pair in train]
    assert sum(done) == 3 * len(train) and found.negatives.shape == (135, 3)
    model = load_encoder(tiny_encoder)
    for number, lang in enumerate(found.languages):
        spoken = [pair for pair in train if pair.lang == lang]
        queries, passages = (
            encode(model, [getattr(pair, side) for pair in spoken], prompt=side, settings=EXACT, threads=1)
            for side in ("query", "passage")
        )
        expected = by_sorting(queries, passages, np.arange(45), np.arange(45), 3, 0.95)
        assert np.array_equal(found.negatives[found.lang == number], expected)  # units 0 to 44 are those of train


def test_duplicate_passages_and_queries_are_not_negatives(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    pairs = [pair for pair in parallel_pairs if pair.split == "train"]
    place = {(pair.parallel_id, pair.lang): row for row, pair in enumerate(pairs)}
    unit_of = "page{:02}#h".format
    # Unit 5 shares its German question with unit 0, and 9 its French passage with 5: all three may answer one another.
    for lang, side, one, other in (("de", "query", 0, 5), ("fr", "passage", 5, 9)):
        row = place[unit_of(other), lang]
        shared = getattr(pairs[place[unit_of(one), lang]], side)
        pairs[row] = replace(pairs[row], **{side: shared.upper() + " "})
    found, _ = mined(tiny_encoder, pairs, 44, share=1000)
    together = {0, 5, 9}
    for number, lang, negatives in zip(found.unit.tolist(), found.lang.tolist(), found.negatives.tolist(), strict=True):
        kept = [negative for negative in negatives if negative >= 0]
        same = together if number in together else {number}
        twice = {9} if found.languages[lang] == "fr" else set()  # a duplicate of unit 5's passage
        assert sorted(kept) == sorted(set(range(45)) - same - twice) and negatives == kept + [-1] * (44 - len(kept))


def test_what_scores_near_the_right_passage_is_left_out(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    (strict, _), (wide, _) = (mined(tiny_encoder, parallel_pairs, 44, share=share) for share in (0.95, 1.0))
    for few, many in zip(strict.negatives.tolist(), wide.negatives.tolist(), strict=True):
        few, many = ([number for number in numbers if number >= 0] for numbers in (few, many))
        assert few == many[len(many) - len(few) :]  # the hardest are taken away, no other
    assert np.count_nonzero(strict.negatives >= 0) < np.count_nonzero(wide.negatives >= 0)


def test_the_order_of_the_pairs_has_no_part_and_rows_choose_the_languages(
    tiny_encoder: Path, parallel_pairs: list[Pair]
) -> None:
    (one, _), (other, index) = (mined(tiny_encoder, pairs, 2) for pairs in (parallel_pairs, parallel_pairs[::-1]))
    assert np.array_equal(one.negatives, other.negatives) and np.array_equal(one.unit, other.unit)
    rows = train_rows(index)
    english, units = rows[index.lang[rows] == 1], index_units(index, rows)
    model, pairs = load_encoder(tiny_encoder), parallel_pairs[::-1]
    alone = mine(model, pairs, index, english, units, 2, settings=EXACT, threads=1)
    assert np.array_equal(alone.negatives, one.negatives[one.lang == 1]) and set(alone.lang.tolist()) == {1}
    with pytest.raises(UserError, match="there are no pairs to mine"):
        mine(model, pairs, index, english[:0], units, 2, settings=EXACT, threads=1)


FEW = Negatives(
    ("a", "b", "c", "d"),
    ("de", "en"),
    np.array([0, 1, 2, 0], dtype=np.int32),
    np.array([0, 0, 0, 1], dtype=np.int16),
    np.array([[1, 2], [2, 3], [3, -1], [3, 1]], dtype=np.int32),
)


def test_negatives_go_to_the_rows_of_another_index() -> None:
    # "b" is gone, "d" is of dev now, "0" is new and moves all numbers, English has no "d", and a machine wrote "a" too.
    cells = [("c", "de"), ("a", "en"), ("0", "de"), ("a", "de"), ("d", "de"), ("e", "ar")]
    pairs = [Pair(u, lang, "dev" if u == "d" else "train", f"q{u}{lang}", f"p{u}{lang}", "human") for u, lang in cells]
    rows = [(pair, False) for pair in pairs] + [(replace(pairs[3], origin="engine"), True)]
    found = aligned(FEW, index_pairs(rows))  # units 0, a, c, d, e
    assert found.dtype == np.int32
    assert found.tolist() == [[-1, -1], [-1, -1], [-1, -1], [2, -1], [-1, -1], [-1, -1], [2, -1]]
    none = index_pairs([(Pair("x", "th", "train", "q", "p", "human"), False)])
    assert aligned(FEW, none).tolist() == [[-1, -1]]


def test_the_same_index_gets_its_own_numbers_back(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    found, index = mined(tiny_encoder, parallel_pairs[::-1], 2)
    rows = aligned(found, index)
    assert (rows[index.dev] == -1).all()
    order = np.lexsort((index.unit, index.lang))
    assert np.array_equal(rows[order][~index.dev[order]], found.negatives)


def test_negatives_come_back_as_written_and_as_the_same_bytes(tmp_path: Path) -> None:
    for name in ("deep/one.npz", "two.npz"):
        write_negatives(tmp_path / name, FEW)
    assert (tmp_path / "deep/one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    again = read_negatives(tmp_path / "two.npz")
    assert (again.units, again.languages) == (FEW.units, FEW.languages)
    for name in ("unit", "lang", "negatives"):
        assert np.array_equal(getattr(again, name), getattr(FEW, name))
        assert getattr(again, name).dtype == getattr(FEW, name).dtype


def test_a_missing_or_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "negatives.npz"
    with pytest.raises(UserError, match="no such file"):
        read_negatives(file)
    write_negatives(file, FEW)
    whole = file.read_bytes()
    for broken in (b"", b"PK", b"\x80\x04junk", whole[: len(whole) // 2]):
        file.write_bytes(broken)
        with pytest.raises(UserError, match="not a whole"):
            read_negatives(file)
    with file.open("wb") as stream:
        np.save(stream, FEW.negatives)
    with pytest.raises(UserError, match="not a whole"):
        read_negatives(file)
    np.savez(file, units=np.array(["a"]), queries=np.zeros((1, 8)))
    with pytest.raises(UserError, match="not a whole"):
        read_negatives(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"units": np.array([{}, 2, 3, 4], dtype=object)}, "not a whole"),  # pickled, and never loaded
        ({"units": np.arange(4)}, "not hard negatives"),
        ({"languages": np.array("de")}, "not hard negatives"),
        ({"unit": FEW.unit.astype(np.int64)}, "not hard negatives"),
        ({"unit": FEW.unit + np.int32(2)}, "not hard negatives"),
        ({"lang": FEW.lang - np.int16(1)}, "not hard negatives"),
        ({"lang": FEW.lang[:3]}, "not hard negatives"),
        ({"negatives": FEW.negatives[:, 0]}, "not hard negatives"),
        ({"negatives": FEW.negatives[:3]}, "not hard negatives"),
        ({"negatives": FEW.negatives + np.int32(1)}, "a negative of an unknown unit"),
        ({"negatives": FEW.negatives - np.int32(1)}, "a negative of an unknown unit"),
    ],
)
def test_arrays_of_another_kind_are_refused(change: dict, says: str, tmp_path: Path) -> None:
    arrays = pack("units", FEW.units) | {"languages": np.array(FEW.languages), "unit": FEW.unit, "lang": FEW.lang}
    np.savez(tmp_path / "negatives.npz", **(arrays | {"negatives": FEW.negatives} | change))
    with pytest.raises(UserError, match=says):
        read_negatives(tmp_path / "negatives.npz")


@pytest.fixture
def project(tmp_path: Path, parallel_pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """The folder of a run with pairs, French by a machine; returns what calls the command line in it."""
    raw = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    raw["translate"]["languages"], raw["sources"], raw["source"] = ["fr"], ["libreoffice-help"], {}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    human = [pair for pair in parallel_pairs if pair.lang != "fr"]
    machine = [replace(pair, origin="engine") for pair in parallel_pairs if pair.lang == "fr"]
    write_pairs(tmp_path / "data/pairs/human/libreoffice-help", human)
    write_pairs(tmp_path / "data/pairs/machine/libreoffice-help", machine)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def test_the_command_mines_the_languages_that_are_named(
    project: Callable[..., object], tiny_encoder: Path, tmp_path: Path
) -> None:
    chosen = ("--languages", "en", "--languages", "fr", "--number", 2)
    result = project("mine", "--model", tiny_encoder, "--output", "data/own/negatives.npz", *chosen)
    assert result.exit_code == 0, result.exception
    found = read_negatives(tmp_path / "data/own/negatives.npz")
    count = np.count_nonzero(found.negatives >= 0)
    assert f"wrote data/own/negatives.npz, {count} negatives of 90 pairs; next: " in result.stdout
    assert {found.languages[lang] for lang in found.lang.tolist()} == {"en", "fr"} and found.negatives.shape == (90, 2)


def test_the_command_mines_words_alone(
    project: Callable[..., object], tiny_encoder: Path, tmp_path: Path, parallel_pairs: list[Pair]
) -> None:
    words = [Pair(f"words/mine:{n}", "en", "train", word, word, "human") for n, word in enumerate(("file", "menu"))]
    human = [pair for pair in parallel_pairs if pair.lang != "fr"]
    write_pairs(tmp_path / "data/pairs/human/libreoffice-help", human + words)
    result = project("mine", "--model", tiny_encoder, "--output", "data/own/n.npz", "--words", "--share", 9)
    assert result.exit_code == 0 and "2 negatives of 2 pairs" in result.stdout, result.exception
    found = read_negatives(tmp_path / "data/own/n.npz")
    names = [found.units[unit] for unit in found.unit.tolist()]
    assert names == ["words/mine:0", "words/mine:1"]
    assert [found.units[unit] for unit in found.negatives[:, 0].tolist()] == names[::-1]


def test_an_unknown_language_is_refused(project: Callable[..., object], tiny_encoder: Path) -> None:
    result = project("mine", "--model", tiny_encoder, "--output", "n.npz", "--languages", "es")
    assert isinstance(result.exception, UserError) and "valid: de, en, fr" in str(result.exception)


def test_errors_end_the_program_with_code_2(
    project: Callable[..., object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["babelmix", "mine", "--model", "nowhere", "--output", "n.npz"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2 and "nowhere: no such model folder" in capsys.readouterr().err
