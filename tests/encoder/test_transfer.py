"""Vectors come to the host in order; on a GPU one group late."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from babelmix.encoder.transfer import fetched


def test_on_a_cpu_each_group_comes_as_it_is() -> None:
    groups = [([number], torch.full((2,), float(number))) for number in range(3)]
    found = list(fetched(groups))
    assert [rows for rows, _ in found] == [[0], [1], [2]]
    assert all(one is other for (_, one), (_, other) in zip(found, groups, strict=True))


class OnGpu:
    """Stands for vectors on a GPU: knows what the transfer asks of them."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values, self.device, self.shape, self.dtype = values, torch.device("cuda", 0), values.shape, values.dtype


class Host(torch.Tensor):
    """Memory that a copy without waiting fills only when its event is over."""

    pending: list[tuple[torch.Tensor, torch.Tensor]]

    def copy_(self, source: Any, non_blocking: bool = False) -> Any:
        assert non_blocking
        Host.pending.append((self, source.values))
        return self


class Event:
    def __init__(self, device: str) -> None:
        assert device == "cuda"

    def record(self, stream: str) -> None:
        assert stream == "stream of cuda:0"
        self.copies = Host.pending
        Host.pending = []

    def synchronize(self) -> None:
        for host, values in self.copies:
            host.as_subclass(torch.Tensor).copy_(values)


def test_on_a_gpu_a_group_is_handed_out_after_the_next_was_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    empty, Host.pending = torch.empty, []

    def pinned(shape: torch.Size, dtype: torch.dtype, pin_memory: bool) -> Host:
        assert pin_memory
        return empty(shape, dtype=dtype).fill_(-1).as_subclass(Host)

    monkeypatch.setattr(torch, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    monkeypatch.setattr(torch, "empty", pinned)
    computed: list[int] = []

    def groups() -> Iterator[tuple[int, Any]]:
        for number in range(4):
            computed.append(number)
            yield number, OnGpu(torch.tensor([float(number)]))

    seen = [(rows, vectors.as_subclass(torch.Tensor).item(), len(computed)) for rows, vectors in fetched(groups())]
    assert seen == [(0, 0.0, 2), (1, 1.0, 3), (2, 2.0, 4), (3, 3.0, 4)]
