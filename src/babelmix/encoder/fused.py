"""The layers of a BERT-like encoder as one function with a gradient of its own, on a CPU.

    layers, reason = fuse(model[0].model, torch.bfloat16)     # one of them is None
    hidden = layers(embedded, starts)                         # bfloat16 [tokens, width]
    vectors = layers.mean(hidden, starts)                     # float32 [texts, width]

It computes what the model's own layers compute: torch multiplies matrices, and the kernels of kernels.py do all that
lies between two products in one pass over its rows. Activations and weights are in one type, bfloat16 or float32, so
nothing is cast from product to product. A model of another class, or with dropout, keeps its own layers.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import LayerNorm, Linear

from babelmix.encoder.kernels import Kernels, load_kernels

# Classes of transformers whose layers are attention, norm, two products with GELU, norm (Vaswani et al. 2017, with the
# norm after the residual).
KINDS = ("BertModel", "RobertaModel", "XLMRobertaModel", "CamembertModel")
LANES = 16  # the kernels read this many numbers at once


@dataclass(frozen=True)
class Layer:
    """One layer: its modules, and their weights in the type of the products. `qkv`: the three of attention in one."""

    projections: tuple[Linear, Linear, Linear]
    mixed: Linear
    first_norm: LayerNorm
    wide: Linear
    narrow: Linear
    second_norm: LayerNorm
    qkv: torch.Tensor
    qkv_bias: torch.Tensor
    mixed_weight: torch.Tensor
    wide_weight: torch.Tensor
    narrow_weight: torch.Tensor

    def parameters(self) -> list[torch.Tensor]:
        """Return the parameters in the order of `_Layers.backward`."""
        modules = (*self.projections, self.mixed, self.first_norm, self.wide, self.narrow, self.second_norm)
        return [part for module in modules for part in (module.weight, module.bias)]


@dataclass(frozen=True)
class Layers:
    """All layers of a model, with the weights that it had when they were fused."""

    kernels: Kernels
    layers: tuple[Layer, ...]
    heads: int
    dtype: torch.dtype

    def __call__(self, hidden: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        """Send `hidden`, float [tokens, width], through the layers; `starts` is int64 [texts + 1], rows of the texts.

        Returns [tokens, width] in the type of the products, with a gradient where gradients are on.
        """
        if not torch.is_grad_enabled():
            return _infer(self, hidden.to(self.dtype), starts)
        parameters = [part for layer in self.layers for part in layer.parameters()]
        found: Any = _Layers.apply(self, starts, hidden.to(self.dtype), *parameters)
        return found

    def mean(self, hidden: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        """Return the mean of each text's rows, float32 [texts, width]: mean pooling without padding."""
        found: Any = _Mean.apply(self.kernels, hidden, starts)
        return found


def fuse(model: Any, dtype: torch.dtype) -> tuple[Layers, None] | tuple[None, str]:
    """Return the layers of a transformers model for products of `dtype`, or None and why the model keeps its own."""
    reason = _unfit(model)
    if reason is not None:
        return None, reason
    kernels = load_kernels()
    if kernels is None:
        return None, "there is no working C++ compiler (c++, g++, clang++ or CXX)"
    layers = tuple(_layer(layer, dtype) for layer in model.encoder.layer)
    return Layers(kernels, layers, model.config.num_attention_heads, dtype), None


def _unfit(model: Any) -> str | None:
    name, config = type(model).__name__, getattr(model, "config", None)
    if name not in KINDS or type(model).__module__.split(".")[0] != "transformers" or config is None:
        return f"{name} is none of {', '.join(KINDS)}"
    if model.device.type != "cpu":
        return f"the model is on a device of type {model.device.type}"
    if config.hidden_act != "gelu" or config.is_decoder:
        return "its activation is not GELU, or it is a decoder"
    if config.hidden_size % (LANES * config.num_attention_heads) or config.intermediate_size % LANES:
        return f"its heads or inner layers are not multiples of {LANES} wide"
    for layer in model.encoder.layer:
        for module in layer.modules():
            if isinstance(module, torch.nn.Dropout) and module.training and module.p:
                return "it trains with dropout"
        for module in _modules(layer):
            if type(module) not in (Linear, LayerNorm) or module.weight.dtype != torch.float32 or module.bias is None:
                return "its layers hold other modules than linear ones and norms in float32"
    return None


def _modules(layer: Any) -> tuple[Any, ...]:
    own, output = layer.attention.self, layer.attention.output
    between = (output.dense, output.LayerNorm, layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm)
    return own.query, own.key, own.value, *between


def _layer(layer: Any, dtype: torch.dtype) -> Layer:
    query, key, value, mixed, first_norm, wide, narrow, second_norm = _modules(layer)
    projections = (query, key, value)
    with torch.no_grad():
        return Layer(
            projections, mixed, first_norm, wide, narrow, second_norm,
            qkv=torch.cat([part.weight.to(dtype) for part in projections]),
            qkv_bias=torch.cat([part.bias for part in projections]),
            mixed_weight=mixed.weight.to(dtype),
            wide_weight=wide.weight.to(dtype),
            narrow_weight=narrow.weight.to(dtype),
        )  # fmt: skip


def _infer(all_layers: Layers, hidden: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """Compute the layers without what a gradient needs; every layer writes into the same memory."""
    kernels, heads = all_layers.kernels, all_layers.heads
    tokens, width = hidden.shape
    scale = (width // heads) ** -0.5
    wider = all_layers.layers[0].wide_weight.shape[0]
    qkv, inner = hidden.new_empty(tokens, 3 * width), hidden.new_empty(tokens, wider)
    context, product, between = (torch.empty_like(hidden) for _ in range(3))
    hidden = hidden.clone()
    for layer in all_layers.layers:
        torch.mm(hidden, layer.qkv.t(), out=qkv)
        kernels.attention(qkv, layer.qkv_bias, context, starts, heads, scale)
        torch.mm(context, layer.mixed_weight.t(), out=product)
        kernels.norm(product, layer.mixed.bias, hidden, layer.first_norm, between)
        torch.mm(between, layer.wide_weight.t(), out=inner)
        kernels.gelu(inner, layer.wide.bias, inner)
        torch.mm(inner, layer.narrow_weight.t(), out=product)
        kernels.norm(product, layer.narrow.bias, between, layer.second_norm, hidden)
    return hidden


class _Layers(torch.autograd.Function):
    """All layers at once, with their gradient: (layers, starts, hidden [tokens, width], parameters...) to hidden."""

    @staticmethod
    def forward(ctx: Any, all_layers: Layers, starts: torch.Tensor, hidden: torch.Tensor, *_: Any) -> torch.Tensor:
        kernels, heads = all_layers.kernels, all_layers.heads
        scale = (hidden.shape[1] // heads) ** -0.5
        kept: list[torch.Tensor] = []
        active: torch.Tensor | None = None  # every layer writes over it: its gradient computes it again
        for layer in all_layers.layers:
            qkv, context = hidden @ layer.qkv.t(), torch.empty_like(hidden)
            kernels.attention(qkv, layer.qkv_bias, context, starts, heads, scale)
            between, first, first_inverse = _norm(
                kernels, context @ layer.mixed_weight.t(), layer.mixed.bias, hidden, layer.first_norm
            )
            inner = between @ layer.wide_weight.t()
            active = torch.empty_like(inner) if active is None else active
            kernels.gelu(inner, layer.wide.bias, active)
            after, second, second_inverse = _norm(
                kernels, active @ layer.narrow_weight.t(), layer.narrow.bias, between, layer.second_norm
            )
            kept += [hidden, qkv, context, first, first_inverse, between, inner, second, second_inverse]
            hidden = after
        ctx.save_for_backward(starts, *kept)
        ctx.layers = all_layers
        return hidden

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        all_layers: Layers = ctx.layers
        starts, *kept = ctx.saved_tensors
        kernels, heads = all_layers.kernels, all_layers.heads
        gradient: tuple[torch.Tensor, torch.Tensor | None] = (gradients[0].contiguous(), None)
        scale = (gradient[0].shape[1] // heads) ** -0.5
        found: list[torch.Tensor | None] = []
        active: torch.Tensor | None = None
        for number in reversed(range(len(all_layers.layers))):
            layer = all_layers.layers[number]
            hidden, qkv, context, first, first_inverse, between, inner, second, second_inverse = kept[
                9 * number : 9 * number + 9
            ]
            # The product for a weight follows what it reads, while the caches still hold that.
            down, second_sums = _norm_gradient(kernels, gradient, second, second_inverse, layer.second_norm)
            wide, wide_bias = down @ layer.narrow_weight, torch.zeros_like(layer.wide.bias)
            active = torch.empty_like(inner) if active is None else active
            kernels.gelu_gradient(inner, layer.wide.bias, wide, wide, active, wide_bias)
            narrow_weight, wide_weight = (down.t() @ active).float(), (wide.t() @ between).float()
            mixed, first_sums = _norm_gradient(
                kernels, (down, wide @ layer.wide_weight), first, first_inverse, layer.first_norm
            )
            mixed_weight = (mixed.t() @ context).float()
            projections, qkv_bias = torch.empty_like(qkv), torch.zeros_like(layer.qkv_bias)
            kernels.attention_gradient(
                qkv, layer.qkv_bias, mixed @ layer.mixed_weight, projections, starts, heads, scale
            )
            kernels.add_rows(projections, qkv_bias)
            parts = zip((projections.t() @ hidden).float().chunk(3), qkv_bias.chunk(3), strict=True)
            found[:0] = [part for pair in parts for part in pair]
            found[6:6] = [mixed_weight, *first_sums, wide_weight, wide_bias, narrow_weight, *second_sums]
            if number or ctx.needs_input_grad[2]:
                gradient = (mixed, projections @ layer.qkv)
        before = gradient[0] + gradient[1] if ctx.needs_input_grad[2] and gradient[1] is not None else None
        wanted = ctx.needs_input_grad[3:]
        return None, None, before, *(part if want else None for part, want in zip(found, wanted, strict=True))


class _Mean(torch.autograd.Function):
    """The mean of each text's rows, with its gradient: (kernels, hidden [tokens, width], starts) to [texts, width]."""

    @staticmethod
    def forward(ctx: Any, kernels: Kernels, hidden: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(starts)
        ctx.like = hidden.new_empty(0, hidden.shape[1])
        ctx.tokens = len(hidden)
        out = torch.empty(len(starts) - 1, hidden.shape[1])
        kernels.mean(hidden, out, starts)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        (starts,) = ctx.saved_tensors
        lengths = starts.diff()
        each = (gradients[0] / lengths[:, None]).to(ctx.like.dtype).repeat_interleave(lengths, dim=0)
        rest = each.new_zeros(ctx.tokens - len(each), each.shape[1])
        return None, torch.cat([each, rest]), None


def _norm(
    kernels: Kernels, x: torch.Tensor, bias: torch.Tensor, residual: torch.Tensor, norm: LayerNorm
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the norm of x + bias + residual, and the two things that its gradient needs; overwrites `x`."""
    out, inverse = torch.empty_like(x), torch.empty(len(x))
    kernels.norm(x, bias, residual, norm, out, x, inverse)
    return out, x, inverse


def _norm_gradient(
    kernels: Kernels,
    gradient: tuple[torch.Tensor, torch.Tensor | None],
    normalised: torch.Tensor,
    inverse: torch.Tensor,
    norm: LayerNorm,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradient of the norm's input, and [3, width], those of its bias, gain and shift."""
    to, sums = torch.empty_like(normalised), torch.zeros(3, normalised.shape[1])
    kernels.norm_gradient(gradient, normalised, inverse, norm.weight, to, sums)
    return to, sums
