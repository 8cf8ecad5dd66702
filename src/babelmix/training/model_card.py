"""The README of a trained model: what it is and how it came about, without the time of day.

(folder / "README.md").write_text(model_card("hybrid", settings))
"""

from babelmix.settings.params import Settings

NOT_ZERO_SHOT = """
- The packaged encoder was tuned for retrieval before (on SQuAD- and MIRACL-like data among others): scores on such
  benchmarks are not zero-shot."""
NOT_KNOWN = """
- What the encoder saw before, its licence, and so whether scores on a benchmark are zero-shot, is its maker's to tell:
  it is not known here."""


def model_card(objective: str, settings: Settings) -> str:
    """Return the card as Markdown; the same settings give the same text."""
    recipe, preset, batches = settings.train, settings.preset(), settings.objective(objective)
    before = NOT_KNOWN if preset.folder or preset.hub else NOT_ZERO_SHOT
    targets = [] if batches.origin == "human" else _targets(settings)
    translated = f", machine-translated into {', '.join(targets)}" if targets else ""
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

Trained by babelmix from {preset.describe()}, for retrieval across languages.

- Objective `{objective}`: {batches.describe()}.
- {recipe.steps} steps of {recipe.batch_size} pairs, {loss} with in-batch negatives{widths}, temperature
  {recipe.temperature:g}, learning rate {settings.learning_rate():g}, seed {settings.seed}.
- The weights are those of {kept}.{extras}
- Data: {", ".join(settings.sources)}{translated}.{before}

```python
from sentence_transformers import SentenceTransformer
model = SentenceTransformer("path/to/this/folder")
scores = model.encode_query(["wie drucke ich?"]) @ model.encode_document(["Choose File - Print."]).T
```
"""


def _targets(settings: Settings) -> list[str]:
    """Return the languages that at least one source is translated into."""
    return [
        lang for lang in settings.translate.languages if any(settings.route(name, lang) for name in settings.sources)
    ]
