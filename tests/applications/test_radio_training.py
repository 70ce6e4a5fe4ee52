"""What detectors of radio sources read, how it turns, and their training on simulated and labelled images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from skysure.applications.radio.encoding import SOURCES, class_probabilities, encode, encode_labelled, turn
from skysure.applications.radio.images import RadioImages
from skysure.applications.radio.settings import Query, Settings
from skysure.applications.radio.simulator import simulate
from skysure.applications.radio.source import read
from skysure.applications.radio.training import train
from skysure.applications.radio.truth import Truth
from skysure.data.sources import InMemorySource
from skysure.errors import InputError, SettingsError

TINY = Settings(
    size=64, per_epoch=128, uses=1, width=8, fpn_width=16, hidden=16, proposals=8, batch=16, epochs=3,
    learning_rate=2e-3, validation=32,
)  # fmt: skip


def labelled(image: np.ndarray, boxes: list[list[float]]) -> RadioImages:
    truth = Truth([len(boxes)], boxes, [0] * len(boxes), hosts=[[b[0] + 1.5, b[1] + 2.5] for b in boxes])
    return RadioImages(image, noise=[[2.0]], pixel_scale=1.8, truth=truth)


def test_channels_are_stretched_signal_to_noise_and_where_there_are_data() -> None:
    image = np.full((32, 40), 6.0)
    image[3, 5] = np.nan
    channels = encode(labelled(image, []), Settings())
    assert channels.shape == (1, 2, 32, 40)
    assert channels[0, :, 0, 0].tolist() == pytest.approx([np.arcsinh(1.0), 1.0])
    assert channels[0, :, 3, 5].tolist() == [0.0, 0.0]


def test_a_band_that_is_missing_is_zero() -> None:
    channels = encode(labelled(np.ones((32, 32)), []), Settings(infrared=True))
    assert channels[0, 1].abs().sum() == channels[0, 3].sum() == 0
    assert channels[0, 2].min() == 1


def test_enlarged_images_have_enlarged_boxes() -> None:
    batch = encode_labelled(labelled(np.ones((32, 32)), [[3, 4, 9, 12]]), Settings(enlarge=2))
    assert batch["images"].shape[-2:] == (64, 64)
    assert batch["boxes"][0, 0].tolist() == [6, 8, 18, 24]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_boxes_and_hosts_turn_with_the_image(quarters: int, mirrored: bool) -> None:
    image = np.zeros((24, 40))
    image[4:12, 3:9], image[6, 4] = 1.0, 9.0
    turned = turn(encode_labelled(labelled(image, [[3, 4, 9, 12]]), Settings(infrared=True)), quarters, mirrored)
    x0, y0, x1, y1 = (int(edge) for edge in turned["boxes"][0, 0])
    signal = turned["images"][0, 0]
    assert (signal[y0:y1, x0:x1] > 0).all()
    assert int((signal > 0).sum()) == (y1 - y0) * (x1 - x0) == 48
    x, y = turned["hosts"][0, 0].tolist()
    assert signal[int(y), int(x)] == signal.max()


def test_sources_fill_up_with_nan_and_the_largest_stay() -> None:
    few = encode_labelled(labelled(np.ones((64, 64)), [[3, 4, 9, 12]]), Settings())["boxes"]
    assert few.shape == (1, SOURCES, 4)
    assert few[0, 1:].isnan().all()
    many = [[0, 0, 1 + k / 100, 2] for k in range(SOURCES + 5)]
    kept = encode_labelled(labelled(np.ones((64, 64)), many), Settings())["boxes"]
    assert kept[0, :, 2].min() == pytest.approx(1.05)


def test_class_probabilities_of_volunteers_are_used_where_known() -> None:
    shares = np.array([[0.6, 0.4, 0, 0, 0, 0], [np.nan] * 6])
    truth = Truth([2], [[0, 0, 1, 1]] * 2, [0, 3], probabilities=shares)
    np.testing.assert_allclose(class_probabilities(truth), [shares[0], np.eye(6)[3]])


@pytest.mark.parametrize("architecture", ["faster_rcnn", "retinanet"])
def test_training_lowers_the_loss_and_resumes_with_the_same_bits(architecture: str) -> None:
    settings = replace(TINY, architecture=architecture)
    source = simulate(settings, None, 0)
    first, second, last = train(source, settings)
    assert last.record["validation_nll"] < first.record["validation_nll"]
    (resumed,) = train(source, settings, second)
    assert all(torch.equal(resumed.tensors[name], last.tensors[name]) for name in last.tensors)


def test_images_without_labels_cannot_be_trained_on() -> None:
    images = RadioImages(np.ones((4, 32, 32)), noise=np.ones((4, 1)), pixel_scale=1.8)
    source = InMemorySource(simulate(TINY, 1, 0).schema, [images])
    with pytest.raises(InputError, match="no labelled source"):
        next(train(source, replace(TINY, objects=4)))


def test_settings_that_cannot_be() -> None:
    for wrong in ({"size": 16}, {"layers": 3}, {"validation": 0.1}, {"enlarge": 0}):
        with pytest.raises(SettingsError):
            Settings(**wrong)
    with pytest.raises(SettingsError):
        Query(score=2.0)


def test_the_schema_of_images_in_memory_is_that_of_their_classes_and_beams() -> None:
    images = next(simulate(TINY, 4, 0).chunks())
    schema = read([images]).schema
    assert schema.classes == images.truth.classes
    assert schema.pixel_scale == 1.8
    assert schema.beam == pytest.approx((images.beam[:, 0, 1].min(), images.beam[:, 0, 0].max()))
