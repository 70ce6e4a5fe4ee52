"""What to do with a sequence that is too long: four answers, beside a 1-D ResNet, by accuracy, time and memory.

    python benchmarks/long_sequences.py [--quick] [PART ...]

Parts: 1000, 5000, 20000 (simulated stars of so many points, six kinds), plasticc (14 classes), memory, novelty (kinds
that an autoencoder never saw), forecast; 1000:resnet is one network of a part. Each network is recorded when it is
done. Classifiers: an LSTM of 48 units reads what an answer leaves, at most 128 steps, and one head reads the mean and
the maximum of its states. `whole` is the same LSTM over all points, `truncated_bptt` over all points a window of 128 at
a time (loss and step after each window),
`resnet` a 1-D ResNet over all points with as many parameters. Adam, batches of 32,
the epoch of best validation loss, one training each. Training and forward passes run in bfloat16 where torch's autocast
has it; time is processor time of one thread. Peak memory is what torch's allocator holds at most during a step of
training on 32 objects, beside the light curves themselves.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from long_sequences_data import KINDS, Labelled, plasticc, simulated
from long_sequences_networks import BATCH, Carried, Classifier, Recurrent, ResNet, batches, fitted, half, scored
from record import RESULTS, record, row
from skysure.methods.calibration.scores import crps
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
ANSWERS = (*SHORTENING, "carried", "patches", "autoencoder")
WHOLE = ("whole", "resnet")


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    parts: tuple[int, int, int] = (750, 150, 750)
    """Simulated stars to train on, to choose the epoch by, and to test on."""
    epochs: int = 25
    windows: int = 400
    """Batches of 256 windows that the autoencoder is trained on."""


FULL, QUICK = Scale(), Scale((96, 32, 48), 1, 10)


def cut(given: Labelled, parts: tuple[int, ...]) -> list[Labelled]:
    edges = np.cumsum((0, *parts))
    return [given[slice(a, b)] for a, b in pairwise(edges)]


def each(shorten: Callable[[Series], Series], given: Labelled, at_once: int = 16) -> Labelled:
    """Shorten a few objects at a time."""
    found = [shorten(given.series[rows]) for rows in batches(len(given), at_once)]
    steps = max(part.steps for part in found)
    found = [part.pad(steps) for part in found]
    joined = (torch.cat([getattr(part, name) for part in found]) for name in ("time", "value", "weight", "length"))
    return Labelled(Series(*joined), given.label)


def patches(series: Series) -> Patches:
    """A patch of 16 points, or of 8 where there are few; as many to a step as make it 128 steps."""
    size = 16 if series.steps > 500 else 8
    return Patches(series.value.shape[2], 24, size, max(1, math.ceil(series.steps / (size // 2 * STEPS))))


def drawn(given: Series, size: int, generator: torch.Generator, count: int = 256) -> Series:
    """Draw windows of `size` points from random objects, at random places."""
    owner = torch.randint(len(given), (count,), generator=generator)
    share = torch.rand(count, generator=generator)
    start = (share * (given.length[owner] - size + 1).clamp(min=1)).long()
    at = (start[:, None] + torch.arange(size)).clamp(max=given.steps - 1)
    length = (given.length[owner] - start).clamp(max=size)
    weight = given.weight[owner[:, None], at] * (torch.arange(size) < length[:, None])[..., None]
    return Series(given.time[owner[:, None], at], given.value[owner[:, None], at], weight, length)


def autoencoder(given: Series, steps: int, seed: int) -> Autoencoder:
    """Train an autoencoder on windows of 32 points, or 16 where there are few, without labels."""
    size, generator = 32 if given.steps > 500 else 16, torch.Generator().manual_seed(seed)
    with seeded(seed, 11):
        model = Autoencoder(given.value.shape[2], 48, CODE, size)
    adam = torch.optim.Adam(model.parameters())
    for step in range(steps):
        adam.param_groups[0]["lr"] = 3e-3 * min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / steps))
        adam.zero_grad()
        with half():
            nll = model.nll(drawn(given, size, generator)).mean()
        nll.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
    return model.eval()


def encoded(model: Autoencoder, series: Series) -> Series:
    with half():
        codes = model(series)
    return pool_steps(codes, max(1, math.ceil(codes.steps / STEPS)))


def features(series: Series) -> int:
    """How many numbers describe a step."""
    return series.value.shape[2] + 2 * series.weight.shape[2] + 1


def reader(name: str, series: Series) -> nn.Module:
    """Make the network that reads what an answer leaves."""
    match name:
        case "patches":
            embedding = patches(series)
            return Recurrent(2 * embedding.embedding.out_channels + 3, embedding)
        case "carried":
            return Carried(features(series), STEPS)
        case "resnet":
            return ResNet(features(series))
    return Recurrent(features(series))


def prepared(name: str, parts: list[Labelled], scale: Scale, seed: int) -> list[Labelled]:
    """Do what comes before training: shorten, or train the autoencoder and encode."""
    if name in SHORTENING:
        return [each(partial(SHORTENING[name], steps=STEPS), part) for part in parts]
    if name == "autoencoder":
        model = autoencoder(parts[0].series, scale.windows, seed)
        return [each(partial(encoded, model), part) for part in parts]
    return parts


def budget(name: str, points: int) -> tuple[int, float]:
    """Give epochs and learning rate; fewer epochs where all points are read in each, or there are many objects."""
    if name == "carried":
        return {1000: 12, 5000: 6, 20_000: 3}.get(points, 8), 1e-3
    if name in ("patches", "resnet", "whole"):
        return {1000: 20, 5000: 16, 20_000: 12}.get(points, 12), 3e-3
    return (25 if points >= 1000 else 12), 3e-3


def classified(name: str, parts: list[Labelled], classes: int, scale: Scale, seed: int) -> dict[str, float]:
    """Train and test one network; give its figures."""
    start, points = time.process_time(), parts[0].series.steps
    parts = prepared(name, parts, scale, seed)
    preparing = time.process_time() - start
    with seeded(seed, 5):
        model = Classifier(reader(name, parts[0].series), classes)
    epochs, rate = budget(name, points)
    model, validation, seconds = fitted(model, parts[0], parts[1], min(epochs, scale.epochs), rate, seed)
    nll = scored(model, parts[2])
    right = scored(model, parts[2], lambda given: (model(given).argmax(1) == given.label).float())
    size = sum(p.numel() for p in model.parameters())
    found = {
        "accuracy": float(right.mean()),
        "nll": float(nll.mean()),
        "epoch_seconds": seconds,
        "preparing": preparing,
    }
    return found | {"validation": validation, "seconds": time.process_time() - start, "parameters": size}


def given_parts(part: str, scale: Scale) -> tuple[list[Labelled], int]:
    """Give objects to train on, to validate and to test, and the number of classes."""
    if part != "plasticc":
        return cut(simulated(sum(scale.parts), int(part), 1), scale.parts), len(KINDS)
    given = plasticc()
    order = torch.randperm(len(given), generator=torch.Generator().manual_seed(3))
    n = len(given) if scale is FULL else 300
    return cut(given[order[:n]], (int(0.6 * n), int(0.1 * n), n - int(0.6 * n) - int(0.1 * n))), 14


def compared(part: str, name: str, parts: list[Labelled], classes: int, scale: Scale) -> Iterator[dict[str, Any]]:
    """Train and test one answer on one set: accuracy, negative log-likelihood, seconds."""
    found = classified(name, parts, classes, scale, 0)
    accuracy, n = found["accuracy"], len(parts[2])
    error, note = math.sqrt(accuracy * (1 - accuracy) / n), f"{found['parameters']:.0f} parameters"
    yield row(f"{part}_{name}_accuracy", accuracy, error=error, n=n, note=note)
    yield row(f"{part}_{name}_nll", found["nll"], "nat", n=n)
    yield row(f"{part}_{name}_validation_nll", found["validation"], "nat", n=len(parts[1]))
    yield row(f"{part}_{name}_epoch_seconds", found["epoch_seconds"], "s", note="training, an epoch")
    yield row(f"{part}_{name}_seconds", found["seconds"], "s", note=f"all; before: {found['preparing']:.1f} s")


def runs_on(name: str, part: str) -> bool:
    """Whether a network is trained there: all points at once only where these are a thousand or fewer."""
    if name in ("truncate_first", "truncate_brightest"):
        return part == "plasticc"
    return name != "whole" or part in ("1000", "plasticc")


def verdicts() -> Iterator[dict[str, Any]]:
    """Hold the answer that is best on validation objects against truncation, and against the ResNet, by accuracy."""
    rows = {r["measure"]: r["value"] for r in json.loads((RESULTS / "long_sequences.json").read_text())["rows"]}
    gains: dict[str, float] = {}
    kinds = [kind.replace(" ", "_") for kind in KINDS]
    for part in (p for p in PARTS if any(f"{p}_{name}_accuracy" in rows for name in ANSWERS)):
        measured = [name for name in (*ANSWERS, *WHOLE) if f"{part}_{name}_accuracy" in rows]
        accuracy = {name: rows[f"{part}_{name}_accuracy"] for name in measured}
        nll = {name: rows[f"{part}_{name}_validation_nll"] for name in measured}
        cuts = [name for name in nll if name.startswith("truncate")]
        others = [name for name in nll if name in ANSWERS and name not in cuts]
        if not cuts or not others:
            continue
        cutting, chosen = min(cuts, key=nll.__getitem__), min(others, key=nll.__getitem__)
        gains[part] = accuracy[chosen] / accuracy[cutting]
        yield row(f"{part}_best_over_truncation_accuracy", gains[part], note=f"{chosen} over {cutting}")
        lstms = dict.fromkeys(("whole" if "whole" in accuracy else "carried", chosen))
        for name in (name for name in lstms if name in accuracy and "resnet" in accuracy):
            yield row(f"{part}_lstm_{name}_over_resnet_accuracy", accuracy[name] / accuracy["resnet"])
    for key in ("crps", "epoch_seconds"):
        if {f"forecast_lstm_{key}", f"forecast_resnet_{key}"} <= rows.keys():
            ratio = rows[f"forecast_lstm_{key}"] / rows[f"forecast_resnet_{key}"]
            yield row(f"forecast_lstm_over_resnet_{key}", ratio, note="below 1: the LSTM's is smaller")
    for name in ("novelty", "novelty_truncated"):
        found = [rows[f"{name}_auroc_{kind}"] for kind in kinds if f"{name}_auroc_{kind}" in rows]
        if len(found) == len(kinds):
            yield row(f"{name}_auroc", statistics.mean(found), note="mean over kinds, 5,000 points")
    if gains:
        table = "; ".join(f"{part} {value:.2f}" for part, value in gains.items())
        note = f"the best by validation over the best truncation; least of {table}"
        yield row("best_over_truncation_accuracy", min(gains.values()), note=note)


def peak(step: Callable[[], object]) -> float:
    """Give the most that torch's allocator holds at a time of what `step` asks for, in MiB."""
    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    events.sort(key=lambda e: e.start_ns())
    return float(np.cumsum([e.nbytes() for e in events]).max()) / 2**20


def training_step(name: str, given: Labelled) -> Callable[[], object]:
    """Give what is done in a step of training on one batch, with what comes before it."""
    if name == "autoencoder":
        model = Autoencoder(1, 48, CODE, 32)
        classifier = Classifier(Recurrent(2 * CODE + 3), len(KINDS))

        def both() -> None:
            with half():
                model.nll(drawn(given.series, 32, torch.Generator())).mean().backward()
            descend(classifier, Labelled(encoded(model, given.series), given.label))

        return both
    if name in SHORTENING:
        shorten = partial(SHORTENING[name], steps=STEPS)
        classifier = Classifier(Recurrent(features(given.series)), len(KINDS))
        return lambda: descend(classifier, each(shorten, given, at_once=1))
    classifier = Classifier(reader(name, given.series), len(KINDS))
    return lambda: descend(classifier, given)


def descend(model: Classifier, given: Labelled) -> None:
    for loss in model.losses(given):
        loss.backward()


def memory(quick: bool) -> Iterator[dict[str, Any]]:
    """Measure peak memory at each length, and its ratio of the longest to the shortest."""
    lengths, ratios = (1000, 20_000) if quick else (1000, 5000, 20_000), {}
    for name in (*(a for a in ANSWERS if a not in ("truncate_first", "truncate_brightest")), *WHOLE):
        found = {}
        for points in lengths:
            if name == "whole" and quick and points > 1000:
                continue
            found[points] = peak(training_step(name, simulated(BATCH, points, 2)))
            yield row(f"{points}_{name}_peak_memory", found[points], "MiB", n=BATCH)
        if 20_000 in found:
            ratios[name] = found[20_000] / found[1000]
    for name in ratios.keys() & set(WHOLE):
        yield row(f"{name}_memory_20000_over_1000", ratios.pop(name), note="for comparison: all points at once")
    table = "; ".join(f"{name} {value:.2f}" for name, value in ratios.items())
    yield row("memory_20000_over_1000", max(ratios.values()), note=f"worst of {table}")


def novelty(scale: Scale, only: str = "") -> Iterator[dict[str, Any]]:
    """Measure how well codes of an autoencoder that never saw a kind tell it: of all points, and of the last 128."""
    points = 1000 if scale is QUICK else 5000
    train, _, test = cut(simulated(sum(scale.parts), points, 4), scale.parts)
    for unknown, kind in enumerate(k.replace(" ", "_") for k in KINDS):
        if only not in ("", kind):
            continue
        known = train[train.label != unknown]
        model = autoencoder(known.series, scale.windows, unknown)
        for name, shorten in (("novelty", lambda x: x), ("novelty_truncated", partial(truncate, steps=STEPS))):
            fitted_to, given = (described_by(model, shorten, part) for part in (known, test))
            distance = FeatureDistance(fitted_to.shape[1]).fit(fitted_to)(given).numpy()
            strange = (test.label == unknown).numpy()
            area = auroc(in_distribution=distance[~strange], ood=distance[strange])
            yield row(f"{name}_auroc_{kind}", area, n=len(test))


def described_by(model: Autoencoder, shorten: Callable[[Series], Series], given: Labelled) -> Tensor:
    """Give mean, scatter, least and most of the codes of each object."""
    codes = each(lambda x: model(shorten(x)), given, 64).series
    inside, count = codes.valid[..., None], codes.length[:, None]
    mean = codes.value.sum(1) / count
    scatter = ((codes.value - mean[:, None]).square() * inside).sum(1).div(count).sqrt()
    least, most = (s * (s * codes.value).masked_fill(~inside, -torch.inf).amax(1) for s in (-1, 1))
    return torch.cat([mean, scatter, least, most], -1)


CONTEXT, AHEAD = 257, 16


class Forecaster(nn.Module):
    """Mean and scatter of each of the next points at their times, from the summary of a network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.reader = network
        self.head = nn.Sequential(nn.Linear(2 * network.units + 2, 48), nn.GELU(), nn.Linear(48, 2))

    def forward(self, given: Series) -> tuple[Tensor, Tensor]:
        """Give mean and standard deviation of the points after the context, noise of the points included."""
        seen = given.between(0, CONTEXT)
        with half():
            found = self.reader(seen)
        last, ahead = seen.value[:, -1:, 0], (given.time[:, CONTEXT:] - seen.time[:, -1:]) / 16
        asked = torch.stack([ahead, ahead.clamp(min=0).log1p()], -1)
        told = self.head(torch.cat([found[:, None].expand(-1, AHEAD, -1), asked], -1))
        variance = told[..., 1].clamp(-5, 3).exp().square() + 1 / given.weight[:, CONTEXT:, 0]
        return last + told[..., 0], variance.sqrt()

    def losses(self, given: Labelled) -> Iterator[Tensor]:
        yield self.scores(given).mean()

    def scores(self, given: Labelled) -> Tensor:
        mean, std = self(given.series)
        return -torch.distributions.Normal(mean, std).log_prob(given.series.value[:, CONTEXT:, 0]).mean(1)


def forecast(scale: Scale, only: str = "") -> Iterator[dict[str, Any]]:
    """Forecast the next 16 points after 257 of stars of all kinds, by the LSTM, the ResNet, and the last point."""
    stars, size = cut(simulated(sum(scale.parts), 1000, 6), scale.parts), CONTEXT + AHEAD
    counts = (6000, 1000, 4000) if scale is FULL else (200, 64, 64)
    generator = torch.Generator().manual_seed(7)
    parts = [Labelled(s := drawn(part.series, size, generator, n), s.length)
             for part, n in zip(stars, counts, strict=True)]  # fmt: skip
    truth = parts[2].series.value[:, CONTEXT:, 0].numpy()
    networks = {"lstm": Recurrent, "resnet": ResNet}
    for name in (name for name in networks if only in ("", name)):
        runs = [forecasted(networks[name], parts, truth, scale, seed) for seed in range(2)]
        for key in runs[0]:
            note = ", ".join(f"{run[key]:.4f}" for run in runs)
            yield row(f"forecast_{name}_{key}", statistics.mean(run[key] for run in runs), n=counts[2], note=note)
    if only in ("", "persistence"):
        last = parts[2].series.value[:, CONTEXT - 1, :].expand(-1, AHEAD).reshape(1, -1).numpy()
        spread = parts[0].series.value[:, CONTEXT:, 0] - parts[0].series.value[:, CONTEXT - 1]
        scatter = np.broadcast_to(spread.square().mean(0).sqrt().numpy(), truth.shape).reshape(1, -1)
        note = "the last point, with the scatter that training objects have"
        yield row("forecast_persistence_crps", float(crps(last, scatter, truth.ravel())), n=counts[2], note=note)


def forecasted(
    network: type[Recurrent | ResNet], parts: list[Labelled], truth: np.ndarray, scale: Scale, seed: int
) -> dict[str, float]:
    """Train and test one forecaster; give its figures."""
    with seeded(seed, 8):
        model = Forecaster(network(4, second="last"))
    model, _, seconds = fitted(model, parts[0], parts[1], min(scale.epochs, 8), 3e-3, seed)
    mean, std = (scored(model, parts[2], lambda g, k=k: model(g.series)[k]).reshape(1, -1).numpy() for k in (0, 1))
    size = sum(p.numel() for p in model.parameters())
    found = {"crps": float(crps(mean, std, truth.ravel())), "nll": float(scored(model, parts[2]).mean())}
    return found | {"epoch_seconds": seconds, "parameters": size}


PARTS = ("memory", "20000", "plasticc", "1000", "forecast", "novelty", "5000")


def main(asked: list[str], quick: bool) -> None:
    torch.set_num_threads(1)
    scale, special = QUICK if quick else FULL, {"novelty": novelty, "forecast": forecast}
    named = asked or [part for part in PARTS if not quick or part not in ("5000", "20000")]
    for part, _, only in (name.partition(":") for name in named):
        if part == "memory":
            record("long_sequences", memory(quick), quick=quick)
        elif part in special:
            record("long_sequences", special[part](scale, only), quick=quick)
        else:
            parts, classes = given_parts(part, scale)
            for name in (name for name in (*ANSWERS, *WHOLE) if runs_on(name, part) and only in ("", name)):
                record("long_sequences", compared(part, name, parts, classes, scale), quick=quick)
    if not quick:
        record("long_sequences", verdicts(), quick=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    given = parser.parse_args()
    main(given.parts, given.quick)
