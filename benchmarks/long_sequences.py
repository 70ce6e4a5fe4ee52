"""Methods for sequences that are too long for an LSTM, and a 1-D ResNet: accuracy, time and memory.

    python benchmarks/long_sequences.py [--quick] [PART ...]

Parts: 1000, 5000, 20000 (simulated stars with as many observations, six classes), plasticc (14 classes), memory,
novelty (classes that an autoencoder was not trained on), forecast; 1000:resnet is one network of a part. Each network
is recorded when it is done.

Classifiers: a method shortens the series to at most 128 steps, an LSTM of 48 units reads them, and a head reads the
mean and the maximum of its states. `whole` is the same LSTM over all observations, `carried` is truncated
backpropagation over all observations in windows of 128 (a loss and a step per window), `resnet` a 1-D ResNet over all
observations with as many parameters. Adam, batches of 32, the epoch of lowest validation loss, one training each.
Training and forward passes use bfloat16 where torch's autocast supports it; time is processor time of one thread. Peak
memory is the maximum of torch's allocator during a training step on 32 objects, without the light curves themselves.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from long_sequences_data import FULL, KINDS, QUICK, Labelled, Scale, draw_windows, read_plasticc, simulate, split
from long_sequences_forecasts import forecast
from long_sequences_networks import (
    BATCH,
    Carried,
    Classifier,
    Recurrent,
    ResNet,
    autocast_bfloat16,
    batches,
    evaluate,
    fit,
)
from record import RESULTS, record, row
from skysure.methods.novelty import FeatureDistance, auroc
from skysure.methods.recurrent import (
    Autoencoder,
    Patches,
    Series,
    information_bins,
    pool_steps,
    subsample,
    time_bins,
    truncate,
)
from skysure.training import seeded

STEPS, CODE = 128, 8
SHORTENING = {
    "truncate_first": partial(truncate, keep="first"), "truncate_last": truncate,
    "truncate_brightest": partial(truncate, keep="brightest"), "thin": subsample, "binned": time_bins,
    "informative": information_bins,
}  # fmt: skip
METHODS = (*SHORTENING, "carried", "patches", "autoencoder")
UNSHORTENED = ("whole", "resnet")


def shorten_all(shorten: Callable[[Series], Series], data: Labelled, at_once: int = 16) -> Labelled:
    """Shorten a few objects at a time."""
    results = [shorten(data.series[rows]) for rows in batches(len(data), at_once)]
    steps = max(part.steps for part in results)
    results = [part.pad(steps) for part in results]
    columns = (torch.cat([getattr(part, name) for part in results]) for name in ("time", "value", "weight", "length"))
    return Labelled(Series(*columns), data.label)


def make_patches(series: Series) -> Patches:
    """Patches of 16 observations, or 8 for short series, pooled to about 128 steps."""
    size = 16 if series.steps > 500 else 8
    return Patches(series.value.shape[2], 24, size, max(1, math.ceil(series.steps / (size // 2 * STEPS))))


def train_autoencoder(data: Series, steps: int, seed: int) -> Autoencoder:
    """Train an autoencoder without labels on windows of 32 observations, or 16 for short series."""
    size, generator = 32 if data.steps > 500 else 16, torch.Generator().manual_seed(seed)
    with seeded(seed, 11):
        model = Autoencoder(data.value.shape[2], 48, CODE, size)
    adam = torch.optim.Adam(model.parameters())
    for step in range(steps):
        adam.param_groups[0]["lr"] = 3e-3 * min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / steps))
        adam.zero_grad()
        with autocast_bfloat16():
            nll = model.nll(draw_windows(data, size, generator)).mean()
        nll.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
    return model.eval()


def encode(model: Autoencoder, series: Series) -> Series:
    with autocast_bfloat16():
        codes = model(series)
    return pool_steps(codes, max(1, math.ceil(codes.steps / STEPS)))


def features(series: Series) -> int:
    """Number of features per step."""
    return series.value.shape[2] + 2 * series.weight.shape[2] + 1


def make_reader(name: str, series: Series) -> nn.Module:
    """Make the network that follows a method."""
    match name:
        case "patches":
            embedding = make_patches(series)
            return Recurrent(2 * embedding.embedding.out_channels + 3, embedding)
        case "carried":
            return Carried(features(series), STEPS)
        case "resnet":
            return ResNet(features(series))
    return Recurrent(features(series))


def prepare(name: str, parts: list[Labelled], scale: Scale, seed: int) -> list[Labelled]:
    """Shorten all parts before training, or train the autoencoder and encode them."""
    if name in SHORTENING:
        return [shorten_all(partial(SHORTENING[name], steps=STEPS), part) for part in parts]
    if name == "autoencoder":
        model = train_autoencoder(parts[0].series, scale.windows, seed)
        return [shorten_all(partial(encode, model), part) for part in parts]
    return parts


def training_budget(name: str, points: int) -> tuple[int, float]:
    """Epochs and learning rate; fewer epochs where each reads all observations, or where there are many objects."""
    if name == "carried":
        return {1000: 12, 5000: 6, 20_000: 3}.get(points, 8), 1e-3
    if name in ("patches", "resnet", "whole"):
        return {1000: 20, 5000: 16, 20_000: 12}.get(points, 12), 3e-3
    return (25 if points >= 1000 else 12), 3e-3


def train_and_test(name: str, parts: list[Labelled], classes: int, scale: Scale, seed: int) -> dict[str, float]:
    """Train and test one network; returns its measurements."""
    start, points = time.process_time(), parts[0].series.steps
    parts = prepare(name, parts, scale, seed)
    preparation = time.process_time() - start
    with seeded(seed, 5):
        model = Classifier(make_reader(name, parts[0].series), classes)
    epochs, rate = training_budget(name, points)
    model, validation, seconds = fit(model, parts[0], parts[1], min(epochs, scale.epochs), rate, seed)
    nll = evaluate(model, parts[2])
    correct = evaluate(model, parts[2], lambda data: (model(data).argmax(1) == data.label).float())
    size = sum(p.numel() for p in model.parameters())
    results = {
        "accuracy": float(correct.mean()),
        "nll": float(nll.mean()),
        "epoch_seconds": seconds,
        "preparing": preparation,
    }
    return results | {"validation": validation, "seconds": time.process_time() - start, "parameters": size}


def load_parts(part: str, scale: Scale) -> tuple[list[Labelled], int]:
    """Training, validation and test objects, and the number of classes."""
    if part != "plasticc":
        return split(simulate(sum(scale.parts), int(part), 1), scale.parts), len(KINDS)
    data = read_plasticc()
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(3))
    n = len(data) if scale is FULL else 300
    return split(data[order[:n]], (int(0.6 * n), int(0.1 * n), n - int(0.6 * n) - int(0.1 * n))), 14


def compare(part: str, name: str, parts: list[Labelled], classes: int, scale: Scale) -> Iterator[dict[str, Any]]:
    """Train and test one method on one data set; rows of accuracy, negative log-likelihood and time."""
    results = train_and_test(name, parts, classes, scale, 0)
    accuracy, n = results["accuracy"], len(parts[2])
    error, note = math.sqrt(accuracy * (1 - accuracy) / n), f"{results['parameters']:.0f} parameters"
    yield row(f"{part}_{name}_accuracy", accuracy, error=error, n=n, note=note)
    yield row(f"{part}_{name}_nll", results["nll"], "nat", n=n)
    yield row(f"{part}_{name}_validation_nll", results["validation"], "nat", n=len(parts[1]))
    yield row(f"{part}_{name}_epoch_seconds", results["epoch_seconds"], "s", note="training, an epoch")
    yield row(f"{part}_{name}_seconds", results["seconds"], "s", note=f"all; before: {results['preparing']:.1f} s")


def is_trained_on(name: str, part: str) -> bool:
    """Whether a network is trained on a part: all observations at once only up to a thousand."""
    if name in ("truncate_first", "truncate_brightest"):
        return part == "plasticc"
    return name != "whole" or part in ("1000", "plasticc")


def ratio_rows() -> Iterator[dict[str, Any]]:
    """Rows of accuracy ratios: the method with the best validation loss over truncation, and over the ResNet."""
    rows = {r["measure"]: r["value"] for r in json.loads((RESULTS / "long_sequences.json").read_text())["rows"]}
    gains: dict[str, float] = {}
    kinds = [kind.replace(" ", "_") for kind in KINDS]
    for part in (p for p in PARTS if any(f"{p}_{name}_accuracy" in rows for name in METHODS)):
        names = [name for name in (*METHODS, *UNSHORTENED) if f"{part}_{name}_accuracy" in rows]
        accuracy = {name: rows[f"{part}_{name}_accuracy"] for name in names}
        nll = {name: rows[f"{part}_{name}_validation_nll"] for name in names}
        truncations = [name for name in nll if name.startswith("truncate")]
        competitors = [name for name in nll if name in METHODS and name not in truncations]
        if not truncations or not competitors:
            continue
        truncation, best = min(truncations, key=nll.__getitem__), min(competitors, key=nll.__getitem__)
        gains[part] = accuracy[best] / accuracy[truncation]
        yield row(f"{part}_best_over_truncation_accuracy", gains[part], note=f"{best} over {truncation}")
        lstms = dict.fromkeys(("whole" if "whole" in accuracy else "carried", best))
        for name in (name for name in lstms if name in accuracy and "resnet" in accuracy):
            yield row(f"{part}_lstm_{name}_over_resnet_accuracy", accuracy[name] / accuracy["resnet"])
    for key in ("crps", "epoch_seconds"):
        if {f"forecast_lstm_{key}", f"forecast_resnet_{key}"} <= rows.keys():
            ratio = rows[f"forecast_lstm_{key}"] / rows[f"forecast_resnet_{key}"]
            yield row(f"forecast_lstm_over_resnet_{key}", ratio, note="below 1: the LSTM's is smaller")
    for name in ("novelty", "novelty_truncated"):
        results = [rows[f"{name}_auroc_{kind}"] for kind in kinds if f"{name}_auroc_{kind}" in rows]
        if len(results) == len(kinds):
            yield row(f"{name}_auroc", statistics.mean(results), note="mean over kinds, 5,000 points")
    if gains:
        table = "; ".join(f"{part} {value:.2f}" for part, value in gains.items())
        note = f"the best by validation over the best truncation; least of {table}"
        yield row("best_over_truncation_accuracy", min(gains.values()), note=note)


def peak_memory(step: Callable[[], object]) -> float:
    """Peak memory [MiB] that torch's allocator holds during `step`."""
    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    events.sort(key=lambda e: e.start_ns())
    return float(np.cumsum([e.nbytes() for e in events]).max()) / 2**20


def training_step(name: str, data: Labelled) -> Callable[[], object]:
    """Function that runs a training step on one batch, preparation included."""
    if name == "autoencoder":
        model = Autoencoder(1, 48, CODE, 32)
        classifier = Classifier(Recurrent(2 * CODE + 3), len(KINDS))

        def run_both() -> None:
            with autocast_bfloat16():
                model.nll(draw_windows(data.series, 32, torch.Generator())).mean().backward()
            backward(classifier, Labelled(encode(model, data.series), data.label))

        return run_both
    if name in SHORTENING:
        shorten = partial(SHORTENING[name], steps=STEPS)
        classifier = Classifier(Recurrent(features(data.series)), len(KINDS))
        return lambda: backward(classifier, shorten_all(shorten, data, at_once=1))
    classifier = Classifier(make_reader(name, data.series), len(KINDS))
    return lambda: backward(classifier, data)


def backward(model: Classifier, data: Labelled) -> None:
    for loss in model.losses(data):
        loss.backward()


def memory(quick: bool) -> Iterator[dict[str, Any]]:
    """Rows of peak memory at each length, and of its ratio between the longest and the shortest."""
    lengths, ratios = (1000, 20_000) if quick else (1000, 5000, 20_000), {}
    for name in (*(a for a in METHODS if a not in ("truncate_first", "truncate_brightest")), *UNSHORTENED):
        results = {}
        for points in lengths:
            if name == "whole" and quick and points > 1000:
                continue
            results[points] = peak_memory(training_step(name, simulate(BATCH, points, 2)))
            yield row(f"{points}_{name}_peak_memory", results[points], "MiB", n=BATCH)
        if 20_000 in results:
            ratios[name] = results[20_000] / results[1000]
    for name in ratios.keys() & set(UNSHORTENED):
        yield row(f"{name}_memory_20000_over_1000", ratios.pop(name), note="for comparison: all points at once")
    table = "; ".join(f"{name} {value:.2f}" for name, value in ratios.items())
    yield row("memory_20000_over_1000", max(ratios.values()), note=f"worst of {table}")


def novelty(scale: Scale, only: str = "") -> Iterator[dict[str, Any]]:
    """Rows of the AUROC of a class unknown to the autoencoder, from codes of all observations or of the last 128."""
    points = 1000 if scale is QUICK else 5000
    train, _, test = split(simulate(sum(scale.parts), points, 4), scale.parts)
    for unknown, kind in enumerate(k.replace(" ", "_") for k in KINDS):
        if only not in ("", kind):
            continue
        known_classes = train[train.label != unknown]
        model = train_autoencoder(known_classes.series, scale.windows, unknown)
        for name, shorten in (("novelty", lambda x: x), ("novelty_truncated", partial(truncate, steps=STEPS))):
            train_codes, data = (describe(model, shorten, part) for part in (known_classes, test))
            distance = FeatureDistance(train_codes.shape[1]).fit(train_codes)(data).numpy()
            is_unknown = (test.label == unknown).numpy()
            area = auroc(in_distribution=distance[~is_unknown], ood=distance[is_unknown])
            yield row(f"{name}_auroc_{kind}", area, n=len(test))


def describe(model: Autoencoder, shorten: Callable[[Series], Series], data: Labelled) -> Tensor:
    """Mean, scatter, minimum and maximum of the codes of each object."""
    codes = shorten_all(lambda x: model(shorten(x)), data, 64).series
    inside, count = codes.valid[..., None], codes.length[:, None]
    mean = codes.value.sum(1) / count
    scatter = ((codes.value - mean[:, None]).square() * inside).sum(1).div(count).sqrt()
    lowest, highest = (s * (s * codes.value).masked_fill(~inside, -torch.inf).amax(1) for s in (-1, 1))
    return torch.cat([mean, scatter, lowest, highest], -1)


PARTS = ("memory", "20000", "plasticc", "1000", "forecast", "novelty", "5000")


def main(parts_asked: list[str], quick: bool) -> None:
    torch.set_num_threads(1)
    scale, tasks = QUICK if quick else FULL, {"novelty": novelty, "forecast": forecast}
    names = parts_asked or [part for part in PARTS if not quick or part not in ("5000", "20000")]
    for part, _, only in (name.partition(":") for name in names):
        if part == "memory":
            record("long_sequences", memory(quick), quick=quick)
        elif part in tasks:
            record("long_sequences", tasks[part](scale, only), quick=quick)
        else:
            parts, classes = load_parts(part, scale)
            for name in (name for name in (*METHODS, *UNSHORTENED) if is_trained_on(name, part) and only in ("", name)):
                record("long_sequences", compare(part, name, parts, classes, scale), quick=quick)
    if not quick:
        record("long_sequences", ratio_rows(), quick=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    arguments = parser.parse_args()
    main(arguments.parts, arguments.quick)
