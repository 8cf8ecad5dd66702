"""Training in several processes: which texts each one encodes, and how vectors and gradients are put together.

    with process_group(settings.threads) as processes:     # one process, or those of torchrun or accelerate launch
        mine = processes.shard(lengths)                    # rows of the batch that this process encodes
        vectors = processes.gather(vectors_of_mine, mine, total)     # the whole batch, in every process
        processes.sum_gradients(parameters)

Every process draws the same batches and computes the loss of the whole batch, so a query sees the same negatives
whatever the number of processes. Each process sends the gradients of its own vectors back through its own encoder;
then the gradients of all processes are summed.
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

TIMEOUT = timedelta(minutes=10)  # how long a process waits for the others
READY = "babelmix/ready"  # the key in the processes' common store that says that all may join
BUCKET_SIZE = 25_000_000  # elements sent at once


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one training; this one is `rank` of `world_size` and computes on `device` with `threads`."""

    rank: int
    world_size: int
    device: torch.device
    threads: int

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def describe(self, bfloat16: bool) -> str:
        """Return the devices, the precision and the number of processes in words."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        threads = f", {self.threads} threads" if self.device.type == "cpu" else ""
        several = f", {self.world_size} processes" if self.world_size > 1 else ""
        return f"{name}{threads}, {'bfloat16' if bfloat16 else 'float32'}{several}"

    def shard(self, lengths: Sequence[int]) -> NDArray[np.int64]:
        """Return int64, ascending: the texts that this process encodes. All processes get nearly as many tokens.

        `lengths` are the tokens of each text. The texts, longest first, go to the processes forwards, then backwards.
        """
        order = np.argsort(-np.asarray(lengths), kind="stable")
        turn, place = np.divmod(np.arange(len(order)), self.world_size)
        owner = np.where(turn % 2 == 0, place, self.world_size - 1 - place)
        return np.sort(order[owner == self.rank])

    def gather(self, vectors: torch.Tensor, rows: NDArray[np.int64], total: int) -> torch.Tensor:
        """Return float32 [total, d]: this process's vectors at `rows`, those of the other processes at theirs."""
        whole = torch.zeros((total, vectors.shape[1]), dtype=torch.float32, device=vectors.device)
        whole[torch.from_numpy(rows).to(vectors.device)] = vectors.float()
        if self.world_size > 1:
            self._sum(whole)  # the rows of other processes are zero here
        return whole

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Replace each gradient by the sum over all processes."""
        if self.world_size == 1:
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
        """Return, in every process, whether all processes have the same number."""
        numbers = torch.zeros(self.world_size, dtype=torch.int64, device=self.device)
        numbers[self.rank] = number
        if self.world_size > 1:
            self._sum(numbers)
        return bool((numbers == number).all())

    def _sum(self, tensor: torch.Tensor) -> None:
        """Replace the tensor by the sum over all processes."""
        try:
            distributed.all_reduce(tensor)
        except RuntimeError as error:
            how = "read its error; then run the same command again, which resumes from the last checkpoint"
            where = f"process {self.rank + 1} of {self.world_size}"
            what = "another process of this training exited or does not answer"
            raise UserError(what, where=where, how=how) from error


@contextmanager
def process_group(
    threads: int, before: Callable[[ProcessGroup], None] = lambda processes: None
) -> Generator[ProcessGroup]:
    """Yield the process group: of one process, or of those that torchrun or `accelerate launch` started.

    The device is this process's GPU if there is one. On a CPU the processes of one machine share `threads` equally. The
    main process calls `before`, which may take hours, and only then the processes join each other. Raises UserError if
    they cannot.
    """
    rank, world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", world_size))
    local_rank = int(os.environ.get("LOCAL_RANK", rank))
    own_threads = max(1, threads // local_size)
    torch.set_num_threads(own_threads)
    if torch.cuda.is_available():
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
    elif torch.backends.mps.is_available() and world_size == 1:
        device = torch.device("mps")
    else:
        device = torch.device("cpu")
    processes = ProcessGroup(rank, world_size, device, own_threads)
    if world_size == 1:
        before(processes)
        yield processes
        return
    try:
        store, _, _ = next(rendezvous("env://", rank, world_size, timeout=TIMEOUT))
        if processes.is_main:
            before(processes)
            store.set(READY, "")
        while not store.check([READY]):  # polled, because one wait for a key ends after TIMEOUT
            time.sleep(0.1)
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=TIMEOUT)
    except (RuntimeError, ValueError) as error:  # the port is in use, a process never comes, there is no address
        how = "start all of them with torchrun or accelerate launch, on a free port (--master-port)"
        what = f"the {world_size} processes cannot connect ({str(error).splitlines()[0]})"
        raise UserError(what, where=f"process {rank + 1} of {world_size}", how=how) from error
    try:
        yield processes
    finally:
        distributed.destroy_process_group()


def _buckets(parameters: Sequence[torch.nn.Parameter]) -> Iterator[list[torch.nn.Parameter]]:
    """Yield the parameters in lists of at most BUCKET_SIZE elements; a larger one goes alone."""
    bucket: list[torch.nn.Parameter] = []
    for weight in parameters:
        if bucket and sum(other.numel() for other in bucket) + weight.numel() > BUCKET_SIZE:
            yield bucket
            bucket = []
        bucket.append(weight)
    if bucket:
        yield bucket
