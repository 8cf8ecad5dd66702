"""The starting encoder, and the pairs as its token ids."""

import os

from babelmix.common.files import write_json
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.common.progress import progress
from babelmix.encoder.build import build_encoder
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Preset
from babelmix.settings.params import Settings
from babelmix.stages.pairs import all_pairs
from babelmix.workspace import HERE, UNTRAINED


def make_encoder(settings: Settings) -> str:
    """Make the starting encoder of model.size and count its parameters; return what was written."""
    from babelmix.encoder.parameters import count_parameters

    folder = HERE.model(UNTRAINED)
    claim_folder(folder)
    claim_file(HERE.encoder_metrics)
    allow_hub_of(settings.preset())
    build_encoder(settings.preset(), folder)
    total, non_embedding = count_parameters(folder)
    write_json(HERE.encoder_metrics, {"parameters": total, "non_embedding_parameters": non_embedding})
    return f"wrote {folder} ({settings.model.size})"


def tokenise(settings: Settings) -> str:
    """Turn the pairs into the starting encoder's token ids, once for all trainings; return what was written."""
    from babelmix.training.tokenized_pairs import write_tokenized

    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # nothing is forked here
    claim_folder(HERE.tokens)
    model = load_encoder(HERE.model(UNTRAINED))
    with progress("tokenise", None) as step:
        number = write_tokenized(HERE.tokens, all_pairs(settings), model, settings.train, step)
    return f"wrote {number:,} pairs to {HERE.tokens}"


def allow_hub_of(preset: Preset) -> None:
    """Switch the hub on where a preset is of it."""
    if preset.hub is not None:
        from babelmix.download.hub import allow_hub

        allow_hub()
