"""Which vectors of a model may be kept, and where: the store of exactly this model, code, machine and settings.

    store = open_store(model, hash_model(folder), vector_store(), settings, threads=2, unit=True)
    encode(model, texts, prompt="query", settings=settings, threads=2, store=store)

A text's prompt is part of the text that the store knows, so the same text under the same prompt is encoded once for all
benchmarks and runs.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from babelmix.encoder.company import same_in_company
from babelmix.encoder.fingerprint import hash_code, libraries, machine
from babelmix.encoder.settings import Embed
from babelmix.encoder.tokenise import limit_of
from babelmix.encoder.vector_store import VectorStore

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# These modules, with what they import, are all code that decides the bytes of a vector and whether it may be kept.
# `precision` imports int8.py within a function, which `source_files` does not follow.
CODE = ("encoder.encode", "encoder.company", "encoder.int8", "encoder.load")


def open_store(
    model: "SentenceTransformer",
    weights: str,
    folder: Path,
    settings: Embed,
    *,
    threads: int,
    unit: bool,
) -> VectorStore | None:
    """Return the store of a model's vectors; None if a vector depends on the texts beside it.

    Args:
        model: the model as loaded.
        weights: `hash_model` of the model's folder.
        folder: the store of all models.
        settings: how texts become vectors; all of them count.
        threads: of torch.
        unit: whether the vectors are float16 of unit length, as `encode` gives them, or float32 (`encode_raw`).
    """
    facts = {
        "model": weights,
        "settings": settings.model_dump(mode="json"),
        "tokens": limit_of(model, settings.max_tokens).tokens,
        "unit": unit,
        "threads": threads,
        "device": model.device.type,
        "weights": sorted({str(parameter.dtype) for parameter in model.parameters()}),
        "code": hash_code(*CODE),
        "libraries": libraries(),
        "machine": machine(model.device),
    }
    # The answer depends on the shapes of a model's products, not on its weights: models of one shape share it.
    kinds = [type(part).__name__ for part in model.modules()]
    shapes = {name: list(parameter.shape) for name, parameter in model.named_parameters()}
    answers = VectorStore(folder, facts | {"model": kinds, "shapes": shapes})
    same = answers.same_in_company()
    if same is None:
        same = same_in_company(model, settings, threads=threads)
        answers.remember(same)
    return VectorStore(folder, facts) if same else None
