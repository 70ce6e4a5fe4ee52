"""Training of `lensing`: the likelihood of the true parameters, on images that are new in every epoch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from skysure.data.simulated import SimulatedSource
from skysure.data.sources import TRAIN, VALIDATION, Source
from skysure.errors import InputError
from skysure.training import State, combine, copy_to_cpu, fit, prefixed

from .encoding import Batch, encode, true_values, turn
from .images import LensImages
from .networks import LensModel, network
from .parameters import NAMES
from .rates import choose_rate
from .settings import Settings
from .simulator import BLOCK

RECENT = 32
"""Batches that are kept to be shown again."""


def train(
    source: Source, settings: Settings, state: State | None = None, *, accelerator: Accelerator | None = None
) -> Iterator[State]:
    """Train on the training part, and yield a State after every epoch.

    Raises
    ------
    InputError
        Where a training or validation image lacks a true parameter.
    """
    model = network(settings, source.schema)
    validation = [encode_labelled(chunk.cut(settings.size)) for chunk in source.chunks(VALIDATION)]
    require_truth(validation, VALIDATION)
    model.adapt({name: torch.cat([batch[name] for batch in validation]) for name in ("truth", "scalars")})

    def batches(part: str, epoch: int) -> Any:
        if part == VALIDATION:
            return validation
        return EpochBatches(source, settings, epoch)

    total = settings.per_epoch * settings.epochs if is_endless(source) else len(source.index().ids)
    states = fit(
        model, batches, nll, settings.optimisation,
        objects=total, seed=settings.seed, state=state, accelerator=accelerator,
    )  # fmt: skip
    for now in states:
        yield with_chosen_rate(now, model, validation) if now.done and settings.choose_rate else now


def with_chosen_rate(state: State, model: LensModel, validation: list[Batch]) -> State:
    """Give the last state with the dropout rate that the validation part chooses for its best weights."""
    model.load_state_dict(state.weights)
    choose_rate(model, validation)
    return replace(state, tensors=state.tensors | prefixed(copy_to_cpu(model.state_dict()), "best."))


def nll(model: nn.Module, batch: Batch) -> Tensor:
    """Negative log-likelihood of the true parameters of each image, summed over the members, shape (object,)."""
    return model(batch)


def encode_labelled(images: LensImages) -> Batch:
    """Give a batch with "truth": the parameters as the network predicts them, lengths in pixels."""
    return encode(images) | {"truth": true_values(images).float()}


def require_truth(batches: list[Batch], part: str) -> None:
    """Raise InputError where there is no image, or one lacks a true parameter."""
    if not batches or not all(torch.isfinite(batch["truth"]).all() for batch in batches):
        raise InputError(
            f"images of the {part} part without true parameters" if batches else f"no images in the {part} part",
            ", ".join(NAMES), "observed lenses, whose parameters are not known",
            "train on simulated images: skysure train lensing",
        )  # fmt: skip


@dataclass(frozen=True)
class EpochBatches:
    """Batches of one epoch: new images, and again some of the recent ones, turned and mirrored at random.

    Images of a simulator are drawn by other processes while the network trains; what is drawn does not depend on their
    number.
    """

    source: Source
    settings: Settings
    epoch: int

    def __len__(self) -> int:
        return -(-self.settings.per_epoch // self.settings.batch) * self.settings.uses

    def __iter__(self) -> Iterator[Batch]:
        rng = np.random.default_rng(combine(self.settings.seed, self.epoch))
        recent: list[Batch] = []
        for batch in rebatch(self._blocks(), self.settings.batch):
            recent = [*recent[-RECENT + 1 :], batch]
            for use in range(self.settings.uses):
                chosen = recent[rng.integers(len(recent))] if use else batch
                yield turn(chosen, int(rng.integers(4)), bool(rng.integers(2)))

    def _blocks(self) -> Iterator[Batch]:
        if not is_endless(self.source):
            yield from (encode_labelled(chunk.cut(self.settings.size)) for chunk in self.source.chunks(TRAIN))
            return
        count = -(-self.settings.per_epoch // BLOCK)
        blocks, workers = Blocks(self.source, self.settings.seed, self.epoch * count, count), simulation_workers()
        with threads_beside(workers):
            yield from DataLoader(blocks, batch_size=None, num_workers=workers)


@dataclass(frozen=True)
class Blocks(Dataset):
    """Blocks of a simulator by number, encoded."""

    source: SimulatedSource
    seed: int
    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Batch:
        block = self.first + index
        return encode_labelled(self.source.draw(self.seed, block, block * BLOCK))


def is_endless(source: Source) -> TypeGuard[SimulatedSource]:
    """Whether a source simulates new images in every epoch."""
    return isinstance(source, SimulatedSource) and source.n is None


def rebatch(blocks: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Join and divide batches so that each has `size` images; what is left at the end makes a smaller one."""
    held: Batch = {}
    for block in blocks:
        held = {name: torch.cat([held[name], block[name]]) for name in block} if held else block
        while len(held["truth"]) >= size:
            yield {name: values[:size] for name, values in held.items()}
            held = {name: values[size:] for name, values in held.items()}
    if held and len(held["truth"]):
        yield held


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
