"""The readers, each with what makes its inputs and what reads them."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np

from . import archives, arrow, formats, images, runs, snana, surveys
from . import columns as tables
from .mutations import mutate_text, several

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Reader:
    """A reader of files.

    Parameters
    ----------
    make : callable
        Random to the content of files by name.
    read : callable
        (folder with these files, random) to anything; raises InputError for what it cannot read.
    """

    make: Callable[[Random], Files]
    read: Callable[[Path, Random], Any]

    def write(self, folder: Path, random: Random) -> None:
        """Write an input into an empty folder."""
        for name, content in self.make(random).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def random_for(name: str, number: int) -> Random:
    """The random numbers of one input: the same for the same name and number."""
    return Random(f"{name} {number}")


NJY = {"unit": "nJy"}
READINGS = (NJY, NJY, NJY, {}, {"dialect": "snana"}, {"zero_point": 27.5})


def light_curves(folder: Path, random: Random, reading: Mapping[str, Any] | None = None) -> None:
    """Read or inspect all files of a folder, named one by one or by their folder; check what comes out."""
    from skysure.data.lightcurves import describe, open_lightcurves

    paths = [folder] if random.random() < 0.3 else sorted(p for p in folder.iterdir() if p.is_file())
    reading = (
        random.choice((NJY, NJY, NJY, {}, {"dialect": "snana"}, {"zero_point": 27.5})) if reading is None else reading
    )
    if random.random() < 0.4:
        describe(paths, reading)
    else:
        for chunk in open_lightcurves(paths, reading).chunks():
            check(chunk)


def check(chunk: Any, fewest: int = 2) -> None:
    """What holds for every light curve that is given to a network; from files it has two points at least."""
    assert len(chunk.offsets) == len(chunk) + 1
    assert chunk.offsets[0] == 0
    assert chunk.offsets[-1] == len(chunk.time)
    assert (np.diff(chunk.offsets) >= fewest).all()
    for values in (chunk.time, chunk.flux, chunk.flux_error):
        assert np.isfinite(values).all()
    assert (chunk.flux_error > 0).all()
    assert ((np.diff(chunk.time) >= 0) | (np.diff(chunk.owner) > 0)).all()
    assert len(chunk.band) == 0 or (chunk.band.min() >= 0 and chunk.band.max() < len(chunk.bands))
    assert (chunk.ids != "").all()
    assert len(np.unique(chunk.ids)) == len(chunk)
    for values in chunk.objects.values():
        assert len(values) == len(chunk)


def table(form: str, suffix: str, make: formats.Make = tables.light_curves) -> Callable[[Random], Files]:
    """Inputs of one table in a form."""
    return lambda random: {f"table{suffix}": formats.damaged(form, make, random)}


def parquet(build: arrow.Build) -> Callable[[Random], Files]:
    """Inputs of one Parquet file."""
    return lambda random: {"table.parquet": arrow.damaged(build, random)}


def with_objects(random: Random) -> Files:
    """Light curves and a table of their objects, one of them damaged."""
    form, suffix = random.choice((("csv", ".csv"), ("fits", ".fits"), ("ascii.ecsv", ".ecsv")))
    points = formats.seed(form, points_alone, random.randrange(4))
    objects = formats.damaged(form, tables.objects, random)
    return {f"points{suffix}": points, f"objects{suffix}": objects}


def points_alone(random: Random) -> tables.Columns:
    """Light curves without label and redshift."""
    return tables.light_curves(random).drop("label", "redshift")


def archive(make: Callable[[Random], bytes]) -> Callable[[Random], Files]:
    """Inputs of one archive, under a name that fits or not."""
    names = ("pack.tar", "pack.tar.gz", "pack.zip", "pack.dat", "pack.tgz", "pack.csv")
    return lambda random: {random.choice(names): archives.archive(make, random)}


def compressed(random: Random) -> Files:
    """One compressed file, under a name that fits or not."""
    suffix = random.choice((".csv.gz", ".csv.xz", ".csv.bz2", ".ecsv.gz", ".fits.gz", ".vot.gz", ".dat", ".csv"))
    return {f"table{suffix}": archives.compressed(random)}


def folder_of_files(random: Random) -> Files:
    """A folder of sound and damaged files of several kinds, with those that catalogues have."""
    files = {"night.csv": formats.seed("csv", tables.light_curves, random.randrange(4))}
    more = {
        "collection.properties": mutate_text(b"hats_primary_table_url=night\n", random), "properties": b"\xff",
        "Norder=0/Npix=1.parquet": arrow.damaged(arrow.nested, random), "notes.txt": b"notes", "empty.csv": b"",
        "table.fits": formats.damaged("fits", tables.light_curves, random), "sub/sn1.dat": snana.text(random, 1),
        "dataset/a.parquet": arrow.seed(arrow.nested, 1), "pack.zip": archives.zip_file(random), ".hidden": b"\0",
    }  # fmt: skip
    return files | {name: more[name] for name in random.sample(sorted(more), random.randrange(4))}


def read_with_reading(folder: Path, random: Random) -> None:
    """Read sound light curves by a damaged `[reading]`."""
    from skysure.settings import table_of

    reading = table_of(folder / "reading.toml", "reading")
    (folder / "reading.toml").unlink()
    suffix, content = random.choice((
        (".csv", formats.seed("csv", tables.light_curves, 0)), (".parquet", arrow.seed(arrow.nested, 0)),
        (".dat", snana.text(Random(3), 7)),
    ))  # fmt: skip
    (folder / f"night{suffix}").write_bytes(content)
    light_curves(folder, random, reading)


def read_run(folder: Path, random: Random) -> None:
    """Open a run."""
    from skysure.run.directory import load_run

    load_run(folder)


def read_report(folder: Path, random: Random) -> None:
    """Write a report from its files, but for the drawing of figures, which takes longer than all else."""
    from skysure.run.reporting import report_of

    with patch("skysure.report.renderings", lambda figure, forms: dict.fromkeys(forms, b"<svg/>")):
        report_of(folder)


def read_checkpoint(folder: Path, random: Random) -> None:
    """Load the last state of a training."""
    from skysure.run.checkpoints import Checkpoints

    Checkpoints(folder).load()


def read_settings(folder: Path, random: Random) -> None:
    """Build settings from a file."""
    from skysure.application import settings_of

    settings_of("supernovae", None, folder / "settings.toml")


def read_by(module: str, function: str, file: str = "") -> Callable[[Path, Random], Any]:
    """Call a function of a module with the folder, or with a file in it."""

    def read(folder: Path, random: Random) -> Any:
        from importlib import import_module

        return getattr(import_module(module), function)(folder / file)

    return read


def read_result(folder: Path, random: Random) -> None:
    """Read a table of results."""
    from skysure.data.results import read_table

    read_table(next(folder.iterdir()))


def spool(random: Random) -> Files:
    """What an interrupted prediction left, damaged."""
    import pyarrow as pa

    from .mutations import mutate_bytes

    files = {}
    for k in range(2):
        content = io.BytesIO()
        chunk = arrow.long_table(tables.predictions(random)).replace_schema_metadata({"key": f"{k}"})
        with pa.ipc.new_file(content, chunk.schema) as writer:
            writer.write_table(chunk)
        files[f"out.csv.partial/{k:08d}.arrow"] = content.getvalue()
    files["out.csv.partial/run.json"] = b'{"model": "a"}'
    name = random.choice(sorted(files))
    return files | {name: mutate_bytes(files[name], random)}


def resume(folder: Path, random: Random) -> None:
    """Continue an interrupted prediction."""
    from astropy.table import Table

    from skysure.data.results import ResultWriter

    columns = tables.predictions(Random(1))
    with ResultWriter([folder / "out.csv"], resume=True, identity={"model": "a"}) as writer:
        writer.write(Table(dict(zip(columns.names, columns.values, strict=True))), "2")


def in_memory(random: Random) -> Files:
    """Nothing on disk: the table is made where it is read."""
    return {}


def read_in_memory(folder: Path, random: Random) -> None:
    """Build light curves from a damaged table in memory: of arrays, lists, astropy or Arrow."""
    from skysure.data.lightcurves import LightCurves

    columns = tables.mutate(tables.light_curves(random), random)
    objects = tables.mutate(tables.objects(random), random) if random.random() < 0.3 else None
    form = random.choice((dict_of_arrays, dict_of_lists, astropy_table, arrow_table, quantity_table))
    try:
        table, more = form(columns, random), None if objects is None else form(objects, random)
    except Exception:  # the library cannot make such a table
        return
    zero_point = random.choice((None, 27.5, 27.5, 27.5, 27.5, 27.5, float("nan"), 1e300))
    names = random.choice(
        (None, None, None, {}, {}, {"redshift": ""}, {"label": "nothing"}, {"mag": "flux"}, {"id": 3})
    )
    check(LightCurves.from_table(table, names, more, zero_point=zero_point), fewest=1)


def dict_of_arrays(columns: tables.Columns, random: Random) -> Any:
    return dict(zip(columns.names, columns.values, strict=True))


def dict_of_lists(columns: tables.Columns, random: Random) -> Any:
    return {name: values.tolist() for name, values in zip(columns.names, columns.values, strict=True)}


def astropy_table(columns: tables.Columns, random: Random) -> Any:
    return formats.astropy_table(columns, random)


def quantity_table(columns: tables.Columns, random: Random) -> Any:
    from astropy.table import QTable

    return QTable(formats.astropy_table(columns, random))


def arrow_table(columns: tables.Columns, random: Random) -> Any:
    return arrow.damage_table(arrow.long_table(columns), random)


def results(form: str, suffix: str) -> Reader:
    """A reader of result tables in a form: as skysure writes them, or as others do."""

    def make(random: Random) -> Files:
        if random.random() < 0.6:
            content = several(formats.DAMAGE[form], written(suffix, random.randrange(4)), random)
        elif form == "parquet":
            content = arrow.damaged(_predictions, random)
        else:
            content = formats.damaged(form, tables.predictions, random)
        return {f"table{suffix}": content}

    return Reader(make, read_result)


@cache
def written(suffix: str, number: int) -> bytes:
    """A table of results as skysure writes it."""
    from astropy.table import Table

    from skysure.data.results import write_tables

    columns = tables.predictions(Random(number))
    with tempfile.TemporaryDirectory() as folder:
        table = Table(dict(zip(columns.names, columns.values, strict=True)))
        write_tables(Path(folder) / f"a{suffix}", [table], metadata={"run": "é", "settings": {"n": number}})
        return (Path(folder) / f"a{suffix}").read_bytes()


READERS: dict[str, Reader] = {
    "csv": Reader(table("csv", ".csv"), light_curves),
    "text": Reader(table("csv", ".dat"), partial(light_curves, reading=NJY)),
    "ecsv": Reader(table("ascii.ecsv", ".ecsv"), light_curves),
    "votable": Reader(table("votable", ".vot"), light_curves),
    "ipac": Reader(table("ascii.ipac", ".tbl"), light_curves),
    "fits": Reader(table("fits", ".fits"), light_curves),
    "snana_text": Reader(snana.texts, partial(light_curves, reading={})),
    "snana_fits": Reader(snana.pair, partial(light_curves, reading={})),
    "parquet_long": Reader(parquet(arrow.long), light_curves),
    "parquet_nested": Reader(parquet(arrow.nested), light_curves),
    "alerts": Reader(parquet(surveys.alerts), light_curves),
    "catalogue": Reader(parquet(surveys.hats), light_curves),
    "json": Reader(surveys.json_file, light_curves),
    "survey_text": Reader(surveys.text, partial(light_curves, reading={})),
    "salt2": Reader(surveys.salt2, partial(light_curves, reading={})),
    "objects": Reader(with_objects, light_curves),
    "folder": Reader(folder_of_files, light_curves),
    "tar": Reader(archive(archives.tar), light_curves),
    "zip": Reader(archive(archives.zip_file), light_curves),
    "compressed": Reader(compressed, light_curves),
    "reading": Reader(runs.reading, read_with_reading),
    "settings": Reader(runs.settings, read_settings),
    "run": Reader(runs.run_settings, read_run),
    "weights": Reader(runs.run_weights, read_run),
    "metrics": Reader(runs.metrics, read_report),
    "arrays": Reader(runs.arrays, read_by("skysure.run.files", "read_metrics")),
    "history": Reader(runs.history, read_by("skysure.run.files", "read_history")),
    "split": Reader(runs.split, read_by("skysure.data.split", "read_parts", "split.parquet")),
    "checkpoint": Reader(runs.checkpoint, read_checkpoint),
    "spool": Reader(spool, resume),
    "result_csv": results("csv", ".csv"),
    "result_ecsv": results("ascii.ecsv", ".ecsv"),
    "result_votable": results("votable", ".vot"),
    "result_fits": results("fits", ".fits"),
    "result_parquet": results("parquet", ".parquet"),
    "memory": Reader(in_memory, read_in_memory),
    "images": Reader(images.files, images.read),
}  # fmt: skip


def _predictions(random: Random, damaged: bool) -> Any:
    columns = tables.predictions(random)
    return arrow.long_table(tables.mutate(columns, random) if damaged else columns)


def clear(folder: Path) -> None:
    """Remove what an input left in a folder."""
    for root, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(root, name))
        for name in folders:
            path = os.path.join(root, name)
            os.unlink(path) if os.path.islink(path) else os.rmdir(path)
