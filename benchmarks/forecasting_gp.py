"""The Gaussian process of benchmarks/forecasting.py, run in an environment with tinygp: GIVEN.npz FOUND.npz.

As avocado (Boone 2019, arXiv:1907.04690) does: mean zero, Matérn 3/2 in time times a kernel in wavelength (here the
exponential of squared differences of its logarithm), with amplitude and lengths of greatest likelihood for each object.
"""

import json
import sys
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import tinygp
from scipy.optimize import minimize

jax.config.update("jax_enable_x64", True)
STARTS = np.log([[0.5, 20.0, 0.3], [0.5, 5.0, 0.3]])
BOUNDS = np.log([(1e-2, 1e2), (0.5, 2000.0), (0.03, 10.0)])
STEP = 32
"""Points are filled up to multiples of it, with errors so large that they say nothing."""


def process(theta, x, error):
    amplitude, length, width = jnp.exp(theta)
    in_time = tinygp.transforms.Subspace(0, tinygp.kernels.Matern32(length))
    in_wavelength = tinygp.transforms.Subspace(1, tinygp.kernels.ExpSquared(width))
    return tinygp.GaussianProcess(amplitude**2 * in_time * in_wavelength, x, diag=error**2)


@jax.jit
@jax.value_and_grad
def loss(theta, x, y, error):
    return -process(theta, x, error).log_probability(y)


@jax.jit
def forecast(theta, x, y, error, later):
    found = process(theta, x, error).condition(y, later).gp
    return found.loc, jnp.sqrt(jnp.clip(found.variance, 1e-12))


def filled(values, fill):
    size = -(-len(values) // STEP) * STEP
    full = np.full((size, *values.shape[1:]), fill, float)
    full[: len(values)] = values
    return full


def best(x, y, error):
    found = []
    for start in STARTS:
        fit = minimize(
            lambda theta: [np.asarray(v, float) for v in loss(theta, x, y, error)], start, jac=True, bounds=BOUNDS,
            method="L-BFGS-B", options={"maxiter": 60},
        )  # fmt: skip
        found.append((float(fit.fun), fit.x))
    return min(found, key=lambda pair: pair[0])[1]


def main(given, found):
    with np.load(given) as columns:
        g = dict(columns)
    mean, std = np.zeros(len(g["owner"])), np.zeros(len(g["owner"]))
    for k in np.unique(g["owner"]):
        mine, rows = slice(*g["offsets"][k : k + 2]), np.flatnonzero(g["owner"] == k)
        unit = max(np.abs(g["flux"][mine]).max(), g["flux_error"][mine].max())
        x = np.stack([g["time"][mine] - g["time"][mine][-1], g["log_wavelength"][mine]], 1)
        later = np.stack([g["later_time"][rows] - g["time"][mine][-1], g["later_log_wavelength"][rows]], 1)
        parts = filled(x, 0.0), filled(g["flux"][mine] / unit, 0.0), filled(g["flux_error"][mine] / unit, 1e6)
        theta = best(*parts)
        mean[rows], std[rows] = (unit * np.asarray(part) for part in forecast(theta, *parts, later))
    np.savez(found, mean=mean, std=std)
    print(json.dumps({name: version(name) for name in ("tinygp", "jax")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
