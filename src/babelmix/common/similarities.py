"""The similarities by which vectors can be compared, by name."""

from typing import Literal, get_args

from babelmix.common.errors import unknown_name

Similarity = Literal["cosine", "dot", "euclidean"]
SIMILARITIES: tuple[Similarity, ...] = get_args(Similarity)


def named_similarity(name: str | None, where: str = "--similarity") -> Similarity | None:
    """Return the similarity of that name, None for None; UserError for an unknown name."""
    if name is None:
        return None
    for similarity in SIMILARITIES:
        if similarity == name:
            return similarity
    raise unknown_name("similarity", name, SIMILARITIES, where=where)
