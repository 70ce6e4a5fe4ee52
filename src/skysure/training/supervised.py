"""The supervised training loop: a generator of epochs, on one or several devices, that can be resumed exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from operator import length_hint
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from skysure.methods.dropout import noise, rates
from skysure.methods.ensembles import Ensemble
from skysure.methods.variational import kl

from .ensembles import Loss, clip_gradient, member_losses, select_best, update_best
from .optimisation import Optimisation
from .seeds import combine, seeded
from .state import State, copy_to_cpu, prefixed, unprefixed

Batch = dict[str, Tensor]


def fit(
    model: nn.Module,
    batches: Callable[[str, int], Iterable[Batch]],
    nll: Loss,
    optimisation: Optimisation,
    *,
    objects: int,
    seed: int,
    own_batches: bool = False,
    state: State | None = None,
    accelerator: Accelerator | None = None,
) -> Iterator[State]:
    """Minimise the mean negative log-likelihood plus KL / N, with the KL divergence of the dropout layers.

    The members of an `Ensemble` train as if each were alone: the loss is the sum of their losses, gradients are clipped
    per member, and each keeps its own best epoch. Records contain means over the members.

    Parameters
    ----------
    model : nn.Module
        Trained in place.
    batches : callable (part, epoch) -> iterable of dict of Tensor
        Batches of the part "train" or "validation", the same for the same arguments; objects along axis 0.
    nll : callable (model, batch) -> Tensor, shape (object,)
        Negative log-likelihood of each object; for an ensemble it is called with each member.
    optimisation : Optimisation
    objects : int
        N, the number of training objects.
    seed : int
        All random numbers derive from it, the epoch and the step.
    own_batches : bool
        Whether each member of an ensemble has batches of its own: a member axis before the objects.
    state : State, optional
        The state to continue from.
    accelerator : Accelerator, optional
        Device and processes. Each process takes its share of every batch, and the dropout noise of an object does not
        depend on its process, so that several processes compute the same as one.

    Yields
    ------
    State
        After every epoch; the last has `done` set.
    """
    accelerator = accelerator or Accelerator()
    optimizer = torch.optim.AdamW(model.parameters(), lr=optimisation.learning_rate, weight_decay=0.0)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    step = Step(wrapped, model, optimizer, nll, optimisation, objects, own_batches, accelerator)
    patience = optimisation.epochs if optimisation.patience is None else optimisation.patience
    best: dict[str, Tensor] = {}
    counters = {"best_nll": math.inf, "best_epoch": 0}
    if state is not None:
        step.restore(state)
        best, counters = prefixed(state.weights, "best."), counters | state.counters
    for epoch in range(state.epoch if state else 0, optimisation.epochs):
        record = {"epoch": epoch + 1} | step.train(batches("train", epoch), seed, epoch)
        validation_nll = step.validate(batches("validation", epoch))
        improved, counters = update_best(validation_nll, epoch + 1, patience, counters)
        if improved.any():
            best = select_best(improved, prefixed(copy_to_cpu(step.weights.state_dict()), "best."), best)
        since_best = epoch + 1 - torch.tensor(counters["best_epoch"])
        done = epoch + 1 == optimisation.epochs or bool((since_best >= patience).all())
        record |= {"validation_nll": float(validation_nll.mean())} | rates(model)
        yield State(epoch + 1, record, step.tensors() | best, counters, done, optimisation.epochs)
        if done:
            return


def schedule(progress: float, warm_up: float) -> float:
    """Fraction of the peak learning rate: a linear rise over the fraction `warm_up` of training, then a cosine to 0.

    >>> [round(schedule(t, 0.1), 3) for t in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warm_up:
        return max(progress / warm_up, 0.02)
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


class Step:
    """One optimisation step: what it needs, and the running mean of the weights.

    The arguments are those of `fit`; `wrapped` is the model as the accelerator prepared it.
    """

    def __init__(
        self,
        wrapped: nn.Module,
        model: nn.Module,
        optimizer: Any,
        nll: Loss,
        optimisation: Optimisation,
        objects: int,
        own_batches: bool,
        accelerator: Accelerator,
    ) -> None:
        self.wrapped, self.model, self.optimizer = wrapped, model, optimizer
        self.nll = member_losses(nll, own_batches) if isinstance(model, Ensemble) else nll
        self.settings, self.objects, self.axis = optimisation, objects, int(own_batches)
        self.accelerator, self.steps = accelerator, 0
        self.mean = AveragedModel(model, multi_avg_fn=self._update_mean)

    @property
    def weights(self) -> nn.Module:
        """The model to validate and keep: the running mean where weights are averaged."""
        return self.mean.module if self.settings.average else self.model

    def train(self, batches: Iterable[Batch], seed: int, epoch: int) -> dict[str, float]:
        """Train on the batches of an epoch; returns the last learning rate and the mean NLL."""
        self.steps, losses, learning_rate = length_hint(batches, max(self.steps, 1)), [], 0.0
        for step, (batch, progress) in enumerate(_with_progress(batches)):
            share = schedule((epoch + progress) / self.settings.epochs, self.settings.warm_up)
            learning_rate = self.settings.learning_rate * share
            losses.append(self.descend(batch, learning_rate, (seed, epoch, step)))
            if self.settings.average:
                self.mean.update_parameters(self.model)
        return {"learning_rate": learning_rate, "train_nll": math.fsum(losses) / len(losses)}

    def descend(self, batch: Batch, learning_rate: float, key: tuple[int, ...]) -> float:
        """Take one step; returns the mean NLL of the whole batch, over all processes and members."""
        self.wrapped.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        accelerator, axis = self.accelerator, self.axis
        size = next(iter(batch.values())).shape[axis]
        rows = torch.arange(size)[accelerator.process_index :: accelerator.num_processes]
        share = {n: v.index_select(axis, rows.to(v.device)).to(accelerator.device) for n, v in batch.items()}
        with seeded(*key), noise(self.model, combine(*key), rows=rows):
            # The mean of these sums over processes is the mean over the whole batch, also where shares differ in size.
            mean_nll = self.nll(self.wrapped, share).sum() * accelerator.num_processes / size
            accelerator.backward(mean_nll + kl(self.model, self.objects))
        clip_gradient(self.model, self.settings.clip, accelerator)
        self.optimizer.step()
        self.optimizer.zero_grad()
        members = len(self.model) if isinstance(self.model, Ensemble) else 1
        return float(accelerator.reduce(mean_nll.detach(), "mean")) / members

    @torch.no_grad()
    def validate(self, batches: Iterable[Batch]) -> Tensor:
        """Compute the mean NLL of the network, or of each member, without noise; the same in every process."""
        model, device = self.weights, self.accelerator.device
        model.eval()
        per_object = [self.nll(model, {n: v.to(device) for n, v in batch.items()}).double() for batch in batches]
        return torch.cat(per_object, -1).mean(-1).cpu()

    def tensors(self) -> dict[str, Tensor]:
        """Collect the weights, the state of the optimizer and the running mean for a checkpoint."""
        tensors = prefixed(copy_to_cpu(self.model.state_dict()), "model.")
        tensors |= prefixed(_optimizer_tensors(self.optimizer), "optimizer.")
        return tensors | (prefixed(copy_to_cpu(self.mean.state_dict()), "mean.") if self.settings.average else {})

    def _update_mean(self, mean: list[Tensor], weights: list[Tensor], count: Tensor) -> None:
        update_mean(mean, weights, count, self.settings.average * self.steps)

    def restore(self, state: State) -> None:
        """Continue from a checkpoint."""
        self.model.load_state_dict(unprefixed(state.tensors, "model."))
        self.mean.load_state_dict(unprefixed(state.tensors, "mean.") or self.mean.state_dict())
        _restore_optimizer(self.optimizer, unprefixed(state.tensors, "optimizer."))


@torch.no_grad()
def update_mean(mean: list[Tensor], weights: list[Tensor], count: Tensor, span: float) -> None:
    """Move a running mean over about `span` steps towards the weights; over all steps while they are fewer."""
    share = 1 / max(1.0, min(float(count) + 1, span))
    for averaged, current in zip(mean, weights, strict=True):
        averaged.lerp_(current.to(averaged.device), share)


def _with_progress(batches: Iterable[Batch]) -> Iterator[tuple[Batch, float]]:
    total = length_hint(batches, 0)
    for step, batch in enumerate(batches):
        yield batch, (step + 0.5) / total if total else 0.5


def _optimizer_tensors(optimizer: Any) -> dict[str, Tensor]:
    return copy_to_cpu(
        {
            f"{parameter}.{name}": torch.as_tensor(value)
            for parameter, values in optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
    )


def _restore_optimizer(optimizer: Any, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        parameter, name = key.split(".", 1)
        state.setdefault(int(parameter), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
