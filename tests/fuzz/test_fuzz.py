"""The fuzzing itself: inputs are the same each time, sound ones give answers, ends are told apart."""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from skysure.errors import InputError

from . import arrow, formats, readers, snana, supervisor
from . import columns as tables
from .readers import READERS, Reader, random_for


def digest(folder: Path) -> str:
    """Digest of the names and content of all files of a folder."""
    content = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content.update(str(path.relative_to(folder)).encode("utf-8", "surrogateescape") + path.read_bytes())
    return content.hexdigest()


@pytest.mark.parametrize("name", READERS)
def test_an_input_follows_from_its_number(name: str, tmp_path: Path) -> None:
    digests = []
    for copy in ("one", "two"):
        folder = tmp_path / copy
        for number in range(4):
            (folder / str(number)).mkdir(parents=True)
            READERS[name].write(folder / str(number), random_for(name, number))
        digests.append(digest(folder))
    assert digests[0] == digests[1]


@pytest.fixture
def alarm() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, supervisor.raise_too_long)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", READERS)
def test_some_inputs_of_every_reader(name: str, tmp_path: Path, alarm: None) -> None:
    for number in range(6):
        kind, _, text = supervisor.attempt(name, number, tmp_path)
        assert kind in supervisor.GOOD, f"python tests/fuzz {name} --only {number}\n{text}"
        readers.clear(tmp_path)


@pytest.mark.parametrize("form", ["csv", "ascii.ecsv", "votable", "fits"])
def test_sound_tables_give_light_curves(form: str, tmp_path: Path) -> None:
    suffix = {"csv": ".csv", "ascii.ecsv": ".ecsv", "votable": ".vot", "fits": ".fits"}[form]
    (tmp_path / f"a{suffix}").write_bytes(formats.seed(form, tables.light_curves, 0))
    assert read(tmp_path / f"a{suffix}") == tables.OBJECTS


def test_sound_parquet_and_snana_give_light_curves(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(arrow.seed(arrow.long, 0))
    assert read(tmp_path / "a.parquet") == tables.OBJECTS
    (tmp_path / "sn.dat").write_bytes(snana.text(Random(1), 7))
    assert read(tmp_path / "sn.dat", {}) == 1


def read(path: Path, reading: dict[str, str] | None = None) -> int:
    from skysure.data.lightcurves import open_lightcurves

    chunks = list(open_lightcurves([path], readers.NJY if reading is None else reading).chunks())
    for chunk in chunks:
        readers.check(chunk)
    return sum(map(len, chunks))


def ends_by(error: BaseException | None) -> Reader:
    def fail(folder: Path, random: Random) -> None:
        if error is not None:
            raise error

    return Reader(lambda random: {"a": b""}, fail)


def test_ends_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "sound", ends_by(None))
    monkeypatch.setitem(READERS, "refused", ends_by(InputError("no column")))
    monkeypatch.setitem(READERS, "broken", ends_by(KeyError("flux")))
    monkeypatch.setitem(READERS, "crashing", ends_by(SystemExit()))
    monkeypatch.setitem(READERS, "endless", Reader(lambda random: {}, lambda folder, random: time.sleep(60)))
    monkeypatch.setitem(READERS, "greedy", Reader(lambda random: {}, lambda folder, random: bytearray(1 << 33)))
    monkeypatch.setattr(supervisor, "SECONDS", 0.3)
    names = ("sound", "refused", "broken", "crashing", "endless", "greedy")
    ends = {end.reader: end.kind for end in supervisor.run([supervisor.Task(n, 0, 2) for n in names], 2)}
    assert ends == {
        "sound": "answer", "refused": "input error", "broken": "traceback", "crashing": "crash", "endless": "time",
        "greedy": "memory",
    }  # fmt: skip
