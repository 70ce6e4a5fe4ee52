"""Text that a spreadsheet would compute: an apostrophe in front in CSV, and the text itself when read back."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st

from skysure.data.results import formulas
from skysure.data.results.writer import ResultWriter, read_table, rejected_path, write_rejected, write_tables

ODD = ['=HYPERLINK("http://x.org")', "+1+1", "-2", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''+1", "' =1", " =1", "\uff1d1"]
PLAIN = ["SN 2011fe", "a=b", "'quoted'", "1-2", "", "'", "\u03b7 Car", "x@y"]
FIRST = set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def as_read(text):
    """Astropy reads a carriage return within a text as a line feed."""
    return str(text).replace("\r", "\n")


def cells(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [row["id"] for row in csv.DictReader(file)]


def test_no_cell_of_a_csv_begins_a_formula_and_every_text_comes_back(tmp_path):
    table = QTable({"id": ODD + PLAIN, "label": (ODD + PLAIN)[::-1], "p": np.linspace(-1, 1, len(ODD + PLAIN))})
    out = tmp_path / "classes.csv"
    write_tables(out, [table[:7], table[7:]])
    written = cells(out)
    assert not {text[:1] for text in map(str.strip, written)} & FIRST
    assert written[len(ODD) :] == PLAIN
    reread = read_table(out)
    for name in ("id", "label"):
        assert reread[name].tolist() == list(map(as_read, table[name]))
    np.testing.assert_array_equal(reread["p"], table["p"])  # numbers below zero are numbers


def test_names_of_columns_are_text_too(tmp_path):
    table = QTable({"id": ["a"], "=1+1": ["x"], "-2": [1.0], "'@": ["y"]})
    write_tables(tmp_path / "t.csv", [table])
    first = (tmp_path / "t.csv").read_text().splitlines()[0].split(",")
    assert not {name[0] for name in first} & FIRST
    assert read_table(tmp_path / "t.csv").colnames == table.colnames


@pytest.mark.parametrize("suffix", [".ecsv", ".parquet", ".fits", ".vot"])
def test_other_formats_keep_the_text(tmp_path, suffix):
    ids = [text for text in ODD + PLAIN if text == text.strip()]
    write_tables(tmp_path / f"t{suffix}", [QTable({"id": ids})])
    assert read_table(tmp_path / f"t{suffix}")["id"].tolist() == ids
    if suffix == ".ecsv":
        assert "'=HYPERLINK" not in (tmp_path / "t.ecsv").read_text()


def test_the_list_of_rejected_objects_is_a_csv_too(tmp_path):
    out = tmp_path / "classes.fits"
    rows = [(name, "=files.csv", k, "-1 points") for k, name in enumerate(ODD)]
    write_rejected(out, rows)
    assert not {text[:1] for text in map(str.strip, cells(rejected_path(out)))} & FIRST
    reread = read_table(rejected_path(out))
    expected = [(as_read(name), *rest) for name, *rest in rows]
    assert [tuple(row) for row in reread["id", "file", "row", "reason"].iterrows()] == expected


def test_the_writer_says_so_where_there_is_such_a_text_and_a_csv(tmp_path):
    for k, (ids, suffix, count) in enumerate([(ODD, ".csv", 1), (PLAIN, ".csv", 0), (ODD, ".fits", 0)]):
        with ResultWriter(tmp_path / f"t{k}{suffix}") as writer:
            writer.write(QTable({"id": ids}))
        assert len(writer.notes) == count


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_restored(text):
    written = formulas.neutralise(text)
    assert formulas.restore(written) == text
    assert written[:1] not in FIRST or not written
