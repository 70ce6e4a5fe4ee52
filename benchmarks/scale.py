"""What a large input costs: 10^6 objects end to end, one object of 10^6 points, a table of 10^4 columns.

    python benchmarks/scale.py [--quick] [--objects 1000000] [objects] [points] [columns]

Every measurement is a process of its own with two threads, from file to file, with the model that ships.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from record import record, row
from skysure.applications.supernovae.simulator import simulate_lightcurves
from supernovae_speed import CORES, SHIPPED, tiled

PARTS = ("objects", "points", "columns")
PEAK = """
import resource, sys
from skysure.cli import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(status)
"""


@dataclass(frozen=True)
class Measured:
    """A prediction from file to file: seconds, largest memory [MiB] and disk [byte], seconds of each chunk, text."""

    seconds: float
    peak: float
    disk: int
    chunks: list[float]
    messages: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    arguments = parser.parse_args()
    parts = arguments.parts or PARTS
    load = f"{os.getloadavg()[0]:.0f} other processes" if os.getloadavg()[0] > 0.5 else "an idle machine"
    many = 20_000 if arguments.quick else arguments.objects
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if "objects" in parts:
            rows += object_rows(Path(folder), many, 2_000 if arguments.quick else 10_000)
        if "points" in parts:
            rows += point_rows(Path(folder), 10_000 if arguments.quick else 1_000_000)
        if "columns" in parts:
            rows += column_rows(Path(folder), 1_000 if arguments.quick else 10_000)
    for r in rows:
        r["note"] = f"{r['note']}; {load}".removeprefix("; ")
    record("scale", rows, quick=arguments.quick)


def object_rows(folder: Path, many: int, few: int) -> list[dict]:
    """Memory, speed and disk of very many objects."""
    sample = simulate_lightcurves(2_000, "des", seed=5)
    small = predicted(tiled(sample, few, folder / "few.parquet"))
    large = predicted(tiled(sample, many, folder / "many.parquet"))
    name = "1e6" if many == 1_000_000 else f"{many:.0e}".replace("+0", "")
    stated = stated_bytes(large.messages)
    disk = [row(f"temporary_disk_stated_over_used_{name}", stated / large.disk, n=many, note="stated after a chunk")]
    return [
        row(f"peak_memory_{name}_over_1e4_shipped", large.peak / small.peak, n=many,
            note=f"{small.peak:.0f} MiB for {few} objects, {large.peak:.0f} MiB for {many}"),
        row(f"objects_per_second_{name}", many / large.seconds, "1/s", n=many, note=f"{CORES} threads"),
        row(f"speed_last_over_first_half_{name}", halves(large.chunks), n=many, note="1: steady over the file"),
        row(f"temporary_disk_{name}", large.disk / 1e9, "GB", n=many, note="chunks and finished files together"),
        *(disk if stated else []),
    ]  # fmt: skip


def point_rows(folder: Path, points: int) -> list[dict]:
    """One object with very many points."""
    rng = np.random.default_rng(1)
    time_of = np.sort(rng.uniform(59000, 61000, points))
    flux = 300 * np.exp(-(((time_of - 60000) / 30) ** 2)) + rng.normal(0, 5, points)
    columns = {"id": np.full(points, "one"), "mjd": time_of, "band": rng.choice(list("griz"), points)}
    columns |= {"flux": flux, "flux_error": np.full(points, 5.0)}
    pq.write_table(pa.table(columns), folder / "one.parquet")
    one = predicted(folder / "one.parquet")
    return [
        row("seconds_one_object_1e6_points", one.seconds, "s", n=points, note="start of the program included"),
        row("peak_memory_one_object_1e6_points", one.peak, "MiB", n=points),
    ]


def column_rows(folder: Path, columns: int) -> list[dict]:
    """Light curves in a table with very many columns that nobody reads."""
    sample = simulate_lightcurves(20, "des", seed=5)
    bands = np.asarray(sample.bands)[sample.band]
    table = {"id": sample.ids[sample.owner], "mjd": sample.time, "band": bands}
    table |= {"flux": sample.flux, "flux_error": sample.flux_error}
    table |= {f"column_{k}": np.zeros(len(bands), np.int8) for k in range(columns - len(table))}
    pq.write_table(pa.table(table), folder / "wide.parquet")
    lines = [",".join(table)] + [",".join(map(str, values)) for values in zip(*table.values(), strict=True)]
    (folder / "wide.csv").write_text("\n".join(lines) + "\n")
    return [
        row(f"seconds_table_1e4_columns_{kind}", predicted(folder / f"wide.{kind}").seconds, "s", n=columns,
            note="20 light curves, start of the program included")
        for kind in ("parquet", "csv")
    ]  # fmt: skip


def predicted(data: Path, samples: int = 30) -> Measured:
    """Measure a process that classifies a file into a file; its output is looked at four times a second."""
    reading, out = data.with_name("reading.toml"), data.with_name("out") / "classes.parquet"
    reading.write_text("[reading]\nzero_point = 27.5\n")
    out.parent.mkdir(exist_ok=True)
    arguments = ["predict", SHIPPED, data, "--out", out, "--reading", reading, "--samples", samples]
    command = [sys.executable, "-c", PEAK, *map(str, arguments)]
    start, largest, chunks = time.monotonic(), 0, []
    with tempfile.TemporaryFile("w+") as messages, tempfile.TemporaryFile("w+") as printed:
        threads = os.environ | {"OMP_NUM_THREADS": str(CORES)}
        process = subprocess.Popen(command, stdout=printed, stderr=messages, env=threads)
        while process.poll() is None:
            largest = max(largest, size_of(out.parent))
            new = len(list(out.parent.glob("*.partial/*.arrow"))) - len(chunks)
            chunks += [time.monotonic() - start] * new
            time.sleep(0.25)
        seconds = time.monotonic() - start
        texts = [file.seek(0) or file.read() for file in (messages, printed)]
    if process.returncode:
        sys.exit(f"{data} could not be classified\n{texts[0]}")
    out.unlink()
    return Measured(seconds, int(texts[1].split()[-1]) / 1024, largest, chunks, texts[0])


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, some of which may vanish meanwhile."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue
    return total


def halves(chunks: list[float]) -> float:
    """Speed over the second half of the chunks, over that of the first half without the first chunk."""
    middle = len(chunks) // 2
    first, second = (np.diff(part).mean() for part in (chunks[1 : middle + 1], chunks[middle:]))
    return float(first / second)


def stated_bytes(messages: str) -> float:
    """Disk space that was stated [byte]; zero where it is not worth telling."""
    stated = re.search(r"([\d.]+) (MB|GB) of disk space", messages)
    return float(stated[1]) * {"MB": 1e6, "GB": 1e9}[stated[2]] if stated else 0.0


if __name__ == "__main__":
    main()
