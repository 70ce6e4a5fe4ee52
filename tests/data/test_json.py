"""JSON: records are tables; of what is nested the error gives lines of Python, which are run here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from skysure.data.files.json_records import columns_of
from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.errors import InputError

ID = 9007199254740993  # 2^53 + 1: exact as an integer alone
RECORDS = [
    {"objectId": ID, "mjd": 60000.0 + k, "band": b, "flux": f, "flux_err": 1}
    for k, (b, f) in enumerate([("g", 5), ("r", 6.5), ("g", 7.5)])
]
COLUMNS = {name: [record[name] for record in RECORDS] for name in RECORDS[0]}


def read(path, reading=None) -> LightCurves:
    return LightCurves.concat(list(open_lightcurves([path], reading).chunks()))


@pytest.mark.parametrize("text", [
    json.dumps(RECORDS), json.dumps(RECORDS, indent=1), "\n".join(map(json.dumps, RECORDS)),
    "\ufeff" + json.dumps(COLUMNS),
    json.dumps({n: {str(k): v for k, v in enumerate(values)} for n, values in COLUMNS.items()}),
])  # fmt: skip
@pytest.mark.parametrize("suffix", ["json", "jsonl", "txt"])
def test_records_in_every_order_are_the_same_table(tmp_path, text, suffix):
    path = tmp_path / f"records.{suffix}"
    path.write_text(text)
    curves = read(path, {"zero_point": 27.5})
    assert curves.ids.tolist() == [str(ID)]
    assert curves.time.tolist() == [60000.0, 60001.0, 60002.0]
    assert curves.flux.tolist() == [5.0, 6.5, 7.5]


def test_records_with_other_fields_and_values_of_several_types():
    columns = columns_of([{"id": 1, "mag": 20.1}, {"id": "b", "mag": None, "limit": True}])
    assert columns == {"id": [1, "b"], "mag": [20.1, None], "limit": [None, True]}


def test_text_among_numbers_sets_its_object_aside(tmp_path):
    records = [*RECORDS, {**RECORDS[0], "objectId": 7, "flux": "bright"}, {**RECORDS[1], "objectId": 7}]
    (tmp_path / "records.json").write_text(json.dumps(records))
    source = open_lightcurves([tmp_path / "records.json"], {"zero_point": 27.5})
    assert [len(c) for c in source.chunks()] == [1]
    assert source.rejected[0].reason.startswith("text in a number")


POINTS = [
    {"mjd": 59000.0 + k, "fid": fid, "magpsf": 20.0, "sigmapsf": 0.1, "isdiffpos": "t"} for k, fid in enumerate((1, 2))
]
LIMITS = [{"mjd": 58990.0 + k, "fid": 1} for k in range(9)]
OSC = [{"time": str(59000.0 + k), "u_time": "MJD", "band": b, "magnitude": "20.0", "e_magnitude": "0.1"}
       for k, b in enumerate("gr")]  # fmt: skip
NESTED = {
    "broker": ({"objectId": "ZTF1", "candidates": POINTS, "objectData": {"ra": 1.0}}, "ZTF1"),
    "detections": ({"detections": [p | {"oid": "ZTF1"} for p in POINTS], "non_detections": LIMITS}, "ZTF1"),
    "several": ([{"objectId": "ZTF1", "candidates": POINTS}], "ZTF1"),
    "lines": ((json.dumps({"objectId": "ZTF1", "candidates": POINTS}) + "\n") * 2, "ZTF1"),
    "catalogue": (
        {"SN2030ab": {"name": "SN2030ab", "photometry": [*OSC, OSC[0] | {"time": "59009", "upperlimit": True}]}},
        "SN2030ab",
    ),
    "columns": ({"meta": {"z": 0.1}, "data": {n: [p[n] for p in POINTS] for n in POINTS[0]}}, "file"),
    "split": ({"columns": list(POINTS[0]), "index": [0, 1], "data": [list(p.values()) for p in POINTS]}, "file"),
}  # fmt: skip


@pytest.mark.parametrize("form", NESTED)
def test_the_lines_for_nested_json_write_what_is_then_read(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    document, name = NESTED[form]
    (tmp_path / "file.json").write_text(document if isinstance(document, str) else json.dumps(document))
    with pytest.raises(InputError, match="JSON") as error:
        open_lightcurves(["file.json"])
    lines = [line.strip() for line in error.value.fix.splitlines()[1:]]
    assert len(lines) == 2
    exec("\n".join(lines), {})
    curves = read("file.csv", {"columns": {"id": "<file>"}, "dialect": "ztf"} if name == "file" else None)
    assert (curves.ids.tolist(), curves.counts.tolist()) == ([name], [2])
    np.testing.assert_allclose(curves.flux, 1000.0)


@pytest.mark.parametrize(("text", "words"), [
    ('[{"id": 1, "id": 2}]', "twice"), ('[{"id": 1', "well-formed"), ("[" * 100_000, "too deep"),
    ('{"id": "a"}\n{"id": ', "well-formed"), ("[" + "9" * 5000 + "]", "JSON"), ("[]", "JSON"), ("{}", "JSON"),
    ('[[1, 2], [3, 4]]', "JSON"), (b'[{"id": "\xff"}]', "JSON"),
])  # fmt: skip
def test_json_that_is_no_table_is_named(tmp_path, text, words):
    path = tmp_path / "file.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words):
        open_lightcurves([path])


def test_in_a_folder_notes_as_json_are_no_data(tmp_path):
    (tmp_path / "notes.json").write_text('{"author": "me", "files": {"a": 1}}')
    (tmp_path / "points.json").write_text(json.dumps(RECORDS))
    assert read(tmp_path, {"zero_point": 27.5}).counts.tolist() == [3]
