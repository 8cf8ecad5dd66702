"""How two vectors may be compared, by name."""

from typing import Literal, get_args

from babelmix.common.errors import unknown_name

Similarity = Literal["cosine", "dot", "euclidean"]
SIMILARITIES: tuple[Similarity, ...] = get_args(Similarity)


def named_similarity(name: str | None) -> Similarity | None:
    """Return a similarity by its name, None for none; UserError for one that is not offered."""
    if name is None:
        return None
    for similarity in SIMILARITIES:
        if similarity == name:
            return similarity
    raise unknown_name("similarity", name, SIMILARITIES, where="--similarity")
