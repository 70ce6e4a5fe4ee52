"""Columns of result tables: golden names, units, descriptions and UCDs, and that each UCD is in the vocabulary."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io.votable.ucd import check_ucd

from skysure.predictions import Actions, Classes, Label, Prediction, Values
from skysure.predictions.columns import KNOWN

ONE = np.ones(1)
SHARED = {"ood_percentile": ONE, "is_ood": ONE > 0, "quality_flags": np.array([""])}
ID = ("id", "", "meta.id;meta.main", "Identifier of the object")
NOVELTY = [
    ("ood_percentile", "", "stat.percentile",
     "Fraction of the calibration set that is closer to the training set than this row (0 to 1)"),
    ("is_ood", "", "meta.code", "Whether the row is out of distribution"),
    ("quality_flags", "", "meta.code.qual", "What limits the prediction of this row; empty for nothing"),
]  # fmt: skip


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


GOLDEN = {
    "classes": (classes, [
        ID,
        ("mjd", "d", "time.epoch", "Modified Julian date"),
        ("ra", "deg", "pos.eq.ra", "Right ascension"),
        ("dec", "deg", "pos.eq.dec", "Declination"),
        ("predicted_class", "", "meta.code.class", "Most probable class"),
        ("p_Ia", "", "stat.probability", "Probability of class Ia"),
        ("p_Ia_error", "", "stat.stdev;stat.probability", "Standard deviation of p_Ia over posterior samples"),
        ("p_II", "", "stat.probability", "Probability of class II"),
        ("p_II_error", "", "stat.stdev;stat.probability", "Standard deviation of p_II over posterior samples"),
        ("in_set_Ia", "", "meta.code.member", "Whether class Ia is in the prediction set (90 % coverage)"),
        ("in_set_II", "", "meta.code.member", "Whether class II is in the prediction set (90 % coverage)"),
        ("aleatoric", "", "stat.value", "Aleatoric uncertainty: expected entropy of the posterior samples [nat]"),
        ("epistemic", "", "stat.value",
         "Epistemic uncertainty: mutual information of class and model parameters [nat]"),
        ("predictive", "", "stat.value",
         "Predictive uncertainty: entropy of the class probabilities, aleatoric + epistemic [nat]"),
        *NOVELTY,
    ]),
    "values": (values, [
        ID,
        ("band", "", "instr.bandpass", "Photometric band"),
        ("flux", "nJy", "phot.flux.density", "Flux density of the source"),
        ("flux_error", "nJy", "stat.stdev;phot.flux.density", "Standard deviation of flux"),
        ("flux_aleatoric", "nJy", "stat.stdev;phot.flux.density",
         "Standard deviation of flux, from noise in the data alone"),
        ("flux_epistemic", "nJy", "stat.stdev;phot.flux.density",
         "Standard deviation of flux, from the uncertainty of the model alone"),
        ("flux_low", "nJy", "phot.flux.density;stat.min", "Lower end of the 68.3 % interval of flux"),
        ("flux_high", "nJy", "phot.flux.density;stat.max", "Upper end of the 68.3 % interval of flux"),
        ("flux_measured_low", "nJy", "phot.flux.density;stat.min",
         "Lower end of the 68.3 % interval of flux as it will be measured"),
        ("flux_measured_high", "nJy", "phot.flux.density;stat.max",
         "Upper end of the 68.3 % interval of flux as it will be measured"),
        *NOVELTY,
    ]),
    "actions": (actions, [
        ("state", "", "", ""),
        ("best", "", "meta.code", "Feasible action with the highest expected return"),
        ("runner_up", "", "meta.code", "Second best feasible action; empty where there is none"),
        ("p_best", "", "stat.probability", "Probability that `best` has the highest expected return"),
        *(column for name in ("up", "down") for column in [
            (f"value_{name}", "", "stat.value", f"Expected return of {name}"),
            (f"value_{name}_error", "", "stat.stdev",
             f"Standard deviation of value_{name} over the agents (epistemic)"),
            (f"value_{name}_aleatoric", "", "stat.stdev",
             f"Standard deviation of the return of {name}, from chance in the environment"),
            (f"feasible_{name}", "", "meta.code", f"Whether {name} is possible"),
        ]),
    ]),
}  # fmt: skip


def described(prediction: Prediction) -> list[tuple[str, str, str, str]]:
    """Give name, unit, UCD and description of each column."""
    table = prediction.to_table()
    infos = {name: table[name].info for name in table.colnames}
    return [(n, str(i.unit or ""), (i.meta or {}).get("ucd", ""), i.description or "") for n, i in infos.items()]


@pytest.mark.parametrize("kind", GOLDEN)
def test_columns_are_these(kind: str) -> None:
    make, wanted = GOLDEN[kind]
    assert described(make()) == wanted


@pytest.mark.parametrize("kind", GOLDEN)
def test_what_is_absent_has_no_column(kind: str) -> None:
    prediction = GOLDEN[kind][0]()
    shared = {"ood_percentile", "is_ood", "quality_flags"}
    assert not shared & set(type(prediction)(**(vars(prediction) | dict.fromkeys(shared))).to_table().colnames)


def test_ucds_are_in_the_vocabulary_of_the_ivoa() -> None:
    ucds = {ucd for make, _ in GOLDEN.values() for _, _, ucd, _ in described(make())} | {k.ucd for k in KNOWN.values()}
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
