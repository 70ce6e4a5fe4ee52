"""lenstronomy's sampling fit of one simulated lens, beside the posterior of a network, for `lensing_speed.py`.

The lens is the brightest of 64 that are simulated like the training images of the network. The fit has the model of the
simulation without its neighbours: an isothermal ellipsoid with external shear, Sersic profiles of lens and source, 19
non-linear parameters and two amplitudes; masked pixels are left out, the noise and the PSF are the true ones, with one
ray in a pixel. Particle swarm (60 particles, 80 iterations) around a wide start, then emcee (38 walkers, 150 steps to
burn in and 100 to keep) around its best point. These are modest numbers, so that the fit takes half a minute of
processor time: the chains are short, and the ratio of times is a lower limit. The start knows that the lens is
in the middle, and its Einstein radius within 0.3".
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import skysure
from record import row
from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.parameters import NAMES
from skysure.applications.lensing.simulator import simulate

SAMPLES, SEED, CANDIDATES = 100, 78, 64
PARTICLES, ITERATIONS, WALKERS, BURN_IN, STEPS = 60, 80, 38, 150, 100
MODEL = {"lens_model_list": ["SIE", "SHEAR"], "source_light_model_list": ["SERSIC_ELLIPSE"],
         "lens_light_model_list": ["SERSIC_ELLIPSE"]}  # fmt: skip
# start, spread of the start, lowest and highest value of each parameter
SHAPE = {"e1": (0.0, 0.1, -0.5, 0.5), "e2": (0.0, 0.1, -0.5, 0.5)}
CENTRE = {"center_x": (0.0, 0.05, -1.0, 1.0), "center_y": (0.0, 0.05, -1.0, 1.0)}
MASS = SHAPE | CENTRE
SHEAR = {"gamma1": (0.0, 0.05, -0.5, 0.5), "gamma2": (0.0, 0.05, -0.5, 0.5)}
SOURCE = SHAPE | {"R_sersic": (0.2, 0.1, 0.01, 2.0), "n_sersic": (1.5, 0.7, 0.5, 8.0),
                  "center_x": (0.0, 0.2, -1.5, 1.5), "center_y": (0.0, 0.2, -1.5, 1.5)}  # fmt: skip
LIGHT = SHAPE | CENTRE | {"R_sersic": (1.0, 0.5, 0.05, 6.0), "n_sersic": (4.0, 1.0, 0.5, 8.0)}


def compare_with_fit(run: str, quick: bool) -> list[dict[str, Any]]:
    """Time of the fit over that of `predict` with 100 samples, and the Einstein radius of both beside the truth."""
    network = skysure.load(run)
    image = choose_lens(network)
    skysure.predict(network, image, samples=SAMPLES)  # the first call loads what the others have
    wall, processor = time.perf_counter(), time.process_time()
    prediction = skysure.predict(network, image, samples=SAMPLES)
    ours = time.perf_counter() - wall, time.process_time() - processor
    wall, processor = time.perf_counter(), time.process_time()
    theta_e = fit(image, 0.1 if quick else 1.0)
    theirs = time.perf_counter() - wall, time.process_time() - processor
    mean, std = float(prediction.mean[0, 0]), float(np.sqrt((prediction.aleatoric + prediction.epistemic)[0, 0, 0]))
    truth = float(image.truth[0, NAMES.index("theta_E")])
    settings = (f"{PARTICLES} particles x {ITERATIONS}, {WALKERS} walkers x ({BURN_IN} + {STEPS}); "
                f"{theirs[1]:.0f} s against {ours[1]:.3f} s of processor time")  # fmt: skip
    return [
        row("fit_over_prediction", theirs[0] / ours[0], n=1, note=f"wall time of one lens; {settings}"),
        row("fit_over_prediction_processor", theirs[1] / ours[1], n=1, note="processor time of one lens"),
        row("fit_theta_e_error", float(theta_e.mean()) - truth, "arcsec", error=float(theta_e.std()), n=1,
            note=f"lenstronomy's mean - truth ({truth:.4f}), with its standard deviation"),
        row("prediction_theta_e_error", mean - truth, "arcsec", error=std, n=1,
            note="ours - truth of the same lens, with its standard deviation"),
    ]  # fmt: skip


def choose_lens(network: Any) -> LensImages:
    """Simulate images like those that the network was trained on, and take the one of the highest S/N."""
    images = LensImages.concat(simulate(network.settings, CANDIDATES, SEED).chunks())
    brightest = int(np.argmax(images.objects["signal_to_noise"]))
    return images[[brightest]]


def fit(image: LensImages, share: float) -> np.ndarray:
    """Fit one image by particle swarm and emcee, with a share of the iterations; samples of theta_E [arcsec]."""
    from lenstronomy.Workflow.fitting_sequence import FittingSequence

    truth = float(image.truth[0, NAMES.index("theta_E")])
    start = truth + np.random.default_rng(SEED).uniform(-0.3, 0.3)
    mass = MASS | {"theta_E": (start, 0.2, 0.1, 4.0)}
    groups = {"lens_model": [mass, SHEAR], "source_model": [SOURCE], "lens_light_model": [LIGHT]}
    np.random.seed(SEED)  # noqa: NPY002 - the generator that lenstronomy uses
    sequence = FittingSequence(
        {"multi_band_list": [describe_band(image)], "multi_band_type": "single-band"}, MODEL, {},
        {"image_likelihood_mask_list": [~image.mask[0]]}, {name: describe_start(g) for name, g in groups.items()},
        verbose=False,
    )  # fmt: skip
    chains = sequence.fit_sequence([
        ["PSO", {"sigma_scale": 1.0, "n_particles": PARTICLES, "n_iterations": int(share * ITERATIONS)}],
        ["emcee", {"n_walkers": WALKERS, "n_burn": int(share * BURN_IN), "n_run": int(share * STEPS),
                   "sigma_scale": 0.05, "progress": False}],
    ])  # fmt: skip
    _, samples, names, *_ = chains[-1]
    return samples[:, names.index("theta_E_lens0")]


def describe_band(image: LensImages) -> list[dict[str, Any]]:
    """Give image, PSF and numerics as lenstronomy takes them."""
    scale, rows = float(image.pixel_scale[0]), image.image.shape[1]
    corner = -(rows - 1) / 2 * scale
    noise = np.where(image.mask[0] | ~np.isfinite(image.noise[0]), 1.0, image.noise[0])
    data = {
        "image_data": np.nan_to_num(image.image[0]).astype(float), "noise_map": noise.astype(float),
        "ra_at_xy_0": corner, "dec_at_xy_0": corner, "transform_pix2angle": np.eye(2) * scale,
    }  # fmt: skip
    psf = {"psf_type": "PIXEL", "kernel_point_source": image.psf[0].astype(float)}
    return [data, psf, {"supersampling_factor": 1, "supersampling_convolution": False}]


def describe_start(components: list[dict[str, tuple[float, float, float, float]]]) -> list[list[dict[str, float]]]:
    """Give start, spread, fixed values, lower and upper limits of some components, in the order of lenstronomy."""
    columns = [[{name: values[k] for name, values in c.items()} for c in components] for k in range(4)]
    fixed = [{"ra_0": 0, "dec_0": 0} if "gamma1" in c else {} for c in components]
    return [columns[0], columns[1], fixed, columns[2], columns[3]]
