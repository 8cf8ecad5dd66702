"""One step of training: texts of a batch to vectors, the loss's gradient of each vector back through the encoder.

    engine = Engine(model, corpus, train_settings, team, extras, seed=13)
    loss = engine.step(units, batch, number, rate, objective)
    vectors = engine.encode(texts)

The loss sees vectors alone and gives each a gradient; only then does the encoder see it. So a batch may be spread over
processes, each of which encodes its share; and where `train.cached` is set, over time: the vectors are made without
keeping what the way back needs, and made again, a group of texts after another (GradCache, Gao et al. 2021,
arXiv 2101.06983). Both give the gradients of the plain loss.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from babelmix.batches.objective import Objective
from babelmix.batches.sampler import Batch
from babelmix.batches.units import Units
from babelmix.encoder.packing import TOKENS_PER_FORWARD, forward
from babelmix.training.distributed import Team
from babelmix.training.losses import BatchRows, batch_loss
from babelmix.training.settings import Train
from babelmix.training.tokenized_pairs import Corpus

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.encoder.packing import Texts

LONGEST_GRADIENT = 1.0  # the norm that gradients are cut to


@dataclass(frozen=True)
class Extras:
    """What some objectives need besides pairs.

    `teacher`: float32 [2, units, d], the teacher's vectors of queries and passages by unit number of the corpus, zeros
    where it has none. `negatives`: int32 [rows of the corpus, k], unit numbers of the hard negatives of a row's query
    in its language, -1 where there are fewer.
    """

    teacher: NDArray[np.float32] | None = None
    negatives: NDArray[np.int32] | None = None


class Engine:
    """The encoder under training: texts to vectors, gradients of vectors to a step of the optimiser."""

    def __init__(
        self,
        model: "SentenceTransformer",
        corpus: Corpus,
        train: Train,
        team: Team,
        extras: Extras,
        *,
        seed: int,
    ) -> None:
        self._model, self._corpus, self._team, self._extras = model, corpus, team, extras
        self._recipe, self._seed = train, seed
        self._tokens = TOKENS_PER_FORWARD[team.device.type]
        transformer: Any = model[0]
        words: Any = transformer.model.get_input_embeddings()
        words.requires_grad_(not self._recipe.freeze_word_embeddings)
        words.sparse = not self._recipe.freeze_word_embeddings  # a batch has thousands of the table's 250,000 rows
        set_dropout(model, self._recipe.dropout)
        self._named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.params = list(self._named.values())
        dense = [weight for weight in self.params if weight is not words.weight]
        groups = [
            {"params": [weight for weight in dense if weight.ndim > 1], "weight_decay": self._recipe.weight_decay},
            {"params": [weight for weight in dense if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        fused = team.device.type in ("cpu", "cuda")
        self._optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, fused=fused)]
        if words.weight.requires_grad:
            self._optimisers.append(torch.optim.SparseAdam([words.weight]))

    def step(self, units: Units, batch: Batch, number: int, rate: float, objective: Objective) -> float:
        """Take one step and return the loss; a loss or gradient that is no number raises FloatingPointError before."""
        self._model.train()
        texts, rows = self._texts(units, batch, objective)
        mine = self._team.share([len(text) for text in texts])
        groups = self._encode([texts[row] for row in mine], number, keep=not self._recipe.cached)
        whole = self._team.gather(_joined(groups), mine, len(texts)).requires_grad_()
        loss = batch_loss(whole, rows, self._recipe)
        _must_be_finite("loss", loss)
        loss.backward()
        gradient: Any = whole.grad
        self._back(groups, gradient[torch.from_numpy(mine).to(gradient.device)], [texts[row] for row in mine], number)
        self._team.sum_gradients(self.params)
        _must_be_finite("gradient", _shorten(self.params))
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return loss.item()

    def encode(self, texts: "Texts") -> NDArray[np.float32]:
        """Return the vectors of token ids, float32 [texts, d], in every process; nothing is learned."""
        self._model.eval()
        mine = self._team.share([len(text) for text in texts])
        with torch.inference_mode():
            groups = self._encode([texts[row] for row in mine], 0, keep=False)
            return self._team.gather(_joined(groups), mine, len(texts)).cpu().numpy()

    def _texts(self, units: Units, batch: Batch, objective: Objective) -> tuple[list[NDArray[np.int32]], BatchRows]:
        """The texts of a batch, queries, passages and hard negatives, and what the loss must know of them."""
        queries = [int(units.rows[query][unit]) for unit, query, _ in batch.rows]
        passages = [int(units.rows[passage][unit]) for unit, _, passage in batch.rows]
        numbers = [unit for unit, _, _ in batch.rows]
        for row, (_, language, _) in zip(queries, batch.rows, strict=True):
            for unit in () if self._extras.negatives is None else self._extras.negatives[row].tolist():
                if unit >= 0 and units.rows[language][unit] >= 0:
                    passages.append(int(units.rows[language][unit]))
                    numbers.append(unit)
        texts = [self._corpus.queries[row] for row in queries] + [self._corpus.passages[row] for row in passages]
        targets = None
        if self._extras.teacher is not None:
            targets = torch.from_numpy(self._extras.teacher[:, numbers[: len(queries)]]).to(self._team.device)
        groups = torch.from_numpy(units.groups[numbers]).to(self._team.device)
        return texts, BatchRows(groups, targets, objective.teacher_weight)

    def _encode(self, texts: "Texts", number: int, *, keep: bool) -> list[tuple[list[int], torch.Tensor]]:
        """Vectors by group, with what the way back needs where `keep` says so."""
        found: list[tuple[list[int], torch.Tensor]] = []
        with torch.set_grad_enabled(keep), self._autocast():
            groups = forward(self._model, texts, tokens_per_batch=self._tokens)
            self._sow(number, 0)
            for rows, vectors in groups:
                found.append((rows, vectors))
                self._sow(number, len(found))
        return found

    def _back(
        self, groups: list[tuple[list[int], torch.Tensor]], gradient: torch.Tensor, texts: "Texts", number: int
    ) -> None:
        """Send the gradient of each vector back through the encoder, which makes the vectors again where it must."""
        if not self._recipe.cached:
            kept = [vectors for _, vectors in groups]
            torch.autograd.backward(kept, [gradient[rows].to(vectors.dtype) for rows, vectors in groups])
            return
        for at, (rows, _) in enumerate(groups):
            self._sow(number, at)
            with self._autocast():
                ((again, vectors),) = forward(self._model, [texts[row] for row in rows], tokens_per_batch=2**62)
            vectors.backward(gradient[[rows[row] for row in again]].to(vectors.dtype))

    def _sow(self, number: int, group: int) -> None:
        """Seed the generators for one group of one step: a step can be done again, or first, and drops the same."""
        if self._recipe.dropout:
            text = f"{self._seed} {number} {self._team.rank} {group}"
            torch.manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]))

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._team.device.type, torch.bfloat16, enabled=self._recipe.bfloat16)

    def copy_weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of the trained weights."""
        return {name: weight.detach().cpu().clone() for name, weight in self._named.items()}

    def load_weights(self, weights: dict[str, torch.Tensor]) -> None:
        """Put trained weights back."""
        with torch.no_grad():
            for name, weight in self._named.items():
                weight.copy_(weights[name])

    def tensors(self, best: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return all that a later process needs to go on: weights, moments, and the best look's weights."""
        found = {f"weight.{name}": weight.detach() for name, weight in self._named.items()}
        for name, weight in self._named.items():
            for optimiser in self._optimisers:
                for key, value in optimiser.state.get(weight, {}).items():
                    found[f"moment.{key}.{name}"] = torch.as_tensor(value)
        return found | {f"best.{name}": weight for name, weight in best.items()}

    def restore(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Take over what `tensors` returned, and return the best look's weights.

        Raises KeyError or ValueError, and changes nothing, where the tensors are not those of this model.
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
                state = {key: tensor.to(self._team.device) for key, tensor in moments[names[weight]].items()}
                if isinstance(optimiser, torch.optim.SparseAdam) and state:
                    state["step"] = int(state["step"])
                optimiser.state[weight] = state
        return parts["best"]


def set_dropout(model: "SentenceTransformer", dropout: float) -> None:
    """Set the probability of every dropout of a model, also where a class keeps attention's as a plain number."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
        if isinstance(getattr(module, "attention_dropout", None), float | int):
            plain: Any = module
            plain.attention_dropout = dropout


def _joined(groups: list[tuple[list[int], torch.Tensor]]) -> torch.Tensor:
    """The vectors of all groups, detached, in the order of the texts."""
    order = torch.tensor([row for rows, _ in groups for row in rows])
    vectors = torch.cat([vectors.detach().float() for _, vectors in groups])
    return vectors[torch.argsort(order).to(vectors.device)]


def _shorten(params: list[torch.nn.Parameter]) -> torch.Tensor:
    """Cut the gradients to a norm of one; return what it was. `clip_grad_norm_` of torch takes no sparse ones."""
    values: list[torch.Tensor] = []
    for weight in params:
        if weight.grad is not None and weight.grad.is_sparse:
            weight.grad = weight.grad.coalesce()
            values.append(weight.grad.values())
        elif weight.grad is not None:
            values.append(weight.grad)
    norm = torch.nn.utils.get_total_norm(values)
    share = torch.clamp(LONGEST_GRADIENT / (norm + 1e-6), max=1.0)
    for value in values:
        value.mul_(share)
    return norm


def _must_be_finite(what: str, value: torch.Tensor) -> None:
    if not torch.isfinite(value):
        raise FloatingPointError(f"the {what} {value.item()}")
