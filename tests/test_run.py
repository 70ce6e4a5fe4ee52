"""The run directory: what it holds, what it refuses, and a training that is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import tomli_w
import torch

import skysure
from skysure import verbs
from skysure.errors import InputError, SettingsError
from skysure.run.checkpoints import Checkpoints
from skysure.run.digests import digest_of_file, digest_of_toml
from skysure.run.files import read_history, read_metrics, write_metrics
from skysure.settings import load_toml
from skysure.training import Part, State

SMALL = {"objects": 120, "validation": 30, "calibration": 30, "test": 30, "epochs": 4, "hidden": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "sine"
    verbs.train("sine", out=out, **SMALL)
    return out


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def test_it_holds_what_is_promised(original: Path) -> None:
    names = {"run.toml", "model.safetensors", "split.parquet", "history.csv", "metrics.json", "report.html"}
    assert {p.name for p in original.iterdir()} >= names
    assert not original.with_name("sine.training").exists()
    content = load_toml(original / "run.toml")
    assert content["format"] == 2
    assert content["parts"] == {"train": 30, "validation": 30, "calibration": 30, "test": 30}
    assert {"licence", "cite", "versions", "ids_hash", "settings", "schema", "reading"} <= content.keys()
    assert len(read_history(original)) == 4


def test_its_settings_are_a_config(original: Path, tmp_path: Path) -> None:
    run = verbs.train("sine", out=tmp_path / "again", config=original / "run.toml", device="cpu")
    first, second = (skysure.load(p).model.state_dict() for p in (original, run.path))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_evaluating_anew_gives_the_same_numbers(original: Path, copy: Path) -> None:
    metrics = verbs.evaluate(copy, device="cpu").metrics
    assert json.loads((copy / "metrics.json").read_text()) == json.loads((original / "metrics.json").read_text())
    assert metrics["objects"] == 30


def test_the_page_follows_the_numbers(copy: Path) -> None:
    metrics = read_metrics(copy)
    metrics["scores"][0] |= {"value": 98765.4, "low": 98765.3, "high": 98765.5}
    write_metrics(copy, metrics)
    before = (copy / "report.html").read_text()
    skysure.report_of(copy)
    after = (copy / "report.html").read_text()
    assert "98,765.40" not in before
    assert "98,765.40" in after


def edit(path: Path, **changes: object) -> None:
    path.write_text(tomli_w.dumps(load_toml(path) | changes))


def damage(copy: Path, how: str) -> None:
    weights = copy / "model.safetensors"
    match how:
        case "no weights":
            weights.unlink()
        case "truncated weights":
            weights.write_bytes(weights.read_bytes()[:-10])
        case "pickled weights":
            torch.save({"a": torch.ones(1)}, weights)
        case "edited settings":
            content = load_toml(copy / "run.toml")
            edit(copy / "run.toml", settings=content["settings"] | {"hidden": 9})
        case "newer format":
            edit(copy / "run.toml", format=3)
        case "no run.toml":
            (copy / "run.toml").unlink()
        case "broken run.toml":
            (copy / "run.toml").write_text("format = ")
        case "another application":
            edit(copy / "run.toml", application="os")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no weights", "no such file"),
        ("truncated weights", "SHA-256"),
        ("pickled weights", "SHA-256"),
        ("edited settings", "was changed"),
        ("newer format", "upgrade"),
        ("no run.toml", "no run.toml"),
        ("broken run.toml", "valid TOML"),
        ("another application", "unknown application 'os'"),
    ],
)
def test_a_damaged_run_is_refused(copy: Path, how: str, message: str) -> None:
    damage(copy, how)
    with pytest.raises(InputError, match=message) as raised:
        skysure.load(copy)
    assert raised.value.status == 1


def test_weights_that_do_not_fit_are_refused_even_when_signed(copy: Path) -> None:
    torch_file = copy / "model.safetensors"
    content = load_toml(copy / "run.toml")
    settings = content["settings"] | {"hidden": 9}
    signed = {k: v for k, v in content.items() if k != "sha256"} | {"settings": settings}
    digests = {"run.toml": digest_of_toml(signed), "model.safetensors": digest_of_file(torch_file)}
    (copy / "run.toml").write_text(tomli_w.dumps(signed | {"sha256": digests}))
    with pytest.raises(InputError, match="has shape"):
        skysure.load(copy)


def test_what_exists_is_not_overwritten(original: Path) -> None:
    with pytest.raises(InputError, match="--force"):
        verbs.train("sine", out=original, **SMALL)


@pytest.mark.parametrize("moment", [1, 2, 3, 5, 8])
def test_a_training_that_dies_while_writing_resumes_to_the_same_bits(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    replace, calls = os.replace, []

    def dies(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == moment:
            raise KeyboardInterrupt
        replace(*arguments)

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        verbs.train("sine", out=tmp_path / "sine", **SMALL)
    monkeypatch.undo()
    assert not (tmp_path / "sine").exists()
    verbs.train("sine", out=tmp_path / "sine", resume=True, **SMALL)
    for name in ("model.safetensors", "metrics.json", "history.csv"):
        assert (tmp_path / "sine" / name).read_bytes() == (original / name).read_bytes(), name


def test_a_killed_process_resumes_to_the_same_bits(tmp_path: Path) -> None:
    flags = [f"--{name}={value}" for name, value in (SMALL | {"epochs": 300}).items()]
    command = [sys.executable, "-m", "skysure.cli", "train", "sine", *flags, "--out"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    quiet = {"cwd": tmp_path, "env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*command, "whole"], check=True, **quiet)
    last = tmp_path / "killed.training" / "checkpoints" / "book.json"
    process = subprocess.Popen([*command, "killed"], **quiet)
    while not last.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert last.exists()
    subprocess.run([*command, "killed", "--resume"], check=True, **quiet)
    one, other = (tmp_path / name / "model.safetensors" for name in ("whole", "killed"))
    assert one.read_bytes() == other.read_bytes()


def test_resuming_with_other_settings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checkpoints, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        verbs.train("sine", out=tmp_path / "sine", **SMALL)
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"--resume"):
        skysure.load(tmp_path / "sine")
    with pytest.raises(SettingsError, match="other settings"):
        verbs.train("sine", out=tmp_path / "sine", resume=True, **(SMALL | {"hidden": 9}))


def test_light_curves_in_memory_train_calibrate_and_predict(tmp_path: Path) -> None:
    from skysure.applications.supernovae.simulator import simulate_lightcurves

    curves = simulate_lightcurves(150, "des", seed=3)
    sizes = {"epochs": 1, "hidden": 8, "head": 8, "validation": 30, "calibration": 30, "test": 30, "device": "cpu"}
    run = verbs.train("supernovae", curves, tmp_path / "run", **sizes)
    assert run.card["parts"]["train"] == 60
    assert "Charnock" in (tmp_path / "run" / "report.html").read_text()
    calibrated = verbs.calibrate(run, simulate_lightcurves(60, "des", seed=4), tmp_path / "mine", device="cpu")
    assert len(verbs.predict(calibrated, curves[:5])) == 5


def state_of(step: int, *versions: int) -> State:
    """A state whose tensors tell its step, with replay segments of these versions."""
    parts = {
        f"replay_{k}": Part(version, {"frames": torch.full((3,), 100.0 * k + version)})
        for k, version in enumerate(versions)
    }
    return State(step, {"epoch": step}, {"model.weight": torch.full((2,), float(step))}, {"steps": step}, parts=parts)


def contents(state: State) -> dict[str, object]:
    parts = {name: (part.version, part.tensors["frames"].tolist()) for name, part in state.parts.items()}
    return {"epoch": state.epoch, "counters": state.counters, "weight": state.tensors["model.weight"].tolist()} | parts


def test_a_part_that_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state_of(1, 7, 1), [{"epoch": 1}])
    first = {p.name: p.stat().st_ino for p in checkpoints.folder.iterdir()}
    checkpoints.save(state_of(2, 7, 2), [{"epoch": 1}, {"epoch": 2}])
    second = {p.name: p.stat().st_ino for p in checkpoints.folder.iterdir()}
    assert second.keys() == {"book.json", "state-2.safetensors", "replay_0-7.safetensors", "replay_1-2.safetensors"}
    assert second["replay_0-7.safetensors"] == first["replay_0-7.safetensors"]
    state, history = checkpoints.load()
    assert contents(state) == contents(state_of(2, 7, 2))
    assert history == [{"epoch": 1}, {"epoch": 2}]


@pytest.mark.parametrize("writes", [0, 1, 2], ids=["the tensors", "the part that changed", "the book"])
def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """What was written in vain is replaced by the next checkpoint, or removed."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state_of(1, 7, 1), [])
    replace, calls = os.replace, []

    def dies(*arguments: object) -> None:
        if len(calls) == writes:
            raise KeyboardInterrupt
        calls.append(arguments)
        replace(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(state_of(2, 7, 2), [])
    assert contents(checkpoints.load()[0]) == contents(state_of(1, 7, 1))
    part = Part(2, {"frames": torch.zeros(3)})
    other = State(
        2, {}, {"model.weight": torch.full((2,), 5.0)}, {}, parts=state_of(2, 7, 2).parts | {"replay_1": part}
    )
    checkpoints.save(other, [])
    assert contents(checkpoints.load()[0]) == contents(other)
    assert len(list(checkpoints.folder.glob("*.safetensors"))) == 3


@pytest.mark.parametrize(
    "entries",
    [{"epoch": "2"}, {"history": {"epoch": 1}}, {"history": [1]}, {"counters": []}, {"done": 0}, {"serial": 1.0}],
    ids=str,
)
def test_a_book_of_other_types_is_told(tmp_path: Path, entries: dict[str, object]) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state_of(1, 7), [{"epoch": 1}])
    book = checkpoints.folder / "book.json"
    book.write_text(json.dumps(json.loads(book.read_text()) | entries))
    with pytest.raises(InputError, match=r"book\.json"):
        checkpoints.load()


@pytest.mark.parametrize("name", ["state", "a/b", "../up", "with-dash", ""])
def test_a_part_has_the_name_of_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="part"):
        Checkpoints(tmp_path).save(State(1, {}, {}, parts={name: Part(1, {})}), [])


@pytest.mark.parametrize(("sizes", "part"), [({"test": 1}, "test"), ({"validation": 1}, "validation")])
def test_too_few_objects_fail_before_the_first_epoch(tmp_path: Path, sizes: dict[str, int], part: str) -> None:
    states: list[State] = []
    with pytest.raises(InputError, match=f"1 in the {part} part"):
        verbs.train("sine", out=tmp_path / "few", on_state=states.append, **(SMALL | sizes))
    assert not states
    assert not list(tmp_path.iterdir())
    few = {"objects": 4, "validation": 1, "calibration": 1, "test": 1}
    with pytest.raises(InputError, match="1 in the train part"):
        verbs.train("sine", out=tmp_path / "few", on_state=states.append, **(SMALL | few))
    assert not states


def test_an_agent_has_an_environment_and_flags_of_its_own(tmp_path: Path) -> None:
    run = verbs.train("chain", out=tmp_path / "run", agents=3, episodes=2, horizon=30)
    steps = list(verbs.play(run, steps=5, seed=2))
    assert [record["step"] for record in steps] == [1, 2, 3, 4, 5]
    assert steps == list(verbs.play(run, steps=5, seed=2))
    assert steps[-1]["return"] == sum(record["reward"] for record in steps)
    assert all(a["reaches"] == b["state"] for a, b in pairwise(steps))
    assert len(list(verbs.play(run, steps=100))) == 30  # the episode is over
    assert len(verbs.predict(run)) == run.settings.length
    with pytest.raises(SettingsError, match="unknown field 'stops'"):
        list(verbs.play(run, stops=3))
    for verb in (lambda: verbs.train("chain", ["a.csv"], tmp_path / "no"), lambda: verbs.evaluate(run, ["a.csv"])):
        with pytest.raises(InputError, match="chain reads no data"):
            verb()
