"""A long prediction gives memory back between its chunks, where the system lets it."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

import skysure
from skysure.data.lightcurves import open_lightcurves
from skysure.verbs import memory, predicting

NIGHT = Path(__file__).parents[1] / "examples" / "night.ecsv"


def test_memory_is_released_between_chunks(small_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[int] = []
    monkeypatch.setattr(predicting, "release_memory", lambda: released.append(1))
    source = open_lightcurves([NIGHT])
    chunks = list(source.chunks(size=3))
    skysure.predict(small_run, chunks, samples=2)
    assert len(chunks) == 10
    assert len(released) == 9


def test_a_system_without_the_call_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.release_memory()
    memory._call.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    memory.release_memory()
    memory.share_arenas()
    memory._call.cache_clear()
