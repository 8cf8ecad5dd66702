"""Vectors from the device to the host, while the device computes the next group.

    for rows, vectors in fetched(groups):       # groups of (rows, tensor on the device)
        ...                                     # the tensor is on the host

A GPU works on its own, and only a copy that waits for it holds the host up. So the copy of a group goes into pinned
memory without waiting, and is handed out after the next group was given to the GPU. On a CPU nothing is copied.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch

Rows = TypeVar("Rows")


def fetched(groups: Iterable[tuple[Rows, torch.Tensor]]) -> Iterator[tuple[Rows, torch.Tensor]]:
    """Yield the groups in order, their tensors on the host; on a GPU one group late."""
    waiting: tuple[Rows, torch.Tensor, torch.Event] | None = None
    for rows, vectors in groups:
        if vectors.device.type != "cuda":
            yield rows, vectors.cpu()
            continue
        host = torch.empty(vectors.shape, dtype=vectors.dtype, pin_memory=True)
        host.copy_(vectors, non_blocking=True)
        copied = torch.Event("cuda")
        copied.record(torch.cuda.current_stream(vectors.device))
        if waiting is not None:
            waiting[2].synchronize()
            yield waiting[0], waiting[1]
        waiting = rows, host, copied
    if waiting is not None:
        waiting[2].synchronize()
        yield waiting[0], waiting[1]
