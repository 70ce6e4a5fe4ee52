"""Ids that came before, and how ids are dealt into shares."""

from __future__ import annotations

import numpy as np

from skysure.data.lightcurves.seen import Seen, shares


def test_shares_are_the_same_in_every_process() -> None:
    # 0xCBF43926 is the check value that the catalogues of CRCs give for CRC-32 of these nine digits
    assert shares(np.array(["123456789"]), 1 << 33).tolist() == [0xCBF43926]


def test_shares_are_about_equal_and_whole() -> None:
    dealt = shares(np.array([f"SN{k}" for k in range(30_000)]), 3)
    assert np.abs(np.bincount(dealt, minlength=3) - 10_000).max() < 500
    assert set(np.unique(dealt)) == {0, 1, 2}


def test_ids_that_came_before_are_known() -> None:
    seen, rng = Seen(), np.random.default_rng(0)
    before: set[str] = set()
    for _ in range(20):
        ids = rng.integers(0, 400, 50).astype(str)
        repeats = [text in before or text in ids[:k].tolist() for k, text in enumerate(ids.tolist())]
        assert seen.add(ids).tolist() == repeats
        before |= set(ids.tolist())
