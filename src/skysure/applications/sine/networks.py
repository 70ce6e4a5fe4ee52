"""The network of `sine`: normalisation, two dropped hidden layers, calibration."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.fit import seeded
from skysure.methods.calibration import VarianceScaling
from skysure.methods.uncertainty import Dropout

from .settings import Schema, Settings


class SineNetwork(nn.Module):
    """x → mean and log-variance of y, in units of the schema.

    The one input is not dropped: what is lost of it no depth can make good, and the intervals stay wide.
    """

    def __init__(self, settings: Settings, schema: Schema) -> None:
        super().__init__()
        self.register_buffer("x_scale", torch.tensor(max(abs(schema.low), abs(schema.high), 1e-12)))
        self.register_buffer("y_mean", torch.tensor(schema.mean))
        self.register_buffer("y_scale", torch.tensor(schema.scale))
        how = {"learned": settings.learned_rate, "length_scale": settings.length_scale}
        self.input = nn.Linear(1, settings.hidden)
        self.hidden = Dropout(nn.Linear(settings.hidden, settings.hidden), settings.rate, **how)
        self.output = Dropout(nn.Linear(settings.hidden, 2), settings.rate, **how)
        self.calibration = VarianceScaling(1)

    def prefix(self, x: Float[Tensor, " object"]) -> Float[Tensor, "object hidden"]:
        """What no mask touches."""
        return torch.relu(self.input(x[:, None] / self.x_scale))

    def suffix(self, features: Float[Tensor, "object hidden"]) -> Float[Tensor, "object 2"]:
        """What every draw of the masks changes."""
        return self.output(torch.relu(self.hidden(features)))

    def forward(self, x: Float[Tensor, " object"]) -> Float[Tensor, "object 2"]:
        """Mean and log-variance of (y − mean) / scale."""
        return self.suffix(self.prefix(x))


def network(settings: Settings, schema: Schema) -> SineNetwork:
    """Make the network, initialised under the seed of the settings."""
    with seeded(settings.seed):
        return SineNetwork(settings, schema)
