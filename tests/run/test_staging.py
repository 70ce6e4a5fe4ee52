"""A training whose output cannot take its name, or that is killed at its end, loses nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.table import QTable as Table

from skysure import verbs
from skysure.applications import sine
from skysure.data.locks import Lock
from skysure.errors import InputError, SettingsError
from skysure.run import staging
from skysure.run.checkpoints import Checkpoints
from skysure.settings import load_toml
from skysure.training import State

SMALL = {
    "objects": 60, "validation": 15, "calibration": 15, "test": 15, "epochs": 2, "hidden": 8, "layers": 1,
    "device": "cpu",
}  # fmt: skip
LEARNED = ("model.safetensors", "metrics.json", "history.csv", "split.parquet")


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sine, "figures", lambda evaluation: iter(()))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sine, "figures", lambda evaluation: iter(()))
        return train(tmp_path_factory.mktemp("runs") / "whole")


def train(out: Path, **options: Any) -> Path:
    return verbs.train("sine", out=out, **(SMALL | options)).path


def learned(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in LEARNED}


def resumes_without_an_epoch(out: Path, **options: Any) -> None:
    epochs: list[State] = []
    train(out, resume=True, on_state=epochs.append, **options)
    assert not epochs
    assert not out.with_name(f"{out.name}.training").exists()


APPEARING: dict[str, Callable[[Path], object]] = {
    "a folder with a file": lambda out: (out.mkdir(), (out / "notes.txt").touch()),
    "an empty folder": lambda out: out.mkdir(),
    "a file": lambda out: out.touch(),
    "a link to a folder": lambda out: (out.with_name("other").mkdir(), out.symlink_to(out.with_name("other"))),
    "a link to nothing": lambda out: out.symlink_to(out.with_name("nothing")),
    "a pipe": lambda out: os.mkfifo(out),
}


@pytest.mark.parametrize("appear", APPEARING.values(), ids=APPEARING)
def test_an_output_that_appears_while_training_takes_nothing(
    tmp_path: Path, whole: Path, appear: Callable[[Path], object]
) -> None:
    out = tmp_path / "run"
    with pytest.raises(InputError, match="exists") as raised:
        train(out, on_state=lambda state: appear(out) if state.done else None)
    assert "run.training/result" in raised.value.fix
    assert learned(tmp_path / "run.training" / "result") == learned(whole)
    with pytest.raises(InputError, match="exists"):
        train(out, resume=True)
    with pytest.raises(InputError, match="exists"):
        train(out)
    shutil.rmtree(out) if out.is_dir() and not out.is_symlink() else out.unlink()
    resumes_without_an_epoch(out)
    assert learned(out) == learned(whole)


def test_what_is_no_run_is_not_replaced_even_with_force(tmp_path: Path) -> None:
    for k, appear in enumerate(("a folder with a file", "a file", "a pipe", "a link to a folder")):
        out = tmp_path / f"run{k}"
        APPEARING[appear](out)
        if appear == "a link to a folder":
            (tmp_path / "other" / "notes.txt").touch()
        with pytest.raises(InputError, match="is not a run"):
            train(out, force=True)
        assert os.path.lexists(out)
        assert not out.with_name(f"{out.name}.training").exists()


def test_a_link_is_replaced_and_not_what_it_points_to(tmp_path: Path, whole: Path) -> None:
    out, target = tmp_path / "run", tmp_path / "elsewhere"
    shutil.copytree(whole, target)
    out.symlink_to(target)
    train(out, force=True)
    assert not out.is_symlink()
    assert learned(out) == learned(target)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "elsewhere"}


@pytest.mark.parametrize("failing", [1, 2], ids=["moving the old aside", "taking the name"])
def test_an_error_of_the_last_rename_keeps_the_new_run_and_the_old_one(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    (out / "report.html").write_text("the old one")
    inner, calls = os.rename, []

    def fail(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == failing:
            raise PermissionError(13, "Permission denied")
        inner(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(staging.os, "rename", fail)
        with pytest.raises(InputError, match="Permission denied") as raised:
            train(out, force=True)
    assert "--resume" in raised.value.fix
    assert (out / "report.html").read_text() == "the old one"
    resumes_without_an_epoch(out, force=True)
    assert (out / "report.html").read_text() != "the old one"
    assert learned(out) == learned(whole)


class Killed(BaseException):
    """Stands for a kill: from then on nothing on the disk changes."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], None]]:
    """Make the process as if dead from the n-th call of a function on: no file changes any more."""

    def arrange(name: str, call: int) -> None:
        calls: list[object] = []
        inner = {f: getattr(os, f) for f in ("rename", "replace", "unlink", "rmdir", "mkdir")}

        def die(function: str) -> Callable[..., object]:
            def run(*arguments: Any, **options: Any) -> object:
                if function == name:
                    calls.append(arguments)
                if len(calls) >= call:
                    raise Killed
                return inner[function](*arguments, **options)

            return run

        for function in inner:
            monkeypatch.setattr(os, function, die(function))

    yield arrange
    monkeypatch.undo()


@pytest.mark.parametrize("kill", [("rename", 1), ("rename", 2), ("rmdir", 1), ("rmdir", 2)], ids=str)
def test_a_kill_at_the_end_leaves_the_old_run_or_the_new_one(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, kill: tuple[str, int],
    kill_at: Callable[[str, int], None],
) -> None:  # fmt: skip
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    (out / "report.html").write_text("the old one")
    checkpoints = Checkpoints.save

    def arm(*arguments: Any) -> None:
        checkpoints(*arguments)
        if arguments[1].done:
            kill_at(*kill)

    monkeypatch.setattr(Checkpoints, "save", arm)
    with pytest.raises(Killed):
        train(out, force=True)
    monkeypatch.undo()
    monkeypatch.setattr(sine, "figures", lambda evaluation: iter(()))
    resumes_without_an_epoch(out, force=True)
    assert learned(out) == learned(whole)
    assert (out / "report.html").read_text() != "the old one"
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_resuming_what_is_complete_returns_it(tmp_path: Path, whole: Path) -> None:
    before = (whole / "run.toml").read_bytes()
    resumes_without_an_epoch(whole)
    resumes_without_an_epoch(whole, force=True)
    assert (whole / "run.toml").read_bytes() == before
    with pytest.raises(InputError, match="exists"):
        train(whole, resume=True, seed=3)


def test_what_a_kill_left_of_a_training_that_had_not_begun_is_removed(tmp_path: Path, whole: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    (tmp_path / "run.training").mkdir()
    (tmp_path / "run.training" / ".plan.toml.unfinished").touch()
    resumes_without_an_epoch(out, force=True)


def test_two_trainings_of_one_output_do_not_run_at_once(tmp_path: Path) -> None:
    out, refusals = tmp_path / "run", []

    def train_again(_: State) -> None:
        for options in ({}, {"force": True}, {"resume": True}):
            with pytest.raises(InputError, match="in use"):
                train(out, **options)
            refusals.append(options)

    train(out, on_state=train_again)
    assert len(refusals) == 6
    (tmp_path / "other.training").mkdir()
    lock = Lock(tmp_path / "other.training" / "lock")
    lock.acquire()
    with pytest.raises(InputError, match="in use"):
        train(tmp_path / "other")
    lock.release()
    train(tmp_path / "other")


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training that was interrupted after its first epoch, on a file of simulated light curves."""
    from skysure.applications import supernovae

    monkeypatch.setattr(supernovae, "figures", lambda evaluation: iter(()))
    verbs.simulate("supernovae", tmp_path / "data.ecsv", 60)
    with pytest.raises(KeyboardInterrupt):
        learn(tmp_path, on_state=lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    assert load_toml(tmp_path / "run.training" / "plan.toml")["content"]["files"] == 1
    return tmp_path


CURVES = {"epochs": 2, "hidden": 8, "head": 8, "layers": 1, "validation": 15, "calibration": 15, "test": 15}


def learn(folder: Path, **options: Any) -> None:
    verbs.train("supernovae", [folder / "data.ecsv"], folder / "run", device="cpu", **(CURVES | options))


@pytest.mark.parametrize("same_date", [True, False])
def test_a_training_is_not_resumed_on_other_data(interrupted: Path, same_date: bool) -> None:
    data = interrupted / "data.ecsv"
    text, status = data.read_text(), data.stat()
    *lines, last = text.splitlines()
    data.write_text("\n".join([*lines, last.replace("5", "6").replace("1", "2")]) + "\n")
    if same_date:
        os.utime(data, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert data.stat().st_size == status.st_size
    with pytest.raises(InputError, match="other data"):
        learn(interrupted, resume=True)
    assert (interrupted / "run.training" / "checkpoints" / "book.json").exists()
    data.write_text(text)
    epochs: list[State] = []
    learn(interrupted, resume=True, on_state=epochs.append)
    assert len(epochs) == 1


def test_a_list_of_rejected_objects_is_replaced_only_with_force(tmp_path: Path, interrupted: Path) -> None:
    shutil.rmtree(tmp_path / "run.training")
    data, rejected = tmp_path / "data.ecsv", tmp_path / "run.rejected.csv"
    table = Table.read(data)
    table["flux_error"][0] = -1 * table["flux_error"].unit
    table.write(data, overwrite=True)
    rejected.write_text("the old one")
    with pytest.raises(InputError, match=r"run\.rejected\.csv exists"):
        learn(tmp_path)
    learned: list[State] = []
    rejected.unlink()
    with pytest.raises(InputError, match=r"run\.rejected\.csv exists"):
        learn(tmp_path, on_state=lambda state: (learned.append(state), rejected.write_text("the old one")))
    assert rejected.read_text() == "the old one"
    assert not (tmp_path / "run").exists()
    learn(tmp_path, resume=True, force=True, on_state=learned.append)
    assert len(learned) == 2
    assert table["id"][0] in rejected.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"data.ecsv", "run", "run.rejected.csv"}
    verbs.simulate("supernovae", data, 60, force=True)
    learn(tmp_path, force=True)
    assert not rejected.exists()


def test_a_training_is_not_resumed_from_other_weights(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", start=whole, on_state=lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(SettingsError, match="start"):
        train(tmp_path / "run", resume=True)
    train(tmp_path / "run", resume=True, start=whole)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"epoch": 1}', "[" * 100_000], ids=str)
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(State(1, {}, {}), [])
    (checkpoints.folder / "book.json").write_text(content)
    with pytest.raises(InputError, match=r"book\.json"):
        checkpoints.load()
