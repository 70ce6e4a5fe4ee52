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

from dataclasses import dataclass, replace
from functools import cache, cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from skysure.errors import InputError

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
    refined : int
        Pixels of each image, those where it is most curved, that get `refined_subpixels` rays along each side instead:
        around the images of the centre of a galaxy. With 256 of them, 16 rays in each and one ray elsewhere, errors are
        about a third to a half of those of 2 x 2 rays everywhere, in about the same time.
    refined_subpixels : int
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
    refined: int = 0
    refined_subpixels: int = 4
    border: int = 0
    oversampling: int = 1
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf") or min(self.rows, self.columns, self.subpixels) < 1:
            raise InputError(f"{self}", "positive numbers; the scale in arcsec")
        if self.subpixels % self.oversampling:
            raise InputError(
                f"subpixels={self.subpixels} for oversampling={self.oversampling}", "a multiple of it",
                "each pixel of the PSF needs as many rays", f"subpixels={2 * self.oversampling}",
            )  # fmt: skip

    @cached_property
    def rays(self) -> tuple[Tensor, Tensor]:
        """Positions x and y of the rays [arcsec]; they broadcast to (object, sub-row, sub-column, row, column).

        Rows and columns are those of the PSF's pixels where it is oversampled. Sub-pixels come first, so that a mean
        over them reads memory in its order; x does not vary along rows nor y along columns, so that what is linear in
        them costs a vector.
        """
        x, y = (self._positions(n).T.contiguous() for n in (self.columns, self.rows))
        return x[None, None, :, None, :], y[None, :, None, :, None]

    def rays_within(self, pixels: Float[Tensor, "object pixel"]) -> tuple[Tensor, Tensor]:
        """Positions of the refined rays in pixels, numbered along the rows; of shape (object, sub-pixel, pixel)."""
        pitch, fine = self.scale / self.oversampling, self.refined_subpixels
        columns = (self.columns + 2 * self.border) * self.oversampling
        rows = (self.rows + 2 * self.border) * self.oversampling
        offset = ((torch.arange(fine, device=pixels.device) + 0.5) / fine - 0.5)[:, None]
        x, y = (pixels % columns - (columns - 1) / 2)[:, None], (pixels // columns - (rows - 1) / 2)[:, None]
        x, y = ((k + offset).to(self.dtype) * pitch for k in (x, y))
        return x[:, None].expand(-1, fine, -1, -1).flatten(1, 2), y[:, :, None].expand(-1, -1, fine, -1).flatten(1, 2)

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
    image = ray_trace(lens, source, *grid.rays).mean((1, 2))
    if grid.refined:
        pixels = curvature(image.detach()).flatten(1).topk(min(grid.refined, image[0].numel()), sorted=False).indices
        fine = ray_trace(lens, source, *grid.rays_within(pixels)).mean(1)
        image = image.flatten(1).scatter(1, pixels, fine).reshape(image.shape)
    return image * grid.pixel_area


def curvature(image: Image) -> Image:
    """Absolute second differences, to which the error of one ray per pixel is proportional; 0 at the rim."""
    result = torch.zeros_like(image)
    centre = image[:, 1:-1, 1:-1]
    neighbours = image[:, 1:-1, :-2] + image[:, 1:-1, 2:] + image[:, :-2, 1:-1] + image[:, 2:, 1:-1]
    result[:, 1:-1, 1:-1] = (neighbours - 4 * centre).abs()
    return result


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

    Raises
    ------
    InputError
        Where the PSF has an even number of rows or columns.
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
    if psf.ndim != 3 or not (psf.shape[-2] % 2 and psf.shape[-1] % 2):
        raise InputError(
            f"psf of shape {tuple(psf.shape)}", "(object, row, column), with an odd number of rows and columns",
            "an even number of pixels has no central one" if psf.ndim == 3 else "one PSF for all objects",
            "resample it, or cut a row and a column" if psf.ndim == 3 else "psf[None]",
        )  # fmt: skip
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
    image = trace_pixels(replace(grid, border=0, oversampling=1), source, lens)
    return image.sum((-2, -1)) / source.total_flux
