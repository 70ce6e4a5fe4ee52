"""Calibration of `sine`: one factor on the width of the intervals."""

from __future__ import annotations

import torch

from skysure.data.sources import CALIBRATION, Source

from .networks import SineNetwork
from .points import Points
from .prediction import draws
from .settings import Query


def calibrate(model: SineNetwork, source: Source) -> None:
    """Fit the factor on the calibration part."""
    points = Points.concat(source.chunks(CALIBRATION))
    model.calibration.fit(*draws(model, points.x, Query(), calibrated=False), torch.as_tensor(points.y)[:, None])
