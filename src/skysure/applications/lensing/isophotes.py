"""Light of the lens galaxy: medians along ellipses of its second moments, plus smooth terms of 2 and 4 angles.

Arcs and neighbours cover less than half of most ellipses, so that medians do not see them (as in the ellipse fits of
Jedrzejewski 1987, MNRAS 226, 747, with one ellipse for all radii). Pixels are sorted by their elliptical radius and
divided into groups of fixed numbers: as the area of an ellipse depends on its radius alone, the groups are the same for
all images, and every step is a sort or a product with a fixed matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

WINDOW = 6.0
"""Width of the Gaussian window of the first moments [pixel]."""
ITERATIONS = 5
GROWTH = 1.19
"""Ratio of the radii of successive ellipses."""
LARGEST_TERM = 0.25
"""Largest amplitude of an angular term, as a fraction of the median."""

Images = Float[Tensor, "object row column"]
Masks = Bool[Tensor, "object row column"]


@dataclass(frozen=True)
class Light:
    """The light of lens galaxies.

    Parameters
    ----------
    model : Tensor, shape (object, row, column)
    shape : Tensor, shape (object, 6)
        Centre x, y and root of the mean second moment [pixel], ellipticity e1, e2, and the light inside that radius.
    """

    model: Tensor
    shape: Tensor


def fit_light(image: Images, mask: Masks) -> Light:
    """Fit the light of the galaxy in the middle of each image; masked pixels are not used."""
    usable = ~mask
    x, y = pixel_grid(image.shape[-1], image)
    centre, moments = fit_moments(torch.where(usable, image, 0.0).clamp(min=0), x, y)
    dx, dy = x - centre[:, :1, None], y - centre[:, 1:, None]
    radius, cosine, sine = elliptical(dx, dy, moments)
    order = argsort(radius.flatten(1))
    groups = Groups.of(image.shape[-1], image)
    values, used = (t.flatten(1).gather(1, order) for t in (image, usable))
    profile = groups.median(values, used)
    smooth = groups.interpolate(profile)
    angle = [t.flatten(1).gather(1, order) for t in (cosine, sine)]
    model = smooth + _angular_terms(groups, values - smooth, used, angle, profile)
    model = torch.empty_like(model).scatter_(1, order, model).view_as(image)
    return Light(model, _shape(centre, moments, profile, groups))


def pixel_grid(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Give x and y of the pixels from the centre of the image [pixel], each of shape (row, column)."""
    axis = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    return axis.expand(size, size), axis[:, None].expand(size, size)


def fit_moments(light: Images, x: Tensor, y: Tensor) -> tuple[Float[Tensor, "object 2"], Float[Tensor, "object 3"]]:
    """Fit an elliptical Gaussian to positive light by its moments under a window of the same shape.

    These are adaptive moments (Bernstein & Jarvis 2002, AJ 123, 583; Hirata & Seljak 2003). The window stays wider
    than 3 and narrower than 12 pixels, so that it follows the galaxy and not its nucleus or neighbours.

    Returns
    -------
    centre : Tensor, shape (object, 2)
        x, y [pixel].
    moments : Tensor, shape (object, 3)
        Second moments xx, xy, yy of the galaxy [pixel²].
    """
    n = len(light)
    centre = light.new_zeros(n, 2)
    moments = light.new_tensor([WINDOW**2, 0.0, WINDOW**2]).expand(n, 3)
    for _ in range(ITERATIONS):
        dx, dy = x - centre[:, :1, None], y - centre[:, 1:, None]
        xx, xy, yy = moments[:, :, None, None].unbind(1)
        determinant = xx * yy - xy**2
        exponent = (yy * dx**2 - 2 * xy * dx * dy + xx * dy**2) / determinant
        weighted = light * torch.exp(-0.5 * exponent)
        total = weighted.sum((1, 2)).clamp(min=1e-20)

        def mean(values: Tensor, weighted: Tensor = weighted, total: Tensor = total) -> Tensor:
            return (weighted * values).sum((1, 2)) / total

        shift = torch.stack([mean(dx), mean(dy)], 1).clamp(-1, 1)
        # a Gaussian seen through a window of its own shape has half its second moments
        seen = 2 * torch.stack([mean(dx * dx), mean(dx * dy), mean(dy * dy)], 1)
        centre = (centre + shift).clamp(-8, 8)
        moments = bound_moments(seen)
    return centre, moments


def bound_moments(moments: Float[Tensor, "object 3"]) -> Float[Tensor, "object 3"]:
    """Keep the root mean square radius within 3 to 12 pixels and the ellipticity (1 - q²) / (1 + q²) below 0.8."""
    xx, xy, yy = moments.unbind(1)
    trace = (xx + yy).clamp(min=1e-6)
    e1, e2 = (xx - yy) / trace, 2 * xy / trace
    factor = (0.8 / torch.hypot(e1, e2).clamp(min=1e-6)).clamp(max=1.0)
    size = (0.5 * trace).clamp(9.0, 144.0)
    return torch.stack([size * (1 + factor * e1), size * factor * e2, size * (1 - factor * e1)], 1)


def elliptical(dx: Tensor, dy: Tensor, moments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give the elliptical radius (of the circle of equal area), and cosine and sine of the angle within the ellipse."""
    xx, xy, yy = moments[:, :, None, None].unbind(1)
    determinant = xx * yy - xy**2
    # the inverse of a Cholesky factor of the moments turns the ellipse into a circle
    root = xx.sqrt()
    u, v = dx / root, (dy - xy / xx * dx) * root / determinant.sqrt()
    unit = torch.hypot(u, v).clamp(min=1e-6)
    return unit * determinant**0.25, u / unit, v / unit


def _angular_terms(
    groups: Groups, residual: Tensor, used: Tensor, angle: list[Tensor], profile: Tensor
) -> Float[Tensor, "object pixel"]:
    """Fit cos and sin of 2 and 4 angles to clipped residuals, group by group, and smooth them along the radius."""
    spread = 1.4826 * groups.median(residual.abs(), used)
    limit = 2.0 * groups.spread(spread)
    clipped = torch.where(used, residual.clamp(-limit, limit), 0.0)
    counts = groups.sum(used.to(residual.dtype)).clamp(min=1)
    cosine, sine = angle
    c2, s2 = cosine**2 - sine**2, 2 * cosine * sine
    total = torch.zeros_like(residual)
    for term in (c2, s2, c2**2 - s2**2, 2 * c2 * s2):
        amplitude = 2 * groups.sum(clipped * term) / counts
        bound = LARGEST_TERM * profile.abs()
        amplitude = smooth_along(torch.minimum(torch.maximum(amplitude, -bound), bound))
        total += groups.interpolate(amplitude) * term
    return total


def smooth_along(values: Float[Tensor, "object group"]) -> Float[Tensor, "object group"]:
    """Average neighbouring groups with the weights 1/4, 1/2, 1/4, twice."""
    for _ in range(2):
        padded = torch.cat([values[:, :1], values, values[:, -1:]], 1)
        values = 0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    return values


def _shape(centre: Tensor, moments: Tensor, profile: Tensor, groups: Groups) -> Float[Tensor, "object 6"]:
    xx, xy, yy = moments.unbind(1)
    half_width = (xx * yy - xy**2) ** 0.25
    # with r² the mean of the squared semi-axes: (1 - q²) / (1 + q²) to (1 - q) / (1 + q)
    trace = xx + yy
    chi1, chi2 = (xx - yy) / trace, 2 * xy / trace
    chi = torch.hypot(chi1, chi2)
    factor = 1 / (1 + (1 - chi**2).clamp(min=0).sqrt())
    inside = (groups.radius <= half_width[:, None]).to(profile.dtype) * groups.size
    light = (profile * inside).sum(1)
    return torch.cat([centre, torch.stack([half_width, factor * chi1, factor * chi2, light], 1)], 1)


def sort(values: Float[Tensor, "object pixel"]) -> Float[Tensor, "object pixel"]:
    """Sort along the second axis; on a processor by NumPy, whose vector instructions take an eighth of the time."""
    return values.sort(1).values if values.is_cuda else torch.from_numpy(np.sort(values.numpy(), 1))


def argsort(values: Float[Tensor, "object pixel"]) -> Int64[Tensor, "object pixel"]:
    """Give the order of values along the second axis, see `sort`."""
    return values.argsort(1) if values.is_cuda else torch.from_numpy(np.argsort(values.numpy(), 1))


class Groups:
    """Pixels in the order of their elliptical radius, divided into groups like elliptical annuli.

    Parameters
    ----------
    size : int
        Pixels along each side of the images.
    like : Tensor
        Of the dtype and device wanted.
    """

    def __init__(self, size: int, like: Tensor) -> None:
        pixels = size * size
        radii = [0.6]
        while radii[-1] < 0.45 * size:
            radii.append(max(radii[-1] * GROWTH, radii[-1] + 0.7))
        edges = [0, *(round(math.pi * r * r) for r in radii)]
        self.edges = [*(e for e in edges if e < pixels), pixels]
        sizes = torch.tensor(self.edges).diff()
        index = torch.arange(len(sizes)).repeat_interleave(sizes)
        self.membership = torch.nn.functional.one_hot(index).to(like)  # (pixel, group)
        self.size = sizes.to(like)
        rank = torch.arange(pixels, dtype=torch.float64) + 0.5
        log_radius = 0.5 * rank.log()
        middle = torch.stack([log_radius[a:b].mean() for a, b in zip(self.edges, self.edges[1:], strict=False)])
        self.radius = (middle.exp() / math.sqrt(math.pi)).to(like)
        self.weights = _interpolation(log_radius, middle).to(like)  # (group, pixel)

    @staticmethod
    def of(size: int, like: Tensor) -> Groups:
        """The groups of a size; kept, as they are the same for all images."""
        return _groups(size, like.dtype, like.device)

    def sum(self, values: Float[Tensor, "object pixel"]) -> Float[Tensor, "object group"]:
        """Sum over each group."""
        return values @ self.membership

    def spread(self, values: Float[Tensor, "object group"]) -> Float[Tensor, "object pixel"]:
        """Give every pixel the value of its group."""
        return values @ self.membership.T

    def interpolate(self, values: Float[Tensor, "object group"]) -> Float[Tensor, "object pixel"]:
        """Interpolate linearly in the logarithm of the radius."""
        return values @ self.weights

    def median(self, values: Float[Tensor, "object pixel"], used: Bool[Tensor, "object pixel"]) -> Tensor:
        """Median of the used pixels of each group, shape (object, group); of a group without any, that of the next."""
        medians = []
        masked = torch.where(used, values, torch.inf)
        for start, stop in zip(self.edges, self.edges[1:], strict=False):
            ranked = sort(masked[:, start:stop])
            count = used[:, start:stop].sum(1, keepdim=True)
            lower, upper = ((count - 1).clamp(min=0) // 2, count.clamp(max=stop - start - 1) // 2)
            medians.append(0.5 * (ranked.gather(1, lower) + ranked.gather(1, upper)))
        return fill(torch.cat(medians, 1))


@lru_cache(maxsize=8)
def _groups(size: int, dtype: torch.dtype, device: torch.device) -> Groups:
    return Groups(size, torch.empty(0, dtype=dtype, device=device))


def _interpolation(x: Tensor, nodes: Tensor) -> Float[Tensor, "group pixel"]:
    """Weights of linear interpolation between nodes; constant beyond the first and last."""
    right = torch.searchsorted(nodes, x).clamp(1, len(nodes) - 1)
    t = ((x - nodes[right - 1]) / (nodes[right] - nodes[right - 1])).clamp(0, 1)
    weights = torch.zeros(len(nodes), len(x), dtype=x.dtype)
    pixel = torch.arange(len(x))
    weights[right - 1, pixel] += 1 - t
    weights[right, pixel] += t
    return weights


def fill(profile: Float[Tensor, "object group"]) -> Float[Tensor, "object group"]:
    """Replace values that are not finite by the nearest finite one further in, else further out; else by zero."""
    finite = torch.isfinite(profile)
    index = torch.arange(profile.shape[1], device=profile.device)
    inner = torch.where(finite, index, -1).cummax(1).values
    outer = torch.where(finite, index, profile.shape[1]).flip(1).cummin(1).values.flip(1)
    source = torch.where(inner >= 0, inner, outer.clamp(max=profile.shape[1] - 1))
    filled = profile.gather(1, source)
    return torch.where(torch.isfinite(filled), filled, 0.0)
