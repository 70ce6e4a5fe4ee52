"""What `inspect` says: all problems at once, and columns left open; by the application that reads the files."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skysure import verbs
from skysure.applications import sine, supernovae
from skysure.data.lightcurves import open_lightcurves
from skysure.data.lightcurves.reading import Reading
from skysure.data.problems import InputErrors, Problems
from skysure.errors import InputError


def table(**changed: Any) -> dict[str, Any]:
    columns = {
        "id": np.repeat(["a", "b"], 3), "mjd": np.tile([59000.0, 59001.0, 59002.0], 2), "band": ["g", "r", "i"] * 2,
        "flux": np.arange(6.0), "flux_error": np.ones(6),
    } | changed  # fmt: skip
    return {name: values for name, values in columns.items() if values is not None}


def write(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    return path


def refusal(path: Path, reading: Reading | None = None) -> InputError:
    with pytest.raises(InputError) as refused:
        list(open_lightcurves([path], reading).chunks())
    return refused.value


def test_missing_columns_unit_and_bands_are_one_error(tmp_path: Path) -> None:
    bands = [f"survey_{b}" for b in "gri"] * 2
    path = write(tmp_path / "p.parquet", table(id=None, number=[1] * 6, flux_error=None, noise=[1.0] * 6, band=bands))
    error = refusal(path)
    assert isinstance(error, InputErrors)
    message = str(error)
    for words in ("no column 'id'", "no column 'flux_error'", "flux column 'flux' without unit", 'zero_point = ...',
                  "band 'survey_g'", "band 'survey_r'", '"survey_i" = "..."'):  # fmt: skip
        assert words in message, words
    labels = [line.split()[0] for line in message.splitlines() if line[0] != " "]
    assert labels == ["Problem:", "Expected:", "Cause:", "Fix:"]
    inspection = verbs.inspect([str(path)])
    assert len(inspection["problems"]) == 4
    assert all(problem.startswith("Problem:") for problem in inspection["problems"])


def test_all_unknown_bands_of_a_file_are_one_error(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet", table(band=["lsst_g", "lsst_r", "clear"] * 2))
    error = refusal(path, Reading(zero_point=27.5))
    assert all(f"band '{name}'" in error.problem for name in ("clear", "lsst_g", "lsst_r"))
    assert '"clear" = "...", "lsst_g" = "g", "lsst_r" = "r"' in error.fix


def test_all_columns_of_objects_that_no_file_has_are_one_error(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet", table())
    error = refusal(path, Reading(zero_point=27.5, columns={"redshift": "photz", "mwebv": "ebmv"}))
    assert "'photz'" in error.problem
    assert "'ebmv'" in error.problem


def test_ambiguous_columns_do_not_hide_other_problems(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet", table(band=None, psfFlux=np.ones(6)))
    problems = verbs.inspect([str(path)])["problems"]
    assert len(problems) == 2
    assert any("flux, psfFlux" in problem for problem in problems)
    assert any("no column 'band'" in problem for problem in problems)


def test_all_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", table())
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:300])
    (tmp_path / "c.parquet").write_bytes(b"<html>404</html>")
    inspection = verbs.inspect([str(tmp_path)])
    assert inspection["kind"] == "light curves"
    assert len(inspection["problems"]) == 3
    assert any("b.parquet" in p and "truncated" in p for p in inspection["problems"])
    assert any("c.parquet" in p and "web page" in p for p in inspection["problems"])
    assert any("a.parquet" in p and "zero_point" in p for p in inspection["problems"])
    error = refusal(tmp_path)
    assert "b.parquet" in error.problem
    assert "c.parquet" in error.problem


def test_an_error_of_many_lists_some_and_counts_the_rest() -> None:
    problems = Problems()
    for k in [*range(30), 0]:
        with problems.collect():
            raise InputError(f"file {k}", fix="fetch it again")
    with pytest.raises(InputErrors) as refused:
        problems.raise_all()
    assert len(refused.value.errors) == 30
    assert "and 10 more" in refused.value.problem
    assert refused.value.fix == "fetch it again"


def test_columns_left_open_become_lines_that_can_be_completed(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet", table(z_spec=np.full(6, 0.5), photoz=np.full(6, 0.4), hostz=np.full(6, 0.4)))
    inspection = verbs.inspect([str(path)])
    assert inspection["candidates"]["redshift"] == ["photoz", "hostz"]
    assert "AB magnitude" in inspection["hints"]["zero_point"]
    verbs.write_reading(tmp_path / "reading.toml", inspection)
    text = (tmp_path / "reading.toml").read_text()
    assert '# columns.redshift = "..."  # one of "photoz", "hostz"' in text
    assert "# zero_point = ..." in text
    assert Reading.from_toml(tomllib.loads(text)).to_toml() == inspection["reading"]
    text = text.replace('# columns.redshift = "..."', 'columns.redshift = "z_spec"')
    completed = Reading.from_toml(tomllib.loads(text.replace("# zero_point = ...", "zero_point = 27.5")))
    (curves,) = open_lightcurves([path], completed).chunks()
    assert curves.objects["redshift"].tolist() == [0.5, 0.5]


def test_only_columns_of_the_file_are_offered(tmp_path: Path) -> None:
    assert verbs.inspect([str(write(tmp_path / "p.parquet", table()))]).get("candidates") is None
    inspection = verbs.inspect([str(write(tmp_path / "q.parquet", table(airmass=np.ones(6), kind=["Ia"] * 6)))])
    assert inspection["candidates"]["redshift"] == ["airmass"] or "kind" in inspection["candidates"]["redshift"]
    assert "airmass" not in inspection["candidates"]["label"]
    offered = {name for names in inspection["candidates"].values() for name in names}
    assert offered <= {"airmass", "kind"}


# applications


def test_the_application_that_knows_the_files_answers(tmp_path: Path) -> None:
    points = write(tmp_path / "points.parquet", {"x": [0.0, 1.0, 2.0], "y": [0.0, 1.0, None]})
    inspection = verbs.inspect([str(points)])
    assert (inspection["kind"], inspection["objects"], inspection["labelled"]) == ("points", 3, 2)
    assert inspection["x"] == (0.0, 2.0)
    night = write(tmp_path / "night.parquet", table(x=np.ones(6), y=np.ones(6)))
    assert not sine.inspect([night]).recognised
    assert verbs.inspect([str(night)])["kind"] == "light curves"


def test_files_that_no_application_knows_say_what_each_would_need(tmp_path: Path) -> None:
    path = write(tmp_path / "other.parquet", {"a": [1.0, 2.0], "b": [1.0, 2.0]})
    inspection = verbs.inspect([str(path)])
    assert inspection["kind"] == "unknown"
    assert any("'x'" in problem and "\nRead as:  sine" in problem for problem in inspection["problems"])
    assert any("'band'" in problem for problem in inspection["problems"])
    missing = verbs.inspect([str(tmp_path / "none.parquet")])
    assert len(missing["problems"]) == 1
    with pytest.raises(InputError, match="no reading to write"):
        verbs.write_reading(tmp_path / "reading.toml", missing)


def test_findings_are_plain_data(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet", table())
    findings = supernovae.inspect([path], {"zero_point": 27.5})
    assert json.loads(json.dumps(findings.to_dict())) == json.loads(
        json.dumps(verbs.inspect([path], {"zero_point": 27.5}))
    )
    assert (findings.facts["objects"], findings.problems) == (2, ())
    assert findings.tables[0].columns["flux"] == {"type": "double", "unit": ""}
