"""Samples until they suffice: each object is drawn until the Monte-Carlo error of its answer is small.

Most objects are easy: a few samples agree. Of the samples only the moments are kept. The k-th sample of an object is
that of `sample` with the same seed.

A rule that looks at the samples stops early now and then by luck: errors are about as small as asked, not at most.
`least` samples make the first look worth something.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.ensembles import Ensemble
from skysure.methods.pytree import Tree, mapped

from .decomposition import ClassSplit, ValueSplit
from .moments import Moments
from .posterior import evaluating, objects_of, sample, split

_OBJECTS = 256


def sample_until(
    model: nn.Module,
    inputs: Tree,
    statistic: Callable[[Any], Float[Tensor, "sample object number"]],
    enough: Callable[[Moments], Bool[Tensor, " object"]],
    seed: int,
    *,
    least: int = 10,
    most: int = 1000,
    rows: Int64[Tensor, " object"] | None = None,
    shared: bool = False,
) -> Moments:
    """Draw each object until its samples are enough.

    Parameters
    ----------
    model, inputs, seed, rows, shared
        As for `sample`.
    statistic : callable
        From what `sample` gives to the numbers whose moments are kept, at most about a hundred an object.
    enough : callable
        From moments to whether an object needs no more samples.
    least, most : int
        How many samples an object gets at least and at most. It is looked at after `least`, then each time that there
        are half as many again (never fewer than `least` more).

    Raises
    ------
    Fault
        Unless 2 <= least <= most; for an ensemble; and as `sample`.
    """
    if not 2 <= least <= most:
        raise InputError(f"least = {least}, most = {most}", "2 <= least <= most", "exchanged", "exchange them")
    if isinstance(model, Ensemble):
        raise InputError(
            "an Ensemble to sample until it suffices",
            "a network with masks",
            "its members are all there are, however often they are drawn",
            "sample(ensemble, ...)",
        )
    objects, device = objects_of(inputs)
    rows = (torch.arange(objects) if rows is None else rows).to(device)
    random, whole = _RandomPart(model), []

    def draw(features: Tree, rows: Tensor, samples: int, first: int) -> Moments:
        drawn = sample(random, features, samples, seed, rows=rows, shared=shared, first_sample=first)
        return Moments.of(statistic(drawn))

    for start in range(0, objects, _OBJECTS):
        part = slice(start, start + _OBJECTS)
        features = random.features(mapped(itemgetter(part), inputs))
        whole.append(_until(draw, enough, features, rows[part], least, most))
    return Moments(*map(torch.cat, zip(*whole, strict=True)))


def _until(
    draw: Callable[[Tree, Tensor, int, int], Moments],
    enough: Callable[[Moments], Tensor],
    features: Tree,
    rows: Int64[Tensor, " object"],
    least: int,
    most: int,
) -> Moments:
    found, drawn = draw(features, rows, least, 0), least
    active = (~enough(found)).nonzero()[:, 0]
    while len(active) and drawn < most:
        more = min(max(least, drawn // 2), most - drawn)
        new = draw(mapped(itemgetter(active), features), rows[active], more, drawn)
        moments, drawn = found.of_objects(active).merged(new), drawn + more
        for kept, now in zip(found, moments, strict=True):
            kept[active] = now
        active = active[~enough(moments)]
    return found


class _RandomPart(nn.Module):
    """What comes after the prefix of a model, so that the prefix need not run each time that more is drawn."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._before, self.suffix = split(model)

    def prefix(self, features: Tree) -> Tree:
        return features

    def features(self, inputs: Tree) -> Tree:
        """Run the prefix."""
        with torch.inference_mode(), evaluating(self.model):
            return self._before(inputs)


def _softmax(logits: Tensor) -> Tensor:
    return logits.softmax(-1)


def split_classes_until(
    model: nn.Module,
    inputs: Tree,
    tolerance: float,
    seed: int,
    *,
    probabilities: Callable[[Any], Float[Tensor, "sample object class"]] = _softmax,
    **options: Any,
) -> tuple[ClassSplit, Int64[Tensor, " object"]]:
    """Split the entropy of classes, with as many samples of each object as it needs.

    An object is done when the standard errors of its mean probabilities, and of its mutual information in nats, are at
    most `tolerance`.

    Parameters
    ----------
    model, inputs, seed
        As for `sample`.
    tolerance : float
    probabilities : callable
        From what `sample` gives to probabilities; by default the softmax of logits.
    **options
        least, most, rows, shared of `sample_until`.

    Returns
    -------
    ClassSplit
        As `split_classes` of the samples of each object.
    Tensor, shape (object,)
        How many samples were drawn.

    Raises
    ------
    Fault
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
        p = probabilities(outputs).double()
        return torch.cat([p, torch.special.entr(p).sum(-1, keepdim=True)], -1)

    def enough(moments: Moments) -> Tensor:
        worst = torch.maximum(moments.error[:, :-1].amax(-1), _class_split(moments).monte_carlo_error)
        return ~(worst > tolerance)  # NaN: more samples would not mend it

    moments = sample_until(model, inputs, statistic, enough, seed, **options)
    return _class_split(moments), moments.count


def _class_split(moments: Moments) -> ClassSplit:
    """Split the entropy, from moments of the probabilities and of their entropy."""
    p, aleatoric, covariance = moments.mean[:, :-1], moments.mean[:, -1], moments.covariance
    epistemic = (torch.special.entr(p).sum(-1) - aleatoric).clamp(min=0)
    # A sample's share of the mutual information is KL(p_s || mean p) = -H_s - p_s . log(mean p): linear in both.
    slope = torch.cat([-torch.where(p > 0, p, 1).log(), -torch.ones_like(p[:, :1])], -1)
    variance = torch.einsum("oi,oij,oj->o", slope, covariance, slope).clamp(min=0)
    spread = covariance.diagonal(dim1=1, dim2=2)[:, :-1].sqrt()
    return ClassSplit(p, spread, aleatoric + epistemic, aleatoric, epistemic, (variance / moments.count).sqrt())


def split_values_until(
    model: nn.Module,
    inputs: Tree,
    values: Callable[[Any], tuple[Float[Tensor, "sample object value"], Float[Tensor, "sample object value"]]],
    tolerance: float,
    seed: int,
    **options: Any,
) -> tuple[ValueSplit, Int64[Tensor, " object"]]:
    """Split the covariance of values, with as many samples of each object as it needs.

    An object is done when the standard error of each mean, over the predictive standard deviation, and that of each
    epistemic variance, over the predictive variance, are at most `tolerance`: where noise rules, few samples do.

    Parameters
    ----------
    model, inputs, seed
        As for `sample`.
    values : callable
        From what `sample` gives to means and variances. Give float64 where float32 cannot hold them (Julian dates).
    tolerance : float
    **options
        least, most, rows, shared of `sample_until`.

    Returns
    -------
    ValueSplit
        As `split_values` of the samples of each object.
    Tensor, shape (object,)
        How many samples were drawn.

    Raises
    ------
    Fault
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
                "variance.expand_as(mean); for covariances sample and split_values",
            )
        return torch.cat([mean.double(), variance.double()], -1)

    def enough(moments: Moments) -> Tensor:
        parts = _value_split(moments)
        predictive, error = (x.diagonal(dim1=1, dim2=2) for x in (parts.predictive, parts.monte_carlo_error))
        mean_error = moments.error.chunk(2, -1)[0] / predictive.sqrt()
        return ~(torch.maximum(mean_error, error / predictive) > tolerance).any(-1)

    moments = sample_until(model, inputs, statistic, enough, seed, **options)
    return _value_split(moments), moments.count


def _value_split(moments: Moments) -> ValueSplit:
    """Split the covariance, from moments of means and variances."""
    mean, variance = moments.mean.chunk(2, -1)
    k = mean.shape[1]
    epistemic, aleatoric = moments.covariance[:, :k, :k], torch.diag_embed(variance)
    diagonal = epistemic.diagonal(dim1=1, dim2=2)
    squares = epistemic**2 + diagonal[:, :, None] * diagonal[:, None, :]
    error = (squares / (moments.count - 1)[:, None, None]).sqrt()
    return ValueSplit(mean, aleatoric + epistemic, aleatoric, epistemic, error)


def _check(tolerance: float) -> None:
    if not tolerance > 0:
        raise InputError(f"tolerance = {tolerance}", "above 0", "a switch meant as off", "sample, with a fixed number")
