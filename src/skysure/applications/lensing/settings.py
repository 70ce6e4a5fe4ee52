"""Settings of `lensing`, and what may be asked of a trained network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from skysure.errors import SettingsError
from skysure.settings import check_ranges
from skysure.training.optimisation import Optimisation
from skysure.training.settings import SampledQuery, SupervisedSettings

PAPERS = (
    "Perreault Levasseur, Hezaveh & Wechsler 2017, Uncertainties in parameters estimated with neural networks: "
    "application to strong gravitational lensing (ApJL 850, L7; arXiv:1708.08843)",
    "Hezaveh, Perreault Levasseur & Marshall 2017, Fast automated analysis of strong gravitational lenses with "
    "convolutional neural networks (Nature 548, 555; arXiv:1708.08842)",
)
"""What to cite beside skysure."""


@dataclass(frozen=True)
class Settings(SupervisedSettings):
    """Settings of `lensing`: an image of a strong lens to the posterior of its parameters.

    Parameters
    ----------
    instrument : str
        Pixel scale, PSF, noise and band of the simulated images: the name of an instrument that ships, or the path of
        a TOML file.
    population : {"survey", "hezaveh"}
        Lenses with light, neighbours and a COSMOS-like distribution of sources; or the prior of Hezaveh et al. 2017,
        without lens light.
    size : int
        Pixels along each side of the images that the network reads.
    objects : int
        Number of images to simulate; 0: new ones in every epoch.
    per_epoch : int
        New images of an epoch where they are simulated without end.
    uses : int
        How often each of these is shown in its epoch, turned and mirrored at random.
    network : {"residual", "alexnet"}
        Convolutional layers: residual blocks, or those of AlexNet as in Perreault Levasseur et al. 2017.
    head : {"gaussian", "correlated", "mixture", "flow"}
        Distribution of the parameters given the image: Gaussian with a diagonal or full covariance, mixture of
        Gaussians with full covariances, or normalising flow.
    components : int
        Components of the mixture.
    width : int
        Channels of the first convolutional layers.
    choose_rate : bool
        Whether the dropout rate of predictions is chosen by the coverage on the validation part; see `rates`.
    views : int
        Orientations in which each image is read for a prediction: 1, 4 (quarters of a turn) or 8 (mirrored too).
    members : int
        Networks of an ensemble.
    average : float
        Span of the running mean of the weights, as a fraction of an epoch.
    """

    instrument: str = "hst"
    population: Literal["survey", "hezaveh"] = "survey"
    size: int = 112
    objects: int = 0
    per_epoch: int = 6144
    uses: int = 2
    network: Literal["residual", "alexnet"] = "residual"
    head: Literal["gaussian", "correlated", "mixture", "flow"] = "mixture"
    components: int = 3
    width: int = 24
    choose_rate: bool = False
    views: Literal[1, 4, 8] = 8
    members: int = 1
    average: float = 1.0
    hidden: int = 256
    layers: int = 2
    rate: float = 0.05
    epochs: int = 20
    patience: int = 20
    batch: int = 64
    learning_rate: float = 2e-3
    validation: int | float = 1000
    calibration: int | float = 4000
    test: int | float = 2000

    def __post_init__(self) -> None:
        super().__post_init__()
        ranges = dict.fromkeys(("per_epoch", "uses", "components", "width", "members"), (1, 10**9))
        check_ranges(self, ranges | {"size": (32, 512), "objects": (0, 10**12), "average": (0, 10**6)})
        if not self.objects and min(self.validation, self.calibration, self.test) < 1:
            raise SettingsError(
                f"validation = {self.validation:g}, calibration = {self.calibration:g}, test = {self.test:g}",
                "numbers of images", "a share of endless images is endless", "--validation 1000, or --objects 100_000",
            )  # fmt: skip

        if self.choose_rate and self.learned_rate:
            raise SettingsError(
                "choose_rate = true with learned_rate = true", "one of the two", "", "--no-learned-rate"
            )

    @property
    def optimisation(self) -> Optimisation:
        """How each network is optimised."""
        return replace(super().optimisation, average=self.average)


@dataclass(frozen=True)
class Query(SampledQuery):
    """What may be asked of a trained network.

    Parameters
    ----------
    samples : int
        Posterior samples of each lens, ten or more.
    ood_level : float
        Fraction of calibration images with a lower OOD score above which an image is flagged as out of distribution.
    batch : int
        Images at a time.
    """

    samples: int = 100
    ood_level: float = 0.99
    batch: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        # fewer than ten draws have no quantiles to calibrate
        check_ranges(self, {"samples": (10, 10**6), "batch": (1, 10**9), "ood_level": (1e-6, 1 - 1e-6)})


@dataclass(frozen=True)
class Schema:
    """What the network has to know about the images; kept with a run.

    Parameters
    ----------
    size : int
        Pixels along each side.
    pixel_scale : float
        Arcsec per pixel.
    instrument : str
        Whose images these are; "" where not said.
    theta_e : tuple of two floats
        Smallest and largest Einstein radius [arcsec].
    """

    size: int = 112
    pixel_scale: float = 0.05
    instrument: str = ""
    theta_e: tuple[float, float] = (0.0, float("inf"))
