"""The registry of writers: a suffix and a kind of prediction decide which form a file takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import skysure
from skysure.data.results.writer import read_table
from skysure.errors import InputError
from skysure.predictions import Classes, Prediction, Values, writers
from skysure.predictions.writers import Answer, Form, Task, form_of, register
from skysure.verbs.inputs import is_table


class Lines:
    """A writer of values, one line each."""

    is_full = False
    notes = ()

    def __init__(self, paths: list[Path], task: Task) -> None:
        self.paths, self.rows = paths, 0

    def has(self, key: str) -> bool:
        return False

    def write(self, answer: Answer) -> None:
        self.rows += len(answer.prediction)
        self.lines = [f"{y:g}\n" for y in answer.prediction.mean[:, 0]]

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self.paths[0].write_text("".join(self.lines))


@pytest.fixture
def forms(monkeypatch: pytest.MonkeyPatch) -> list[Form]:
    """A registry of its own for each test, which begins with the forms inside."""
    registry = list(writers._forms)
    monkeypatch.setattr(writers, "_forms", registry)
    return registry


class Twice:
    """A model whose prediction is twice x."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, model: object, chunk: object, query: object) -> Values:
        self.calls += 1
        x = chunk.x
        return Values({"id": chunk.ids}, ("y",), ("",), 2 * x[:, None], *np.zeros((2, len(x), 1, 1)))


@pytest.fixture
def twice(monkeypatch: pytest.MonkeyPatch) -> Twice:
    model = Twice()
    monkeypatch.setattr("skysure.applications.sine.predict", model, raising=False)
    return model


@pytest.fixture(scope="module")
def run() -> skysure.Run:
    from skysure.applications import sine

    settings, schema = sine.Settings(), sine.Schema()
    return skysure.Run("sine", settings, schema, sine.network(settings, schema))


POINTS = {"id": ["a", "b"], "x": [0.5, 2.0]}


def test_suffixes_inside() -> None:
    assert form_of(Path("a.b/x.FITS.gz")).name == "table"
    assert form_of(Path("x.html")).name == "page"
    for name in ("x.reg", "x", ".fits"):
        with pytest.raises(InputError, match=r"(?s)\.parquet .*\.html"):
            form_of(Path(name))
    with pytest.raises(InputError, match=r"nearest: .*parquet"):
        form_of(Path("x.parque"))


def test_a_suffix_has_one_writer(forms: list[Form]) -> None:
    with pytest.raises(ValueError, match=r"\.fits already"):
        register(Form("cube", (".cube", ".fits"), Lines))
    register(Form("lines", (".tar.lines", ".lines"), Lines))
    assert form_of(Path("a.tar.lines")).name == "lines"


def test_a_registered_form_is_written_beside_a_table(
    forms: list[Form], run: skysure.Run, twice: Twice, tmp_path: Path
) -> None:
    register(Form("lines", (".lines",), Lines, kinds=(Values,)))
    paths = [tmp_path / "y.lines", tmp_path / "y.csv"]
    assert skysure.predict(run, POINTS, paths) == 2
    assert paths[0].read_text() == "1\n4\n"
    assert read_table(paths[1])["y"].tolist() == [1, 4]
    assert twice.calls == 1


def test_a_form_of_another_kind_leaves_nothing(
    forms: list[Form], run: skysure.Run, twice: Twice, tmp_path: Path
) -> None:
    register(Form("regions", (".reg",), Lines, kinds=(Classes,)))
    with pytest.raises(InputError) as error:
        skysure.predict(run, POINTS, [tmp_path / "y.csv", tmp_path / "y.reg"])
    assert "a regions cannot hold Values" in error.value.problem
    assert ".csv" in error.value.expected
    assert ".reg" not in error.value.expected
    assert list(tmp_path.iterdir()) == []


def test_what_is_only_drawn_is_not_predicted(forms: list[Form], run: skysure.Run, twice: Twice, tmp_path: Path) -> None:
    class Counts(Lines):
        def write(self, answer: Answer) -> None:
            self.rows += len(answer.chunk)
            self.lines = [str(self.rows)]

    register(Form("counts", (".n",), Counts, counts="object"))
    assert skysure.predict(run, POINTS, tmp_path / "y.n") == 2
    assert (tmp_path / "y.n").read_text() == "2"
    assert twice.calls == 0


def test_kind_is_checked(run: skysure.Run, twice: Twice) -> None:
    assert isinstance(skysure.predict(run, POINTS, kind=Values), Values)
    assert isinstance(skysure.predict(run, POINTS, kind=Prediction), Values)
    with pytest.raises(InputError, match=r"(?s)is Values.*Classes"):
        skysure.predict(run, POINTS, kind=Classes)


def test_tables_of_any_library_are_recognised() -> None:
    from astropy.table import QTable

    assert is_table(QTable({"x": [1]}))
    assert is_table({"x": [1]})
    for data in ("a.fits", Path("a.fits"), [], (), ["a.fits"]):
        assert not is_table(data)
