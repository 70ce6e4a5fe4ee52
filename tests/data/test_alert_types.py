"""Alerts whose earlier detections are of another type than a list of structs are refused, with column and type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skysure.data.lightcurves import open_lightcurves
from skysure.errors import InputError

NEWEST = {"jd": 2459000.5, "fid": 1, "magpsf": 19.0, "sigmapsf": 0.1, "isdiffpos": "t"}


@pytest.mark.parametrize(
    "earlier", [{"a": 1}, 3.5, "text", [1.0], [[NEWEST]]], ids=["struct", "number", "text", "list", "lists"]
)
def test_earlier_detections_of_another_type(earlier: Any, tmp_path: Path) -> None:
    rows = [{"objectId": f"a{k}", "candidate": NEWEST, "prv_candidates": earlier} for k in range(2)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "alerts.parquet")
    with pytest.raises(InputError, match="column 'prv_candidates' of type"):
        open_lightcurves([tmp_path / "alerts.parquet"])


@pytest.mark.parametrize("earlier", [None, []])
def test_no_earlier_detections(earlier: Any, tmp_path: Path) -> None:
    rows = [{"objectId": f"a{k}", "candidate": NEWEST, "prv_candidates": earlier} for k in range(2)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "alerts.parquet")
    assert list(open_lightcurves([tmp_path / "alerts.parquet"]).chunks()) == []


@pytest.mark.parametrize("kind", [pa.null(), pa.float16(), pa.float64(), pa.int64()], ids=str)
def test_times_that_are_missing(kind: pa.DataType, tmp_path: Path) -> None:
    assert list(open_lightcurves([_alerts_of_time(kind, tmp_path)]).chunks()) == []


@pytest.mark.parametrize("kind", [pa.list_(pa.null()), pa.list_(pa.float64()), pa.struct({"a": pa.int8()})], ids=str)
def test_times_that_are_no_numbers(kind: pa.DataType, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jd"):
        list(open_lightcurves([_alerts_of_time(kind, tmp_path)]).chunks())


def _alerts_of_time(kind: pa.DataType, folder: Path) -> Path:
    """Write an alert whose times are null, of some type."""
    detection = pa.struct({n: kind if n == "jd" else pa.scalar(v).type for n, v in NEWEST.items()})
    schema = pa.schema({"objectId": pa.string(), "candidate": detection, "prv_candidates": pa.list_(detection)})
    newest = NEWEST | {"jd": None}
    rows = [{"objectId": "a", "candidate": newest, "prv_candidates": [newest]}]
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "alerts.parquet")
    return folder / "alerts.parquet"
