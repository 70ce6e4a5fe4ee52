"""Files for the supernova classifier, from the command line: what is refused, set aside, flagged, and what is equal."""

from __future__ import annotations

import csv
import gzip
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skysure import verbs
from skysure.applications.supernovae.prediction import REDSHIFT_OUTSIDE, TOO_FEW_POINTS
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.cli import main
from skysure.data.results.writer import read_table
from skysure.errors import InputError
from skysure.run.directory import Run

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
COLUMNS = ("id", "mjd", "band", "flux", "flux_error", "redshift")
Table = dict[str, np.ndarray]


@pytest.fixture(scope="session")
def model(supernova_run: Path) -> Run:
    return verbs.load(supernova_run)


def night(n: int = 8, seed: int = 4) -> Table:
    """Simulated light curves as a long table without units, one row a point."""
    curves = simulate_lightcurves(n, seed=seed)
    names = np.array([f"sn{k}" for k in range(n)])
    return {
        "id": names[curves.owner], "mjd": curves.time, "band": np.array(curves.bands)[curves.band],
        "flux": curves.flux, "flux_error": curves.flux_error, "redshift": curves.column("redshift")[curves.owner],
    }  # fmt: skip


def curve(name: str, flux: list[float], error: float = 1.0, **columns: Any) -> Table:
    """One object with a point every third day."""
    n = len(flux)
    table = {
        "id": np.full(n, name), "mjd": 59000 + 3.0 * np.arange(n), "band": np.resize(["g", "r", "i", "z"], n),
        "flux": np.array(flux, float), "flux_error": np.full(n, error), "redshift": np.full(n, np.nan),
    }  # fmt: skip
    return table | {name: np.full(n, value) for name, value in columns.items()}


def stacked(*tables: Table) -> Table:
    return {name: np.concatenate([np.asarray(t[name], object) for t in tables]) for name in COLUMNS}


def write_csv(path: Path, table: Mapping[str, Any]) -> Path:
    rows = zip(*(np.asarray(v).tolist() for v in table.values()), strict=True)
    path.write_text("\n".join([",".join(table)] + [",".join(map(str, row)) for row in rows]) + "\n")
    return path


def write_parquet(path: Path, table: Mapping[str, Any]) -> Path:
    pq.write_table(pa.table({n: np.asarray(v) for n, v in table.items()}), path)
    return path


def listing(folder: Path) -> list[tuple[str, int]]:
    return [(str(p.relative_to(folder)), p.stat().st_size) for p in sorted(folder.rglob("*"))]


@pytest.fixture
def say(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supernova_run: Path
) -> Callable[..., tuple[int, str]]:
    """Predict files of a folder that holds a reading, `flux.toml`; gives the status and what was said."""
    monkeypatch.chdir(tmp_path)
    Path("flux.toml").write_text("[reading]\nzero_point = 27.5\n")

    def run(*words: object, out: str = "o.csv", reading: str | None = "flux.toml") -> tuple[int, str]:
        capsys.readouterr()
        more = [] if reading is None else ["--reading", reading]
        status = main(["predict", str(supernova_run), *map(str, words), "--out", out, "--device", "cpu", *more])
        output = capsys.readouterr()
        assert output.out == ""
        assert "Traceback" not in output.err
        return status, output.err

    return run


@pytest.fixture
def refuses(say: Callable[..., tuple[int, str]], tmp_path: Path) -> Callable[..., None]:
    """Predict what must be refused with these words; nothing is written."""

    def run(path: Path | str, *phrases: str, **options: Any) -> None:
        before = listing(tmp_path)
        status, err = say(path, **options)
        message = err[err.rindex("Problem:") :]
        assert status == 1
        assert {"Expected:", "Fix:"} <= set(message.split())
        assert all(word in message for word in phrases), message
        assert listing(tmp_path) == before

    return run


# files


def test_files_that_hold_nothing(refuses: Callable[..., None], tmp_path: Path) -> None:
    refuses("none.parquet", "none.parquet", "no such file")
    refuses("*.parquet", "*.parquet", "no such file")
    (tmp_path / "folder").mkdir()
    refuses("folder", "folder")
    for name in ("e.csv", "e.parquet", "e.fits", "e.DAT"):
        (tmp_path / name).write_bytes(b"")
        refuses(name, name, "empty")
    (tmp_path / "header.csv").write_text(",".join(COLUMNS) + "\n")
    refuses("header.csv", "header.csv", "no object")


@pytest.mark.parametrize("form", ["csv.gz", "parquet", "gztar", "tar", "zip"])
def test_files_that_are_cut(refuses: Callable[..., None], tmp_path: Path, form: str) -> None:
    plain, path = write_csv(tmp_path / "p.csv", night()), tmp_path / f"cut.{form}"
    if form == "csv.gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
    elif form == "parquet":
        write_parquet(path, night())
    else:
        path = Path(shutil.make_archive(str(tmp_path / "cut"), form, tmp_path, "p.csv"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refuses(path.name, path.name)


def test_files_that_are_not_what_they_claim(refuses: Callable[..., None], tmp_path: Path) -> None:
    text = write_csv(tmp_path / "p.csv", night(3)).read_bytes()
    for name, content in (("p.parquet", text), ("p.fits", text), ("p.png", PNG), ("q.csv", PNG), ("p.vot", text)):
        (tmp_path / name).write_bytes(content)
        refuses(name, name)


# columns, bands, units


def test_columns_and_units_are_told_with_the_line_that_cures(refuses: Callable[..., None], tmp_path: Path) -> None:
    table = night(3)
    renamed = {("flux_err0r" if n == "flux_error" else n): v for n, v in table.items()}
    write_csv(tmp_path / "p.csv", renamed)
    refuses("p.csv", "p.csv", "no column 'flux_error'", "[reading.columns]", 'flux_error = "..." (perhaps "flux_err0r"')
    write_csv(tmp_path / "p.csv", {n: v for n, v in table.items() if n != "band"})
    refuses("p.csv", "no column 'band'", "[reading.columns]: band = ")
    write_csv(tmp_path / "p.csv", table)
    refuses("p.csv", "flux", "unit", "zero_point = ...", "[reading]", reading=None)
    write_csv(tmp_path / "p.csv", table | {"band": np.char.add("survey_", table["band"])})
    refuses("p.csv", "band 'survey_", "[reading.bands]", '" = "')


@pytest.mark.parametrize(
    ("text", "status", "phrases"),
    [
        ("[reading]\nzeropoint = 27.5\n", 2, ("zeropoint", "zero_point")),
        ('[reading]\nzero_point = "bright"\n', 2, ("zero_point", "a number")),
        ('[reading]\ndialect = "snanna"\n', 2, ("snanna", "snana")),
        ('[reading]\nunit = "furlong"\n', 1, ("furlong", "nJy")),
        ('[reading]\nzero_point = 27.5\n[reading.columns]\nflux = "flx"\n', 1, ("no column 'flx'", "nearest: flux")),
    ],
)
def test_readings_that_do_not_fit(
    say: Callable[..., tuple[int, str]], tmp_path: Path, text: str, status: int, phrases: tuple[str, ...]
) -> None:
    write_csv(tmp_path / "p.csv", night(3))
    (tmp_path / "bad.toml").write_text(text)
    before = listing(tmp_path)
    exit_code, err = say("p.csv", reading="bad.toml")
    assert exit_code == status
    assert all(word in err for word in phrases), err
    assert listing(tmp_path) == before


def test_a_header_without_a_keyword(refuses: Callable[..., None], tmp_path: Path) -> None:
    body = "VARLIST: MJD FLT FLUXCAL FLUXCALERR\nOBS: 59000.0 g 1.0 1.0\nOBS: 59001.0 r 2.0 1.0\nEND:\n"
    (tmp_path / "a.dat").write_text("SURVEY: X\n" + body)
    refuses("a.dat", "a.dat", "no column 'SNID'", "id = ", reading=None)
    (tmp_path / "a.dat").write_text("SURVEY: X\nSNID: 1\n" + body.replace("FLUXCAL ", "FLX "))
    refuses("a.dat", "a.dat", "no column 'FLUXCAL'", reading=None)


# objects


def test_bad_objects_are_set_aside_and_the_rest_goes_on(say: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    bright = [5.0, 20.0, 60.0, 40.0, 30.0, 20.0]
    tables = {
        name: curve(name, bright) for name in ("good", "text", "nan", "error", "one", "again", "late", "unsorted")
    }
    tables = {n: {c: v.astype(object) for c, v in t.items()} for n, t in tables.items()}
    tables["text"]["flux"][2], tables["nan"]["flux"][1], tables["error"]["flux_error"][3] = "bright", "nan", -1.0
    tables["one"] = {n: v[:1] for n, v in tables["one"].items()}
    tables["late"]["mjd"][4] = "nan"
    tables["unsorted"] = {n: v[::-1] for n, v in tables["unsorted"].items()}
    write_csv(tmp_path / "p.csv", stacked(*tables.values()))
    status, err = say("p.csv")
    assert status == 0
    assert "5 objects set aside, with their reasons in o.csv.rejected.csv" in err
    assert "1 objects had unsorted times; sorted" in err
    assert "3 rows in o.csv" in err
    predictions = read_table("o.csv")
    assert predictions["id"].tolist() == ["good", "again", "unsorted"]
    assert np.allclose(predictions["p_Ia"][0], predictions["p_Ia"][2], atol=1e-5)
    with open("o.csv.rejected.csv", newline="") as lines:
        rows = {row["id"]: row for row in csv.DictReader(lines)}
    assert rows.keys() == {"text", "nan", "error", "one", "late"}
    for name, word in (("text", "text in a number"), ("nan", "not a number"), ("error", "not above zero"),
                       ("one", "one point"), ("late", "cannot be sorted")):  # fmt: skip
        assert word in rows[name]["reason"]
        assert rows[name]["file"] == "p.csv"
    assert rows["text"]["row"] == "9"


def test_objects_without_points_or_that_come_twice(say: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    lists = {"mjd": [59000.0, 59003.0, 59006.0], "band": ["g", "r", "i"], "flux": [9.0, 30.0, 20.0],
             "flux_error": [1.0, 1.0, 1.0]}  # fmt: skip
    rows = {"id": ["a", "b", "a"]} | {n: [v, [], v] for n, v in lists.items()}
    pq.write_table(pa.table(rows), tmp_path / "p.parquet")
    status, err = say("p.parquet")
    assert status == 0
    assert "2 objects set aside" in err
    assert read_table("o.csv")["id"].tolist() == ["a"]
    assert {"no points", "duplicate id"} <= {r.partition(":")[0].split(",")[-1] for r in Path(
        "o.csv.rejected.csv").read_text().splitlines()}  # fmt: skip


def test_nothing_but_bad_objects(say: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    write_csv(tmp_path / "p.csv", curve("a", [1.0, 2.0], error=-1.0))
    status, err = say("p.csv")
    assert status == 1
    assert "o.csv.rejected.csv" in err
    assert "not above zero" in Path("o.csv.rejected.csv").read_text()
    assert not Path("o.csv").exists()


# beyond what was trained on


def test_bands_and_redshifts_beyond_the_training_are_flagged_and_told_once(
    say: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    bright = [5.0, 20.0, 60.0, 40.0, 30.0, 20.0, 10.0, 8.0]
    usual, far = curve("usual", bright), curve("far", bright, redshift=5.0)
    more = curve("J too", bright)
    odd = {n: np.concatenate([v, v]) for n, v in more.items()} | {"band": np.array([*more["band"], *"JJJJKKKK"])}
    odd["flux"] = np.concatenate([more["flux"], 1000 * more["flux"]])
    only = curve("J only", bright) | {"band": np.full(8, "J")}
    write_csv(tmp_path / "p.csv", stacked(usual, far, odd, only))
    status, err = say("p.csv")
    assert status == 0
    rows = {row["id"]: row for row in read_table("o.csv")}
    assert not rows["usual"]["quality_flags"]
    assert rows["far"]["quality_flags"] == REDSHIFT_OUTSIDE
    assert "band J" in rows["J too"]["quality_flags"]
    assert "band K" in rows["J too"]["quality_flags"]
    assert TOO_FEW_POINTS in rows["J only"]["quality_flags"]
    assert "band J" in rows["J only"]["quality_flags"]
    assert np.isclose(rows["J too"]["p_Ia"], rows["usual"]["p_Ia"], atol=1e-6)
    assert err.count("band J") == 1
    assert "2 rows flagged: points in the band J" in err
    assert f"1 row flagged: {REDSHIFT_OUTSIDE}" in err


def test_too_little_never_gets_a_confident_class(
    say: Callable[..., tuple[int, str]], tmp_path: Path, model: Run
) -> None:
    rng = np.random.default_rng(1)
    tables = [
        curve("flat", rng.normal(0, 1, 40).clip(-3, 3).tolist()),
        curve("negative", (-rng.random(40) * 100).tolist()),
        curve("once", [1.0, 2.0]) | {"mjd": np.array([59000.0, 59000.1]), "flux": np.array([50.0, 60.0])},
    ]
    write_csv(tmp_path / "p.csv", stacked(*tables))
    assert say("p.csv")[0] == 0
    predictions, frequency = read_table("o.csv"), model.model.frequency.numpy()
    for k, name in enumerate(model.model.classes):
        assert np.allclose(predictions[f"p_{name}"], frequency[k], atol=1e-6)
        assert predictions[f"in_set_{name}"].astype(str).tolist() == ["True"] * 3
    assert predictions["quality_flags"].tolist() == [TOO_FEW_POINTS] * 3
    assert frequency.max() < 0.9
    write_csv(tmp_path / "p.csv", {n: v[:1] for n, v in curve("single", [100.0, 1.0]).items()})
    status, _ = say("p.csv", out="p1.csv")
    assert status == 1
    assert "one point" in Path("p1.csv.rejected.csv").read_text()


# the same


def probabilities(path: str) -> np.ndarray:
    table = read_table(path)
    order = np.argsort(table["id"])
    return np.stack([np.asarray(table[n])[order] for n in table.colnames if n[:2] == "p_" and n[-6:] != "_error"], 1)


def test_order_of_rows_files_and_chunks_changes_nothing(
    say: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import skysure.data.lightcurves.source as source

    table, rng = night(20), np.random.default_rng(2)
    order = rng.permutation(len(table["id"]))
    shuffled = {n: v[order] for n, v in table.items()}
    write_parquet(tmp_path / "whole.parquet", table)
    write_parquet(tmp_path / "shuffled.parquet", shuffled)
    for k in range(2):
        half = np.isin(table["id"], [f"sn{j}" for j in range(k, 20, 2)])
        write_parquet(tmp_path / f"half{k}.parquet", {n: v[half] for n, v in table.items()})
    assert say("whole.parquet", out="a.csv")[0] == 0
    assert say("shuffled.parquet", out="b.csv")[0] == 0
    assert say("half1.parquet", "half0.parquet", out="c.csv")[0] == 0
    inner = source.LightCurveSource.chunks
    monkeypatch.setattr(source.LightCurveSource, "chunks", lambda self, part=None: inner(self, part, size=3))
    assert say("whole.parquet", "--batch", 2, out="d.csv")[0] == 0
    whole = probabilities("a.csv")
    assert len(whole) == 20
    assert np.ptp(whole[:, 0]) > 0.01
    for name in "bcd":
        assert np.allclose(probabilities(f"{name}.csv"), whole, atol=1e-5), name


def test_a_night_given_twice_changes_nothing(say: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    table = night(5)
    twice = {n: np.concatenate([v, v[100:160]]) for n, v in table.items()}
    write_parquet(tmp_path / "a.parquet", table)
    write_parquet(tmp_path / "b.parquet", twice)
    assert say("a.parquet", out="a.csv")[0] == 0
    status, err = say("b.parquet", out="b.csv")
    assert status == 0
    assert "60 points that occur twice were taken once" in err
    assert np.array_equal(probabilities("a.csv"), probabilities("b.csv"))


def test_epochs(say: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", night(6))
    for epoch in ("0", "10", "1e3", "all"):
        assert say("a.parquet", "--at-epoch", epoch, out=f"{epoch}.csv")[0] == 0
    rows = {epoch: read_table(f"{epoch}.csv") for epoch in ("0", "10", "1e3", "all")}
    assert [len(rows[e]) for e in ("0", "10", "1e3")] == [6, 6, 6]
    assert len(rows["all"]) > 12
    days = {epoch: np.asarray(table["days_since_trigger"], float) for epoch, table in rows.items()}
    assert (np.diff(days["all"][np.asarray(rows["all"]["id"]) == "sn0"]) > 0).all()
    assert np.nanmax(days["10"]) <= 10
    assert say("a.parquet", out="whole.csv")[0] == 0
    assert np.allclose(probabilities("1e3.csv"), probabilities("whole.csv"), atol=1e-6)


@pytest.mark.usefixtures("without_figures")
def test_training_on_a_file_tells_what_was_set_aside(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "supernovae", "--out", "own.parquet", "-n", "150", "--seed", "7"]) == 0
    table = pq.read_table("own.parquet")
    broken = np.asarray(table["flux_error"]).copy()
    ids = np.asarray(table["id"])
    broken[np.flatnonzero(ids == ids[0])[0]] = -1.0
    metadata = table.schema.metadata
    place = table.schema.get_field_index("flux_error")
    changed = table.set_column(place, table.schema.field(place), pa.array(broken)).replace_schema_metadata(metadata)
    pq.write_table(changed, "own.parquet")
    small = [
        "--hidden=8", "--head=8", "--epochs=1", "--validation=30", "--calibration=30", "--test=30", "--device=cpu"
    ]  # fmt: skip
    status = main(["train", "supernovae", "own.parquet", "--out", "r", *small])
    err = capsys.readouterr().err
    assert status == 0, err
    assert "1 object set aside, with their reasons in r.rejected.csv" in err
    assert "1 of 150 light curves was set aside" in Path("r/report.html").read_text()
    assert main(["evaluate", "r", "--out", "again", "--device", "cpu"]) == 0
    assert main(["train", "supernovae", "own.parquet", "--out", "q", "--classes", "AGN,TDE", *small]) == 1
    assert "--classes" in capsys.readouterr().err
    assert not list(tmp_path.glob("q*"))


# anything


VALUES = st.sampled_from(
    ["", "nan", "-1", "0", "59000", "59001.5", "1e308", "-inf", "g", "r", "J", "sn1", "sn2", "é", '"']
)
NAMES = st.sampled_from([*COLUMNS, "label", "MJD", "FLUXCAL", "FLUXCALERR", "mag", "x", "ra"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(names=st.lists(NAMES, min_size=1, max_size=8), cells=st.lists(VALUES, max_size=64), plain=st.booleans())
def test_garbage_is_a_fault_or_an_answer(
    tmp_path: Path, model: Run, names: list[str], cells: list[str], plain: bool
) -> None:
    """Whole tables of nonsense, and sound ones with nonsense in them, raise nothing but an InputError."""
    if plain:
        rows = [cells[k : k + len(names)] for k in range(0, len(cells), len(names))]
    else:
        names, sound = list(COLUMNS), curve("sn1", [5.0, 50.0, 40.0, 30.0, 20.0, 10.0])
        rows = [[str(sound[n][k]) for n in names] for k in range(6)]
        for k, cell in enumerate(cells[:6]):
            rows[(7 * k) % 6][(5 * k) % 6] = cell
    path = tmp_path / "p.csv"
    path.write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n")
    try:
        prediction = verbs.predict(model, [path], reading={"zero_point": 27.5}, device="cpu", samples=2)
    except InputError:
        return
    assert np.isfinite(prediction.probability).all()
    assert np.allclose(prediction.probability.sum(1), 1)
