"""How fast a step could be: its operations over the measured speed of products, its bytes over that of copies.

    meter = Meter(model, rows=2048, bfloat16=True)
    meter.sample()                                     # some times, between the steps that are measured
    meter.floors(work(model, ids, rows=2048, bfloat16=True))      # seconds of a step

Neither floor is a promise. A step that reached the first would do nothing but the layers' products; one that reached
the second would read and write each tensor of a product once, with no help of the caches.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

COPY_BYTES = 2**28  # of one copy: more than any cache holds
# Bytes of AdamW for a weight in float32: it reads weight, gradient and two moments and writes three of them; the
# backward pass writes the gradient.
OPTIMISER_BYTES = 32


@dataclass(frozen=True, slots=True)
class Work:
    """What one step must do: floating-point operations of all products, and bytes read and written."""

    operations: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Floors:
    """The least seconds of a step by operations and by bytes, and the measured speeds (a second) behind them."""

    operations_s: float
    bytes_s: float
    operations_per_s: float
    bytes_per_s: float


def linear_shapes(model: "SentenceTransformer") -> Counter[tuple[int, int]]:
    """Return {(inputs, outputs): number} of the linear maps of the encoder's layers."""
    transformer: Any = model[0]
    return Counter(
        (part.in_features, part.out_features)
        for name, part in transformer.model.named_modules()
        if isinstance(part, torch.nn.Linear) and "pooler" not in name
    )


def work(model: "SentenceTransformer", lengths: Sequence[int], *, rows: int, bfloat16: bool) -> Work:
    """Return the work of one step, forward and backward, on texts of these lengths in tokens.

    Operations: two for each weight and token, three times (forward, gradient of the input, gradient of the weight), and
    the two products of attention within each text, three times. Bytes: inputs and outputs of every product of the
    layers and their gradients, each read or written once; the weights, twice for each group of `rows` tokens; the
    optimiser, for the weights it updates densely.
    """
    transformer: Any = model[0]
    config, tokens, shapes = transformer.model.config, sum(lengths), linear_shapes(model)
    weights = sum(inputs * outputs * number for (inputs, outputs), number in shapes.items())
    attention = 12 * config.num_hidden_layers * config.hidden_size * sum(length**2 for length in lengths)
    size, groups = (2 if bfloat16 else 4), -(-tokens // rows)
    sides = sum((3 * inputs + 2 * outputs) * number for (inputs, outputs), number in shapes.items())
    words = transformer.model.get_input_embeddings().weight
    dense = sum(weight.numel() for weight in model.parameters() if weight.requires_grad and weight is not words)
    moved = size * (tokens * sides + 2 * groups * weights) + OPTIMISER_BYTES * dense
    return Work(6.0 * weights * tokens + attention, float(moved))


class Meter:
    """Measures the speed of the layers' products and of a copy, a sample at a time: a machine's speed drifts."""

    def __init__(self, model: "SentenceTransformer", *, rows: int, bfloat16: bool) -> None:
        """`rows`: tokens that go through the layers together; `bfloat16`: of the products, float32 otherwise."""
        dtype = torch.bfloat16 if bfloat16 else torch.float32
        self._shapes = linear_shapes(model)
        self._products: dict[tuple[int, int], list[tuple[torch.Tensor, torch.Tensor]]] = {}
        for inputs, outputs in self._shapes:
            given, grad = torch.randn(rows, inputs).to(dtype), torch.randn(rows, outputs).to(dtype)
            weight = torch.randn(outputs, inputs).to(dtype)
            self._products[inputs, outputs] = [(given, weight.T), (grad, weight), (grad.T, given)]
        self._rows = rows
        self._seconds: dict[tuple[int, int], list[float]] = {shape: [] for shape in self._shapes}
        self._source, self._target = torch.zeros(COPY_BYTES // 4), torch.zeros(COPY_BYTES // 4)
        self._copies: list[float] = []

    def sample(self) -> None:
        """Time each product, forward and backward, and a copy once, each after a turn that does not count."""
        for shape, products in self._products.items():
            self._seconds[shape].append(sum(_seconds(torch.mm, left, right) for left, right in products))
        self._copies.append(_seconds(self._target.copy_, self._source))

    def floors(self, todo: Work) -> Floors:
        """Return the floors of a step, from the medians of all samples."""
        operations = sum(6.0 * self._rows * i * o * number for (i, o), number in self._shapes.items())
        seconds = sum(median(self._seconds[shape]) * number for shape, number in self._shapes.items())
        rate, copied = operations / seconds, 2 * COPY_BYTES / median(self._copies)
        return Floors(todo.operations / rate, todo.bytes / copied, rate, copied)


def _seconds(call: Any, *arguments: torch.Tensor) -> float:
    call(*arguments)
    started = perf_counter()
    call(*arguments)
    return perf_counter() - started
