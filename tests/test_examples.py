"""The examples run, on the light curves that lie beside them, with a tiny budget."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from skysure.data.lightcurves import open_lightcurves
from skysure.data.results.writer import read_table

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_classify(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    output = run("classify.py", str(small_run), monkeypatch=monkeypatch, capsys=capsys)
    assert output.count("90 % set") == 30
    assert len(read_table(tmp_path / "classes.fits")) == 30
    night = read_table(EXAMPLES / "night.ecsv")
    for name, z in zip(night["id"], night["redshift"], strict=True):
        assert f"{name} (z = {z:.2f})" in output


def test_any_network(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    output = run("any_network.py", "20", monkeypatch=monkeypatch, capsys=capsys)
    assert output.count("(epistemic)") == 3


def test_agents(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("skysure.run.reporting.write_report", lambda folder: None)
    output = run("agents.py", "2", monkeypatch=monkeypatch, capsys=capsys)
    assert [f"s{k}:" in output for k in range(5)] == [True] * 5
    assert "3664" in output


def test_lens(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    output = run("lens.py", "3", monkeypatch=monkeypatch, capsys=capsys)
    assert output.count("theta_E = ") == 3
    assert "of 3 true values inside" in output


def test_the_night_needs_no_reading() -> None:
    (curves,) = open_lightcurves([EXAMPLES / "night.ecsv"]).chunks()
    assert len(curves) == 30
    assert curves.bands == ("g", "r", "i", "z")
    assert {"id", "label", "redshift", "redshift_error"} <= set(curves.objects)


@pytest.mark.parametrize("name", sorted(p.name for p in EXAMPLES.glob("*.py")))
def test_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) < 40
