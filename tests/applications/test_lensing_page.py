"""Pages of lenses: what a figure shows of a lens, and what is said of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from skysure.applications import lensing
from skysure.applications.lensing import examples, plots
from skysure.applications.lensing.errors import errors_by
from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.parameters import NAMES, UNITS
from skysure.applications.lensing.simulator import simulate
from skysure.applications.lensing.wording import describe_lens, sentences
from skysure.evaluation import Curve, Evaluation
from skysure.evaluation.arrays import join_arrays, split_arrays
from skysure.evaluation.posterior import PosteriorScores
from skysure.predictions import Values
from skysure.report import page, render


@pytest.fixture(scope="module")
def images() -> LensImages:
    return next(iter(simulate(lensing.Settings(size=64), 2, 7).chunks()))[:2]


def predict(images: LensImages, *, size: int = 200, **extra: np.ndarray) -> Values:
    """Samples around the truth, with axis ratio and position angle."""
    rng = np.random.default_rng(0)
    spread = np.array([0.02, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.5])
    samples = images.truth + spread * rng.normal(size=(size, len(images), len(NAMES)))
    e = np.hypot(samples[..., 1], samples[..., 2])
    angle = np.degrees(0.5 * np.arctan2(samples[..., 2], samples[..., 1])) - 90
    columns = {"q": (1 - e) / (1 + e), "position_angle": angle} | extra
    samples = np.concatenate([samples, *(np.broadcast_to(c, e.shape)[..., None] for c in columns.values())], -1)
    names, units = (*NAMES, *columns), (*UNITS, "", "deg", *["" for _ in extra])
    covariance = np.zeros((2, len(images), len(names), len(names)))
    return Values(
        {"id": images.ids}, names, units, samples.mean(0), *covariance, samples=samples,
        is_ood=np.array([False, True])[: len(images)], ood_percentile=np.array([0.62, 0.999])[: len(images)],
        quality_flags=np.array(["PSF not given", ""])[: len(images)],
    )  # fmt: skip


def test_the_model_of_a_true_lens_explains_its_image(images: LensImages) -> None:
    prediction = predict(images)
    prediction.mean[:, :8] = images.truth
    both = [examples.describe("example", images[[k]], prediction[[k]]).data for k in range(2)]
    assert min(data["chi2"] for data in both) < 3  # a neighbour beside the ring is in no model
    data = both[0]
    assert data["image"].shape == data["light"].shape == data["arcs"].shape == data["residual"].shape == (64, 64)
    assert np.isnan(data["image"][images.mask[0]]).all()
    assert set(data["truth_values"]) == {*NAMES, "q", "position_angle", "gamma"}
    assert data["critical"].shape == data["caustic"].shape == data["cut"].shape == (2, 180)


def test_an_example_survives_its_file(images: LensImages) -> None:
    example = examples.describe("example", images[[0]], predict(images[[0]]))
    plain, arrays = split_arrays(Evaluation(examples=(example,)).metrics)
    again = Evaluation.from_metrics(join_arrays(json.loads(json.dumps(plain, default=np.ndarray.tolist)), arrays))
    assert describe_lens(again.examples[0]) == describe_lens(example)
    render(plots.lens(again.examples[0]))


def test_the_sentences_say_what_is_known(images: LensImages) -> None:
    first, second = (
        examples.describe("example", images[[k]], predict(images)[[k]]) for k in range(2)
    )  # fmt: skip
    text = describe_lens(first)
    assert text.startswith("Einstein radius ")
    assert "Like the training images: 62 % of the calibration images are less unusual." in text
    assert "PSF not given." in text
    assert "Not like the training images: 99.9 %" in describe_lens(second)
    assert "Mass" not in text
    heavy = predict(images, mass=np.full(2, 2.34e11), sigma_SIE=np.full(2, 250.0))
    described = describe_lens(examples.describe("example", images[[0]], heavy[[0]]))
    assert "Mass inside the Einstein radius (2.34) × 10¹¹ solar masses, velocity dispersion 250 km/s." in described


def test_a_page_shows_one_figure_per_lens(images: LensImages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "predict", lambda model, chunk, query: predict(chunk, size=query.samples))
    model = torch.nn.Module()
    model.settings = lensing.Settings(size=64)  # type: ignore[assignment]
    figures = list(plots.draw(model, images, lensing.Query()))  # type: ignore[arg-type]
    assert [figure.title for figure in figures] == images.ids.tolist()
    html = page({}, {"objects": 2}, figures=figures[:1])
    assert "residual" in html
    assert "<image" in html


def test_what_is_missing_is_not_drawn(images: LensImages) -> None:
    """Unknown truth, no finite posterior, no PSF, no noise within a masked image."""
    bare = LensImages(images.image[:1], images.noise[:1], images.mask[:1], pixel_scale=0.05)
    prediction = predict(images[[0]])
    example = examples.describe("example", bare, prediction)
    assert example.data["truth_values"] == {}
    assert "Dashed: the truth" not in describe_lens(example)
    render(plots.lens(example))
    prediction.samples[:] = prediction.mean[:] = np.nan
    nothing = examples.describe("example", bare, prediction)
    assert describe_lens(nothing).startswith("No finite posterior.")
    render(plots.lens(nothing))


def gather(objects: int = 600) -> PosteriorScores:
    """Scores of a calibrated posterior whose errors shrink with the signal-to-noise ratio."""
    rng = np.random.default_rng(4)
    ratio = rng.uniform(20, 200, objects)
    std = np.stack([4 / ratio, 20 / ratio], 1)
    truth = np.stack([rng.uniform(0.5, 2, objects), rng.uniform(3, 20, objects)], 1)
    centre = truth + std * rng.normal(size=truth.shape)
    draws = centre + std * rng.normal(size=(300, *truth.shape))
    scores = PosteriorScores(("theta_E", "mu"), ("arcsec", ""), (0, 0), (3, 25), positive=("theta_E", "mu"))
    scores.add(draws, truth, columns={"S/N of the arcs": ratio})
    return scores


def test_errors_shrink_with_signal_to_noise_as_predicted() -> None:
    (bins,) = errors_by(gather().rows).values()
    assert len(bins) == 6
    assert sum(b["n"] for b in bins) == 600
    assert bins[0]["error"] > 2 * bins[-1]["error"]
    for b in bins:
        assert b["error"] == pytest.approx(b["predicted"], rel=0.5)
        assert b["error_low"] < b["error"] < b["error_high"]
    assert errors_by([]) == {}


def test_the_report_draws_and_says_what_an_evaluation_holds(images: LensImages) -> None:
    scores = gather()
    evaluation = Evaluation(
        scores=tuple(scores.scores()), curves=(*scores.curves(), Curve("errors", errors_by(scores.rows)))
    )
    figures = {figure.name: figure for figure in plots.figures(evaluation)}
    assert {"magnifications", "errors-1", "predicted", "joint-coverage"} <= set(figures)
    render(figures["magnifications"])
    render(figures["errors-1"])
    text = " ".join(sentences(evaluation))
    assert text.startswith("Einstein radii scatter by ")
    first, *_, last = errors_by(scores.rows)["S/N of the arcs"]
    for edge in (first, last):
        assert f"is {100 * edge['error']:.2g} % (predicted {100 * edge['predicted']:.2g} %)" in text
    assert "Observed and nominal coverage differ by at most " in text
    assert list(sentences(Evaluation())) == []
