"""Detectors: what they give, that they learn, and what does not depend on what."""

import dataclasses

import pytest
import torch

from skysure.errors import InputError

pytest.importorskip("torchvision")

from skysure.methods.detection import Detector, DetectorSettings

ARCHITECTURES = ["faster_rcnn", "retinanet"]
SMALL = {"widths": (16, 16, 32, 32), "fpn_width": 16, "hidden": 32, "proposals": 20, "rate": 0.05}
PIXELS = torch.arange(64) + 0.5


def build(architecture, bands=1, classes=2, **settings):
    torch.manual_seed(0)
    return Detector(DetectorSettings(bands, classes, architecture, **(SMALL | settings)))


def draw_scene(bands=1, seed=0):
    """Three images of 64 x 64 pixels: a single and a double source, a single source, none."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.1 * torch.randn(3, bands, 64, 64, generator=generator)
    boxes = torch.full((3, 2, 4), torch.nan)
    for image, source, x, y, kind in ((0, 0, 16.0, 20.0, 0), (0, 1, 44.0, 40.0, 1), (1, 0, 30.0, 34.0, 0)):
        for lobe in (-6.0, 6.0) if kind else (0.0,):
            images[image] += torch.exp(-((PIXELS - x - lobe).square() + (PIXELS[:, None] - y).square()) / 8)
        half = 11.0 if kind else 5.0
        boxes[image, source] = torch.tensor([x - half, y - 5, x + half, y + 5])
    classes = torch.eye(2)[torch.tensor([[0, 1], [0, 0], [0, 0]])]
    return {"images": images, "boxes": boxes, "classes": classes}


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_candidates_have_the_documented_shapes(architecture, bands):
    detector = build(architecture, bands, hosts=True)
    images = torch.randn(2, bands, 50, 70)
    for samples in (0, 4):
        for one in detector.candidates(images, samples):
            n = len(one.boxes)
            assert n > 0
            assert one.covariance.shape == one.aleatoric.shape == one.epistemic.shape == (n, 4, 4)
            assert one.hosts.shape == (n, 2)
            assert one.host_covariance.shape == (n, 2, 2)
            assert ((one.existence >= 0) & (one.existence <= 1)).all()
            torch.testing.assert_close(one.classes.sum(-1), torch.ones(n))
            assert (one.existence.diff() <= 0).all()
            assert (one.boxes[:, :2] >= 0).all()
            assert (one.boxes[:, 2] <= 70).all()
            assert (one.boxes[:, 3] <= 50).all()
            assert (torch.linalg.eigvalsh(one.covariance) > -1e-5).all()
            torch.testing.assert_close(one.covariance, one.aleatoric + one.epistemic)
            assert one.image_features.shape == detector.features(images)[0].shape


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradients_are_finite_everywhere_and_images_may_be_empty(architecture):
    detector, batch = build(architecture, learned_rate=True, hosts=True), draw_scene()
    batch["hosts"] = batch["boxes"][..., :2] + 5
    detector.nll(batch).sum().backward()
    for name, weights in detector.named_parameters():
        assert weights.grad is not None, name
        assert torch.isfinite(weights.grad).all(), name
    losses = detector.losses({name: values[2:] for name, values in batch.items()})
    assert all(torch.isfinite(loss).all() for loss in losses.values())
    assert losses["box"].tolist() == losses["class"].tolist() == [0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_samples_are_reproducible_and_belong_to_their_image(architecture):
    detector, images = build(architecture, rate=0.3), torch.randn(3, 1, 64, 64)
    together = detector.candidates(images, 6, seed=3)
    alone = detector.candidates(images[1:2], 6, seed=3, rows=torch.tensor([1]))[0]
    for field in dataclasses.fields(alone):
        value = getattr(together[1], field.name)
        assert value is None or torch.allclose(value, getattr(alone, field.name), atol=1e-4), field.name
    other = detector.candidates(images, 6, seed=4)[1]
    assert not torch.equal(other.existence, together[1].existence)
    assert (together[1].epistemic.diagonal(dim1=-2, dim2=-1) > 0).any()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_bad_images_and_boxes_are_refused(architecture):
    detector, batch = build(architecture), draw_scene()
    with pytest.raises(InputError, match="bands"):
        detector.candidates(torch.zeros(1, 2, 64, 64))
    with pytest.raises(InputError, match="not finite"):
        detector.nll(batch | {"images": batch["images"] / 0})
    swapped = batch["boxes"].clone()
    swapped[0, 0] = torch.tensor([20.0, 10, 20, 30])
    with pytest.raises(InputError, match="not positive"):
        detector.nll(batch | {"boxes": swapped})
