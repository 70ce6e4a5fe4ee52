"""Layers of settings, their types, and what is said of a wrong one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from skysure.applications import sine, supernovae
from skysure.errors import InputError, SettingsError
from skysure.settings import build, load_toml, plain, table_of
from skysure.training.settings import ClassQuery, SampledQuery


@dataclass(frozen=True)
class Inner:
    low: float = 0.0


@dataclass(frozen=True)
class Example:
    epochs: int = 10
    rate: float = 0.1
    learned: bool = True
    cell: Literal["gru", "lstm"] = "gru"
    bands: tuple[str, ...] = ()
    span: tuple[float, float] = (0.0, 1.0)
    label: str | None = None
    at_epoch: str = ""
    share: int | float = 0.1
    when: str | float = ""
    inner: Inner = Inner()


def test_later_layers_go_over_earlier_ones() -> None:
    assert build(Example, {"epochs": 1, "rate": 0.5}, {}, {"epochs": "20"}) == Example(epochs=20, rate=0.5)


@pytest.mark.parametrize(
    ("field", "setting", "expected"),
    [
        ("epochs", "10_000", 10_000),
        ("epochs", "1e7", 10_000_000),
        ("epochs", 3.0, 3),
        ("epochs", "9007199254740993", 9007199254740993),
        ("rate", 1, 1.0),
        ("learned", "false", False),
        ("cell", "lstm", "lstm"),
        ("bands", "g,r", ("g", "r")),
        ("bands", ["g", "r"], ("g", "r")),
        ("span", [0, 2], (0.0, 2.0)),
        ("label", "a", "a"),
        ("inner", {"low": 1}, Inner(1.0)),
        ("at_epoch", 10, "10"),
        ("at_epoch", 2.5, "2.5"),
        ("at_epoch", np.int64(10), "10"),
        ("share", 3, 3),
        ("share", 0.5, 0.5),
        ("share", "0.5", 0.5),
        ("when", 10, 10.0),
        ("when", 2.5, 2.5),
        ("when", "10", 10.0),
        ("when", "all", "all"),
    ],
)
def test_values_and_their_texts(field: str, setting: object, expected: object) -> None:
    value = getattr(build(Example, {field: setting}), field)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epoch": 3}, "nearest: epochs"),
        ({"epochs": 2.5}, "a whole number"),
        ({"epochs": "many"}, "a whole number"),
        ({"epochs": True}, "a whole number"),
        ({"epochs": float("inf")}, "a whole number"),
        ({"rate": "nan"}, "a number"),
        ({"learned": 1}, "true or false"),
        ({"cell": "rnn"}, "one of gru, lstm"),
        ({"span": [1]}, "2 values"),
        ({"inner": {"hight": 1}}, "known: low"),
        ({"at_epoch": True}, "text"),
        ({"at_epoch": [1]}, "text"),
    ],
)
def test_a_wrong_setting_is_told_with_its_cure(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        build(Example, fields)
    assert raised.value.status == 2


def test_plain_settings_build_the_same_again() -> None:
    settings = Example(epochs=3, bands=("g",), inner=Inner(2.0))
    assert build(Example, plain(settings)) == settings


@pytest.mark.parametrize("query", [SampledQuery, ClassQuery, sine.Query, supernovae.Query])
@pytest.mark.parametrize("values", [{"samples": 1}, {"seed": -1}])
def test_queries_with_posterior_samples_have_the_same_ranges(query: type, values: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="a number from"):
        query(**values)


@pytest.mark.parametrize("query", [ClassQuery, supernovae.Query])
@pytest.mark.parametrize("coverage", [0, 1, 90])
def test_coverage_is_a_fraction(query: type, coverage: float) -> None:
    with pytest.raises(SettingsError, match=f"coverage = {coverage}"):
        query(coverage=coverage)


def test_toml_faults_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.toml: no such file"):
        load_toml(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("a = [1")
    with pytest.raises(InputError, match=r"(?s)bad\.toml.*valid TOML"):
        load_toml(tmp_path / "bad.toml")
    (tmp_path / "run.toml").write_text("format = 1\n[settings]\nepochs = 3\n")
    assert table_of(tmp_path / "run.toml", "settings") == {"epochs": 3}
