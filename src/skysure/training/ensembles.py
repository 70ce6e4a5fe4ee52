"""Training the members of an ensemble together: each has its own loss, best epoch and patience.

A single network is the case without a member axis: its losses and counters are scalars.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from skysure.methods.ensembles import Ensemble, clip_member_gradients

Loss = Callable[[nn.Module, dict[str, Tensor]], Tensor]
"""(model, batch) to the negative log-likelihood of each object, shape (object,), or (member, object)."""


def member_losses(nll: Loss, own_batches: bool) -> Loss:
    """Turn the loss of one network into that of all members, shape (member, object).

    The call goes through the ensemble's forward, where distributed processes exchange gradients.
    """
    return lambda ensemble, batch: ensemble(batch, own_batches, nll)


def clip_gradient(model: nn.Module, largest: float, accelerator: Accelerator) -> None:
    """Clip the norm of the gradient; per member of an ensemble."""
    if isinstance(model, Ensemble):
        accelerator.unscale_gradients()
        clip_member_gradients(model, largest)
    else:
        accelerator.clip_grad_norm_(model.parameters(), largest)


def update_best(nll: Tensor, epoch: int, patience: int, counters: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
    """Compare the validation NLL of an epoch with the best one so far, for each member until its patience is exceeded.

    The first epoch always counts.

    Returns
    -------
    improved : Tensor of bool, shape () or (member,)
    counters : dict
        With "best_nll" and "best_epoch" updated.
    """
    best_nll, best_epoch = torch.tensor(counters["best_nll"]).double(), torch.tensor(counters["best_epoch"])
    improved = (nll < best_nll) & (epoch - best_epoch <= max(patience, 1))
    best = {"best_nll": torch.where(improved, nll, best_nll), "best_epoch": torch.where(improved, epoch, best_epoch)}
    return improved, counters | {name: value.tolist() for name, value in best.items()}


def select_best(improved: Tensor, current: dict[str, Tensor], previous: dict[str, Tensor]) -> dict[str, Tensor]:
    """Select the current tensors where they improved, else the previous ones; per member of an ensemble."""
    best = {}
    for name, tensor in current.items():
        mask = improved.reshape(improved.shape + (1,) * (tensor.ndim - improved.ndim))
        best[name] = torch.where(mask, tensor, previous.get(name, tensor))
    return best
