"""A 1-D ResNet with the inputs and the number of weights of our recurrent network, and the cost of both."""

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
from skysure.applications.supernovae.batches import Batch, augment, group_by_night, tensors
from skysure.applications.supernovae.networks import Classifier, Recurrent, features, learning, network
from skysure.applications.supernovae.training import class_nll, make_batches, read_labelled
from skysure.data.lightcurves import LightCurves
from skysure.data.sources import TRAIN, VALIDATION, SplitSource
from skysure.methods.dropout import Dropout
from skysure.training import combine, fit, seeded

BLOCKS, KERNEL = 4, 5


class Block(nn.Module):
    """Two convolutions with a shortcut (He et al. 2016, arXiv:1512.03385) over earlier and later nights."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        around = {"padding": dilation * (KERNEL // 2), "dilation": dilation}
        self.layers = nn.ModuleList(nn.Conv1d(width, width, KERNEL, **around) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.layers[0](x))) * mask
        return F.relu(x + self.norms[1](self.layers[1](y))) * mask


class ResNet(nn.Module):
    """Residual blocks over all nights, then the mean and maximum over nights.

    Replaces the encoder of `Network`, with the same inputs, precision, summary and head.
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
        """Summary of all nights of each object, shape (object, unit)."""
        inside = torch.arange(batch["time"].shape[1]) < batch["nights"][:, None]
        x = (F.gelu(self.embedding(features(batch, self.scale))) * inside[..., None]).mT
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half and self.training):
            for block in self.blocks:
                x = block(x, inside[:, None])
        x, mask = x.mT.float(), inside[..., None]
        mean = x.masked_fill(~mask, 0.0).sum(1) / batch["nights"][:, None]
        most = x.masked_fill(~mask, -torch.inf).amax(1)
        return torch.cat([mean, most, batch["redshift"] * batch["redshift"][:, 2:].abs()], -1)


def make_resnet(settings: Settings, schema: Any) -> Classifier:
    """Make a classifier whose network is a ResNet with as many weights as the recurrent one."""
    model = network(settings, schema)
    bands = len(model.bands)

    def build(width: int) -> Classifier:
        with seeded(settings.seed):
            candidate, encoder = network(settings, schema), ResNet(settings, bands, width)
            candidate.networks[0].encoder = encoder
            dense = nn.Linear(encoder.units, settings.head)
            candidate.networks[0].head[0] = Dropout(dense, settings.rate, **learning(settings))
        return candidate

    return build(min(range(8, 160), key=lambda width: abs(count_weights(build(width)) - count_weights(model))))


def count_weights(model: Classifier) -> int:
    return sum(p.numel() for p in model.networks.parameters())


def last_nll(model: nn.Module, batch: Batch) -> Tensor:
    """Negative log-likelihood of each object after its last night, shape (object,)."""
    return F.cross_entropy(model(batch), batch["truth"], reduction="none")


def train_resnet(source: SplitSource, settings: Settings) -> Classifier:
    """Train a ResNet as `supernovae` trains its networks: augmentation, batches, epochs, optimiser, averaging."""
    model = make_resnet(settings, source.schema)
    parts = {part: read_labelled(source, part, model) for part in (TRAIN, VALIDATION)}
    model.adapt(*parts[TRAIN])

    def batches(part: str, epoch: int) -> Iterable[Batch]:
        rng = np.random.default_rng(combine(settings.seed, epoch)) if part == TRAIN else None
        sequences, truth = parts[part]
        return make_batches(augment(sequences, settings, rng) if rng else sequences, truth, settings.batch, rng)

    for state in fit(
        model.networks[0], batches, last_nll, settings.optimisation, objects=len(parts[TRAIN][1]), seed=settings.seed
    ):
        last = state
    model.networks[0].load_state_dict(last.weights)
    return model.eval()


def measure_epoch(
    model: Classifier, loss: Callable[[nn.Module, Batch], Tensor], batches: Iterator[Batch]
) -> tuple[float, float]:
    """Processor time [s] of an epoch, and the peak memory of tensors saved for the gradient [MiB]."""
    net, saved = model.networks[0].train(), []
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    start = time.process_time()
    for batch in batches:
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor, sizes: dict[int, int] = sizes) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            value = loss(net, batch).mean()
        saved.append(sum(sizes.values()) / 2**20)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
    return time.process_time() - start, max(saved)


def measure_costs(source: SplitSource, settings: Settings) -> dict[str, tuple[float, float, int]]:
    """Time, memory and number of weights of the recurrent network and of the ResNet, on the same batches."""
    results = {}
    losses = {"lstm": partial(nll_of_every_night, settings=settings), "resnet": last_nll}
    for name, model in {
        "lstm": network(settings, source.schema),
        "resnet": make_resnet(settings, source.schema),
    }.items():
        sequences, truth = read_labelled(source, TRAIN, model)
        model.adapt(sequences, truth)
        rng = np.random.default_rng(0)
        results[name] = (
            *measure_epoch(model, losses[name], make_batches(sequences, truth, settings.batch, rng)),
            count_weights(model),
        )
    return results


def nll_of_every_night(net: nn.Module, batch: Batch, settings: Settings) -> Tensor:
    return class_nll(net(batch), batch, settings.every_epoch)


def predict_probabilities(model: Classifier, curves: LightCurves) -> np.ndarray:
    """Probabilities without dropout noise, shape (object, class); class frequencies where data are insufficient."""
    sequences = group_by_night(curves, model.bands, model.settings)
    results = np.tile(model.frequency.numpy().astype(float), (len(curves), 1))
    for indices in np.array_split(np.flatnonzero(sequences.classifiable), max(1, len(curves) // 512)):
        batch = tensors(sequences[indices])
        with torch.no_grad():
            logits = model.networks[0](batch | {"at": batch["nights"] - 1})
        results[indices] = logits.double().softmax(-1).numpy()
    return results
