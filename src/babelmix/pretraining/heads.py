"""The heads of the loss: one for predictions, one for the vectors that they must find; thrown away after pre-training.

    heads = Heads(width=384, seed=13)
    scores = heads.queries(predictions) @ heads.keys(vectors).T       # cosines, float32 [texts, texts]

As in the authors' code of MSM: two separate Linear-BatchNorm-ReLU-Linear-BatchNorm, linear layers without bias, the
last normalisation without weights of its own; then the L2 norm. All in float32. A batch has one language, so that
BatchNorm takes out what all texts of the language share.
"""

import torch
from torch import nn
from torch.nn.functional import normalize


class Heads(nn.Module):
    """The head of the queries (predictions) and that of the keys (vectors)."""

    def __init__(self, *, width: int, seed: int) -> None:
        """Make random weights of `width` from the seed; the global generator stays as it is."""
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.query, self.key = _head(width), _head(width)

    def queries(self, predictions: torch.Tensor) -> torch.Tensor:
        """Return L2-normalised queries, float32 [texts, width]."""
        return normalize(self.query(predictions.float()), dim=-1)

    def keys(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return L2-normalised keys, float32 [texts, width]."""
        return normalize(self.key(vectors.float()), dim=-1)


def _head(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width, affine=False),
    )
