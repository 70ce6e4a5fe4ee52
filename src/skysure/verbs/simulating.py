"""Simulate objects of an application into a table, or images into an HDF5 file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skysure.application import application, settings_of
from skysure.data.images.hdf5 import ImageWriter, is_image_file
from skysure.data.results.writer import ResultWriter
from skysure.errors import InputError, SettingsError

from .progress import Progress, notify, silent


def simulate(
    name: str,
    out: str | Path,
    n: int | None = None,
    *,
    seed: int = 0,
    preset: str | None = None,
    config: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **fields: Any,
) -> int:
    """Simulate `n` objects of an application into a table, or images into HDF5 (.h5); the suffix of `out` decides.

    A table of images holds their true parameters alone.

    Returns
    -------
    int
        How many objects were written.
    """
    simulator, progress = application(name).simulate, progress or silent
    settings = settings_of(name, preset, config, fields)
    if n is not None and n < 1:
        raise SettingsError(f"n = {n}", "one object or more")
    total = settings.objects if n is None else n
    if total < 1:
        raise SettingsError(f"objects = {total}", "how many objects to simulate", f"{name} has no end", "-n 1000")
    path, source = Path(out), simulator(settings, total, seed)
    if is_image_file(path):
        return _simulate_images(name, source, path, total, force, progress)
    completed, units = 0, {}
    with ResultWriter([path], force=force) as writer:
        for chunk in source.chunks():
            table = chunk.to_table()
            writer.write(table)
            units = {column: str(table[column].unit) for column in table.colnames if table[column].unit is not None}
            completed += len(chunk)
            progress("simulating", completed, total)
    if ".csv" in path.suffixes and units:
        text = ", ".join(f"{column} in {unit}" for column, unit in units.items())
        notify(progress)(f"CSV keeps no units; here: {text}. Give them in [reading] to read it")
    return completed


def _simulate_images(name: str, source: Any, path: Path, total: int, force: bool, progress: Progress) -> int:
    with ImageWriter(path, total, force=force) as writer:
        for chunk in source.chunks():
            if not hasattr(chunk, "to_arrays"):
                raise InputError(
                    f"{path}: {name} simulates no images", "a table: .parquet .fits .ecsv .csv", "", "another suffix"
                )
            writer.write(chunk.to_arrays(), chunk.array_units)
            progress("simulating", writer.rows, total)
    return writer.rows
