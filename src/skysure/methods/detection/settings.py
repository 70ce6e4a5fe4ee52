"""Settings of a detector: architecture, anchors, loss, heads, suppression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skysure.errors import SettingsError
from skysure.settings import check_ranges


@dataclass(frozen=True)
class DetectorSettings:
    """Settings of a `Detector`; the defaults are a small Faster R-CNN for sources of 5 to 150 pixels.

    Parameters
    ----------
    bands : int
        Channels of an image.
    classes : int
        K, number of classes of sources, without background.
    architecture : {"faster_rcnn", "retinanet"}
        Proposals and a second stage that pools their features (Ren et al. 2015), or one dense stage (Lin et al. 2017).
    widths : tuple of int
        Channels of the stages of the backbone, at strides 4, 8, 16, ...: multiples of 8.
    blocks : int
        Residual blocks of each stage.
    norm : {"group", "none"}
        Group normalisation, whose statistics are those of the whole image; or none, with which the features of a source
        do not depend on pixels far away, so that tiles of a map give what the whole map gives.
    pyramid : bool
        Whether all stages are used, by a feature pyramid; else the stage of stride 16 alone.
    fpn_width : int
        Channels of the feature pyramid, and of the one level without it.
    sizes : tuple of tuples of float
        Sides of the anchors of each stage [pixel]: as many for each; without pyramid all are used on the one level.
    ratios : tuple of float
        Height over width of the anchors.
    positive, negative : float
        An anchor belongs to the source with which its intersection over union is largest if that is at least
        `positive`, to the background if it is below `negative`, and else to neither. The best anchor of each source
        belongs to it in any case.
    loss : {"focal", "cross_entropy"}
        Loss of the existence over all anchors.
    proposals : int
        Regions of an image that go to the second stage, and are sampled.
    pooling : {"align", "transformer"}
        Pooling of a proposal by the mean of four samples a cell (RoI align), or by one sample a cell of an affine grid
        (spatial transformer, as in ClaRAN).
    pooled : int
        Cells along each side of a pooled proposal.
    hidden : int
        Units of the second stage.
    rate : float
        Dropout rate in the heads; 0: no dropout, and no posterior samples.
    learned_rate : bool
        Whether the rates are learned.
    hosts : bool
        Whether positions of host galaxies are predicted.
    suppression : float
        Of two detections whose intersection over union is larger, the one of lower existence is removed, whatever the
        classes.
    detections : int
        Largest number of detections of an image.
    """

    bands: int
    classes: int
    architecture: Literal["faster_rcnn", "retinanet"] = "faster_rcnn"
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: int = 1
    norm: Literal["group", "none"] = "group"
    pyramid: bool = True
    fpn_width: int = 64
    sizes: tuple[tuple[float, ...], ...] = ((6.0, 10.0), (16.0, 26.0), (40.0, 64.0), (96.0, 144.0))
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    positive: float = 0.5
    negative: float = 0.4
    loss: Literal["focal", "cross_entropy"] = "focal"
    proposals: int = 50
    pooling: Literal["align", "transformer"] = "align"
    pooled: int = 7
    hidden: int = 256
    rate: float = 0.1
    learned_rate: bool = False
    hosts: bool = False
    suppression: float = 0.3
    detections: int = 50

    def __post_init__(self) -> None:
        many = 1e6
        check_ranges(
            self,
            {"bands": (1, many), "classes": (1, many), "blocks": (1, many), "fpn_width": (8, many), "hidden": (8, many),
             "positive": (0, 1), "negative": (0, self.positive), "proposals": (1, many), "pooled": (1, many),
             "rate": (0, 0.99), "suppression": (0, 1), "detections": (1, many)},
        )  # fmt: skip
        if any(width % 8 for width in (*self.widths, self.fpn_width)):
            problem = f"widths = {self.widths}, fpn_width = {self.fpn_width}"
            raise SettingsError(problem, "multiples of 8", "channels are normalised in groups", "such as 32, 64, 128")
        if len(self.sizes) != len(self.widths) or len({len(sides) for sides in self.sizes}) != 1:
            raise SettingsError(
                f"sizes = {self.sizes} for {len(self.widths)} widths",
                "for each stage of the backbone as many sides of anchors",
                "a stage added to only one of the two",
                "one tuple of sides for each width",
            )

    @property
    def strides(self) -> tuple[int, ...]:
        """Strides of the levels on which anchors are [pixel]."""
        return tuple(4 << stage for stage in range(len(self.widths))) if self.pyramid else (16,)

    @property
    def level_sizes(self) -> tuple[tuple[float, ...], ...]:
        """Sides of the anchors of each level [pixel]."""
        return self.sizes if self.pyramid else (tuple(side for sides in self.sizes for side in sides),)

    @property
    def anchors(self) -> int:
        """Anchors at each position of a level."""
        return len(self.level_sizes[0]) * len(self.ratios)

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for each region: existence, classes, box and host with their log variances."""
        return 1 + self.classes + 8 + 4 * self.hosts
