"""The README of a trained model: what it is and how it came about, without the time of day.

(folder / "README.md").write_text(model_card("hybrid", settings))
"""

from babelmix.config import Settings

PACKAGED = "multilingual-e5-small (4-bit weights, dequantised)"
NOT_ZERO_SHOT = """\
- The packaged encoder was tuned for retrieval before (on SQuAD- and MIRACL-like data among others): scores on such
  benchmarks are not zero-shot.
"""


def model_card(objective: str, settings: Settings) -> str:
    """Return the card as Markdown; the same settings give the same text."""
    recipe, preset, batches = settings.train, settings.preset(), settings.objective(objective)
    start = f"the folder {preset.folder}" if preset.folder else preset.hub or PACKAGED
    depth = f", {preset.layers} evenly spaced layers" if preset.layers else ""
    translated = (
        "" if batches.origin == "human" else f", machine-translated into {', '.join(settings.translate.languages)}"
    )
    loss = "symmetric InfoNCE" if recipe.symmetric else "InfoNCE"
    widths = f", also at the first {', '.join(map(str, recipe.matryoshka))} numbers" if recipe.matryoshka else ""
    extras = (
        f"\n- Pulled to the vectors of `{batches.teacher}`, weight {batches.teacher_weight:g}."
        if batches.teacher
        else ""
    )
    extras += f"\n- Hard negatives from {batches.negatives}." if batches.negatives else ""
    kept = "the last step" if recipe.keep == "last" else f"the lowest {recipe.keep} loss on the dev split"
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---
# {settings.model.size}/{objective}/s{settings.seed}

Trained by babelmix from {start}{depth}, for retrieval across languages.

- Objective `{objective}`: {batches.describe()}.
- {recipe.steps} steps of {recipe.batch_size} pairs, {loss} with in-batch negatives{widths}, temperature
  {recipe.temperature:g}, learning rate {settings.learning_rate():g}, seed {settings.seed}.
- The weights are those of {kept}.{extras}
- Data: {", ".join(settings.sources)}{translated}.
{"" if preset.folder or preset.hub else NOT_ZERO_SHOT}
```python
from sentence_transformers import SentenceTransformer
model = SentenceTransformer("path/to/this/folder")
scores = model.encode_query(["wie drucke ich?"]) @ model.encode_document(["Choose File - Print."]).T
```
"""
