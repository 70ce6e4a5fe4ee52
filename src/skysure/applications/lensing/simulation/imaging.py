"""From light and mass to images: rays, sub-pixels, the PSF.

>>> from skysure.applications.lensing.simulation import SIE, Sersic
>>> one = torch.ones(8)
>>> grid = PixelGrid(rows=64, columns=64, scale=0.05)
>>> lens = SIE(1.1 * one, 0.1 * one, 0 * one, 0 * one, 0 * one)
>>> source = Sersic.of_flux(one, 0.2 * one, one, 0 * one, 0 * one, 0.1 * one, 0 * one)
>>> render(grid, source, lens).shape
torch.Size([8, 64, 64])
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from .ellipses import Positions
from .light import Light
from .mass import Mass

Image = Float[Tensor, "object row column"]


@dataclass(frozen=True)
class PixelGrid:
    """Pixels of an image, around the origin: x grows with the column, y with the row.

    Parameters
    ----------
    rows, columns : int
        Pixels of the image.
    scale : float
        Size of a pixel [arcsec].
    subpixels : int
        Rays along each side of a pixel.
    border : int
        Further pixels on each side that are traced, so that light from there enters the image through the PSF.
    oversampling : int
        Pixels of the PSF along each side of a pixel, a divisor of `subpixels`.
    dtype, device
        Of the rays.
    """

    rows: int
    columns: int
    scale: float
    subpixels: int = 2
    border: int = 0
    oversampling: int = 1
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"

    @cached_property
    def rays(self) -> tuple[Tensor, Tensor]:
        """Positions x and y of the rays [arcsec]; they broadcast to (object, sub-row, sub-column, row, column).

        Rows and columns are those of the PSF's pixels where it is oversampled. Sub-pixels come first, so that a mean
        over them reads memory in its order; x does not vary along rows nor y along columns, so that what is linear in
        them costs a vector.
        """
        x, y = (self._positions(n).T.contiguous() for n in (self.columns, self.rows))
        return x[None, None, :, None, :], y[None, :, None, :, None]

    def _positions(self, pixels: int) -> Float[Tensor, "pixel subpixel"]:
        total = (pixels + 2 * self.border) * self.subpixels
        index = torch.arange(total, dtype=torch.float64) - (total - 1) / 2
        fine = self.subpixels // self.oversampling
        return (index * (self.scale / self.subpixels)).to(self.dtype).to(self.device).reshape(-1, fine)

    @property
    def pixel_area(self) -> float:
        """Area of a pixel [arcsec^2]."""
        return self.scale * self.scale

    def crop(self, image: Image) -> Image:
        """Bin the pixels of an oversampled PSF and drop the border."""
        k, border = self.oversampling, self.border
        if k > 1:
            rows, columns = image.shape[-2] // k, image.shape[-1] // k
            image = image.reshape(-1, rows, k, columns, k).mean((2, 4))
        return image[..., border : border + self.rows, border : border + self.columns] if border else image


def ray_trace(lens: Mass | None, source: Light, x: Positions, y: Positions) -> Tensor:
    """Surface brightness of a source behind a lens at positions x, y in the image [arcsec]."""
    if lens is None:
        return source.brightness(x, y)
    ax, ay = lens.deflection(x, y)
    return source.brightness(x - ax, y - ay)


def trace_pixels(grid: PixelGrid, source: Light, lens: Mass | None = None) -> Image:
    """Flux in each pixel, border and pixels of an oversampled PSF included: the mean over the rays in it, no PSF."""
    keep_freed_memory()
    return ray_trace(lens, source, *grid.rays).mean((1, 2)) * grid.pixel_area


@cache
def keep_freed_memory() -> None:
    """Let the allocator reuse the memory of intermediate results, which halves the time of images of 96 pixels.

    The C library returns freed blocks of more than 128 kB to the system, and pays for each of their pages when it asks
    for them again; it raises that limit to the size of the largest block, up to 32 MB, that was freed.
    """
    torch.empty(32_000_000, dtype=torch.uint8)


def render(
    grid: PixelGrid, source: Light, lens: Mass | None = None, lens_light: Light | None = None, psf: Image | None = None
) -> Image:
    """Image of a lensed source, and of the light of the lens, in flux per pixel.

    Parameters
    ----------
    psf : Tensor, shape (object, row, column) or (1, row, column), optional
        With an odd number of rows and columns, of sum 1; its pixels are `grid.oversampling` times smaller than those
        of the image.
    """
    image = trace_pixels(grid, source, lens)
    if lens_light is not None:
        image = image + trace_pixels(grid, lens_light)
    if psf is None:
        return grid.crop(image)
    return grid.crop(convolve(image, psf, grid.border * grid.oversampling))


def convolve(image: Image, psf: Float[Tensor, "#object row column"], border: int = 0) -> Image:
    """Convolve each image with its PSF, by FFT; outside of the image there is no light.

    Parameters
    ----------
    border : int
        Pixels on each side that need not be right; as many as half of the PSF make the FFT shortest.
    """
    rows, columns = image.shape[-2:]
    r, c = (n // 2 for n in psf.shape[-2:])
    # What wraps around spoils the first pixels of the full convolution, which are not kept.
    size = (_fast_length(rows + max(0, r - border)), _fast_length(columns + max(0, c - border)))
    product = torch.fft.rfft2(image, s=size) * torch.fft.rfft2(psf, s=size)
    convolved = torch.fft.irfft2(product, s=size)
    if size[0] >= rows + r and size[1] >= columns + c:
        return convolved[..., r : r + rows, c : c + columns]
    return convolved.roll((-r, -c), (-2, -1))[..., :rows, :columns]


def _fast_length(n: int) -> int:
    """Next multiple of 16, whose FFT is faster than that of other lengths between."""
    return -(-n // 16) * 16


def total_magnification(grid: PixelGrid, source: Light, lens: Mass) -> Float[Tensor, " object"]:
    """Flux of the lensed source inside the field over its total flux without the lens."""
    grid_without_border = PixelGrid(grid.rows, grid.columns, grid.scale, grid.subpixels, 0, 1, grid.dtype, grid.device)
    return trace_pixels(grid_without_border, source, lens).sum((-2, -1)) / source.total_flux
