"""Settings of `radio`, and what may be asked of a trained network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from skysure.errors import SettingsError
from skysure.settings import check_ranges
from skysure.training.optimisation import Optimisation
from skysure.training.settings import ClassQuery, SupervisedSettings

from .classes import CLASSES

PAPERS = (
    "Wu et al. 2019, Radio Galaxy Zoo: ClaRAN, a deep learning classifier for radio morphologies (MNRAS 482, 1211; "
    "arXiv:1805.12008)",
    "Ren et al. 2015, Faster R-CNN (arXiv:1506.01497)",
    "Lin et al. 2017, Focal loss for dense object detection (arXiv:1708.02002)",
)
"""What to cite beside skysure."""

ANCHORS = ((6.0, 10.0), (16.0, 26.0), (40.0, 64.0), (96.0, 144.0))
"""Sides of the anchors of each level, for sources of 5 to 150 pixels [pixel]."""


@dataclass(frozen=True)
class Settings(SupervisedSettings):
    """Settings of `radio`: a radio image to boxes of sources with their morphologies.

    Parameters
    ----------
    instrument : str
        Pixel scale, beam and noise of the simulated images: the name of an instrument that ships, or the path of a TOML
        file.
    infrared : bool
        Whether the network also reads an infrared image, and predicts the position of the host galaxy.
    size : int
        Pixels along each side of the simulated images; other sizes can be predicted.
    objects : int
        Number of images to simulate; 0: new ones in every epoch.
    per_epoch : int
        New images of an epoch where they are simulated without end.
    uses : int
        How often each of these is shown in its epoch, turned and mirrored at random.
    architecture : {"faster_rcnn", "retinanet"}
        Region proposals with a second stage, or one dense stage.
    width : int
        Channels of the first stage of the backbone, a multiple of 8; each further stage has twice as many.
    pyramid : bool
        Whether sources are found on all levels of a feature pyramid, or on that of stride 16 alone.
    fpn_width : int
        Channels of the feature pyramid.
    loss : {"focal", "cross_entropy"}
        Loss of the existence of sources.
    pooling : {"align", "transformer"}
        Pooling of a proposal: RoI align, or an affine grid with one sample a cell (spatial transformer, as in ClaRAN).
    proposals : int
        Proposals of an image that the second stage reads.
    suppression : float
        Of two detections whose intersection over union is larger, the less likely one is removed.
    enlarge : int
        Factor by which images are enlarged before the network reads them.
    average : float
        Span of the running mean of the weights, as a fraction of an epoch.
    """

    instrument: str = "first"
    infrared: bool = False
    size: int = 132
    objects: int = 0
    per_epoch: int = 4096
    uses: int = 2
    architecture: Literal["faster_rcnn", "retinanet"] = "faster_rcnn"
    width: int = 16
    pyramid: bool = True
    fpn_width: int = 64
    loss: Literal["focal", "cross_entropy"] = "focal"
    pooling: Literal["align", "transformer"] = "align"
    proposals: int = 32
    suppression: float = 0.3
    enlarge: int = 1
    average: float = 1.0
    hidden: int = 256
    layers: int = 2
    rate: float = 0.1
    learned_rate: bool = False
    epochs: int = 20
    patience: int = 20
    batch: int = 16
    learning_rate: float = 1e-3
    validation: int | float = 500
    calibration: int | float = 2000
    test: int | float = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        ranges = dict.fromkeys(("per_epoch", "uses", "proposals"), (1, 10**9))
        ranges |= {"size": (32, 1024), "objects": (0, 10**12), "average": (0, 10**6), "enlarge": (1, 8)}
        check_ranges(self, ranges | {"width": (8, 1024), "fpn_width": (8, 1024), "suppression": (0, 1)})
        if not self.objects and min(self.validation, self.calibration, self.test) < 1:
            raise SettingsError(
                f"validation = {self.validation:g}, calibration = {self.calibration:g}, test = {self.test:g}",
                "numbers of images", "a share of endless images is endless", "--validation 500, or --objects 100_000",
            )  # fmt: skip
        if self.layers != 2:
            raise SettingsError(f"layers = {self.layers}", "2: the head of a detector has two", "", "leave it out")

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands that the network reads."""
        return ("radio", "infrared") if self.infrared else ("radio",)

    @property
    def detector(self) -> dict[str, Any]:
        """The arguments of `DetectorSettings`, but for channels and classes."""
        widths = tuple(self.width << stage for stage in range(len(ANCHORS)))
        names = ("architecture", "pyramid", "fpn_width", "loss", "pooling", "proposals", "suppression", "hidden")
        shared = {name: getattr(self, name) for name in names}
        dropout = {"rate": self.rate, "learned_rate": self.learned_rate}
        return shared | dropout | {"widths": widths, "sizes": ANCHORS, "hosts": self.infrared}

    @property
    def optimisation(self) -> Optimisation:
        """How the network is optimised."""
        return replace(super().optimisation, average=self.average)


@dataclass(frozen=True)
class Query(ClassQuery):
    """What may be asked of a trained network.

    Parameters
    ----------
    samples : int
        Posterior samples of each image.
    score : float
        Smallest calibrated probability to be a source of those that are given; 0: the working point of the model.
    ood_level : float
        Fraction of calibration images with a lower OOD score above which an image is flagged as out of distribution.
    batch : int
        Images at a time.
    """

    samples: int = 20
    score: float = 0.0
    ood_level: float = 0.99
    batch: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, {"score": (0, 1), "batch": (1, 10**9), "ood_level": (1e-6, 1 - 1e-6)})


@dataclass(frozen=True)
class Schema:
    """What the network has to know about the images; kept with a run.

    Parameters
    ----------
    classes : tuple of str
        Morphologies.
    pixel_scale : float
        Arcsec per pixel.
    beam : tuple of two floats
        Smallest minor and largest major axis of the beams, FWHM [arcsec]; (0, inf) where unknown.
    instrument : str
        Whose images these are; "" where not said.
    """

    classes: tuple[str, ...] = CLASSES
    pixel_scale: float = 1.8
    beam: tuple[float, float] = (0.0, float("inf"))
    instrument: str = ""
