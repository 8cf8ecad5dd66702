"""One step of training: the texts of a batch of pairs, and their loss.

    engine = Engine(model, tokenized, train, processes, extras, seed=13)
    loss = engine.step(units, batch, number, lr, objective)
    vectors = engine.encode(texts)

engine.py has what a step does with any texts and any loss.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.profiler import record_function

from babelmix.batches.lexicon import LEXICAL
from babelmix.batches.objective import Objective
from babelmix.batches.parallel_queries import parallel_queries
from babelmix.batches.sampler import Batch
from babelmix.batches.units import Units
from babelmix.training.distributed import ProcessGroup
from babelmix.training.engine import EncoderEngine
from babelmix.training.losses import BatchRows, batch_loss
from babelmix.training.settings import Train
from babelmix.training.tokenized_pairs import TokenizedPairs

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class Extras:
    """What some objectives need besides pairs.

    `teacher`: float32 [2, units, d], the teacher's vectors of queries and passages by unit number of the index, zeros
    if it has none. `negatives`: int32 [rows of the index, k], unit numbers of the hard negatives of a row's query in
    its language, filled up with -1.
    """

    teacher: NDArray[np.float32] | None = None
    negatives: NDArray[np.int32] | None = None


class Engine(EncoderEngine):
    """The engine of batches of pairs."""

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
        """Prepare `model`, which is changed in place, for training, see `EncoderEngine`."""
        super().__init__(model, train, processes, seed=seed, own_layers=own_layers)
        self._tokenized, self._extras = tokenized, extras

    def step(self, units: Units, batch: Batch, number: int, lr: float, objective: Objective) -> float:
        """Take step `number` (from 1) and return the loss, in nats.

        A loss or gradient that is not finite raises FloatingPointError before the weights change.
        """
        with record_function("babelmix::texts"):
            texts, rows = self._texts(units, batch, number, objective)
        return self.update(texts, number, lr, lambda vectors: batch_loss(vectors, rows, self._train))

    def _texts(
        self, units: Units, batch: Batch, number: int, objective: Objective
    ) -> tuple[list[NDArray[np.int32]], BatchRows]:
        """Return the queries, passages, hard negatives and parallel queries of a batch, and what the loss must know.

        The loss of a lexical batch is symmetric InfoNCE alone. Its hard negatives are in the language of the passage:
        translations of the words that were mined beside the query.
        """
        lexical = batch.kind == LEXICAL
        queries = [int(units.rows[query][unit]) for unit, query, _ in batch.rows]
        passages = [int(units.rows[passage][unit]) for unit, _, passage in batch.rows]
        numbers = [unit for unit, _, _ in batch.rows]
        for row, (_, query, passage) in zip(queries, batch.rows, strict=True):
            language = passage if lexical else query
            for unit in () if self._extras.negatives is None else self._extras.negatives[row].tolist():
                if unit >= 0 and units.rows[language][unit] >= 0:
                    passages.append(int(units.rows[language][unit]))
                    numbers.append(unit)
        texts = [self._tokenized.queries[row] for row in queries] + [self._tokenized.passages[row] for row in passages]
        device = self._processes.device
        asked = BatchRows(torch.from_numpy(units.groups[numbers]).to(device), symmetric=lexical)
        if lexical:
            return texts, asked
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
