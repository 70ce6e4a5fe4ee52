"""The outputs of one result are published together: whatever stops it, it can be continued, and nothing is half."""

from __future__ import annotations

import errno
import io
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from astropy.table import QTable

from skysure.data.files.identity import stamp_of
from skysure.data.results import publication
from skysure.data.results.writer import ResultWriter, read_table, write_tables
from skysure.errors import InputError

RUN = {"run": "abc"}
NAMES = ("t.parquet", "t.fits", "t.csv")


def chunks(n: int = 4) -> Iterator[tuple[str, QTable]]:
    for k in range(n):
        yield f"chunk {k}", QTable({"id": [f"a{k}", f"b{k}"], "p": [k / 7, k / 3]})


def write(folder: Path, **options) -> list[str]:
    """Write the chunks that are not there yet to three tables, and return their keys."""
    computed = []
    with ResultWriter([folder / name for name in NAMES], **({"identity": RUN} | options)) as writer:
        for key, chunk in chunks():
            if not writer.has(key):
                writer.write(chunk, key)
                computed.append(key)
    return computed


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    write(folder)
    return content(folder)


def stop_at(monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> None:
    """Let an error happen instead of the renaming of this number."""
    rename, count = os.replace, []

    def replace(*arguments) -> None:
        count.append(arguments)
        if len(count) == number:
            raise error
        rename(*arguments)

    monkeypatch.setattr(os, "replace", replace)


def interrupt_write(folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Write the tables, and be interrupted instead of the renaming of this number."""
    with monkeypatch.context() as patch:
        stop_at(patch, number, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            write(folder)


@pytest.mark.parametrize("number", range(1, 10))
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EROFS, "Read-only file system")])
def test_stopped_at_any_renaming_it_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes], number: int, error: BaseException
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, number, error)
        with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else InputError):
            write(tmp_path)
    assert all(content(tmp_path)[name] == whole[name] for name in NAMES if (tmp_path / name).exists())
    done = len(list((tmp_path / "t.parquet.partial").glob("*.arrow")))
    assert len(write(tmp_path, resume=True)) == 4 - done
    assert content(tmp_path) == whole
    assert {p.name for p in tmp_path.iterdir()} == set(NAMES)


def test_what_is_complete_is_only_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes]
) -> None:
    interrupt_write(tmp_path, monkeypatch, 8)
    assert (tmp_path / "t.parquet").exists()
    assert not (tmp_path / "t.csv").exists()
    with pytest.raises(InputError, match=r"t\.parquet exists"):
        write(tmp_path)
    with ResultWriter([tmp_path / name for name in NAMES], identity=RUN, resume=True) as writer:
        assert writer.rows == 8  # known without a walk through the data
    assert content(tmp_path) == whole


@pytest.mark.parametrize("spoil", ["t.fits", ".t.fits.unfinished"])
def test_files_that_were_changed_meanwhile_are_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes], spoil: str
) -> None:
    interrupt_write(tmp_path, monkeypatch, 8 if spoil.startswith("t") else 7)
    (tmp_path / spoil).write_bytes(b"cut")
    assert write(tmp_path, resume=True) == []
    assert content(tmp_path) == whole


def test_another_selection_of_outputs_is_written_from_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes]
) -> None:
    interrupt_write(tmp_path, monkeypatch, 7)
    with ResultWriter([tmp_path / "t.parquet", tmp_path / "t.ecsv"], identity=RUN, resume=True) as writer:
        assert all(writer.has(key) for key, _ in chunks())
    assert (tmp_path / "t.parquet").read_bytes() == whole["t.parquet"]
    assert len(read_table(tmp_path / "t.ecsv")) == 8


def test_an_output_that_appears_meanwhile_is_not_overwritten(tmp_path: Path, whole: dict[str, bytes]) -> None:
    def appear() -> None:
        with ResultWriter([tmp_path / name for name in NAMES], identity=RUN) as writer:
            for key, chunk in chunks():
                writer.write(chunk, key)
            (tmp_path / "t.fits").write_text("mine")

    with pytest.raises(InputError, match=r"(?s)t\.fits exists.*--resume continues"):
        appear()
    assert (tmp_path / "t.fits").read_text() == "mine"
    assert not (tmp_path / "t.parquet").exists()
    with pytest.raises(InputError, match=r"t\.fits exists"):
        write(tmp_path, resume=True)
    (tmp_path / "t.fits").unlink()
    assert write(tmp_path, resume=True) == []
    assert content(tmp_path) == whole


@pytest.mark.parametrize("keys", [["chunk 1"], ["chunk 0", "other"], ["chunk 0"], []])
def test_other_data_are_not_mixed_in(tmp_path: Path, keys: list[str]) -> None:
    def interrupted() -> None:
        with ResultWriter(tmp_path / "t.csv", identity=RUN) as writer:
            for key, chunk in chunks(2):
                writer.write(chunk, key)
            raise KeyboardInterrupt

    def resumed() -> None:
        with ResultWriter(tmp_path / "t.csv", identity=RUN, resume=True) as writer:
            for key in keys:
                assert writer.has(key)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    before = content(tmp_path)
    with pytest.raises(InputError, match="the data differ from those of the interrupted run, from chunk"):
        resumed()
    assert content(tmp_path) == before


OWNER = """
import sys, time
from skysure.data.results import ResultWriter
from astropy.table import QTable
with ResultWriter(sys.argv[1], identity={"run": "abc"}) as writer:
    writer.write(QTable({"id": ["a0", "b0"], "p": [0.0, 0.0]}), "chunk 0")
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_living_owner_is_left_alone_and_a_dead_one_taken_over(tmp_path: Path, whole: dict[str, bytes]) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "t.parquet")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        before = content(tmp_path)
        for options in ({}, {"force": True}, {"resume": True}):
            with pytest.raises(InputError, match=rf"(?s)in use.*{owner.pid}"):
                write(tmp_path, **options)
        assert content(tmp_path) == before
        owner.kill()
    assert write(tmp_path, resume=True) == ["chunk 1", "chunk 2", "chunk 3"]
    assert content(tmp_path) == whole


def test_what_a_killed_process_left_in_vain_is_replaced(tmp_path: Path) -> None:
    """Nobody could continue it, so that nobody is asked."""
    folder = tmp_path / "t.csv.partial"
    folder.mkdir()
    for names in ((), ("lock",), ("lock", "run.json", ".run.json.unfinished"), ("lock", "00000000.arrow")):
        for name in names:
            (folder / name).write_text("{}")
        write_tables(tmp_path / "t.csv", [chunk for _, chunk in chunks()], force=True)
        assert not folder.exists()
        (tmp_path / "t.csv").unlink()
        folder.mkdir()
    folder.rmdir()
    (tmp_path / "t.csv.partial").write_text("a file")
    with pytest.raises(InputError, match=r"t\.csv\.partial"):
        write_tables(tmp_path / "t.csv", [chunk for _, chunk in chunks()])


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 10, 100, 400, 1000, 2000, 3000, 6000])
def test_a_file_that_cannot_grow_leaves_nothing_half(tmp_path: Path, whole: dict[str, bytes], size: int) -> None:
    assert max(map(len, whole.values())) > 6000
    with largest_file(size), pytest.raises(InputError, match="could not be written whole"):
        write(tmp_path)
    assert not set(content(tmp_path)) & set(NAMES)
    assert not list(tmp_path.rglob("*.unfinished"))
    done = len(list(tmp_path.rglob("*.arrow")))
    assert len(write(tmp_path, resume=True)) == 4 - done
    assert content(tmp_path) == whole


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_fails_at_any_write_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes], code: int
) -> None:
    """From each opening of a file on, in turn, none can be made."""
    opened = Path.open
    for number in range(12):
        count: list[str] = []
        folder = tmp_path / str(number)
        folder.mkdir()

        def open_(self: Path, mode: str = "r", *arguments, **options) -> io.IOBase:
            if "w" in mode:
                count.append(mode)  # noqa: B023
                if len(count) > number:  # noqa: B023
                    raise OSError(code, os.strerror(code))
            return opened(self, mode, *arguments, **options)  # type: ignore[return-value]

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", open_)
            if number < 9:
                with pytest.raises(InputError) as error:
                    write(folder)
                assert ("--resume continues" in error.value.fix) == (number > 1)
                assert not set(content(folder)) & set(NAMES)
            else:
                write(folder)
        if number < 9:
            assert len(write(folder, resume=True)) == 4 - min(max(number - 1, 0), 4)
        assert content(folder) == whole


def test_without_an_identity_nothing_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, 5, OSError(errno.EROFS, "Read-only file system"))
    with pytest.raises(InputError):
        write(tmp_path, identity=None)
    assert content(tmp_path) == {}


def test_a_mark_that_is_damaged_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes]
) -> None:
    interrupt_write(tmp_path, monkeypatch, 7)
    (tmp_path / "t.parquet.partial" / publication.MARK).write_bytes(b"\xff{")
    assert write(tmp_path, resume=True) == []
    assert content(tmp_path) == whole


def test_a_stamp_changes_with_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a")
    paths = [tmp_path, tmp_path / "*.csv", tmp_path / "a.csv"]
    before = [stamp_of([p]) for p in paths]
    assert before == [stamp_of([p]) for p in paths]
    (tmp_path / "a.csv").write_text("b")
    assert all(old != stamp_of([p]) for old, p in zip(before, paths, strict=True))
