"""Parquet files damaged where pyarrow does not catch an exception of Arrow: an error, and not the end of the process.

Where this fails, the process of the tests ends: "Fatal Python error: Aborted".
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skysure.data.lightcurves import open_lightcurves
from skysure.data.results.writer import read_table
from skysure.errors import InputError

OPTIONAL, REQUIRED = b"\x15\x0a\x25\x02\x18\x04flux", b"\x15\x0a\x25\x00\x18\x04flux"
"""A column in the footer, which may be null or not; of the latter there is no histogram of nulls."""


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "night.parquet"
    columns = {"id": ["a", "a"], "mjd": [59000.0, 59001.0], "band": ["g", "r"], "flux": [5.0, 6.0]}
    pq.write_table(pa.table(columns | {"flux_error": [1.0, 1.0]}), path)
    content = path.read_bytes()
    assert content.count(OPTIONAL) == 1
    path.write_bytes(content.replace(OPTIONAL, REQUIRED))
    return path


def test_metadata_of_columns_that_contradict_the_schema(damaged: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)night\.parquet.*histogram"):
        list(open_lightcurves([damaged], {"unit": "nJy"}).chunks())
    with pytest.raises(InputError, match=r"night\.parquet"):
        read_table(damaged)


def test_in_a_folder_it_is_set_aside(damaged: Path) -> None:
    (damaged.parent / "good.csv").write_text("id,mjd,band,flux,flux_error\nb,59000,g,5,1\nb,59001,r,6,1\n")
    source = open_lightcurves([damaged.parent], {"unit": "nJy"})
    assert [name for curves in source.chunks() for name in curves.ids] == ["b"]
    assert list(source.files_aside) == [damaged]
