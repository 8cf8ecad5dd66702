"""Which products of an encoder must stay in float32, so that 8 bits do not move its vectors too far.

    kept = choose_float32(build, exact, lambda: most_sensitive(model, encode), products=36)
    kept.number, kept.error                 # 4 products of the layers in float32; 0.003

The error of a form is the root mean square of what it changes in the cosines between texts: that is what decides a
ranking. The texts are others than those that a form is measured on. Where all products in 8 bits are too far off, each
is rounded alone, in torch, to find those to blame; then 1, 2, 4, 8, ... of the worst stay in float32.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
BOUND = 0.004  # the largest error that is accepted
WEIGHT_LEVELS, INPUT_LEVELS = 63, 255  # of 7 and 8 bits


@dataclass(frozen=True, slots=True)
class InFloat32:
    """The products that stay in float32, by their place in the layers, and the error that is left."""

    places: tuple[int, ...]
    error: float

    @property
    def number(self) -> int:
        """How many products stay."""
        return len(self.places)


def choose_float32(
    build: Callable[[Sequence[int]], Vectors],
    exact: Vectors,
    order_of: Callable[[], Sequence[int]],
    *,
    products: int,
    bound: float = BOUND,
) -> InFloat32:
    """Return the fewest of the worst products, of 0, 1, 2, 4, ..., with which a form is near enough to float32.

    Args:
        build: makes the form with the products at these places in float32; returns its vectors of the texts, [n, d].
        exact: the vectors of the texts in float32, [n, d].
        order_of: all places, the worst first; called only where it is needed.
        products: how many there are. With all of them in float32 the error is accepted as it is.
        bound: on `cosine_error`.

    >>> line = np.eye(2, dtype=np.float32)
    >>> choose_float32(lambda places: line, line, lambda: [0], products=1)
    InFloat32(places=(), error=0.0)
    """
    number, order = 0, list[int]()
    while True:
        places = tuple(sorted(order[:number]))
        error = cosine_error(build(places), exact)
        if error <= bound or number >= products:
            return InFloat32(places, error)
        order = order or list(order_of())
        number = min(products, 2 * number or 1)


def cosine_error(one: Vectors, other: Vectors) -> float:
    """Return the root mean square difference of the cosines between texts, [n, d] each, of two unequal texts."""
    difference = one @ one.T - other @ other.T
    np.fill_diagonal(difference, 0)
    pairs = max(1, difference.size - len(difference))
    return float(np.sqrt((difference.astype(np.float64) ** 2).sum() / pairs))


def most_sensitive(model: "SentenceTransformer", encode: Callable[[], Vectors]) -> list[int]:
    """Return the places of the model's linear layers in the order of computation, the most harmed by 8 bits first.

    `encode` runs the model on some texts and returns their vectors. Each layer is rounded alone, and restored.
    """
    layers = linears_of(model, encode)
    exact = encode()
    harm: list[float] = []
    for layer in layers:
        with _rounded(layer):
            harm.append(cosine_error(encode(), exact))
    return sorted(range(len(layers)), key=lambda place: -harm[place])


def linears_of(model: "SentenceTransformer", encode: Callable[[], Any]) -> list[torch.nn.Linear]:
    """Return the linear layers of the model's transformer in the order in which they are computed."""
    found: list[torch.nn.Linear] = []
    inner: Any = model[0]

    def note(layer: Any, _: Any) -> None:
        if layer not in found:
            found.append(layer)

    linears = (part for part in inner.modules() if isinstance(part, torch.nn.Linear))
    hooks = [part.register_forward_pre_hook(note) for part in linears]
    try:
        encode()
    finally:
        for hook in hooks:
            hook.remove()
    return found


@contextmanager
def _rounded(layer: torch.nn.Linear) -> Generator[None]:
    """Compute a layer in 8 bits within the block: weights with a scale for each output, inputs with one for a batch."""
    weight = layer.weight.data
    scale = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-30) / WEIGHT_LEVELS
    layer.weight.data = (weight / scale).round() * scale
    hook = layer.register_forward_pre_hook(lambda _, given: (_rounded_inputs(given[0]), *given[1:]))
    try:
        yield
    finally:
        hook.remove()
        layer.weight.data = weight


def _rounded_inputs(inputs: torch.Tensor) -> torch.Tensor:
    low, high = inputs.amin().clamp(max=0), inputs.amax().clamp(min=0)
    scale = ((high - low) / INPUT_LEVELS).clamp_min(1e-30)
    return (inputs / scale).round() * scale
