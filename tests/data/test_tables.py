"""Result tables: what is written comes back, by our reader and by others, and all files are there or none."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.io.votable import parse, validate
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from skysure.data import targets
from skysure.data.results import spool
from skysure.data.results.suffixes import SUFFIXES
from skysure.data.results.writer import read_table, rejected_path, write_rejected, write_tables
from skysure.errors import InputError

ODD_IDS = ["a", "007", "x,y", 'q"z', "line\nbreak", "η Car", "#c", "100 %", "", "𝒜bc", "NaN", "%41"]
TYPED = [".parquet", ".fits", ".fits.gz", ".fit", ".ecsv", ".vot", ".xml", ".votable"]


def predictions(n: int = 12, seed: int = 1) -> QTable:
    """Return a table of every kind of column that a prediction has."""
    r = np.random.default_rng(seed)
    table = QTable({"id": [f"SN{i}" for i in range(n)], "p_Ia": r.random(n), "p_II": r.random(n).astype("f4")})
    table["p_Ia"][:3] = np.nan, np.inf, 1e-310
    table["p_Ia"].info.description = "probability of Ia, <η> & 'more'"
    table["unlike"] = r.random(n) > 0.5
    table["epoch"] = r.integers(-(2**62), 2**62, n)
    table["members"] = r.integers(0, 99, n).astype("i2")
    table["night"] = r.random(n) * u.day
    table["flux"] = r.random(n) * u.nJy
    table["speed"] = r.random(n) * u.km / u.s
    table["mag"] = r.random(n) * u.ABmag
    return table


def assert_same(table: Table, expected: Table) -> None:
    assert table.colnames == expected.colnames
    for name in expected.colnames:
        column, truth = table[name], expected[name]
        assert str(getattr(column, "unit", None) or "") == str(getattr(truth, "unit", None) or ""), name
        values, true = np.asarray(getattr(column, "value", column)), np.asarray(getattr(truth, "value", truth))
        assert values.dtype.kind == true.dtype.kind, name
        np.testing.assert_array_equal(values, true, err_msg=name)


@pytest.mark.parametrize("suffix", TYPED)
def test_what_is_written_comes_back(tmp_path, suffix):
    table, out = predictions(), tmp_path / f"classes{suffix}"
    write_tables(out, [table[:5], table[5:5], table[5:]], metadata={"run": "demo", "seed": 3, "none": None})
    reread = read_table(out)
    assert_same(reread, table)
    assert [reread[c].dtype.itemsize for c in reread.colnames] == [table[c].dtype.itemsize for c in table.colnames]
    assert reread["p_Ia"].info.description == table["p_Ia"].info.description
    assert {k: str(v) for k, v in reread.meta.items()} == {"run": "demo", "seed": "3"}
    assert [file.name for file in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_csv_keeps_names_and_values(tmp_path, suffix):
    table, out = predictions(), tmp_path / f"classes{suffix}"
    table["id"][0] = "007"
    write_tables(out, [table[:5], table[5:]])
    plain = Table({name: np.asarray(getattr(table[name], "value", table[name])) for name in table.colnames})
    reread = read_table(out)
    np.testing.assert_array_equal(np.asarray(reread["p_II"]).astype("f4"), plain["p_II"])
    reread["p_II"] = plain["p_II"]
    assert_same(reread, plain)
    raw = out.read_bytes()
    text = (gzip.decompress(raw) if suffix == ".csv.gz" else raw).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["id"] == "007"
    assert rows[0]["p_Ia"] == ""
    assert {row["unlike"] for row in rows} == {"True", "False"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_id_comes_back(tmp_path, suffix):
    out = tmp_path / f"classes{suffix}"
    table = QTable({"id": ODD_IDS, "p": np.arange(len(ODD_IDS)) / 2})
    write_tables(out, [table[:4], table[4:]])
    assert read_table(out)["id"].tolist() == ODD_IDS


@settings(max_examples=30)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=1, max_size=8))
@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".vot"])
def test_any_text_comes_back(tmp_path_factory, suffix, texts):
    out = tmp_path_factory.mktemp("any") / f"t{suffix}"
    write_tables(out, [QTable({"name": [text]}) for text in texts])
    assert read_table(out)["name"].tolist() == texts


@pytest.mark.parametrize("suffix", TYPED)
def test_astropy_alone_reads_it(tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pandas", reason="astropy reads Parquet through pandas")
    table, out = predictions()[3:], tmp_path / f"classes{suffix}"
    table.remove_column("mag")  # FITS has no word for AB magnitudes
    write_tables(out, [table])
    reread = QTable.read(out)
    reread.convert_bytestring_to_unicode()
    assert_same(reread, table)


def test_parquet_says_to_astropy_and_to_arrow_what_a_column_is(tmp_path):
    table = predictions()
    write_tables(tmp_path / "ours.parquet", [table], metadata={"run": "demo"})
    ours = pq.read_schema(tmp_path / "ours.parquet")
    assert ours.field("night").metadata[b"unit"] == b"d"
    assert ours.field("p_Ia").metadata[b"description"].decode() == table["p_Ia"].info.description
    table.meta = {"run": "demo"}
    table.write(tmp_path / "theirs.parquet")
    theirs = pq.read_schema(tmp_path / "theirs.parquet")
    assert ours.names == theirs.names
    assert ours.types == theirs.types
    assert ours.metadata[b"table::len::id"] == theirs.metadata[b"table::len::id"]
    assert_same(read_table(tmp_path / "theirs.parquet"), table)


def test_fits_keeps_the_standard(tmp_path):
    table = QTable({"id": ODD_IDS, "p": np.arange(float(len(ODD_IDS))), "t": np.arange(len(ODD_IDS)) * u.day})
    write_tables(tmp_path / "odd.fits", [table], metadata={"cite": "Müller " * 40})
    with fits.open(tmp_path / "odd.fits") as hdus:
        hdus.verify("exception")
        header, names = hdus[1].header, hdus[1].data["id"].tolist()
        assert header["PCTENC"] is True
        assert header["TUNIT3"] == "d"
        assert names[5] == "%CE%B7 Car"
        assert names[-1] == "%2541"
    raw = (tmp_path / "odd.fits").read_bytes()
    assert len(raw) % 2880 == 0
    cards = raw[2880 : 2880 + len(header.tostring())]
    assert all(32 <= byte < 127 for byte in cards)
    assert read_table(tmp_path / "odd.fits").meta["cite"] == "Müller " * 40


def test_fits_of_plain_text_is_plain(tmp_path):
    write_tables(tmp_path / "plain.fits", [QTable({"id": ["100 % sure", "b"]})])
    with fits.open(tmp_path / "plain.fits") as hdus:
        assert hdus[1].header["PCTENC"] is False
        assert hdus[1].data["id"].tolist() == ["100 % sure", "b"]


@pytest.mark.parametrize("ids", [ODD_IDS, ["a", "b"] * 6], ids=["odd", "plain"])
def test_votable_is_valid(tmp_path, ids):
    table = predictions()
    table["id"] = ids
    table.remove_column("mag")  # nor has VOTable
    write_tables(tmp_path / "t.vot", [table], metadata={"run": "<a> & 'b' \"c\""})
    parse(tmp_path / "t.vot", verify="exception")
    report = io.StringIO()
    assert validate(tmp_path / "t.vot", output=report), report.getvalue()
    assert read_table(tmp_path / "t.vot").meta["run"] == "<a> & 'b' \"c\""


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".ecsv", ".vot", ".csv"])
def test_what_is_missing_stays_missing(tmp_path, suffix):
    mask = [True, False, False]
    table = QTable({"id": MaskedColumn(["a", "b", "c"], mask=mask), "n": MaskedColumn([7, 8, 9], mask=mask)})
    table["x"] = MaskedColumn([1.5, 2.5, np.nan], mask=mask, unit=u.day)
    if suffix != ".fits":
        table["yes"] = MaskedColumn([True, False, True], mask=mask)
    out = tmp_path / f"t{suffix}"
    write_tables(out, [table[:2], table[2:]])
    reread = read_table(out)
    assert reread["id"].tolist() == ["", "b", "c"]
    np.testing.assert_array_equal(np.asarray(getattr(reread["x"], "value", reread["x"])), [np.nan, 2.5, np.nan])
    for name in set(reread.colnames) - {"id", "x"}:
        assert reread[name].mask.tolist() == mask
        assert reread[name][1:].tolist() == table[name][1:].tolist()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_without_rows(tmp_path, suffix):
    out = tmp_path / f"t{suffix}"
    assert write_tables(out, [predictions()[:0]]) == 0
    reread = read_table(out)
    assert len(reread) == 0
    assert reread.colnames == predictions().colnames


def test_small_whole_numbers_are_widened(tmp_path):
    table = QTable({"a": np.array([200], "u1"), "b": np.array([60_000], "u2"), "c": np.array([4_000_000_000], "u4")})
    write_tables(tmp_path / "t.fits", [table])
    reread = read_table(tmp_path / "t.fits")
    assert [reread[c].dtype.str[1:] for c in "abc"] == ["i2", "i4", "i8"]
    assert [int(reread[c][0]) for c in "abc"] == [200, 60_000, 4_000_000_000]


def test_later_chunks_take_the_units_and_the_wider_kind(tmp_path):
    first = QTable({"id": ["a"], "t": [1.0] * u.day, "n": [1]})
    second = QTable({"id": ["longer"], "t": [36.0] * u.hour, "n": [0.5]})
    write_tables(tmp_path / "t.fits", [first, second])
    reread = read_table(tmp_path / "t.fits")
    assert reread["t"].to_value(u.day).tolist() == [1.0, 1.5]
    assert reread["n"].tolist() == [1.0, 0.5]
    assert reread["id"].tolist() == ["a", "longer"]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (QTable({"id": ["b"], "p": [1.0] * u.day, "q": [1]}), "not in both or in another order: q"),
        (QTable({"p": [1.0] * u.day, "id": ["b"]}), "another order"),
        (QTable({"id": ["b"], "p": [1.0] * u.m}), "column p in m"),
        (QTable({"id": ["b"], "p": [1.0]}), "column p in no unit"),
        (QTable({"id": ["b"], "p": ["yes"]}), "column p"),
        (QTable({"id": [1], "p": [1.0] * u.day}), "Field id"),
    ],
)
def test_chunks_that_do_not_fit_together(tmp_path, second, message):
    with pytest.raises(InputError, match=message):
        write_tables(tmp_path / "t.fits", [QTable({"id": ["a"], "p": [1.0] * u.day}), second])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "column",
    [
        np.zeros((2, 3)),
        np.zeros(2, complex),
        Column([{}, []], dtype=object),
        Time([1, 2], format="mjd"),
        np.uint64([2**63, 0]),
    ],
)
def test_only_scalar_columns(tmp_path, column):
    with pytest.raises(InputError, match="column x"):
        write_tables(tmp_path / "t.fits", [QTable({"x": column})])
    assert list(tmp_path.iterdir()) == []


def test_many_small_chunks_make_few_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "BATCH", 100)
    table = predictions(1003)
    chunks = [table[i : i + 7] for i in range(0, 1003, 7)]
    outs = [tmp_path / f"t{suffix}" for suffix in (".parquet", ".fits", ".vot", ".ecsv")]
    write_tables(outs, chunks)
    for out in outs:
        assert_same(read_table(out), table)
    assert pq.ParquetFile(outs[0]).num_row_groups == 1


def test_one_large_chunk_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "BATCH", 100)
    table = predictions(1003)
    outs = [tmp_path / f"t{suffix}" for suffix in (".parquet", ".fits", ".vot", ".csv")]
    write_tables(outs, [table])
    for out in outs[:3]:
        assert_same(read_table(out), table)
    assert len(read_table(outs[3])) == 1003


# What cannot be written


def test_an_unknown_suffix_offers_the_nearest(tmp_path):
    for name, offered in [("t.parqet", ".parquet"), ("t.fts", ".fits"), ("t", "no suffix"), (".fits", "no suffix")]:
        with pytest.raises(InputError, match=offered) as raised:
            write_tables(tmp_path / name, [predictions()])
        assert raised.value.status == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_is_kept_unless_forced(tmp_path):
    out = tmp_path / "t.csv"
    out.write_text("mine")
    with pytest.raises(InputError, match=r"(?s)exists.*--force"):
        write_tables([tmp_path / "t.fits", out], [predictions()])
    assert out.read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]
    write_tables([tmp_path / "t.fits", out], [predictions()], force=True)
    assert len(read_table(out)) == 12


def test_a_file_that_exists_survives_a_forced_run_that_fails(tmp_path):
    out = tmp_path / "t.csv"
    out.write_text("mine")
    with pytest.raises(ZeroDivisionError):
        write_tables(out, (predictions()[: 1 // i] for i in (1, 0)), force=True)
    assert out.read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_targets_that_cannot_be(tmp_path, monkeypatch):
    (tmp_path / "folder.fits").mkdir()
    for path, message in [
        ("gone/t.fits", "(?s)no folder .*mkdir"),
        ("folder.fits", "is a folder"),
        ("x" * 245 + ".csv", "240 bytes"),
    ]:
        with pytest.raises(InputError, match=message):
            write_tables(tmp_path / path, [predictions()], force=True)
    with pytest.raises(InputError, match="named twice"):
        write_tables([tmp_path / "t.fits", tmp_path / "." / "t.fits"], [predictions()])
    monkeypatch.setattr(targets.os, "access", lambda *_: False)
    with pytest.raises(InputError, match="cannot be written"):
        write_tables(tmp_path / "t.fits", [predictions()])
    assert [file.name for file in tmp_path.iterdir()] == ["folder.fits"]


def test_nothing_to_write(tmp_path):
    with pytest.raises(InputError, match="no rows"):
        write_tables(tmp_path / "t.fits", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("when", ["chunk", "table", "sync"])
@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".csv.gz", ".vot", ".ecsv"])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, when, suffix):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail(*_, **__):
        raise full

    if when == "chunk":
        monkeypatch.setattr(pa.ipc.RecordBatchFileWriter, "write_table", fail)
    elif when == "sync":
        monkeypatch.setattr(targets.os, "fsync", fail)
    else:
        fill_disk_after(monkeypatch, 100, full)
    with pytest.raises(InputError, match="disk is full") as raised:
        write_tables([tmp_path / f"t{suffix}", tmp_path / f"u{suffix}"], [predictions()])
    assert raised.value.status == 1
    assert list(tmp_path.iterdir()) == []


def fill_disk_after(monkeypatch, room: int, full: OSError) -> None:
    class Disk(io.FileIO):
        def write(self, data):
            if self.tell() + len(data) > room:
                raise full
            return super().write(data)

    real = targets.Path.open

    def open_(path, mode="r", *args, **kwargs):
        small = mode == "wb" and path.parent.name.endswith(".partial") is False
        return Disk(path, "wb") if small else real(path, mode, *args, **kwargs)

    monkeypatch.setattr(targets.Path, "open", open_)


def test_rows_that_were_lost_are_noticed(tmp_path, monkeypatch):
    real = spool.Spool.batches
    for suffix in (".parquet", ".fits", ".csv", ".ecsv", ".vot"):
        walks = iter([False, True])  # the first walk measures, the second writes
        monkeypatch.setattr(spool.Spool, "batches", lambda s, n, w=walks: (b[1:] if next(w) else b for b in real(s, n)))
        with pytest.raises(InputError, match=r"11 rows of 12|bytes of data"):
            write_tables(tmp_path / f"t{suffix}", [predictions()])
    assert list(tmp_path.iterdir()) == []


# Reading


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "gone.fits")
    for suffix in (".parquet", ".fits", ".ecsv", ".vot"):
        path = tmp_path / f"t{suffix}"
        path.write_bytes(b"\x00 not a table")
        with pytest.raises(InputError, match="cannot be read"):
            read_table(path)


def test_a_truncated_file_is_told(tmp_path):
    outs = [tmp_path / f"t{suffix}" for suffix in (".parquet", ".fits.gz", ".vot", ".csv.gz")]
    write_tables(outs, [predictions(1000)])
    for out in outs:
        out.write_bytes(out.read_bytes()[:-3000])
        with pytest.raises(InputError, match="cannot be read"):
            read_table(out)


def test_objects_set_aside(tmp_path):
    out = tmp_path / "classes.fits"
    rows = [("a,b", "night.parquet", 3, 'a flux of "x"'), ("c", "night.parquet", 4, "one point")]
    assert write_rejected(out, iter(rows)) == 2
    path = tmp_path / "classes.fits.rejected.csv"
    assert path == rejected_path(out)
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [["id", "file", "row", "reason"], *[[str(x) for x in row] for row in rows]]
    assert len(read_table(path)) == 2
    assert write_rejected(out, []) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_names_with_commas_are_not_of_one_name_in_csv(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    write_tables(path, [Table({"p_a,b": [1.0], "p_c,b": [2.0], "x y": [3.0]})])
    assert read_table(path).colnames == ["p_a,b", "p_c,b", "x y"]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_two_columns_of_one_name_are_refused_in_csv(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    text = ("id" + ",p,q" * 2000 + "\na" + ",1,2" * 2000 + "\n").encode()
    path.write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    with pytest.raises(InputError, match="two columns have the name p"):
        read_table(path)
