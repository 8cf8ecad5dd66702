"""One step of training: encode a batch, compute the loss and its gradient of each vector, send it through the encoder.

    engine = Engine(model, tokenized, train, processes, extras, seed=13)
    loss = engine.step(units, batch, number, lr, objective)
    vectors = engine.encode(texts)

The loss is a function of the vectors and gives each a gradient; the encoder's backward pass starts from these. So
several processes can each encode a shard of the batch. With `train.cached` the vectors are computed without storing
activations, then recomputed for the backward pass, one group of texts at a time (GradCache, Gao et al. 2021,
arXiv 2101.06983). Both give the gradients of the plain loss.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.profiler import record_function

from babelmix.batches.objective import Objective
from babelmix.batches.parallel_queries import parallel_queries
from babelmix.batches.sampler import Batch
from babelmix.batches.units import Units
from babelmix.encoder.groups import TOKENS_PER_FORWARD
from babelmix.encoder.packing import forward
from babelmix.encoder.precision import say_once, usable_precision
from babelmix.training.distributed import ProcessGroup
from babelmix.training.losses import BatchRows, batch_loss
from babelmix.training.settings import Train
from babelmix.training.tokenized_pairs import TokenizedPairs

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.encoder.tokenise import Texts

MAX_GRAD_NORM = 1.0  # larger gradients are scaled down to this norm


@dataclass(frozen=True)
class Extras:
    """What some objectives need besides pairs.

    `teacher`: float32 [2, units, d], the teacher's vectors of queries and passages by unit number of the index, zeros
    if it has none. `negatives`: int32 [rows of the index, k], unit numbers of the hard negatives of a row's query in
    its language, filled up with -1.
    """

    teacher: NDArray[np.float32] | None = None
    negatives: NDArray[np.int32] | None = None


class Engine:
    """The encoder and its optimisers: texts to vectors, gradients of vectors to an update of the weights."""

    def __init__(
        self,
        model: "SentenceTransformer",
        tokenized: TokenizedPairs,
        train: Train,
        processes: ProcessGroup,
        extras: Extras,
        *,
        seed: int,
        own_layers: bool = False,
    ) -> None:
        """Prepare `model`, which is changed in place, for training; `seed` is that of dropout.

        `own_layers` keeps the layers of the model's class where they could be fused, to compare with.
        """
        self._model, self._tokenized, self._processes, self._extras = model, tokenized, processes, extras
        self._train, self._seed = train, seed
        self._own_layers = own_layers
        self._bfloat16 = in_bfloat16(train, processes.device)
        self._tokens_per_group = TOKENS_PER_FORWARD[processes.device.type]
        transformer: Any = model[0]
        words: Any = transformer.model.get_input_embeddings()
        words.requires_grad_(not self._train.freeze_word_embeddings)
        words.sparse = not self._train.freeze_word_embeddings  # a batch uses thousands of the table's 250,000 rows
        set_dropout(model, self._train.dropout)
        self._named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
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

    def step(self, units: Units, batch: Batch, number: int, lr: float, objective: Objective) -> float:
        """Take step `number` (from 1) and return the loss, in nats.

        A loss or gradient that is not finite raises FloatingPointError before the weights change.
        """
        self._model.train()
        with record_function("babelmix::texts"):
            texts, rows = self._texts(units, batch, number, objective)
        mine = self._processes.shard([len(text) for text in texts])
        groups = self._encode([texts[row] for row in mine], number, with_gradient=not self._train.cached)
        whole = self._processes.gather(_joined(groups), mine, len(texts)).requires_grad_()
        with record_function("babelmix::loss"):
            loss = batch_loss(whole, rows, self._train)
            _must_be_finite("loss", loss)
            loss.backward()
        gradient: Any = whole.grad
        own_gradient = gradient[torch.from_numpy(mine).to(gradient.device)]
        self._backward(groups, own_gradient, [texts[row] for row in mine], number)
        self._processes.sum_gradients(self.params)
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

    def _texts(
        self, units: Units, batch: Batch, number: int, objective: Objective
    ) -> tuple[list[NDArray[np.int32]], BatchRows]:
        """Return the queries, passages, hard negatives and parallel queries of a batch, and what the loss must know."""
        queries = [int(units.rows[query][unit]) for unit, query, _ in batch.rows]
        passages = [int(units.rows[passage][unit]) for unit, _, passage in batch.rows]
        numbers = [unit for unit, _, _ in batch.rows]
        for row, (_, language, _) in zip(queries, batch.rows, strict=True):
            for unit in () if self._extras.negatives is None else self._extras.negatives[row].tolist():
                if unit >= 0 and units.rows[language][unit] >= 0:
                    passages.append(int(units.rows[language][unit]))
                    numbers.append(unit)
        texts = [self._tokenized.queries[row] for row in queries] + [self._tokenized.passages[row] for row in passages]
        device = self._processes.device
        asked = BatchRows(torch.from_numpy(units.groups[numbers]).to(device))
        if self._extras.teacher is not None:
            alone = number <= round(objective.distil_first * self._train.steps)  # the loss is the distillation alone
            asked = replace(
                asked,
                targets=torch.from_numpy(self._extras.teacher[:, numbers[: len(queries)]]).to(device),
                teacher_weight=objective.teacher_weight,
                distil=objective.distil,
                contrast_weight=0.0 if alone else objective.contrast_weight,
            )
            if alone:
                return texts, asked
        if objective.kl_weight:
            found, languages = parallel_queries(units, batch, seed=self._seed, step=number)
            for row, language in zip(found, languages, strict=True):
                texts.append(self._tokenized.queries[int(units.rows[language][batch.rows[row][0]])])
            parallel = torch.tensor(found, dtype=torch.int64, device=device)
            asked = replace(asked, parallel=parallel, kl_weight=objective.kl_weight)
        return texts, asked

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
        return found | {f"best.{name}": weight for name, weight in kept.items()}

    def restore(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Resume from what `tensors` returned, and return the weights that it kept for the end.

        Raises KeyError or ValueError, and changes nothing, if the tensors are not those of this model.
        """
        parts: dict[str, dict[str, torch.Tensor]] = {"weight": {}, "best": {}}
        moments: dict[str, dict[str, Any]] = {name: {} for name in self._named}
        for full, tensor in tensors.items():
            kind, name = full.split(".", 1)
            key, name = name.split(".", 1) if kind == "moment" else ("", name)
            if tensor.shape not in ((self._named[name].shape, ()) if key else (self._named[name].shape,)):
                raise ValueError(f"{full} of another shape")
            (moments[name] if key else parts[kind])[key or name] = tensor
        if any(part and part.keys() != self._named.keys() for part in (parts["weight"], parts["best"])):
            raise ValueError("weights are missing")
        self.load_weights(parts["weight"])
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
