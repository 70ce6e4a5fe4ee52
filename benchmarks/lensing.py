"""Posteriors of simulated lenses: heads compared on one set of features, coverage, real sources, unlike images.

    python benchmarks/lensing.py [--quick] [summary] [features] [heads] [unlike]

summary    trains one network end to end on the prior of Hezaveh et al. 2017, at 64 x 64 pixels (resumes).
features   what its convolutions make of 150,000 new images to train on, 5,000 to stop, 50,000 to calibrate, 100,000 to
           test on.
heads      Gaussian, correlated Gaussian, mixture of Gaussians and normalising flow on these features, each with
           learned dropout rates and as an ensemble of five; with fixed keep rates 0.80 to 0.99 for the Gaussian.
unlike     the OOD score of the model that ships, on six kinds of images unlike its training set, against new images
           like it: no lens, a spiral, lens light (of a network trained without it), cosmic rays, another instrument's
           pixels or PSF.

Lengths are in arcsec; mu is the magnification. A coverage gap is the largest difference between the empirical and the
nominal coverage of central intervals, over all parameters and the levels 1 %, ..., 99 %. The files of a stage are kept
in `build/lensing`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

import skysure
from record import record, row
from skysure.applications.lensing.networks import LensModel, distribution
from skysure.applications.lensing.out_of_distribution import KINDS, simulate_unlike
from skysure.applications.lensing.parameters import NAMES, from_unbounded
from skysure.applications.lensing.simulator import BLOCK, simulate
from skysure.applications.lensing.training import Blocks, simulation_workers
from skysure.data.simulated import SimulatedSource
from skysure.methods.calibration import PosteriorScaling, expected_coverage, pit_from_ranks, ranks, tarp
from skysure.methods.novelty import auroc
from skysure.methods.posterior import PosteriorHead
from skysure.methods.sampling import sample
from skysure.run.directory import load_run
from skysure.training import fit, shuffled_batches
from skysure.training.optimisation import Optimisation

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "lensing"
SMALL = {"instrument": str(Path(__file__).with_name("lensing_64.toml")), "size": 64, "views": 1, "width": 32}
PARTS = {"train": 150_000, "validation": 5_000, "calibration": 50_000, "test": 100_000}
SEEDS = {part: 101 + k for k, part in enumerate(PARTS)}
"""Seeds of the streams of images; the network of `summary` has seen those of seed 0."""
HEADS = ("gaussian", "correlated", "mixture", "flow")
KEEP = (0.80, 0.90, 0.97, 0.99)
DRAWS, MEMBERS = 100, 5
LEVELS = np.arange(1, 100) / 100
PIXEL_SCALE = 0.12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="all by default")
    parser.add_argument("--quick", action="store_true", help="a thousandth of the images")
    options = parser.parse_args()
    global FOLDER
    FOLDER = FOLDER / "quick" if options.quick else FOLDER
    FOLDER.mkdir(parents=True, exist_ok=True)
    runners: dict[str, Callable[[bool], list[dict]]] = {
        "summary": train_summary, "features": compute_features, "heads": compare_heads,
        "unlike": find_unlike,
    }  # fmt: skip
    for stage in options.stages or runners:
        start = time.monotonic()
        rows = runners[stage](options.quick)
        record("lensing", [*rows, row(f"seconds_{stage}", time.monotonic() - start, "s")], quick=options.quick)


def train_summary(quick: bool) -> list[dict]:
    """Train the network whose convolutions all heads share."""
    out = FOLDER / "summary"
    sizes = {"epochs": 1, "per_epoch": 256, "validation": 64, "calibration": 128, "test": 64} if quick else {
        "epochs": 40, "patience": 40, "per_epoch": 8192, "validation": 2000, "calibration": 4000, "test": 4000,
    }  # fmt: skip
    if not out.exists():
        resume = out.with_name("summary.training").exists()
        skysure.train("lensing", out=out, preset="hezaveh-like", resume=resume, progress=show, **SMALL, **sizes)
    return []


def show(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


def compute_features(quick: bool) -> list[dict]:
    """Keep the features and the true parameters of new images, in the units of the network."""
    run = load_run(FOLDER / "summary")
    for part, count in PARTS.items():
        path = FOLDER / f"{part}.safetensors"
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
    blocks = Blocks(source, seed, 0, -(-count // BLOCK))
    for batch in DataLoader(blocks, batch_size=None, num_workers=simulation_workers()):
        normal = model.normalise(batch)
        tensors["features"].append(model.networks[0].summarise(normal)[0])
        tensors["truth"].append(normal["truth"])
    return {name: torch.cat(values)[:count].contiguous() for name, values in tensors.items()}


def compare_heads(quick: bool) -> list[dict]:
    """Train every head on the same features, calibrate it, and score it on the same test images."""
    model = load_run(FOLDER / "summary").model
    parts = {part: load_file(FOLDER / f"{part}.safetensors") for part in PARTS}
    results: list[dict] = []
    for name, heads, seconds in trained_heads(model, parts, quick):
        results += [row(f"{name}_seconds_of_training", seconds, "s"), *score(name, heads, model, parts)]
        print(name, round(seconds), flush=True)
    return results


def trained_heads(
    model: LensModel, parts: dict[str, dict[str, Tensor]], quick: bool
) -> Iterator[tuple[str, list[PosteriorHead], float]]:
    """Yield every kind of head: its name, the heads that it samples from, and the seconds of their training."""
    for kind in HEADS:
        learned = {"rate": 0.05, "learned": True}
        for uncertainty, dropout, members in (("learned_dropout", learned, 1), ("ensemble", {"rate": 0.001}, MEMBERS)):
            start = time.monotonic()
            heads = [train_head(kind, dropout, seed, model, parts, quick) for seed in range(members)]
            yield f"{kind}_{uncertainty}", heads, time.monotonic() - start
    for keep in KEEP:
        start = time.monotonic()
        heads = [train_head("gaussian", {"rate": 1 - keep}, 0, model, parts, quick)]
        yield f"gaussian_keep_{keep:.2f}", heads, time.monotonic() - start


def train_head(
    kind: str, dropout: dict, seed: int, model: LensModel, parts: dict[str, dict[str, Tensor]], quick: bool
) -> PosteriorHead:
    """Train a head on the features of the training images."""
    torch.manual_seed(seed)
    width = parts["train"]["features"].shape[1]
    head = PosteriorHead(width, distribution(replace(model.settings, head=kind)), hidden=(256, 256), dropout=dropout)

    def nll(head: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return head.nll(batch["features"], batch["truth"])

    batches = shuffled_batches({part: parts[part] for part in ("train", "validation")}, 512, seed)
    optimisation = Optimisation(1 if quick else 20, 1e-3, 20)
    *_, state = fit(head, batches, nll, optimisation, objects=len(parts["train"]["truth"]), seed=seed)
    head.load_state_dict(state.weights)
    return head.eval()


def score(name: str, heads: list[PosteriorHead], model: LensModel, parts: dict[str, dict[str, Tensor]]) -> list[dict]:
    """Errors, likelihood and coverage before and after calibration."""
    draws = {part: draw(heads, parts[part]["features"], model) for part in ("calibration", "test")}
    truth = {part: parts[part]["truth"].double() * model.scale + model.offset for part in ("calibration", "test")}
    scaling = PosteriorScaling(len(NAMES)).fit(draws["calibration"], truth["calibration"])
    results = [*score_draws(f"{name}_before", draws["test"], truth["test"])]
    results += score_draws(name, scaling(draws["test"]), truth["test"])
    nll = torch.stack([heads[0].nll(parts["test"]["features"], parts["test"]["truth"])]).mean()
    return [*results, row(f"{name}_nll_without_sampling", float(nll), "nat", n=len(truth["test"]))]


def draw(heads: list[PosteriorHead], features: Tensor, model: LensModel) -> Tensor:
    """Draws of all heads together, in unbounded values, shape (draw, object, value)."""
    each = [sample(head, features, DRAWS // len(heads), seed=k) for k, head in enumerate(heads)]
    return torch.cat(each).double().clamp(-6, 6) * model.scale + model.offset


def score_draws(name: str, draws: Tensor, truth: Tensor) -> list[dict]:
    """Root mean square errors, coverage gap, coverages at three levels, TARP."""
    n = len(truth)
    mean = from_unbounded(draws, PIXEL_SCALE).mean(0)
    error = (mean - from_unbounded(truth, PIXEL_SCALE)).square().mean(0).sqrt()
    pit = pit_from_ranks(ranks(draws.numpy(), truth.numpy()), len(draws))
    gaps = np.array([[np.mean(np.abs(2 * p - 1) < level) - level for level in LEVELS] for p in pit.T])
    value, level = np.unravel_index(np.abs(gaps).argmax(), gaps.shape)
    where = f"{NAMES[value]} at {100 * LEVELS[level]:.0f} %"
    joint = expected_coverage(tarp(draws.numpy(), truth.numpy()))
    xy = float(error[3:5].square().mean().sqrt())
    coverages = {level: 100 * float(np.mean(np.abs(2 * pit - 1) < level)) for level in (0.683, 0.955, 0.997)}
    return [
        row(f"{name}_theta_e_rms", float(error[0]), "arcsec", n=n),
        row(f"{name}_xy_rms", xy, "arcsec", n=n),
        row(f"{name}_largest_coverage_gap", 100 * float(np.abs(gaps).max()), "%", n=n, note=where),
        *(row(f"{name}_coverage_{1000 * level:.0f}", value, "%", n=n) for level, value in coverages.items()),
        row(f"{name}_tarp_p_value", joint["p_value"], n=n),
        row(f"{name}_tarp_excess", 100 * joint["excess"], "%", n=n),
    ]


def find_unlike(quick: bool) -> list[dict]:
    """Areas under the ROC curve of the OOD score of the model that ships; kinds that it is trained on are left out."""
    run, count = skysure.load("lens-hst"), 64 if quick else 1000
    like = simulate(run.settings, count, SEEDS["test"])
    usual = skysure.predict(run, like, kind=skysure.Values)
    flagged = 100 * float(np.mean(usual.is_ood))
    areas = {}
    for kind in sorted(set(KINDS) - {"lens light"}):
        chunk = simulate_unlike(kind, run.settings, count // 2, SEEDS["test"])
        unlike = skysure.predict(run, chunk, kind=skysure.Values)
        areas[kind] = auroc(in_distribution=score_of(usual), ood=score_of(unlike)), np.mean(unlike.is_ood)
    worst = min(areas, key=lambda kind: areas[kind][0])
    return [
        row("ood_worst_auroc", areas[worst][0], n=count, note=worst),
        *(row(f"ood_auroc_{kind.replace(' ', '_')}", area, n=count // 2, note=f"flagged {100 * share:.0f} %")
          for kind, (area, share) in areas.items()),
        row("ood_flagged_test_images", flagged, "%", n=count, note="aim: 2 % at most"),
    ]  # fmt: skip


def score_of(prediction: skysure.Values) -> np.ndarray:
    """OOD percentile of each image."""
    return np.asarray(prediction.ood_percentile, np.float64)


if __name__ == "__main__":
    main()
