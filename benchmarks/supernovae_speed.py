"""How fast and how lean the supernova classifier is, from file to file on this machine.

    python benchmarks/supernovae_speed.py [--quick] [--run RUN] [shipped] [run] [help] [simulator]

RUN is by default what benchmarks/supernovae.py trained, so that accuracy, coverage and speed are of the same weights.
Beside it the model that ships, with its forecaster and the OOD score that goes by forecasts. Two threads each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import skysure
from record import record, row
from skysure.applications.supernovae.simulator import simulate_lightcurves

ROOT = Path(__file__).parents[1]
SHIPPED = "supernovae-griz"
CORES = 2
PEAK = """
import resource, sys
from skysure.cli import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(status)
"""

PARTS = ("shipped", "run", "help", "simulator")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--run", default=str(ROOT / "runs" / "spcc_10660_z"))
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    arguments = parser.parse_args()
    parts = arguments.parts or PARTS
    many, few = (20_000, 2_000) if arguments.quick else (1_000_000, 10_000)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sample = simulate_lightcurves(2_000, "des", seed=5)
        small, large = (tiled(sample, n, work / f"{n}.parquet") for n in (few, many))
        rows = shipped_rows(small, large, few, many) if "shipped" in parts else []
        rows += classification_rows(arguments.run, small, large, few, many) if "run" in parts else []
    if "help" in parts:
        rows.append(row("help_cpu_over_import_numpy", help_over_numpy(), note="median of 9 pairs"))
    if "simulator" in parts:
        per_second = simulated_per_second(1_000 if arguments.quick else 20_000)
        rows.append(row("simulated_objects_per_second", per_second, "1/s"))
    record("supernovae_speed", rows, quick=arguments.quick)


def classification_rows(run: str, small: Path, large: Path, few: int, many: int) -> list[dict]:
    """Speed and memory of a run that classifies."""
    (few_seconds, few_peak), (seconds, peak) = (predicted(run, file) for file in (small, large))
    return [
        row("objects_per_second_30_samples", many / seconds, "1/s", n=many, note=same_weights(run)),
        row("objects_per_second_30_samples_few", few / few_seconds, "1/s", n=few, note="start of the program included"),
        row("peak_memory_1e6_over_1e4", peak / few_peak, n=many, note=f"{peak / 1024:.0f} MiB for {many} objects"),
    ]


def shipped_rows(small: Path, large: Path, few: int, many: int) -> list[dict]:
    """Speed and memory of the model that ships, the start of the program included."""
    (few_seconds, few_peak), (seconds, peak) = (predicted(SHIPPED, file) for file in (small, large))
    note = f"{SHIPPED} as it ships, {CORES} threads, start of the program included"
    memory = f"{peak / 1024:.0f} MiB for {many} objects"
    return [
        row("objects_per_second_shipped", many / seconds, "1/s", n=many, note=note),
        row("objects_per_second_shipped_few", few / few_seconds, "1/s", n=few, note=note),
        row("peak_memory_shipped_1e6_over_1e4", peak / few_peak, n=many, note=memory),
    ]


def tiled(sample: skysure.LightCurves, n: int, path: Path) -> Path:
    """Write n light curves, copies of a few under their own names, as nested Parquet, a row an object."""
    with pq.ParquetWriter(path, _nested(sample, 0).schema) as writer:
        for start in range(0, n, len(sample)):
            writer.write_table(_nested(sample, start).slice(0, n - start))
    return path


def _nested(sample: skysure.LightCurves, start: int) -> pa.Table:
    offsets = pa.array(sample.offsets, pa.int32())
    bands = np.asarray(sample.bands)[sample.band]
    points = {"mjd": sample.time, "band": bands, "flux": sample.flux, "flux_error": sample.flux_error}
    lists = {name: pa.ListArray.from_arrays(offsets, pa.array(values)) for name, values in points.items()}
    objects = {"id": [f"{start + k}" for k in range(len(sample))], "redshift": sample.column("redshift")}
    return pa.table(objects | lists)


def predicted(run: str, data: Path) -> tuple[float, int]:
    """Seconds and peak memory [KiB] of a whole process that classifies a file into a file."""
    reading = data.with_name("reading.toml")
    reading.write_text("[reading]\nzero_point = 27.5\n")
    out = data.with_name(f"{data.stem}-{Path(run).name}.parquet")
    arguments = ["predict", run, str(data), "--out", str(out), "--reading", str(reading), "--samples", "30"]
    start = time.monotonic()
    threads = os.environ | {"OMP_NUM_THREADS": str(CORES)}
    command = [sys.executable, "-c", PEAK, *arguments]
    completed = subprocess.run(command, capture_output=True, text=True, check=True, env=threads)
    return time.monotonic() - start, int(completed.stdout.split()[-1])


def same_weights(run: str) -> str:
    metrics = json.loads((Path(run) / "metrics.json").read_text())
    scores = {s["name"]: s["value"] for s in metrics["scores"]}
    return (
        f"the same weights on {metrics['objects']} test objects: accuracy {scores['accuracy_Ia']:.2f} %, "
        f"coverage of the 90 % sets {scores['set_coverage']:.1f} %"
    )


def help_over_numpy() -> float:
    """CPU time of `skysure --help` over that of importing NumPy, pairs side by side."""
    pairs = [(cpu("-m", "skysure.cli", "--help"), cpu("-c", "import numpy")) for _ in range(9)]
    return statistics.median(ours / numpy for ours, numpy in pairs)


def cpu(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def simulated_per_second(n: int) -> float:
    """Objects simulated in a second of CPU time on one core."""
    start = time.process_time()
    simulate_lightcurves(n, "des", seed=1)
    return n / (time.process_time() - start)


if __name__ == "__main__":
    main()
