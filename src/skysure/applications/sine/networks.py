"""The network of `sine`: normalisation, hidden layers with dropout, calibration."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.calibration import VarianceScaling
from skysure.methods.dropout import Dropout
from skysure.training import seeded

from .settings import Schema, Settings

GRID = 12
"""Number of fixed rates to compare with the learned one."""


class SineNetwork(nn.Module):
    """x → mean and log-variance of y, in units of the schema.

    The input is not dropped by default: dropping the only input discards information that no later layer can recover,
    and the intervals stay wide.
    """

    x_mean: Tensor
    x_scale: Tensor
    y_mean: Tensor
    y_scale: Tensor
    grid: Tensor
    grid_seconds: Tensor

    def __init__(self, settings: Settings, schema: Schema) -> None:
        super().__init__()
        # Gives a uniform x the variance 1.
        self.register_buffer("x_mean", torch.tensor((schema.low + schema.high) / 2))
        self.register_buffer("x_scale", torch.tensor(max((schema.high - schema.low) / 12**0.5, 1e-12)))
        self.register_buffer("y_mean", torch.tensor(schema.mean))
        self.register_buffer("y_scale", torch.tensor(schema.scale))
        dropout = settings.dropout
        first, width = nn.Linear(1, settings.hidden), settings.hidden
        self.function, self.drops_input = settings.function, settings.drop_input
        self.input = Dropout(first, **dropout, narrow=True) if settings.drop_input else first
        self.hidden = nn.ModuleList([Dropout(nn.Linear(width, width), **dropout) for _ in range(settings.layers - 1)])
        self.output = Dropout(nn.Linear(width, 2), **dropout)
        self.calibration = VarianceScaling(1)
        if settings.grid:
            # The results of the search are tensors, as all that training learns: see grid.row.
            self.register_buffer("grid", torch.full((GRID + 1, 4), torch.nan, dtype=torch.float64))
            self.register_buffer("grid_seconds", torch.full((2,), torch.nan))

    def prefix(self, x: Float[Tensor, " object"]) -> Float[Tensor, "object feature"]:
        """Compute what comes before the first dropout."""
        x = (x[:, None] - self.x_mean) / self.x_scale
        return x if self.drops_input else torch.relu(self.input(x))

    def suffix(self, features: Float[Tensor, "object feature"]) -> Float[Tensor, "object 2"]:
        """Compute the rest, which differs between posterior samples."""
        if self.drops_input:
            features = torch.relu(self.input(features))
        for layer in self.hidden:
            features = torch.relu(layer(features))
        return self.output(features)

    def forward(self, x: Float[Tensor, " object"]) -> Float[Tensor, "object 2"]:
        """Compute mean and log-variance of (y − mean) / scale."""
        return self.suffix(self.prefix(x))


def network(settings: Settings, schema: Schema) -> SineNetwork:
    """Make the network, initialised under the seed of the settings."""
    with seeded(settings.seed):
        return SineNetwork(settings, schema)
