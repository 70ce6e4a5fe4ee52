"""The network: convolutions, dense layers with dropout, a distribution of the parameters, calibration, OOD score."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.calibration import PosteriorScaling
from skysure.methods.likelihoods import CorrelatedGaussian, CorrelatedMixture, Gaussian
from skysure.methods.novelty import LargestDistance
from skysure.methods.posterior import Distribution, PosteriorHead, SplineFlow
from skysure.training import seeded

from .encoding import CHANNELS, SCALARS, TEXTURE, Batch
from .parameters import NAMES
from .settings import Schema, Settings

Maps = Float[Tensor, "object channel row column"]


SIGNAL_BINS = 3
"""Bins of the signal-to-noise ratio, each with a calibration of its own."""


RATE_ROWS = 5
"""Dropout rates in the coverage table of `rates.choose_rate`."""


class Residual(nn.Module):
    """x + a convolve(relu(convolve(relu(x)))), with a learned factor a that begins at zero.

    Without normalisation (De & Smith 2020, arXiv:2002.10444): an image does not depend on the others of its batch.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.factor = nn.Parameter(torch.zeros(()))

    def forward(self, x: Maps) -> Maps:
        return x + self.factor * self.second(F.relu(self.first(F.relu(x))))


class ResidualTrunk(nn.Module):
    """Residual blocks at 1/4, 1/8 and 1/16 of the resolution, with a width that doubles."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(CHANNELS, width // 2, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
        )  # fmt: skip
        self.stages = nn.ModuleList(
            nn.Sequential(Residual(width << k), *_narrow(width << k, last=k == 2)) for k in range(3)
        )
        self.squeeze = nn.Conv2d(4 * width, width, 1)
        side = size
        for _ in range(4):
            side = (side + 1) // 2
        self.features, self.early = width * side**2, 2 * width

    def forward(self, channels: Maps) -> tuple[Tensor, Tensor]:
        """Give all features, and mean and spread of the maps after the stem, shape (object, 2 width)."""
        x = self.stem(channels)
        early = torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)
        for stage in self.stages:
            x = stage(x)
        return F.relu(self.squeeze(F.relu(x))).flatten(1), early


def _narrow(width: int, *, last: bool) -> list[nn.Module]:
    """Halve the resolution and double the width, except after the last stage."""
    return [] if last else [nn.ReLU(), nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)]


class AlexNetTrunk(nn.Module):
    """The convolutions of AlexNet (Krizhevsky, Sutskever & Hinton 2012), with widths in the same proportions.

    Differs from it by the width, the number of channels, and an average over 3 x 3 cells before the dense layers.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        a, b, c, d = width, 3 * width, 6 * width, 4 * width
        self.stem = nn.Conv2d(CHANNELS, a, 11, stride=4, padding=2)
        self.layers = nn.Sequential(
            nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, d, 3, padding=1), nn.ReLU(),
            nn.Conv2d(d, d, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(3),
        )  # fmt: skip
        self.features, self.early = 9 * d, 2 * a

    def forward(self, channels: Maps) -> tuple[Tensor, Tensor]:
        """Give all features, and mean and spread of the maps after the first convolution, shape (object, 2 width)."""
        x = self.stem(channels)
        early = torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)
        return self.layers(x).flatten(1), early


TRUNKS = {"residual": ResidualTrunk, "alexnet": AlexNetTrunk}


def distribution(settings: Settings) -> Distribution:
    """Make the distribution of the parameters that the settings name."""
    values = len(NAMES)
    if settings.head == "mixture":
        return CorrelatedMixture(values, settings.components)
    return {"gaussian": Gaussian, "correlated": CorrelatedGaussian, "flow": SplineFlow}[settings.head](values)


class Network(nn.Module):
    """Channels and numbers of an image to the distribution of its parameters.

    Everything before the dense layers with dropout is computed once for all posterior samples.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width = settings.hidden
        self.trunk = TRUNKS[settings.network](settings.width, settings.size)
        self.summary = nn.Linear(self.trunk.features + SCALARS, width)
        self.head = PosteriorHead(
            width, distribution(settings), hidden=(width,) * (settings.layers - 1), dropout=settings.dropout
        )

    def summarise(self, batch: Batch) -> tuple[Float[Tensor, "object feature"], Float[Tensor, "object early"]]:
        """Compute the summary that the dense layers read, and statistics of early maps."""
        features, early = self.trunk(batch["channels"])
        return F.relu(self.summary(torch.cat([features, batch["scalars"]], 1))), early

    def nll(self, batch: Batch) -> Float[Tensor, " object"]:
        """Negative log-likelihood of "truth", in the units of the network."""
        return self.head.nll(self.summarise(batch)[0], batch["truth"])


class LensModel(nn.Module):
    """A network, or an ensemble of them, with normalisation, calibration of the posterior, and OOD score.

    The members of an ensemble (Lakshminarayanan, Pritzel & Blundell 2017, arXiv:1612.01474) see the same images, in
    the same order, and differ by their initial weights.

    Parameters
    ----------
    settings : Settings
    schema : Schema
    """

    offset: Tensor
    scale: Tensor
    scalar_offset: Tensor
    scalar_scale: Tensor
    rate_table: Tensor
    no_lens: Tensor

    def __init__(self, settings: Settings, schema: Schema) -> None:
        super().__init__()
        self.settings, self.schema = settings, schema
        self.networks = nn.ModuleList(Network(settings) for _ in range(settings.members))
        for prefix, count in (("", len(NAMES)), ("scalar_", SCALARS)):
            self.register_buffer(f"{prefix}offset", torch.zeros(count))
            self.register_buffer(f"{prefix}scale", torch.ones(count))
        if settings.choose_rate:  # a row per rate: the rate, and the coverage of three levels
            self.register_buffer("rate_table", torch.full((RATE_ROWS, 4), torch.nan))
        self.calibration = PosteriorScaling(len(NAMES), SIGNAL_BINS)
        early = self.networks[0].trunk.early + SCALARS
        self.novelty = LargestDistance([early, settings.hidden, TEXTURE], scores=1)
        self.register_buffer("no_lens", torch.zeros(settings.hidden + len(NAMES) + 1))

    def adapt(self, batch: Batch) -> None:
        """Set the normalisation from some images: mean and standard deviation of their parameters and numbers."""
        for name, prefix in (("truth", ""), ("scalars", "scalar_")):
            std, mean = torch.std_mean(batch[name].double(), 0)
            getattr(self, f"{prefix}offset").copy_(mean)
            getattr(self, f"{prefix}scale").copy_(std.clamp(min=1e-3))

    def normalise(self, batch: Batch) -> Batch:
        """Give a batch in the units of the networks."""
        normal = batch | {"scalars": (batch["scalars"] - self.scalar_offset) / self.scalar_scale}
        return normal | ({"truth": (batch["truth"] - self.offset) / self.scale} if "truth" in batch else {})

    def no_lens_score(self, features: Float[Tensor, "object feature"]) -> Float[Tensor, "object 1"]:
        """Log odds that an image shows no lens, from its summary and the widths of its posterior; see `calibration`."""
        return (features @ self.no_lens[:-1] + self.no_lens[-1])[:, None]

    def forward(self, batch: Batch) -> Float[Tensor, " object"]:
        """Negative log-likelihood of "truth", summed over the members, in the units of the networks."""
        batch = self.normalise(batch)
        return torch.stack([member.nll(batch) for member in self.networks]).sum(0)


def network(settings: Settings, schema: Schema) -> LensModel:
    """Make the network, initialised under the seed of the settings."""
    with seeded(settings.seed):
        return LensModel(settings, schema)
