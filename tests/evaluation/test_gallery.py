"""The gallery keeps the highest ranks, whatever the chunks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysure.evaluation.gallery import Gallery, rank_classes
from skysure.predictions import Classes


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 12))
def test_chunks_change_nothing(ranks: list[int], size: int) -> None:
    gallery = Gallery[int](shown=5)
    for start in range(0, len(ranks), size):
        gallery.consider({"novel": np.array(ranks[start : start + size], float)}, lambda row, start=start: start + row)
    order = sorted(range(len(ranks)), key=lambda k: -ranks[k])[:5]
    assert list(gallery) == [("novel", k) for k in order]


def test_only_what_is_kept_is_taken() -> None:
    rows: list[int] = []

    def take(row: int) -> int:
        rows.append(row)
        return row

    gallery = Gallery[int](shown=2)
    gallery.consider({"novel": np.array([3.0, 5.0, 4.0])}, take)
    gallery.consider({"novel": np.zeros(1000)}, take)
    assert rows == [1, 2]


def test_ranks_of_classes() -> None:
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.5, 0.5]])
    entropy = np.array([0.1, 0.2, 0.6, 0.7])
    names = {"id": np.array(list("abcd"))}
    zeros, sets = np.zeros(4), np.ones((4, 2), bool)
    prediction = Classes(
        names, ("A", "B"), p, np.zeros((4, 2)), entropy, zeros, sets, coverage=0.9,
        ood_percentile=np.array([0.2, np.nan, 0.9, 0.1]), is_ood=zeros.astype(bool), quality_flags=np.full(4, ""),
    )  # fmt: skip
    ranks = rank_classes(prediction)
    assert ranks["example"].tolist() == [0, -1, 0, -2]  # the first of A, the second, the first of B, the third of A
    assert ranks["uncertain"] == pytest.approx(entropy)
    assert np.argsort(-ranks["novel"], kind="stable").tolist() == [2, 0, 3, 1]
