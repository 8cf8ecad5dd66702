"""The README of a pre-trained encoder, from its settings alone: equal settings give equal bytes.

card = model_card("base/msm/s13", preset, settings.pretrain, train, seed=13, source="libreoffice-help")
"""

from babelmix.encoder.settings import Preset
from babelmix.pretraining.settings import Pretrain
from babelmix.training.settings import Train

MEANING = {
    "msm": "a text of a page is found from the texts around it (MSM, arXiv 2302.01626)",
    "ccp": "a text of a page is found from a text near it (CCP, arXiv 2206.03281)",
    "msm-shuffled": "a text of a page is found from the texts around it, in random order: a control",
    "bitext": "a text finds its translation, and the translation the text: a control",
    "msm-x": "a text of a page is found from its neighbours in another language; not of the paper",
}
BESIDE = {
    "ccp": " The heads are thrown away.",
    "bitext": "",
}  # what is no part of the model, where that is not the document encoder and the heads
DEPARTURES = """
- It departs from the paper. The vector of a text is the mean of its tokens, not that of `<s>`. There is no masked
  language model beside the loss. A block has {sentences} paragraphs as they are, not 32 units packed from sentences.
  There is no queue of negatives. The start is {start}, not XLM-R."""


def model_card(name: str, preset: Preset, pretrain: Pretrain, train: Train, *, seed: int, source: str) -> str:
    """Return the card as Markdown.

    Args:
        name: size/objective/seed, such as base/msm/s13.
        preset: of the starting encoder.
        pretrain: the section of that name; its objective is not "none".
        train: the section of that name, with the steps and the learning rate of the pre-training.
        seed: of the pre-training.
        source: the source of the pages.
    """
    departures = DEPARTURES.format(sentences=pretrain.sentences, start=preset.describe())
    plain = pretrain.objective == "bitext"
    temperature = train.temperature if plain else pretrain.temperature
    beside = BESIDE.get(pretrain.objective, " The document encoder and the heads are thrown away.")
    bias = "" if plain else f", bias {pretrain.bias:g}"
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---
# {name}

Pre-trained by babelmix from {preset.describe()}, as a start for training. It was not trained to retrieve.

- Objective `{pretrain.objective}`: {MEANING[pretrain.objective]}.
- {pretrain.describe()}, temperature {temperature:g}{bias}, learning rate {train.peak_lr:g}, seed {seed}.{beside}
- Data: the pages of {source}, of its train split.{"" if plain else departures}
"""
