"""A run vouches for all its files; an evaluation is the old one or the new one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch
from safetensors.torch import load_file, save_file

import skysure
from skysure import verbs
from skysure.data.split import read_parts, write_parts
from skysure.errors import InputError
from skysure.evaluation import Evaluation
from skysure.run import evaluations
from skysure.run.digests import digest_of_file, digest_of_toml
from skysure.run.files import NEW, finish_replacing, read_metrics
from skysure.run.reporting import STAGE, replace_evaluation
from skysure.settings import load_toml


@pytest.fixture
def copy(small_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_run, tmp_path / "copy"))


@pytest.fixture(autouse=True)
def without_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skysure.run.reporting.write_report", lambda folder: None)


NIGHT = Path(__file__).parents[2] / "examples" / "night.ecsv"


def edit_split(run: Path) -> None:
    """Call what was trained on test objects."""
    split = read_parts(run / "split.parquet")
    write_parts(run / "split.parquet", split.ids, split.groups, np.where(split.parts == "train", "test", split.parts))


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "split removed": ("split.parquet", lambda run: (run / "split.parquet").unlink()),
    "split edited": ("split.parquet", edit_split),
    "split emptied": ("split.parquet", lambda run: (run / "split.parquet").write_bytes(b"")),
    "history removed": ("history.csv", lambda run: (run / "history.csv").unlink()),
    "history edited": ("history.csv", lambda run: (run / "history.csv").write_text("epoch\n1\n")),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_every_verb_refuses_a_run_whose_files_are_not_those_saved(
    copy: Path, tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    is_open = skysure.load(copy)
    damage(copy)
    for verb in (
        lambda: verbs.evaluate(copy, [NIGHT], out=tmp_path / "ev", device="cpu"),
        lambda: verbs.evaluate(copy, device="cpu"),
        lambda: verbs.predict(copy, [NIGHT], device="cpu"),
        lambda: verbs.calibrate(copy, [NIGHT], tmp_path / "mine", device="cpu"),
    ):
        with pytest.raises(InputError, match=name):
            verb()
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    if name == "split.parquet":  # also where it happens after the run was opened
        with pytest.raises(InputError, match=name):
            verbs.evaluate(is_open, [NIGHT], device="cpu")


def as_saved_before(run: Path, **changes: Any) -> None:
    """Make a run as earlier versions saved it, with checksums of the weights and run.toml alone."""
    content = {k: v for k, v in load_toml(run / "run.toml").items() if k not in ("sha256", "plan_hash")} | changes
    weights = {"model.safetensors": digest_of_file(run / "model.safetensors")}
    (run / "run.toml").write_text(tomli_w.dumps(content | {"sha256": weights | {"run.toml": digest_of_toml(content)}}))
    metrics = {k: v for k, v in json.loads((run / "metrics.json").read_text()).items() if k != "sha256"}
    (run / "metrics.json").write_text(json.dumps(metrics))


@pytest.mark.parametrize("name", ["split removed", "split edited", "split emptied"])
def test_runs_of_earlier_versions_are_held_against_their_card(copy: Path, name: str) -> None:
    as_saved_before(copy)
    assert read_metrics(copy)["objects"] == 5
    verbs.evaluate(copy, device="cpu")
    assert read_metrics(copy)["objects"] == 5
    DAMAGE[name][1](copy)
    with pytest.raises(InputError, match=r"split\.parquet"):
        verbs.evaluate(copy, [NIGHT], device="cpu")


EDITS: dict[str, str] = {
    "another number": "edited", "nothing": "{}", "a list": "[]", "no scores": '{"scores": 5}',
    "text": '{"curves": "x"}',
    "deep": "[" * 100_000 + "]" * 100_000,
    "deeper": '{"a":' * 100_000 + "1" + "}" * 100_000, "no JSON": "x", "empty": "",
    "odd checksums": '{"sha256": 5}', "null": '{"sha256": {"metrics.json": null}}',
}  # fmt: skip


@pytest.mark.parametrize("text", EDITS.values(), ids=EDITS)
def test_metrics_that_were_changed_are_refused(copy: Path, text: str) -> None:
    path = copy / "metrics.json"
    if text == "edited":
        metrics = json.loads(path.read_text())
        metrics["scores"][0]["value"] = 0.123
        text = json.dumps(metrics)
    path.write_text(text)
    with pytest.raises(InputError, match=r"metrics\.json"):
        read_metrics(copy)


def test_metrics_of_another_run_are_refused_and_another_layout_is_not(copy: Path, tmp_path: Path) -> None:
    path = copy / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert read_metrics(copy)["objects"] == 5
    other = Path(shutil.copytree(copy, tmp_path / "other"))
    weights = load_file(other / "model.safetensors")
    name = next(name for name, tensor in weights.items() if tensor.is_floating_point() and tensor.numel())
    save_file(weights | {name: weights[name] + 1}, other / "model.safetensors")
    as_new(other)
    with pytest.raises(InputError, match="another run"):
        read_metrics(other)


def as_new(run: Path, **settings: Any) -> None:
    """Sign the files of a run as they are, as whoever made it could."""
    content = {k: v for k, v in load_toml(run / "run.toml").items() if k != "sha256"}
    content["settings"] |= settings
    names = ("model.safetensors", "split.parquet", "history.csv")
    digests = {name: digest_of_file(run / name) for name in names} | {"run.toml": digest_of_toml(content)}
    (run / "run.toml").write_text(tomli_w.dumps(content | {"sha256": digests}))


def test_tensors_of_another_type_are_refused(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    name = next(name for name, tensor in weights.items() if tensor.dtype == torch.float32 and tensor.numel() > 1)
    for dtype in (torch.float64, torch.float16, torch.int32, torch.complex64):
        save_file(weights | {name: weights[name].to(dtype)}, copy / "model.safetensors")
        as_new(copy)
        with pytest.raises(InputError, match=f"holds {str(dtype).removeprefix('torch.')}"):
            skysure.load(copy)


@pytest.mark.parametrize("hidden", [200_000, 10**9])
def test_settings_take_no_more_memory_than_the_weights_explain(copy: Path, hidden: int) -> None:
    as_new(copy, hidden=hidden)
    with pytest.raises(InputError, match="settings want a tensor"):
        skysure.load(copy)


@pytest.mark.parametrize("name", ["settings", "schema", "reading", "parts", "data", "sha256"])
def test_a_table_of_run_toml_is_a_table(copy: Path, name: str) -> None:
    (copy / "run.toml").write_text(tomli_w.dumps(load_toml(copy / "run.toml") | {name: 5}))
    with pytest.raises(InputError, match=name):
        skysure.load(copy)


# evaluations


def test_nothing_has_the_name_of_an_evaluation_until_it_is_whole(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    inner = evaluations.write_evaluation
    monkeypatch.setattr(
        evaluations, "write_evaluation", lambda *arguments: (inner(*arguments), seen.append((tmp_path / "ev").exists()))
    )
    verbs.evaluate(copy, out=tmp_path / "ev", device="cpu")
    assert seen == [False]
    assert read_metrics(tmp_path / "ev")["objects"] == 5
    (tmp_path / "ev" / "metrics.json").write_text("the old one")
    verbs.evaluate(copy, out=tmp_path / "ev", force=True, device="cpu")
    assert read_metrics(tmp_path / "ev")["objects"] == 5
    assert {path.name for path in tmp_path.iterdir()} == {"copy", "ev"}


def test_an_evaluation_does_not_replace_a_trained_model(copy: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(copy, tmp_path / "other"))
    with pytest.raises(InputError, match="remove the model"):
        verbs.evaluate(copy, out=other, force=True, device="cpu")
    verbs.evaluate(copy, [NIGHT], out=tmp_path / "other" / ".." / "copy", force=True, device="cpu")
    assert skysure.load(copy)
    assert read_metrics(copy)["part"] == "given data"


def evaluation_with(n: float, *, arrays: bool) -> Evaluation:
    facts: dict[str, Any] = {"scores": [], "curves": {"a": {"x": np.full(2000, n)}} if arrays else {}, "objects": n}
    return Evaluation.from_metrics(facts | {"title": "", "part": "test"})


@pytest.mark.parametrize("arrays", [True, False])
@pytest.mark.parametrize("call", range(1, 9))
def test_a_kill_leaves_the_old_or_the_new_evaluation(
    copy: Path, monkeypatch: pytest.MonkeyPatch, call: int, arrays: bool
) -> None:
    """Killed at any rename or removal, the run gives one of the two, whole; the next command tidies up."""
    monkeypatch.setattr(
        "skysure.run.reporting.write_report", lambda folder: (folder / "report.html").write_text("report")
    )
    replace_evaluation(copy, evaluation_with(1, arrays=True))
    calls: list[str] = []

    def dying(function: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: Any, **options: Any) -> object:
            calls.append(function.__name__)
            if len(calls) >= call:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return run

    with monkeypatch.context() as patch:
        for name in ("rename", "replace", "rmdir", "unlink"):
            patch.setattr(os, name, dying(getattr(os, name)))
        with suppress(KeyboardInterrupt):  # without it there were fewer calls
            replace_evaluation(copy, evaluation_with(2, arrays=arrays))
    before = read_metrics(copy)
    assert before["objects"] in (1, 2)
    assert (before["objects"] == 1 or arrays) == ((copy / "metrics.safetensors").exists())
    assert not (copy / NEW).exists()
    replace_evaluation(copy, evaluation_with(2, arrays=arrays))
    assert read_metrics(copy)["objects"] == 2
    assert not (copy / STAGE).exists()
    finish_replacing(copy)
