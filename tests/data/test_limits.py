"""What files may ask for: bytes unpacked, opens, nesting, lengths; counted, not timed."""

from __future__ import annotations

import dataclasses
import gzip
import io
import os
import socket
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import QTable, Table

from skysure import limits
from skysure.data.files import archives, packing
from skysure.data.files.entries import Entry, contents, walk
from skysure.data.lightcurves import open_lightcurves
from skysure.errors import InputError, SettingsError

ROWS = "".join(f"{name},{59000 + k},{'gr'[k % 2]},{k + 1},1\n" for name in "ab" for k in range(4))
CSV = ("id,mjd,band,flux,flux_error\n" + ROWS).encode()
FLUX = {"zero_point": 27.5}


def ids_in(path: Path | str, reading: dict | None = None) -> list[str]:
    return [
        name
        for curves in open_lightcurves([path], FLUX if reading is None else reading).chunks()
        for name in curves.ids.tolist()
    ]


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as pack:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            pack.addfile(info, io.BytesIO(content))
    return path


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            pack.writestr(name, content)
    return path


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts of bytes as they are unpacked."""
    counts: list[int] = []
    plain = packing.Unpacked.readinto

    def counting(self: packing.Unpacked, buffer: bytearray) -> int:
        counts.append(plain(self, buffer))
        return counts[-1]

    monkeypatch.setattr(packing.Unpacked, "readinto", counting)
    return counts


def set_limit(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(limits.variable(name), value)


# packed data


@pytest.mark.parametrize("name", ["p.ecsv.gz", "p.fits.gz", "p.dat.gz", "p.csv.gz", "p.vot.gz"])
def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, name: str, unpacked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RATIO_FROM", 1 << 20)
    heads = {"p.ecsv.gz": b"# %ECSV 1.0\n# ---\n", "p.fits.gz": b"SIMPLE  =", "p.vot.gz": b"<VOTABLE>"}
    head = heads.get(name, CSV.replace(b",", b" ") if name == "p.dat.gz" else CSV)
    (tmp_path / name).write_bytes(gzip.compress(head + b"\n" * (40 << 20)))
    with pytest.raises(InputError, match="SKYSURE_MAX_UNPACKED_RATIO"):
        ids_in(tmp_path / name)
    assert sum(unpacked) < 25 << 20


def test_a_file_that_packs_well_is_read_where_the_limit_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RATIO_FROM", 1 << 10)
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(CSV + b"\n" * (1 << 20)))
    with pytest.raises(InputError, match=r"p\.csv\.gz"):
        ids_in(tmp_path / "p.csv.gz")
    set_limit(monkeypatch, "unpacked_ratio", "1e6")
    assert ids_in(tmp_path / "p.csv.gz") == ["a", "b"]


def test_a_foreign_file_of_a_zip_is_not_unpacked(tmp_path: Path, unpacked: list[int]) -> None:
    path = write_zip(tmp_path / "night.zip", {"a.csv": CSV, "readme.bin": bytes(50 << 20)})
    assert ids_in(path) == ["a", "b"]
    assert sum(unpacked) < 8 << 20


@pytest.mark.parametrize("limit", ["unpacked_archive", "unpacked_total"])
def test_the_bytes_of_archives_are_limited(tmp_path: Path, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for k in range(3):
        write_tar(tmp_path / f"{k}.tar.gz", {"a.csv": CSV, "b.bin": rng.bytes(100_000)})
    paths = sorted(tmp_path.glob("*.tar.gz"))
    set_limit(monkeypatch, limit, "250kB")
    assert len(list(walk(paths[:1]))) == 2
    if limit == "unpacked_total":
        with pytest.raises(InputError, match=limits.variable(limit)):
            list(walk(paths))
    set_limit(monkeypatch, limit, "50kB")
    with pytest.raises(InputError, match=limits.variable(limit)):
        list(walk(paths[:1]))


def test_a_packed_file_in_memory_is_limited_and_a_plain_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_limit(monkeypatch, "unpacked_file", "1kB")
    content = os.urandom(2000)
    (tmp_path / "p.dat").write_bytes(content)
    (tmp_path / "p.dat.gz").write_bytes(gzip.compress(content))
    assert Entry(tmp_path / "p.dat").read() == content
    for entry in (Entry(tmp_path / "p.dat.gz"), *(e for e, _ in walk([write_tar(tmp_path / "p.tar", {"x": content})]))):
        with pytest.raises(InputError, match="SKYSURE_MAX_UNPACKED_FILE"):
            entry.read()


def test_a_parquet_file_that_unpacks_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RATIO_FROM", 1 << 10)
    table = pa.table({"id": pa.array(["x" * 5_000_000, "y"])})
    pq.write_table(table, tmp_path / "p.parquet", compression="zstd", use_dictionary=False)
    with pytest.raises(InputError, match=r"p\.parquet.*unpack to"):
        ids_in(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("text", "number"), [("500GB", 500 * 10**9), ("1e3", 1000), ("100_000", 100_000), ("2k", 2000)]
)
def test_limits_are_numbers_with_multiples(text: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    set_limit(monkeypatch, "unpacked_file", text)
    assert limits.current().unpacked_file == number


@pytest.mark.parametrize("text", ["much", "0", "-1", "inf", "nan", "1e999"])
def test_a_limit_that_is_no_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_limit(monkeypatch, "unpacked_file", text)
    with pytest.raises(SettingsError, match="SKYSURE_MAX_UNPACKED_FILE"):
        limits.current()


def test_the_documentation_lists_every_limit() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
    for name, most in dataclasses.asdict(limits.Limits()).items():
        line = next(line for line in page.splitlines() if f"`{limits.variable(name)}`" in line)
        assert line.rstrip("| ").endswith(f"{most:,}")


# archives


@pytest.mark.parametrize("suffix", ["tar.gz", "tar", "zip"])
def test_tables_of_an_archive_are_unpacked_in_linear_time(tmp_path: Path, suffix: str, unpacked: list[int]) -> None:
    sums = []
    for n in (10, 40):
        files = {f"{k}.csv": CSV.replace(b"a,", f"a{k},".encode()).replace(b"b,", f"b{k},".encode()) for k in range(n)}
        path = (write_zip if suffix == "zip" else write_tar)(tmp_path / f"{n}.{suffix}", files)
        unpacked.clear()
        assert len(ids_in(path)) == 2 * n
        sums.append(sum(unpacked))
    assert sums[1] < 6 * sums[0]


def test_a_packed_archive_larger_than_memory_is_kept_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "IN_MEMORY", 100)
    path = write_tar(tmp_path / "n.tar.gz", {"z.csv": CSV, "a.csv": CSV.replace(b"a,", b"c,").replace(b"b,", b"d,")})
    assert sorted(ids_in(path)) == ["a", "b", "c", "d"]


def test_many_archives_are_not_all_kept_open(tmp_path: Path) -> None:
    paths = [write_tar(tmp_path / f"{k}.tar", {"a.csv": CSV.replace(b"a,", b"a%d," % k)}) for k in range(12)]
    entries = [entry for entry, _ in walk(paths)]
    for entry in entries:
        assert entry.read()
    is_open = [entry.archive is not None and entry.archive._content is not None for entry in entries]
    assert sum(is_open) <= archives.KEPT
    assert entries[0].read()


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "z.zip", {"evil.csv": CSV.replace(b"a,", b"evil,")}).read_bytes()
    path = write_tar(tmp_path / "t.tar", {"a.csv": CSV, "z.zip": inner})
    assert ids_in(path) == ["a", "b"]


def test_members_may_be_packed_themselves_and_have_any_name(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "t.tar", {"n\udcff.csv.gz": gzip.compress(CSV)})
    assert ids_in(path) == ["a", "b"]
    assert [entry.name for entry, _ in walk([path])] == [f"{path}:n\\xff.csv.gz"]
    assert [content for _, content in contents(entry for entry, _ in walk([path]))] == [CSV]


@pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
def test_a_name_twice_in_an_archive_is_an_error(tmp_path: Path, form: str) -> None:
    write = write_zip if form == "zip" else write_tar
    path = write(tmp_path / f"p.{form}", {"a.csv": CSV, "b.csv": CSV.replace(b"b,", b"c,")})
    content = gzip.decompress(path.read_bytes()) if form == "tar.gz" else path.read_bytes()
    content = content.replace(b"b.csv", b"a.csv")
    if form != "zip":  # the second header again, with its checksum
        headers = [k for k in range(0, len(content), 512) if content[k : k + 5] == b"a.csv"]
        content = content[: headers[1]] + content[headers[0] : headers[0] + 512] + content[headers[1] + 512 :]
    path.write_bytes(gzip.compress(content) if form == "tar.gz" else content)
    with pytest.raises(InputError, match=r"two files are called 'a\.csv'"):
        ids_in(path)


def test_an_archive_within_an_archive_is_named(tmp_path: Path) -> None:
    inner = write_tar(tmp_path / "in.tar", {"a.csv": CSV}).read_bytes()
    with pytest.raises(InputError, match="within archives"):
        ids_in(write_tar(tmp_path / "out.tar", {"in.tar": inner}))


# files that are none


def test_pipes_and_sockets_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(CSV)
    os.mkfifo(tmp_path / "a.csv")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)  # names of sockets are short
        server.bind("s.csv")
        assert ids_in(tmp_path) == ["a", "b"]


def test_pipes_and_devices_as_arguments_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    for path, what in ((tmp_path / "a.csv", "a named pipe"), ("/dev/zero", "a device")):
        with pytest.raises(InputError, match=f"is {what}"):
            ids_in(path)


def test_a_socket_as_an_argument_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.csv")
        with pytest.raises(InputError, match=r"s\.csv is a socket"):
            ids_in("s.csv")


def test_links_that_lead_round_in_a_circle(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "g").mkdir(parents=True)
    (folder / "p.csv").write_bytes(CSV)
    for name, target in (("loop", "."), ("g/up", ".."), ("g/again.csv", "../p.csv")):
        (folder / name).symlink_to(target)
    assert ids_in(folder) == ["a", "b"]
    assert ids_in(f"{folder}/**/*.csv") == ["a", "b"]
    (tmp_path / "self.csv").symlink_to("self.csv")
    with pytest.raises(InputError, match="leads back"):
        ids_in(tmp_path / "self.csv")


# headers and texts


@pytest.mark.parametrize("above", ["", "# " + "x" * 40_000 + "\n", "# a comment\n" * 5000])
def test_headers_of_any_length(tmp_path: Path, above: str) -> None:
    names = "".join(f",column_{k}" for k in range(3000))
    lines = CSV.decode().splitlines()
    rows = [line + ",1" * 3000 for line in lines[1:]]
    (tmp_path / "wide.csv").write_text(above + "\n".join([lines[0] + names, *rows]) + "\n")
    assert ids_in(tmp_path / "wide.csv") == ["a", "b"]


def test_a_header_beyond_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_limit(monkeypatch, "header", "100kB")
    lines = CSV.decode().splitlines()
    (tmp_path / "p.csv").write_text("\n".join([lines[0] + "," + "x" * 100_000, *(f"{x},1" for x in lines[1:])]) + "\n")
    with pytest.raises(InputError, match="SKYSURE_MAX_HEADER"):
        ids_in(tmp_path / "p.csv")


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skysure.data.files.delimited.BLOCK", 1 << 10)
    set_limit(monkeypatch, "header", "100kB")
    content = CSV.replace(b",", b" ")
    (tmp_path / "p.dat").write_bytes(content + b"x" * 200_000)
    with pytest.raises(InputError, match="SKYSURE_MAX_HEADER"):
        ids_in(tmp_path / "p.dat")


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("column", ["id", "label"])
def test_objects_with_texts_of_any_length_are_set_aside(tmp_path: Path, form: str, column: str) -> None:
    long = "x" * 100_000
    table = {
        "id": np.repeat(["a", "b"], 4).astype(object), "mjd": np.arange(8.0) + 59000, "band": list("gr") * 4,
        "flux": np.arange(8.0) + 1, "flux_error": np.ones(8), "label": np.full(8, "Ia", object),
    }  # fmt: skip
    table[column][4:] = long
    if form == "csv":
        Table(table).write(tmp_path / "p.csv")
    else:
        pq.write_table(pa.table(table), tmp_path / "p.parquet")
    source = open_lightcurves([tmp_path / f"p.{form}"], FLUX)
    chunks = list(source.chunks())
    assert [name for curves in chunks for name in curves.ids.tolist()] == ["a"]
    assert "1,000 characters" in source.rejected[0].reason
    assert all(values.dtype.itemsize < 10_000 for curves in chunks for values in curves.objects.values())


BOMB = ["a: &a [x,x,x,x,x,x,x,x,x]"] + [
    f"{n}: &{n} [{','.join([f'*{m}'] * 9)}]" for m, n in zip("abcdefg", "bcdefgh", strict=True)
]


def test_aliases_of_aliases_in_headers(tmp_path: Path) -> None:
    lines = ["%ECSV 1.0", "---", *BOMB, "datatype:", "- {name: id, datatype: string, unit: *h}", "schema: astropy-2.0"]
    (tmp_path / "p.ecsv").write_text("".join(f"# {line}\n" for line in lines) + "id\na\n")
    metadata = {"table_meta_yaml": "\n".join([*BOMB, "datatype:", "- {name: id, unit: *h}"])}
    pq.write_table(pa.table({"id": ["a"]}).replace_schema_metadata(metadata), tmp_path / "p.parquet")
    for name in ("p.ecsv", "p.parquet"):
        with pytest.raises(InputError, match="SKYSURE_MAX_YAML_NODES"):
            ids_in(tmp_path / name)


def test_aliases_that_astropy_writes_are_read(tmp_path: Path) -> None:
    table = Table.read(io.BytesIO(CSV), format="ascii.csv")
    table["flux"].unit = table["flux_error"].unit = "nJy"
    QTable(table).write(tmp_path / "p.ecsv")
    assert "*id" in (tmp_path / "p.ecsv").read_text()
    assert ids_in(tmp_path / "p.ecsv", {}) == ["a", "b"]
