"""True sources of images, and the losses of the regions that belong to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from skysure.errors import InputError
from skysure.methods.likelihoods.densities import gaussian_nll

from .anchors import is_source
from .boxes import encode, encode_points
from .heads import BOX, HOST, Raw
from .losses import PerImage, class_loss, mean_by_image


@dataclass(frozen=True)
class Sources:
    """True sources, filled up with NaN to the same number for each image.

    Parameters
    ----------
    boxes : Tensor, shape (object, source, 4)
        Edges [pixel].
    classes : Tensor, shape (object, source, class)
        Probabilities of the classes: one-hot, or those of volunteers.
    hosts : Tensor, shape (object, source, 2), or None
        Positions of host galaxies [pixel], in the coordinates of the boxes; NaN where unknown.
    """

    boxes: Float[Tensor, "object source 4"]
    classes: Float[Tensor, "object source class"]
    hosts: Float[Tensor, "object source 2"] | None = None

    def __post_init__(self) -> None:
        sides = self.boxes[..., 2:] - self.boxes[..., :2]
        if bool((is_source(self.boxes) & ~(sides > 0).all(-1)).any()):
            raise InputError(
                "a true box whose sides are not positive", "x0 < x1 and y0 < y1, in pixel edges",
                "(x, y, width, height) in place of (x0, y0, x1, y1), or the first and the last pixel",
                "add 1 to the last pixel; drop boxes without area",
            )  # fmt: skip


def source_losses(
    raw: Raw,
    references: Float[Tensor, "object region 4"],
    assigned: Int64[Tensor, "object region"],
    sources: Sources,
) -> dict[str, PerImage]:
    """Losses of class, box and host of the regions that belong to sources, means over those of each image."""
    images, regions = (assigned >= 0).nonzero(as_tuple=True)
    own, count = assigned[images, regions], len(assigned)
    boxes = references[images, regions]
    truth = encode(sources.boxes[images, own], boxes)
    losses = {
        "class": class_loss(raw.classes[images, regions], sources.classes[images, own]),
        "box": gaussian_nll(*BOX.parameters(raw.box[images, regions]), truth),
    }
    means = {name: mean_by_image(loss, images, count) for name, loss in losses.items()}
    if raw.host is None or sources.hosts is None:
        return means
    points = sources.hosts[images, own]
    labelled = torch.isfinite(points).all(-1)
    codes = encode_points(points[labelled], boxes[labelled])
    nll = gaussian_nll(*HOST.parameters(raw.host[images, regions][labelled]), codes)
    return means | {"host": mean_by_image(nll, images[labelled], count)}
