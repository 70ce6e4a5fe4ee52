"""A detector: backbone, one or two stages, suppression, and posterior samples of the head."""

from __future__ import annotations

from dataclasses import fields, replace
from operator import itemgetter

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.sampling import sample
from skysure.methods.sampling.posterior import eval_mode

from .backbone import Backbone, Maps, fill_up, summarise
from .candidates import Candidates, single_pass, suppress
from .faster_rcnn import TwoStages
from .heads import Hidden, Raw, Regions, describe_regions
from .losses import PerImage
from .matching import merge_passes
from .retinanet import OneStage
from .settings import DetectorSettings
from .sources import Sources

Batch = dict[str, Tensor]
STAGES = {"faster_rcnn": TwoStages, "retinanet": OneStage}


class Detector(nn.Module):
    """A network that finds sources in images, and says how sure it is of each.

    Parameters
    ----------
    settings : DetectorSettings

    Examples
    --------
    >>> from skysure.methods.detection import DetectorSettings
    >>> detector = Detector(DetectorSettings(bands=1, classes=3))
    >>> boxes = torch.tensor([[[10.0, 20.0, 30.0, 44.0]], [[torch.nan] * 4]])  # the second image has no source
    >>> batch = {"images": torch.randn(2, 1, 64, 96), "boxes": boxes, "classes": torch.eye(3)[[0, 0]][:, None]}
    >>> detector.nll(batch).shape
    torch.Size([2])
    >>> candidates = detector.candidates(batch["images"], samples=5)
    >>> len(candidates), candidates[0].covariance.shape[1:]
    (2, torch.Size([4, 4]))
    """

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__()
        self.settings = settings
        self.backbone = Backbone(settings)
        self.stages = STAGES[settings.architecture](settings)

    def forward(self, batch: Batch) -> PerImage:
        """Return `nll`."""
        return self.nll(batch)

    def nll(self, batch: Batch) -> PerImage:
        """Loss of each image: the sum of its `losses`."""
        return torch.stack(list(self.losses(batch).values())).sum(0)

    def losses(self, batch: Batch) -> dict[str, PerImage]:
        """Compute the losses of each image by name.

        Parameters
        ----------
        batch : dict
            "images" (object, band, row, column); "boxes" (object, source, 4) in pixel edges, with rows of NaN where an
            image has fewer sources than another; "classes" (object, source, class), probabilities; with
            `settings.hosts` also "hosts" (object, source, 2), NaN where unknown.

        Raises
        ------
        InputError
            For pixels that are not finite, another number of bands, and boxes whose sides are not positive.
        """
        sources = Sources(batch["boxes"], batch["classes"], batch.get("hosts"))
        images, maps = self.maps(batch["images"])
        return self.stages.losses(images, maps, sources, size_of(batch["images"]))

    def maps(self, images: Maps) -> tuple[Maps, list[Maps]]:
        """Compute the maps of all levels, and the images filled up to multiples of the largest stride."""
        self._check(images)
        filled = fill_up(images, self.backbone.stride)
        return filled, self.backbone(filled)

    def prefix(self, images: Maps) -> Hidden:
        """Compute what comes before the head with dropout: regions, their features, and features of the image."""
        filled, maps = self.maps(images)
        return self.stages.hidden(filled, maps, size_of(images)) | {"summary": summarise(maps)}

    def suffix(self, hidden: Hidden) -> Float[Tensor, "object region output"]:
        """Compute the outputs of the head for each region; see `heads.Raw`."""
        return self.stages.head(hidden)

    def features(self, images: Maps) -> Float[Tensor, "object feature"]:
        """Mean and standard deviation of each map: features of an image for an OOD score."""
        with torch.inference_mode(), eval_mode(self):
            return summarise(self.maps(images)[1])

    def candidates(
        self, images: Maps, samples: int = 0, seed: int = 0, *, rows: Int64[Tensor, " object"] | None = None
    ) -> list[Candidates]:
        """Detect the sources of images.

        Parameters
        ----------
        images : Tensor, shape (object, band, row, column)
        samples : int
            Posterior samples: passes of the head with dropout, on regions that are computed once. 0: one pass without.
        seed : int
            Of the masks.
        rows : Tensor, int64, optional
            Identifiers of the images for their masks, by default 0, 1, ...

        Raises
        ------
        InputError
            For pixels that are not finite, another number of bands, and samples of a detector without dropout.
        """
        size = size_of(images)
        with torch.inference_mode(), eval_mode(self):
            hidden = self.prefix(images)
            detections = self._single_pass(hidden, size)
        if not samples:
            return detections
        inputs = {name: hidden[name] for name in ("features", "anchor")}
        outputs = sample(self.stages.head, inputs, samples, seed, rows=rows)
        with torch.inference_mode():
            passes = self._describe(outputs, hidden, size)
            return [merge_passes(single, _image(passes, (slice(None), k))) for k, single in enumerate(detections)]

    def _single_pass(self, hidden: Hidden, size: tuple[int, int]) -> list[Candidates]:
        regions, settings = self._describe(self.suffix(hidden), hidden, size), self.settings
        detections = []
        for k, (boxes, existence) in enumerate(zip(regions.boxes, regions.existence, strict=True)):
            index = suppress(boxes, existence, settings.suppression, settings.detections)
            detections.append(single_pass(_image(regions, k), hidden["features"][k], hidden["summary"][k], index))
        return detections

    def _describe(self, outputs: Tensor, hidden: Hidden, size: tuple[int, int]) -> Regions:
        shape = outputs.shape[:-1]
        references, valid = hidden["references"].expand(*shape, 4), hidden["valid"].expand(shape)
        return describe_regions(Raw.of(outputs, self.settings), references, valid, size)

    def _check(self, images: Maps) -> None:
        if images.shape[1] != self.settings.bands:
            raise InputError(
                f"images of {images.shape[1]} bands", f"{self.settings.bands}", "a network of other bands",
                "the bands that the network was built for",
            )  # fmt: skip
        if not torch.isfinite(images).all():
            raise InputError(
                "pixels that are not finite", "finite pixels", "blank borders", "replace NaN by the background, 0"
            )


def size_of(images: Maps) -> tuple[int, int]:
    """Rows and columns of images."""
    return images.shape[-2], images.shape[-1]


def _image(regions: Regions, key: object) -> Regions:
    """Select the regions of an image."""
    values = {field.name: getattr(regions, field.name) for field in fields(regions)}
    return replace(regions, **{name: itemgetter(key)(value) for name, value in values.items() if value is not None})
