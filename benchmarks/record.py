"""Write the results of a benchmark to `benchmarks/results`, with machine, versions and commit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_START = time.monotonic()
RESULTS = Path(__file__).parent / "results"


def row(measure: str, value: float, unit: str = "", *, error: float | None = None, n: int | None = None,
        note: str = "", peer: dict[str, Any] | None = None) -> dict[str, Any]:  # fmt: skip
    """Make one row of the results: a measured value, its error, and a peer measured in the same run."""
    return {"measure": measure, "unit": unit, "value": value, "error": error, "n": n, "note": note, "peer": peer}


def record(name: str, rows: Iterable[dict[str, Any]], *, quick: bool) -> None:
    """Print a table and write `benchmarks/results/<name>.json`; rows of earlier runs stay unless measured again.

    A quick run is only printed: its errors are too wide to keep.
    """
    rows = list(rows)
    for r in rows:
        error = "" if r.get("error") is None else f" ± {r['error']:.2g}"
        print(f"{r['measure']:<44} {r['value']:>12.5g}{error} {r['unit']}  {r.get('note', '')}")
    if quick:
        return
    path = RESULTS / f"{name}.json"
    new_measures = {r["measure"] for r in rows}
    earlier_rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    result = {
        "rows": [r for r in earlier_rows if r["measure"] not in new_measures] + rows,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {n: metadata.version(n) for n in ("skysure", "torch", "numpy")}
        | {"python": platform.python_version()},
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks/*.py")),
        "command": " ".join(["python", os.path.relpath(sys.argv[0]), *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "seconds": round(time.monotonic() - _START, 1),
    }
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {path}")


def _git(*arguments: str) -> str:
    process = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=RESULTS.parent, check=False)
    return process.stdout.strip()
