import math

import pytest
import torch
from scipy.optimize import rosen

from skysure.methods.lbfgs import minimise


def valley(x):
    """Rosenbrock's function: least, 0, at ones, where its smallest curvature is 0.4."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def distance(**ends):
    """Distance of the end from the minimum, from the usual start."""
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    assert valley(x).item() == pytest.approx(rosen(x.detach().numpy()))
    with torch.no_grad():
        minimise(lambda: valley(x), [x], **ends)
    return (x.detach() - 1).abs().max().item()


def test_the_valley_of_rosenbrock_is_followed_to_its_end():
    # an objective known to 1e-12 leaves 2e-6 where the curvature is 0.4
    assert distance() < 2e-6


@pytest.mark.parametrize("ends", [{"steps": 3}, {"gradient": 1.0}, {"change": 0.5}])
def test_it_ends_where_it_is_told_to(ends):
    assert distance(**ends) > 1e-4


def test_several_tensors_move_together():
    a, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (2.0, -3.0))
    minimise(lambda: (a.exp() - 3 * a) + (b.cosh() + b), [a, b])
    assert a.item() == pytest.approx(math.log(3), abs=1e-8)
    assert b.item() == pytest.approx(-math.asinh(1), abs=1e-8)
