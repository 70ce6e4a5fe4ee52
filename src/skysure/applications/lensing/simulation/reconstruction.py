"""The source and the image of a lens whose mass is known: a regularised linear fit (Warren & Dye 2003, ApJ 590, 673).

The source is a grid of pixels, interpolated bilinearly. Its image is linear in their values s, so that the s for which
chi^2 + lambda s H s is least solves (F + lambda H) s = b, F = A^T A, b = A^T d. A is the image of each pixel over the
noise, d the data over the noise, H the square of the discrete Laplacian with zeros around the grid. lambda is where
the evidence is largest (Suyu et al. 2006, MNRAS 371, 983). The grid is first almost as wide as the Einstein radius, and
then around the source of the first fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .imaging import PixelGrid, convolve
from .light import pixelated
from .mass import Mass

NODES = (14, 22)
"""Pixels along each side of the source in the first and in the second fit."""
FIELD = 0.7
"""Half of the first grid, in Einstein radii."""
ANNULUS = (0.3, 1.6)
"""What is fitted, in Einstein radii from the lens: images of the source, without its centre and distant neighbours."""
FAINTEST, FARTHEST = 0.3, 0.4
"""The second grid is for light above this fraction of the peak of the first source, within so many Einstein radii."""
WIDTHS = 3.0
"""Half of the second grid, in root mean square radii of that light."""
Image = Float[Tensor, "row column"]


@dataclass(frozen=True)
class Observation:
    """An image of a lens.

    Parameters
    ----------
    image, noise : Tensor, shape (row, column)
    mask : Tensor of bool, shape (row, column)
        True for pixels to ignore.
    psf : Tensor, shape (row, column)
    pixel_scale : float
        Arcsec per pixel.
    """

    image: Image
    noise: Image
    mask: Bool[Tensor, "row column"]
    psf: Float[Tensor, "row column"]
    pixel_scale: float


@dataclass(frozen=True)
class SourceGrid:
    """A square grid of pixels in the source plane: pixels along each side, centre and half its side [arcsec]."""

    nodes: int
    x: float
    y: float
    half: float

    @property
    def scale(self) -> float:
        """Size of a pixel [arcsec]."""
        return 2 * self.half / self.nodes


@dataclass(frozen=True)
class Reconstruction:
    """What a lens model makes of an image.

    Parameters
    ----------
    light : Tensor, shape (row, column)
        Of the lens galaxy.
    arcs : Tensor, shape (row, column)
        Image of the source.
    source : Tensor, shape (node, node)
        Surface brightness of the source [flux / pixel of the image]; row 0 is the bottom.
    grid : SourceGrid
    residual : Tensor, shape (row, column)
        Image less light and arcs, over the noise; NaN where masked.
    chi2 : float
        Mean square of the residual in `ANNULUS`.
    """

    light: Image
    arcs: Image
    source: Float[Tensor, "node node"]
    grid: SourceGrid
    residual: Image
    chi2: float


def reconstruct(
    observation: Observation, lens: Mass, theta_E: float, centre: tuple[float, float],
    fit_light: Callable[[Image, Bool[Tensor, "row column"]], Image],
) -> Reconstruction:  # fmt: skip
    """Fit the light of the lens galaxy and the source of an image.

    Parameters
    ----------
    observation : Observation
    lens : Mass
        Of one lens.
    theta_E, centre : float, tuple of float
        Its Einstein radius and the position of its centre [arcsec].
    fit_light : callable
        Gives the light of the lens galaxy in an image without arcs, which it may still hold in part.
    """
    image, bad = observation.image, observation.mask
    light = fit_light(image, bad)
    radii = distances(observation, centre) / theta_E
    around = (radii > ANNULUS[0]) & (radii < ANNULUS[1]) & ~bad
    grid = SourceGrid(NODES[0], *centre, FIELD * theta_E)
    source, arcs = fit_source(observation, image - light, around, lens, grid)
    light = fit_light(image - torch.where(around, arcs.clamp(min=0), 0.0), bad)
    grid = zoom(grid, source, NODES[1], FARTHEST * theta_E)
    source, arcs = fit_source(observation, image - light, around, lens, grid)
    residual = (observation.image - light - arcs) / observation.noise
    residual = torch.where(observation.mask, torch.nan, residual)
    return Reconstruction(light, arcs, source, grid, residual, float(residual[around].square().mean()))


def distances(observation: Observation, centre: tuple[float, float]) -> Image:
    """Distances of the pixels from a position [arcsec]."""
    rows, columns = observation.image.shape
    x = (torch.arange(columns) - (columns - 1) / 2) * observation.pixel_scale - centre[0]
    y = (torch.arange(rows) - (rows - 1) / 2) * observation.pixel_scale - centre[1]
    return torch.hypot(x, y[:, None])


def fit_source(
    observation: Observation, data: Image, used: Bool[Tensor, "row column"], lens: Mass, grid: SourceGrid
) -> tuple[Float[Tensor, "node node"], Image]:
    """Give the source, and its image, that fit the pixels of `data` that are used."""
    images = lensed_pixels(observation, lens, grid)
    used = used & (images.sum(0) > 0)
    source = invert(images[:, used] / observation.noise[used], data[used] / observation.noise[used])
    return source, (source.reshape(-1) @ images.flatten(1)).view_as(data)


def lensed_pixels(observation: Observation, lens: Mass, grid: SourceGrid) -> Float[Tensor, "node row column"]:
    """Image of each pixel of the source, of surface brightness 1, after the PSF."""
    rows, columns = observation.image.shape
    rays = PixelGrid(rows, columns, observation.pixel_scale)
    x, y = (beta[0] for beta in lens.trace(*rays.rays))
    column = (x - grid.x + grid.half) / grid.scale - 0.5
    row = (y - grid.y + grid.half) / grid.scale - 0.5
    weights = torch.zeros(grid.nodes**2, rows * columns)
    pixel = torch.arange(rows * columns).view(rows, columns).expand_as(x)
    for k in (0, 1):
        for m in (0, 1):
            i, j = row.floor() + k, column.floor() + m
            weight = (1 - (row - i).abs()) * (1 - (column - j).abs()) / x[..., 0, 0].numel()
            inside = (i >= 0) & (i < grid.nodes) & (j >= 0) & (j < grid.nodes)
            node = (i * grid.nodes + j).long()
            weights.index_put_((node[inside], pixel[inside]), weight[inside].float(), accumulate=True)
    images = weights.view(-1, rows, columns)
    return torch.cat([convolve(block, observation.psf[None]) for block in images.split(64)])


def invert(a: Float[Tensor, "node pixel"], d: Float[Tensor, " pixel"]) -> Float[Tensor, "side side"]:
    """Fit the surface brightness of the source, regularised as strongly as the evidence favours."""
    side = math.isqrt(len(a))
    root = torch.linalg.cholesky(roughness(side))
    curvature = torch.linalg.solve_triangular(root, (a @ a.T).double(), upper=False)
    curvature = torch.linalg.solve_triangular(root, curvature.T, upper=False)
    values, vectors = torch.linalg.eigh(0.5 * (curvature + curvature.T))
    values = values.clamp(min=0)
    c = vectors.T @ torch.linalg.solve_triangular(root, (a @ d).double()[:, None], upper=False)[:, 0]
    strength = strongest_evidence(values, c)
    s = torch.linalg.solve_triangular(root.T, (vectors @ (c / (values + strength)))[:, None], upper=True)
    return s.view(side, side).to(d.dtype)


def roughness(side: int) -> Float[Tensor, "node node"]:
    """H: the square of the discrete Laplacian of a grid, with zeros around it."""
    line = 2 * torch.eye(side, dtype=torch.float64)
    line -= torch.diag(torch.ones(side - 1, dtype=torch.float64), 1)
    line -= torch.diag(torch.ones(side - 1, dtype=torch.float64), -1)
    identity = torch.eye(side, dtype=torch.float64)
    laplacian = torch.kron(line, identity) + torch.kron(identity, line)
    return laplacian @ laplacian


def strongest_evidence(values: Float[Tensor, " node"], c: Float[Tensor, " node"]) -> float:
    """Give the lambda at which the evidence is largest, of 61 between the extremes of the eigenvalues.

    With the eigenvalues w of F relative to H, and b in their basis c, the logarithm of the evidence is

        (sum c^2 / (w + lambda) + n log lambda - sum log(w + lambda)) / 2 + a constant.
    """
    top = float(values.max().clamp(min=1e-12))
    strengths = top * torch.logspace(-8, 2, 61, dtype=torch.float64)[:, None]
    total = values + strengths
    evidence = (c.square() / total).sum(1) + len(values) * strengths[:, 0].log() - total.log().sum(1)
    return float(strengths[int(evidence.argmax())])


def zoom(grid: SourceGrid, source: Float[Tensor, "node node"], nodes: int, farthest: float) -> SourceGrid:
    """Place a finer grid around the brightest part of a source: at its centroid, as wide as its second moments say."""
    axis = (torch.arange(grid.nodes) - (grid.nodes - 1) / 2) * grid.scale
    row, column = divmod(int(source.argmax()), grid.nodes)
    distance = torch.hypot(axis - axis[column], axis[:, None] - axis[row])
    light = torch.where((source > FAINTEST * source.max()) & (distance < farthest), source, 0.0).clamp(min=0)
    total = float(light.sum())
    if total <= 0:
        return SourceGrid(nodes, grid.x, grid.y, grid.half)
    x, y = float((light * axis).sum()) / total, float((light * axis[:, None]).sum()) / total
    square = float((light * ((axis - x) ** 2 + (axis[:, None] - y) ** 2)).sum()) / total
    half = min(WIDTHS * math.sqrt(square) + grid.scale, grid.half)
    return SourceGrid(nodes, grid.x + x, grid.y + y, half)


def sample_source(reconstruction: Reconstruction, x: Tensor, y: Tensor) -> Tensor:
    """Surface brightness of the source at positions in the source plane [flux / pixel of the image]."""
    grid = reconstruction.grid
    scale = torch.tensor(grid.scale)
    return pixelated(x[None] - grid.x, y[None] - grid.y, reconstruction.source[None], scale)[0]
