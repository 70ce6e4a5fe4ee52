"""Objects one by one on a page: what was measured, what is said of it, what is expected."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import skysure
from skysure.applications import sine
from skysure.applications.supernovae import Query
from skysure.applications.supernovae.examples import record
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.lightcurves import LightCurves
from skysure.faults import Fault
from skysure.run import Run
from skysure.verbs import drawing


@pytest.fixture(scope="module")
def curves() -> LightCurves:
    return simulate_lightcurves(3, "des", seed=4)


def test_a_page_shows_the_objects_of_the_table(tmp_path: Path, supernova_run: Path, curves) -> None:
    out = [tmp_path / "classes.csv", tmp_path / "classes.html"]
    assert skysure.predict(supernova_run, curves, out) == 3
    text = out[1].read_text()
    assert re.findall(r'figure-(example-\d)"', text) == ["example-1", "example-2", "example-3"]
    assert all(str(name) in text for name in curves.ids)
    assert "Shaded: where the flux was expected" not in text
    assert len(out[0].read_text().splitlines()) == 4


def test_a_page_ends_after_some_objects_and_says_so(tmp_path: Path, supernova_run, curves, monkeypatch) -> None:
    monkeypatch.setattr(drawing, "SHOWN", 2)
    assert skysure.predict(supernova_run, curves, tmp_path / "page.html") == 2
    text = (tmp_path / "page.html").read_text()
    assert "2 objects of the data, the first of more" in text
    assert str(curves.ids[2]) not in text


def test_what_stands_there_is_kept_and_what_cannot_be_drawn_is_told(tmp_path: Path, supernova_run, curves) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    with pytest.raises(Fault, match="replace it with --force"):
        skysure.predict(supernova_run, curves, [tmp_path / "classes.csv", page])
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    settings, schema = sine.Settings(hidden=8), sine.Schema()
    run = Run("sine", settings, schema, sine.network(settings, schema))
    with pytest.raises(Fault, match="sine cannot draw"):
        skysure.predict(run, sine.simulate(settings, 5, 0), tmp_path / "sine.html")


def test_an_object_of_which_too_little_is_known_is_drawn_without_answers(supernova_run: Path, curves) -> None:
    run, dark = skysure.load(supernova_run), curves[np.array([0])]
    dark = LightCurves(
        dark.objects, dark.offsets, dark.time, dark.band, np.abs(dark.flux_error), dark.flux_error, dark.bands
    )  # S/N = 1 everywhere
    found = record("example", dark, run.model, Query(samples=2))
    assert found["epochs"] is None
    assert found["time_label"] == "Days since first point"
    assert found["points"]["time"][0] == 0
    assert "no point with a signal-to-noise ratio" in found["flags"][0]


def test_nothing_is_said_beyond_the_epoch_asked_for(supernova_run: Path, curves) -> None:
    run = skysure.load(supernova_run)
    whole, then = (record("example", curves[:1], run.model, Query(samples=2, at_epoch=e)) for e in ("", "12"))
    few = [t for t in whole["epochs"]["time"] if t <= 12]
    assert 0 < len(few) < len(whole["epochs"]["time"])
    assert then["epochs"]["time"] == few
    assert then["points"] == whole["points"]
