"""The README of a trained model: what it is and how it came about, without the time of day.

card = model_card("base/hybrid/s13", preset, objective, train, seed=13, sources=["mmarco"], translated=["pt"])
"""

from collections.abc import Sequence

from babelmix.batches.objective import Objective
from babelmix.encoder.settings import Preset
from babelmix.training.settings import Train

NOT_ZERO_SHOT = """
- The packaged encoder was tuned for retrieval before (on SQuAD- and MIRACL-like data among others): scores on such
  benchmarks are not zero-shot."""
NOT_KNOWN = """
- What the encoder saw before, its licence, and so whether scores on a benchmark are zero-shot, is its maker's to tell:
  it is not known here."""


def model_card(
    name: str,
    preset: Preset,
    objective: Objective,
    recipe: Train,
    *,
    seed: int,
    sources: Sequence[str],
    translated: Sequence[str],
) -> str:
    """Return the card as Markdown; the same facts give the same text.

    Args:
        name: size/objective/seed, such as base/hybrid/s13.
        preset: what training started from.
        objective: what the batches held.
        recipe: the `train` section, its learning rate filled in.
        seed: of batches and dropout.
        sources: where the pairs come from.
        translated: languages that a machine made.
    """
    before = NOT_KNOWN if preset.folder or preset.hub else NOT_ZERO_SHOT
    targets = [] if objective.origin == "human" else translated
    by_machine = f", machine-translated into {', '.join(targets)}" if targets else ""
    loss = "symmetric InfoNCE" if recipe.symmetric else "InfoNCE"
    widths = f", also at the first {', '.join(map(str, recipe.matryoshka))} numbers" if recipe.matryoshka else ""
    extras = (
        f"\n- Pulled to the vectors of `{objective.teacher}`, weight {objective.teacher_weight:g}."
        if objective.teacher
        else ""
    )
    extras += f"\n- Hard negatives from {objective.negatives}." if objective.negatives else ""
    kept = "the last step" if recipe.keep == "last" else f"the lowest {recipe.keep} loss on the dev split"
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---
# {name}

Trained by babelmix from {preset.describe()}, for retrieval across languages.

- Objective `{name.split("/")[1]}`: {objective.describe()}.
- {recipe.steps} steps of {recipe.batch_size} pairs, {loss} with in-batch negatives{widths}, temperature
  {recipe.temperature:g}, learning rate {recipe.peak_lr:g}, seed {seed}.
- The weights are those of {kept}.{extras}
- Data: {", ".join(sources)}{by_machine}.{before}

```python
from sentence_transformers import SentenceTransformer
model = SentenceTransformer("path/to/this/folder")
scores = model.encode_query(["wie drucke ich?"]) @ model.encode_document(["Choose File - Print."]).T
```
"""
