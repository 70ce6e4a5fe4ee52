"""One bad file of a folder, glob or archive is set aside and told; the others are read. Lists of epochs of SNANA."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skysure import verbs
from skysure.data.lightcurves import open_lightcurves
from skysure.data.lightcurves.ignore_lists import read_ignored
from skysure.errors import InputError

FLUX = {"zero_point": 27.5}


def columns(name: str, n: int = 4) -> dict[str, Any]:
    return {
        "id": [name] * n, "mjd": 59000.25 + np.arange(n), "band": ["g", "r"] * (n // 2), "flux": np.full(n, 100.5),
        "flux_error": np.full(n, 5.5),
    }  # fmt: skip


def csv(table: dict[str, Any]) -> bytes:
    rows = zip(*(np.asarray(v).tolist() for v in table.values()), strict=True)
    return "\n".join([",".join(table), *(",".join(map(str, row)) for row in rows), ""]).encode()


def parquet(table: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(table), stream)
    return stream.getvalue()


NOISE = {n: np.tile(v, 4000) if n != "flux" else np.random.default_rng(1).normal(size=16000) for n, v in
         columns("noise").items()}  # fmt: skip
BAD = {
    "empty.tar": b"", "zeros.tar": bytes(10240), "empty.csv": b"", "page.csv": b"<!DOCTYPE html><html>404</html>",
    "cut.parquet": parquet(columns("x"))[:200], "text.parquet": csv(columns("x")), "no.fits": b"SIMPLE  =  T",
    "cut.csv.gz": gzip.compress(csv(columns("x", 400)))[:60], "late.csv.gz": gzip.compress(csv(NOISE))[:-3000],
    "plain.csv.gz": csv(columns("x")), "ragged.csv": csv(columns("x")) + b"x,59999.25,g,1,2,3,4\n",
    "lacks.csv": csv({n: v for n, v in columns("x").items() if n != "flux_error"}),
    "no_header.csv": b"1,2,g,3,4\n1,3,g,3,4\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("form", ["folder", "glob"])
def test_one_bad_file_is_set_aside_and_the_others_are_read(tmp_path: Path, name: str, form: str) -> None:
    for good in ("a", "b"):
        (tmp_path / f"{good}.csv").write_bytes(csv(columns(good)))
    (tmp_path / name).write_bytes(BAD[name])
    source = open_lightcurves([tmp_path if form == "folder" else str(tmp_path / "*")], FLUX)
    for _ in range(2):
        assert sorted(i for chunk in source.chunks() for i in chunk.ids.tolist()) == ["a", "b"]
        (rejected,) = source.rejected
        assert (rejected.id, rejected.file) == ("", str(tmp_path / name))
        assert "the file was set aside" in rejected.reason
        assert any(name in note for note in source.notes)
    with pytest.raises(InputError, match=name):
        list(open_lightcurves([tmp_path / name], FLUX).chunks())
    (tmp_path / "a.csv").unlink()
    (tmp_path / "b.csv").unlink()
    with pytest.raises(InputError, match=name):
        list(open_lightcurves([tmp_path], FLUX).chunks())


def test_a_bad_member_of_an_archive_is_set_aside(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "night.tar", "w") as pack:
        for name, content in (("a.csv", csv(columns("a"))), ("b.csv", BAD["lacks.csv"]), ("c.parquet", b"PAR1")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            pack.addfile(info, io.BytesIO(content))
    source = open_lightcurves([tmp_path / "night.tar"], FLUX)
    assert [chunk.ids.tolist() for chunk in source.chunks()] == [["a"]]
    assert len(source.rejected) == 2


def test_inspect_lists_the_bad_files_and_says_what_is_in_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(csv(columns("a")))
    for name in ("empty.tar", "lacks.csv", "page.csv"):
        (tmp_path / name).write_bytes(BAD[name])
    inspection = verbs.inspect([str(tmp_path)], FLUX)
    assert inspection["objects"] == 1
    assert len(inspection["problems"]) == 3
    assert all(any(name in p for p in inspection["problems"]) for name in ("empty.tar", "lacks.csv", "page.csv"))


def test_a_flux_whose_meaning_is_open_is_asked_for_and_not_set_aside(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(csv(columns("a")))
    (tmp_path / "b.csv").write_bytes(csv(columns("b")))
    with pytest.raises(InputError, match="without unit"):
        open_lightcurves([tmp_path])


def test_a_bad_file_of_a_list_is_set_aside_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    files = snana(tmp_path / "V")
    cut = gzip.compress(files[1].read_bytes())[:40]
    files[1].unlink()
    with pytest.raises(InputError, match=r"b\.dat"):
        open_lightcurves([tmp_path / "V" / "V.LIST"])
    (tmp_path / "V" / "b.dat.gz").write_bytes(cut)
    source = open_lightcurves([tmp_path / "V" / "V.LIST"])
    assert [chunk.ids.tolist() for chunk in source.chunks()] == [["a"]]
    assert "b.dat.gz" in source.rejected[0].file


# lists of epochs to leave out


def snana(folder: Path, names: str = "ab") -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name in names:
        rows = [f"OBS: {59000.25 + k} {'gr'[k % 2]} 100.5 5.5" for k in range(6)]
        lines = ["SURVEY: X", f"SNID: {name}", "VARLIST: MJD FLT FLUXCAL FLUXCALERR", *rows, "END:"]
        (folder / f"{name}.dat").write_text("\n".join(lines) + "\n")
    (folder / "V.LIST").write_text("".join(f"{name}.dat\n" for name in names))
    return [folder / f"{name}.dat" for name in names]


LIST = "NVAR: 3\nVARNAMES: CID MJD BAND\n# why\nIGNORE: a 59000.250 g  # clouds\nIGNORE: a 59001.25 g\nb 59003.2501 r\n"


@pytest.mark.parametrize("form", ["folder", "files", "list", "glob"])
@pytest.mark.parametrize("name", ["V.IGNORE", "v.ignore", "V.IGNORE.gz"])
def test_epochs_are_left_out_however_their_files_are_named(tmp_path: Path, form: str, name: str) -> None:
    folder = tmp_path / "V"
    files = snana(folder)
    (folder / name).write_bytes(gzip.compress(LIST.encode()) if name.endswith("gz") else LIST.encode())
    paths = {"folder": [folder], "files": files, "list": [folder / "V.LIST"], "glob": [str(folder / "*")]}[form]
    source = open_lightcurves(paths)
    (curves,) = source.chunks()
    assert curves.counts.tolist() == [5, 5]
    assert "2 points were left out that an IGNORE list of SNANA names" in source.notes


def test_rows_of_a_list_that_name_no_epoch_are_counted(tmp_path: Path) -> None:
    assert read_ignored(b"IGNORE: a\nIGNORE: a 59000 g\nIGNORE: a g 59000\nDOCUMENTATION:\n") == (
        {"a": [(59000.0, "g")]}, 2,
    )  # fmt: skip
    files = snana(tmp_path / "V")
    (tmp_path / "V" / "V.IGNORE").write_text("IGNORE: a\n")
    source = open_lightcurves(files)
    assert [chunk.counts.tolist() for chunk in source.chunks()] == [[6, 6]]
    assert "1 rows of V.IGNORE name no epoch (object, MJD, band) and were not used" in source.notes
