"""The list of rejected objects of an earlier result is not replaced unasked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable, Table

from skysure.verbs.exclusions import require_unlisted

NIGHT = Path(__file__).parents[1] / "examples" / "night.ecsv"
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """Light curves of which one cannot be used."""
    table = Table.read(NIGHT)
    table["flux_error"][np.asarray(table["id"]) == table["id"][0]] = -1.0
    table.write(tmp_path / "night.ecsv")
    return tmp_path / "night.ecsv"


@pytest.mark.parametrize(("verb", "out"), [("predict", "o.csv"), ("evaluate", "o"), ("calibrate", "o"), ("train", "o")])
def test_it_is_kept_without_force(say: Say, small_run: Path, night: Path, verb: str, out: str) -> None:
    data = ("supernovae", night, "--epochs", "1") if verb == "train" else (small_run, night)
    listed = Path(f"{out}.rejected.csv")
    listed.write_text("mine")
    status, _, err = say(verb, *data, "--out", out, "--device", "cpu")
    assert status == 1
    assert "rejected.csv exists" in err
    assert "--force" in err
    assert listed.read_text() == "mine"
    assert not Path(out).exists()


def test_force_replaces_it_and_removes_one_that_would_be_wrong(
    say: Say, small_run: Path, night: Path, tmp_path: Path
) -> None:
    words = ("predict", small_run, night, "--out", "o.csv", "--samples", "2", "--device", "cpu")
    assert say(*words)[0] == 0
    listed = Path("o.csv.rejected.csv")
    assert "not above zero" in listed.read_text()
    listed.write_text("old")
    assert say(*words)[0] == 1
    assert say(*words, "--force")[0] == 0
    assert "not above zero" in listed.read_text()
    QTable.read(NIGHT).write(night, overwrite=True)
    assert say(*words, "--force")[0] == 0
    assert not listed.exists()


def test_the_list_of_an_unfinished_result_belongs_to_it(tmp_path: Path) -> None:
    (tmp_path / "run.rejected.csv").write_text("id")
    (tmp_path / "run.training").mkdir()
    require_unlisted(tmp_path / "run", force=False)
