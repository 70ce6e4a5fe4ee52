"""Networks trained end to end for `lensing.py`: the summary of all heads, and the network of 2017; real sources."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.io import fits
from safetensors.torch import save_file
from torch import Tensor

import skysure
from lensing_scores import detail_rows, headline_rows, score_draws
from record import row
from skysure.applications.lensing.calibration import posteriors
from skysure.applications.lensing.encoding import true_values
from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.networks import LensModel
from skysure.applications.lensing.real_sources import simulate_with_stamps
from skysure.applications.lensing.settings import Query
from skysure.applications.lensing.simulator import BLOCK, simulate
from skysure.applications.lensing.training import encode_labelled
from skysure.data.simulated import SimulatedSource
from skysure.data.sources import TEST
from skysure.evaluation.posterior import PosteriorScores
from skysure.run.directory import load_run
from skysure.training.streams import Blocks

DATA = Path(os.environ.get("SKYSURE_DATA", Path(__file__).parents[2] / "shared" / "data"))
SMALL = {"instrument": str(Path(__file__).with_name("lensing_64.toml")), "size": 64, "views": 1, "width": 32}
SUMMARY = {"epochs": 40, "patience": 40, "per_epoch": 8192, "validation": 2000, "calibration": 4000, "test": 4000}
ALEXNET = {
    "epochs": 20, "patience": 20, "per_epoch": 2048, "uses": 3, "validation": 2000, "calibration": 4000, "test": 4000,
}  # fmt: skip
QUICK = {"epochs": 1, "per_epoch": 256, "validation": 64, "calibration": 128, "test": 64}
PARTS = {"train": 150_000, "validation": 5_000, "calibration": 50_000, "test": 100_000}
SEEDS = {part: 101 + k for k, part in enumerate(PARTS)}
"""Seeds of the streams of images; the network of `summary` has seen those of seed 0."""
REAL = 4000
"""Lenses with real sources, and as many with simulated ones."""


def train_summary(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Train the network whose convolutions all heads share."""
    train(folder / "summary", "hezaveh-like", SMALL | (QUICK if quick else SUMMARY))
    return []


def train(out: Path, preset: str, settings: dict[str, Any]) -> float:
    """Train a network, or go on with it; give the processor time of this process [s], 0 where it was done before."""
    start = time.process_time()
    if out.exists():
        return 0.0
    resume = out.with_name(f"{out.name}.training").exists()
    skysure.train("lensing", out=out, preset=preset, resume=resume, progress=show, **settings)
    return time.process_time() - start


def show(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


def compute_features(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Keep the features and the true parameters of new images, in the units of the network."""
    run = load_run(folder / "summary")
    for part, count in PARTS.items():
        path = folder / f"{part}.safetensors"
        if not path.exists():
            source = simulate(run.settings, None, SEEDS[part])
            assert isinstance(source, SimulatedSource)
            save_file(features_of(run.model, source, SEEDS[part], max(count // (500 if quick else 1), 128)), path)
    return []


@torch.inference_mode()
def features_of(model: LensModel, source: SimulatedSource, seed: int, count: int) -> dict[str, Tensor]:
    """Features and truth of the first images of a stream, shapes (object, feature) and (object, value)."""
    model.eval()
    tensors: dict[str, list[Tensor]] = {"features": [], "truth": []}
    for batch in Blocks(source, encode_labelled, seed, 0, -(-count // BLOCK), BLOCK).batches():
        normal = model.normalise(batch)
        tensors["features"].append(model.networks[0].summarise(normal)[0])
        tensors["truth"].append(normal["truth"])
    return {name: torch.cat(values)[:count].contiguous() for name, values in tensors.items()}


def train_alexnet(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Train the network of 2017 end to end; its coverage with each keep rate, and its scores."""
    out = folder / "alexnet"
    seconds = train(out, "perreault-levasseur", QUICK if quick else ALEXNET)
    run = load_run(out)
    source = simulate(run.settings, None, run.settings.seed)
    before, after = scores_of(run.model, source.chunks(TEST), calibrated=True)
    rows = [row("alexnet_seconds", seconds, "s", note="processor time of training, without the simulation")]
    rows += rate_rows(run.model.rate_table.tolist())
    for prefix, scores in (("alexnet_before_", before), ("alexnet_", after)):
        rows += [*headline_rows(scores, prefix), *detail_rows(scores, prefix)]
    return rows


def rate_rows(table: list[list[float]]) -> Iterator[dict[str, Any]]:
    """Coverage of the validation part with each keep rate, mean over the parameters; the chosen one is the last."""
    for k, (rate, *coverage) in enumerate(table):
        name = "chosen" if k == len(table) - 1 else f"{1 - rate:.2f}"
        note = f"keep rate {1 - rate:.3g}; of 68.3, 95.5, 99.7 %: " + ", ".join(f"{100 * c:.1f}" for c in coverage)
        yield row(f"alexnet_keep_{name}_coverage_683", 100 * coverage[0], "%", note=note)


def scores_of(
    model: LensModel, chunks: Iterator[LensImages], *, calibrated: bool
) -> tuple[PosteriorScores, PosteriorScores]:
    """Scores before and after calibration, of 100 draws of each image."""
    model.eval()
    draws, truth, signal = [], [], []
    for images, posterior in posteriors(model, chunks, Query(), calibrated=False):
        draws.append(posterior.draws)
        truth.append(true_values(images))
        signal.append(posterior.signal_to_noise)
    values, true = torch.cat(draws, 1), torch.cat(truth)
    after = model.calibration(values, torch.cat(signal)) if calibrated else values
    return score_draws(model, values, true), score_draws(model, after, true)


def compare_sources(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Errors of lenses with 12 real galaxies as sources over those with simulated sources, of the same network."""
    run, count = load_run(folder / "summary"), 64 if quick else REAL
    stamps = read_stamps(DATA / "lens" / "sources_and_psf")
    real = simulate_with_stamps(stamps, run.settings, count, SEEDS["test"])
    simulated = simulate(replace(run.settings, objects=0), count, SEEDS["test"])
    _, of_real = scores_of(run.model, iter([real]), calibrated=True)
    _, of_simulated = scores_of(run.model, simulated.chunks(None), calibrated=True)
    rows = [*headline_rows(of_real, "real_sources_"), *headline_rows(of_simulated, "simulated_sources_")]
    values = {r["measure"]: r["value"] for r in rows}
    ratios = [
        row(f"real_sources_{name}_over_simulated", values[f"real_sources_{name}"] / values[f"simulated_sources_{name}"])
        for name in ("theta_e_rms", "xy_rms")
    ]
    return [*ratios, *rows, *detail_rows(of_real, "real_sources_"), *detail_rows(of_simulated, "simulated_sources_")]


def read_stamps(folder: Path) -> list[np.ndarray]:
    """Images of COSMOS galaxies."""
    stamps = []
    for name in ("paltas_real_galaxy_images_23.5_n1.fits", "slsim_test_galaxy_images_23.5.fits"):
        with fits.open(folder / name) as hdus:
            stamps += [np.asarray(hdu.data, np.float32) for hdu in hdus if hdu.data is not None and hdu.data.ndim == 2]
    return stamps
