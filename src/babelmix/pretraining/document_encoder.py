"""The document encoder: it reads the vectors of a block with one masked, and predicts the masked one.

    encoder = DocumentEncoder(width=384, sentences=8, layers=2, seed=13)
    predictions = encoder(vectors)          # float32 [blocks * 8, 384] from vectors of the same shape

MSM (Zhang et al. 2023, arXiv 2302.01626): one document encoder for all languages, thrown away after pre-training. Its
shape is that of the authors' code: two post-norm Transformer layers of the sentence encoder's width, learned positions,
LayerNorm on the input, dropout .1, weights from N(0, .02). It masks every sentence of a block in turn.
"""

from typing import Any

import torch
from torch import nn

HEAD_WIDTH = 64  # of one attention head: 6 heads for width 384, as in BERT and XLM-R base
DROPOUT = 0.1
INITIAL_STD = 0.02


class DocumentEncoder(nn.Module):
    """A Transformer over the vectors of a block."""

    def __init__(self, *, width: int, sentences: int, layers: int, seed: int) -> None:
        """Make random weights from the seed; the global generator stays as it is.

        Args:
            width: of the vectors.
            sentences: vectors of a block.
            layers: of the Transformer.
            seed: of the weights.
        """
        super().__init__()
        self._sentences = sentences
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layer = nn.TransformerEncoderLayer(
                width,
                heads_of(width),
                dim_feedforward=4 * width,
                dropout=DROPOUT,
                activation="gelu",
                batch_first=True,
            )
            self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
            self.positions = nn.Parameter(torch.empty(sentences, width))
            self.mask = nn.Parameter(torch.empty(width))
            self.norm = nn.LayerNorm(width)
            self.dropout = nn.Dropout(DROPOUT)
            for weight in self.parameters():  # all layers anew: torch makes them copies of one
                if weight.ndim > 1 or weight is self.mask:
                    nn.init.normal_(weight, std=INITIAL_STD)
            for name, weight in self.named_parameters():
                if name.endswith("bias"):
                    nn.init.zeros_(weight)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return the prediction of each vector from the others of its block, float32 [blocks * sentences, width].

        A block of s vectors is read s times. The i-th copy has the mask at place i, and the prediction is the output
        there, so it does not depend on the vector it predicts.

        Args:
            vectors: float [blocks * sentences, width], block by block.
        """
        size, width = self._sentences, vectors.shape[1]
        places = torch.arange(size, device=vectors.device)
        masked = torch.eye(size, dtype=torch.bool, device=vectors.device)[None, :, :, None]
        copies = vectors.float().view(-1, 1, size, width)
        read = torch.where(masked, self.mask, copies).reshape(-1, size, width)
        hidden = self.dropout(self.norm(read + self.positions))
        *before, last = self.layers.layers
        for layer in before:
            hidden = layer(hidden)
        at_mask = hidden.view(-1, size, size, width)[:, places, places].reshape(-1, 1, width)
        return _through(last, at_mask, hidden)[:, 0]


def _through(layer: Any, queries: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """Return a post-norm layer's output of `queries` [rows, few, width] alone, which attend to all of `hidden`.

    The last layer's output is read at the mask only: of 8 places one, so this saves a third of the whole.
    """
    attended = layer.self_attn(queries, hidden, hidden, need_weights=False)[0]
    queries = layer.norm1(queries + layer.dropout1(attended))
    forward = layer.linear2(layer.dropout(layer.activation(layer.linear1(queries))))
    return layer.norm2(queries + layer.dropout2(forward))


def heads_of(width: int) -> int:
    """Return the attention heads of a width: one for each 64 dimensions, one at least, and a divisor of the width."""
    heads = max(1, width // HEAD_WIDTH)
    return next(number for number in range(heads, 0, -1) if width % number == 0)
