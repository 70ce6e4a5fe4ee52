"""Files of COOLEST, read back by the packages coolest and lenstronomy: the same deflections, the same statistics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import skysure
from skysure.applications import lensing
from skysure.applications.lensing.coolest import coolest_parameters, statistics
from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.parameters import NAMES, UNITS, position_angle
from skysure.applications.lensing.simulation import SIE, Lens, Shear
from skysure.data.results.writer import read_table
from skysure.errors import InputError
from skysure.predictions import Values

TRUTH = np.array([
    [1.2, 0.15, -0.1, 0.04, -0.08, 0.05, 0.03, 8.0],
    [0.8, -0.2, 0.02, -0.1, 0.05, -0.02, -0.06, 5.0],
    [1.6, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 12.0],
])  # fmt: skip
SUFFIXES = (".json", ".image.fits", ".noise.fits", ".psf.fits", ".samples.csv")
SPREAD = np.array([0.02, 0.01, 0.01, 0.01, 0.01, 0.005, 0.005, 0.5])


def predict(model: object, chunk: LensImages, query: object) -> Values:
    """Samples around the truth of each image, which stands in its first pixels."""
    truth = chunk.truth
    samples = truth + SPREAD * np.random.default_rng(1).normal(size=(400, len(truth), len(NAMES)))
    covariance = np.broadcast_to(np.diag(SPREAD**2), (2, len(truth), len(NAMES), len(NAMES)))
    return Values({"id": chunk.ids}, NAMES, UNITS, samples.mean(0), *covariance, samples=samples)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> skysure.Run:
    monkeypatch.setitem(vars(lensing), "predict", predict)
    return skysure.Run("lensing", lensing.Settings(), lensing.Schema(), torch.nn.Module())


def images(n: int = 1, **options: object) -> LensImages:
    ids = [f"J{k}/north" for k in range(n)]
    columns = {"z_lens": np.array([0.2, np.nan, 0.4][:n]), "z_source": np.array([0.6, np.nan, 1.4][:n])}
    sky = {"ra": np.array([150.0, np.nan, 10.0][:n]), "dec": np.array([2.0, np.nan, -10.0][:n])}
    stack = np.ones((n, 64, 64))
    return LensImages(
        2.5 * stack, noise=stack, psf=np.ones((25, 25)) / 625, pixel_scale=0.05, ids=ids, truth=TRUTH[:n],
        objects=columns | sky, **options,
    )  # fmt: skip


def load(path: Path) -> object:
    from coolest.template.json import JSONSerializer

    return JSONSerializer(str(path.with_suffix(""))).load(verbose=False)


def grid() -> tuple[np.ndarray, np.ndarray]:
    axis = np.linspace(-1.5, 1.4, 40)
    return np.meshgrid(axis, axis)


def deflection_of(parameters: np.ndarray) -> np.ndarray:
    theta_E, e1, e2, x, y, gamma1, gamma2 = (torch.tensor([value]) for value in parameters[:7])
    lens = Lens((SIE(theta_E, e1, e2, x, y), Shear(gamma1, gamma2)))
    return np.stack([a[0].numpy() for a in lens.deflection(*(torch.tensor(c)[None] for c in grid()))])


@pytest.mark.parametrize("parameters", TRUTH)
def test_the_point_estimate_deflects_as_ours(run: skysure.Run, tmp_path: Path, parameters: np.ndarray) -> None:
    from coolest.api.profiles import mass

    one = LensImages(np.zeros((64, 64)), pixel_scale=0.05, ids=["a"], truth=parameters[None])
    assert skysure.predict(run, one, tmp_path / "lens.json") == 1
    entities = load(tmp_path / "lens.json").lensing_entities
    parts = [getattr(mass, e.mass_model[0].type)().deflection(*grid(), **point(e.mass_model[0])) for e in entities[:2]]
    expected = deflection_of(predict(None, one, None).mean[0])
    np.testing.assert_allclose(np.sum(parts, 0), expected, atol=1e-8)


def point(profile: object) -> dict[str, float]:
    return {name: parameter.point_estimate.value for name, parameter in profile.parameters.items()}


def test_lenstronomy_reads_the_same_lens(
    run: skysure.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Its interface mirrors the image (x grows to the left), so that deflections along x change their sign."""
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.Util.coolest_interface import create_lenstronomy_from_coolest

    skysure.predict(run, images(), tmp_path / "lens.json")
    monkeypatch.chdir(tmp_path)
    peer = create_lenstronomy_from_coolest(str(tmp_path / "lens"))
    assert (peer["kwargs_data"]["image_data"] == 2.5).all()
    assert peer["kwargs_psf"]["kernel_point_source"].shape == (25, 25)
    lens = LensModel(peer["kwargs_model"]["lens_model_list"])
    x, y = grid()
    ax, ay = lens.alpha(-x, y, peer["kwargs_result"]["kwargs_lens"])
    expected = deflection_of(predict(None, images(), None).mean[0])
    np.testing.assert_allclose([-ax, ay], expected, atol=1e-6)
    capsys.readouterr()


def test_posterior_redshifts_and_origin_are_kept(run: skysure.Run, tmp_path: Path) -> None:
    skysure.predict(run, images(), tmp_path / "lens.json", seed=3)
    model = load(tmp_path / "lens.json")
    lens, shear, source = model.lensing_entities
    assert (lens.redshift, shear.redshift, source.redshift) == (0.2, 0.2, 0.6)
    assert model.coordinates_origin.ra == "10h00m00s"
    assert (model.observation.pixels.num_pix_x, model.observation.pixels.num_pix_y) == (64, 64)
    assert model.instrument.pixel_size == 0.05
    assert (model.observation.pixels.get_pixels() == 2.5).all()
    assert model.meta["application"] == "lensing"
    theta = lens.mass_model[0].parameters["theta_E"].posterior_stats
    samples = predict(None, images(), None).samples[:, 0, 0]
    assert theta.mean == pytest.approx(samples.mean())
    assert theta.percentile_16th == pytest.approx(np.percentile(samples, 16))
    angle = lens.mass_model[0].parameters["phi"].posterior_stats
    assert angle.percentile_16th < angle.median < angle.percentile_84th


def test_samples_have_the_names_that_coolest_looks_for(run: skysure.Run, tmp_path: Path) -> None:
    """Its reader takes the columns `parameter.id` and `probability_weights` of meta["chain_file_name"]."""
    skysure.predict(run, images(), tmp_path / "lens.json")
    model = load(tmp_path / "lens.json")
    table = read_table(tmp_path / model.meta["chain_file_name"])
    assert set(table.colnames) == {*model.lensing_entities.get_parameter_ids(), "probability_weights"}
    samples = predict(None, images(), None).samples[:, 0]
    np.testing.assert_allclose(table[model.lensing_entities[0].mass_model[0].parameters["theta_E"].id], samples[:, 0])
    assert table["probability_weights"].sum() == pytest.approx(1)


def test_several_lenses_have_a_file_each(run: skysure.Run, tmp_path: Path) -> None:
    assert skysure.predict(run, images(3), [tmp_path / "lens.json", tmp_path / "lens.csv"]) == 3
    names = sorted(p.name for p in tmp_path.iterdir())
    models = [f"lens-J{k}%2Fnorth" for k in range(3)]
    assert names == sorted(["lens.csv", *(f"{m}{suffix}" for m in models for suffix in SUFFIXES)])
    unknown = json.loads((tmp_path / f"{models[1]}.json").read_text())
    assert unknown["lensing_entities"][0]["redshift"] is None
    assert unknown["meta"]["coordinates_origin"] == "unknown"
    assert load(tmp_path / f"{models[1]}.json").meta["id"] == "J1/north"
    with pytest.raises(InputError, match=r"lens-J0%2Fnorth\.json exists"):
        skysure.predict(run, images(3), tmp_path / "lens.json")
    assert skysure.predict(run, images(3), tmp_path / "lens.json", force=True) == 3


def test_existing_files_are_kept(run: skysure.Run, tmp_path: Path) -> None:
    (tmp_path / "lens.json").write_text("mine")
    with pytest.raises(InputError, match=r"lens\.json exists"):
        skysure.predict(run, images(), tmp_path / "lens.json")
    (tmp_path / "lens.json").unlink()
    (tmp_path / "lens.samples.csv").write_text("mine")
    with pytest.raises(InputError, match=r"lens\.samples\.csv exists"):
        skysure.predict(run, images(), tmp_path / "lens.json")
    assert [p.name for p in tmp_path.iterdir()] == ["lens.samples.csv"]


def test_equal_ids_are_refused(run: skysure.Run, tmp_path: Path) -> None:
    twice = LensImages(np.zeros((2, 64, 64)), pixel_scale=0.05, ids=["a", "a"], truth=TRUTH[:2])
    with pytest.raises(InputError, match="two lenses with the id a"):
        skysure.predict(run, twice, tmp_path / "lens.json")
    assert list(tmp_path.iterdir()) == []


def test_a_lens_without_posterior_is_valid_json(
    run: skysure.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: object, chunk: LensImages, query: object) -> Values:
        prediction = predict(model, chunk, query)
        prediction.samples[:] = np.nan
        return prediction

    monkeypatch.setitem(vars(lensing), "predict", fail)
    skysure.predict(run, images(), tmp_path / "lens.json")
    text = (tmp_path / "lens.json").read_text()
    assert "NaN" not in text
    assert load(tmp_path / "lens.json").lensing_entities[0].mass_model[0].parameters["q"].point_estimate.value is None


def test_angles_are_position_angles_where_north_is_up() -> None:
    rng = np.random.default_rng(5)
    e1, e2 = rng.uniform(-0.4, 0.4, (2, 200))
    parameters = np.zeros((200, 8))
    parameters[:, 1], parameters[:, 2] = e1, e2
    phi = coolest_parameters(parameters)["0-galaxy-mass-0-PEMD-phi"]
    assert phi.min() > -90
    assert phi.max() <= 90
    expected = position_angle(torch.tensor(e1), torch.tensor(e2)).numpy()
    np.testing.assert_allclose(np.remainder(phi - expected + 90, 180), 90, atol=1e-9)


def test_statistics_of_an_angle_do_not_jump() -> None:
    samples = np.random.default_rng(2).normal(89, 4, 5000)
    wrapped = np.where(samples > 90, samples - 180, samples)
    ours = statistics(wrapped, is_angle=True)
    assert ours["mean"] == pytest.approx(samples.mean(), abs=0.05)
    assert ours["percentile_84th"] - ours["percentile_16th"] == pytest.approx(8, abs=0.4)
