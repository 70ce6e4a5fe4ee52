"""What all tests share: shapes checked while testing, one thread, and real data where it lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook("skysure.methods", "beartype.beartype")

DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def sky_data() -> Path:
    """The folder of real data, from SKYSURE_DATA; a test that needs it skips where there is none."""
    folder = Path(os.environ.get("SKYSURE_DATA", DEFAULT_DATA))
    if not folder.is_dir():
        pytest.skip("no real data: set SKYSURE_DATA to their folder")
    return folder
