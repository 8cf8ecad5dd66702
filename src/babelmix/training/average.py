"""The mean of the weights along a training (LAWA, arXiv 2209.14981; SWA, arXiv 1803.05407).

    mean = WeightMean(first=120)           # or with the `weights` of a checkpoint, to resume
    mean.add(number, engine.named)         # after every step, from 1
    engine.load_weights(mean.weights)      # at the end

The mean costs one more copy of the trained weights and a pass over them a step; the encoder runs no more often.
"""

from collections.abc import Mapping

import torch


def first_averaged(share: float, steps: int) -> int:
    """Return the first step (from 1) whose weights are in the mean: the one after a share of the steps.

    >>> first_averaged(0.5, 240), first_averaged(0.0, 240), first_averaged(0.999, 3)
    (121, 1, 3)
    """
    return int(share * steps) + 1


class WeightMean:
    """The running mean of the weights after each step from `first` on, float32 on the weights' device.

    `weights`: the mean so far, by name; empty before step `first`. It depends on the weights of the steps alone, not on
    where a training was stopped.
    """

    def __init__(self, first: int, weights: Mapping[str, torch.Tensor] | None = None) -> None:
        """`weights`: the mean at the step where a training resumes; None or empty: none yet."""
        self._first = first
        self.weights: dict[str, torch.Tensor] = dict(weights or {})

    @torch.no_grad()
    def add(self, number: int, weights: Mapping[str, torch.Tensor]) -> None:
        """Take the weights after step `number` into the mean, if it is `first` or later."""
        count = number - self._first + 1  # of the steps in the mean, this one included
        for name, weight in weights.items() if count > 0 else ():
            if count == 1:
                self.weights[name] = weight.detach().clone()
            else:
                mean = self.weights[name] = self.weights[name].to(weight.device)
                mean.add_((weight - mean) / count)
