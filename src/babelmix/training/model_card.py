"""The README of a trained model, from its settings alone: equal settings give equal bytes.

card = model_card("base/hybrid/s13", preset, objective, train, seed=13, sources=["mmarco"], translated=["pt"])
"""

from collections.abc import Sequence

from babelmix.batches.objective import Objective
from babelmix.encoder.settings import Preset
from babelmix.training.average import first_averaged
from babelmix.training.settings import Train

NOT_ZERO_SHOT = """
- The packaged encoder was tuned for retrieval before (on SQuAD- and MIRACL-like data among others): scores on such
  benchmarks are not zero-shot."""
NOT_KNOWN = """
- babelmix does not know the training data and the licence of the starting encoder, nor whether scores on a benchmark
  are zero-shot. See its own documentation."""


def model_card(
    name: str,
    preset: Preset,
    objective: Objective,
    train: Train,
    *,
    seed: int,
    sources: Sequence[str],
    translated: Sequence[str],
    teacher_steps: float | None = None,
    pretrained: str | None = None,
) -> str:
    """Return the card as Markdown.

    Args:
        name: size/objective/seed, such as base/hybrid/s13.
        preset: of the starting encoder.
        objective: of the training.
        train: the `train` section with its learning rate filled in.
        seed: of batches and dropout.
        sources: names of the sources of pairs that the objective draws from.
        translated: languages of the objective that a machine translated into.
        teacher_steps: steps of this training that cost as much as the teacher's vectors (`cost.steps_worth`).
        pretrained: the pre-training that this training started from; None without one.
    """
    before = NOT_KNOWN if preset.folder or preset.hub else NOT_ZERO_SHOT
    targets = [] if objective.origin == "human" else translated
    by_machine = f", machine-translated into {', '.join(targets)}" if targets else ""
    loss = _loss(objective, train)
    languages = f" Languages: {', '.join(objective.languages)}." if objective.languages else ""
    widths = f", also at the first {', '.join(map(str, train.matryoshka))} dimensions" if train.matryoshka else ""
    extras = _of_teacher(objective, teacher_steps) if objective.teacher else ""
    if objective.kl_weight:
        extras += f"\n- Consistency of queries with themselves in another language, weight {objective.kl_weight:g}."
    extras += f"\n- Hard negatives from {objective.negatives}." if objective.negatives else ""
    if pretrained is not None:
        extras += f"\n- Pre-trained before that, on the order of texts in pages: {pretrained}."
    scope = train.select_by.removeprefix("dev_")
    selected = "the last step" if train.select_by == "last" else f"the lowest {scope} loss on the dev split"
    if objective.average_from is not None:
        first = first_averaged(objective.average_from, train.steps)
        selected = f"the mean over the steps {first} to {train.steps}"
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---
# {name}

Trained by babelmix from {preset.describe()}, for retrieval across languages.

- Objective `{name.split("/")[1]}`: {objective.describe()}.{languages}
- {train.steps} steps of {train.batch_size} pairs, {loss} with in-batch negatives{widths}, temperature
  {train.temperature:g}, learning rate {train.peak_lr:g}, seed {seed}.
- The weights are those of {selected}.{extras}
- Data: {", ".join(sources)}{by_machine}.{before}

```python
from sentence_transformers import SentenceTransformer
model = SentenceTransformer("path/to/this/folder")
scores = model.encode_query(["wie drucke ich?"]) @ model.encode_document(["Choose File - Print."]).T
```
"""


def _loss(objective: Objective, train: Train) -> str:
    """Return the contrastive loss in words; that of batches of words is always symmetric."""
    if train.symmetric or not objective.reads(words=False):
        return "symmetric InfoNCE"
    return "InfoNCE (symmetric for words)" if objective.reads(words=True) else "InfoNCE"


def _of_teacher(objective: Objective, teacher_steps: float | None) -> str:
    """Return what the card says of a teacher: its weight, how it teaches where that is not the usual, and its cost."""
    same = ", each text towards the same text as it was written" if objective.distil == "same" else ""
    lines = [f"Distilled from the vectors of `{objective.teacher}`, weight {objective.teacher_weight:g}{same}."]
    if objective.distil_first:
        lines.append(f"The first {objective.distil_first:.0%} of the steps have no other loss.")
    if objective.contrast_weight != 1:
        lines.append(f"InfoNCE has weight {objective.contrast_weight:g}.")
    if teacher_steps is not None:
        lines.append(f"The teacher's vectors cost as much as {teacher_steps:.0f} steps.")
    return "".join(f"\n- {line}" for line in lines)
