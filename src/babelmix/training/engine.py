"""Train an encoder by a loss of its vectors: texts to vectors, gradients of vectors to an update of the weights.

    engine = EncoderEngine(model, train, processes, seed=13)
    loss = engine.update(texts, number, lr, lambda vectors: info_nce(vectors[:32], vectors[32:], 0.05))
    vectors = engine.encode(texts)

The loss is a function of the vectors and gives each a gradient; the encoder's backward pass starts from these. So
several processes can each encode a shard of the batch. With `train.cached` the vectors are computed without storing
activations, then recomputed for the backward pass, one group of texts at a time (GradCache, Gao et al. 2021,
arXiv 2101.06983). Both give the gradients of the plain loss.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.profiler import record_function

from babelmix.encoder.groups import TOKENS_PER_FORWARD
from babelmix.encoder.packing import forward
from babelmix.encoder.precision import say_once, usable_precision
from babelmix.training.distributed import ProcessGroup
from babelmix.training.settings import Train

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.encoder.tokenise import Texts

MAX_GRAD_NORM = 1.0  # larger gradients are scaled down to this norm


class EncoderEngine:
    """The encoder and its optimisers; also modules of the loss that are trained beside it."""

    def __init__(
        self,
        model: "SentenceTransformer",
        train: Train,
        processes: ProcessGroup,
        *,
        seed: int,
        own_layers: bool = False,
        beside: torch.nn.Module | None = None,
    ) -> None:
        """Prepare `model`, which is changed in place, for training; `seed` is that of dropout.

        `own_layers` keeps the layers of the model's class where they could be fused, to compare with. `beside`: what
        the loss computes with, equal in all processes; its weights are trained too, and no part of `model`.
        """
        self._model, self._processes, self._train, self._seed = model, processes, train, seed
        self._own_layers = own_layers
        self._bfloat16 = in_bfloat16(train, processes.device)
        self._tokens_per_group = TOKENS_PER_FORWARD[processes.device.type]
        transformer: Any = model[0]
        words: Any = transformer.model.get_input_embeddings()
        words.requires_grad_(not self._train.freeze_word_embeddings)
        words.sparse = not self._train.freeze_word_embeddings  # a batch uses thousands of the table's 250,000 rows
        set_dropout(model, self._train.dropout)
        self._named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._of_encoder = list(self._named.values())
        self._buffers: dict[str, torch.Tensor] = {}
        if beside is not None:
            beside.to(processes.device)
            self._named |= {f"beside.{name}": weight for name, weight in beside.named_parameters()}
            self._buffers = {f"beside.{name}": value for name, value in beside.named_buffers()}
        self.params = list(self._named.values())
        dense = [weight for weight in self.params if weight is not words.weight]
        groups = [
            {"params": [weight for weight in dense if weight.ndim > 1], "weight_decay": self._train.weight_decay},
            {"params": [weight for weight in dense if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        fused = processes.device.type in ("cpu", "cuda")
        self._optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, fused=fused)]
        if words.weight.requires_grad:
            self._optimisers.append(torch.optim.SparseAdam([words.weight]))

    def update(self, texts: "Texts", number: int, lr: float, loss_of: Callable[[torch.Tensor], torch.Tensor]) -> float:
        """Take step `number` (from 1) and return the loss.

        `loss_of` gets the vectors of the texts, float32 [texts, d]. A loss or gradient that is not finite raises
        FloatingPointError before the weights change.
        """
        self._model.train()
        mine = self._processes.shard([len(text) for text in texts])
        groups = self._encode([texts[row] for row in mine], number, with_gradient=not self._train.cached)
        whole = self._processes.gather(_joined(groups), mine, len(texts)).requires_grad_()
        with record_function("babelmix::loss"):
            loss = loss_of(whole)
            _must_be_finite("loss", loss)
            loss.backward()
        gradient: Any = whole.grad
        own_gradient = gradient[torch.from_numpy(mine).to(gradient.device)]
        self._backward(groups, own_gradient, [texts[row] for row in mine], number)
        self._processes.sum_gradients(self._of_encoder)  # every process has the whole gradient of what is beside it
        with record_function("babelmix::clip"):
            _must_be_finite("gradient", _clip_grad_norm(self.params))
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = lr
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return loss.item()

    def encode(self, texts: "Texts") -> NDArray[np.float32]:
        """Return the vectors of token ids, float32 [texts, d], in every process; the weights stay as they are."""
        self._model.eval()
        mine = self._processes.shard([len(text) for text in texts])
        with torch.inference_mode():
            groups = self._encode([texts[row] for row in mine], 0, with_gradient=False)
            return self._processes.gather(_joined(groups), mine, len(texts)).cpu().numpy()

    def _encode(self, texts: "Texts", number: int, *, with_gradient: bool) -> list[tuple[list[int], torch.Tensor]]:
        """Return (rows, vectors) of each group of texts; activations are stored if `with_gradient`."""
        with torch.set_grad_enabled(with_gradient):
            return list(self._groups(texts, number))

    def _backward(
        self, groups: list[tuple[list[int], torch.Tensor]], gradient: torch.Tensor, texts: "Texts", number: int
    ) -> None:
        """Send the gradient of each vector back through the encoder; with `train.cached`, encode each group again."""
        if not self._train.cached:
            vectors_of_groups = [vectors for _, vectors in groups]
            torch.autograd.backward(vectors_of_groups, [gradient[rows].to(part.dtype) for rows, part in groups])
            return
        for rows, vectors in self._groups(texts, number):
            with torch.autocast(self._processes.device.type, enabled=False):
                vectors.backward(gradient[rows].to(vectors.dtype))

    def _groups(self, texts: "Texts", number: int) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yield (rows, vectors) of each group of texts; the groups and their dropout are the same each time."""
        with self._autocast():
            self._seed_dropout(number, 0)
            groups = forward(self._model, texts, tokens_per_batch=self._tokens_per_group, own_layers=self._own_layers)
            for at, found in enumerate(groups, start=1):
                yield found
                self._seed_dropout(number, at)

    def _seed_dropout(self, number: int, group: int) -> None:
        """Seed dropout from (seed, step, rank, group): a recomputed group and a resumed training drop the same."""
        if self._train.dropout:
            text = f"{self._seed} {number} {self._processes.rank} {group}"
            torch.manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]))

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._processes.device.type, torch.bfloat16, enabled=self._bfloat16)

    @property
    def named(self) -> Mapping[str, torch.nn.Parameter]:
        """The trained weights themselves, by name."""
        return self._named

    def copy_weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of the trained weights, on the CPU."""
        return {name: weight.detach().cpu().clone() for name, weight in self._named.items()}

    def load_weights(self, weights: dict[str, torch.Tensor]) -> None:
        """Set the trained weights to what `copy_weights` returned."""
        with torch.no_grad():
            for name, weight in self._named.items():
                weight.copy_(weights[name])

    def tensors(self, kept: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return what resuming needs: the trained weights, the optimisers' moments, and the weights `kept` for the end.

        `kept`: the best weights so far, or the running mean.
        """
        found = {f"weight.{name}": weight.detach() for name, weight in self._named.items()}
        for name, weight in self._named.items():
            for optimiser in self._optimisers:
                for key, value in optimiser.state.get(weight, {}).items():
                    found[f"moment.{key}.{name}"] = torch.as_tensor(value)
        found |= {f"buffer.{name}": value.detach() for name, value in self._buffers.items()}
        return found | {f"best.{name}": weight for name, weight in kept.items()}

    def restore(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Resume from what `tensors` returned, and return the weights that it kept for the end.

        Raises KeyError or ValueError, and changes nothing, if the tensors are not those of this model.
        """
        parts: dict[str, dict[str, torch.Tensor]] = {"weight": {}, "best": {}, "buffer": {}}
        known = {**self._named, **self._buffers}
        moments: dict[str, dict[str, Any]] = {name: {} for name in self._named}
        for full, tensor in tensors.items():
            kind, name = full.split(".", 1)
            key, name = name.split(".", 1) if kind == "moment" else ("", name)
            if tensor.shape not in ((known[name].shape, ()) if key else (known[name].shape,)):
                raise ValueError(f"{full} of another shape")
            (moments[name] if key else parts[kind])[key or name] = tensor
        if any(part and part.keys() != self._named.keys() for part in (parts["weight"], parts["best"])):
            raise ValueError("weights are missing")
        if parts["buffer"].keys() != self._buffers.keys():
            raise ValueError("buffers are missing")
        self.load_weights(parts["weight"])
        for name, value in self._buffers.items():
            value.copy_(parts["buffer"][name])
        names = {weight: name for name, weight in self._named.items()}
        for optimiser in self._optimisers:
            for weight in (weight for group in optimiser.param_groups for weight in group["params"]):
                state = {key: tensor.to(self._processes.device) for key, tensor in moments[names[weight]].items()}
                if isinstance(optimiser, torch.optim.SparseAdam) and state:
                    state["step"] = int(state["step"])
                optimiser.state[weight] = state
        return parts["best"]


def in_bfloat16(train: Train, device: torch.device) -> bool:
    """Return whether a training computes in bfloat16; a device without it gets float32, and a line says so once."""
    precision, note = usable_precision("bfloat16" if train.bfloat16 else "float32", device)
    if note:
        say_once(note)
    return precision == "bfloat16"


def set_dropout(model: "SentenceTransformer", dropout: float) -> None:
    """Set the probability of every dropout of a model, also of attention, which some classes keep as a plain float."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
        if isinstance(getattr(module, "attention_dropout", None), float | int):
            plain: Any = module
            plain.attention_dropout = dropout


def _joined(groups: list[tuple[list[int], torch.Tensor]]) -> torch.Tensor:
    """Return the vectors of all groups, detached, float32 in the order of the texts."""
    order = torch.tensor([row for rows, _ in groups for row in rows])
    vectors = torch.cat([vectors.detach().float() for _, vectors in groups])
    return vectors[torch.argsort(order).to(vectors.device)]


def _clip_grad_norm(params: list[torch.nn.Parameter]) -> torch.Tensor:
    """Scale the gradients down to MAX_GRAD_NORM and return their norm; torch's own refuses sparse gradients."""
    values: list[torch.Tensor] = []
    for weight in params:
        if weight.grad is not None and weight.grad.is_sparse:
            weight.grad = weight.grad.coalesce()
            values.append(weight.grad.values())
        elif weight.grad is not None:
            values.append(weight.grad)
    norm = torch.nn.utils.get_total_norm(values)
    scale = torch.clamp(MAX_GRAD_NORM / (norm + 1e-6), max=1.0)
    for value in values:
        value.mul_(scale)
    return norm


def _must_be_finite(what: str, value: torch.Tensor) -> None:
    if not torch.isfinite(value):
        raise FloatingPointError(f"{what} is {value.item()}")
