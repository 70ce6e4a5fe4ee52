"""From Gaussians to images: convolved with the beam in closed form, in windows around their centres."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .scenes import Gaussians, second_moments

WIDTHS = 4.5
"""Half of a window, in standard deviations along the major axis: exp(-10) of the peak is left at its edge."""
WINDOWS = (6, 9, 13, 19, 28, 42, 64, 100, 160)
"""Half-widths of windows [pixel]."""
FWHM = math.sqrt(8 * math.log(2))
"""Full width at half maximum of a Gaussian, in standard deviations."""


def render(gaussians: Gaussians, image: Tensor, beams: Tensor, size: int, scale: float) -> Tensor:
    """Images [Jy / beam] of Gaussians after the beam, shape (object, row, column).

    A Gaussian of flux S and covariance C under a beam of covariance B has the peak S sqrt(|B| / |B + C|) and the
    covariance B + C.

    Parameters
    ----------
    image : Tensor of int64, shape (gaussian,)
        In which each is.
    beams : Tensor, shape (object, 3)
        Standard deviations along the major and the minor axis [arcsec], and the angle of the major axis [rad].
    size : int
        Pixels along each side.
    scale : float
        Arcsec per pixel.
    """
    bxx, byy, bxy = (moment[image] for moment in second_moments(*beams.T))
    cxx, cyy, cxy = gaussians.covariance()
    xx, yy, xy = ((b + c) / scale**2 for b, c in ((bxx, cxx), (byy, cyy), (bxy, cxy)))
    determinant = xx * yy - xy * xy
    peak = gaussians.flux * ((bxx * byy - bxy * bxy) / scale**4 / determinant).sqrt()
    x, y = (k / scale + (size - 1) / 2 for k in (gaussians.x, gaussians.y))
    # exp(-(a dx² + b dy² + c dx dy)) is the Gaussian.
    form = torch.stack([yy / 2, xx / 2, -xy]) / determinant
    reach = WIDTHS * torch.maximum(xx, yy).sqrt()
    canvas = torch.zeros(len(beams) * size * size)
    window = torch.bucketize(reach, torch.tensor(WINDOWS, dtype=reach.dtype)).clamp(max=len(WINDOWS) - 1)
    for k, half in enumerate(WINDOWS):
        chosen = (window == k).nonzero()[:, 0]
        if len(chosen):
            _add(canvas, image[chosen], x[chosen], y[chosen], peak[chosen], form[:, chosen], half, size)
    return canvas.reshape(len(beams), size, size)


def _add(canvas: Tensor, image: Tensor, x: Tensor, y: Tensor, peak: Tensor, form: Tensor, half: int, size: int) -> None:
    """Add Gaussians to flat images, in place, in windows of 2 half + 1 pixels around the pixels of their centres."""
    steps = torch.arange(-half, half + 1)
    columns, rows = (k.round().long()[:, None] + steps for k in (x, y))
    dx, dy = columns - x[:, None], rows - y[:, None]
    a, b, c = form[..., None]
    exponent = (a * dx * dx)[:, None, :] + (b * dy * dy)[:, :, None] + (c * dx)[:, None, :] * dy[:, :, None]
    light = exponent.neg_().exp_().mul_(peak[:, None, None])
    pixel = (image[:, None] * size + rows.clamp(0, size - 1))[:, :, None] * size + columns.clamp(0, size - 1)[:, None]
    inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None, :]
    canvas.index_add_(0, pixel.flatten(), light.mul_(inside).flatten())
