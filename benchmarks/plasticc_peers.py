"""LightGBM on features of the package light-curve, run in an environment of its own; does not import skysure.

    PEERS benchmarks/plasticc_peers.py FOLDER

Reads FOLDER/curves.npz (light curves, redshifts, classes) and FOLDER/parts.npy, shape (fold, object): 0 train,
1 validation, 2 calibration, 3 test. Writes FOLDER/lightgbm.npz: the probabilities of all objects in every fold with
and without redshifts, processor times and versions. Labels of test objects are not used.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import metadata
from pathlib import Path

import light_curve as lc
import lightgbm
import numpy as np

BANDS = 6
WEIGHTS = (0.0, 0.5, 1.0)
"""Weights of objects are powers of the inverse frequency of their class; the validation loss selects the power."""
SETTINGS = {
    "objective": "multiclass", "metric": "None", "learning_rate": 0.04, "num_leaves": 5, "min_data_in_leaf": 30,
    "feature_fraction": 0.2, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 10.0, "max_bin": 127,
    "num_threads": 1, "verbose": -1, "seed": 0,
}  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1])
    curves = dict(np.load(folder / "curves.npz"))
    parts = np.load(folder / "parts.npy")
    start = time.process_time()
    path = folder / "features.npy"
    if not path.exists():
        np.save(path, features(curves))
    table = np.load(path)
    about = {"features": time.process_time() - start}
    columns = {"z": np.hstack([table, distances(table, curves)]), "blind": table}
    probability = {name: np.zeros((*parts.shape, curves["label"].max() + 1)) for name in columns}
    for name, x in columns.items():
        start = time.process_time()
        power = None
        for k, part in enumerate(parts):
            fits = {w: fit(x, curves["label"], part, w) for w in ([power] if power is not None else WEIGHTS)}
            power = min(fits, key=lambda w: fits[w][1])
            print(name, k, {w: (round(loss, 4), model.best_iteration) for w, (model, loss) in fits.items()}, flush=True)
            probability[name][k] = fits[power][0].predict(x)
        about |= {name: time.process_time() - start, f"weight_{name}": power}
    about |= {n: metadata.version(n) for n in ("light-curve", "lightgbm", "numpy")} | {"columns": columns["z"].shape[1]}
    np.savez(folder / "lightgbm.npz", about=json.dumps(about), **probability)


def fit(x: np.ndarray, label: np.ndarray, part: np.ndarray, power: float) -> tuple[lightgbm.Booster, float]:
    """Train with early stopping on the class-balanced validation loss; returns the model and that loss."""
    frequency = np.bincount(label[part == 0]) / (part == 0).sum()
    sets = [lightgbm.Dataset(x[part == k], label[part == k], weight=frequency[label[part == k]] ** -p)
            for k, p in ((0, power), (1, 1.0))]  # fmt: skip
    model = lightgbm.train(
        SETTINGS | {"num_class": int(label.max()) + 1}, sets[0], 1000, [sets[1]],
        feval=lambda p, data: ("balanced", _balanced_loss(p, data, frequency ** (power - 1)), False),
        callbacks=[lightgbm.early_stopping(40, verbose=False)],
    )  # fmt: skip
    return model, model.best_score["valid_0"]["balanced"]


def _balanced_loss(p: np.ndarray, data: lightgbm.Dataset, factor: np.ndarray) -> float:
    """Log-loss of probabilities for equally frequent classes, each object weighted by its class."""
    p = p * factor
    of_truth = np.take_along_axis(p, data.get_label().astype(int)[:, None], 1)[:, 0] / p.sum(1)
    return float(np.average(-np.log(np.maximum(of_truth, 1e-15)), weights=data.get_weight()))


def features(curves: dict[str, np.ndarray]) -> np.ndarray:
    """Extreme fluxes of each band, these over the largest, features of each band, and of all bands together."""
    band_extractor, object_extractor = extractors()
    objects = len(curves["offsets"]) - 1
    rows = []
    for k in range(objects):
        points = slice(*curves["offsets"][k : k + 2])
        t, f, e, band = (curves[n][points] for n in ("time", "flux", "flux_error", "band"))
        band_features = [extract(band_extractor, t[band == b], f[band == b], e[band == b]) for b in range(BANDS)]
        peaks = [(f[band == b].max(initial=-np.inf), f[band == b].min(initial=np.inf)) for b in range(BANDS)]
        peak = np.nan_to_num(np.array(peaks), posinf=np.nan, neginf=np.nan)
        colours = (peak / np.nanmax(np.abs(peak), initial=1e-9)).ravel()
        joint = extract(object_extractor, t, f / e, np.ones_like(e))
        rows.append(np.concatenate([peak.ravel(), colours, *band_features, joint]))
    return np.array(rows, np.float32)


def extract(extractor: lc.Extractor, t: np.ndarray, flux: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Features of one light curve; NaN where it has too few observations."""
    return extractor(t, flux, error, sorted=True, check=False, fill_value=np.nan)


def extractors() -> tuple[lc.Extractor, lc.Extractor]:
    """Extractors for one band, and for the signal-to-noise ratio of all bands together."""
    simple = [
        lc.Amplitude(), lc.AndersonDarlingNormal(), lc.BeyondNStd(1), lc.BeyondNStd(2), lc.Cusum(), lc.Duration(),
        lc.Eta(), lc.EtaE(), lc.ExcessVariance(), lc.InterPercentileRange(0.02), lc.InterPercentileRange(0.1),
        lc.InterPercentileRange(0.25), lc.Kurtosis(), lc.LinearFit(), lc.LinearTrend(),
        lc.MagnitudePercentageRatio(0.4, 0.05), lc.MagnitudePercentageRatio(0.2, 0.1), lc.MaximumSlope(), lc.Mean(),
        lc.MeanVariance(), lc.Median(), lc.MedianAbsoluteDeviation(), lc.MedianBufferRangePercentage(0.1),
        lc.ObservationCount(), lc.OtsuSplit(), lc.PercentAmplitude(), lc.PercentDifferenceMagnitudePercentile(0.05),
        lc.ReducedChi2(), lc.Skew(), lc.StandardDeviation(), lc.StetsonK(), lc.WeightedMean(),
    ]  # fmt: skip
    period = lc.Periodogram(peaks=2, max_freq_factor=30, nyquist="average")
    return lc.Extractor(*simple, lc.BazinFit("lmsder"), lc.VillarFit("lmsder")), lc.Extractor(*simple, period)


def distances(table: np.ndarray, curves: dict[str, np.ndarray]) -> np.ndarray:
    """Redshift, its error, distance modulus, and the peaks of the bands at a common distance; shape (object, column).

    The distance is Hubble's law with q_0 = -0.55: trees depend on its order only.
    """
    z, error = curves["redshift"], curves["redshift_error"]
    distance = np.where(z > 0, z * (1 + 0.775 * z), np.nan)
    peaks = table[:, : 2 * BANDS] * distance[:, None] ** 2
    return np.column_stack([z, error, 5 * np.log10(distance), peaks]).astype(np.float32)


if __name__ == "__main__":
    main()
