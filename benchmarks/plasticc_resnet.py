"""A 1-D ResNet that reads what our recurrent network reads, of as many weights, and what either costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skysure.applications.supernovae import Settings
from skysure.applications.supernovae.batches import Batch, augmented, nights, tensors
from skysure.applications.supernovae.networks import Classifier, Recurrent, features, learning, network
from skysure.applications.supernovae.training import class_nll, labelled, padded
from skysure.data.lightcurves import LightCurves
from skysure.data.sources import TRAIN, VALIDATION, SplitSource
from skysure.methods.dropout import Dropout
from skysure.training import combine, fit, seeded

BLOCKS, KERNEL = 4, 5


class Block(nn.Module):
    """Two convolutions beside a shortcut (He et al. 2016, arXiv:1512.03385); sees nights before and after."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        around = {"padding": dilation * (KERNEL // 2), "dilation": dilation}
        self.layers = nn.ModuleList(nn.Conv1d(width, width, KERNEL, **around) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(2))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.layers[0](x))) * there
        return F.relu(x + self.norms[1](self.layers[1](y))) * there


class ResNet(nn.Module):
    """Residual blocks over all nights, and the mean and maximum of what they make of them.

    In place of the encoder of `Network`: the same inputs, precision, summary and head.
    """

    def __init__(self, settings: Settings, bands: int, width: int) -> None:
        super().__init__()
        self.half = settings.precision == "bfloat16"
        self.register_buffer("scale", torch.ones(bands))
        self.embedding = nn.Linear(5 * bands + 7, width)
        self.blocks = nn.ModuleList(Block(width, 2**k) for k in range(BLOCKS))
        self.units = 2 * width + 3

    adapt, versions = Recurrent.adapt, Recurrent.versions

    def forward(self, batch: Batch) -> Tensor:
        """Give the summary of all nights of each object, shape (object, unit)."""
        inside = torch.arange(batch["time"].shape[1]) < batch["nights"][:, None]
        x = (F.gelu(self.embedding(features(batch, self.scale))) * inside[..., None]).mT
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half and self.training):
            for block in self.blocks:
                x = block(x, inside[:, None])
        x, there = x.mT.float(), inside[..., None]
        mean = x.masked_fill(~there, 0.0).sum(1) / batch["nights"][:, None]
        most = x.masked_fill(~there, -torch.inf).amax(1)
        return torch.cat([mean, most, batch["redshift"] * batch["redshift"][:, 2:].abs()], -1)


def resnet(settings: Settings, schema: Any) -> Classifier:
    """Make a classifier whose one network is a ResNet of as many weights as the recurrent one."""
    model = network(settings, schema)
    bands = len(model.bands)

    def of(width: int) -> Classifier:
        with seeded(settings.seed):
            made, encoder = network(settings, schema), ResNet(settings, bands, width)
            made.networks[0].encoder = encoder
            dense = nn.Linear(encoder.units, settings.head)
            made.networks[0].head[0] = Dropout(dense, settings.rate, **learning(settings))
        return made

    return of(min(range(8, 160), key=lambda width: abs(weights(of(width)) - weights(model))))


def weights(model: Classifier) -> int:
    return sum(p.numel() for p in model.networks.parameters())


def last_nll(model: nn.Module, batch: Batch) -> Tensor:
    """Negative log-likelihood of each object from all its nights, shape (object,)."""
    return F.cross_entropy(model(batch), batch["truth"], reduction="none")


def trained(source: SplitSource, settings: Settings) -> Classifier:
    """Train a ResNet as `supernovae` trains its networks: degradations, batches, epochs, optimiser, averaging."""
    model = resnet(settings, source.schema)
    held = {part: labelled(source, part, model) for part in (TRAIN, VALIDATION)}
    model.adapt(*held[TRAIN])

    def batches(part: str, epoch: int) -> Iterable[Batch]:
        rng = np.random.default_rng(combine(settings.seed, epoch)) if part == TRAIN else None
        given, truth = held[part]
        return padded(augmented(given, settings, rng) if rng else given, truth, settings.batch, rng)

    for state in fit(
        model.networks[0], batches, last_nll, settings.optimisation, objects=len(held[TRAIN][1]), seed=settings.seed
    ):
        last = state
    model.networks[0].load_state_dict(last.weights)
    return model.eval()


def cost(
    model: Classifier, loss: Callable[[nn.Module, Batch], Tensor], batches: Iterator[Batch]
) -> tuple[float, float]:
    """Give seconds of one core an epoch over batches, and the most that is kept for a gradient [MiB]."""
    net, kept = model.networks[0].train(), []
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    start = time.process_time()
    for batch in batches:
        held: dict[int, int] = {}

        def pack(tensor: Tensor, held: dict[int, int] = held) -> Tensor:
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            value = loss(net, batch).mean()
        kept.append(sum(held.values()) / 2**20)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
    return time.process_time() - start, max(kept)


def costs(source: SplitSource, settings: Settings) -> dict[str, tuple[float, float, int]]:
    """Give what an epoch of the recurrent network and of the ResNet costs, on the same batches, and their weights."""
    found = {}
    losses = {"lstm": partial(of_every_night, settings=settings), "resnet": last_nll}
    for name, model in {"lstm": network(settings, source.schema), "resnet": resnet(settings, source.schema)}.items():
        given, truth = labelled(source, TRAIN, model)
        model.adapt(given, truth)
        rng = np.random.default_rng(0)
        found[name] = (*cost(model, losses[name], padded(given, truth, settings.batch, rng)), weights(model))
    return found


def of_every_night(net: nn.Module, batch: Batch, settings: Settings) -> Tensor:
    return class_nll(net(batch), batch, settings.every_epoch)


def answered(model: Classifier, curves: LightCurves) -> np.ndarray:
    """Give probabilities without noise in the head, shape (object, class); frequencies where too little was seen."""
    given = nights(curves, model.bands, model.settings)
    found = np.tile(model.frequency.numpy().astype(float), (len(curves), 1))
    for some in np.array_split(np.flatnonzero(given.classifiable), max(1, len(curves) // 512)):
        batch = tensors(given[some])
        with torch.no_grad():
            logits = model.networks[0](batch | {"at": batch["nights"] - 1})
        found[some] = logits.double().softmax(-1).numpy()
    return found
