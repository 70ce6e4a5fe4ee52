"""An application of another package: installed, listed, and driven through its verbs; and packages that are broken."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import skysure
from skysure.application import application, names, presets
from skysure.data.results.writer import read_table
from skysure.errors import InputError
from skysure.run import reporting
from skysure.run.checkpoints import Checkpoints
from skysure.settings import load_toml

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "tests" / "plugin"
SMALL = ("--objects=240", "--epochs=3", "--validation=40", "--calibration=60", "--test=60", "--device=cpu")

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package, built and installed by pip into a folder of its own, which is on the path."""
    import shutil

    folder = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(PLUGIN, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    command = [*pip, "--disable-pip-version-check", "--target", str(folder / "site"), str(source)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "site"))
        yield folder / "site"
    for name in [name for name in sys.modules if name.split(".")[0] == "galaxy_images"]:
        del sys.modules[name]


@pytest.mark.usefixtures("site")
def test_the_package_is_listed_with_where_it_comes_from(say: Say) -> None:
    assert names() == ("sine", "chain", "supernovae", "lensing", "galaxies")
    facts = json.loads(say("list", "--json")[1])["applications"]["galaxies"]
    assert facts["package"] == "galaxy-images"
    assert facts["presets"] == ["demo"]
    assert {"simulate", "train", "calibrate", "predict", "evaluate", "read"} == set(facts["verbs"]) - {
        "figures", "network",
    }  # fmt: skip
    assert "from: galaxy-images" in say("list")[1]


@pytest.mark.usefixtures("site")
def test_its_fields_are_flags_and_its_verbs_are_commands(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate, train, resume, predict, calibrate and evaluate, by the command line; one report is drawn."""
    write_report = reporting.write_report
    monkeypatch.setattr(reporting, "write_report", lambda folder: None)
    assert "--sigma" in say("train", "galaxies", "--help")[1]
    assert "default: 600" in say("train", "galaxies", "--preset", "demo", "--help")[1]
    assert say("simulate", "galaxies", "--out", "night.parquet", "-n", "120", "--seed", "7")[0] == 0
    train = ("train", "galaxies", *SMALL, "--out")
    assert say(*train, "whole")[0] == 0
    save, calls = Checkpoints.save, []

    def interrupted(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        save(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", interrupted)
        status, _, err = say(*train, "run")
    assert status == 130
    assert "--resume" in err
    assert say(*train, "run", "--resume")[0] == 0
    for name in ("model.safetensors", "metrics.json", "history.csv", "split.parquet"):
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes(), name
    assert say("predict", "run", "night.parquet", "--out", "classes.ecsv", "--samples", "5")[0] == 0
    table = read_table("classes.ecsv")
    assert len(table) == 120
    assert np.allclose(table["p_elliptical"] + table["p_spiral"], 1)
    status, _, err = say("calibrate", "run", "night.parquet", "--out", "mine", "--test", "50")
    assert status == 0, err
    metrics = json.loads(Path("mine", "metrics.json").read_text())
    assert metrics["objects"] == 50
    assert metrics["against"] == "run, before this calibration"
    assert all(score["against"] is not None for score in metrics["scores"])
    assert load_toml(Path("mine", "run.toml"))["calibrated_from"] == "run"
    monkeypatch.setattr(reporting, "write_report", write_report)
    status, out, err = say("evaluate", "run", "night.parquet", "--json", "--out", "evaluation")
    assert status == 0, err
    assert {score["name"] for score in json.loads(out)["scores"]} == {
        "macro_auc", "accuracy", "nll", "brier", "ece", "set_coverage", "set_size",
    }  # fmt: skip
    report = Path("evaluation", "report.html").read_text()
    assert all(title in report for title in ("Recall", "Confusion matrix", "Reliability diagram"))
    assert "galaxies cannot play" in say("play", "run")[2]


@pytest.mark.usefixtures("site")
def test_it_learns_by_the_python_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "write_report", lambda folder: None)
    images = application("galaxies").simulate(application("galaxies").Settings(), 700, 1)
    sizes = {"epochs": 8, "validation": 60, "calibration": 120, "test": 120, "device": "cpu"}
    run = skysure.train("galaxies", images, tmp_path / "run", **sizes)
    scores = {score["name"]: score["value"] for score in skysure.evaluate(run, images).metrics["scores"]}
    assert scores["accuracy"] > 0.9  # the arms are seen by eye; by chance it is 0.5
    fresh = application("galaxies").simulate(run.settings, 200, 2)
    prediction = skysure.predict(run, fresh, coverage=0.95)
    truth = next(fresh.chunks()).label
    contained = prediction.prediction_set[np.arange(200), [run.schema.classes.index(name) for name in truth]]
    assert contained.mean() > 0.88  # 0.95 nominal, binomial error 0.015, and that of 120 calibration objects 0.02
    reloaded = skysure.predict(skysure.load(tmp_path / "run"), fresh, coverage=0.95)
    assert np.array_equal(reloaded.probability, prediction.probability)


@pytest.mark.usefixtures("site")
def test_without_the_package_its_runs_say_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "write_report", lambda folder: None)
    run = skysure.train("galaxies", out=tmp_path / "run", objects=100, epochs=1, test=20, device="cpu")
    monkeypatch.setattr("skysure.application.installed", lambda: ())
    with pytest.raises(InputError, match="unknown application 'galaxies'") as raised:
        skysure.load(run.path)
    assert "not installed" in raised.value.cause


def announce(folder: Path, package: str, name: str, module: str) -> None:
    """Install by hand what pip would: the metadata of a package with an entry point."""
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[skysure.applications]\n{name} = {module}\n")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


def test_a_broken_package_is_told_only_when_it_is_asked_for(packages: Path, say: Say) -> None:
    announce(packages, "broken-sky", "comets", "broken_sky_comets")
    (packages / "broken_sky_comets.py").write_text("import a_package_that_nobody_has\n")
    assert application("sine").name == "sine"
    status, out, _ = say("list")
    assert status == 0
    assert "broken-sky" in out
    assert "presets" in out
    status, _, err = say("train", "comets", "--out", "r")
    assert status == 1
    assert "broken-sky" in err
    assert "a_package_that_nobody_has" in err


def test_a_package_that_declares_too_little_is_named(packages: Path) -> None:
    announce(packages, "bare-sky", "bare", "bare_sky_application")
    (packages / "bare_sky_application.py").write_text("PAPERS = ()\n")
    with pytest.raises(InputError, match=r"package bare-sky has no Settings"):
        application("bare")


def test_two_packages_of_one_name_are_told_apart(packages: Path) -> None:
    announce(packages, "sky-one", "twin", "json")
    announce(packages, "sky-two", "twin", "json")
    with pytest.raises(InputError, match="sky-one, sky-two"):
        application("twin")


def test_a_package_cannot_take_the_name_of_an_application_inside(packages: Path) -> None:
    announce(packages, "sky-thief", "sine", "json")
    assert application("sine").package == "skysure"
    assert presets("sine")


@pytest.mark.parametrize("name", ["os", "galaxy_images", "skysure.applications.sine", "../sine", ""])
def test_only_names_of_the_registry_are_applications(name: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"unknown application '{name}'")):
        application(name)


def test_the_page_shows_the_package_as_it_is() -> None:
    text = (ROOT / "docs" / "your-own-application.md").read_text(encoding="utf-8")
    listings = dict(re.findall(r"^`([a-z_/.]+)`\n\n```(?:py|toml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    files = [p for p in PLUGIN.rglob("*") if p.suffix in (".py", ".toml")]
    assert {str(p.relative_to(PLUGIN)): p.read_text(encoding="utf-8") for p in files} == listings
    lines = sum(len(p.read_text(encoding="utf-8").splitlines()) for p in files if p.suffix == ".py")
    assert f"in {lines} lines of Python" in text
