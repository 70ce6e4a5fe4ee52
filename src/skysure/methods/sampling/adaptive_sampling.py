"""Adaptive sampling: each object is sampled until its Monte-Carlo error is small.

Most objects need few samples. Only the moments of the samples are kept. The k-th sample of an object is that of
`sample` with the same seed.

A stopping rule that looks at the samples sometimes stops too early by chance: errors are about the requested size, not
at most that. The minimum number of samples, `least`, makes this rare.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from numpy import ndarray
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.arguments import probabilities as rows_of_probabilities
from skysure.methods.ensembles import Ensemble
from skysure.methods.pytree import Tree, tree_map

from .decomposition import ClassSplit, ValueSplit
from .inputs import convert_arrays, count_objects
from .moments import Moments
from .posterior import eval_mode, sample, split_model

_OBJECTS = 256
_PROBABILITIES = rows_of_probabilities("sample object class", nan=True)


def sample_until(
    model: nn.Module,
    inputs: Tree | ndarray,
    statistic: Callable[[Any], Float[Tensor, "sample object number"]],
    enough: Callable[[Moments], Bool[Tensor, " object"]],
    seed: int,
    *,
    least: int = 10,
    most: int = 1000,
    rows: Int64[Tensor, " object"] | None = None,
    shared: bool = False,
) -> Moments:
    """Sample each object until its number of samples is sufficient.

    Parameters
    ----------
    model, inputs, seed, rows, shared
        As in `sample`; no DataLoader.
    statistic : callable
        Maps the output of `sample` to the numbers whose moments are kept, at most about a hundred per object.
    enough : callable
        Maps moments to whether each object needs no more samples.
    least, most : int
        Minimum and maximum number of samples of an object. `enough` is evaluated after `least` samples, then each time
        their number has grown by half (by `least` at the minimum).

    Raises
    ------
    InputError
        Unless 2 <= least <= most; for an ensemble; and as `sample`.
    """
    if not 2 <= least <= most:
        raise InputError(f"least = {least}, most = {most}", "2 <= least <= most", "swapped arguments", "swap them")
    if isinstance(model, Ensemble):
        raise InputError(
            "adaptive sampling of an Ensemble",
            "a network with dropout masks",
            "the number of members is fixed, however many samples are drawn",
            "sample(ensemble, ...)",
        )
    inputs = convert_arrays(inputs, model)
    objects, device = count_objects(inputs)
    rows = (torch.arange(objects) if rows is None else rows).to(device)
    random_part, blocks = _RandomPart(model), []

    def draw(features: Tree, rows: Tensor, samples: int, first: int) -> Moments:
        outputs = sample(random_part, features, samples, seed, rows=rows, shared=shared, first_sample=first)
        return Moments.of(statistic(outputs))

    for start in range(0, objects, _OBJECTS):
        part = slice(start, start + _OBJECTS)
        features = random_part.features(tree_map(itemgetter(part), inputs))
        blocks.append(_sample_block(draw, enough, features, rows[part], least, most))
    return Moments(*map(torch.cat, zip(*blocks, strict=True)))


def _sample_block(
    draw: Callable[[Tree, Tensor, int, int], Moments],
    enough: Callable[[Moments], Tensor],
    features: Tree,
    rows: Int64[Tensor, " object"],
    least: int,
    most: int,
) -> Moments:
    """Sample the objects of a block, dropping those that have enough samples."""
    moments, samples = draw(features, rows, least, 0), least
    active = (~enough(moments)).nonzero()[:, 0]
    while len(active) and samples < most:
        more = min(max(least, samples // 2), most - samples)
        added = draw(tree_map(itemgetter(active), features), rows[active], more, samples)
        updated, samples = moments.take(active).merge(added), samples + more
        for old, new in zip(moments, updated, strict=True):
            old[active] = new
        active = active[~enough(updated)]
    return moments


class _RandomPart(nn.Module):
    """The part of a model from its first random layer on, so that the prefix runs only once per object."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._prefix, self.suffix = split_model(model)

    def prefix(self, features: Tree) -> Tree:
        return features

    def features(self, inputs: Tree) -> Tree:
        """Run the prefix."""
        with torch.inference_mode(), eval_mode(self.model):
            return self._prefix(inputs)


def _softmax(logits: Tensor) -> Tensor:
    return logits.softmax(-1)


def split_classes_until(
    model: nn.Module,
    inputs: Tree | ndarray,
    tolerance: float,
    seed: int,
    *,
    probabilities: Callable[[Any], Float[Tensor, "sample object class"]] = _softmax,
    **options: Any,
) -> tuple[ClassSplit, Int64[Tensor, " object"]]:
    """Decompose the entropy of classes, with as many samples of each object as it needs.

    Sampling of an object ends when the standard errors of its mean probabilities and of its mutual information (in nat)
    are at most `tolerance`.

    Parameters
    ----------
    model, inputs, seed
        As in `sample_until`.
    tolerance : float
    probabilities : callable
        Maps the output of `sample` to probabilities; by default the softmax of logits.
    **options
        `least`, `most`, `rows`, `shared` of `sample_until`.

    Returns
    -------
    ClassSplit
        As `split_classes` of the samples of each object.
    Tensor, shape (object,)
        Number of samples drawn.

    Raises
    ------
    InputError
        If `tolerance` is not above 0, and as `sample_until`.

    Examples
    --------
    >>> from skysure.methods.dropout import to_bayesian
    >>> network = to_bayesian(nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 3)))
    >>> parts, counts = split_classes_until(network, torch.zeros(5, 6), tolerance=0.01, seed=1)
    >>> parts.probability.shape, counts.shape
    (torch.Size([5, 3]), torch.Size([5]))
    """
    _check(tolerance)

    def statistic(outputs: Any) -> Tensor:
        p = _PROBABILITIES("probabilities(outputs)", probabilities(outputs), {}).double()
        return torch.cat([p, torch.special.entr(p).sum(-1, keepdim=True)], -1)

    def enough(moments: Moments) -> Tensor:
        worst = torch.maximum(moments.error[:, :-1].amax(-1), _class_split(moments).monte_carlo_error)
        return ~(worst > tolerance)  # NaN counts as done: more samples would not help

    moments = sample_until(model, inputs, statistic, enough, seed, **options)
    return _class_split(moments), moments.count


def _class_split(moments: Moments) -> ClassSplit:
    """Decompose the entropy, from moments of the probabilities and of their entropy."""
    p, aleatoric, covariance = moments.mean[:, :-1], moments.mean[:, -1], moments.covariance
    epistemic = (torch.special.entr(p).sum(-1) - aleatoric).clamp(min=0)
    # The contribution of a sample to the mutual information, KL(p_s || mean p) = -H_s - p_s . log(mean p), is linear in
    # p_s and H_s: its variance follows from their covariance.
    slope = torch.cat([-torch.where(p > 0, p, 1).log(), -torch.ones_like(p[:, :1])], -1)
    variance = torch.einsum("oi,oij,oj->o", slope, covariance, slope).clamp(min=0)
    spread = covariance.diagonal(dim1=1, dim2=2)[:, :-1].sqrt()
    return ClassSplit(p, spread, aleatoric + epistemic, aleatoric, epistemic, (variance / moments.count).sqrt())


def split_values_until(
    model: nn.Module,
    inputs: Tree | ndarray,
    values: Callable[[Any], tuple[Float[Tensor, "sample object value"], Float[Tensor, "sample object value"]]],
    tolerance: float,
    seed: int,
    **options: Any,
) -> tuple[ValueSplit, Int64[Tensor, " object"]]:
    """Decompose the covariance of values, with as many samples of each object as it needs.

    Sampling of an object ends when the standard error of each mean, relative to the predictive standard deviation, and
    that of each epistemic variance, relative to the predictive variance, are at most `tolerance`: where the aleatoric
    part dominates, few samples are enough.

    Parameters
    ----------
    model, inputs, seed
        As in `sample_until`.
    values : callable
        Maps the output of `sample` to means and variances. Use float64 where float32 is not precise enough (Julian
        dates).
    tolerance : float
    **options
        `least`, `most`, `rows`, `shared` of `sample_until`.

    Returns
    -------
    ValueSplit
        As `split_values` of the samples of each object.
    Tensor, shape (object,)
        Number of samples drawn.

    Raises
    ------
    InputError
        If `tolerance` is not above 0, and as `sample_until`.
    """
    _check(tolerance)

    def statistic(outputs: Any) -> Tensor:
        mean, variance = values(outputs)
        if mean.shape != variance.shape:
            raise InputError(
                f"means of shape {tuple(mean.shape)} and variances of shape {tuple(variance.shape)}",
                "(sample, object, value), both",
                "one variance for several values, or a covariance",
                "variance.expand_as(mean); for covariances, sample and split_values",
            )
        if (variance < 0).any():
            cause, fix = "log variances", "return log_variance.exp()"
            raise InputError("negative variances from `values`", "variances of 0 or more", cause, fix)
        return torch.cat([mean.double(), variance.double()], -1)

    def enough(moments: Moments) -> Tensor:
        parts = _value_split(moments)
        predictive, error = (x.diagonal(dim1=1, dim2=2) for x in (parts.predictive, parts.monte_carlo_error))
        mean_error = moments.error.chunk(2, -1)[0] / predictive.sqrt()
        return ~(torch.maximum(mean_error, error / predictive) > tolerance).any(-1)

    moments = sample_until(model, inputs, statistic, enough, seed, **options)
    return _value_split(moments), moments.count


def _value_split(moments: Moments) -> ValueSplit:
    """Decompose the covariance, from moments of means and variances."""
    mean, variance = moments.mean.chunk(2, -1)
    k = mean.shape[1]
    epistemic, aleatoric = moments.covariance[:, :k, :k], torch.diag_embed(variance)
    diagonal = epistemic.diagonal(dim1=1, dim2=2)
    squares = epistemic**2 + diagonal[:, :, None] * diagonal[:, None, :]
    error = (squares / (moments.count - 1)[:, None, None]).sqrt()
    return ValueSplit(mean, aleatoric + epistemic, aleatoric, epistemic, error)


def _check(tolerance: float) -> None:
    if isinstance(tolerance, str) or not tolerance > 0:
        raise InputError(f"tolerance = {tolerance}", "above 0", "0 used as a switch", "call sample")
