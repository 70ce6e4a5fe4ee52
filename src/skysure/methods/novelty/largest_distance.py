"""Out-of-distribution score from several groups of features: the largest of their standardised distances.

Each group (statistics of early layers, the summary, the widths of the posterior, ...) has a Mahalanobis distance d of
its own; a kind of object that is unlike the training set is far away in one of them, and would be diluted in a distance
over all. The score is max_g (log d_g - m_g) / s_g with the mean and standard deviation of log d_g over calibration
objects, a smooth form of the smallest p-value (Tippett 1931). Its percentile among calibration objects is that of an
`EmpiricalPValue`, so that no independence of the groups is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from .distance import FeatureDistance
from .empirical_p_value import EmpiricalPValue

Groups = Sequence[Float[Tensor, "row _"]]


class LargestDistance(nn.Module):
    """Mahalanobis distances of groups of features, and the percentile of the largest among calibration objects.

    Before `calibrate` no object is out of distribution.

    Parameters
    ----------
    sizes : sequence of int
        Number of features of each group.
    scores : int
        Number of other scores, which are the columns of a last group.

    Examples
    --------
    >>> rows = torch.randn(900, 8, generator=torch.Generator().manual_seed(0))
    >>> groups = rows.split([5, 3], 1)
    >>> distance = LargestDistance([5, 3]).fit([g[:500] for g in groups]).calibrate([g[500:] for g in groups])
    >>> far = [torch.zeros(1, 5), torch.full((1, 3), 9.0)]
    >>> bool(distance.is_ood(distance(far), 0.99))
    True
    """

    offset: Tensor
    scale: Tensor

    def __init__(self, sizes: Sequence[int], scores: int = 0) -> None:
        super().__init__()
        self.distances = nn.ModuleList(FeatureDistance(size) for size in sizes)
        self.p_value = EmpiricalPValue()
        self.register_buffer("offset", torch.zeros(len(sizes) + scores))
        self.register_buffer("scale", torch.ones(len(sizes) + scores))

    def forward(self, groups: Groups) -> Float[Tensor, " row"]:
        """Give the score of each row; infinite where a feature is not finite."""
        score = ((self._scores(groups) - self.offset) / self.scale).amax(1)
        return torch.where(torch.isfinite(score), score, torch.inf)

    def fit(self, groups: Groups) -> LargestDistance:
        """Set centres and covariances from training objects.

        Raises
        ------
        InputError
            If features are not finite or have another size.
        """
        for distance, features in zip(self.distances, groups, strict=False):
            distance.fit(features)
        return self

    def calibrate(self, groups: Groups) -> LargestDistance:
        """Set the scale of each distance and the percentiles of the score from objects that were not trained on."""
        scores = self._scores(groups)
        self.offset.copy_(scores.mean(0))
        self.scale.copy_(scores.std(0).clamp(min=1e-3))
        self.p_value.fit(self(groups))
        return self

    def ood_percentile(self, score: Float[Tensor, " row"]) -> Float[Tensor, " row"]:
        """Fraction of the calibration objects with a smaller score."""
        return self.p_value(score)

    def is_ood(self, score: Float[Tensor, " row"], level: float = 0.99) -> Bool[Tensor, " row"]:
        """Whether the score exceeds the quantile `level` of the calibration objects."""
        return self.p_value.exceeds(score, level)

    def _scores(self, groups: Groups) -> Float[Tensor, "row score"]:
        """Logarithms of the distances, and the other scores."""
        distances = [distance(features) for distance, features in zip(self.distances, groups, strict=False)]
        logs = [distance.clamp(min=1e-6).log()[:, None] for distance in distances]
        return torch.cat([*logs, *groups[len(distances) :]], 1).to(self.offset)
