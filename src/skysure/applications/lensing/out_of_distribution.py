"""Images unlike those of the training, for tests of out-of-distribution detection.

Networks are trained on none of them. The OOD score learns what "no lens" looks like, and meets the others in tests.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from skysure.errors import InputError, nearest

from .images import LensImages
from .settings import Settings
from .simulation.instruments import Instrument, PsfModel, instrument
from .simulation.populations import draw_survey, flux_of
from .simulation.random import Random
from .simulation.rendering import render
from .simulation.scenes import Galaxies, Scene, Tracks
from .simulator import to_lens_images

ARMS, BLOBS = 2, 24
"""Arms of a spiral galaxy, and Gaussians along each of them."""


def simulate_unlike(kind: str, settings: Settings, n: int, seed: int) -> LensImages:
    """Simulate n images of a kind on which a network of these settings is not trained, without truth.

    Parameters
    ----------
    kind : str
        One of `KINDS`: "no lens" (a galaxy with neighbours), "spiral" (a disc with arms), "lens light" (for networks
        that are trained without it), "cosmic rays" (dozens that are not masked), "pixels" and "psf" (of another
        instrument, which the pixel scale does not tell).

    Raises
    ------
    InputError
        Where there is no such kind.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind '{kind}'", nearest(kind, KINDS))
    camera, random = instrument(settings.instrument), Random(n, seed, KINDS.index(kind))
    other = _other_camera(kind, camera)
    if settings.population == "hezaveh" and kind != "lens light":  # these networks know no light of lenses
        other = replace(other, survey=replace(other.survey, lens_light=False))
    scene = _change_scene(kind, draw_survey(other, settings.size, random), other, settings.size, random)
    images = render(scene, other, settings.size, random.generator)
    chunk = to_lens_images(scene, images, camera, [f"{kind.replace(' ', '-')}-{seed}-{k}" for k in range(n)])
    return replace(chunk, truth=np.full_like(chunk.truth, np.nan))


def _other_camera(kind: str, camera: Instrument) -> Instrument:
    """Give the instrument that records the images."""
    if kind == "psf":
        width = 4 * camera.pixel_scale
        return replace(camera, psf=PsfModel("moffat", (1.5 * width, 2.5 * width), ellipticity=0.05))
    if kind == "pixels":
        other = instrument("euclid" if camera.pixel_scale < 0.08 else "hst")
        return replace(other, survey=replace(other.survey, lens_magnitude=camera.survey.lens_magnitude))
    return camera


def _change_scene(kind: str, scene: Scene, camera: Instrument, size: int, random: Random) -> Scene:
    if kind == "cosmic rays":
        return replace(scene, tracks=_cosmic_rays(size, random))
    if kind not in ("no lens", "spiral"):
        return scene
    without = replace(scene, signal_to_noise=torch.zeros_like(scene.signal_to_noise))
    return without if kind == "no lens" else replace(without, light=_spirals(scene, camera, random))


def _cosmic_rays(size: int, random: Random) -> Tracks:
    """Draw 60 cosmic rays in each image, as one long exposure has them."""
    shape = (60,)
    row, column = random.uniform(0, size, *shape), random.uniform(0, size, *shape)
    return Tracks(
        torch.arange(random.objects)[:, None].expand_as(row), row, column, random.uniform(0, 2 * math.pi, *shape),
        random.log_uniform(2, 16, *shape), random.log_uniform(300, 5000, *shape),
        torch.zeros_like(row, dtype=torch.bool),
    )[torch.ones_like(row, dtype=torch.bool)]  # fmt: skip


def _spirals(scene: Scene, camera: Instrument, random: Random) -> Galaxies:
    """Draw a disc, a bulge and logarithmic arms in place of the lenses; neighbours are left out."""
    theta, x, y = scene.mass[:, 0], scene.mass[:, 3], scene.mass[:, 4]
    flux = flux_of(camera.survey.lens_magnitude + 1, camera) * random.normal(0, 0.4).exp()
    q, phi = random.uniform(0.4, 1.0), random.uniform(0, math.pi)
    e = (1 - q) / (1 + q)
    e1, e2 = e * (2 * phi).cos(), e * (2 * phi).sin()
    owner, one = torch.arange(len(scene)), torch.ones(len(scene))
    disc = Galaxies(owner, 0.6 * flux, theta, one, e1, e2, x, y)
    bulge = Galaxies(owner, 0.15 * flux, 0.2 * theta, 2.5 * one, e1 / 2, e2 / 2, x, y)
    shape = (ARMS * BLOBS,)
    step = torch.linspace(0, 1, BLOBS).repeat(ARMS)
    start = torch.arange(ARMS).repeat_interleave(BLOBS) * (2 * math.pi / ARMS)
    pitch = random.uniform(0.25, 0.5)[:, None]
    radius = theta[:, None] * (0.35 * (pitch * 1.3 * math.pi * step).exp() + random.normal(0, 0.03, *shape))
    angle = start + 1.3 * math.pi * step + random.uniform(0, 2 * math.pi)[:, None]
    u, v = radius * angle.cos(), radius * angle.sin() * q[:, None]
    c, s = phi.cos()[:, None], phi.sin()[:, None]
    light = (0.35 / shape[0]) * flux[:, None] * random.normal(0, 0.5, *shape).exp()
    arms = Galaxies(
        owner[:, None].expand_as(u), light, 0.12 * theta[:, None] * random.log_uniform(0.6, 1.6, *shape),
        torch.full_like(u, 0.6), torch.zeros_like(u), torch.zeros_like(u),
        x[:, None] + c * u - s * v, y[:, None] + s * u + c * v,
    )  # fmt: skip
    return Galaxies.concat(disc, bulge, arms[torch.ones_like(u, dtype=torch.bool)])


KINDS = ("no lens", "spiral", "lens light", "cosmic rays", "pixels", "psf")
