"""Images: equal to those of two peers pixel by pixel; fluxes in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import gammaincinv
from torch import Tensor

from skysure.applications.lensing.simulation import (
    SIE,
    Lens,
    Pixelated,
    PixelGrid,
    Sersic,
    Shear,
    convolve,
    render,
    total_magnification,
)  # fmt: skip
from skysure.applications.lensing.simulation.imaging import trace_pixels
from skysure.applications.lensing.simulation.light import sersic_b
from skysure.errors import InputError

DOUBLE = torch.float64
pytestmark = pytest.mark.filterwarnings("ignore:.*NumPy 2.0:DeprecationWarning")  # of the peers


def gaussian(size: int, std: float, dtype: torch.dtype = DOUBLE) -> Tensor:
    k = torch.arange(size, dtype=dtype) - (size - 1) / 2
    psf = torch.exp(-(k[:, None] ** 2 + k**2) / (2 * std**2))
    return (psf / psf.sum())[None]


def draw_system(n: int, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Parameters of random lenses, shears and sources, each of shape (object,)."""
    rng = np.random.default_rng(seed)

    def ellipticity(lowest: float) -> tuple[np.ndarray, np.ndarray]:
        q, phi = rng.uniform(lowest, 1, n), rng.uniform(0, math.pi, n)
        e = (1 - q) / (1 + q)
        return e * np.cos(2 * phi), e * np.sin(2 * phi)

    e1, e2 = ellipticity(0.4)
    lens = {"theta_E": rng.uniform(0.7, 1.4, n), "e1": e1, "e2": e2, "x": rng.normal(0, 0.03, n),
            "y": rng.normal(0, 0.03, n)}  # fmt: skip
    shear = {"gamma1": rng.normal(0, 0.05, n), "gamma2": rng.normal(0, 0.05, n)}
    e1, e2 = ellipticity(0.3)
    source = {"intensity": rng.uniform(1, 5, n), "radius": rng.uniform(0.05, 0.4, n), "index": rng.uniform(0.5, 4, n),
              "e1": e1, "e2": e2, "x": rng.normal(0, 0.2, n), "y": rng.normal(0, 0.2, n)}  # fmt: skip
    return tuple({k: torch.as_tensor(v) for k, v in part.items()} for part in (lens, shear, source))  # type: ignore


def test_b_of_sersic_profiles_is_exact():
    n = torch.linspace(0.3, 12, 500, dtype=DOUBLE)
    assert np.abs(sersic_b(n).numpy() - gammaincinv(2 * n.numpy(), 0.5)).max() < 1e-9


@pytest.mark.parametrize("index", [0.5, 1.0, 2.5])
def test_flux_of_a_sersic_profile(index):
    values = torch.tensor([1.3, 0.5, index, 0.2, -0.1, 0.03, -0.02], dtype=DOUBLE)
    galaxy = Sersic(*values[:, None])
    image = trace_pixels(PixelGrid(800, 800, 0.025, subpixels=2, dtype=DOUBLE), galaxy)
    assert image.sum().item() == pytest.approx(galaxy.total_flux.item(), rel=2e-3 if index > 2 else 1e-4)
    half = PixelGrid(800, 800, 0.0025, subpixels=2, dtype=DOUBLE)
    x, y = half.rays
    e = math.hypot(0.2, 0.1)
    q, phi = (1 - e) / (1 + e), 0.5 * math.atan2(-0.1, 0.2)
    x0, y0 = x - 0.03, y + 0.02
    along, across = math.cos(phi) * x0 + math.sin(phi) * y0, math.cos(phi) * y0 - math.sin(phi) * x0
    inside = (q * along**2 + across**2 / q) < 0.25
    light = (galaxy.brightness(x, y) * inside).mean((1, 2)).sum() * half.pixel_area
    assert light.item() == pytest.approx(0.5 * galaxy.total_flux.item(), rel=2e-3)


def as_lenstronomy(source: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same profiles with the b of lenstronomy, an approximation: another radius, and the intensity there."""
    n = source["index"]
    b, theirs = torch.as_tensor(gammaincinv(2 * n.numpy(), 0.5)), 1.9992 * n - 0.3271
    return source | {
        "intensity": source["intensity"] * torch.exp(b - theirs), "radius": source["radius"] * (theirs / b) ** n,
    }  # fmt: skip


def keywords(parameters: dict[str, Tensor], k: int) -> dict[str, float]:
    """Parameters of one object under the names of lenstronomy."""
    names = {"x": "center_x", "y": "center_y", "intensity": "amp", "radius": "R_sersic", "index": "n_sersic"}
    return {names.get(name, name): float(value[k]) for name, value in parameters.items()}


def lenstronomy_image(k: int, lens, shear, source, size: int, scale: float, psf: Tensor | None, light=None):
    from lenstronomy.Data.imaging_data import ImageData
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    corner = -(size - 1) / 2 * scale
    data = ImageData(np.zeros((size, size)), ra_at_xy_0=corner, dec_at_xy_0=corner,
                     transform_pix2angle=np.eye(2) * scale)  # fmt: skip
    kernel = PSF("NONE") if psf is None else PSF("PIXEL", kernel_point_source=psf[0].numpy())
    model = ImageModel(
        data, kernel, LensModel(["EPL", "SHEAR"]), LightModel(["SERSIC_ELLIPSE"]),
        LightModel([] if light is None else ["SERSIC_ELLIPSE"]),
        kwargs_numerics={"supersampling_factor": 2, "supersampling_convolution": False},
    )  # fmt: skip
    mass = [keywords(lens, k) | {"gamma": 2.0}, keywords(shear, k)]
    galaxies = [[] if part is None else [keywords(as_lenstronomy(part), k)] for part in (source, light)]
    return model.image(mass, *galaxies)


@pytest.mark.parametrize("with_psf", [False, True])
def test_images_are_those_of_lenstronomy(with_psf):
    lens, shear, source = draw_system(12, 1)
    light = source | {"x": lens["x"], "y": lens["y"], "radius": source["radius"] * 3}
    psf = gaussian(15, 1.3) if with_psf else None
    grid = PixelGrid(60, 60, 0.06, subpixels=2, dtype=DOUBLE)
    ours = render(grid, Sersic(**source), Lens((SIE(**lens), Shear(**shear))), Sersic(**light), psf)
    for k in range(12):
        theirs = lenstronomy_image(k, lens, shear, source, 60, 0.06, psf, light)
        assert np.abs(ours[k].numpy() - theirs).max() < 1e-6 * theirs.max()


def test_images_of_single_precision_are_those_of_lenstronomy():
    lens, shear, source = draw_system(12, 2)
    single = [{name: v.float() for name, v in part.items()} for part in (lens, shear, source)]
    psf = gaussian(15, 1.3)
    ours = render(
        PixelGrid(60, 60, 0.06), Sersic(**single[2]), Lens((SIE(**single[0]), Shear(**single[1]))), psf=psf.float()
    )
    for k in range(12):
        theirs = lenstronomy_image(k, lens, shear, source, 60, 0.06, psf)
        assert np.abs(ours[k].numpy() - theirs).max() < 1e-5 * theirs.max()


@pytest.mark.parametrize("with_psf", [False, True])
def test_images_are_those_of_caustics(with_psf):
    """With a PSF of half pixels; caustics takes the radius along the major axis, and pads the field by the PSF."""
    import caustics

    lens, shear, source = draw_system(6, 3)
    psf = gaussian(17, 2.6) if with_psf else torch.ones(1, 1, 1, dtype=DOUBLE)
    border = 4 if with_psf else 0
    grid = PixelGrid(60, 60, 0.06, subpixels=2, oversampling=2, border=border, dtype=DOUBLE)
    ours = render(grid, Sersic(**source), Lens((SIE(**lens), Shear(**shear))), psf=psf)
    theirs, q_phi = as_lenstronomy(source), {}
    for name, part in (("lens", lens), ("source", source)):
        e = torch.hypot(part["e1"], part["e2"])
        q_phi[name] = (1 - e) / (1 + e), 0.5 * torch.atan2(part["e2"], part["e1"])
    for k in range(6):
        (q, phi), (q_source, phi_source) = ((a[k], b[k]) for a, b in (q_phi["lens"], q_phi["source"]))
        cosmology = caustics.FlatLambdaCDM(name="cosmology")
        mass = caustics.SIE(cosmology=cosmology, name="mass", x0=lens["x"][k], y0=lens["y"][k], q=q, phi=phi,
                            Rein=lens["theta_E"][k])  # fmt: skip
        external = caustics.ExternalShear(cosmology=cosmology, name="external", x0=0.0, y0=0.0,
                                          gamma_1=shear["gamma1"][k], gamma_2=shear["gamma2"][k])  # fmt: skip
        plane = caustics.SinglePlane(cosmology=cosmology, name="plane", lenses=[mass, external], z_l=0.5, z_s=2.0)
        light = caustics.Sersic(
            name="light", x0=source["x"][k], y0=source["y"][k], q=q_source, phi=phi_source, n=source["index"][k],
            Re=theirs["radius"][k] / q_source.sqrt(), Ie=theirs["intensity"][k], use_lenstronomy_k=True,
        )  # fmt: skip
        simulator = caustics.LensSource(plane, light, pixelscale=0.06, pixels_x=60, upsample_factor=2, psf=psf[0])
        # Its own grid is of single precision.
        pixels = 2 * (60 + 2 * border)
        simulator._grid = tuple(g[..., None] for g in caustics.utils.meshgrid(0.03, pixels, pixels, dtype=DOUBLE))
        image = simulator.to(dtype=DOUBLE)().detach() * 0.06**2
        assert (ours[k] - image).abs().max() < 1e-7 * image.max()


def test_convolution_is_that_of_scipy():
    from scipy.signal import convolve2d

    rng = np.random.default_rng(0)
    images, psfs = rng.random((3, 31, 40)), rng.random((3, 9, 7))
    ours = convolve(torch.as_tensor(images), torch.as_tensor(psfs))
    for image, psf, result in zip(images, psfs, ours, strict=True):
        np.testing.assert_allclose(result, convolve2d(image, psf, mode="same"), atol=1e-12)


def test_a_border_lets_light_in():
    lens, shear, source = draw_system(3, 4)
    parts = Sersic(**source), Lens((SIE(**lens), Shear(**shear)))
    psf = gaussian(9, 1.5)
    small = render(PixelGrid(40, 40, 0.06, border=4, dtype=DOUBLE), *parts, psf=psf)
    large = render(PixelGrid(60, 60, 0.06, dtype=DOUBLE), *parts, psf=psf)
    torch.testing.assert_close(small, large[:, 10:-10, 10:-10])


def test_pixelated_sources_keep_their_flux_and_their_place():
    image = torch.zeros(1, 9, 9, dtype=DOUBLE)
    image[0, 6, 3] = 2.0
    galaxy = Pixelated(image, *torch.tensor([[0.1], [0.5], [0.0], [0.0]], dtype=DOUBLE))
    grid = PixelGrid(100, 100, 0.02, subpixels=4, dtype=DOUBLE)
    pixels = trace_pixels(grid, galaxy)
    assert pixels.sum().item() == pytest.approx(galaxy.total_flux.item(), rel=1e-12)
    x, y = (axis.mean((1, 2)) for axis in grid.rays)
    assert (pixels * x).sum().item() / pixels.sum().item() == pytest.approx(0.5 - 0.1)
    assert (pixels * y).sum().item() / pixels.sum().item() == pytest.approx(0.2)
    turned = trace_pixels(grid, Pixelated(image, *torch.tensor([[0.1], [0.0], [0.0], [math.pi / 2]], dtype=DOUBLE)))
    assert (turned * x).sum().item() / turned.sum().item() == pytest.approx(-0.2)
    assert (turned * y).sum().item() / turned.sum().item() == pytest.approx(-0.1)


def test_magnification_of_a_source_behind_an_isothermal_sphere():
    """A small source at beta has mu = 2 theta_E / beta (both images; Schneider, Kochanek & Wambsganss 2006)."""
    zero = torch.zeros(1, dtype=DOUBLE)
    lens = SIE(zero + 1, zero, zero, zero, zero)
    source = Sersic.of_flux(zero + 1, zero + 0.03, zero + 0.5, zero, zero, zero + 0.5, zero)
    grid = PixelGrid(160, 160, 0.03, subpixels=4, dtype=DOUBLE)
    assert total_magnification(grid, source, lens).item() == pytest.approx(4.0, rel=2e-3)


def test_faint_light_is_no_denormal_number():
    one = torch.ones(1)
    galaxy = Sersic(one, 0.01 * one, 0.5 * one, 0 * one, 0 * one, 0 * one, 0 * one)
    x, y = PixelGrid(64, 64, 0.05).rays
    assert galaxy.brightness(x, y).min() > 1e-30


def test_gradients_of_images_are_finite():
    """A ray through the centres of mass and source, both round."""
    values = torch.tensor([[1.0], [0.0], [0.0], [0.0], [0.0]], requires_grad=True)
    light = torch.tensor([[1.0], [0.2], [4.0], [0.0], [0.0], [0.0], [0.0]], requires_grad=True)
    image = render(PixelGrid(9, 9, 0.1, subpixels=1), Sersic(*light), SIE(*values), psf=gaussian(3, 1, torch.float32))
    gradients = torch.autograd.grad(image.square().sum(), (values, light))
    assert all(torch.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("oversampling", [1, 2])
def test_refined_pixels_have_the_mean_over_more_rays(oversampling):
    """With all pixels refined, the image is that of as many rays everywhere."""
    lens, shear, source = draw_system(3, 5)
    parts = Sersic(**source), Lens((SIE(**lens), Shear(**shear)))
    shape = {"rows": 20, "columns": 24, "scale": 0.1, "border": 2, "oversampling": oversampling, "dtype": DOUBLE}
    refined = PixelGrid(subpixels=oversampling, refined=10_000, refined_subpixels=4, **shape)
    torch.testing.assert_close(
        trace_pixels(refined, *parts), trace_pixels(PixelGrid(subpixels=4 * oversampling, **shape), *parts)
    )


def test_refining_pays():
    """Errors against 12 x 12 rays, without a PSF, are well below those of 2 x 2 rays, from half as many rays."""
    lens, shear, source = draw_system(6, 7)
    parts = Sersic(**source), Lens((SIE(**lens), Shear(**shear)))
    shape = {"rows": 48, "columns": 48, "scale": 0.07, "dtype": DOUBLE}
    truth = trace_pixels(PixelGrid(subpixels=12, **shape), *parts)

    def mean_error(grid: PixelGrid) -> float:
        return float(((trace_pixels(grid, *parts) - truth).abs().amax((1, 2)) / truth.amax((1, 2))).mean())

    uniform, refined = PixelGrid(subpixels=2, **shape), PixelGrid(subpixels=1, refined=144, **shape)
    assert mean_error(refined) < 0.6 * mean_error(uniform)


def test_grids_and_psfs_that_cannot_be_used_are_refused():
    image = torch.ones(1, 8, 8)
    for psf, match in ((torch.ones(1, 4, 5), "no central"), (torch.ones(5, 5), r"psf\[None\]")):
        with pytest.raises(InputError, match=match):
            convolve(image, psf)
    with pytest.raises(InputError, match="positive"):
        PixelGrid(8, 8, scale=0.0)
    with pytest.raises(InputError, match="multiple"):
        PixelGrid(8, 8, scale=0.1, subpixels=3, oversampling=2)
