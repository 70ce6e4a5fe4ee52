"""Objects one by one on a page: what was measured, what is said of it, what is expected."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import skysure
from skysure.applications import sine
from skysure.applications.supernovae import Query
from skysure.applications.supernovae.examples import describe
from skysure.applications.supernovae.plots import probability_in_time
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.lightcurves import LightCurves
from skysure.errors import InputError
from skysure.run.directory import Run
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
    assert "Shaded: " not in text
    assert len(out[0].read_text().splitlines()) == 4


def test_a_page_ends_after_some_objects_and_says_so(tmp_path: Path, supernova_run, curves, monkeypatch) -> None:
    monkeypatch.setattr(drawing, "SHOWN", 2)
    assert skysure.predict(supernova_run, curves, tmp_path / "page.html") == 2
    text = (tmp_path / "page.html").read_text()
    assert "2 objects of the data, the first of more" in text
    assert str(curves.ids[2]) not in text


def test_what_comes_in_chunks_is_numbered_through(tmp_path: Path, supernova_run: Path, curves) -> None:
    """Figures of one name would share the ids of their parts, and so their marks and clips."""
    assert skysure.predict(supernova_run, [curves[:2], curves[2:]], tmp_path / "page.html") == 3
    ids = re.findall(r'\sid="([^"]+)"', (tmp_path / "page.html").read_text())
    assert len(ids) == len(set(ids)) > 0


def test_what_stands_there_is_kept_and_what_cannot_be_drawn_is_told(tmp_path: Path, supernova_run, curves) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    with pytest.raises(InputError, match="replace it with --force"):
        skysure.predict(supernova_run, curves, [tmp_path / "classes.csv", page])
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    settings, schema = sine.Settings(hidden=8), sine.Schema()
    run = Run("sine", settings, schema, sine.network(settings, schema))
    with pytest.raises(InputError, match="sine cannot draw"):
        skysure.predict(run, sine.simulate(settings, 5, 0), tmp_path / "sine.html")


def test_an_object_of_which_too_little_is_known_is_drawn_without_answers(supernova_run: Path, curves) -> None:
    run, dark = skysure.load(supernova_run), curves[np.array([0])]
    dark = LightCurves(
        dark.objects, dark.offsets, dark.time, dark.band, np.abs(dark.flux_error), dark.flux_error, dark.bands
    )  # S/N = 1 everywhere
    example = describe("example", dark, run.model, Query(samples=2))
    assert example.data["epochs"] is None
    assert example.data["time_label"] == "Days since first point"
    assert example.data["points"]["time"][0] == 0
    assert "no point with a signal-to-noise ratio" in example.flags[0]


def test_nothing_is_said_beyond_the_epoch_asked_for(supernova_run: Path, curves) -> None:
    run = skysure.load(supernova_run)
    whole, then = (describe("example", curves[:1], run.model, Query(samples=2, at_epoch=e)) for e in ("", "12"))
    few = [t for t in whole.data["epochs"]["time"] if t <= 12]
    assert 0 < len(few) < len(whole.data["epochs"]["time"])
    assert then.data["epochs"]["time"] == few
    assert then.data["points"] == whole.data["points"]


def test_a_page_and_a_table_say_the_same_at_an_epoch(supernova_run: Path) -> None:
    run = skysure.load(supernova_run)
    time = [59992.0, 59995.0, 60000.0, 60000.3, 60012.0]  # the night of the trigger goes on after it
    night = {"time": time, "flux": [1.0, 2.0, 40.0, 90.0, 3.0], "flux_error": [3.0] * 5, "band": list("rgrig")}
    curve = LightCurves.from_table({"id": ["a"] * 5, **night}, objects={"id": ["a"], "label": ["Ic"]}, zero_point=27.5)
    query = Query(samples=2, at_epoch="0")
    example, table = describe("example", curve, run.model, query), skysure.predict(run, curve, samples=2, at_epoch="0")
    assert example.data["epochs"]["time"] == [0.0]
    np.testing.assert_allclose(example.data["epochs"]["probability"][-1], table.probability[0], atol=1e-4)
    assert (example.truth, example.data["class"]) == ("Ic", "Ibc")
    figure = probability_in_time(example)
    assert "Classification on day 0" in figure.caption
    example = describe("example", curve, run.model, Query(samples=2))
    assert "Final classification" in probability_in_time(example).caption


def test_a_flag_is_told_once_with_a_row_a_night(supernova_run: Path, curves: LightCurves) -> None:
    run, bands = skysure.load(supernova_run), (*curves.bands, "y")
    strange = curves.band[: curves.offsets[1]].copy()
    strange[0] = len(curves.bands)
    curve = curves[:1]
    curve = LightCurves(curve.objects, curve.offsets, curve.time, strange, curve.flux, curve.flux_error, bands)
    flags = describe("example", curve, run.model, Query(samples=2, at_epoch="all")).flags
    assert sum("band y" in flag for flag in flags) == 1


def test_a_page_alone_tells_what_was_set_aside(tmp_path: Path, supernova_run: Path) -> None:
    rows = ["a,60000,r,1,1", "a,60001,r,50,1", "a,60003,g,60,1", "b,60000,r,5,1"]
    (tmp_path / "night.csv").write_text("\n".join(["id,time,band,flux,flux_error", *rows]))
    messages: list[str] = []
    options = {"reading": {"zero_point": 27.5}, "progress": lambda *arguments: messages.append(str(arguments[0]))}
    assert skysure.predict(supernova_run, [tmp_path / "night.csv"], tmp_path / "page.html", **options) == 1
    assert (tmp_path / "page.html.rejected.csv").read_text().splitlines()[1].endswith("one point")


def test_a_page_of_many_files_has_a_short_title() -> None:
    assert drawing.data_name(["x/a.dat", "b.dat"]) == "a.dat, b.dat"
    assert drawing.data_name([f"{k}.dat" for k in range(500)]) == "0.dat, 1.dat and 498 more"
    assert drawing.data_name([]) == "the data"
