"""The network: a detector, the calibration of what it says, and the OOD score of images."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.detection import Detector, DetectorSettings
from skysure.methods.novelty import LargestDistance
from skysure.training import seeded

from .encoding import Batch
from .settings import Schema, Settings


class RadioModel(nn.Module):
    """A detector with calibration and OOD score.

    Parameters
    ----------
    settings : Settings
    schema : Schema
    """

    def __init__(self, settings: Settings, schema: Schema) -> None:
        super().__init__()
        self.settings, self.schema = settings, schema
        channels = 2 * len(settings.bands)
        self.detector = Detector(DetectorSettings(channels, len(schema.classes), **settings.detector))
        levels = len(self.detector.settings.strides)
        self.novelty = LargestDistance([2 * settings.fpn_width * levels])

    def forward(self, batch: Batch) -> Float[Tensor, " object"]:
        """Loss of each image."""
        return self.detector.nll(batch)


def network(settings: Settings, schema: Schema) -> RadioModel:
    """Make the network, initialised under the seed of the settings."""
    with seeded(settings.seed):
        return RadioModel(settings, schema)
