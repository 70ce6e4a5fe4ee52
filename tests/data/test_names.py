"""Names of classes and columns: any that can be printed comes back from every format; others are refused or changed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st

from skysure.data.labels import labelled
from skysure.data.names import LONGEST, class_names_in_columns, printable, require_class_names, unused_name
from skysure.data.results.writer import read_table, write_tables
from skysure.errors import InputError
from skysure.predictions import Classes, Label
from skysure.verbs.object_columns import ObjectColumns

ODD = [
    "a/b", 'q"z', "x,y", "#c", "\u03b7 Car", "100 %", "a b", "error", "set", "-1", "=1+1", "@", "\U0001d49cbc", "nan",
    "<b>&amp;", "$x$", "'q", "a;b", "True", "0", "1e5", "Ia (91bg)", "x" * LONGEST, "\u03b7" * LONGEST, "_",
    "\\n", "%0A",
]  # fmt: skip
BAD = {
    "line break": ["Ia", "II\n"], "tab": ["Ia", "I\tI"], "control": ["Ia", "\x00"], "blank": ["Ia", " Ib"],
    "empty": ["Ia", ""], "too long": ["Ia", "x" * (LONGEST + 1)], "an error": ["Ia", "Ia_error"], "case": ["ia", "Ia"],
    "twice": ["Ia", "Ia"], "escape": ["Ia", "\x1b[31m"], "no text": ["Ia", "\ud800"], "bell": ["Ia", "\x07"],
}  # fmt: skip


def prediction(classes, rows=3):
    p = np.full((rows, len(classes)), 1 / len(classes))
    entropy = np.zeros(rows)
    ids = {"id": np.arange(rows).astype(str)}
    return Classes(ids, tuple(classes), p, 0 * p, entropy, entropy, p > 0, coverage=0.9)


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".ecsv", ".csv", ".vot"])
def test_names_that_can_be_printed_are_kept_by_every_format(tmp_path, suffix):
    require_class_names(ODD)
    table = prediction(ODD).to_table()
    assert [name for name in table.colnames if name.startswith("p_")] == [
        f"p_{name}{end}" for name in ODD for end in ("", "_error")
    ]
    write_tables(tmp_path / f"t{suffix}", [table])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that are no identifiers
        assert read_table(tmp_path / f"t{suffix}").colnames == table.colnames


@pytest.mark.parametrize("classes", BAD.values(), ids=BAD)
def test_names_that_a_column_cannot_have_are_refused_with_the_class(classes):
    with pytest.raises(InputError, match=r"(?s)the class .*reading\.labels") as error:
        require_class_names(classes)
    assert repr(classes[1]) in error.value.problem or classes[1] in error.value.problem
    with pytest.raises(InputError, match="the class"):
        labelled(None, "train", classes)


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".ecsv", ".csv", ".vot"])
@pytest.mark.parametrize("classes", BAD.values(), ids=BAD)
def test_a_run_that_has_such_names_still_writes_every_column(tmp_path, classes, suffix):
    classes = [name for name in classes if name != "\ud800"] + ["Ib"]
    table = prediction(classes).to_table()
    assert len({name.lower() for name in table.colnames}) == len(table.colnames) == 5 + 3 * len(classes)
    del table["predicted_class"]  # its text is the class itself, whatever that is
    write_tables(tmp_path / f"t{suffix}", [table])
    assert read_table(tmp_path / f"t{suffix}").colnames == table.colnames


def test_names_that_fits_cannot_hold_stand_beside_a_number(tmp_path):
    names = ["id", "x" * 90, "'" * 40, "RA", "ra", "\u03b7" * 20, "column_9"]
    write_tables(tmp_path / "t.fits", [QTable({name: [float(k)] for k, name in enumerate(names)})])
    reread = read_table(tmp_path / "t.fits")
    assert reread.colnames == names
    assert [reread[name][0] for name in names] == list(range(7))
    header = fits.getheader(tmp_path / "t.fits", 1)
    assert [header["TTYPE4"], header["TTYPE5"], header["TFULL5"]] == ["RA", "column_5", "ra"]


@given(st.lists(st.text(max_size=5), min_size=1, max_size=6))
def test_every_class_has_columns_of_its_own(classes):
    names = class_names_in_columns(classes)
    require_class_names(names)
    assert len(names) == len(classes)
    if all(name == printable(name) for name in classes) and len(set(map(str.lower, classes))) == len(classes):
        assert sum(a != b for a, b in zip(names, classes, strict=True)) <= sum(n.endswith("_error") for n in classes)


def test_columns_of_the_data_do_not_hide_each_other_or_the_prediction():
    class Chunk:
        def __init__(self):
            self.ids = np.array(["0", "1", "2"])
            names = ("RA", "ra", "P_IA", "data_p_ia", "in_set_Ia", "line\nbreak")
            self.carried = {name: np.full(3, float(k)) for k, name in enumerate(names)}

        def __len__(self):
            return 3

    table = ObjectColumns().add(prediction(["Ia", "II"]), Chunk()).to_table()
    names = [name.lower() for name in table.colnames]
    assert len(set(names)) == len(names)
    assert names[1:7] == ["ra", "data_ra", "data_p_ia", "data_data_p_ia", "data_in_set_ia", "line_break"]
    assert [table[name][0] for name in table.colnames[1:7]] == [0, 1, 2, 3, 4, 5]


def test_a_name_is_changed_only_where_it_must_be():
    assert unused_name("host", ["id"], "data_") == "host"
    assert unused_name("x" * 90, ["id"], "data_") == "x" * 90


def test_two_columns_of_one_name_are_an_error():
    rows = {"id": np.array(["a"]), "predicted_class": np.array(["b"])}
    one = np.ones((1, 1))
    with pytest.raises(InputError, match="predicted_class"):
        Classes(rows, ("Ia",), one, one, one[0], one[0], labels={"id": Label("")}).to_table()


def test_descriptions_can_be_printed(tmp_path):
    table = prediction(["Ia", "I\x00I"]).to_table()
    assert all((table[name].info.description or "").isprintable() for name in table.colnames)
    write_tables(tmp_path / "t.xml", [QTable(table["id", "p_Ia", "p_I_I"])])
    assert len(read_table(tmp_path / "t.xml")) == 3
