"""What the network reads of an image: three channels and a few numbers, and how they turn with the image."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .images import LensImages
from .isophotes import fit_light, pixel_grid, sort
from .parameters import to_unbounded

Batch = dict[str, Tensor]

CHANNELS = 3
SCALARS = 11
MASKED_NOISE = 1e7
"""Multiple of the median noise from which a pixel counts as masked."""
PSF_WINDOW = 2.5
"""Width of the Gaussian window of the moments of a PSF [pixel]."""
FAINT = 1e-3
"""Smallest signal-to-noise ratio whose logarithm is taken."""
LIGHT_CENTRE = slice(5, 7)
"""The numbers that are the centre of the light."""
SPIN_1 = {"scalars": [(5, 6)], "truth": [(3, 4)]}
SPIN_2 = {"scalars": [(3, 4), (8, 9)], "truth": [(1, 2), (5, 6)]}
"""Pairs that turn with the image: vectors, and those that turn by twice the angle."""


def encode(images: LensImages, device: torch.device | str = "cpu") -> Batch:
    """Give "channels", shape (object, 3, row, column), and "scalars", shape (object, 11).

    The channels are asinh of the signal-to-noise ratio, that after the light of the lens galaxy is subtracted, and the
    mask. Masked pixels are filled with the light of the galaxy. The numbers are: whether there is a PSF, the logarithm
    of its width [pixel], its peak, and its ellipticity (two components); the centre of the light [pixel], the logarithm
    of its width [pixel], its ellipticity, and the logarithm of its signal-to-noise ratio.
    """
    image, noise, psf = (torch.as_tensor(a, device=device) for a in (images.image, images.noise, images.psf))
    mask = find_bad_pixels(image, noise, torch.as_tensor(images.mask, device=device))
    typical = median_of(noise, ~mask)
    noise = torch.where(mask, typical[:, None, None], noise)
    image = torch.where(mask, 0.0, image)
    light = fit_light(image, mask)
    ratio = torch.where(mask, light.model, image) / noise
    residual = torch.where(mask, 0.0, image - light.model) / noise
    channels = torch.stack([ratio.asinh(), residual.asinh(), mask.to(ratio)], 1)
    x, y, width, e1, e2, flux = light.shape.unbind(1)
    shape = [x, y, width.log(), e1, e2, (flux / typical).clamp(min=FAINT).log()]
    return {"channels": channels, "scalars": torch.cat([describe_psf(psf), torch.stack(shape, 1)], 1)}


def find_bad_pixels(
    image: Float[Tensor, "object row column"],
    noise: Float[Tensor, "object row column"],
    mask: Bool[Tensor, "object row column"],
) -> Bool[Tensor, "object row column"]:
    """Whether a pixel is masked, not finite, or of a noise that is not positive or exceeds 1e7 times the median."""
    bad = mask | ~torch.isfinite(image) | ~torch.isfinite(noise) | (noise <= 0)
    return bad | (noise > MASKED_NOISE * median_of(noise, ~bad)[:, None, None])


def median_of(
    values: Float[Tensor, "object row column"], used: Bool[Tensor, "object row column"]
) -> Float[Tensor, " object"]:
    """Median of the used pixels of each image; 1 where there is none."""
    ranked = sort(torch.where(used, values, torch.inf).flatten(1))
    count = used.flatten(1).sum(1, keepdim=True)
    middle = ranked.gather(1, (count - 1).clamp(min=0) // 2)[:, 0]
    return torch.where(torch.isfinite(middle), middle, 1.0)


def describe_psf(psf: Float[Tensor, "object row column"]) -> Float[Tensor, "object 5"]:
    """Describe PSFs by whether there is one, log width [pixel], peak, e1, e2; moments are those under a window."""
    exists = torch.isfinite(psf).all(2).all(1) & (psf.sum((1, 2)) > 0)
    psf = torch.where(exists[:, None, None], psf, 0.0)
    psf = psf / psf.sum((1, 2), keepdim=True).clamp(min=1e-20)
    x, y = pixel_grid(psf.shape[-1], psf)
    weighted = psf * torch.exp(-(x**2 + y**2) / (2 * PSF_WINDOW**2))
    total = weighted.sum((1, 2)).clamp(min=1e-20)
    xx, xy, yy = ((weighted * m).sum((1, 2)) / total for m in (x * x, x * y, y * y))
    trace = (xx + yy).clamp(min=1e-6)
    facts = [0.5 * (0.5 * trace).log(), psf.amax((1, 2)), (xx - yy) / trace, 2 * xy / trace]
    return torch.stack([torch.ones_like(trace), *facts], 1) * exists[:, None]


TEXTURE = 4
"""Number of features of `describe_texture`."""
FAR = 4
"""Distance of pixels whose noise is independent [pixel]."""


def describe_texture(channels: Float[Tensor, "object channel row column"]) -> Float[Tensor, "object 4"]:
    """Describe the noise between neighbouring pixels, which tells the instrument and the drizzling.

    Logarithms of the scatter (MAD) of differences between pixels one, two and one diagonal step apart, over that of
    pixels four steps apart; and of the latter, which is sqrt(2) where the noise map is right.
    """
    residual, used = channels[:, 1].sinh(), channels[:, 2] == 0

    def scatter(rows: int, columns: int) -> Float[Tensor, " object"]:
        height, width = residual.shape[1:]
        first, second = (slice(rows, None), slice(columns, None)), (slice(height - rows), slice(width - columns))
        difference = (residual[:, *first] - residual[:, *second]).abs()
        return 1.4826 * median_of(difference, used[:, *first] & used[:, *second])

    def logarithm(*steps: tuple[int, int]) -> Float[Tensor, " object"]:
        return torch.stack([scatter(*step).clamp(min=FAINT).log() for step in steps]).mean(0)

    far = logarithm((0, FAR), (FAR, 0))
    near = [logarithm((0, 1), (1, 0)), logarithm((0, 2), (2, 0)), logarithm((1, 1))]
    return torch.stack([*(values - far for values in near), far], 1)


def turn(batch: Batch, quarters: int, mirrored: bool) -> Batch:
    """Turn a batch by quarters of a turn, counter-clockwise, after a reflection of x: channels, numbers and truth."""
    turned = dict(batch)
    channels = batch["channels"].flip(-1) if mirrored else batch["channels"]
    # rows grow upwards: the rotation that torch calls clockwise on a printed array is counter-clockwise on the sky
    turned["channels"] = torch.rot90(channels, -quarters, (-2, -1)) if quarters else channels
    for name in ("scalars", "truth"):
        if name in batch:
            turned[name] = _turn_vectors(batch[name], SPIN_1[name], SPIN_2[name], quarters, mirrored)
    return turned


def turn_back(parameters: Tensor, quarters: int, mirrored: bool) -> Tensor:
    """Invert `turn` for parameters, or what a network predicts for them, along the last axis."""
    spins = SPIN_1["truth"], SPIN_2["truth"]
    return _turn_vectors(_turn_vectors(parameters, *spins, -quarters % 4, False), *spins, 0, mirrored)


def _turn_vectors(
    values: Tensor, spin_1: list[tuple[int, int]], spin_2: list[tuple[int, int]], quarters: int, mirrored: bool
) -> Tensor:
    values = values.clone()
    for a, b in spin_1:
        x, y = -values[..., a] if mirrored else values[..., a], values[..., b]
        for _ in range(quarters):
            x, y = -y, x
        values[..., a], values[..., b] = x.clone(), y.clone()
    for a, b in spin_2:
        if mirrored:
            values[..., b] *= -1
        if quarters % 2:
            values[..., [a, b]] *= -1
    return values


def pixel_scales(images: LensImages) -> Float[Tensor, "object 1"]:
    """Arcsec per pixel of each image."""
    return torch.as_tensor(np.asarray(images.pixel_scale), dtype=torch.float32)[:, None]


def true_values(images: LensImages) -> Tensor:
    """True parameters as a network predicts them, NaN where unknown, shape (object, value)."""
    return to_unbounded(torch.as_tensor(images.truth), pixel_scales(images).double())
