"""Images of lenses a second beside caustics and lenstronomy; seconds from FITS to posteriors.

    python benchmarks/lensing_speed.py [--quick] [--run lens-hst] [simulator] [prediction] [fit]

Simulator: one thread, same system, same run. An isothermal ellipsoid with external shear, one Sersic source, 2 × 2 rays
in a pixel of 0.05", the PSF a Gaussian of FWHM 0.1" on 11 × 11 pixels, fields of 64 × 64 and 96 × 96 pixels, single
precision (lenstronomy: double, which is all it has). Processor time of interleaved repetitions; a ratio is the median
of those of the repetitions, and its row the worse of the two fields.

caustics     the fastest of its simulator under torch.vmap and of its functions of tensors, at the better of batches of
             8 and 32 images; it traces a border of half the PSF, and so do we for this ratio
lenstronomy  one image a call, with numba, the PSF at the scale of the pixels
ours         at the best of the batches 4, 8, 16; with a border against caustics, without one against lenstronomy

Prediction: `skysure predict` of 1,000 simulated lenses, a FITS file each with noise and PSF, 100 posterior samples, two
threads, wall time with the start of Python. Sampling: 100 samples against one pass of the same images through the same
network, in all its orientations, without dropout or draws; one thread, medians of interleaved repetitions.

Fit: see `lensing_fit.py`; it needs emcee.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.io import fits
from torch import Tensor

import skysure
from lensing_fit import compare_with_fit
from record import record, row
from skysure.applications.lensing.encoding import encode, turn
from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.inference import draw_posterior
from skysure.applications.lensing.networks import LensModel
from skysure.applications.lensing.settings import Query
from skysure.applications.lensing.simulation import SIE, Lens, PixelGrid, Sersic, Shear, render
from skysure.applications.lensing.simulator import simulate

SCALE, FWHM, PSF_SIZE, SIZES = 0.05, 0.1, 11, (64, 96)
OUR_BATCHES, CAUSTICS_BATCHES = (4, 8, 16), (8, 32)
Parameters = dict[str, Tensor]


def gaussian_psf() -> Tensor:
    k = torch.arange(PSF_SIZE) - (PSF_SIZE - 1) / 2
    profile = torch.exp(-4 * math.log(2) * (k * SCALE / FWHM) ** 2)
    psf = profile[:, None] * profile
    return psf / psf.sum()


def draw_systems(n: int) -> tuple[Parameters, Parameters, Parameters]:
    """Masses, shears and sources, each parameter of shape (object,)."""
    rng = np.random.default_rng(0)

    def uniform(low: float, high: float) -> Tensor:
        return torch.as_tensor(rng.uniform(low, high, n), dtype=torch.float32)

    mass = {"theta_E": uniform(0.7, 1.4), "e1": uniform(-0.2, 0.2), "e2": uniform(-0.2, 0.2),
            "x": uniform(-0.05, 0.05), "y": uniform(-0.05, 0.05)}  # fmt: skip
    shear = {"gamma1": uniform(-0.05, 0.05), "gamma2": uniform(-0.05, 0.05)}
    source = {"intensity": uniform(1, 5), "radius": uniform(0.1, 0.4), "index": uniform(0.7, 4),
              "e1": uniform(-0.2, 0.2), "e2": uniform(-0.2, 0.2), "x": uniform(-0.3, 0.3),
              "y": uniform(-0.3, 0.3)}  # fmt: skip
    return mass, shear, source


def ours(size: int, batch: int, border: int) -> Callable[[], Tensor]:
    mass, shear, source = draw_systems(batch)
    lens, galaxy, psf = Lens((SIE(**mass), Shear(**shear))), Sersic(**source), gaussian_psf()[None]
    grid = PixelGrid(size, size, SCALE, border=border)
    return torch.inference_mode()(lambda: render(grid, galaxy, lens, psf=psf))


def axis_ratio(parameters: Parameters) -> tuple[Tensor, Tensor]:
    """Axis ratio and direction of the major axis."""
    e = torch.hypot(parameters["e1"], parameters["e2"])
    return (1 - e) / (1 + e), 0.5 * torch.atan2(parameters["e2"], parameters["e1"])


def caustics_simulator(size: int, batch: int) -> Callable[[], Tensor]:
    """Its class of simulators, vectorised by vmap over one vector of parameters per image, as its tutorials do."""
    import caustics

    cosmology = caustics.FlatLambdaCDM(name="cosmology")
    sie = caustics.SIE(name="mass", cosmology=cosmology)
    shear = caustics.ExternalShear(name="shear", cosmology=cosmology, x0=0.0, y0=0.0)
    plane = caustics.SinglePlane(name="plane", cosmology=cosmology, lenses=[sie, shear], z_l=0.5, z_s=2.0)
    source = caustics.Sersic(name="source")
    simulator = caustics.LensSource(
        plane, source, pixelscale=SCALE, pixels_x=size, quad_level=2, psf=gaussian_psf(), name="simulator"
    )
    values = caustics_values(batch)
    by_parameter = {(link.name, name): value for (link, name), value in zip(
        [(sie, n) for n in ("x0", "y0", "q", "phi", "Rein")] + [(shear, n) for n in ("gamma_1", "gamma_2")]
        + [(source, n) for n in ("x0", "y0", "q", "phi", "n", "Re", "Ie")], values, strict=True)}  # fmt: skip
    order = [by_parameter[next(iter(parameter.parents)).name, parameter.name] for parameter in simulator.dynamic_params]
    vectors = torch.stack(order, -1)
    vectorised = torch.vmap(simulator)
    return torch.inference_mode()(lambda: vectorised(vectors))


def caustics_values(batch: int) -> list[Tensor]:
    """Values of its parameters: of mass, shear and source; its radius is that along the major axis."""
    mass, shear, source = draw_systems(batch)
    q, phi = axis_ratio(mass)
    q_source, phi_source = axis_ratio(source)
    return [
        mass["x"], mass["y"], q, phi, mass["theta_E"], shear["gamma1"], shear["gamma2"], source["x"], source["y"],
        q_source, phi_source, source["index"], source["radius"] / q_source.sqrt(), source["intensity"],
    ]  # fmt: skip


def caustics_functions(size: int, batch: int) -> Callable[[], Tensor]:
    """Its functions of tensors, over all images at once; the FFT is torch's at its length, the PSF transformed once."""
    from caustics.lenses.func import reduced_deflection_angle_external_shear, reduced_deflection_angle_sie
    from caustics.light.func import brightness_sersic, k_sersic
    from caustics.utils import gaussian_quadrature_grid, gaussian_quadrature_integrator, meshgrid
    from scipy.fft import next_fast_len

    half, values = PSF_SIZE // 2, [v[:, None, None, None] for v in caustics_values(batch)]
    x0, y0, q, phi, theta_E, gamma1, gamma2, x_source, y_source, q_source, phi_source, n, radius, intensity = values
    x, y, weights = gaussian_quadrature_grid(SCALE, *meshgrid(SCALE, size + 2 * half, size + 2 * half), 2)
    fft_size = (next_fast_len(size + 2 * half),) * 2
    transfer = torch.fft.rfft2(gaussian_psf(), fft_size)

    @torch.inference_mode()
    def images() -> Tensor:
        ax, ay = reduced_deflection_angle_sie(x0, y0, q, phi, theta_E, x, y, 0.0)
        bx, by = reduced_deflection_angle_external_shear(0.0, 0.0, gamma1, gamma2, x, y)
        bx, by = x - ax - bx, y - ay - by
        light = brightness_sersic(x_source, y_source, q_source, phi_source, n, radius, intensity, bx, by, k_sersic(n))
        image = gaussian_quadrature_integrator(light, weights)
        convolved = torch.fft.irfft2(torch.fft.rfft2(image, fft_size) * transfer, fft_size)
        return convolved[..., 2 * half : 2 * half + size, 2 * half : 2 * half + size]

    return images


def lenstronomy_images(size: int, batch: int) -> Callable[[], Tensor]:
    from lenstronomy.Data.imaging_data import ImageData
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    corner = -(size - 1) / 2 * SCALE
    model = ImageModel(
        ImageData(np.zeros((size, size)), ra_at_xy_0=corner, dec_at_xy_0=corner,
                  transform_pix2angle=np.eye(2) * SCALE),
        PSF("PIXEL", kernel_point_source=gaussian_psf().numpy()),
        LensModel(["SIE", "SHEAR"]), LightModel(["SERSIC_ELLIPSE"]),
        kwargs_numerics={"supersampling_factor": 2, "supersampling_convolution": False},
    )  # fmt: skip
    names = {"x": "center_x", "y": "center_y", "intensity": "amp", "radius": "R_sersic", "index": "n_sersic"}
    parts = draw_systems(batch)
    systems = [
        [{names.get(name, name): float(value[k]) for name, value in part.items()} for part in parts]
        for k in range(batch)
    ]

    def images() -> Tensor:
        return torch.as_tensor(np.stack([model.image([mass, shear], [source]) for mass, shear, source in systems]))

    return images


def seconds_per_image(images: Callable[[], Tensor], batch: int, repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        images()
    return (time.process_time() - start) / (repeats * batch)


def simulators(size: int) -> dict[str, dict[Any, tuple[Callable[[], Tensor], int]]]:
    """All ways to make the images, by package and variant, with their batches."""
    border = PSF_SIZE // 2
    return {
        "ours, with a border": {b: (ours(size, b, border), b) for b in OUR_BATCHES},
        "ours": {b: (ours(size, b, 0), b) for b in OUR_BATCHES},
        "caustics": {
            (make.__name__, b): (make(size, b), b)
            for make in (caustics_simulator, caustics_functions) for b in CAUSTICS_BATCHES
        },
        "lenstronomy": {1: (lenstronomy_images(size, 8), 8)},
    }  # fmt: skip


def check_that_images_agree(size: int) -> None:
    """All simulate the same systems: fluxes agree to 1 %, the images of lenstronomy to 0.1 % of the peak.

    caustics has its rays elsewhere in the pixel, which changes that of the centre of a source by some percent.
    """
    inner = slice(PSF_SIZE, -PSF_SIZE)
    truth = ours(size, 8, PSF_SIZE // 2)()[:, inner, inner].double() / SCALE**2
    for make in (caustics_simulator, caustics_functions, lenstronomy_images):
        images = make(size, 8)()[:, inner, inner] / (SCALE**2 if make is lenstronomy_images else 1)
        flux = (images.sum((1, 2)) / truth.sum((1, 2)) - 1).abs().max()
        pixels = ((images - truth).abs().amax((1, 2)) / truth.amax((1, 2))).max()
        if flux > 0.01 or (make is lenstronomy_images and pixels > 1e-3):
            raise SystemExit(f"{make.__name__}: fluxes differ by {flux:.2g}, pixels by {pixels:.2g} of the peak")


def measure(size: int, rounds: int, repeats: int) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Seconds per image in each round, of the fastest variant of each package, and that variant."""
    packages = simulators(size)
    for variants in packages.values():
        for images, batch in variants.values():
            seconds_per_image(images, batch, 2)
    seconds: dict[str, dict[Any, list[float]]] = {p: {v: [] for v in variants} for p, variants in packages.items()}
    for _ in range(rounds):
        for package, variants in packages.items():
            for variant, (images, batch) in variants.items():
                repetitions = max(1, repeats // batch)
                seconds[package][variant].append(seconds_per_image(images, batch, repetitions))
    best = {p: min(variants, key=lambda v: statistics.median(variants[v])) for p, variants in seconds.items()}
    return {p: seconds[p][v] for p, v in best.items()}, best


def simulator_rows(quick: bool) -> list[dict[str, Any]]:
    """Ratios of images a second to those of both peers: the worse of the sizes."""
    rounds, repeats = (5, 32) if quick else (25, 96)
    ratios: dict[str, list[tuple[float, float, float, str]]] = {"caustics": [], "lenstronomy": []}
    for size in SIZES:
        check_that_images_agree(size)
        seconds, best = measure(size, rounds, repeats)
        for peer, values in ratios.items():
            own = "ours, with a border" if peer == "caustics" else "ours"
            pairs = [theirs / our for theirs, our in zip(seconds[peer], seconds[own], strict=True)]
            spread = statistics.stdev(pairs) / math.sqrt(len(pairs)) * 1.25  # of a median
            ours_per_second, theirs_per_second = (1 / statistics.median(seconds[p]) for p in (own, peer))
            variant = f" ({best[peer][0]}, batch {best[peer][1]})" if peer == "caustics" else ""
            note = (f"{size} x {size}: {statistics.median(pairs):.2f}, {ours_per_second:,.0f} images/s in batches of "
                    f"{best[own]} against {theirs_per_second:,.0f}{variant}")  # fmt: skip
            values.append((statistics.median(pairs), spread, theirs_per_second, note))
    rows = []
    for peer, values in ratios.items():
        ratio, error, per_second, _ = min(values)
        version = {"name": peer, "version": metadata.version(peer), "value": per_second, "unit": "images/s"}
        note = "; ".join(v[3] for v in values)
        rows.append(row(f"images_over_{peer}", ratio, error=error, n=rounds, note=note, peer=version))
    return rows


def prediction_rows(run: str, quick: bool) -> list[dict[str, Any]]:
    """Seconds for 1,000 lenses from FITS, and the cost of sampling."""
    model = skysure.load(run).model
    n = 100 if quick else 1000
    images = LensImages.concat(simulate(model.settings, n, seed=77).chunks())[:n]
    with tempfile.TemporaryDirectory() as folder:
        write_fits(images, Path(folder))
        times = [seconds_to_predict(run, Path(folder)) for _ in range(1 if quick else 3)]
    seconds, processor = (statistics.median(t) for t in zip(*times, strict=True))
    size, views = images.image.shape[-1], model.settings.views
    note = f"{n} files of {size} x {size} pixels; with the start of Python; {processor:.1f} s of processor time"
    over_pass, over_orientation = sampling_ratios(model, images[:64], 3 if quick else 15)
    return [
        row("seconds_1000_lenses_100_samples", seconds, "s", n=len(times), note=note),
        row("sampling_over_one_pass", over_pass, n=64, note=f"100 samples over a pass in {views} orientations"),
        row("sampling_over_one_orientation", over_orientation, n=64, note="the same over a pass in one orientation"),
    ]


def write_fits(images: LensImages, folder: Path) -> None:
    """Write a file of each image, with its noise and PSF."""
    for k, name in enumerate(images.ids):
        primary = fits.PrimaryHDU(images.image[k])
        degrees = images.pixel_scale[k] / 3600
        rows, columns = images.image[k].shape
        primary.header.update(
            CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=2.0, CDELT1=-degrees, CDELT2=degrees,
            CRPIX1=(columns + 1) / 2, CRPIX2=(rows + 1) / 2, BUNIT="electron/s",
        )  # fmt: skip
        others = [fits.ImageHDU(images.noise[k], name="ERR"), fits.ImageHDU(images.psf[k], name="PSF")]
        fits.HDUList([primary, *others]).writeto(folder / f"{name}.fits")


def seconds_to_predict(run: str, folder: Path) -> tuple[float, float]:
    """Wall time and processor time of the command line, its start included, on two threads."""
    with tempfile.TemporaryDirectory() as results:
        command = [sys.executable, "-m", "skysure.cli", "predict", run, str(folder), "--samples", "100",
                   "--out", str(Path(results) / "lenses.ecsv")]  # fmt: skip
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "2"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def sampling_ratios(model: LensModel, images: LensImages, repeats: int) -> tuple[float, float]:
    """Time of 100 samples over that of one pass, in all orientations and in one."""
    model.eval()
    query = Query(samples=100)

    @torch.inference_mode()
    def one_pass(views: int) -> None:
        encoded = encode(images, model.offset.device)
        for view in range(views):
            batch = model.normalise(turn(encoded, view % 4, view >= 4))
            for network in model.networks:
                network.head.layers(network.summarise(batch)[0])

    functions = (lambda: draw_posterior(model, images, query), lambda: one_pass(model.settings.views),
                 lambda: one_pass(1))  # fmt: skip
    times = [[seconds_per_image(f, 1, 1) for f in functions] for _ in range(repeats + 1)][1:]
    sampling, all_orientations, one_orientation = (statistics.median(t) for t in zip(*times, strict=True))
    return sampling / all_orientations, sampling / one_orientation


def main(quick: bool, run: str, parts: list[str]) -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*NumPy 2.0")
    rows = simulator_rows(quick) if "simulator" in parts else []
    rows += prediction_rows(run, quick) if "prediction" in parts else []
    rows += compare_with_fit(run, quick) if "fit" in parts else []
    record("lensing_speed", rows, quick=quick)


PARTS = ["simulator", "prediction", "fit"]

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--run", default="lens-hst")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    options = parser.parse_args()
    main(options.quick, options.run, options.parts or PARTS)
