"""Training of a classifier on inputs that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from skysure.methods.arrays import Array

from .batches import shuffled_batches
from .settings import SupervisedSettings
from .state import State
from .supervised import Batch, fit


def fit_classes(
    model: nn.Module,
    parts: Mapping[str, tuple[Array, Array]],
    settings: SupervisedSettings,
    state: State | None = None,
    accelerator: Accelerator | None = None,
) -> Iterator[State]:
    """Minimise the mean cross-entropy of the true classes, plus KL / N; a state per epoch.

    Parameters
    ----------
    model : nn.Module
        From inputs to logits of shape (object, class).
    parts : mapping of str to (inputs, truth)
        Inputs, which become float32, and class indices of the parts "train" and "validation"; objects along axis 0.
    settings : SupervisedSettings
    state : State, optional
        The state to continue from.
    accelerator : Accelerator, optional
    """
    tensors = {
        part: {"inputs": torch.as_tensor(inputs, dtype=torch.float32), "truth": torch.as_tensor(truth)}
        for part, (inputs, truth) in parts.items()
    }
    return fit(
        model, shuffled_batches(tensors, settings.batch, settings.seed), cross_entropy, settings.optimisation,
        objects=len(tensors["train"]["truth"]), seed=settings.seed, state=state, accelerator=accelerator,
    )  # fmt: skip


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    """Negative log-probability of the true class of each object, shape (object,)."""
    return nn.functional.cross_entropy(model(batch["inputs"]), batch["truth"], reduction="none")
