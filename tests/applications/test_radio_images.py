"""Chunks of radio images: shapes, selection and joining, sky positions, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from skysure.applications.radio.classes import CLARAN_SHARES, CLASSES, class_index
from skysure.applications.radio.images import RadioImages
from skysure.applications.radio.truth import Truth
from skysure.errors import InputError

BOXES = [[0, 0, 4, 4], [1, 2, 3, 5], [2, 2, 6, 7]]


def images(n: int = 3, **values: object) -> RadioImages:
    truth = Truth([1, 0, 2], BOXES, [0, 3, 5], columns={"flux": np.array([1.0, 2.0, 3.0])})
    defaults = {"image": np.arange(n * 2 * 8 * 8.0).reshape(n, 2, 8, 8), "bands": ("radio", "infrared"),
                "pixel_scale": 1.8, "truth": truth, "objects": {"group": np.array(["a", "b", "c"])}}  # fmt: skip
    return RadioImages(**(defaults | values))


def test_classes() -> None:
    assert [class_index(int(name[0]), int(name[3])) for name in CLASSES] == list(range(6))
    assert class_index(2, 1) == class_index(1, 4) == class_index(4, 4) == -1
    assert sum(CLARAN_SHARES) == pytest.approx(1)


def test_an_image_takes_its_sources_along() -> None:
    chosen = images()[[2, 1, 2]]
    assert chosen.truth is not None
    assert chosen.truth.counts.tolist() == [2, 0, 2]
    assert chosen.truth.labels.tolist() == [3, 5, 3, 5]
    assert chosen.truth.image.tolist() == [0, 0, 2, 2]
    assert chosen.truth.columns["flux"].tolist() == [2, 3, 2, 3]
    assert np.array_equal(chosen.image[0], images().image[2])
    assert chosen.groups.tolist() == ["c", "b", "c"]


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_chunks_join_as_they_were_cut(cut: int) -> None:
    whole = images()
    joined = RadioImages.concat([whole[:cut], whole[cut:]])
    assert whole.truth is not None
    assert joined.truth is not None
    assert np.array_equal(joined.image, whole.image)
    assert np.array_equal(joined.truth.boxes, whole.truth.boxes)
    assert np.array_equal(joined.truth.counts, whole.truth.counts)
    assert joined.to_table().colnames == whole.to_table().colnames


def test_noise_is_a_number_or_a_map() -> None:
    one, maps = images(noise=np.ones((3, 2))), images(noise=np.ones((3, 2, 8, 8)))
    assert one.noise.shape == (3, 2, 1, 1)
    assert RadioImages.concat([one, maps]).noise.shape == (6, 2, 8, 8)
    assert np.isnan(images().noise).all()


def test_a_missing_band_is_nan() -> None:
    image = np.zeros((2, 2, 8, 8))
    image[1, 1] = np.nan
    two = RadioImages(image, bands=("radio", "infrared"), pixel_scale=1.0)
    assert two.missing.tolist() == [[False, False], [False, True]]
    assert two.band("infrared").shape == (2, 8, 8)
    with pytest.raises(InputError, match="optical"):
        two.band("optical")


def test_celestial_coordinates_are_those_of_the_header() -> None:
    header = WCS(naxis=2)
    header.wcs.ctype, header.wcs.crval, header.wcs.crpix = ["RA---TAN", "DEC--TAN"], [150.0, 2.0], [4.5, 4.5]
    header.wcs.cdelt = [-0.0005, 0.0005]
    one = RadioImages(np.zeros((8, 8)), pixel_scale=1.8, wcs=[header.to_header_string()])
    wcs = RadioImages.concat([one, RadioImages(np.zeros((8, 8)), pixel_scale=1.8)]).wcs_of(0)
    assert wcs is not None
    assert wcs.pixel_to_world_values(3.5, 3.5) == pytest.approx((150.0, 2.0))
    assert images().wcs_of(0) is None


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"image": np.zeros((3, 1, 8, 8))}, "bands"),
        ({"image": np.zeros((3, 2, 0, 8))}, "image of shape"),
        ({"pixel_scale": None}, "pixel scale"),
        ({"pixel_scale": -1.8}, "pixel_scale"),
        ({"noise": np.ones((3, 2, 4, 4))}, "noise of shape"),
        ({"beam": np.ones((3, 3))}, "beam of shape"),
        ({"ids": ["a"]}, "ids"),
        ({"truth": Truth.empty(2)}, "sources"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        images(**values)


def test_truth_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="background"):
        Truth([1], [[0, 0, 1, 1]], [6])
    with pytest.raises(InputError, match="counts"):
        Truth([2], [[0, 0, 1, 1]], [0])
    with pytest.raises(InputError, match="classes"):
        Truth.concat([Truth.empty(1), Truth.empty(1, ("FR-I", "FR-II"))])


def test_sources_can_be_kept_by_a_mask() -> None:
    truth = images().truth
    assert truth is not None
    kept = truth.where(np.array([False, True, True]))
    assert kept.counts.tolist() == [0, 0, 2]
    assert kept.labels.tolist() == [3, 5]
