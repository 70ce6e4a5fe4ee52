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
