"""The supervised loop: a generator of epochs, on one device or many, that resumes to the same bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import length_hint
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from skysure.methods.uncertainty import Ensemble, kl, noise, rates
from skysure.methods.uncertainty.ensembles import clip_members

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class State:
    """Where a training stands: all it needs to go on, in tensors and numbers.

    Parameters
    ----------
    epoch : int
        Epochs done.
    record : dict of str to float
        This epoch's row of the history.
    tensors : dict of str to Tensor
        "model.*" as they are; "best.*" those of the best epoch; "optimizer.*".
    counters : dict of str to number, or to a list of one for each member of an ensemble
    done : bool
    epochs : int
        How many are planned.
    """

    epoch: int
    record: dict[str, float]
    tensors: dict[str, Tensor]
    counters: dict[str, Any] = field(default_factory=dict)
    done: bool = False
    epochs: int = 0

    @property
    def weights(self) -> dict[str, Tensor]:
        """The tensors of the model to use: the best ones where they are kept, else the last."""
        best = any(name.startswith("best.") for name in self.tensors)
        return unprefixed(self.tensors, "best." if best else "model.")


def fit(
    model: nn.Module,
    batches: Callable[[str, int], Iterable[Batch]],
    nll: Callable[[nn.Module, Batch], Tensor],
    *,
    objects: int,
    epochs: int,
    learning_rate: float,
    patience: int,
    seed: int,
    clip: float = 1.0,
    warm_up: float = 0.1,
    average: float = 0.0,
    own: bool = False,
    state: State | None = None,
    accelerator: Accelerator | None = None,
) -> Iterator[State]:
    """Minimise the mean negative log-likelihood plus KL / N, an epoch at a time.

    The members of an `Ensemble` train as if each were alone: the loss is the sum of theirs, each has its gradient
    clipped by itself, and keeps the best epoch that it would have kept. Records hold means over the members.

    Parameters
    ----------
    model : nn.Module
        Trained in place. Its dropout layers bring their KL terms.
    batches : callable (part, epoch) -> iterable of dict of Tensor
        The batches of "train" or "validation", the same for the same arguments; objects along axis 0.
    nll : callable (model, batch) -> Tensor, shape (object,)
        Of an ensemble, called for each member.
    objects : int
        N, the number of training objects.
    epochs, patience : int
        At most `epochs`; stops after `patience` of them without a better validation NLL.
    learning_rate : float
        Peak of a schedule that warms up over the first `warm_up` of the epochs and falls as a cosine.
    seed : int
        All random numbers derive from it, the epoch and the step.
    clip : float
        Largest norm of the gradient.
    average : float
        Epochs over which the weights are averaged (Polyak and Juditsky 1992); it is their mean that is validated
        and kept. 0: the weights themselves.
    own : bool
        Whether each member of an ensemble has batches of its own: a member axis before the objects.
    state : State, optional
        Where to go on.
    accelerator : Accelerator, optional
        Device and processes. Each process takes its share of every batch, and the noise of an object is the
        same wherever it is drawn, so that two processes compute what one does.

    Yields
    ------
    State
        After every epoch; the last has `done` set.
    """
    accelerator = accelerator or Accelerator()
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    steps = 0
    mean = AveragedModel(model, multi_avg_fn=lambda *given: _towards(*given, span=average * steps))
    scored, axis = (_of_members(nll, own) if isinstance(model, Ensemble) else nll), int(own)
    best: dict[str, Tensor] = {}
    counters = {"best_nll": math.inf, "best_epoch": 0}
    if state is not None:
        model.load_state_dict(unprefixed(state.tensors, "model."))
        mean.load_state_dict(unprefixed(state.tensors, "mean.") or mean.state_dict())
        _restore(optimizer, unprefixed(state.tensors, "optimizer."))
        best, counters = prefixed(state.weights, "best."), counters | state.counters
    for epoch in range(state.epoch if state else 0, epochs):
        losses = []
        planned = batches("train", epoch)
        steps = length_hint(planned, max(steps, 1))
        for step, (batch, progress) in enumerate(_with_progress(planned)):
            rate = learning_rate * schedule((epoch + progress) / epochs, warm_up)
            key = (seed, epoch, step)
            losses.append(_step(wrapped, model, optimizer, batch, axis, scored, objects, rate, key, clip, accelerator))
            if average:
                mean.update_parameters(model)
        kept = mean.module if average else model
        validation_nll = _validate(kept, batches("validation", epoch), scored, accelerator)
        better, counters = _judged(validation_nll, epoch + 1, patience, counters)
        if better.any():
            best = _chosen(better, prefixed(detached(kept.state_dict()), "best."), best)
        waited = epoch + 1 - torch.tensor(counters["best_epoch"])
        done = epoch + 1 == epochs or bool((waited >= patience).all())
        record = {"epoch": epoch + 1, "learning_rate": rate, "train_nll": math.fsum(losses) / len(losses)}
        record |= {"validation_nll": float(validation_nll.mean())} | rates(model)
        tensors = prefixed(detached(model.state_dict()), "model.") | best | prefixed(_saved(optimizer), "optimizer.")
        if average:
            tensors |= prefixed(detached(mean.state_dict()), "mean.")
        yield State(epoch + 1, record, tensors, counters, done, epochs)
        if done:
            return


def schedule(progress: float, warm_up: float) -> float:
    """Share of the peak learning rate: a linear rise over `warm_up` of the training, then a half cosine to 0.

    >>> [round(schedule(t, 0.1), 3) for t in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warm_up:
        return max(progress / warm_up, 0.02)
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


@contextmanager
def seeded(*key: int) -> Iterator[None]:
    """Draw from torch's own generator, as initialisation does, under a seed; its state is put back."""
    with torch.random.fork_rng():
        torch.manual_seed(combine(*key))
        yield


def combine(*key: int) -> int:
    """One seed from several numbers, of which none drowns another."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _with_progress(batches: Iterable[Batch]) -> Iterator[tuple[Batch, float]]:
    total = length_hint(batches, 0)
    for step, batch in enumerate(batches):
        yield batch, (step + 0.5) / total if total else 0.5


@torch.no_grad()
def _towards(mean: list[Tensor], weights: list[Tensor], count: Tensor, span: float) -> None:
    """Move a running mean over about `span` steps towards the weights; over all of them while they are fewer."""
    share = 1 / max(1.0, min(float(count) + 1, span))
    for kept, now in zip(mean, weights, strict=True):
        kept.lerp_(now.to(kept.device), share)


def _step(
    wrapped: nn.Module,
    model: nn.Module,
    optimizer: Any,
    batch: Batch,
    axis: int,
    nll: Callable[[nn.Module, Batch], Tensor],
    objects: int,
    rate: float,
    key: tuple[int, ...],
    clip: float,
    accelerator: Accelerator,
) -> float:
    """One step down; gives the mean NLL of the whole batch, over all processes, with objects along `axis`."""
    wrapped.train()
    for group in optimizer.param_groups:
        group["lr"] = rate
    whole = next(iter(batch.values())).shape[axis]
    rows = torch.arange(whole)[accelerator.process_index :: accelerator.num_processes]
    share = {
        name: values.index_select(axis, rows.to(values.device)).to(accelerator.device) for name, values in batch.items()
    }
    with seeded(*key), noise(model, combine(*key), rows=rows):
        # The mean over processes of these sums is the mean over the whole batch, also where shares differ.
        mean_nll = nll(wrapped, share).sum() * accelerator.num_processes / whole
        accelerator.backward(mean_nll + kl(model, objects))
    members = len(model) if isinstance(model, Ensemble) else 1
    if isinstance(model, Ensemble):
        accelerator.unscale_gradients()
        clip_members(model, clip)
    else:
        accelerator.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad()
    return float(accelerator.reduce(mean_nll.detach(), "mean")) / members


def _of_members(nll: Callable[[nn.Module, Batch], Tensor], own: bool) -> Callable[[nn.Module, Batch], Tensor]:
    """Make an ensemble's NLL, of shape (member, object), from a member's; through forward, where processes meet."""
    return lambda ensemble, batch: ensemble(batch, own, nll)


def _judged(nll: Tensor, epoch: int, patience: int, counters: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
    """Say whether an epoch is the best so far, and note it; for an ensemble by member, while its patience lasts.

    The first epoch is judged whatever the patience.
    """
    best_nll, best_epoch = torch.tensor(counters["best_nll"]).double(), torch.tensor(counters["best_epoch"])
    better = (nll < best_nll) & (epoch - best_epoch <= max(patience, 1))
    noted = {"best_nll": torch.where(better, nll, best_nll), "best_epoch": torch.where(better, epoch, best_epoch)}
    return better, counters | {name: value.tolist() for name, value in noted.items()}


def _chosen(better: Tensor, now: dict[str, Tensor], before: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take what is now where it is better, else what was before; for an ensemble by member."""
    chosen = {}
    for name, tensor in now.items():
        which = better.reshape(better.shape + (1,) * (tensor.ndim - better.ndim))
        chosen[name] = torch.where(which, tensor, before.get(name, tensor))
    return chosen


@torch.no_grad()
def _validate(
    model: nn.Module,
    batches: Iterable[Batch],
    nll: Callable[[nn.Module, Batch], Tensor],
    accelerator: Accelerator,
) -> Tensor:
    """Mean NLL of the network, or of each member, without noise; all processes compute the whole and stop together."""
    model.eval()
    per_object = [nll(model, {n: v.to(accelerator.device) for n, v in batch.items()}).double() for batch in batches]
    return torch.cat(per_object, -1).mean(-1).cpu()


def prefixed(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Put `prefix` before every name."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def unprefixed(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Take the tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def detached(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors to the memory of the processor, without their history."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def _saved(optimizer: Any) -> dict[str, Tensor]:
    return detached(
        {
            f"{parameter}.{name}": torch.as_tensor(value)
            for parameter, values in optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
    )


def _restore(optimizer: Any, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        parameter, name = key.split(".", 1)
        state.setdefault(int(parameter), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
