"""Count the parameters of an encoder, with and without its embeddings.

count({"embeddings.word_embeddings.weight": 4000, "encoder.layer.0.output.dense.weight": 64})    # (4064, 64)
"""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from babelmix.common.errors import UserError
from babelmix.workspace import remade_by

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Parts of the names of embedding weights. BERT-like models and ModernBERT keep words, positions, token types and their
# norm under the first; EuroBERT, which has word embeddings only, under the second.
EMBEDDINGS = ("embeddings.", "embed_tokens.")


def count(sizes: Mapping[str, int]) -> tuple[int, int]:
    """Return the number of parameters, all and outside the embeddings, of weights given as {name: size}.

    The second number is the usual measure of size where one large vocabulary outweighs the layers.
    """
    outside = (size for name, size in sizes.items() if not any(part in name for part in EMBEDDINGS))
    return sum(sizes.values()), sum(outside)


def count_loaded_parameters(model: "SentenceTransformer") -> tuple[int, int]:
    """Return the number of parameters of a loaded model, all and outside the embeddings."""
    return count({name: parameter.numel() for name, parameter in model.named_parameters()})


def count_parameters(model: Path) -> tuple[int, int]:
    """Return the number of parameters of a SentenceTransformer folder, all and outside the embeddings.

    Only the headers of the weight files are read. UserError if there are no weights or a file is incomplete.
    """
    from safetensors import SafetensorError, safe_open

    sizes: dict[str, int] = {}
    how = remade_by("encoder")
    for number, file in enumerate(sorted(model.rglob("*.safetensors"))):
        try:
            with safe_open(file, framework="numpy") as weights:
                for name in weights.keys():  # noqa: SIM118 (the handle is no dictionary)
                    sizes[f"{number} {name}"] = prod(weights.get_slice(name).get_shape())
        except (OSError, ValueError, SafetensorError) as error:
            raise UserError("incomplete weights", where=str(file), how=f"delete it and {how}") from error
    if not sizes:
        raise UserError("no weights (*.safetensors) here", where=str(model), how=how)
    return count(sizes)
