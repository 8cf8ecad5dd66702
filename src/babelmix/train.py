"""Train one encoder with one objective; data, seed, steps and optimiser are equal for all objectives.

    history = train(model, pairs, objective, settings)     # changes the model in place
    write_history(history, Path("metrics/history/hybrid.csv"))

The loss is InfoNCE over the batch (equation 1 of arXiv 2408.10536; van den Oord et al. 2018): for a query, the softmax
over the cosine scores of all passages of the batch, divided by the temperature, must pick its own passage.
"""

import csv
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.batching import Batch, Units, index_units, plan
from babelmix.config import Objective, Settings, Train
from babelmix.errors import UserError
from babelmix.files import new_file
from babelmix.forward import forward
from babelmix.records import Pair

if TYPE_CHECKING:  # torch takes seconds to import, and `babelmix --help` needs none of it
    import torch
    from sentence_transformers import SentenceTransformer

TOKENS_PER_FORWARD = 512  # padded; a batch goes through in pieces of near lengths, the fastest of 384 to 4096 here
DEV_EVERY = 100  # steps between two looks at the dev loss
DEV_BATCHES = 4  # of each kind; the same batches for every objective


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the training history; the dev losses stand only on the steps that looked."""

    step: int
    kind: str
    loss: float
    learning_rate: float
    dev_monolingual: float | None
    dev_crosslingual: float | None


def info_nce(queries: "torch.Tensor", passages: "torch.Tensor", temperature: float) -> "torch.Tensor":
    """Return the mean InfoNCE loss of a batch, in nats.

    `queries`, `passages`: float [batch, dimension], L2-normalised, row i of one belongs to row i of the other; all
    other passages of the batch are negatives.
    """
    import torch

    scores = queries.float() @ passages.float().T / temperature
    return torch.nn.functional.cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def train(
    model: "SentenceTransformer",
    pairs: Sequence[Pair],
    objective: Objective,
    settings: Settings,
    *,
    told: Callable[[Step], None] = lambda step: None,
) -> list[Step]:
    """Train `model` in place for `settings.train.steps` steps and return the history.

    `told` is called after every step (progress). Raises UserError where the plan cannot be made, or where the loss
    stops being a number (the step and the batch are named).
    """
    import torch

    recipe = settings.train
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    units = index_units([pair for pair in pairs if pair.split == "train"], objective.languages)
    dev_units, looks = _dev_batches([pair for pair in pairs if pair.split == "dev"], settings)
    optimiser = _optimiser(model, recipe, settings.preset().learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate_share(step, recipe))
    encode = _Encoder(model, recipe)
    history: list[Step] = []
    batches = plan(units, alpha=objective.alpha, batch_size=recipe.batch_size, seed=settings.seed)
    for number, batch in enumerate(islice(batches, recipe.steps), start=1):
        model.train()
        rate = float(schedule.get_last_lr()[0])
        loss = encode.loss(units, batch)
        if not torch.isfinite(loss):
            how = "lower the preset's learning_rate or raise train.temperature; nothing was written"
            raise UserError(f"the loss is {loss.item()} at step {number}, {batch.kind} batch", where="train", how=how)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        look = looks if number % DEV_EVERY == 0 or number in (1, recipe.steps) else {}
        dev = {kind: encode.dev_loss(dev_units, dev_batches) for kind, dev_batches in look.items()}
        history.append(Step(number, batch.kind, loss.item(), rate, dev.get("monolingual"), dev.get("crosslingual")))
        told(history[-1])
    return history


def write_history(history: Sequence[Step], path: Path) -> None:
    """Write the history as CSV: step, kind, loss (nats), learning_rate, dev_monolingual, dev_crosslingual."""
    with new_file(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Step.__dataclass_fields__)
        for row in history:
            values = (row.loss, row.learning_rate, row.dev_monolingual, row.dev_crosslingual)
            writer.writerow([row.step, row.kind, *("" if value is None else f"{value:.6g}" for value in values)])


class _Encoder:
    """Texts of a batch through the model: one place for prompts, lengths and precision."""

    def __init__(self, model: "SentenceTransformer", recipe: Train) -> None:
        self._model, self._recipe = model, recipe

    def loss(self, units: Units, batch: Batch) -> "torch.Tensor":
        import torch

        queries = [units.texts[query][unit].query for unit, query, _ in batch.rows]
        passages = [units.texts[passage][unit].passage for unit, _, passage in batch.rows]
        with torch.autocast(self._model.device.type, torch.bfloat16, enabled=self._recipe.bfloat16):
            left = self._encode("query", queries, self._recipe.max_query_tokens)
            right = self._encode("passage", passages, self._recipe.max_passage_tokens)
        return info_nce(left, right, self._recipe.temperature)

    def dev_loss(self, units: Units, batches: Sequence[Batch]) -> float:
        import torch

        self._model.eval()
        with torch.inference_mode():
            return sum(self.loss(units, batch).item() for batch in batches) / len(batches)

    def _encode(self, prompt: str, texts: list[str], max_tokens: int) -> "torch.Tensor":
        import torch

        groups = list(
            forward(self._model, texts, prompt=prompt, max_tokens=max_tokens, tokens_per_batch=TOKENS_PER_FORWARD)
        )
        order = torch.tensor([row for rows, _ in groups for row in rows], device=self._model.device)
        return torch.cat([vectors for _, vectors in groups])[torch.argsort(order)]


def _optimiser(model: "SentenceTransformer", recipe: Train, learning_rate: float) -> "torch.optim.AdamW":
    """AdamW; no decay on biases and norms, and the word embeddings frozen where the recipe says so."""
    import torch

    if recipe.freeze_word_embeddings:
        transformer: Any = model[0]
        transformer.model.get_input_embeddings().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = recipe.dropout
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    matrices = [weight for _, weight in named if weight.ndim > 1]
    others = [weight for _, weight in named if weight.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def learning_rate_share(step: int, recipe: Train) -> float:
    """Return the share of the learning rate at a step (from 0): linear warm-up to 1, then linear decay towards 0."""
    warmup = math.ceil(recipe.steps * recipe.warmup_share)
    if step < warmup:
        return (step + 1) / warmup
    return (recipe.steps - step) / max(1, recipe.steps - warmup)


def _dev_batches(pairs: Sequence[Pair], settings: Settings) -> tuple[Units, dict[str, list[Batch]]]:
    """The same few dev batches of each kind for every objective, from languages that have dev pairs enough."""
    size = settings.train.batch_size
    counts = Counter(pair.lang for pair in pairs)
    units = index_units(pairs, [lang for lang in counts if counts[lang] >= 3 * size])
    if len(units.languages) < 2:
        return units, {}
    looks = {
        kind: list(islice(plan(units, alpha=alpha, batch_size=size, seed=settings.seed), DEV_BATCHES))
        for kind, alpha in (("monolingual", 1.0), ("crosslingual", 0.0))
    }
    return units, looks


def model_card(objective: str, settings: Settings) -> str:
    """Return the README of a trained model: what it is and how it came about, without the time of day."""
    recipe, preset = settings.train, settings.preset()
    start = f"the folder {preset.folder}" if preset.folder else "multilingual-e5-small (4-bit weights, dequantised)"
    depth = f", {preset.layers} evenly spaced layers" if preset.layers else ""
    origin = settings.objective(objective).origin
    translated = "" if origin == "human" else f", machine-translated into {', '.join(settings.translate.languages)}"
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---
# {settings.model.size}/{objective}/s{settings.seed}

Trained by babelmix from {start}{depth}, for retrieval across languages.

- Objective `{objective}`: a batch is monolingual with probability {settings.objective(objective).alpha:g},
  otherwise cross-lingual.
- {recipe.steps} steps of {recipe.batch_size} pairs, InfoNCE with in-batch negatives, temperature
  {recipe.temperature:g}, learning rate {preset.learning_rate:g}, seed {settings.seed}.
- Data: {", ".join(settings.sources)}{translated}.
- The packaged encoder was tuned for retrieval before (on SQuAD- and MIRACL-like data among others): scores on such
  benchmarks are not zero-shot.

```python
from sentence_transformers import SentenceTransformer
model = SentenceTransformer("path/to/this/folder")
scores = model.encode_query(["wie drucke ich?"]) @ model.encode_document(["Choose File - Print."]).T
```
"""
