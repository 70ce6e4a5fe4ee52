"""What tells data apart: content and names, not dates."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.files.identity import identify_files
from skysure.errors import InputError
from skysure.verbs.identity import identify


@pytest.fixture
def night(tmp_path: Path) -> Path:
    folder = tmp_path / "night"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("id,flux\n1,2\n")
    (folder / "deep" / "b.csv").write_text("id,flux\n2,3\n")
    return folder


def keep_times(path: Path, text: str) -> None:
    """Write another content of the same date."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "content of the same size and date": lambda folder: keep_times(folder / "a.csv", "id,flux\n1,3\n"),
    "longer": lambda folder: (folder / "a.csv").write_text("id,flux\n1,2\n4,5\n"),
    "another name": lambda folder: (folder / "a.csv").rename(folder / "c.csv"),
    "removed": lambda folder: (folder / "deep" / "b.csv").unlink(),
    "added": lambda folder: (folder / "c.csv").write_text(""),
    "moved": lambda folder: (folder / "deep" / "b.csv").rename(folder / "b.csv"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_the_content_is_seen(night: Path, change: Callable[[Path], object]) -> None:
    before = identify_files([night])
    assert (before["files"], before["bytes"]) == (2, 24)
    change(night)
    assert identify_files([night]) != before


def test_dates_and_what_is_written_meanwhile_do_not_count(night: Path) -> None:
    before = identify_files([night])
    os.utime(night / "a.csv", (1, 1))
    (night / "out.csv.partial").mkdir()
    for name in ("out.csv", "out.csv.rejected.csv", "out.csv.partial/1.arrow"):
        (night / name).write_text("id\n")
    assert identify_files([night], [night / "out.csv"]) == before
    assert identify_files([night]) != before


def test_files_globs_and_what_cannot_be_read(night: Path) -> None:
    os.mkfifo(night / "pipe.csv")  # passed over, as readers do
    assert identify_files([night / "*.csv"])["files"] == 1
    assert identify_files([night / "a.csv"]) == identify_files([night / "a*.csv"])
    (night / "link.csv").symlink_to(night / "nothing.csv")
    with pytest.raises(InputError, match=r"link\.csv"):
        identify_files([night])


def test_data_in_memory_are_told_by_their_arrays() -> None:
    curves, same, other = (simulate_lightcurves(5, seed=seed) for seed in (1, 1, 2))
    assert identify(curves) == identify([same]) != identify(other)
    table = Table({"id": ["a", "b"], "flux": [1.0, 2.0]})
    changed = Table({"id": ["a", "b"], "flux": [1.0, 2.5]})
    assert identify(table) == identify(table.copy()) != identify(changed)
    assert identify({"flux": np.ones(3)}) == identify({"flux": np.ones(3)}) != identify({"flux": np.zeros(3)})
    assert identify(()) is None
