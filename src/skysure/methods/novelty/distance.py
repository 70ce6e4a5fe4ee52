"""Mahalanobis distance in feature space between an object and the nearest training class.

d² = min_k (x - m_k)' C^-1 (x - m_k), with class means m_k and one shared covariance C (Lee et al. 2018, eq. 2). C is
shrunk (Ledoit & Wolf 2004), so there may be more features than objects. Entropy is no substitute: a network for cats
and dogs is certain about an image of a human.

Features of an early layer, or of several, detect out-of-distribution objects better than those of the last layer, from
which training removes everything but the classes. On all 45 pairs of digits (two hidden layers of 128, the other eight
digits unknown) the mean and worst AUROC are 0.991 and 0.972 with the first layer, 0.990 and 0.964 with both, 0.974 and
0.924 with the second (benchmarks/novelty.py). Features are not standardised, which would give the noise of rarely
active units as much weight as the rest. Distances are not relative to one common Gaussian (Ren et al. 2021), which
keeps only the directions in which the classes differ: on digits this was no better than entropy.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.arguments import checked, fraction, numbers
from skysure.methods.arguments import labels as class_numbers
from skysure.methods.arrays import Array
from skysure.methods.calibration.conformal import level_index, quantile_table
from skysure.methods.calibration.labels import check_labels

from .empirical_p_value import fraction_below

FEATURES = numbers("row feature", nan=True, empty=True)
DISTANCES = numbers("...", nan=True, empty=True)


def _sizes(self: FeatureDistance) -> dict[str, int]:
    return {"feature": len(self.centre), "class": len(self.means)}


class FeatureDistance(nn.Module):
    """Mahalanobis distance to the nearest class, and its percentile among calibration objects.

    Before `fit` it is the norm of the features; before `calibrate` no object is out of distribution.

    Parameters
    ----------
    features, classes : int
        Number of features and of classes; one class for networks that predict values, or without labels.

    Examples
    --------
    >>> features = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    >>> distance = FeatureDistance(3).fit(features[:300]).calibrate(features[300:])
    >>> distance.is_ood(distance(torch.tensor([[0.1, 0.2, 0.3], [9.0, 0.0, 0.0]])))
    tensor([False,  True])
    """

    centre: Tensor
    whitening: Tensor
    means: Tensor
    distances: Tensor
    fitted: Tensor

    def __init__(self, features: int, classes: int = 1) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("whitening", torch.eye(features))
        self.register_buffer("means", torch.zeros(classes, features))
        self.register_buffer("distances", torch.full((1001,), torch.inf))
        self.register_buffer("fitted", torch.tensor(False))

    @checked(tensors=True, sizes_of=_sizes, features=numbers("... feature", nan=True, empty=True))
    def forward(self, features: Float[Array, "*row feature"]) -> Float[Tensor, "*row"]:
        """Distance to the nearest class, in standard deviations."""
        white = (features.to(self.centre.dtype) - self.centre) @ self.whitening
        flat = white.reshape(-1, white.shape[-1])
        # The matrix-product form of the distance loses its digits in float32 where classes are close together.
        distances = torch.cdist(flat, self.means, compute_mode="donot_use_mm_for_euclid_dist")
        return distances.min(-1).values.reshape(white.shape[:-1])

    @checked(tensors=True, sizes_of=_sizes, features=FEATURES, labels=class_numbers("row", empty=True))
    def fit(self, features: Float[Array, "row feature"], labels: Int[Array, " row"] | None = None) -> FeatureDistance:
        """Set class means and covariance from training objects; a class without objects is at infinite distance.

        Afterwards no object is out of distribution until `calibrate`.

        Raises
        ------
        InputError
            If features are not finite or have another size, there are no objects, a label is not a class, or labels are
            missing with several classes.
        """
        x, labels = features.detach().to("cpu", torch.float64), _labels(features, labels, len(self.means))
        check_labels(labels, len(self.means))
        _check(x, len(self.centre))
        count = torch.bincount(labels, minlength=len(self.means))[:, None]
        centre = x.mean(0)
        x = x - centre
        means = torch.zeros(self.means.shape, dtype=torch.float64).index_add_(0, labels, x) / count.clamp(min=1)
        whitening = _whitening(x - means[labels])
        self.centre.copy_(centre)
        self.whitening.copy_(whitening)
        self.means.copy_(torch.where(count > 0, means @ whitening, torch.inf))
        self.distances.fill_(torch.inf)  # the previous ones belong to other means
        self.fitted.fill_(True)
        return self

    @checked(tensors=True, sizes_of=_sizes, features=FEATURES)
    def calibrate(self, features: Float[Array, "row feature"]) -> FeatureDistance:
        """Set the reference distances from calibration objects, which were not trained on.

        Raises
        ------
        InputError
            If features are not finite, or have another size.
        """
        _check(features, len(self.centre))
        with torch.no_grad():
            self.distances.copy_(quantile_table(self(features.to(self.centre))))
        return self

    @checked(tensors=True, distance=DISTANCES)
    def ood_percentile(self, distance: Float[Array, "*row"]) -> Float[Tensor, "*row"]:
        """Fraction of the calibration objects with a smaller distance, between 0 and 1 in steps of 0.001.

        One minus it is the conformal p-value: of objects exchangeable with the calibration objects, at most a fraction
        q have an `ood_percentile` above 1 - q.
        """
        return fraction_below(self.distances, distance)

    @checked(tensors=True, distance=DISTANCES, level=fraction())
    def is_ood(self, distance: Float[Array, "*row"], level: float = 0.99) -> Bool[Tensor, "*row"]:
        """Whether the distance exceeds the quantile `level` of the calibration objects, or is NaN.

        With fewer calibration objects than level / (1 - level), 99 for the default, the quantile is infinite.
        """
        return ~(distance <= self.distances[level_index(level)])


def _whitening(residuals: Float[Tensor, "row feature"]) -> Float[Tensor, "feature feature"]:
    """W with W W' the inverse of the shrunk covariance C: with C = L L', W = L'^-1."""
    from sklearn.covariance import ledoit_wolf

    covariance = torch.from_numpy(ledoit_wolf(residuals.numpy(), assume_centered=True)[0])
    floor = 1e-6 * covariance.diagonal().mean() + torch.finfo(torch.float32).tiny
    eye = torch.eye(len(covariance), dtype=torch.float64)
    factor = torch.linalg.cholesky(covariance + floor * eye)
    return torch.linalg.solve_triangular(factor, eye, upper=False).T


def _labels(features: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    if labels is not None:
        return labels.detach().cpu().long()
    if classes > 1:
        cause = "labels left out of fit"
        raise InputError("no labels", f"labels of {classes} classes", cause, "pass labels, or leave out classes")
    return torch.zeros(len(features), dtype=torch.int64)


def _check(features: Tensor, size: int) -> None:
    if features.shape[1] != size:
        raise InputError(
            f"{features.shape[1]} features", f"{size} features", "features of another model", "use those of this model"
        )
    if not torch.isfinite(features).all():
        raise InputError("features that are not finite", "finite features", "a training that diverged", "train again")
