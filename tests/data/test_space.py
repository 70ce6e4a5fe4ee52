"""Disk space of tables is stated from their first chunk, and a disk that is too small is told at once."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import QTable

import skysure
from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.data.results import space
from skysure.data.results.writer import ResultWriter
from skysure.errors import InputError

EXAMPLES = Path(__file__).parents[2] / "examples"


def chunk(k: int, rows: int = 4000) -> QTable:
    rng = np.random.default_rng(k)
    names = np.array([f"object {k} {j}" for j in range(rows)])
    return QTable({"id": names, **{f"p_{n}": rng.random(rows) for n in range(8)}})


@pytest.mark.parametrize("suffix", ["parquet", "fits", "csv", "ecsv", "vot"])
def test_what_is_stated_holds_for_every_format(suffix: str, tmp_path: Path) -> None:
    out = tmp_path / f"a.{suffix}"
    with ResultWriter([out]) as writer:
        writer.write(chunk(0), "0")
        writer.require_space(0.25)
        used = writer._spool.size / 0.25
        stated = sum(space.expected_bytes(used, writer._spool.folder, [out]).values())
        for k in (1, 2, 3):
            writer.write(chunk(k), str(k))
        chunks = writer._spool.size
    needed = chunks + out.stat().st_size
    assert needed <= stated <= 1.5 * needed


def test_a_disk_that_is_too_small_is_told_after_the_first_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    writer = ResultWriter([tmp_path / "a.parquet"])
    with writer:
        writer.write(chunk(0), "0")
        with pytest.raises(InputError, match=r"1\.0 MB free") as raised:
            writer.require_space(0.001)
    assert "in parts" in raised.value.fix


def test_predict_states_it(small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "WORTH_TELLING", 0)
    table = QTable.read(EXAMPLES / "night.ecsv")
    parts = [LightCurves.from_table(table)[s] for s in (slice(0, 10), slice(10, 30))]
    messages: list[str] = []
    skysure.predict(
        small_run, parts, tmp_path / "a.parquet", progress=lambda text, done, total: messages.append(text), samples=2
    )
    assert sum("of disk space will be needed" in text for text in messages) == 1


def test_files_say_how_many_objects_they_hold(tmp_path: Path) -> None:
    table = QTable.read(EXAMPLES / "night.ecsv")
    source = open_lightcurves([EXAMPLES / "night.ecsv"])
    first = next(source.chunks())
    assert source.expected(first) == pytest.approx(len(np.unique(table["id"])), abs=1)
    lines = ["id,mjd,band,flux,flux_error"] + [f"a,{k},r,1,1" for k in range(3)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    text = open_lightcurves([tmp_path / "a.csv"], {"unit": "nJy"})
    assert text.expected(next(text.chunks())) is None
