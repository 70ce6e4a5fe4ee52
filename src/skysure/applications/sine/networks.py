"""The network of `sine`: normalisation, dropped hidden layers, calibration."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.calibration import VarianceScaling
from skysure.methods.dropout import Dropout
from skysure.training import seeded

from .settings import Schema, Settings

GRID = 12
"""Number of fixed rates that a learned one is held against."""


class SineNetwork(nn.Module):
    """x → mean and log-variance of y, in units of the schema.

    The one input is not dropped unless asked: what is lost of it no depth can make good, and the intervals stay wide.
    """

    x_mean: Tensor
    x_scale: Tensor
    y_mean: Tensor
    y_scale: Tensor
    grid: Tensor
    grid_seconds: Tensor

    def __init__(self, settings: Settings, schema: Schema) -> None:
        super().__init__()
        # A uniform x comes out with variance 1.
        self.register_buffer("x_mean", torch.tensor((schema.low + schema.high) / 2))
        self.register_buffer("x_scale", torch.tensor(max((schema.high - schema.low) / 12**0.5, 1e-12)))
        self.register_buffer("y_mean", torch.tensor(schema.mean))
        self.register_buffer("y_scale", torch.tensor(schema.scale))
        how = {"rate": settings.rate, "learned": settings.learned_rate, "length_scale": settings.length_scale}
        first, width = nn.Linear(1, settings.hidden), settings.hidden
        self.function, self.drops_input = settings.function, settings.drop_input
        self.input = Dropout(first, **how, narrow=True) if settings.drop_input else first
        self.hidden = nn.ModuleList([Dropout(nn.Linear(width, width), **how) for _ in range(settings.layers - 1)])
        self.output = Dropout(nn.Linear(width, 2), **how)
        self.calibration = VarianceScaling(1)
        if settings.grid:
            # What was found by training leaves it as tensors, as all that is learned: see grid.row.
            self.register_buffer("grid", torch.full((GRID + 1, 4), torch.nan, dtype=torch.float64))
            self.register_buffer("grid_seconds", torch.full((2,), torch.nan))

    def prefix(self, x: Float[Tensor, " object"]) -> Float[Tensor, "object feature"]:
        """What no mask touches."""
        x = (x[:, None] - self.x_mean) / self.x_scale
        return x if self.drops_input else torch.relu(self.input(x))

    def suffix(self, features: Float[Tensor, "object feature"]) -> Float[Tensor, "object 2"]:
        """What every draw of the masks changes."""
        if self.drops_input:
            features = torch.relu(self.input(features))
        for layer in self.hidden:
            features = torch.relu(layer(features))
        return self.output(features)

    def forward(self, x: Float[Tensor, " object"]) -> Float[Tensor, "object 2"]:
        """Mean and log-variance of (y − mean) / scale."""
        return self.suffix(self.prefix(x))


def network(settings: Settings, schema: Schema) -> SineNetwork:
    """Make the network, initialised under the seed of the settings."""
    with seeded(settings.seed):
        return SineNetwork(settings, schema)
