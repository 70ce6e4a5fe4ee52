"""Training of a supernova classifier: cross-entropy at every night and at the last one, on degraded curves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from skysure.data.sources import TRAIN, VALIDATION
from skysure.faults import Fault
from skysure.fit import State, combine, fit
from skysure.methods.uncertainty.likelihoods import mixture_nll

from .batches import Batch, Nights, augmented, by_length, nights, targets, tensors
from .networks import Classifier, network
from .settings import Settings


def train(
    source: Any, settings: Settings, state: State | None = None, *, accelerator: Accelerator | None = None
) -> Iterator[State]:
    """Train on the training part, each epoch on a new degradation of every light curve; a state an epoch.

    Raises
    ------
    Fault
        Where no training object has a label of one of the classes.
    """
    model = network(settings, source.schema)
    held = {part: labelled(source, part, model) for part in (TRAIN, VALIDATION)}
    model.adapt(*held[TRAIN])
    given, truth = held[TRAIN]

    def batches(part: str, epoch: int) -> Padded:
        if part != TRAIN:
            return padded(*copied(model, *held[part]), settings.batch)
        rng = np.random.default_rng(combine(settings.seed, epoch))
        return padded(*copied(model, augmented(given, settings, rng), truth), settings.batch, rng)

    yield from fit(
        model, batches, partial(nll, every_epoch=settings.every_epoch),
        objects=len(truth) * settings.members,  # the loss is the mean over the members, and so has their KL to be
        epochs=settings.epochs, learning_rate=settings.learning_rate, patience=settings.patience,
        average=settings.average, seed=settings.seed, state=state, accelerator=accelerator,
    )  # fmt: skip


def labelled(source: Any, part: str | None, model: Classifier) -> tuple[Nights, np.ndarray]:
    """Give the nights and classes of the objects of a part that can be classified and whose class is known."""
    found = []
    for chunk in source.chunks(part):
        truth = targets(chunk.objects.get("label", np.full(len(chunk), "")), model.classes)
        given = nights(chunk, model.bands, model.settings)
        use = np.flatnonzero((truth >= 0) & given.classifiable)
        found.append((given[use], truth[use]))
    if not sum(len(truth) for _, truth in found):
        raise Fault(
            f"no light curve of the part '{part}' has a label of the classes {', '.join(model.classes)}",
            "labelled light curves with a point of S/N > 4 and two nights",
            "labels of other names, or a label column that is not read",
            "--classes with the names of your labels, or the label column in [reading]",
        )  # fmt: skip
    return Nights.concat([n for n, _ in found]), np.concatenate([truth for _, truth in found])


def copied(model: Classifier, given: Nights, truth: np.ndarray) -> tuple[Nights, np.ndarray]:
    """Give light curves as the network reads them, each once or in several versions."""
    versions = model.encoder.versions(given, model.settings.seed)
    return Nights.concat(versions), np.tile(truth, len(versions))


@dataclass(frozen=True)
class Padded:
    """Batches of padded light curves with their class as "truth", made when they are walked."""

    given: Nights
    truth: np.ndarray
    parts: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[Batch]:
        for some in self.parts:
            yield tensors(self.given[some]) | {"truth": torch.from_numpy(self.truth[some])}


def padded(given: Nights, truth: np.ndarray, batch: int, rng: np.random.Generator | None = None) -> Padded:
    """Batch the objects that can be classified; shuffled with `rng`."""
    return Padded(given, truth, list(by_length(np.where(given.classifiable, given.counts, 0), batch, rng)))


def nll(model: nn.Module, batch: Batch, every_epoch: float = 0.0) -> Tensor:
    """Negative log-likelihood of each object, shape (object,); in `eval` that of its last night.

    In training it is the mean with that of all nights since the trigger, which has the weight `every_epoch`. That of
    an ensemble is the mean over its members, which share no weight (only the clipping of the gradient ties their
    steps); in `eval` that of their mixture.
    """
    logits = model(batch)
    logits = logits if logits.ndim == 4 else logits[None]  # (member, object, night, class)
    members, objects, length, _ = logits.shape
    truth = batch["truth"].repeat_interleave(length).repeat(members)
    per_night = F.cross_entropy(logits.flatten(0, 2), truth, reduction="none").view(members, objects, length)
    last = per_night[:, torch.arange(objects, device=logits.device), batch["nights"] - 1]
    if not model.training:
        return mixture_nll(last)
    night = torch.arange(length, device=logits.device)
    counted = ((night < batch["nights"][:, None]) & (batch["time"] > -0.5)).float()
    mean = (per_night * counted).sum(2) / counted.sum(1).clamp(min=1)
    return ((1 - every_epoch) * last + every_epoch * mean).mean(0)
