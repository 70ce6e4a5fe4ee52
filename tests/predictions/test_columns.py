"""Columns of result tables: golden names, units, descriptions and UCDs, and that each UCD is in the vocabulary."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from astropy.io.votable.ucd import check_ucd

from skysure.predictions import Actions, Classes, Label, Prediction, Values
from skysure.predictions.columns import KNOWN

ONE = np.ones(1)
SHARED = {"ood_percentile": ONE, "is_ood": ONE > 0, "quality_flags": np.array([""])}


def classes() -> Classes:
    rows = {"id": np.array(["a"]), "mjd": ONE, "ra": ONE, "dec": ONE}
    return Classes(
        rows, ("Ia", "II"), np.array([[0.75, 0.25]]), np.zeros((1, 2)), ONE, ONE, np.ones((1, 2), bool), 0.9, **SHARED
    )


def values() -> Values:
    ends = {name: np.ones((1, 1)) for name in ("low", "high", "measured_low", "measured_high")}
    labels = {"flux": Label("Flux density of the source", "phot.flux.density")}
    rows = {"id": np.array(["a"]), "band": np.array(["g"])}
    return Values(
        rows, ("flux",), ("nJy",), np.ones((1, 1)), np.ones((1, 1, 1)), np.ones((1, 1, 1)), coverage=0.683,
        labels=labels, **ends, **SHARED,
    )  # fmt: skip


def actions() -> Actions:
    return Actions(
        {"state": np.array([0])}, ("up", "down"), np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2), bool), ONE,
        aleatoric=np.ones((1, 2)),
    )  # fmt: skip


PREDICTIONS = {"classes": classes, "values": values, "actions": actions}


def golden(kind: str) -> list[tuple[str, ...]]:
    """Give name, unit, UCD and description of each column of a kind of prediction, as `columns.csv` has them."""
    with Path(__file__).with_name("columns.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(columns) for prediction, *columns in csv.reader(file) if prediction == kind]


def described(prediction: Prediction) -> list[tuple[str, str, str, str]]:
    """Give name, unit, UCD and description of each column."""
    table = prediction.to_table()
    infos = {name: table[name].info for name in table.colnames}
    return [(n, str(i.unit or ""), (i.meta or {}).get("ucd", ""), i.description or "") for n, i in infos.items()]


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_columns_are_these(kind: str) -> None:
    assert described(PREDICTIONS[kind]()) == golden(kind)


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_what_is_absent_has_no_column(kind: str) -> None:
    prediction = PREDICTIONS[kind]()
    shared = {"ood_percentile", "is_ood", "quality_flags"}
    assert not shared & set(type(prediction)(**(vars(prediction) | dict.fromkeys(shared))).to_table().colnames)


def test_ucds_are_in_the_vocabulary_of_the_ivoa() -> None:
    ucds = {ucd for make in PREDICTIONS.values() for _, _, ucd, _ in described(make())}
    ucds |= {label.ucd for label in KNOWN.values()}
    assert len(ucds) > 15
    for ucd in ucds - {""}:
        assert check_ucd(ucd, check_controlled_vocabulary=True), ucd


def test_covariances_have_the_product_of_units() -> None:
    two = Values({"id": np.array(["a"])}, ("x", "y"), ("arcsec", "nJy"), np.ones((1, 2)), *np.ones((2, 1, 2, 2)))
    assert str(two.to_table()["cov_x_y"].unit) == "arcsec nJy"
    magnitude = Values(
        {"id": np.array(["a"])}, ("x", "m"), ("arcsec", "mag(AB)"), np.ones((1, 2)), *np.ones((2, 1, 2, 2))
    )
    assert str(magnitude.to_table()["m"].unit) == "mag(AB)"
    assert getattr(magnitude.to_table()["cov_x_m"], "unit", None) is None
