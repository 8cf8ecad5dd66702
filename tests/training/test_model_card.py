"""The card of a trained model, from its settings alone."""

from pathlib import Path
from typing import Any

import pytest
from small_training import small_settings

from babelmix.batches.objective import Objective
from babelmix.corpus.settings import Table
from babelmix.encoder.settings import Preset
from babelmix.settings.params import Settings
from babelmix.stages.training import sources_read, translated_languages
from babelmix.training.cost import steps_worth
from babelmix.training.model_card import model_card


def with_preset(preset: Preset, **objective: Any) -> Settings:
    settings = small_settings(select_by="dev_crosslingual", symmetric=True, matryoshka=(64, 128))
    presets = settings.model.presets | {settings.model.size: preset}
    chosen = {"mine": Objective.model_validate({"alpha": 0.25, **objective})}
    return settings.model_copy(
        update={"model": settings.model.model_copy(update={"presets": presets}), "objective_presets": chosen}
    )


def card_of(name: str, settings: Settings) -> str:
    """The card as `babelmix train` writes it."""
    return model_card(
        f"{settings.model.size}/{name}/s{settings.seed}",
        settings.preset(),
        settings.objective(name),
        settings.training(),
        seed=settings.seed,
        sources=sources_read(settings.objective(name), settings),
        translated=translated_languages(settings.objective(name), settings),
    )


def test_the_card_says_how_the_model_came_about_and_no_time() -> None:
    settings = small_settings()
    card = card_of("hybrid", settings)
    assert card == card_of("hybrid", settings) and card.startswith("---\nlibrary_name: sentence-transformers\n")
    for part in (
        "# base/hybrid/s13", "multilingual-e5-small (4-bit weights, dequantised), 6 evenly spaced layers",
        "Objective `hybrid`: a batch is monolingual with probability 0.5, otherwise cross-lingual.",
        "12 steps of 8 pairs, InfoNCE with", "learning rate 0.001, seed 13", "those of the last step",
        "machine-translated into pt", "not zero-shot", "encode_query",
    ):  # fmt: skip
        assert part in card, part


@pytest.mark.parametrize(
    ("preset", "start"),
    [
        ({"hub": "org/name"}, "org/name"),
        ({"folder": "data/own/mine", "layers": 2}, "the folder data/own/mine, 2 evenly"),
    ],
)
def test_the_card_says_what_else_was_asked(preset: dict[str, Any], start: str) -> None:
    objective = {
        "languages": ["en", "pt"], "origin": "human", "teacher": "large", "teacher_weight": 2,
        "negatives": "data/own/hard.npz",
    }  # fmt: skip
    card = card_of("mine", with_preset(Preset.model_validate({"learning_rate": 0.1, **preset}), **objective))
    for part in (
        f"Trained by babelmix from {start}", "symmetric InfoNCE", "also at the first 64, 128 dimensions",
        "the lowest crosslingual loss on the dev split", "Distilled from the vectors of `large`, weight 2.",
        "Hard negatives from data/own/hard.npz.", "probability 0.25",
    ):  # fmt: skip
        assert part in card, part
    assert "machine-translated" not in card and "not zero-shot" not in card
    assert "does not know the training data" in card and "e5" not in card


def test_the_card_of_a_recipe_says_what_differs_and_what_a_teacher_costs() -> None:
    preset = Preset.model_validate({"layers": 6, "learning_rate": 0.1})
    plain = with_preset(preset, teacher="large", distil="same", distil_first=0.5, contrast_weight=0.2, kl_weight=1.5)
    cost = steps_worth(texts=5760, teacher_layers=12, layers=6, texts_per_step=64)
    card = model_card(
        "base/mine/s13", preset, plain.objective("mine"), plain.training(), seed=13, sources=["x"], translated=[],
        teacher_steps=cost,
    )  # fmt: skip
    for part in (
        "vectors of `large`, weight 1, each text towards the same text as it was written.",
        "- The first 50% of the steps have no other loss.", "- InfoNCE has weight 0.2.",
        "- The teacher's vectors cost as much as 60 steps.",
        "- Consistency of queries with themselves in another language, weight 1.5.",
    ):  # fmt: skip
        assert part in card, part
    settings = small_settings()
    assert "the mean over the steps 7 to 12." in card_of("hybrid-averaged", settings)
    assert "a row is monolingual with probability 0.5, otherwise cross-lingual." in card_of("within", settings)


def test_the_card_names_the_languages_that_something_is_translated_into() -> None:
    settings = small_settings()
    german = Table(path=Path("data/own/x.jsonl"), language="de")
    own = settings.model_copy(update={"sources": ("mine",), "source": {"mine": german}})
    assert "- Data: mine.\n" in card_of("hybrid", own)
    both = settings.model_copy(update={"sources": ("libreoffice-help", "mine"), "source": {"mine": german}})
    assert "- Data: libreoffice-help, mine, machine-translated into pt.\n" in card_of("hybrid", both)
    none = settings.model_copy(update={"translate": settings.translate.model_copy(update={"languages": ()})})
    assert "- Data: libreoffice-help.\n" in card_of("hybrid", none)


@pytest.mark.parametrize(
    ("name", "batches"),
    [
        ("contrastive", "a batch is monolingual with probability 1, otherwise cross-lingual"),
        ("hybrid", "a batch is monolingual with probability 0.5, otherwise cross-lingual"),
        ("crosslingual", "a batch is monolingual with probability 0, otherwise cross-lingual"),
    ],
)
def test_the_cards_of_the_study_keep_their_bytes(name: str, batches: str) -> None:
    """Published runs have them in their hashes; words that an objective does not read change nothing."""
    plain = small_settings()
    words = plain.model_copy(update={"sources": ("libreoffice-help", "xling-train")})
    assert (
        card_of(name, plain)
        == card_of(name, words)
        == f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---
# base/{name}/s13

Trained by babelmix from multilingual-e5-small (4-bit weights, dequantised), 6 evenly spaced layers, for retrieval \
across languages.

- Objective `{name}`: {batches}.
- 12 steps of 8 pairs, InfoNCE with in-batch negatives, temperature
  0.05, learning rate 0.001, seed 13.
- The weights are those of the last step.
- Data: libreoffice-help, machine-translated into pt.
- The packaged encoder was tuned for retrieval before (on SQuAD- and MIRACL-like data among others): scores on such
  benchmarks are not zero-shot.

```python
from sentence_transformers import SentenceTransformer
model = SentenceTransformer("path/to/this/folder")
scores = model.encode_query(["wie drucke ich?"]) @ model.encode_document(["Choose File - Print."]).T
```
"""
    )


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("english", ("cross-lingual. Languages: en.\n", "InfoNCE with", "- Data: libreoffice-help.\n")),
        ("lexical", ("pairs, symmetric InfoNCE with", "- Data: xling-train.\n")),
        (
            "hybrid-lexical",
            ("InfoNCE (symmetric for words) with", "libreoffice-help, xling-train, machine-translated into pt.\n"),
        ),
        ("hybrid-machine", ("Languages: en, pt, es, fr, it.\n", "libreoffice-help, machine-translated into pt")),
    ],
)
def test_the_card_names_what_the_objective_draws_from(name: str, parts: tuple[str, ...]) -> None:
    card = card_of(name, small_settings().model_copy(update={"sources": ("libreoffice-help", "xling-train")}))
    for part in parts:
        assert part in card, part
