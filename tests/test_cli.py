"""The command line in process: usage, settings, outputs, runs, interruptions, and what it says of each."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from skysure import verbs
from skysure.application import presets
from skysure.applications import supernovae
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.cli.flags import ReadingFlags
from skysure.data.lightcurves import LightCurves
from skysure.data.results.writer import ResultWriter, read_table
from skysure.data.split import read_parts
from skysure.errors import InputError, SettingsError
from skysure.run.checkpoints import Checkpoints
from skysure.run.digests import digest_of_file, digest_of_toml
from skysure.run.files import read_history, write_metrics
from skysure.settings import load_toml
from skysure.verbs.calibrating import worse_scores

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def refuses(say: Say, tmp_path: Path) -> Callable[..., str]:
    """Run a command that must be refused in labelled lines, with these words, and leave no file behind."""

    def run(status: int, phrases: tuple[str, ...], *words: object) -> str:
        before = listing(tmp_path)
        exit_code, out, err = say(*words)
        message = err[max(err.find("Problem:"), 0) :]
        assert (exit_code, out) == (status, "")
        assert message.startswith("Problem: ")
        assert "Traceback" not in err
        assert all(word in message for word in phrases), message
        assert listing(tmp_path) == before
        return message

    return run


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b"" for p in sorted(folder.rglob("*"))}


def write(path: Path, curves: LightCurves) -> Path:
    with ResultWriter([path], force=True) as writer:
        writer.write(curves.to_table())
    return path


def fresh(n: int, seed: int = 5, prefix: str = "new-") -> LightCurves:
    """Simulated light curves whose ids no run has seen."""
    curves = simulate_lightcurves(n, seed=seed)
    ids = np.array([f"{prefix}{k}" for k in range(n)])
    groups = {"group": np.full(n, "")} if "group" in curves.objects else {}
    curves.objects.update({"id": ids} | groups)
    return curves


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return write(tmp_path / "night.parquet", fresh(12))


# usage


def test_without_a_command_it_tells_what_there_is(say: Say) -> None:
    status, out, err = say()
    assert (status, err) == (0, "")
    assert all(name in out for name in ("demo", "train", "predict", "evaluate", "calibrate", "inspect", "simulate"))
    assert say("--help")[1] == out


def test_version(say: Say) -> None:
    from importlib.metadata import version

    assert say("--version") == (0, version("skysure") + "\n", "")


def test_help_shows_the_fields_of_an_application_and_the_questions_of_a_run(say: Say, supernova_run: Path) -> None:
    out = say("train", "supernovae", "--help")[1]
    assert all(f"--{flag}" in out for flag in ("preset", "resume", "classes", "learning-rate", "hide-redshift"))
    assert "default: 3" not in say("train", "--help")[1]
    objects = presets("supernovae")["demo"]["objects"]
    assert f"default: {objects}" in say("train", "supernovae", "--preset", "demo", "--help")[1]
    out = say("predict", supernova_run, "--help")[1]
    assert all(f"--{flag}" in out for flag in ("samples", "at-epoch", "coverage", "out"))
    assert "--empty" not in out
    assert "--at-epoch" in say("evaluate", supernova_run, "--help")[1]


def test_list_for_people_and_machines(say: Say) -> None:
    assert "supernovae" in say("list")[1]
    facts = json.loads(say("list", "--json")[1])
    assert "spcc" in facts["applications"]["supernovae"]["presets"]
    assert "play" in facts["applications"]["chain"]["verbs"]


@pytest.mark.parametrize(
    ("words", "phrases"),
    [
        (("frobnicate",), ("frobnicate", "skysure --help")),
        (("trian", "supernovae"), ("train",)),
        (("train", "supernovae"), ("--out", "skysure train --help")),
        (("predict",), ("RUN", "skysure predict --help")),
        (("train", "supernovae", "--out", "r", "--epoch", "3"), ("--epoch", "--epochs")),
        (("train", "supernovae", "--out", "r", "--epochs", "many"), ("--epochs", "many", "a whole number")),
        (("train", "supernovae", "--out", "r", "--epochs", "0"), ("epochs = 0", "from 1")),
        (("train", "supernovae", "--out", "r", "--hidden", "0"), ("hidden = 0", "from 1")),
        (("train", "supernovae", "--out", "r", "--learning-rate", "-1"), ("learning_rate = -1",)),
        (("train", "supernovae", "--out", "r", "--cell", "rnn"), ("--cell", "gru, lstm")),
        (("train", "supernovae", "--out", "r", "--classes", "Ia"), ("classes = Ia", "two", "--classes Ia,CC")),
        (("train", "supernovae", "--out", "r", "--classes", "Ia,Ia"), ("each once",)),
        (("train", "supernovae", "--out", "r", "--test", "0.9", "--calibration", "0.5"), ("test = 0.9", "1.44")),
        (("train", "supernovae", "--out", "r", "--preset", "dmo"), ("dmo", "nearest: demo")),
        (("train", "supernovae", "--out", "r", "--device", "tpu"), ("device = 'tpu'", "auto, cpu or cuda")),
        (("train", "sine", "--out", "r", "--epochs", "0"), ("epochs = 0", "from 1")),
        (("train", "chain", "--out", "r", "--slip", "2"), ("slip = 2", "from 0 to 1")),
        (("simulate", "supernovae", "--out", "s.csv", "-n", "0"), ("n = 0",)),
        (("simulate", "supernovae", "--out", "s.csv", "-n", "1.5"), ("-n", "a whole number")),
    ],
)
def test_wrong_usage(refuses: Callable[..., str], words: tuple[str, ...], phrases: tuple[str, ...]) -> None:
    refuses(2, phrases, *words)


@pytest.mark.parametrize(
    ("question", "phrases"),
    [
        (("--coverage", "1.5"), ("coverage = 1.5",)),
        (("--samples", "0"), ("samples = 0", "from 2")),
        (("--samples", "1"), ("samples = 1", "from 2")),
        (("--at-epoch", "soon"), ("at_epoch = 'soon'", "--at-epoch 10")),
        (("--at-epoch", "nan"), ("at_epoch = 'nan'",)),
        (("--ood-level", "-1"), ("ood_level = -1",)),
        (("--batch", "0"), ("batch = 0",)),
        (("--covrage", "0.9"), ("--covrage", "--coverage")),
    ],
)
def test_wrong_questions(
    refuses: Callable[..., str], supernova_run: Path, night: Path, question: tuple[str, str], phrases: tuple[str, ...]
) -> None:
    refuses(2, phrases, "predict", supernova_run, night, "--out", "o.csv", *question)


def test_settings_in_a_file(refuses: Callable[..., str], tmp_path: Path) -> None:
    for text, status, phrases in (
        ("[settings]\nhiden = 3\n", 2, ("c.toml", "hiden", "nearest: hidden")),
        ("[settings]\nhidden = 'wide'\n", 2, ("c.toml", "hidden", "a whole number")),
        ("[settings\n", 1, ("c.toml", "line 1", "valid TOML")),
    ):
        (tmp_path / "c.toml").write_text(text)
        refuses(status, phrases, "train", "supernovae", "--out", "r", "--config", "c.toml")
    refuses(1, ("no.toml", "no such file"), "train", "supernovae", "--out", "r", "--config", "no.toml")
    refuses(1, ("supernove", "nearest: supernovae"), "train", "supernove", "--out", "r")


def test_layers_and_lists_of_flags() -> None:
    from skysure.cli.commands import app

    words = ["train", "supernovae", "a.csv", "--classes", "Ia,II", "b.csv", "--preset=demo", "--epochs", "1e1"]
    _, bound, *_ = app(words).parse_args([*words, "--out", "r", "--no-unknowns"], exit_on_error=False)
    settings = bound.arguments["settings"]
    assert bound.arguments["data"] == ["a.csv", "b.csv"]
    assert settings.classes == ("Ia", "II")
    objects = presets("supernovae")["demo"]["objects"]
    assert (settings.epochs, settings.objects, settings.unknowns) == (10, objects, False)


def test_flags_of_reading_are_lines_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        '[reading]\nunit = "uJy"\ntime_format = "jd"\n[reading.columns]\nid = "a"\nflux = "f"\n'
    )
    columns = {"id": "objname", "flux": "f"}
    assert ReadingFlags().table() is None
    assert ReadingFlags(unit="nJy").table() == {"unit": "nJy"}
    assert ReadingFlags(tmp_path / "r.toml", zero_point=27.5, column=("id=objname",)).table() == {
        "zero_point": 27.5, "time_format": "jd", "columns": columns,
    }  # fmt: skip
    assert ReadingFlags(column=("id=a", "time = b=c")).table() == {"columns": {"id": "a", "time": "b=c"}}
    with pytest.raises(SettingsError, match="NAME=COLUMN"):
        ReadingFlags(column=("objname",)).table()


def test_flags_of_reading_go_over_the_file_else_over_the_run(tmp_path: Path) -> None:
    of_run = {"unit": "uJy", "time_format": "jd", "columns": {"id": "a", "flux": "f"}}
    assert ReadingFlags().table(of_run) is None
    assert ReadingFlags(unit="nJy").table(of_run) == of_run | {"unit": "nJy"}
    assert ReadingFlags(zero_point=27.5, column=("id=b",)).table(of_run) == {
        "zero_point": 27.5, "time_format": "jd", "columns": {"id": "b", "flux": "f"},
    }  # fmt: skip
    assert of_run == {"unit": "uJy", "time_format": "jd", "columns": {"id": "a", "flux": "f"}}
    (tmp_path / "r.toml").write_text('[reading]\ntime_format = "mjd"\n')
    assert ReadingFlags(tmp_path / "r.toml", unit="nJy").table(of_run) == {"unit": "nJy", "time_format": "mjd"}


@pytest.mark.parametrize("verb", ["predict", "evaluate", "calibrate"])
def test_flags_of_reading_keep_the_rest_of_the_reading_of_a_run(
    say: Say, supernova_run: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    run = replace(verbs.load(supernova_run), reading={"zero_point": 31.4, "columns": {"time": "when"}})
    readings = []

    def note(run: Any, *arguments: object, reading: Any = None, **options: object) -> int:
        readings.append(reading)
        raise InputError("stop here", "the reading")

    monkeypatch.setattr(verbs, "load", lambda path: run)
    monkeypatch.setattr(verbs, verb, note)
    words = (verb, supernova_run, "night.csv", "--out", "o.csv")
    assert say(*words, "--unit", "nJy", "--column", "id=objname")[0] == 1
    assert say(*words)[0] == 1
    assert readings == [{"unit": "nJy", "columns": {"time": "when", "id": "objname"}}, None]


def test_a_unit_given_by_a_flag_leaves_the_columns_of_the_run(say: Say, run_copy: Path, tmp_path: Path) -> None:
    sign(run_copy, reading={"unit": "mJy", "columns": {"id": "objname"}})
    text = "objname,mjd,band,flux,flux_error\n"
    text += "".join(f"a,{59000 + day},g,{100 + day},5\n" for day in range(5))
    (tmp_path / "night.csv").write_text(text)
    status, _, err = say("predict", run_copy, "night.csv", "--out", "a.csv", "--unit", "nJy", "--samples", "2")
    assert status == 0, err
    assert read_table("a.csv")["id"].tolist() == ["a"]


def test_flags_of_reading_read_a_file(say: Say, tmp_path: Path) -> None:
    text = "objname,mjd,band,flux,flux_error\n"
    text += "".join(f"a,{59000 + day},g,{100 + day},5\n" for day in range(5))
    (tmp_path / "night.csv").write_text(text)
    assert say("inspect", "night.csv")[0] == 1
    status, out, err = say("inspect", "night.csv", "--zero-point", "27.5", "--column", "id=objname", "--json")
    assert status == 0, err
    assert json.loads(out)["reading"]["zero_point"] == 27.5
    flags = ("--unit", "nJy", "--column", "id=objname", "--column=time=mjd", "--json")
    reading = json.loads(say("inspect", "night.csv", *flags)[1])["reading"]
    assert (reading["unit"], reading["columns"]["time"]) == ("nJy", "mjd")


# counts, JSON, outputs


def test_simulate_writes_what_predict_reads(say: Say, supernova_run: Path) -> None:
    status, out, err = say("simulate", "supernovae", "--out", "s.parquet", "-n", "1_0", "--seed", 3)
    assert (status, out) == (0, "")
    assert "10 objects in s.parquet" in err
    assert say("simulate", "supernovae", "--out", "s.csv", "-n", "1e1", "--seed", 3)[0] == 0
    Path("reading.toml").write_text('[reading]\nunit = "nJy"\n')
    assert say("predict", supernova_run, "s.parquet", "--out", "a.csv")[0] == 0
    assert say("predict", supernova_run, "s.csv", "--out", "b.csv", "--reading", "reading.toml")[0] == 0
    a, b = read_table("a.csv"), read_table("b.csv")
    assert a["id"].tolist() == b["id"].tolist()
    assert np.allclose(a["p_Ia"], b["p_Ia"], atol=1e-5)


def test_flags_may_stand_before_the_run(say: Say, supernova_run: Path, night: Path) -> None:
    status, _, err = say("predict", "--out", "a.csv", "--samples", 3, supernova_run, night)
    assert status == 0, err


def test_out_twice_gives_the_same_table_twice(say: Say, supernova_run: Path, night: Path) -> None:
    status, out, err = say("predict", supernova_run, night, "--out", "a.csv", "--out", "a.fits")
    assert (status, out) == (0, "")
    assert "12 rows in a.csv, a.fits" in err
    a, b = read_table("a.csv"), read_table("a.fits")
    assert a.colnames == b.colnames
    assert a["predicted_class"].tolist() == b["predicted_class"].tolist()
    assert np.allclose(a["p_Ia"], b["p_Ia"], atol=1e-12)
    assert np.array_equal(a["in_set_Ia"].astype(str), b["in_set_Ia"].astype(str))


def test_json_is_all_that_stands_on_standard_output(say: Say, run_copy: Path) -> None:
    status, out, _ = say("inspect", run_copy, "--json")
    assert status == 0
    assert json.loads(out, parse_constant=lambda text: pytest.fail(text))["application"] == "supernovae"


def test_outputs_that_cannot_be(
    refuses: Callable[..., str], supernova_run: Path, night: Path, tmp_path: Path, flags: list[str]
) -> None:
    predict = ("predict", supernova_run, night, "--out")
    (tmp_path / "there.csv").write_text("mine")
    refuses(1, ("there.csv exists", "--force"), *predict, "there.csv")
    refuses(1, ("no folder", "mkdir -p"), *predict, "no/o.csv")
    refuses(1, (".xyz", ".parquet"), *predict, "o.xyz")
    refuses(1, ("each file once",), *predict, "o.csv", "--out", "o.csv")
    (tmp_path / "folder.csv").mkdir()
    refuses(1, ("is a folder",), *predict, "folder.csv")
    refuses(1, ("no folder",), "train", "supernovae", "--out", "no/r", *flags)
    refuses(1, ("exists", "--force"), "train", "supernovae", "--out", tmp_path, *flags)
    refuses(1, ("is not a run",), "train", "supernovae", "--out", tmp_path, "--force", *flags)
    refuses(1, ("exists", "--force"), "evaluate", supernova_run, night, "--out", tmp_path)
    refuses(1, ("exists", "--force"), "calibrate", supernova_run, night, "--out", tmp_path)
    refuses(1, ("exists", "--force"), "simulate", "supernovae", "--out", "there.csv", "-n", "5")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_folder_that_is_closed(
    refuses: Callable[..., str], supernova_run: Path, night: Path, tmp_path: Path, flags: list[str]
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    refuses(1, ("closed", "cannot be written"), "predict", supernova_run, night, "--out", "closed/o.csv")
    refuses(1, ("closed",), "train", "supernovae", "--out", "closed/r", *flags)


@pytest.mark.usefixtures("without_figures")
def test_a_full_disk_leaves_no_partial_file(
    refuses: Callable[..., str], supernova_run: Path, night: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    predict = ("predict", supernova_run, night, "--out", "o.csv", "--device", "cpu")
    for place in ("skysure.data.targets.synced", "skysure.data.results.writer.synced"):
        monkeypatch.setattr(place, full)
        refuses(1, ("o.csv", "disk is full", "free some space"), *predict)
    refuses(1, ("disk is full",), "evaluate", supernova_run, night, "--out", "e", "--device", "cpu")
    refuses(1, ("disk is full",), "calibrate", supernova_run, night, "--out", "c", "--device", "cpu")
    refuses(1, ("disk is full",), "train", "supernovae", "--out", "r", *flags)


@pytest.mark.usefixtures("without_figures")
def test_a_disk_that_fills_later_keeps_what_was_learned(
    say: Say, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    inner, words = write_metrics, ("train", "supernovae", "--out", "r", *flags)

    def full(*_: object) -> None:
        raise InputError("r could not be written whole", "room", "the disk is full", "free some space")

    monkeypatch.setattr("skysure.run.reporting.write_metrics", full)
    status, _, err = say(*words)
    assert status == 1
    assert "--resume continues" in err
    assert not Path("r").exists()
    monkeypatch.setattr("skysure.run.reporting.write_metrics", inner)
    status, _, err = say(*words, "--resume")
    assert status == 0
    assert "training:" not in err


# runs


def sign(copy: Path, **changes: object) -> None:
    """Edit a run.toml as somebody would who knows how to sign it."""
    content = {k: v for k, v in load_toml(copy / "run.toml").items() if k != "sha256"} | changes
    digests = {"run.toml": digest_of_toml(content), "model.safetensors": digest_of_file(copy / "model.safetensors")}
    (copy / "run.toml").write_text(tomli_w.dumps(content | {"sha256": digests}))


def damage(copy: Path, how: str) -> None:
    import pickle

    content = load_toml(copy / "run.toml")
    match how:
        case "incomplete":
            (copy / "model.safetensors").unlink()
        case "truncated":
            (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:-5])
        case "edited":
            (copy / "run.toml").write_text(tomli_w.dumps(content | {"settings": content["settings"] | {"hidden": 8}}))
        case "newer":
            (copy / "run.toml").write_text(tomli_w.dumps(content | {"format": 3}))
        case "pickle":
            (copy / "model.safetensors").write_bytes(pickle.dumps(Trap()))
            sign(copy)
        case "other shapes":
            sign(copy, settings=content["settings"] | {"hidden": 8})
        case "nonsense":
            sign(copy, settings=content["settings"] | {"hidden": 0})
        case "another application":
            sign(copy, application="os")
        case "no split":
            (copy / "split.parquet").write_bytes(b"PAR1")


class Trap:
    """Something that tells when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize(
    ("how", "phrases"),
    [
        ("incomplete", ("model.safetensors", "no such file")),
        ("truncated", ("model.safetensors", "copy it again")),
        ("edited", ("run.toml", "was changed", "--config")),
        ("newer", ("format 3", "upgrade skysure")),
        ("pickle", ("model.safetensors", "a safetensors file")),
        ("other shapes", ("has shape",)),
        ("nonsense", ("hidden = 0", "edited")),
        ("another application", ("unknown application 'os'",)),
    ],
)
def test_a_run_that_is_not_as_it_was(
    refuses: Callable[..., str], run_copy: Path, night: Path, how: str, phrases: tuple[str, ...]
) -> None:
    damage(run_copy, how)
    refuses(1, phrases, "predict", run_copy, night, "--out", "o.csv")
    refuses(1, phrases, "evaluate", run_copy, night, "--out", "e")


def test_a_run_that_is_none(refuses: Callable[..., str], run_copy: Path, night: Path, tmp_path: Path) -> None:
    refuses(1, ("nope", "no such run"), "predict", "nope", night, "--out", "o.csv")
    refuses(1, ("no run.toml",), "predict", tmp_path, night, "--out", "o.csv")
    refuses(1, ("no DATA",), "predict", run_copy, "--out", "o.csv")
    refuses(1, ("cannot play",), "play", run_copy)
    damage(run_copy, "no split")
    refuses(1, ("split.parquet",), "evaluate", run_copy, night, "--out", "e")


# interruptions


def interrupted_after(monkeypatch: pytest.MonkeyPatch, target: object, name: str, calls: int) -> None:
    """Let the n-th call of something be interrupted, as by ctrl-C."""
    inner, count = getattr(target, name), []

    def call(*arguments: object, **options: object) -> object:
        count.append(1)
        if len(count) == calls:
            raise KeyboardInterrupt
        return inner(*arguments, **options)

    monkeypatch.setattr(target, name, call)


def test_an_interrupted_prediction_goes_on(
    say: Say, supernova_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import skysure.data.lightcurves.source as files

    write(tmp_path / "night.parquet", fresh(30))
    inner = files.LightCurveSource.chunks
    monkeypatch.setattr(files.LightCurveSource, "chunks", lambda self, part=None: inner(self, part, size=8))
    words = ("predict", supernova_run, "night.parquet", "--device", "cpu", "--out")
    assert say(*words, "whole.fits")[0] == 0
    with monkeypatch.context() as patch:
        interrupted_after(patch, supernovae, "predict", 3)
        status, _, err = say(*words, "cut.fits")
    assert status == 130
    assert "--resume" in err
    assert not Path("cut.fits").exists()
    status, _, err = say(*words, "cut.fits")
    assert status == 1
    assert "--resume" in err
    assert say(*words, "cut.fits", "--resume", "--samples", 7)[0] == 1
    with monkeypatch.context() as patch:
        interrupted_after(patch, supernovae, "predict", 4)  # only the last two chunks are left to do
        assert say(*words, "cut.fits", "--resume")[0] == 0
    assert Path("cut.fits").read_bytes() == Path("whole.fits").read_bytes()
    assert not Path("cut.fits.partial").exists()


@pytest.mark.usefixtures("without_figures")
def test_an_interrupted_training_goes_on(
    say: Say, supernova_run: Path, refuses: Callable[..., str], monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    words = ("train", "supernovae", "--out", "r", *flags)
    with monkeypatch.context() as patch:
        interrupted_after(patch, Checkpoints, "save", 2)
        status, _, err = say(*words)
    assert status == 130
    assert "--resume" in err
    assert not Path("r").exists()
    refuses(1, ("--resume", "--force"), *words)
    refuses(2, ("other settings", "--resume"), *words, "--resume", "--seed", "3")
    refuses(1, ("not finished", "--resume"), "predict", "r", "night.csv", "--out", "o.csv")
    status, out, _ = say(*words, "--resume", "--json")
    assert status == 0
    assert json.loads(out)["objects"] == 100
    for name in ("model.safetensors", "metrics.json", "history.csv", "split.parquet"):
        assert (Path("r") / name).read_bytes() == (supernova_run / name).read_bytes(), name
    assert not Path("r.training").exists()


@pytest.mark.usefixtures("without_figures")
def test_nothing_to_resume_is_a_beginning_and_weights_to_start_from(
    say: Say, supernova_run: Path, flags: list[str]
) -> None:
    few = [f for f in flags if "epochs" not in f]
    status, _, err = say("train", "supernovae", "--out", "r", "--resume", "--from", supernova_run, "--epochs=1", *few)
    assert status == 0, err
    assert "reading 300" in err
    first, second = (read_history(f)[0]["train_nll"] for f in (supernova_run, Path("r")))
    assert first != second


def test_weights_that_do_not_fit_are_no_start(
    refuses: Callable[..., str], supernova_run: Path, flags: list[str]
) -> None:
    few = [f for f in flags if "hidden" not in f]
    refuses(1, ("has shape", "other settings"), "train", "supernovae", "--out", "r", "--from", supernova_run, *few)
    small = ("--objects=120", "--validation=30", "--calibration=30", "--test=30", "--epochs=1", "--hidden=8")
    refuses(1, ("a run of supernovae",), "train", "sine", "--out", "r", "--from", supernova_run, *small)


def test_the_interruption_of_what_cannot_go_on(
    say: Say, supernova_run: Path, night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listing(tmp_path)
    interrupted_after(monkeypatch, supernovae, "calibrate", 1)
    status, _, err = say("calibrate", supernova_run, night, "--out", "c", "--device", "cpu")
    assert status == 130
    assert "--resume" not in err
    assert listing(tmp_path) == before


# proofs


@pytest.mark.usefixtures("without_figures")
def test_evaluate_leaves_out_what_was_seen(say: Say, supernova_run: Path, tmp_path: Path) -> None:
    simulated = simulate_lightcurves(40, seed=0)
    trained_ids = set(load_split(supernova_run))
    n_trained = sum(i in trained_ids for i in simulated.ids.tolist())
    assert 0 < n_trained < 40
    write(tmp_path / "seen.parquet", simulated)
    status, out, err = say("evaluate", supernova_run, "seen.parquet", "--json", "--device", "cpu")
    assert status == 0, err
    facts = json.loads(out)
    assert facts["objects"] == 40 - n_trained
    assert facts["part"] == "given data"
    assert f"{n_trained} objects left out" in err
    folder = tmp_path / "tiny-on-seen"
    assert json.loads((folder / "metrics.json").read_text())["dropped"]["count"] == n_trained
    assert f"{n_trained} light curves were left out" in (folder / "report.html").read_text()
    all_seen = simulated[np.isin(simulated.ids, list(trained_ids))]
    write(tmp_path / "all.parquet", all_seen)
    status, _, err = say("evaluate", supernova_run, "all.parquet")
    assert status == 1
    assert "no object that is new" in err


def load_split(run: Path) -> list[str]:
    from skysure.data.split import SEEN, read_parts

    split = read_parts(run / "split.parquet")
    return split.ids[np.isin(split.parts, SEEN)].tolist()


def test_evaluate_without_truth_still_makes_the_page(say: Say, supernova_run: Path, tmp_path: Path) -> None:
    curves = fresh(8)
    curves.objects.pop("label")
    write(tmp_path / "night.parquet", curves)
    status, out, err = say("evaluate", supernova_run, "night.parquet", "--device", "cpu")
    assert status == 0, err
    assert "no truth" in err
    assert out.strip() == "tiny-on-night/report.html"
    assert Path("tiny-on-night/report.html").stat().st_size > 10_000


@pytest.mark.usefixtures("without_figures")
def test_evaluate_against_another_run(say: Say, supernova_run: Path, run_copy: Path, night: Path) -> None:
    status, _, err = say("evaluate", run_copy, night, "--against", supernova_run, "--out", "e", "--device", "cpu")
    assert status == 0, err
    scores = json.loads(Path("e/metrics.json").read_text())["scores"]
    assert all(s["against"] == s["value"] for s in scores)


@pytest.mark.usefixtures("without_figures")
def test_calibrate_on_a_hundred_labels(say: Say, supernova_run: Path, tmp_path: Path) -> None:
    write(tmp_path / "labelled.parquet", fresh(100, seed=9))
    status, out, err = say("calibrate", supernova_run, "labelled.parquet", "--out", "c", "--json", "--device", "cpu")
    assert status == 0, err
    assert json.loads(out)["objects"] == 30
    assert "70 objects to calibrate on" in err
    a, b = (verbs.load(p).model.state_dict() for p in (supernova_run, "c"))
    changed = {name.split(".")[0] for name in a if not np.array_equal(a[name].numpy(), b[name].numpy())}
    assert changed == {"stages"}
    assert load_toml(Path("c/run.toml"))["parts"] == {"calibration": 70, "test": 30}
    status, _, err = say("evaluate", "c", "labelled.parquet", "--out", "e", "--device", "cpu")
    assert "70 objects left out" in err
    assert set(load_split(Path("c"))) >= set(load_split(supernova_run))


@pytest.mark.usefixtures("without_figures")
def test_calibrate_compares_with_the_model_before_on_the_same_objects(
    say: Say, supernova_run: Path, tmp_path: Path
) -> None:
    """The scores of the model before are those of its own evaluation on these objects."""
    curves = fresh(120, seed=11)
    write(tmp_path / "labelled.parquet", curves)
    assert say("calibrate", supernova_run, "labelled.parquet", "--out", "c", "--device", "cpu")[0] == 0
    metrics = json.loads(Path("c/metrics.json").read_text())
    assert metrics["against"] == "tiny, before this calibration"
    split = read_parts(Path("c/split.parquet"))
    before = verbs.evaluate(supernova_run, curves[np.isin(curves.ids, split.of("test"))], device="cpu").metrics
    values = {score["name"]: score["value"] for score in before["scores"]}
    assert all(score["against"] == pytest.approx(values[score["name"]]) for score in metrics["scores"])
    worse = {"scores": [{"name": "nll", "label": "NLL", "value": 0.4, "against": 0.3},
                        {"name": "brier", "label": "Brier score", "value": 0.3, "against": 0.3},
                        {"name": "accuracy", "label": "Accuracy", "value": 80.0, "against": 90.0}]}  # fmt: skip
    assert worse_scores(worse) == ["NLL is worse after this calibration: 0.4, before 0.3"]


def test_calibrate_says_when_it_made_a_score_worse(
    say: Say, supernova_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A calibration whose scales have the wrong sign."""
    write(tmp_path / "labelled.parquet", fresh(100, seed=9))
    calibrate = supernovae.calibrate

    def spoil(model: object, source: object) -> None:
        calibrate(model, source)
        for stage in model.stages:
            stage.scaling.scale.mul_(-3)

    monkeypatch.setattr(supernovae, "calibrate", spoil)
    monkeypatch.setattr(supernovae, "figures", lambda evaluation: iter(()))
    status, _, err = say("calibrate", supernova_run, "labelled.parquet", "--out", "c", "--device", "cpu")
    assert status == 0
    assert "Negative log-likelihood is worse after this calibration" in err
    assert "Brier score is worse after this calibration" in err


@pytest.mark.usefixtures("without_figures")
def test_labels_that_cannot_calibrate(refuses: Callable[..., str], supernova_run: Path, tmp_path: Path) -> None:
    for name, labels in (("none", ""), ("unknown", "AGN")):
        curves = fresh(40)
        curves.objects["label"] = np.full(40, labels)
        write(tmp_path / f"{name}.parquet", curves)
        phrases = ("labels",)
        refuses(1, phrases, "calibrate", supernova_run, f"{name}.parquet", "--out", "c", "--device", "cpu")
    curves = fresh(60)
    write(tmp_path / "one.parquet", curves[curves.objects["label"] == "II"])
    refuses(1, ("are II", "other classes"), "calibrate", supernova_run, "one.parquet", "--out", "c", "--device", "cpu")
    write(tmp_path / "two.parquet", fresh(2))
    refuses(2, ("test = 0",), "calibrate", supernova_run, "two.parquet", "--out", "c", "--test", "0")
    refuses(1, ("calibration",), "calibrate", supernova_run, "two.parquet", "--out", "c", "--test", "2")


# progress


def test_progress_in_a_log_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    from skysure.cli.showing import Progress

    with Progress() as progress:
        for k in range(1000):
            progress("reading", k + 1, 1000)
        progress("3 objects set aside", 0, 0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["reading 1 of 1000", "reading 1000 of 1000", "3 objects set aside"]


def test_a_folder_goes_only_with_force(say: Say, run_copy: Path, tmp_path: Path) -> None:
    shutil.copytree(run_copy, tmp_path / "again")
    assert say("simulate", "supernovae", "--out", "s.csv", "-n", "3")[0] == 0
    assert say("simulate", "supernovae", "--out", "s.csv", "-n", "3")[0] == 1
    assert say("simulate", "supernovae", "--out", "s.csv", "-n", "3", "--force")[0] == 0


def test_help_costs_at_most_three_times_importing_numpy() -> None:
    """The smallest of several CPU times of each, since other work can only add to them."""

    def cpu(*arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    numpy = min(cpu("-c", "import numpy") for _ in range(4))
    assert min(cpu("-m", "skysure.cli", "--help") for _ in range(4)) <= 3 * numpy
