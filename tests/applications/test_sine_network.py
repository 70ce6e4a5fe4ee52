"""The network of `sine`: what is dropped, and in which units it counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skysure.applications import sine
from skysure.applications.sine.prediction import draws
from skysure.methods.dropout import masks

SMALL = {"hidden": 16}


@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        ({}, {"hidden.0.mask": 16, "output.mask": 16}),
        ({"layers": 1}, {"output.mask": 16}),
        ({"layers": 3, "drop_input": True},
         {"input.mask": 1, "hidden.0.mask": 16, "hidden.1.mask": 16, "output.mask": 16}),
    ],
)  # fmt: skip
def test_what_is_dropped(fields: dict, dropped: dict[str, int]) -> None:
    model = sine.network(sine.Settings(**SMALL, **fields), sine.Schema()).eval()
    assert {name: mask.features for name, mask in masks(model).items()} == dropped
    x = torch.linspace(-4, 4, 9)
    assert torch.equal(model(x), model.suffix(model.prefix(x)))


def test_a_uniform_x_enters_with_mean_0_and_variance_1() -> None:
    model = sine.network(sine.Settings(drop_input=True), sine.Schema(low=100, high=103))
    entering = model.prefix(torch.linspace(100, 103, 100_001)).double()
    assert float(entering.mean()) == pytest.approx(0, abs=1e-4)
    assert float(entering.var()) == pytest.approx(1, abs=1e-4)


def test_units_do_not_matter() -> None:
    """The same function drawn, whatever x and y are counted in."""
    x = np.linspace(-9, 9, 7)
    here = draws(sine.network(sine.Settings(**SMALL), sine.Schema(-3, 3)), x, sine.Query())
    there = draws(sine.network(sine.Settings(**SMALL), sine.Schema(7, 13, mean=50.0, scale=20.0)), x + 10, sine.Query())
    assert torch.allclose(there[0], 50 + 20 * here[0], atol=1e-3)
    assert torch.allclose(there[1], 20 * here[1], rtol=1e-4)


def test_a_dropped_input_loses_all_of_it() -> None:
    """At a rate p of an input of one feature, a share p of the functions drawn knows nothing of x."""
    model = sine.network(sine.Settings(hidden=16, rate=0.3, drop_input=True), sine.Schema())
    for name, mask in masks(model).items():
        if not name.startswith("input"):
            mask.logit.data.fill_(-30.0)
    samples = draws(model, np.array([-2.0, 1.0, 3.0]), sine.Query(samples=2000))[0][..., 0]
    flat = (samples.std(1) < 1e-6).double().mean()
    assert float(flat) == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 2000) ** 0.5)
