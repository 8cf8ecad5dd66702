"""Matryoshka widths: an exported model that gives the first dimensions of its vectors only.

    set_width(model, 128)                   # in place; SentenceTransformer(folder).encode(...) then has 128 columns

The cut is a `Dense` of ones and zeros in front of the last `Normalize`: the vectors have unit length, in every engine
that runs the model's modules. The library's own `truncate_dim` would cut behind the norm, so that dot products of the
vectors were no cosines.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from babelmix.common.errors import UserError
from babelmix.common.progress import say

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def set_width(model: "SentenceTransformer", width: int, *, trained: Sequence[int] = ()) -> None:
    """Make a model give the first `width` dimensions of its vectors, normalised again; in place.

    A width equal to the model's own changes nothing. A width that the model was not trained with is allowed, and said.

    Args:
        model: of any last modules; a `Normalize` is added where it has none.
        width: from 1 to the model's dimensions.
        trained: the widths of `train.matryoshka`, if the model was trained with such.

    Raises:
        UserError: a width that does not exist.

    >>> from types import SimpleNamespace
    >>> set_width(SimpleNamespace(get_embedding_dimension=lambda: 384), 512)
    Traceback (most recent call last):
    babelmix.common.errors.UserError: width: the model has no width of 512; choose from 1 to 384
    """
    whole = model.get_embedding_dimension()
    if whole is None or not 1 <= width <= whole:
        how = f"choose from 1 to {whole}" if whole else "leave it out: the model does not say how wide it is"
        raise UserError(f"the model has no width of {width}", where="width", how=how)
    if width == whole:
        return
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    if width not in trained:
        widths = f"it was trained with {', '.join(map(str, trained))}" if trained else "it was trained with none"
        say(f"the model was not trained at {width} dimensions ({widths}): measure what the cut costs")
    if not isinstance(model[-1], Normalize):
        model.append(Normalize())
    cut = Dense(whole, width, bias=False, activation_function=torch.nn.Identity(), init_weight=torch.eye(width, whole))
    model.insert(len(model) - 1, cut.to(model.device))
