"""Which part of a training step an event of torch's profiler belongs to: the tables, and the rule that reads them.

    times = StepTimes()
    times.add(lambda: engine.step(...), planned_s=0.001)      # a step without the profiler, and again with it
    times.parts()                                             # {part: milliseconds a step}

An event is an operator or a scope (`torch.profiler.record_function`) with the time spent in itself, not in the events
below it. The backward pass of an operator belongs to the part of its forward pass: both have one sequence number.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from torch.autograd.profiler import profile

PRODUCTS = "matrix products of the layers"
ATTENTION = "attention"
NORMS = "norms, activations, residuals"
CASTS = "casts, copies, fills"
EMBEDDINGS = "embeddings"
LOSS = "pooling and loss"
OPTIMISER = "gradients and optimiser"
DATA = "batches and token ids"
OTHER = "other operators"
PYTHON = "Python, dispatch, allocation"
PARTS = (PRODUCTS, ATTENTION, NORMS, CASTS, EMBEDDINGS, LOSS, OPTIMISER, DATA, OTHER, PYTHON)

# Scopes that own everything below them; so do those of torch's optimisers, which begin with "Optimizer.".
WHOLE = {
    "babelmix::texts": DATA,
    "babelmix::layout": DATA,
    "babelmix::pooling": LOSS,
    "babelmix::mean": LOSS,
    "_Mean": LOSS,
    "babelmix::loss": LOSS,
    "babelmix::clip": OPTIMISER,
}
# Scopes, our autograd functions and our kernels: they own what is below them, but for the operators of OPERATORS.
SCOPES = {
    "babelmix::add_rows": PRODUCTS,  # the gradient of a bias
    "babelmix::attention": ATTENTION,
    "babelmix::attention_gradient": ATTENTION,
    "babelmix::norm": NORMS,
    "babelmix::norm_gradient": NORMS,
    "babelmix::gelu": NORMS,
    "babelmix::gelu_gradient": NORMS,
    "_Pad": ATTENTION,
    "_Unpad": ATTENTION,
    "torch::autograd::AccumulateGrad": OPTIMISER,
}
# Operators that mean one thing wherever they are, outside the scopes of WHOLE.
OPERATORS = {
    **dict.fromkeys(("aten::addmm", "aten::mm", "mkldnn::_linear_pointwise"), PRODUCTS),
    **dict.fromkeys(
        (
            "aten::bmm", "aten::baddbmm", "aten::_softmax", "aten::_softmax_backward_data",
            "aten::_scaled_dot_product_flash_attention_for_cpu",
            "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
        ),
        ATTENTION,
    ),
    **dict.fromkeys(
        (
            "aten::native_layer_norm", "aten::native_layer_norm_backward", "aten::gelu", "aten::gelu_backward",
            "aten::tanh", "aten::tanh_backward", "aten::silu", "aten::silu_backward",
        ),
        NORMS,
    ),
    **dict.fromkeys(
        (
            "aten::copy_", "aten::_to_copy", "aten::to", "aten::clone", "aten::contiguous", "aten::cat", "aten::fill_",
            "aten::zero_",
        ),
        CASTS,
    ),
    **dict.fromkeys(
        (
            "aten::embedding", "aten::embedding_backward", "aten::embedding_dense_backward",
            "aten::embedding_sparse_backward", "aten::coalesce", "aten::_coalesce",
        ),
        EMBEDDINGS,
    ),
}  # fmt: skip
# What computes nothing itself: it makes a tensor or another view of one, or calls what computes.
STRUCTURE = {"_Layers", "_LayersBackward"} | {
    f"aten::{name}"
    for name in (
        "linear", "matmul", "layer_norm", "softmax", "t", "transpose", "numpy_T", "permute", "expand", "expand_as",
        "view", "_unsafe_view", "reshape", "_reshape_alias", "flatten", "unflatten", "squeeze", "unsqueeze", "slice",
        "select", "narrow", "split", "chunk", "as_strided", "alias", "detach", "resolve_conj", "resolve_neg", "empty",
        "empty_like", "empty_strided", "resize_", "new_empty", "lift_fresh", "result_type", "is_nonzero", "item",
        "_local_scalar_dense", "dropout", "new_zeros", "zeros", "view_as",
    )
}  # fmt: skip
# Element by element: of the layers, where no scope says otherwise.
PLAIN = frozenset(
    f"aten::{name}" for name in ("add", "add_", "mul", "mul_", "sub", "div", "div_", "sum", "pow", "rsqrt", "mean")
)
BACKWARD = "autograd::engine::evaluate_function: "


class StepTimes:
    """Times steps in pairs, without and with torch's profiler, and divides the time of the second among the parts.

    `plain`, `profiled`: seconds of each step.
    """

    def __init__(self) -> None:
        self.plain: list[float] = []
        self.profiled: list[float] = []
        self._parts: defaultdict[str, float] = defaultdict(float)
        self._unknown: defaultdict[str, float] = defaultdict(float)

    def add(self, step: Callable[[], object], *, planned_s: float) -> None:
        """Take one step twice; `planned_s`: the seconds in which its batch was planned, which count for both."""
        started = perf_counter()
        step()
        self.plain.append(planned_s + perf_counter() - started)
        recorded: Any = profile()
        with recorded:
            started = perf_counter()
            step()
            self.profiled.append(planned_s + perf_counter() - started)
        parts, unknown = self_times(recorded.function_events or ())
        parts[DATA] += 1000 * planned_s
        parts[PYTHON] += 1000 * self.profiled[-1] - sum(parts.values())  # between the operators
        for total, found in ((self._parts, parts), (self._unknown, unknown)):
            for name, value in found.items():
                total[name] += value

    def parts(self) -> dict[str, float]:
        """Return {part: milliseconds a step} under the profiler; they sum up to the mean step."""
        return {name: value / len(self.profiled) for name, value in self._parts.items()}

    def unknown(self) -> dict[str, float]:
        """Return {operator: milliseconds a step} of the part `OTHER`: what is in no table."""
        return {name: value / len(self.profiled) for name, value in self._unknown.items()}


def self_times(events: Iterable[Any]) -> tuple[defaultdict[str, float], defaultdict[str, float]]:
    """Return {part: milliseconds of its events}, and {name: milliseconds} of the events in no table.

    `events`: all of one thread, as torch.profiler gives them; the thread's time outside of them is in neither result.
    """
    listed = list(events)
    forward: dict[int, Any] = {}
    for event in sorted(listed, key=lambda event: event.time_range.start):
        if event.sequence_nr >= 0 and event.scope == 0 and not event.name.startswith("autograd::"):
            forward[event.sequence_nr] = event  # the last one made the node: the others only saw the number
    parts: defaultdict[str, float] = defaultdict(float)
    unknown: defaultdict[str, float] = defaultdict(float)
    for event in listed:
        milliseconds = event.self_cpu_time_total / 1000
        part = part_of(lineage(event, forward))
        parts[part] += milliseconds
        if part == OTHER:
            unknown[event.name] += milliseconds
    return parts, unknown


def lineage(event: Any, forward: dict[int, Any]) -> list[str]:
    """Return the names of an event and of all events around it, innermost first.

    For an event of the backward pass, those of the forward pass follow; `forward`: sequence number -> event.
    """
    names: list[str] = []
    while event is not None:
        names.append(event.name)
        outer = event.cpu_parent
        if outer is None and event.name.startswith(BACKWARD):
            outer = forward.get(event.sequence_nr)
        event = outer
    return names


def part_of(names: list[str]) -> str:
    """Return the part of the event with this lineage, see `lineage`."""
    name = names[0]
    for outer in names:
        if outer in WHOLE or outer.startswith("Optimizer."):
            return WHOLE.get(outer, OPTIMISER)
    if name in OPERATORS:
        return OPERATORS[name]
    if name in STRUCTURE or name.startswith("autograd::") or name.endswith(("Backward0", "Backward1")):
        return PYTHON
    for table in (SCOPES, OPERATORS):
        for outer in names:
            if outer in table:
                return table[outer]
    return NORMS if name in PLAIN else OTHER
