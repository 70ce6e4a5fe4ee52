"""Tails: shares among calibration objects, and several p-values together."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import combine_pvalues

from skysure.methods.novelty import EmpiricalPValue, fisher_combined


def test_a_share_is_that_of_smaller_values() -> None:
    rng = torch.Generator().manual_seed(0)
    reference, new = torch.randn(5000, generator=rng), torch.randn(200, generator=rng)
    shares = EmpiricalPValue().fit(reference)(new)
    assert shares.numpy() == pytest.approx((reference < new[:, None]).float().mean(1).numpy(), abs=0.0011)


def test_at_most_as_many_are_beyond_a_quantile_as_it_says() -> None:
    rng = torch.Generator().manual_seed(1)
    exceeds = [
        EmpiricalPValue()
        .fit(torch.randn(99, generator=rng))
        .exceeds(torch.randn(50, generator=rng), 0.95)
        .float()
        .mean()
        for _ in range(400)
    ]
    assert float(np.mean(exceeds)) == pytest.approx(0.05, abs=4 * float(np.std(exceeds)) / 20)


def test_without_enough_values_nothing_is_beyond_and_no_number_is_the_smallest() -> None:
    value = torch.tensor([1e9, torch.nan])
    assert EmpiricalPValue()(value).tolist() == [0, 0]
    assert not EmpiricalPValue().exceeds(value).any()
    assert not EmpiricalPValue().fit(torch.zeros(50)).exceeds(value).any()
    tail = EmpiricalPValue().fit(torch.cat([torch.full((500,), torch.nan), torch.arange(500.0)]))
    assert tail(torch.tensor([-1e9, 250.0])).numpy() == pytest.approx([0.5, 0.75], abs=0.002)
    assert tail.exceeds(value).tolist() == [True, False]


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=4))
def test_together_is_fishers_statistic(parts: list[int]) -> None:
    shares = [torch.tensor([k / 1000], dtype=torch.float64) for k in parts]
    expected = combine_pvalues([1 - k / 1001 for k in parts], method="fisher").statistic / 2
    assert fisher_combined(*shares).item() == pytest.approx(expected, abs=1e-9)
