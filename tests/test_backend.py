"""Figures go to files: the backend that a notebook names is ignored, and a table needs no library that draws."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMAND = """
import sys
from skysure.cli import main
status = main(["predict", sys.argv[1], sys.argv[2], "--out", sys.argv[3], "--device", "cpu"])
print("matplotlib" in sys.modules)
sys.exit(status)
"""


@pytest.mark.parametrize(("out", "is_drawn"), [("classes.csv", "False"), ("page.html", "True")])
def test_the_backend_of_a_notebook_is_ignored(small_run: Path, tmp_path: Path, out: str, is_drawn: str) -> None:
    words = [str(small_run), str(ROOT / "examples" / "night.ecsv"), str(tmp_path / out)]
    environment = os.environ | {"MPLBACKEND": "module://a_backend_that_is_not_installed"}
    result = subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[-1] == is_drawn
    assert (tmp_path / out).is_file()
