"""Scenes: what a block of images shows, as flat lists of Gaussians that belong to sources, and sources to images."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Elliptical Gaussians on the sky, shape (gaussian,).

    Parameters
    ----------
    source : Tensor of int64
        Number of the source that each belongs to.
    flux : Tensor
        Total flux [Jy].
    x, y : Tensor
        Centre, from the centre of the image [arcsec]: x grows with the column, y with the row.
    major, minor : Tensor
        Standard deviations along the axes [arcsec].
    angle : Tensor
        From x to the major axis, towards y [rad].
    """

    source: Tensor
    flux: Tensor
    x: Tensor
    y: Tensor
    major: Tensor
    minor: Tensor
    angle: Tensor

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, selection: Any) -> Self:
        """Select by a mask or indices."""
        return type(self)(*(getattr(self, f.name)[selection] for f in fields(self)))

    @classmethod
    def concat(cls, *several: Self) -> Self:
        """Join lists."""
        return cls(*(torch.cat([getattr(one, f.name) for one in several]) for f in fields(cls)))

    def covariance(self) -> tuple[Tensor, Tensor, Tensor]:
        """Second moments xx, yy and xy [arcsec²]."""
        return second_moments(self.major, self.minor, self.angle)


def second_moments(major: Tensor, minor: Tensor, angle: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give xx, yy and xy of a Gaussian with these standard deviations, whose major axis is at an angle from x [rad]."""
    c, s = angle.cos(), angle.sin()
    a, b = major.square(), minor.square()
    return a * c * c + b * s * s, a * s * s + b * c * c, (a - b) * c * s


@dataclass(frozen=True, eq=False)
class Sources:
    """Radio sources and their hosts, shape (source,).

    Parameters
    ----------
    image : Tensor of int64
        Number of the image, within the block, that each is in.
    x, y : Tensor
        Host galaxy, from the centre of the image [arcsec].
    infrared : Tensor
        Its flux in the infrared [Jy].
    gaussians : Gaussians
        Their radio emission.
    """

    image: Tensor
    x: Tensor
    y: Tensor
    infrared: Tensor
    gaussians: Gaussians

    def __len__(self) -> int:
        return len(self.image)

    def scaled(self, factor: Tensor) -> Self:
        """Multiply the fluxes of each source by a factor, shape (source,)."""
        pieces = self.gaussians
        return replace(self, gaussians=replace(pieces, flux=pieces.flux * factor[pieces.source]))

    def with_images(self, images: Tensor) -> Self:
        """Give image k the number images[k]."""
        return replace(self, image=images[self.image])

    def of_images(self, images: Tensor) -> Self:
        """Give those of some images; images are renumbered in the order of `images`, and sources as they are left."""
        highest = max([int(k.max()) for k in (self.image, images) if len(k)], default=-1)
        new_image = torch.full((highest + 1,), -1).index_put_((images,), torch.arange(len(images)))
        is_kept = new_image[self.image] >= 0
        new_source = is_kept.cumsum(0) - 1
        gaussians = self.gaussians[is_kept[self.gaussians.source]]
        return type(self)(
            new_image[self.image[is_kept]], self.x[is_kept], self.y[is_kept], self.infrared[is_kept],
            replace(gaussians, source=new_source[gaussians.source]),
        )  # fmt: skip

    @property
    def gaussian_images(self) -> Tensor:
        """Image of each Gaussian."""
        return self.image[self.gaussians.source]

    @classmethod
    def concat(cls, *several: Self) -> Self:
        """Join lists; the Gaussians of the later ones are renumbered."""
        offsets = [0]
        for one in several:
            offsets.append(offsets[-1] + len(one))
        shifted = [
            replace(one.gaussians, source=one.gaussians.source + k) for one, k in zip(several, offsets, strict=False)
        ]
        image, x, y, infrared = (
            torch.cat([getattr(one, name) for one in several]) for name in ("image", "x", "y", "infrared")
        )
        return cls(image, x, y, infrared, Gaussians.concat(*shifted))
