"""Training of `sine`: the negative log-likelihood of a Gaussian whose width is learned, plus KL / N."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from time import perf_counter

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from skysure.data.sources import TRAIN, VALIDATION, SplitSource
from skysure.methods.likelihoods import gaussian_nll
from skysure.training import Batch, State, fit, prefixed, shuffled_batches

from .grid import ensemble, row
from .networks import network
from .points import Points
from .settings import Schema, Settings


def train(
    source: SplitSource, settings: Settings, state: State | None = None, *, accelerator: Accelerator | None = None
) -> Iterator[State]:
    """Train on the training part; a state per epoch.

    The networks of a grid search train beside it, epoch by epoch; their results are in the last state.
    """
    arguments = (batches(source, settings), settings, accelerator)
    grid = _timed(fit_states(ensemble(settings, source.schema), *arguments)) if settings.grid else iter(())
    for current, seconds in _timed(fit_states(network(settings, source.schema), *arguments, state)):
        for grid_result in grid:
            if grid_result[0].epoch >= current.epoch and not current.done:
                break
        if current.done and settings.grid:
            current = _with_grid(current, grid_result[0], source, settings, torch.tensor([seconds, grid_result[1]]))
        yield current


def fit_states(
    model: nn.Module,
    batches: Callable[[str, int], list[Batch]],
    settings: Settings,
    accelerator: Accelerator | None = None,
    state: State | None = None,
) -> Iterator[State]:
    """Fit a network, or an ensemble of them, as the settings say."""
    objects = sum(len(batch["x"]) for batch in batches(TRAIN, 0))
    return fit(
        model, batches, nll, settings.optimisation,
        objects=objects, seed=settings.seed, state=state, accelerator=accelerator,
    )  # fmt: skip


def batches(source: SplitSource, settings: Settings) -> Callable[[str, int], list[Batch]]:
    """Divide the points of a part into batches; those of the training part are shuffled in every epoch."""
    schema: Schema = source.schema
    tensors = {}
    for part in (TRAIN, VALIDATION):
        points = Points.concat(source.chunks(part))
        values = {"x": points.x, "y": (points.y - schema.mean) / schema.scale}
        tensors[part] = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in values.items()}
    return shuffled_batches(tensors, settings.batch, settings.seed)


def nll(model: nn.Module, batch: Batch) -> Tensor:
    """Negative log-likelihood of each point, shape (object,)."""
    mean, log_variance = model(batch["x"]).split(1, dim=1)
    return gaussian_nll(mean, log_variance, batch["y"][:, None])


def _timed(states: Iterator[State]) -> Iterator[tuple[State, float]]:
    """Give with each state the seconds of all its epochs; those before a resumption are taken to last as long."""
    spent = 0.0
    for epochs in count(1):
        start = perf_counter()
        state = next(states, None)
        if state is None:
            return
        spent += perf_counter() - start
        yield state, spent / epochs * state.epoch


def _with_grid(state: State, last: State, source: SplitSource, settings: Settings, seconds: Tensor) -> State:
    """Add to the state of the learned rate the scores of the fixed rates, and the seconds of both trainings."""
    fixed, ours = ensemble(settings, source.schema), network(settings, source.schema)
    fixed.load_state_dict(last.weights)
    ours.load_state_dict(state.weights)
    points = Points.concat(source.chunks(VALIDATION))
    rows = torch.stack([row(model, points) for model in [*fixed.members(), ours]])
    return replace(state, tensors=state.tensors | prefixed({"grid": rows, "grid_seconds": seconds}, "best."))
