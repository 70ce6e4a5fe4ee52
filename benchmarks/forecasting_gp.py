"""The Gaussian process of benchmarks/forecasting.py, run in an environment with tinygp: INPUT.npz OUTPUT.npz.

As in avocado (Boone 2019, arXiv:1907.04690): mean zero, a Matérn 3/2 kernel in time times a kernel in wavelength (here
squared exponential in its logarithm), with the maximum-likelihood amplitude and lengths of each object.
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
INITIAL = np.log([[0.5, 20.0, 0.3], [0.5, 5.0, 0.3]])
BOUNDS = np.log([(1e-2, 1e2), (0.5, 2000.0), (0.03, 10.0)])
STEP = 32
"""Light curves are padded to multiples of this, with errors so large that the padding has no weight."""


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
    posterior = process(theta, x, error).condition(y, later).gp
    return posterior.loc, jnp.sqrt(jnp.clip(posterior.variance, 1e-12))


def pad(values, fill):
    size = -(-len(values) // STEP) * STEP
    full = np.full((size, *values.shape[1:]), fill, float)
    full[: len(values)] = values
    return full


def fit_hyperparameters(x, y, error):
    fits = []
    for start in INITIAL:
        fit = minimize(
            lambda theta: [np.asarray(v, float) for v in loss(theta, x, y, error)], start, jac=True, bounds=BOUNDS,
            method="L-BFGS-B", options={"maxiter": 60},
        )  # fmt: skip
        fits.append((float(fit.fun), fit.x))
    return min(fits, key=lambda pair: pair[0])[1]


def main(input_path, output_path):
    with np.load(input_path) as columns:
        g = dict(columns)
    mean, std = np.zeros(len(g["owner"])), np.zeros(len(g["owner"]))
    for k in np.unique(g["owner"]):
        rows_before, rows_later = slice(*g["offsets"][k : k + 2]), np.flatnonzero(g["owner"] == k)
        unit = max(np.abs(g["flux"][rows_before]).max(), g["flux_error"][rows_before].max())
        x = np.stack([g["time"][rows_before] - g["time"][rows_before][-1], g["log_wavelength"][rows_before]], 1)
        later = np.stack(
            [g["later_time"][rows_later] - g["time"][rows_before][-1], g["later_log_wavelength"][rows_later]], 1
        )
        padded = pad(x, 0.0), pad(g["flux"][rows_before] / unit, 0.0), pad(g["flux_error"][rows_before] / unit, 1e6)
        theta = fit_hyperparameters(*padded)
        mean[rows_later], std[rows_later] = (unit * np.asarray(part) for part in forecast(theta, *padded, later))
    np.savez(output_path, mean=mean, std=std)
    print(json.dumps({name: version(name) for name in ("tinygp", "jax")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
