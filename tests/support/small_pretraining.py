"""A small pre-training on the CPU: pages of a few words that the tiny encoder knows, in three languages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_pairs import WORDS, sentence
from small_training import ALONE, one_thread, small_settings

from babelmix.encoder.load import load_encoder
from babelmix.pretraining.blocks import Blocks, build_blocks
from babelmix.pretraining.engine import Engine
from babelmix.pretraining.history import Step
from babelmix.pretraining.loop import pretrain
from babelmix.pretraining.pages import Pages
from babelmix.pretraining.settings import Pretrain
from babelmix.training.checkpoint import CheckpointStore

PAGES, DEV = 14, 5
SMALL = {"objective": "msm", "steps": 6, "sentences": 4, "blocks": 3, "learning_rate": 1e-3}


def some_pretrain(**changes: Any) -> Pretrain:
    """Settings of batches of three blocks of four texts; msm-x takes half of `blocks`."""
    of_batch = {"blocks": 2 * SMALL["blocks"]} if changes.get("objective") == "msm-x" else {}
    return Pretrain.model_validate(SMALL | of_batch | changes)


def small_pages() -> Pages:
    """Pages of nine texts each; the last of every page is "see also", the same on all."""
    texts = {
        lang: {
            f"x:{page:02}": {
                **{f"par{at}": sentence(lang, 7 * page + at, 4 + at % 3) for at in range(8)},
                "par8": sentence(lang, 1, 3),
            }
            for page in range(PAGES)
        }
        for lang in WORDS
    }
    dev = frozenset(f"x:{page:02}" for page in range(PAGES - DEV, PAGES))
    return Pages(texts=texts, dev=dev, left_out={lang: {} for lang in WORDS})


def small_blocks(encoder: Path, sentences: int = 4) -> Blocks:
    return build_blocks(small_pages(), load_encoder(encoder), sentences=sentences, max_tokens=24)


def run(
    encoder: Path,
    blocks: Blocks,
    section: Pretrain,
    *,
    seed: int = 13,
    checkpoints: CheckpointStore | None = None,
    on_progress: Callable[[int], None] = lambda steps: None,
    **train: Any,
) -> tuple[Any, list[Step], Engine]:
    """Pre-train a fresh copy of the encoder; `train` changes the section of that name."""
    settings = small_settings(seed=seed, **({"eval_steps": 2} | train)).model_copy(update={"pretrain": section})
    model: Any = load_encoder(encoder)
    with one_thread():
        history, engine = pretrain(
            model,
            blocks,
            section,
            settings.pretraining(),
            seed=seed,
            processes=ALONE,
            checkpoints=checkpoints,
            on_progress=on_progress,
        )
    return model, history, engine
