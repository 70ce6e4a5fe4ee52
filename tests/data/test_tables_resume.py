"""A run that was interrupted is taken up where it stood, and only by its like."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import QTable

from skysure.data.results import spool
from skysure.data.results.writer import ResultWriter, read_table, write_tables
from skysure.errors import InputError

RUN = {"run": "abc", "samples": 30}


def chunks() -> Iterator[tuple[str, QTable]]:
    for i in range(6):
        yield f"chunk {i}", QTable({"id": [f"{'x' * i}{i}", f"b{i}"], "p": [i / 7, i / 3]})


def predict(
    out: Path, *, stop: int | None = None, error: type[BaseException] = KeyboardInterrupt, **options
) -> list[str]:
    """Write the chunks that are not there yet, return their keys; at chunk `stop` something happens."""
    computed: list[str] = []
    with ResultWriter(out, **({"identity": RUN} | options)) as writer:
        for i, (key, chunk) in enumerate(chunks()):
            if writer.has(key):
                continue
            if i == stop:
                raise error
            writer.write(chunk, key)
            computed.append(key)
    return computed


def interrupt(out: Path, stop: int = 3, **options) -> None:
    with pytest.raises(KeyboardInterrupt):
        predict(out, stop=stop, **options)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def whole(tmp_path_factory) -> bytes:
    out = tmp_path_factory.mktemp("whole") / "t.parquet"
    predict(out)
    return out.read_bytes()


def test_what_was_finished_is_not_made_again(tmp_path, whole):
    out = tmp_path / "t.parquet"
    interrupt(out)
    assert names(tmp_path) == ["t.parquet.partial"]
    interrupt(out, stop=5, resume=True)
    assert predict(out, resume=True) == ["chunk 5"]
    assert out.read_bytes() == whole
    assert names(tmp_path) == ["t.parquet"]


def test_other_formats_may_be_asked_for_when_resuming(tmp_path):
    interrupt(tmp_path / "t.fits")
    with ResultWriter([tmp_path / "t.fits", tmp_path / "t.ecsv"], identity=RUN, resume=True) as writer:
        assert writer.rows == 6
        for key, chunk in chunks():
            if not writer.has(key):
                writer.write(chunk, key)
    assert writer.rows == 12
    assert read_table(tmp_path / "t.ecsv")["id"].tolist() == read_table(tmp_path / "t.fits")["id"].tolist()
    assert names(tmp_path) == ["t.ecsv", "t.fits"]


def test_where_there_is_nothing_it_starts_at_the_beginning(tmp_path, whole):
    assert len(predict(tmp_path / "t.parquet", resume=True)) == 6
    assert (tmp_path / "t.parquet").read_bytes() == whole


def test_another_run_is_not_mixed_in(tmp_path):
    out = tmp_path / "t.parquet"
    interrupt(out)
    with pytest.raises(InputError, match="chunks of another run"):
        predict(out, resume=True, identity=RUN | {"samples": 100})
    assert predict(out, resume=True) == ["chunk 3", "chunk 4", "chunk 5"]


def test_unfinished_work_is_neither_lost_nor_taken_up_unasked(tmp_path, whole):
    out = tmp_path / "t.parquet"
    interrupt(out)
    with pytest.raises(InputError, match=r"(?s)partial exists.*--resume.*--force"):
        predict(out)
    assert len(predict(out, force=True)) == 6
    assert out.read_bytes() == whole
    assert names(tmp_path) == ["t.parquet"]


def test_chunks_damaged_by_a_crash_are_made_again(tmp_path, whole):
    out = tmp_path / "t.parquet"
    interrupt(out, stop=5)
    parts = sorted((tmp_path / "t.parquet.partial").glob("*.arrow"))
    parts[2].write_bytes(parts[2].read_bytes()[:-40])
    parts[4].write_bytes(b"")
    assert predict(out, resume=True) == ["chunk 2", "chunk 3", "chunk 4", "chunk 5"]
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    ("sound", "damaged", "error"),
    [(b"\x40\0\0\0", b"\x41\0\0\0", pa.ArrowNotImplementedError), (b"names", b"n\x89mes", UnicodeDecodeError)],
    ids=["65 bits", "no UTF-8"],
)
def test_chunks_of_a_damaged_schema_are_made_again(tmp_path, whole, sound, damaged, error):
    interrupt(tmp_path / "t.parquet", stop=5)
    part = sorted((tmp_path / "t.parquet.partial").glob("*.arrow"))[2]
    table = pa.table({"names": pa.array([1], pa.int64())})
    with pa.ipc.new_file(part, table.schema) as file:
        file.write_table(table)
    part.write_bytes(part.read_bytes().replace(sound, damaged))
    with pytest.raises(error):
        _ = pa.ipc.open_file(part).schema.names
    assert predict(tmp_path / "t.parquet", resume=True) == ["chunk 2", "chunk 3", "chunk 4", "chunk 5"]
    assert (tmp_path / "t.parquet").read_bytes() == whole


@pytest.mark.parametrize("error", [ValueError, OSError, MemoryError])
def test_a_run_that_fails_keeps_what_is_finished_and_nothing_else(tmp_path, whole, error):
    out = tmp_path / "t.parquet"
    with pytest.raises(error):
        predict(out, stop=0, error=error)
    assert names(tmp_path) == []
    with pytest.raises(error):
        predict(out, stop=3, error=error)
    assert names(tmp_path) == ["t.parquet.partial"]
    assert predict(out, resume=True) == ["chunk 3", "chunk 4", "chunk 5"]
    assert out.read_bytes() == whole
    with pytest.raises(error):
        predict(tmp_path / "u.parquet", stop=3, error=error, identity=None)
    assert names(tmp_path) == ["t.parquet"]


def test_without_an_identity_an_interruption_leaves_nothing(tmp_path):
    interrupt(tmp_path / "t.parquet", identity=None)
    assert names(tmp_path) == []


@pytest.mark.parametrize(("identity", "left"), [(RUN, ["t.fits.partial"]), (None, [])])
def test_interrupted_while_the_table_is_written(tmp_path, monkeypatch, identity, left):
    real = spool.Spool.batches
    walks = iter([False, True])

    def batches(self, columns):
        walk = next(walks)
        yield from real(self, columns)
        if walk:
            raise KeyboardInterrupt

    monkeypatch.setattr(spool.Spool, "batches", batches)
    with pytest.raises(KeyboardInterrupt):
        predict(tmp_path / "t.fits", identity=identity)
    monkeypatch.undo()
    assert names(tmp_path) == left
    if identity:
        assert predict(tmp_path / "t.fits", resume=True) == []
        assert len(read_table(tmp_path / "t.fits")) == 12


def test_a_folder_of_someone_else_is_left_alone(tmp_path):
    folder = tmp_path / "t.fits.partial"
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    for options in ({}, {"force": True}, {"resume": True}):
        with pytest.raises(InputError, match=r"t\.fits\.partial"):
            predict(tmp_path / "t.fits", **options)
    assert names(folder) == ["thesis.tex"]


KILLED = """
import os, signal, sys
from astropy.table import QTable
from skysure.data.results import ResultWriter
with ResultWriter(sys.argv[1], identity={"run": "abc", "samples": 30}) as writer:
    for i in range(4):
        writer.write(QTable({"id": [f"{'x' * i}{i}", f"b{i}"], "p": [i / 7, i / 3]}), f"chunk {i}")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_and_resumed_it_ends_with_the_same_bits(tmp_path, whole):
    out = tmp_path / "t.parquet"
    completed = subprocess.run([sys.executable, "-c", KILLED, str(out)], env=os.environ, check=False)
    assert completed.returncode == -signal.SIGKILL
    assert names(tmp_path) == ["t.parquet.partial"]
    assert predict(out, resume=True) == ["chunk 4", "chunk 5"]
    assert out.read_bytes() == whole


MEASURED = """
import re, sys
import numpy as np
from astropy.table import QTable
from skysure.data.results import write_tables
n, *paths = sys.argv[1:]
r = np.random.default_rng(0)
same = {f"p_{i}": r.random(5000) for i in range(14)}
ids = (np.char.add("SN", np.arange(s, s + 5000).astype(str)) for s in range(0, int(n), 5000))
write_tables(paths, (QTable({"id": i, **same}, copy=False) for i in ids))
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory of one process needs /proc")
def test_memory_does_not_grow_with_the_rows(tmp_path):
    peaks = []
    for rows in (10_000, 200_000):
        outs = [str(tmp_path / f"{rows}{suffix}") for suffix in (".parquet", ".fits", ".csv", ".vot")]
        process = subprocess.run(
            [sys.executable, "-c", MEASURED, str(rows), *outs], capture_output=True, text=True, check=True
        )
        peaks.append(int(process.stdout))
    assert peaks[1] < 1.2 * peaks[0]
    assert os.path.getsize(tmp_path / "200000.fits") > 200_000 * 14 * 8


def test_tables_of_many_rows_keep_their_order(tmp_path):
    ids = np.arange(30_000)
    outs = [tmp_path / "t.parquet", tmp_path / "t.fits", tmp_path / "t.csv"]
    write_tables(outs, (QTable({"n": part}) for part in np.array_split(ids, 7)))
    for out in outs:
        np.testing.assert_array_equal(read_table(out)["n"], ids)
