"""How large an encoder is, by the names and sizes of its weights; what an embedding is stands here alone.

count({"embeddings.word_embeddings.weight": 4000, "encoder.layer.0.output.dense.weight": 64})    # (4064, 64)
"""

from collections.abc import Mapping

# Of BERT's kin and ModernBERT: words, positions, token types, and their norm; of EuroBERT, which has words alone.
EMBEDDINGS = ("embeddings.", "embed_tokens.")


def count(sizes: Mapping[str, int]) -> tuple[int, int]:
    """Return the number of parameters, all and outside the embeddings.

    The second figure is the usual measure of size where one large vocabulary outweighs the layers.
    """
    outside = (size for name, size in sizes.items() if not any(part in name for part in EMBEDDINGS))
    return sum(sizes.values()), sum(outside)
