"""What a column is (unit, description, UCD) survives in each format, as read by other libraries and by ours."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse, validate
from astropy.table import QTable, Table

from skysure.data.results.writer import read_table, write_tables
from skysure.predictions import Classes

HOSTILE = "<Ia> & \"η\" 'x', 100 %"
SUFFIXES = (".parquet", ".fits", ".fits.gz", ".vot", ".ecsv")


def table(other: str = HOSTILE) -> QTable:
    """Return a prediction of every type of column; the name of its second class has to be escaped in most formats."""
    rows = {"id": np.array(["a", "b", "c"]), "mjd": np.arange(3.0), "ra": np.arange(3.0)}
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    return Classes(
        rows, ("Ia", other), p, p / 10, np.ones(3), np.ones(3), p > 0.3, 0.9, ood_percentile=np.ones(3) / 2,
        is_ood=np.array([True, False, False]), quality_flags=np.array(["", "no redshift", "é"]),
    ).to_table()  # fmt: skip


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of the table, written in two chunks."""
    path, whole = tmp_path / f"classes{request.param}", table()
    write_tables(path, [whole[:1], whole[1:]], metadata={"run": "demo"})
    return path


def test_our_reader_gives_all_back(path: Path) -> None:
    reread, expected = read_table(path), table()
    assert reread.colnames == expected.colnames
    for name in expected.colnames:
        ours, truth = reread[name].info, expected[name].info
        assert ours.description == truth.description, name
        assert ours.meta["ucd"] == truth.meta["ucd"], name
        assert str(ours.unit) == str(truth.unit), name
    assert read_table(path).meta == {"run": "demo"}


def test_astropy_alone_reads_descriptions_and_ucds(path: Path) -> None:
    if path.suffix == ".parquet":
        pytest.importorskip("pandas", reason="astropy reads Parquet through pandas")
    reread, expected = Table.read(path), table()
    for k, name in enumerate(expected.colnames):
        column, truth = reread[reread.colnames[k]], expected[name].info
        if ".fits" in path.name:  # percent-encoded where a description is not ASCII; UCDs in the header
            assert column.description or reread.meta.get(f"TCOMM{k + 1}"), name
            assert reread.meta[f"TUCD{k + 1}"] == truth.meta["ucd"]
        else:
            assert column.info.description == truth.description, name
            assert column.info.meta["ucd"] == truth.meta["ucd"], name


def test_fits_says_it_in_the_header(tmp_path: Path) -> None:
    plain = table()["id", "mjd", "p_Ia", "is_ood"]
    write_tables(tmp_path / "plain.fits", [plain])
    with fits.open(tmp_path / "plain.fits") as hdus:
        hdus.verify("exception")
        header = hdus[1].header
    assert (header["TTYPE2"], header["TUNIT2"], header["TUCD2"]) == ("mjd", "d", "time.epoch")
    assert header["TCOMM3"] == "Probability of class Ia"
    assert header["TUCD1"] == "meta.id;meta.main"


def test_a_votable_of_columns_with_ucds_is_valid(tmp_path: Path) -> None:
    write_tables(tmp_path / "t.vot", [table("II")])
    report = io.StringIO()
    assert validate(tmp_path / "t.vot", output=report), report.getvalue()
    fields = parse(tmp_path / "t.vot", verify="exception").get_first_table().fields
    assert [f.ucd for f in fields][:3] == ["meta.id;meta.main", "time.epoch", "pos.eq.ra"]
    assert fields[4].description == "Probability of class Ia"


def test_arrow_says_it_of_each_field(tmp_path: Path) -> None:
    write_tables(tmp_path / "t.parquet", [table()])
    schema = pq.read_schema(tmp_path / "t.parquet")
    assert schema.field("ra").metadata == {
        b"unit": b"deg", b"description": b"Right ascension", b"ucd": b"pos.eq.ra"
    }  # fmt: skip
    assert all(field.metadata[b"description"] for field in schema)


def test_pandas_reads_names_and_values(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    whole = table()
    write_tables([tmp_path / "t.parquet", tmp_path / "t.csv"], [whole])
    for frame in (pandas.read_parquet(tmp_path / "t.parquet"), pandas.read_csv(tmp_path / "t.csv")):
        assert list(frame.columns) == whole.colnames
        assert frame["p_Ia"].tolist() == whole["p_Ia"].tolist()
        assert frame.is_ood.tolist() == [True, False, False]


def test_csv_keeps_names_and_values_only(tmp_path: Path) -> None:
    write_tables(tmp_path / "t.csv", [table()])
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == table().colnames
    assert len(rows) == 4
