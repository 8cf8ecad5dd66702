"""Readers of arrays: vectors of any model, directions, teachers, negatives, tokens."""

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.qrels import read_qrels
from babelmix.common.id_arrays import pack
from babelmix.corpus.index import PairIndex, index_pairs, train_rows
from babelmix.corpus.records import Pair
from babelmix.evaluation.evaluate import evaluate
from babelmix.retrieval.embeddings import open_embeddings
from babelmix.retrieval.language_means import LanguageRows, read_means
from babelmix.retrieval.lir import read_directions, remove_directions
from babelmix.retrieval.offsets import move
from babelmix.retrieval.scorers import CosineScorer
from babelmix.training import hard_negatives, teacher
from babelmix.training.tokenized_pairs import read_tokenized

from .damage import damaged, damaged_binary, numbers
from .harness import Files, Target
from .seeds import PASSAGES, QUERIES, one_of, own_files, some

Arrays = dict[str, NDArray[Any]]


TYPES = ("<f2", "<f4", "<f8", ">f4", "<i4", "<i8", "u1", "?", "<U3", "S3", "<c8", "<M8[s]", "O", "V4", "<i2", "<u8")


SHAPES = ((), (0,), (1,), (3,), (0, 0), (6, 0), (0, 8), (6, 1), (6, 8), (1, 6, 8), (2, 2, 2, 2))


def packed(arrays: Arrays, *, compress: bool = False) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(stream, **arrays)
    return stream.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def odd_array(rng: Random, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of another type, shape, order or content."""
    what = rng.randrange(8)
    with suppress(ValueError, TypeError, OverflowError), np.errstate(all="ignore"):
        if what == 0:
            return array.astype(rng.choice(TYPES))
        if what == 1:
            return np.zeros(rng.choice(SHAPES), dtype=rng.choice(("<f2", "<f4", "<i4", "<U2", array.dtype)))
        if what == 2:
            return np.asfortranarray(array) if array.ndim > 1 else array[::-1]
        if what == 3:
            return np.concatenate([array, array])
        if what == 4:
            return array[: rng.randrange(len(array) + 1)]
        if what == 5:
            return array[..., None]
        if what == 6:
            filling = "\ud800x" if array.dtype.kind == "U" else rng.choice((np.nan, np.inf, 0, -1, 2**31, 1e30))
            return np.full(array.shape, filling, dtype=array.dtype)
        copy = array.copy()
        copy.flat[rng.randrange(copy.size)] = rng.choice(
            (np.nan, -np.inf, 0, -2, 2**15, 65504, 1e30, "", "b", "\ud800")
        )
        return copy
    return array


def header(rng: Random, data: bytes) -> bytes:
    """Return a .npy file, or an .npz not compressed, whose header lies about type, order or shape."""
    old, new = rng.choice(
        (
            (b"'fortran_order': False", b"'fortran_order': True "),
            (b"'descr': '<f2'", b"'descr': '<f4'"),
            (b"'descr': '<f4'", b"'descr': '|O8'"),
            (b"'descr': '<i4'", b"'descr': '<i9'"),
            (b"'shape': (", b"'shape': (9" + b"9" * rng.choice((1, 9, 20))),
            (b"'shape': (", b"'shape': (-"),
            (b"'shape'", b"'shade'"),
            (b"{", b"[" * rng.choice((1, 60, 120))),
            (b"NUMPY\x01", b"NUMPY" + bytes([rng.randrange(256)])),
            (b"False", b"9**9**9"),
        )
    )
    return data.replace(old, new, 1)


def spoilt_npz(rng: Random, arrays: Arrays) -> bytes:
    """Return an .npz with an array changed, missing, renamed or too many, or with bytes changed."""
    arrays, what = dict(arrays), rng.randrange(10)
    name = rng.choice(list(arrays))
    if what <= 3:
        arrays[name] = odd_array(rng, arrays[name])
    elif what == 4:
        del arrays[name]
    elif what == 5:
        arrays[name], other = arrays[rng.choice(list(arrays))], rng.choice(list(arrays))
        arrays[other] = odd_array(rng, arrays[other])
    elif what == 6:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as file:
            for key, array in arrays.items():
                content, member = npy(array), zipfile.ZipInfo(f"{key}.npy")
                member.compress_type = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
                file.writestr(member, header(rng, content) if key == name else content)
        return stream.getvalue()
    elif what == 7:
        return npy(arrays[name])
    data = packed(arrays, compress=rng.random() < 0.3)
    return data if what <= 5 else rng.choice((damaged_binary, numbers, header, damaged))(rng, data)


def npz_target(name: str, share: float, arrays: Callable[[], Arrays], read: Callable[[Path], object]) -> Target:
    def make(rng: Random) -> Files:
        valid = arrays()
        if rng.random() < 0.02:
            return rng.choice(({}, {"file.npz": None}, {"file.npz": b""}, {"file.npz": b"PK\5\6" + b"\0" * 18}))
        return {"file.npz": packed(valid) if rng.random() < 0.05 else spoilt_npz(rng, valid)}

    return Target(name, share, make, lambda folder, output: read(folder / "file.npz"))


@cache
def vectors() -> Arrays:
    made = np.random.default_rng(1).normal(size=(2, 6, 8))
    made /= np.linalg.norm(made, axis=-1, keepdims=True)
    return {"queries": made[0].astype(np.float16), "passages": made[1].astype(np.float16)}


def _unit(rng: Random, name: str) -> bytes:
    array = vectors()[name]
    if rng.random() < 0.4:
        array = rng.choice((3.0, 1.0)) * array.astype(rng.choice(("<f4", "<f8", ">f4")))
    if rng.random() < 0.5:
        return npy(odd_array(rng, array))
    return rng.choice((damaged_binary, header, numbers))(rng, npy(array))


def _vectors_input(rng: Random) -> Files:
    files: Files = own_files()
    files |= {f"vectors/{name}.npy": npy(array) for name, array in vectors().items()}
    spoil: dict[str, Callable[[], bytes]] = {
        "vectors/queries.npy": lambda: _unit(rng, "queries"),
        "vectors/passages.npy": lambda: _unit(rng, "passages"),
    }
    if rng.random() < 0.4:
        for name, rows in (("queries", QUERIES), ("passages", PASSAGES)):
            ids = "".join(f"{row['id']}\n" for row in rng.sample(rows, len(rows))).encode()
            files[f"vectors/{name}.txt"] = ids
            spoil[f"vectors/{name}.txt"] = lambda ids=ids: one_of(rng, ids)
    if rng.random() < 0.2:
        for number in range(2):
            part = vectors()["passages"][3 * number : 3 * number + 3]
            files[f"vectors/passages-{number}.npy"] = npy(part)
            spoil[f"vectors/passages-{number}.npy"] = lambda part=part: npy(odd_array(rng, part))
    return some(rng, files, spoil)


def _open_vectors(folder: Path, output: Path) -> None:
    opened = open_embeddings(folder / "vectors", folder)
    evaluate(read_qrels(folder), CosineScorer(opened.queries, opened.passages))


@cache
def _directions() -> Arrays:
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(8, 8)))[0].astype(np.float32)
    return {"languages": np.array(["de", "en"]), "directions": basis[:4].reshape(2, 2, 8), "other": basis[4:6]}


@cache
def _means() -> Arrays:
    rows = (np.random.default_rng(2).normal(size=(3, 2, 8)) / 8).astype(np.float32)
    return {"languages": np.array(["de", "en"]), "queries": rows[0], "passages": rows[1], "overall": rows[2]}


@cache
def _teacher() -> Arrays:
    return {**pack("units", [f"u{n}" for n in range(6)]), **vectors()}


@cache
def _negatives() -> Arrays:
    return {
        **pack("units", [f"u{n}" for n in range(4)]),
        "languages": np.array(["de", "en"]),
        "unit": np.arange(4, dtype=np.int32),
        "lang": np.array([0, 0, 1, 1], dtype=np.int16),
        "negatives": np.array([[1, -1], [0, 2], [3, -1], [-1, -1]], dtype=np.int32),
    }


@cache
def _index() -> Arrays:
    starts = np.array([0, 3, 5, 5, 9], dtype=np.int64)
    return {
        **pack("units", ["u0", "u1"]),
        "languages": np.array(["de", "en"]),
        "unit": np.array([0, 1, 0, 1], dtype=np.int32),
        "lang": np.array([0, 0, 1, 1], dtype=np.int16),
        "dev": np.zeros(4, dtype=np.bool_),
        "machine": np.array([True, True, False, False]),
        "keys": np.arange(8, dtype=np.uint64).reshape(4, 2),
        "queries_starts": starts,
        "passages_starts": starts,
    }


@cache
def _pairs() -> PairIndex:
    cells = ((n, lang) for n in range(4) for lang in ("de", "en"))
    pairs = (Pair(f"u{n}", lang, "train", f"{lang} {n}", f"{lang} text {n}", "human") for n, lang in cells)
    return index_pairs((pair, False) for pair in pairs)


def _remove(file: Path) -> None:
    found = read_directions(file)
    if found.other.shape[1] == 8:
        remove_directions(vectors()["queries"], ["de", "en", "fr"] * 2, found)


def _move(file: Path) -> None:
    found = read_means(file)
    texts = LanguageRows.of(vectors()["queries"], ["de", "en", "fr"] * 2)
    for rows in move("centre", found, 0.5, texts, texts):
        CosineScorer(rows, rows)


def _tokens_input(rng: Random) -> Files:
    ids = np.arange(9, dtype="<i4").tobytes()
    files: Files = {"index.npz": packed(_index()), "queries.bin": ids, "passages.bin": ids}
    spoil = {
        "index.npz": lambda: spoilt_npz(rng, _index()),
        "queries.bin": lambda: damaged_binary(rng, ids),
    }
    if rng.random() < 0.8:
        return files | {"index.npz": spoilt_npz(rng, _index())}
    return some(rng, files, spoil)


def _read_tokens(folder: Path, output: Path) -> None:
    tokenized = read_tokenized(folder)
    for row in train_rows(tokenized.index).tolist():
        tokenized.queries[row].tolist()
        tokenized.passages[row].tolist()


TARGETS = (
    Target("vectors", 8, _vectors_input, _open_vectors),
    npz_target("directions", 3, _directions, _remove),
    npz_target("means", 3, _means, _move),
    npz_target("teacher", 3, _teacher, lambda file: teacher.aligned(teacher.read_teacher(file), _pairs())),
    npz_target(
        "negatives", 3, _negatives, lambda file: hard_negatives.aligned(hard_negatives.read_negatives(file), _pairs())
    ),
    Target("tokens", 4, _tokens_input, _read_tokens),
)
