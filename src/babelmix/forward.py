"""Texts through an encoder: its prompt in front, cut to a length, texts of near lengths together.

    for rows, vectors in forward(model, texts, prompt="query", max_tokens=32, tokens_per_batch=1024):
        ...                                    # vectors[i] belongs to texts[rows[i]]

Training and embedding go through here, so that a text is read in one way. Grouping by length changes no sum, only how
much padding the layers multiply.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


def forward(
    model: "SentenceTransformer", texts: Sequence[str], *, prompt: str, max_tokens: int, tokens_per_batch: int
) -> Iterator[tuple[list[int], "torch.Tensor"]]:
    """Yield (row numbers, float [rows, dimension] vectors), shortest texts first; together they cover all texts once.

    `prompt` is "query" or "passage"; the prefix is the model's own prompt for it, none where it has none.
    `tokens_per_batch` bounds rows times the longest row; a single longer text still goes alone. Gradients and autocast
    are the caller's.
    """
    names = {"query": ("query",), "passage": ("document", "passage")}[prompt]  # "document" is the library's name
    prefix = next((found for name in names if (found := model.prompts.get(name))), "")
    tokens = model.tokenizer([prefix + text for text in texts], truncation=True, max_length=max_tokens)
    ids: list[list[int]] = tokens["input_ids"]
    for rows in group_by_length([len(row) for row in ids], tokens_per_batch):
        features = model.tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt")
        yield rows, model(dict(features.to(model.device)))["sentence_embedding"]


def group_by_length(lengths: Sequence[int], tokens_per_batch: int) -> Iterator[list[int]]:
    """Yield groups of row numbers in ascending order of length (then of row), each as large as the bound allows."""
    group: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if group and (len(group) + 1) * lengths[row] > tokens_per_batch:  # this row would be the longest
            yield group
            group = []
        group.append(row)
    if group:
        yield group
