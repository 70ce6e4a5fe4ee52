"""What all tests share: shapes checked while testing, one thread, and real data where it lies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook("skysure.methods", "beartype.beartype")

# A machine that is busy fails no test: neither an example nor the making of examples has to be fast.
unhurried = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("unhurried", settings.default, **unhurried)
settings.load_profile("unhurried")

ROOT = Path(__file__).parents[1]
DEFAULT_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def sky_data() -> Path:
    """The folder of real data, from SKYSURE_DATA; a test that needs it skips where there is none."""
    folder = Path(os.environ.get("SKYSURE_DATA", DEFAULT_DATA))
    if not folder.is_dir():
        pytest.skip("no real data: set SKYSURE_DATA to their folder")
    return folder


TINY = {
    "objects": 300, "epochs": 2, "hidden": 16, "head": 16, "validation": 50, "calibration": 50, "test": 100,
    "device": "cpu",
}  # fmt: skip
"""A training of the supernova classifier that takes seconds."""


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without their figures, which take longer than all the rest and have their own tests."""
    from skysure.applications import supernovae

    monkeypatch.setattr(supernovae, "figures", lambda evaluation: iter(()))


@pytest.fixture(scope="session")
def supernova_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the supernova classifier, trained on 100 simulated objects; not to be changed."""
    from skysure import verbs
    from skysure.applications import supernovae

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supernovae, "figures", lambda evaluation: iter(()))
        return verbs.train("supernovae", out=tmp_path_factory.mktemp("runs") / "tiny", **TINY).path


@pytest.fixture
def flags() -> list[str]:
    """The flags with which the command line trains the same run."""
    return [f"--{name}={value}" for name, value in TINY.items()]


@pytest.fixture
def run_copy(supernova_run: Path, tmp_path: Path) -> Path:
    """A copy of that run, to be damaged."""
    return Path(shutil.copytree(supernova_run, tmp_path / "copy"))


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that learned a little from the thirty light curves of the examples; not to be changed."""
    import skysure

    tiny = {"hidden": 8, "head": 8, "epochs": 1, "validation": 5, "calibration": 10, "test": 5}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skysure.run.reporting.write_report", lambda folder: None)
        data = [ROOT / "examples" / "night.ecsv"]
        run = skysure.train("supernovae", data, tmp_path_factory.mktemp("runs") / "small", **tiny)
    assert run.path is not None
    return run.path


@pytest.fixture
def say(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run a command in an empty folder; gives its status, standard output and standard error."""
    from skysure.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(word) for word in words])
        output = capsys.readouterr()
        return status, output.out, output.err

    return run
