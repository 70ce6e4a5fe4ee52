"""Files like PLAsTiCC's, from the command a user gives to the classes of variable stars."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skysure import verbs
from skysure.cli import main
from skysure.data.sources import InMemorySource, SplitSource
from skysure.data.split import Split, read_parts

NAMES = {90: "Ia", 67: "Ia-91bg", 92: "RR Lyrae", 16: "eclipsing binary"}
SMALL = ["--epochs", "2", "--hidden", "16", "--head", "16", "--precision", "float32"]


def write(folder: Path, per_class: int = 30) -> tuple[str, str]:
    """Two files as the challenge has them: explosions of two kinds, a pulsating star, and dips alone."""
    rng = np.random.default_rng(5)
    points: dict[str, list] = {n: [] for n in ("object_id", "mjd", "passband", "flux", "flux_err", "detected_bool")}
    objects: dict[str, list] = {n: [] for n in ("object_id", "hostgal_photoz", "hostgal_photoz_err", "target")}
    shapes = {
        90: lambda t: 80 * np.exp(-((t - 40) ** 2) / 300),
        67: lambda t: 30 * np.exp(-((t - 30) ** 2) / 80),
        92: lambda t: 90 * np.sin(10 * t),
        16: lambda t: -70.0 * (rng.random(len(t)) < 0.2),
    }
    for k in range(4 * per_class):
        kind = list(NAMES)[k % 4]
        t = np.sort(rng.uniform(0, 100, 40))
        z = rng.uniform(0.1, 0.5) if kind in (90, 67) else 0.0
        points["object_id"] += [k] * 40
        points["mjd"] += (60000 + t).tolist()
        points["passband"] += rng.integers(0, 6, 40).tolist()
        points["flux"] += (shapes[kind](t) + 3 * rng.normal(size=40)).tolist()
        points["flux_err"] += [3.0] * 40
        points["detected_bool"] += [1] * 40
        for name, value in zip(objects, (k, z, 0.03 * (z > 0), kind), strict=True):
            objects[name].append(value)
    paths = folder / "lightcurves.parquet", folder / "metadata.parquet"
    for path, table in zip(paths, (points, objects), strict=True):
        pq.write_table(pa.table(table), path)
    return str(paths[0]), str(paths[1])


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, str]]:
    folder = tmp_path_factory.mktemp("plasticc")
    files = write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skysure.run.reporting.write_report", lambda folder: None)
        main(["train", "supernovae", *files, "--out", str(folder / "run"), "--preset", "plasticc", *SMALL])
    return folder / "run", files


def test_all_labels_become_classes_of_their_own(trained_run: tuple[Path, tuple[str, str]]) -> None:
    metrics = json.loads((trained_run[0] / "metrics.json").read_text())
    assert metrics["curves"]["confusion"]["classes"] == sorted(NAMES.values())
    counts = np.array(metrics["curves"]["confusion"]["counts"])
    assert counts.sum() == metrics["objects"] == 24  # none was without a trigger: dips trigger too
    assert (counts.sum(1) > 0).all()
    headline = [score["name"] for score in metrics["scores"] if score.get("headline")]
    assert headline == ["macro_auc", "accuracy", "ece", "set_coverage"]  # not one class against the rest


def test_a_redshift_of_zero_says_more_than_none(trained_run: tuple[Path, tuple[str, str]]) -> None:
    run = verbs.load(trained_run[0])
    curves = next(iter(verbs.read("supernovae", list(trained_run[1])).chunks()))
    hidden = dict(curves.objects, redshift=np.full(len(curves), np.nan))
    known, unknown = verbs.predict(run, curves), verbs.predict(run, type(curves)(hidden, *fields_of(curves)))
    assert (known.quality_flags == "").all()
    assert np.abs(known.probability - unknown.probability).max(1).min() > 1e-4


def fields_of(curves) -> list:
    return [getattr(curves, n) for n in ("offsets", "time", "band", "flux", "flux_error", "bands")]


def test_a_source_in_parts_keeps_them(
    trained_run: tuple[Path, tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folds are chosen by whoever asks."""
    monkeypatch.setattr("skysure.run.reporting.write_report", lambda folder: None)
    source = verbs.read("supernovae", list(trained_run[1]))
    curves = next(iter(source.chunks()))
    parts = np.resize(["train", "train", "train", "validation", "calibration", "test", "test"], len(curves))
    in_parts = SplitSource(InMemorySource(source.schema, [curves]), Split(curves.ids, np.full(len(curves), ""), parts))
    verbs.train(
        "supernovae", in_parts, tmp_path / "fold", preset="plasticc", epochs=1, hidden=8, head=8, precision="float32"
    )
    split = read_parts(tmp_path / "fold" / "split.parquet")
    assert dict(zip(split.ids, split.parts, strict=True)) == dict(zip(curves.ids, parts, strict=True))
