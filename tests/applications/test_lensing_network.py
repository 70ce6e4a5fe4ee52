"""The network of lensing, its training on simulated images, calibration, and prediction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from skysure import load
from skysure.applications import lensing
from skysure.applications.lensing.evaluation import evaluate
from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.inference import draw_posterior, hash_of_each
from skysure.applications.lensing.networks import LensModel, network
from skysure.applications.lensing.parameters import (
    NAMES,
    axis_ratio,
    circular_moments,
    ellipticity,
    from_unbounded,
    major_axis,
    position_angle,
    to_unbounded,
)
from skysure.applications.lensing.prediction import positive_part, predict, split_covariance
from skysure.applications.lensing.settings import Query, Schema, Settings
from skysure.applications.lensing.simulator import simulate
from skysure.applications.lensing.training import encode_labelled, epoch_batches, train
from skysure.data.sources import InMemorySource
from skysure.errors import InputError, SettingsError
from skysure.evaluation import Evaluation
from skysure.methods.dropout import masks

TINY = Settings(
    size=40,
    width=8,
    hidden=16,
    per_epoch=64,
    uses=2,
    epochs=2,
    batch=24,
    validation=32,
    calibration=64,
    test=32,
    views=4,
)  # fmt: skip


@pytest.fixture(scope="module")
def source():
    return lensing.simulate(TINY, None, 0)


@pytest.fixture(scope="module")
def images(source) -> LensImages:
    return next(source.chunks("test"))


@pytest.fixture(scope="module")
def model(source) -> LensModel:
    (*_, state) = train(source, TINY)
    trained = network(TINY, source.schema)
    trained.load_state_dict(state.weights)
    lensing.calibrate(trained, source)
    return trained.eval()


def test_unbounded_values_invert() -> None:
    truth = torch.tensor([[1.2, 0.1, -0.2, 0.03, 0.01, 0.05, -0.02, 8.0]]).double()
    values = to_unbounded(truth, 0.05)
    assert values[0, 0] == pytest.approx(np.log(1.2 / 0.05))
    assert values[0, 3] == pytest.approx(0.6)
    assert torch.allclose(from_unbounded(values, 0.05), truth)


@pytest.mark.parametrize("q", [0.3, 0.99])
@pytest.mark.parametrize("degrees", [-80.0, 0.0, 35.0, 89.0])
def test_ellipticity_gives_axis_ratio_and_direction(q: float, degrees: float) -> None:
    e1, e2 = ellipticity(q, torch.deg2rad(torch.tensor(degrees)))
    assert float(axis_ratio(e1, e2)) == pytest.approx(q, abs=1e-6)
    assert float(torch.rad2deg(major_axis(e1, e2))) == pytest.approx(degrees, abs=1e-3)


def test_position_angle_is_east_of_north() -> None:
    e1, e2 = ellipticity(0.5, torch.deg2rad(torch.tensor(120.0)))
    assert float(position_angle(e1, e2)) == pytest.approx(30, abs=1e-3)
    assert float(position_angle(e1, e2, north=90.0, parity=-1.0)) == pytest.approx(150, abs=1e-3)
    assert float(position_angle(e1, e2, north=100.0)) == pytest.approx(20, abs=1e-3)


def test_mean_of_angles_goes_around_the_circle() -> None:
    mean, std = circular_moments(torch.tensor([178.0, 179.0, 1.0, 2.0]))
    assert min(float(mean), 180 - float(mean)) == pytest.approx(0, abs=1e-3)
    assert float(std) == pytest.approx(np.sqrt(2.5), rel=1e-2)


def test_covariance_divides_into_noise_and_model() -> None:
    generator = torch.Generator().manual_seed(0)
    means = 2.0 * torch.randn(400, 1, 1, 2, generator=generator)
    samples = means + torch.randn(400, 20, 1, 2, generator=generator)
    aleatoric, epistemic = split_covariance(samples)
    assert torch.allclose(aleatoric[0], torch.eye(2), atol=0.05)
    assert torch.allclose(epistemic[0], 4 * torch.eye(2), atol=0.7)


def test_positive_part_has_no_negative_eigenvalue() -> None:
    matrix = torch.tensor([[[1.0, 2.0], [2.0, 1.0]], [[torch.nan, 0.0], [0.0, 1.0]]]).double()
    assert torch.linalg.eigvalsh(positive_part(matrix)[0]).min() >= -1e-12
    assert positive_part(matrix)[1].isnan().any()


def test_batches_are_new_in_every_epoch_and_repeatable(source) -> None:
    def truths(epoch: int) -> list[torch.Tensor]:
        return [batch["truth"][:, 0] for batch in epoch_batches(source, TINY, epoch)]

    first = truths(0)
    assert len(first) == len(epoch_batches(source, TINY, 0))
    assert all(map(torch.equal, first, truths(0)))
    assert not torch.isin(torch.cat(truths(1)), torch.cat(first)).any()
    shown, times = torch.cat(first).unique(return_counts=True)
    assert len(shown) == TINY.per_epoch
    assert int(times.sum()) > 1.5 * TINY.per_epoch


def test_training_resumes_with_the_same_bits(source) -> None:
    first, last = train(source, TINY)
    (again,) = train(source, TINY, first)
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in last.tensors.items())


def test_training_needs_true_parameters(source) -> None:
    class Unlabelled:
        schema = source.schema

        def chunks(self, part: str):
            chunk = next(source.chunks("test"))
            yield replace(chunk, truth=np.full_like(chunk.truth, np.nan))

    with pytest.raises(InputError, match="without true parameters"):
        next(train(Unlabelled(), TINY))


def test_prediction_has_parameters_and_what_follows(model: LensModel, images: LensImages) -> None:
    prediction = predict(model, images, Query(samples=60))
    assert prediction.names == (*NAMES, "q", "position_angle")
    assert prediction.samples.shape == (60, len(images), 10)
    assert np.isfinite(prediction.mean).all()
    assert (np.linalg.eigvalsh(prediction.predictive) > -1e-9).all()
    assert np.allclose(prediction.samples.mean(0)[:, 0], prediction.mean[:, 0], rtol=0.1)
    table = prediction.to_table()
    assert str(table["theta_E"].unit) == "arcsec"
    assert ((table["position_angle"].value >= 0) & (table["position_angle"].value < 180)).all()


def test_prediction_of_a_lens_does_not_depend_on_the_others(model: LensModel, images: LensImages) -> None:
    every = predict(model, images, Query())
    alone = predict(model, images[3:4], Query())
    assert np.allclose(every.mean[3], alone.mean[0], rtol=1e-4, atol=1e-5)
    backwards = predict(model, images[::-1], Query(batch=7))
    assert np.allclose(every.mean, backwards.mean[::-1], rtol=1e-4, atol=1e-5)


def test_prediction_turns_with_the_image(model: LensModel, images: LensImages) -> None:
    """Averaged over four orientations, the prediction for a turned image is the turned prediction."""
    quarter = replace(
        images, **{n: np.rot90(getattr(images, n), -1, (1, 2)) for n in ("image", "noise", "mask", "psf")}
    )
    query = Query(samples=800)
    straight, turned = (predict(model, chunk, query) for chunk in (images, quarter))
    error = straight.mean - turned.mean * np.array([1, -1, -1, 1, 1, -1, -1, 1, 1, 1])
    width = np.sqrt(np.einsum("ovv->ov", straight.predictive))
    for k in (0, 1, 2, 5, 6):  # dropout masks belong to an orientation: small differences remain
        assert np.abs(error[:, k]).mean() < 0.3 * width[:, k].mean()


def test_lengths_follow_the_pixel_scale(model: LensModel, images: LensImages) -> None:
    other = predict(model, replace(images, pixel_scale=2 * images.pixel_scale), Query())
    assert np.allclose(other.mean[:, 0], 2 * predict(model, images, Query()).mean[:, 0])
    assert all("pixel scale outside" in flag for flag in other.quality_flags)


def test_centre_is_that_of_the_whole_image(model: LensModel, images: LensImages) -> None:
    """A row and a column more, at the top and on the right, move the middle of the image by half a pixel."""

    def widen(name: str, value: float) -> np.ndarray:
        return np.pad(getattr(images, name), ((0, 0), (0, 1), (0, 1)), constant_values=value)

    wider = replace(images, image=widen("image", 0), noise=widen("noise", 1), mask=widen("mask", True))
    expected, prediction = predict(model, images, Query()), predict(model, wider, Query())
    half = 0.5 * images.pixel_scale[0]
    assert np.allclose(prediction.mean[:, [3, 4]], expected.mean[:, [3, 4]] - half, atol=1e-6)
    assert np.allclose(prediction.mean[:, 0], expected.mean[:, 0])


def test_velocity_dispersion_where_redshifts_are_known(model: LensModel, images: LensImages) -> None:
    redshifts = {"z_lens": np.full(len(images), 0.2), "z_source": np.full(len(images), 0.6)}
    redshifts["z_source"][0] = np.nan
    prediction = predict(model, replace(images, objects=redshifts), Query())
    table = prediction.to_table()
    assert np.isnan(table["sigma_SIE"][0].value)
    assert np.isfinite(table["theta_E_epistemic"]).all()
    assert 100 < np.median(table["sigma_SIE"][1:].to_value("km/s")) < 600
    assert np.isfinite(table["mass"][1:].to_value("solMass")).all()


def test_missing_psf_is_flagged(model: LensModel, images: LensImages) -> None:
    prediction = predict(model, replace(images, psf=None), Query())
    assert all("PSF not given" in flag for flag in prediction.quality_flags)
    assert np.isfinite(prediction.mean).all()


def test_a_lens_off_the_middle_is_flagged() -> None:
    run, chunk = load("lens-hst"), next(iter(simulate(Settings(), 4, 78).chunks()))
    shifted = replace(chunk, **{name: np.roll(getattr(chunk, name), 12, 2) for name in ("image", "noise", "mask")})
    flags = [[str(flag) for flag in predict(run.model, images, Query()).quality_flags] for images in (chunk, shifted)]
    assert not any("off the middle" in flag for flag in flags[0])
    assert all("lens off the middle of its image" in flag for flag in flags[1])


def test_images_of_nothing_are_out_of_distribution(model: LensModel, images: LensImages) -> None:
    rng = np.random.default_rng(0)
    static = replace(images, image=50 * images.noise * rng.standard_normal(images.image.shape))
    query = Query(ood_level=0.9)  # 64 calibration images have no quantile of 99 %
    assert predict(model, static, query).is_ood.mean() > 0.9
    assert predict(model, images, query).is_ood.mean() < 0.5


def test_samples_follow_the_settings(source, images: LensImages) -> None:
    for head in ("gaussian", "correlated", "mixture", "flow"):
        untrained = network(replace(TINY, head=head, members=2, views=1), source.schema).eval()
        values = draw_posterior(untrained, images[:3], Query(samples=40)).values
        assert values.shape[0] * values.shape[1] >= 40
        assert values.shape[2:] == (3, len(NAMES))
        assert torch.isfinite(values).all()
        batch = encode_labelled(images[:3])
        assert torch.isfinite(untrained(batch)).all()


def test_alexnet_reads_images_of_192_pixels() -> None:
    settings = replace(TINY, network="alexnet", size=192)
    assert network(settings, Schema(192, 0.04)).networks[0].trunk(torch.zeros(1, 3, 192, 192))[0].shape == (
        1,
        9 * 4 * 8,
    )


def test_ids_are_hashed_alike_everywhere() -> None:
    hashes = hash_of_each(np.array(["a", "b", "a"]))
    assert hashes[0] == hashes[2] != hashes[1]
    assert hash_of_each(np.array(["a", "much longer"]))[0] == hashes[0]


def test_parts_of_an_endless_simulation_are_numbers() -> None:
    with pytest.raises(SettingsError, match="endless"):
        Settings(validation=0.1)


def test_evaluation_scores_every_parameter(model: LensModel, source) -> None:
    evaluation = evaluate(model, source, Query())
    assert evaluation.objects == TINY.test
    names = {score.name for score in evaluation.scores}
    assert {f"{name}_rms" for name in NAMES} <= names
    assert {"largest_coverage_gap", "joint_inside_band", "theta_E_nmad"} <= names
    assert len(evaluation.examples) == 6
    assert Evaluation.from_metrics(evaluation.metrics).score("theta_E_rms") == evaluation.score("theta_E_rms")


def test_evaluation_without_truth_still_shows_examples(model: LensModel, images: LensImages) -> None:
    unlabelled = replace(images, truth=np.full_like(images.truth, np.nan))
    evaluation = evaluate(model, InMemorySource(model.schema, [unlabelled]), Query())
    assert not evaluation.truth
    assert not evaluation.scores
    assert evaluation.examples[0].truth is None


def test_dropout_rate_is_chosen_by_coverage(source) -> None:
    settings = replace(TINY, learned_rate=False, choose_rate=True, head="gaussian", epochs=1)
    (state,) = train(source, settings)
    chosen = network(settings, source.schema)
    chosen.load_state_dict(state.weights)
    *published, last = chosen.rate_table.tolist()
    assert [rate for rate, *_ in published] == pytest.approx([0.2, 0.1, 0.03, 0.01])
    assert all(0 <= value <= 1 for row in (*published, last) for value in row)
    rates = [float(mask.rate) for mask in masks(chosen.networks[0].head.layers).values()]
    assert rates == pytest.approx([last[0]] * len(rates))
    lensing.calibrate(chosen, source)
    table = next(table for table in evaluate(chosen, source, Query()).tables if table.name == "rates")
    assert [row[0] for row in table.rows][:4] == ["0.80", "0.90", "0.97", "0.99"]


def test_a_rate_is_learned_or_chosen() -> None:
    with pytest.raises(SettingsError, match="one of the two"):
        Settings(choose_rate=True)


def test_calibration_needs_ten_samples() -> None:
    with pytest.raises(SettingsError, match="samples"):
        Query(samples=5)
