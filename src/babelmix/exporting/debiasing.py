"""Free debiasing as the last modules of a model, so that plain sentence-transformers runs it.

    baked = bake_debiasing(model, "shift", means=read_means(Path("data/offsets/hybrid.npz")), strength=0.75)
    model.encode(texts, prompt_name="document", task="document-de")      # German passages, moved as `+shift` moves them
    model.encode_query(queries)                                          # of a language that nobody names

A `Router` picks a `Dense` by the text's kind and language: `task="query-de"`, `task="document-de"`. A `Normalize`
follows. All three forms are linear maps with an offset:

- lir: x - C^T C x, with the directions C of the language (retrieval/lir.py);
- shift: x + s (m - m_L), centre: x - s m_L, with the means of the language (retrieval/offsets.py).

Nobody needs to name the language. Then, for shift and centre, one affine map for all languages guesses the moved
vector from the vector itself, if `examples` are given: ridge regression of what each example comes to, on the examples.
`Baked` says how far it is from the move by the known language. Without examples the common mean stands for the
language's, as it does for a language without training text; with lir it is the directions of all languages together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError, unknown_name
from babelmix.retrieval.language_means import LanguageMeans, Means
from babelmix.retrieval.lir import Directions
from babelmix.retrieval.offsets import TRAINING

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Kind = Literal["query", "document"]
Map = tuple[NDArray[np.float64], NDArray[np.float64]]  # weight [d, d] and bias [d]
LIR = "lir"
FORMS = (LIR, *TRAINING)
KINDS: tuple[Kind, ...] = ("query", "document")
RIDGE = 1e-3  # of the mean variance of a dimension


@dataclass(frozen=True, slots=True)
class Examples:
    """Unit vectors of training text, float [n, d], and the language of each, by kind of text."""

    by_kind: Mapping[Kind, tuple[NDArray[np.floating[Any]], Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Baked:
    """What was put into a model.

    `cosine` is the mean cosine, over the examples, of the vector that the guessing map gives and the vector that the
    known language gives; `unmoved` that of the vector as it was. None where there were no examples.
    """

    form: str
    strength: float | None
    languages: tuple[str, ...]  # that have a route of their own
    cosine: float | None = None
    unmoved: float | None = None


def bake_debiasing(
    model: "SentenceTransformer",
    form: str,
    *,
    means: Means | None = None,
    directions: Directions | None = None,
    strength: float | None = None,
    examples: Examples | None = None,
) -> Baked:
    """Append a debiasing to a model, in place, and return what was put in.

    Args:
        model: as it was when the means or directions were found; cut its width afterwards.
        form: "lir" with `directions`, or "shift" or "centre" with `means` and a `strength`.
        means: of training text.
        directions: of training text.
        strength: from 0 to 1, such as the dev splits chose.
        examples: of training text, for the map that guesses the language; not for lir.

    Raises:
        UserError: an unknown form, or one that needs the index; a width that is not the model's.
    """
    maps: dict[str, Map]
    if form == LIR and directions is not None:
        by_language = {lang: _without(along) for lang, along in directions.by_language.items()}
        maps = {f"{kind}-{lang}": own for kind in KINDS for lang, own in by_language.items()}
        maps |= dict.fromkeys(KINDS, _without(directions.other))
        baked = Baked(form, None, tuple(sorted(directions.by_language)))
    elif form in TRAINING and means is not None and strength is not None:
        maps, cosines = {}, list[tuple[float, float]]()
        for kind, of_kind in zip(KINDS, (means.queries, means.passages), strict=True):
            moves = {lang: _moving(form, strength, of_kind, lang) for lang in of_kind.by_language}
            maps |= {f"{kind}-{lang}": own for lang, own in moves.items()}
            maps[kind] = _moving(form, strength, of_kind, "")
            if examples is not None:
                maps[kind], found = _guessing(examples.by_kind[kind], moves, maps[kind])
                cosines.append(found)
        near = np.mean(cosines, axis=0).tolist() if cosines else (None, None)
        baked = Baked(form, strength, tuple(sorted(means.queries.by_language)), *near)
    elif form in FORMS:
        needed = "directions" if form == LIR else "means and a strength"
        raise UserError(f"{form} needs {needed}", where="debiasing", how="find them in training text first")
    else:
        raise unknown_name("debiasing that a model can hold", form, FORMS, where="debiasing")
    _append(model, maps)
    return baked


def _without(along: NDArray[np.float32]) -> Map:
    """Return the map that takes directions [r, d] out."""
    width = along.shape[1]
    wide = along.astype(np.float64)
    return np.eye(width) - wide.T @ wide, np.zeros(width)


def _moving(form: str, strength: float, means: LanguageMeans, lang: str) -> Map:
    """Return the map that moves vectors of a language; the common mean stands for a language without one."""
    own = means.of(lang)
    offset = means.overall - own if form == "shift" else -own
    return np.eye(len(own)), strength * offset


def _guessing(
    examples: tuple[NDArray[np.floating[Any]], Sequence[str]], moves: Mapping[str, Map], otherwise: Map
) -> tuple[Map, tuple[float, float]]:
    """Return the one map for all languages that is nearest to the maps of the languages, and its `Baked` cosines.

    Every language weighs the same, however many examples it has.
    """
    vectors, languages = examples[0].astype(np.float64), np.array(examples[1], dtype=np.str_)
    offsets = np.array([moves.get(lang, otherwise)[1] for lang in languages.tolist()])
    _, code, counts = np.unique(languages, return_inverse=True, return_counts=True)
    weights = 1 / counts[code] / len(counts)
    middle, shift = weights @ vectors, weights @ offsets
    inputs, wanted = vectors - middle, offsets - shift
    covariance = (inputs * weights[:, None]).T @ inputs
    covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    slope = np.linalg.solve(covariance, (inputs * weights[:, None]).T @ wanted).T
    weight, bias = np.eye(len(slope)) + slope, shift - slope @ middle
    known, guessed = _unit(vectors + offsets), _unit(vectors @ weight.T + bias)
    near, unmoved = (float(weights @ (known * other).sum(axis=1)) for other in (guessed, _unit(vectors)))
    return (weight, bias), (near, unmoved)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float64).tiny)


def _append(model: "SentenceTransformer", maps: Mapping[str, Map]) -> None:
    """Append a router over the maps and a norm; a text without a task is a document, as the library has it."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Router

    whole, width = model.get_embedding_dimension(), len(next(iter(maps.values()))[1])
    if whole != width:
        what = f"vectors of {whole} dimensions, a debiasing of {width}"
        raise UserError(what, where="debiasing", how="debias the model it was found for, before its width is cut")
    routes: dict[str, list[Any]] = {}
    for name, (weight, bias) in sorted(maps.items()):
        linear = Dense(width, width, bias=bool(bias.any()), activation_function=torch.nn.Identity())
        with torch.no_grad():
            linear.linear.weight.copy_(torch.from_numpy(weight))
            if bias.any():
                linear.linear.bias.copy_(torch.from_numpy(bias))
        routes[name] = [linear]
    if not isinstance(model[-1], Normalize):
        model.append(Normalize())
    model.append(Router(routes, default_route="document").to(model.device))
    model.append(Normalize())
