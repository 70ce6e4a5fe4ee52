"""Sources: their index, their parts, what they keep, and simulators among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skysure.data.lightcurves import LightCurves
from skysure.data.simulated import SimulatedSource
from skysure.data.sources import ChunkCache, InMemorySource, SplitSource, memory_size, read_ahead
from skysure.data.split import Split
from skysure.errors import InputError
from skysure.verbs.unseen import Unseen


def curves(names: str) -> LightCurves:
    n = len(names)
    table = {"id": list(names), "time": np.arange(n), "band": ["r"] * n, "flux": np.ones(n), "flux_error": np.ones(n)}
    return LightCurves.from_table(table, zero_point=27.5)


def test_parts_hold_their_objects_and_no_others() -> None:
    source = InMemorySource("schema", [curves("abc"), curves("de"), curves("xf")])
    ids = np.array(list("fedcba"))
    parted = SplitSource(source, Split(ids, np.full(6, ""), np.where(ids < "d", "train", "test")))
    assert [c.ids.tolist() for c in parted.chunks("train")] == [["a", "b", "c"]]
    assert [c.ids.tolist() for c in parted.chunks("test")] == [["d", "e"], ["f"]]
    assert [len(c) for c in parted.chunks()] == [3, 2, 2]
    assert parted.counts == {"train": 3, "test": 3}


def test_reading_ahead_gives_the_same_chunks_and_the_error_of_the_source() -> None:
    chunks = [curves("abc"), curves("de"), curves("xf")]

    def damaged() -> Iterator[LightCurves]:
        yield from chunks
        raise InputError("the archive ends early", "a whole file")

    received: list[LightCurves] = []
    with pytest.raises(InputError, match="ends early"):
        received.extend(read_ahead(damaged()))
    assert received == chunks


def test_reading_ahead_stops_one_chunk_after_the_last_that_was_used() -> None:
    numbers = iter(range(100))
    reader = read_ahead(numbers)
    assert [next(reader), next(reader)] == [0, 1]
    reader.close()
    assert next(numbers) == 3


class Counted(InMemorySource):
    """A source that counts how often it is walked through."""

    walks = 0

    def chunks(self, part: str | None = None) -> Iterator[Any]:
        Counted.walks += 1
        return super().chunks(part)


def test_an_index_is_walked_for_once() -> None:
    Counted.walks = 0
    source = Counted("schema", [curves("abc"), curves("de")])
    counts: list[int] = []
    for _ in range(3):
        ids, groups = source.index(counts.append)
    assert (ids.tolist(), groups.tolist()) == (list("abcde"), [""] * 5)
    assert (Counted.walks, counts) == (1, [3, 5])


def test_take_gives_known_ids_in_the_order_of_the_source() -> None:
    source = InMemorySource("schema", [curves("abc"), curves("de"), curves("xf")])
    ids = [c.ids.tolist() for c in source.take(np.array(["f", "b", "none", "a"]))]
    assert ids == [["a", "b"], ["f"]]
    assert list(source.take(np.array([], str))) == []


def test_a_source_declares_what_it_leaves_out() -> None:
    source = InMemorySource("schema", [curves("abc")])
    split = SplitSource(source, Split(*(np.array([], str) for _ in range(3))))
    for checked in (source, split):
        assert (list(checked.rejected), list(checked.notes), checked.dropped) == ([], [], 0)
    assert (source.has_parts, split.has_parts) == (False, True)


def test_a_cache_keeps_what_fits_and_only_a_whole_walk() -> None:
    chunks = [curves("abc"), curves("de")]
    cache = ChunkCache()
    next(cache.keep(iter(chunks)))
    assert cache.kept is None
    assert list(cache.keep(iter(chunks))) == cache.kept == chunks
    small = ChunkCache(memory_size(vars(chunks[0])))
    assert list(small.keep(iter(chunks))) == chunks
    assert small.kept is None


# simulators


def draw(seed: int, block: int, first: int) -> LightCurves:
    chunk = curves("abcd"[: 3 + block % 2])
    names = np.array([f"{seed}-{first + k}" for k in range(len(chunk))])
    noise = np.random.default_rng([seed, block]).standard_normal(len(chunk.flux))
    return replace(chunk, objects={"id": names}, flux=noise)


def test_a_simulation_of_few_is_the_beginning_of_many() -> None:
    few, many = (list(SimulatedSource(None, draw, n, seed=1).chunks()) for n in (5, 9))
    assert sum(map(len, few)) == 5
    first, second = (np.concatenate([c.flux for c in chunks]) for chunks in (few, many))
    assert first.tolist() == second[:5].tolist()


def test_the_index_of_a_simulation_saves_drawing_again() -> None:
    blocks: list[int] = []

    def counted(seed: int, block: int, first: int) -> LightCurves:
        blocks.append(block)
        return draw(seed, block, first)

    source = SimulatedSource(None, counted, 7, seed=1)
    before = [c.ids.tolist() for c in source.chunks()]
    assert source.index().ids.tolist() == [i for ids in before for i in ids]
    assert [c.ids.tolist() for c in source.chunks("test")] == before
    assert blocks == [0, 1, 0, 1]


def test_an_endless_simulation_trains_without_end_and_is_fixed_elsewhere() -> None:
    source = SimulatedSource(None, draw, None, seed=1, sizes={"validation": 5, "test": 7, "calibration": 0.1})
    training = [c for c, _ in zip(source.chunks("train"), range(50), strict=False)]
    parts = {part: list(source.chunks(part)) for part in ("validation", "test")}
    assert [sum(map(len, chunks)) for chunks in parts.values()] == [5, 7]
    ids = [i for chunks in (training, *parts.values()) for c in chunks for i in c.ids.tolist()]
    assert len(set(ids)) == len(ids)
    assert np.array_equal(parts["test"][0].flux, next(source.chunks("test")).flux)
    assert not np.isin(parts["test"][0].flux, np.concatenate([c.flux for c in training])).any()
    with pytest.raises(InputError, match="a number of objects"):
        source.chunks("calibration")
    with pytest.raises(InputError, match="endless"):
        source.index()


# parts that a run has seen


def test_what_a_run_has_seen_is_missing_from_index_and_chunks_and_counted() -> None:
    chunk = curves("abcdef")
    chunk.objects["group"] = np.array(["", "", "x", "x", "y", ""])
    split = Split(np.array(["a", "c", "e"]), np.array(["", "x", "y"]), np.array(["train", "calibration", "test"]))
    source = Unseen(InMemorySource("schema", [chunk]), split)
    assert source.index().ids.tolist() == ["b", "e", "f"]
    assert source.dropped == 3
    assert [c.ids.tolist() for c in source.chunks()] == [["b", "e", "f"]]
    assert Unseen(source, Split(np.array(["b"]), np.array([""]), np.array(["train"]))).index().ids.tolist() == [
        "e",
        "f",
    ]
    nested = Unseen(source, Split(np.array(["b"]), np.array([""]), np.array(["train"])))
    assert [c.ids.tolist() for c in SplitSource(nested, split).chunks("test")] == [["e"]]
    assert nested.dropped == 4
