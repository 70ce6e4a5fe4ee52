"""What `import skysure` offers: everything by name, nothing loaded before it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import skysure


def test_every_public_name_is_there() -> None:
    assert set(skysure.__all__) <= set(dir(skysure))
    for name in skysure.__all__:
        assert getattr(skysure, name) is not None, name
    assert skysure.__version__ == version("skysure")


def test_methods_are_completed_and_loaded_by_attribute() -> None:
    code = "import skysure; print(*dir(skysure.methods)); skysure.methods.dropout.Dropout"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"calibration", "dropout", "sampling"} <= set(names)


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, skysure; skysure.__version__; dir(skysure); dir(skysure.methods); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "astropy", "pandas", "pyarrow", "matplotlib"} & set(loaded)
