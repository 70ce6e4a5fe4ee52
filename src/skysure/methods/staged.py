"""Calibration by stage, for predictions that rest on more and more data as time goes on.

Early predictions are less sure than late ones and rest on other features; one calibration cannot fit both. Nor can
prediction sets of one level be right for rows of high and of low signal to noise.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from skysure.methods.calibration.binned_conformal import NestedBinnedConformal
from skysure.methods.calibration.scaling import VectorScaling
from skysure.methods.novelty import EmpiricalPValue, FeatureDistance
from skysure.methods.novelty.empirical_p_value import fisher_statistic


class Stage(nn.Module):
    """Calibration of one stage: scaling of the logits, prediction sets, and the OOD score.

    Parameters
    ----------
    features, classes : int
    bins : tuple of two int
        Bins of two columns, the second within the first; each has prediction sets of its own level.
    surprise : bool
        Whether the OOD score also goes by how surprising each row was under forecasts.
    """

    def __init__(self, features: int, classes: int, bins: tuple[int, int], surprise: bool) -> None:
        super().__init__()
        self.scaling = VectorScaling(classes)
        self.sets = NestedBinnedConformal(*bins)
        self.distance = FeatureDistance(features, classes)
        self.surprise_p_value, self.combined_p_value = (
            (EmpiricalPValue(), EmpiricalPValue()) if surprise else (None, None)
        )

    def calibrate_novelty(self, summary: Tensor, surprise: Tensor) -> None:
        """Fit the ranks of the OOD score to rows that were not trained on."""
        self.distance.calibrate(summary)
        if self.surprise_p_value is not None and self.combined_p_value is not None:
            self.surprise_p_value.fit(surprise.to(self.surprise_p_value.bounds))
            self.combined_p_value.fit(self._combine(self.distance(summary.to(self.distance.centre)), surprise))

    def novelty(
        self, summary: Float[Tensor, "row unit"], surprise: Float[Tensor, " row"], quantile: float
    ) -> tuple[Float[Tensor, " row"], Bool[Tensor, " row"]]:
        """Give the fraction of calibration rows with a smaller OOD score, and whether it is above `quantile`."""
        distance = self.distance(summary)
        if self.combined_p_value is None:
            return self.distance.ood_percentile(distance), self.distance.is_ood(distance, quantile)
        value = self._combine(distance, surprise)
        return self.combined_p_value(value), self.combined_p_value.exceeds(value, quantile)

    def _combine(self, distance: Tensor, surprise: Tensor) -> Tensor:
        assert self.surprise_p_value is not None
        return fisher_statistic(self.distance.ood_percentile(distance), self.surprise_p_value(surprise.to(distance)))
