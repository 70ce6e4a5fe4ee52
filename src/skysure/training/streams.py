"""Batches of images that are simulated while the network trains, new in every epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from skysure.data.simulated import SimulatedSource
from skysure.data.sources import TRAIN, Source

from .seeds import combine
from .supervised import Batch

RECENT = 32
"""Batches that are kept to be shown again."""

Encode = Callable[[Any], Batch]
Turn = Callable[[Batch, int, bool], Batch]


@dataclass(frozen=True)
class EpochBatches:
    """Batches of one epoch: new images, and again some of the recent ones, turned and mirrored at random.

    Images of a simulator are drawn by other processes while the network trains; what is drawn does not depend on their
    number.

    Parameters
    ----------
    source : Source
    encode : callable (chunk) -> dict of Tensor
        Images with their truth as the network reads them.
    turn : callable (batch, quarters, mirrored) -> dict of Tensor
        Turns a batch by quarters of a turn, after a reflection.
    epoch : int
    seed : int
    per_epoch : int
        New images of an epoch where they are simulated without end.
    batch : int
        Images of a batch.
    uses : int
        How often each image is shown in its epoch.
    block : int
        Images that the simulator draws at a time.
    """

    source: Source
    encode: Encode
    turn: Turn
    epoch: int
    seed: int
    per_epoch: int
    batch: int
    uses: int
    block: int

    def __len__(self) -> int:
        return -(-self.per_epoch // self.batch) * self.uses

    def __iter__(self) -> Iterator[Batch]:
        rng = np.random.default_rng(combine(self.seed, self.epoch))
        recent: list[Batch] = []
        for batch in rebatch(self._blocks(), self.batch):
            recent = [*recent[-RECENT + 1 :], batch]
            for use in range(self.uses):
                chosen = recent[rng.integers(len(recent))] if use else batch
                yield self.turn(chosen, int(rng.integers(4)), bool(rng.integers(2)))

    def _blocks(self) -> Iterator[Batch]:
        if not is_endless(self.source):
            yield from map(self.encode, self.source.chunks(TRAIN))
            return
        count = -(-self.per_epoch // self.block)
        yield from Blocks(self.source, self.encode, self.seed, self.epoch * count, count, self.block).batches()


@dataclass(frozen=True)
class Blocks(Dataset):
    """Blocks of a simulator by number, encoded.

    Parameters
    ----------
    source : SimulatedSource
    encode : callable (chunk) -> dict of Tensor
    seed : int
        Of the stream of images.
    first, count : int
        Number of the first block, and how many there are.
    size : int
        Images of a block.
    """

    source: SimulatedSource
    encode: Encode
    seed: int
    first: int
    count: int
    size: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Batch:
        block = self.first + index
        return self.encode(self.source.draw(self.seed, block, block * self.size))

    def batches(self) -> Iterator[Batch]:
        """Draw the blocks in their order, in other processes where there are processors for them."""
        workers = simulation_workers()
        with threads_beside(workers):
            yield from DataLoader(self, batch_size=None, num_workers=workers)


def is_endless(source: Source) -> TypeGuard[SimulatedSource]:
    """Whether a source simulates new images in every epoch."""
    return isinstance(source, SimulatedSource) and source.n is None


def rebatch(blocks: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Join and divide batches so that each has `size` images; what is left at the end makes a smaller one."""
    held: Batch = {}
    for block in blocks:
        held = {name: torch.cat([held[name], block[name]]) for name in block} if held else block
        while count(held) >= size:
            yield {name: values[:size] for name, values in held.items()}
            held = {name: values[size:] for name, values in held.items()}
    if held and count(held):
        yield held


def count(batch: Batch) -> int:
    """Number of objects of a batch."""
    return len(next(iter(batch.values())))


def simulation_workers() -> int:
    """Number of processes that simulate: the processors beside the one that trains, at most eight; of one, none."""
    return min(processors(), 9) - 1


@contextmanager
def threads_beside(workers: int) -> Iterator[None]:
    """Leave a processor to each of the processes that simulate: more threads than processors wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, processors() - workers)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def processors() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
