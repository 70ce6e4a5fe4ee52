"""The supervised loop: it learns, it stops, it resumes to the same bits, and processes do not change it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn

from skysure.methods.dropout import Dropout
from skysure.methods.likelihoods import gaussian_nll
from skysure.training import (
    Batch,
    Optimisation,
    State,
    combine,
    fit,
    fit_classes,
    schedule,
    seeded,
    shuffled_batches,
)
from skysure.training.settings import SupervisedSettings
from skysure.training.supervised import update_mean


def model(seed: int = 0) -> nn.Module:
    with seeded(seed):
        return nn.Sequential(nn.Linear(1, 16), nn.ReLU(), Dropout(nn.Linear(16, 2), learned=True))


def batches(part: str, epoch: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(combine(0, epoch) if part == "train" else 1)
    x = torch.rand(64, 1, generator=generator)
    return [{"x": x[k : k + 16], "y": 2 * x[k : k + 16]} for k in range(0, 64, 16)]


def nll(network: nn.Module, batch: Batch) -> Tensor:
    mean, log_variance = network(batch["x"]).split(1, dim=1)
    return gaussian_nll(mean, log_variance, batch["y"])


def states(network: nn.Module, state: State | None = None, **changes: object) -> list[State]:
    return list(epochs(network, state, **changes))


def epochs(network: nn.Module, state: State | None = None, **changes: object) -> Iterator[State]:
    optimisation = Optimisation(**{"epochs": 6, "learning_rate": 0.01, "patience": 99} | changes)
    return fit(network, batches, nll, optimisation, objects=64, seed=3, state=state, accelerator=Accelerator(cpu=True))


def test_it_learns_and_keeps_the_best() -> None:
    course = states(model(), epochs=30)
    losses = [s.record["validation_nll"] for s in course]
    assert losses[-1] < losses[0] - 0.5
    assert course[-1].counters["best_nll"] == min(losses)
    best = course[losses.index(min(losses))]
    for name, tensor in course[-1].weights.items():
        torch.testing.assert_close(tensor, best.tensors[f"model.{name}"], rtol=0, atol=0)
    assert [s.done for s in course] == [False] * 29 + [True]


def test_it_stops_when_validation_no_longer_improves() -> None:
    course = states(model(), epochs=50, learning_rate=1e-12, patience=2)
    assert len(course) < 50
    assert course[-1].done


def test_without_patience_it_keeps_the_first_epoch() -> None:
    (only,) = states(model(), patience=0)
    assert only.counters == {"best_nll": only.record["validation_nll"], "best_epoch": 1}


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_resumed_at_any_epoch_it_ends_with_the_same_bits(stop: int) -> None:
    whole = states(model())
    first = list(islice(epochs(model()), stop))
    rest = states(model(seed=99), first[-1])
    assert [s.record for s in first + rest] == [s.record for s in whole]
    assert rest[-1].tensors.keys() == whole[-1].tensors.keys()
    for name, tensor in rest[-1].tensors.items():
        assert torch.equal(tensor, whole[-1].tensors[name]), name


def test_averaged_weights_are_the_mean_of_the_last_steps_and_resume() -> None:
    whole = states(model(), average=2.0, learning_rate=1e-3)
    first = list(islice(epochs(model(), average=2.0, learning_rate=1e-3), 2))
    rest = states(model(seed=99), first[-1], average=2.0, learning_rate=1e-3)
    for name, tensor in rest[-1].tensors.items():
        assert torch.equal(tensor, whole[-1].tensors[name]), name


def test_a_running_mean_is_the_plain_mean_while_it_is_young_and_forgets_after() -> None:
    mean, span = torch.zeros(1), 4.0
    values = [torch.tensor([float(v)]) for v in (3, 5, 1, 7, 100)]
    mean.copy_(values[0])
    for count, value in enumerate(values[1:4], start=1):
        update_mean([mean], [value], torch.tensor(count), span)
    assert float(mean) == pytest.approx(4.0)
    update_mean([mean], [values[4]], torch.tensor(4), span)
    assert float(mean) == pytest.approx(0.75 * 4 + 0.25 * 100)


def test_the_world_outside_does_not_change_it() -> None:
    torch.manual_seed(1)
    first = states(model())
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    other = states(model())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [s.record for s in first] == [s.record for s in other]


def test_schedule_rises_and_falls() -> None:
    rates = [schedule(t / 100, 0.1) for t in range(101)]
    assert max(rates) == rates[10] == 1
    assert rates[-1] == pytest.approx(0)
    assert all(a <= b for a, b in pairwise(rates[:11]))
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_seeds_combine_without_collisions() -> None:
    assert len({combine(a, b, c) for a in range(9) for b in range(9) for c in range(9)}) == 729
    assert 0 <= combine(2**40, 3) < 2**63


SMALL = ["--objects", "200", "--validation", "40", "--calibration", "40", "--test", "40", "--epochs", "8"]


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_two_processes_give_what_one_gives(tmp_path: Path, device: str) -> None:
    """To 1e-5 of each tensor's largest value, dropout and its learned rates included."""
    command = ["-m", "skysure.cli", "train", "sine", *SMALL, "--hidden", "16", "--device", device, "--out"]
    env = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command]
    for line in ([sys.executable, *command, "one"], [*run, "two"]):
        options = {"cwd": tmp_path, "env": env, "capture_output": True, "text": True, "timeout": 300}
        completed = subprocess.run(line, **options, check=False)
        assert completed.returncode == 0, completed.stderr
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, tensor in one.items():
        largest = max(float(tensor.double().abs().max()), 1e-3)
        assert float((tensor.double() - two[name].double()).abs().max()) < 1e-5 * largest, name
    assert not math.isnan(sum(float(t.double().sum()) for t in one.values()))


def test_shuffled_batches_hold_each_object_once_in_an_order_of_the_epoch() -> None:
    parts = {"train": {"x": torch.arange(10), "y": -torch.arange(10)}, "validation": {"x": torch.arange(4)}}
    batches, same = shuffled_batches(parts, 4, seed=1), shuffled_batches(parts, 4, seed=1)
    epochs = [batches("train", epoch) for epoch in range(2)]
    orders = [torch.cat([batch["x"] for batch in epoch]).tolist() for epoch in epochs]
    assert [len(batch["x"]) for batch in epochs[0]] == [4, 4, 2]
    assert all(torch.equal(batch["y"], -batch["x"]) for batch in epochs[0])
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
    assert orders[0] != orders[1]
    assert orders[1] == torch.cat([batch["x"] for batch in same("train", 1)]).tolist()
    assert batches("validation", 5)[0]["x"].tolist() == [0, 1, 2, 3]


def test_fit_classes_learns_what_can_be_learned() -> None:
    rng = np.random.default_rng(0)
    x, settings = rng.normal(size=(600, 2)), SupervisedSettings(epochs=15, batch=32, learning_rate=0.05)
    truth = (x[:, 0] + 0.5 * rng.logistic(size=600) > 0).astype(int)
    model = torch.nn.Linear(2, 2)
    *_, state = fit_classes(model, {"train": (x[:400], truth[:400]), "validation": (x[400:], truth[400:])}, settings)
    model.load_state_dict(state.weights)
    slope = (model.weight[1] - model.weight[0]).detach().numpy()
    assert slope == pytest.approx([2, 0], abs=0.5)  # the log odds are 2 x; 400 objects determine them to about 0.2
