"""Training of `sine`: the negative log-likelihood of a Gaussian whose width is learned, plus KL / N."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from skysure.data.sources import TRAIN, VALIDATION, Parted
from skysure.fit import Batch, State, combine, fit
from skysure.methods.uncertainty import gaussian_nll

from .networks import network
from .points import joined
from .settings import Settings


def train(
    source: Parted, settings: Settings, state: State | None = None, *, accelerator: Accelerator | None = None
) -> Iterator[State]:
    """Train on the training part; a state an epoch."""
    schema = source.schema
    held = {part: joined(source.chunks(part)) for part in (TRAIN, VALIDATION)}
    tensors = {
        part: {
            "x": torch.as_tensor(points.x, dtype=torch.float32),
            "y": torch.as_tensor((points.y - schema.mean) / schema.scale, dtype=torch.float32),
        }
        for part, points in held.items()
    }

    def batches(part: str, epoch: int) -> list[Batch]:
        size = len(held[part])
        order = np.arange(size)
        if part == TRAIN:
            order = np.random.default_rng(combine(settings.seed, epoch)).permutation(size)
        index = torch.from_numpy(order)
        return [{n: t[some] for n, t in tensors[part].items()} for some in index.split(settings.batch)]

    yield from fit(
        network(settings, schema), batches, nll, objects=len(held[TRAIN]), epochs=settings.epochs,
        learning_rate=settings.learning_rate, patience=settings.patience, seed=settings.seed,
        state=state, accelerator=accelerator,
    )  # fmt: skip


def nll(model: nn.Module, batch: Batch) -> Tensor:
    """Negative log-likelihood of each point, shape (object,)."""
    mean, log_variance = model(batch["x"]).split(1, dim=1)
    return gaussian_nll(mean, log_variance, batch["y"][:, None])
