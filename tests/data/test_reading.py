"""The reading: survey formats, overrides, and errors."""

from __future__ import annotations

import subprocess
import sys

import pytest

from skysure.data.lightcurves.reading import DIALECTS, Reading, load_dialect, recognise
from skysure.errors import SettingsError
from skysure.settings import table_of


def test_import_needs_neither_numpy_nor_torch():
    code = (
        "import sys, skysure.data.lightcurves.reading; print(sorted({'numpy', 'torch', 'pyarrow'} & set(sys.modules)))"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_survey_format_loads_and_survives_toml(dialect):
    reading = load_dialect(dialect)[0]
    assert reading.dialect == dialect
    assert Reading.from_toml(reading.to_toml()) == reading


def test_a_reading_overrides_its_survey_format_field_by_field():
    merged = Reading(dialect="plasticc", unit="nJy", bands={"0": "w"}, columns={"label": "true_target"}).with_dialect()
    assert (merged.unit, merged.zero_point) == ("nJy", None)
    assert (merged.bands["0"], merged.bands["1"]) == ("w", "g")
    assert merged.names_of("label") == ("true_target",)
    assert merged.names_of("time") == ("mjd",)


def test_another_redshift_does_not_keep_the_error_of_the_first():
    merged = Reading(dialect="snana", columns={"redshift": "REDSHIFT_HELIO"}).with_dialect()
    assert merged.names_of("redshift_error") == ()


def test_toml_document_or_its_table(tmp_path):
    reading = Reading(unit="uJy", bands={"lsst_g": "g"}, columns={"id": "name"})
    assert Reading.from_toml({"reading": reading.to_toml()}) == reading
    (tmp_path / "reading.toml").write_text(
        '[reading]\nunit = "uJy"\n[reading.columns]\nid = "name"\n[reading.bands]\nlsst_g = "g"\n'
    )
    assert Reading.from_toml(table_of(tmp_path / "reading.toml", "reading")) == reading


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"band": {}}, "bands"),
        ({"columns": {"fluxx": "f"}}, "flux"),
        ({"dialect": "plastic"}, "plasticc"),
        ({"zero_point": "27.5"}, "a number"),
        ({"bands": {"0": 1}}, r"bands\] 0 = 1"),
        ({"unit": "Jy", "zero_point": 27.5}, "one of them"),
        ({"drop_points": ["nans"]}, "nan"),
    ],
)
def test_settings_that_are_unknown_wrong_or_contradictory(table, message):
    with pytest.raises(SettingsError, match=message):
        Reading.from_toml(table)


def test_survey_formats_are_recognised_by_their_columns_or_not_at_all():
    assert recognise({"object_id", "mjd", "passband", "flux", "flux_err", "detected_bool", "more"}) == "plasticc"
    assert recognise({"diaObjectId", "midpointMjdTai", "psfFlux", "psfFluxErr", "band"}) == "rubin"
    assert recognise({"oid", "mjd", "fid", "magpsf", "sigmapsf"}) == "ztf"
    assert recognise({"object_id", "mjd", "band", "flux", "flux_error"}) == ""
