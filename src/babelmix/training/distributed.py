"""Training in several processes: who this one is, what it encodes, and how vectors and gradients come together.

    with workers(settings.threads) as team:                # alone, or under torchrun or accelerate launch
        mine = team.share(lengths)                         # rows of the batch that this process encodes
        vectors = team.gather(vectors_of_mine, mine, total)     # the whole batch, in every process
        team.sum_gradients(parameters)

Every process makes the same batches and takes the loss over the whole batch, so every query sees the same negatives
however many processes there are. What a loss says of a process's own vectors goes back through its own encoder, and the
gradients of all are added.
"""

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed
from torch.distributed.rendezvous import rendezvous

from babelmix.common.errors import UserError

SILENCE = timedelta(minutes=10)  # how long a process waits for the others
READY = "babelmix/ready"  # set in the processes' common store when all may join
BUCKET = 25_000_000  # numbers sent at once


@dataclass(frozen=True)
class Team:
    """This process (`rank` of `world`), and the device that it computes on."""

    rank: int
    world: int
    device: torch.device
    threads: int

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def describe(self, bfloat16: bool) -> str:
        """Return the devices in words."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        threads = f", {self.threads} threads" if self.device.type == "cpu" else ""
        several = f", {self.world} processes" if self.world > 1 else ""
        return f"{name}{threads}, {'bfloat16' if bfloat16 else 'float32'}{several}"

    def share(self, lengths: Sequence[int]) -> NDArray[np.int64]:
        """Return the numbers of the texts that this process encodes: equal work, the longest dealt out first."""
        order = np.argsort(-np.asarray(lengths), kind="stable")
        places = np.arange(len(order))
        turn, place = np.divmod(places, self.world)
        dealt_to = np.where(turn % 2 == 0, place, self.world - 1 - place)  # there and back, as at cards
        return np.sort(order[dealt_to == self.rank])

    def gather(self, vectors: torch.Tensor, rows: NDArray[np.int64], total: int) -> torch.Tensor:
        """Return float32 [total, d]: this process's vectors at `rows`, and those of the others at theirs."""
        whole = torch.zeros((total, vectors.shape[1]), dtype=torch.float32, device=vectors.device)
        whole[torch.from_numpy(rows).to(vectors.device)] = vectors.float()
        if self.world > 1:
            self._sum(whole)  # what others have is zero here
        return whole

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Add the gradients of all processes up, in place."""
        if self.world == 1:
            return
        used = [weight for weight in parameters if weight.grad is not None]
        for bucket in _buckets(used):
            grads = [weight.grad for weight in bucket if weight.grad is not None]
            flat = torch.cat([grad.to_dense().flatten() for grad in grads])
            self._sum(flat)
            for weight, part in zip(bucket, flat.split([weight.numel() for weight in bucket]), strict=True):
                summed = part.view_as(weight)
                sparse = weight.grad is not None and weight.grad.is_sparse
                weight.grad = summed.to_sparse(1) if sparse else summed.clone()

    def agree(self, number: int) -> bool:
        """Say, to every process alike, whether all of them have the same number."""
        numbers = torch.zeros(self.world, dtype=torch.int64, device=self.device)
        numbers[self.rank] = number
        if self.world > 1:
            self._sum(numbers)
        return bool((numbers == number).all())

    def _sum(self, tensor: torch.Tensor) -> None:
        """Add the tensors of all processes up, in place."""
        try:
            distributed.all_reduce(tensor)
        except RuntimeError as error:
            how = "see what it said; start the same command again, and it goes on from the last look at the dev losses"
            where = f"process {self.rank + 1} of {self.world}"
            raise UserError("another process of this training has died or is silent", where=where, how=how) from error


@contextmanager
def workers(threads: int, before: Callable[[Team], None] = lambda team: None) -> Generator[Team]:
    """Yield this process's team: of one, or of those that torchrun or `accelerate launch` started.

    The device is this process's GPU where there is one. On a CPU the threads are divided among the processes of this
    machine. The first process calls `before`, which may take hours, before any of them joins the others.
    """
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    here, local = int(os.environ.get("LOCAL_WORLD_SIZE", world)), int(os.environ.get("LOCAL_RANK", rank))
    own = max(1, threads // here)
    torch.set_num_threads(own)
    if torch.cuda.is_available():
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    elif torch.backends.mps.is_available() and world == 1:
        device = torch.device("mps")
    else:
        device = torch.device("cpu")
    team = Team(rank, world, device, own)
    if world == 1:
        before(team)
        yield team
        return
    try:
        store, _, _ = next(rendezvous("env://", rank, world, timeout=SILENCE))
        if team.first:
            before(team)
            store.set(READY, "")
        while not store.check([READY]):  # asked again and again, since a wait for a key ends after SILENCE
            time.sleep(0.1)
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=SILENCE)
    except (RuntimeError, ValueError) as error:  # a port that is taken, a partner that never comes, no address
        how = "start all of them with torchrun or accelerate launch, on a port that is free (--master-port)"
        what = f"the {world} processes do not find one another ({str(error).splitlines()[0]})"
        raise UserError(what, where=f"process {rank + 1} of {world}", how=how) from error
    try:
        yield team
    finally:
        distributed.destroy_process_group()


def _buckets(parameters: Sequence[torch.nn.Parameter]) -> Iterator[list[torch.nn.Parameter]]:
    bucket: list[torch.nn.Parameter] = []
    for weight in parameters:
        if bucket and sum(other.numel() for other in bucket) + weight.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(weight)
    if bucket:
        yield bucket
