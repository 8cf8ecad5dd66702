"""One step of pre-training: encode the texts of a batch of blocks, predict the masked ones, update all weights.

    engine = Engine(model, settings.pretrain, train, processes, seed=13)
    step = engine.step(batch, number, lr)       # step.loss, step.own, step.other
    engine.hits(vectors, number)                # bool [3, texts]: is the masked text found?

What is trained beside the encoder (document encoder, heads) is no part of the model and vanishes with the engine.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from babelmix.pretraining.document_encoder import DocumentEncoder
from babelmix.pretraining.heads import Heads
from babelmix.pretraining.loss import Negatives, hierarchical_loss, hits, negatives_of, neighbours
from babelmix.pretraining.plan import BlockBatch
from babelmix.pretraining.settings import Pretrain
from babelmix.training.distributed import ProcessGroup
from babelmix.training.engine import EncoderEngine
from babelmix.training.losses import info_nce
from babelmix.training.settings import Train

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, slots=True)
class StepResult:
    """The loss of a step, in nats, and how often the right text was found in its block and among other blocks.

    `bitext` has no blocks, so none of the two.
    """

    loss: float
    own: float | None
    other: float | None


class Beside(torch.nn.Module):
    """What predicts the masked texts and is thrown away: the heads, and the document encoder unless it is CCP."""

    def __init__(self, width: int, pretrain: Pretrain, *, seed: int) -> None:
        """Make all weights from the seed; `width` is that of the encoder's vectors."""
        super().__init__()
        self._pretrain, self._seed = pretrain, seed
        self.heads = Heads(width=width, seed=_seed(seed, "heads"))
        self.document_encoder = None
        if pretrain.objective != "ccp":
            self.document_encoder = DocumentEncoder(
                width=width,
                sentences=pretrain.sentences,
                layers=pretrain.document_layers,
                seed=_seed(seed, "document encoder"),
            )

    def scores(self, texts: torch.Tensor, targets: torch.Tensor, number: int) -> torch.Tensor:
        """Return the cosines of predictions and targets over the temperature, float32 [texts, texts].

        `number`, of the step, decides dropout and CCP's neighbours: a resumed pre-training draws the same.
        """
        if self.document_encoder is None:
            drawn = neighbours(
                len(texts), self._pretrain.sentences, self._pretrain.neighbours, seed=self._seed, step=number
            )
            predictions = texts[drawn.to(texts.device)]
        else:
            torch.manual_seed(_seed(self._seed, f"dropout {number}"))
            predictions = self.document_encoder(texts)
        return self.heads.queries(predictions) @ self.heads.keys(targets).T / self._pretrain.temperature


class Engine(EncoderEngine):
    """The engine of batches of blocks."""

    def __init__(
        self,
        model: "SentenceTransformer",
        pretrain: Pretrain,
        train: Train,
        processes: ProcessGroup,
        *,
        seed: int,
    ) -> None:
        """Prepare `model`, which is changed in place, for pre-training.

        `train` has what is equal in both trainings (weight decay, dropout, precision, ...), and the temperature of
        `bitext`, which compares plain vectors and has nothing beside the encoder.
        """
        width = model.get_embedding_dimension() or 0
        self.beside = None if pretrain.objective == "bitext" else Beside(width, pretrain, seed=seed)
        super().__init__(model, train, processes, seed=seed, beside=self.beside)
        self._pretrain = pretrain

    def step(self, batch: BlockBatch, number: int, lr: float) -> StepResult:
        """Take step `number` (from 1); a loss that is not finite raises FloatingPointError and changes no weight."""
        found: list[NDArray[np.bool_]] = []

        def loss_of(vectors: torch.Tensor) -> torch.Tensor:
            texts, targets = vectors[: len(batch.texts)], vectors[-len(batch.texts) :]  # the same without targets
            if self.beside is None:
                groups = torch.from_numpy(batch.groups).to(vectors.device)
                return info_nce(texts, targets, self._train.temperature, groups=groups, symmetric=True)
            self.beside.train()
            scores, negatives = self.beside.scores(texts, targets, number), self._negatives(batch.groups)
            found.append(hits(scores.detach(), negatives))
            return hierarchical_loss(scores, negatives, self._pretrain.bias)

        loss = self.update([*batch.texts, *(batch.targets or ())], number, lr, loss_of)
        own, other, _ = found[0].mean(axis=1).tolist() if found else (None, None, None)
        return StepResult(loss, own, other)

    def hits(self, vectors: NDArray[np.float32], groups: NDArray[np.int64], number: int) -> NDArray[np.bool_]:
        """Return bool [3, texts]: whether each text of some blocks is found in its block, among the others, in all.

        Nothing is trained; BatchNorm uses its running values, and nothing is dropped. ValueError for `bitext`.

        Args:
            vectors: float32 [texts, d], block by block.
            groups: int64 [texts], see `BlockBatch`.
            number: decides CCP's neighbours.
        """
        if self.beside is None:
            raise ValueError("bitext predicts no masked text")
        self.beside.eval()
        with torch.inference_mode():
            texts = torch.from_numpy(vectors).to(self._processes.device)
            return hits(self.beside.scores(texts, texts, number), self._negatives(groups))

    def _negatives(self, groups: NDArray[np.int64]) -> Negatives:
        return negatives_of(torch.from_numpy(groups).to(self._processes.device), self._pretrain.sentences)


def _seed(seed: int, purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:7])
