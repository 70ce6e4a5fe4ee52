"""An evaluation is the same after a turn through its plain layout, and through its files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import skysure
from skysure.errors import InputError
from skysure.evaluation import Column, Curve, Evaluation, Example, Score, Table
from skysure.evaluation.arrays import LARGE, join_arrays, split_arrays
from skysure.models import find, shipped
from skysure.run.files import read_metrics, write_metrics

SCORE = Score(
    "ece", "Expected calibration error", 0.13, 0.1, 0.16, headline=True, before=0.2, change=-0.07, change_low=-0.08,
    change_high=-0.06, wanted=(None, 0.1), expected=0.12, expected_low=0.07, expected_high=0.2,
)  # fmt: skip


@pytest.fixture
def evaluation() -> Evaluation:
    images = np.random.default_rng(0).normal(size=(2, 32, 32)).astype(np.float32)
    columns = Column("class", "Class"), Column("n", "Number", "%")
    example = Example("novel", "g1", truth="spiral", flags=("faint",), data={"image": images[0]})
    return Evaluation(
        "galaxies", "Galaxies", "test", 40, "galaxy", "galaxies",
        scores=(SCORE, Score("nll", "NLL", 0.4, unit="nat")),
        curves=(Curve("confusion", {"counts": [[1, 2], [3, 4]]}), Curve("maps", {"image": images[1], "n": 2})),
        tables=(Table("classes", "By class", columns, (("A", 3), ("B", None))),), examples=(example,),
        facts={"is_ood": {"count": 1, "of": 40}},
    )  # fmt: skip


def assert_equal(one: Evaluation, other: Evaluation) -> None:
    assert replace(one, curves=(), examples=()) == replace(other, curves=(), examples=())
    np.testing.assert_equal([vars(c) for c in one.curves], [vars(c) for c in other.curves])
    np.testing.assert_equal([vars(e) for e in one.examples], [vars(e) for e in other.examples])


def test_the_plain_layout_holds_all(evaluation: Evaluation) -> None:
    metrics = evaluation.metrics
    assert metrics["scores"][0]["expected"] == 0.12
    assert metrics["scores"][1] == {
        "name": "nll", "label": "NLL", "value": 0.4, "low": None, "high": None, "unit": "nat", "headline": False,
    }  # fmt: skip
    assert metrics["curves"]["confusion"] == {"counts": [[1, 2], [3, 4]]}
    assert metrics["tables"][0]["columns"][1] == {"name": "n", "label": "Number", "unit": "%"}
    assert metrics["examples"][0]["image"].shape == (32, 32)
    assert metrics["is_ood"] == {"count": 1, "of": 40}
    assert_equal(Evaluation.from_metrics(metrics), evaluation)


def test_arrays_lie_beside_the_numbers_and_come_back(evaluation: Evaluation, tmp_path: Path) -> None:
    write_metrics(tmp_path, evaluation.metrics)
    text = (tmp_path / "metrics.json").read_text()
    arrays = load_file(tmp_path / "metrics.safetensors")
    assert sorted(arrays) == ["curves.maps.image", "examples.0.image"]
    assert json.loads(text)["curves"]["maps"] == {"image": {"array": "curves.maps.image"}, "n": 2}
    assert_equal(Evaluation.from_metrics(read_metrics(tmp_path)), evaluation)
    write_metrics(tmp_path, read_metrics(tmp_path))
    assert (tmp_path / "metrics.json").read_text() == text


def test_without_arrays_there_is_no_second_file(evaluation: Evaluation, tmp_path: Path) -> None:
    write_metrics(tmp_path, evaluation.metrics)
    small = replace(evaluation, curves=(Curve("a", {"x": np.zeros(LARGE - 1)}),), examples=())
    write_metrics(tmp_path, small.metrics)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    assert read_metrics(tmp_path)["curves"]["a"]["x"] == [0.0] * (LARGE - 1)


def test_a_lost_array_is_named(evaluation: Evaluation, tmp_path: Path) -> None:
    write_metrics(tmp_path, evaluation.metrics)
    save_file({"other": np.zeros(3)}, tmp_path / "metrics.safetensors")
    with pytest.raises(InputError, match=r"metrics\.safetensors is not the file that was saved"):
        read_metrics(tmp_path)
    plain = {k: v for k, v in json.loads((tmp_path / "metrics.json").read_text()).items() if k != "sha256"}
    (tmp_path / "metrics.json").write_text(json.dumps(plain))  # as earlier versions saved them, without checksums
    with pytest.raises(InputError, match=r"curves\.maps\.image"):
        read_metrics(tmp_path)
    (tmp_path / "metrics.safetensors").write_bytes(b"not a tensor file")
    with pytest.raises(InputError, match="safetensors"):
        read_metrics(tmp_path)


def test_facts_are_added_or_replace_fields(evaluation: Evaluation) -> None:
    facts = {"part": "given data", "rejected": {"count": 1, "of": 41}}
    more = Evaluation.from_metrics(evaluation.metrics | facts)
    assert (more.part, more.facts["rejected"]["count"], more.facts["is_ood"]["of"]) == ("given data", 1, 40)


def test_names_find_scores_and_curves(evaluation: Evaluation) -> None:
    assert evaluation.score("nll").value == 0.4
    assert evaluation.curve("maps")["n"] == 2
    assert evaluation.curve("none") is None
    with pytest.raises(KeyError):
        evaluation.score("none")


def test_the_public_name_is_this_one() -> None:
    assert skysure.Evaluation is Evaluation


@pytest.mark.parametrize("name", shipped())
def test_evaluations_of_shipped_models_can_be_read(name: str) -> None:
    """Also those of earlier versions: nothing of them is lost."""
    metrics = read_metrics(find(name))
    plain, arrays = split_arrays(Evaluation.from_metrics(metrics).metrics)
    reread = join_arrays(json.loads(json.dumps(plain, default=np.ndarray.tolist)), arrays)
    for key in ("objects", "part", "title", "curves", "is_ood", "uncertainty"):
        assert reread[key] == metrics[key]
    assert [s["value"] for s in reread["scores"]] == [s["value"] for s in metrics["scores"]]
    assert [e["id"] for e in reread["examples"]] == [e["id"] for e in metrics["examples"]]
