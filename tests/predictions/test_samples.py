"""Files of posterior samples, read back by h5py."""

from __future__ import annotations

import resource
import signal
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

import skysure
from skysure.data.results.publication import Publication
from skysure.errors import InputError
from skysure.predictions import Label, Values
from skysure.predictions.samples import SamplesWriter
from skysure.predictions.tables import TableWriter
from skysure.predictions.writers import Answer, Task

POINTS = {"id": ["a", "b", "ç"], "x": [0.5, 2.0, -1.0]}


class Sampled:
    """A model with eight samples of two values for each x."""

    has_samples = True

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, model: object, chunk: object, query: object) -> Values:
        self.calls += 1
        x = np.asarray(chunk.x)
        samples = x[None, :, None] + np.random.default_rng(3).normal(size=(8, 1, 2))
        return Values(
            {"id": chunk.ids, "x": x}, ("y", "z"), ("arcsec", ""), samples.mean(0), *np.ones((2, len(x), 2, 2)),
            samples=samples if self.has_samples else None, is_ood=x > 1, quality_flags=np.where(x > 1, "faint", ""),
            labels={"y": Label("height")},
        )  # fmt: skip


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> Sampled:
    model = Sampled()
    monkeypatch.setattr("skysure.applications.sine.predict", model, raising=False)
    return model


@pytest.fixture(scope="module")
def run() -> skysure.Run:
    from skysure.applications import sine

    settings, schema = sine.Settings(), sine.Schema()
    return skysure.Run("sine", settings, schema, sine.network(settings, schema))


def test_samples_are_read_back(run: skysure.Run, sampled: Sampled, tmp_path: Path) -> None:
    paths = [tmp_path / "y.h5", tmp_path / "y.ecsv"]
    assert skysure.predict(run, POINTS, paths, samples=7) == 3
    with h5py.File(paths[0]) as file:
        assert file["id"].asstr()[:].tolist() == POINTS["id"]
        assert file["rows/x"][:].tolist() == POINTS["x"]
        assert file["samples"].shape == (3, 8, 2)
        assert [d.label for d in file["samples"].dims] == ["object", "sample", "value"]
        assert list(file["samples"].attrs["names"]) == ["y", "z"]
        assert list(file["samples"].attrs["units"]) == ["arcsec", ""]
        assert list(file["samples"].attrs["descriptions"]) == ["height", ""]
        np.testing.assert_allclose(file["samples"][:].mean(1), file["mean"][:], atol=1e-6)
        np.testing.assert_array_equal(file["covariance"], np.full((3, 2, 2), 2.0))
        assert file["is_ood"][:].tolist() == [False, True, False]
        assert file["quality_flags"].asstr()[:].tolist() == ["", "faint", ""]
        assert file.attrs["application"] == "sine"
        assert file.attrs["samples"] == 7
    assert sampled.calls == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["y.ecsv", "y.h5"]


def test_nothing_is_replaced_without_force(run: skysure.Run, sampled: Sampled, tmp_path: Path) -> None:
    path = tmp_path / "y.h5"
    path.write_text("old")
    with pytest.raises(InputError, match=r"y\.h5 exists"):
        skysure.predict(run, POINTS, path)
    assert path.read_text() == "old"
    skysure.predict(run, POINTS, path, force=True)
    assert h5py.is_hdf5(path)


def test_without_samples_nothing_is_written(run: skysure.Run, sampled: Sampled, tmp_path: Path) -> None:
    sampled.has_samples = False
    with pytest.raises(InputError, match="no posterior samples"):
        skysure.predict(run, POINTS, tmp_path / "y.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(run: skysure.Run, sampled: Sampled, tmp_path: Path) -> None:
    limits, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for size in (1_000, 100_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
            with pytest.raises(InputError, match=r"(?s)could not be written whole.*full|cannot be written"):
                skysure.predict(run, POINTS, tmp_path / "y.h5")
            assert list(tmp_path.iterdir()) == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, action)


def write(folder: Path, sampled: Sampled, chunks: list[str], *, stop: bool = False, **options: bool) -> None:
    """Write the samples of chunks of one object each, and a table; stop after the last chunk as Ctrl-C does."""
    paths = [folder / "y.h5", folder / "y.csv"]
    points = [SimpleNamespace(ids=np.array([key]), x=np.array([float(k)])) for k, key in enumerate(chunks)]
    with Publication(paths, identity={"run": "r"}, **options) as publication:
        task = Task(None, None, None, "data", publication=publication)
        with SamplesWriter(paths[:1], task) as samples, TableWriter(paths[1:], task) as table:
            for key, chunk in zip(chunks, points, strict=True):
                answer = Answer(key, chunk, lambda chunk: sampled(None, chunk, None))
                for writer in (samples, table):
                    if not writer.has(key):
                        writer.write(answer)
            if stop:
                raise KeyboardInterrupt
        assert samples.rows == len(chunks)


def test_an_interrupted_prediction_is_resumed(tmp_path: Path) -> None:
    sampled = Sampled()
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, sampled, ["a", "b"], stop=True)
    assert {p.name for p in tmp_path.iterdir()} == {"y.h5.partial"}
    with pytest.raises(InputError, match="the data differ"):
        write(tmp_path, sampled, ["a", "other"], resume=True)
    write(tmp_path, sampled, ["a", "b", "c"], resume=True)
    assert sampled.calls == 3
    with h5py.File(tmp_path / "y.h5") as file:
        assert file["id"].asstr()[:].tolist() == ["a", "b", "c"]
        assert np.isfinite(file["samples"][:]).all()
        assert list(file["samples"].attrs["names"]) == ["y", "z"]
    assert {p.name for p in tmp_path.iterdir()} == {"y.h5", "y.csv"}
