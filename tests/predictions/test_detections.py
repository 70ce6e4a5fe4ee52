"""Detections: rows, images without a source, columns, and files opened by regions, pycocotools' successor, astropy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.wcs import WCS

import skysure
from skysure.errors import InputError
from skysure.predictions import Detections, Label, coco, concat, regions
from skysure.predictions.detections import sky_corners, source_numbers

CLASSES = ("1C_1P", "2C_3P")
POINTS = {"id": ["a", "empty", "ç d"], "x": [2.0, 0.0, 1.0]}


def detections(ids: list[str], images: list[str], seed: int = 0) -> Detections:
    r = np.random.default_rng(seed)
    n, corner = len(ids), r.uniform(0, 50, (len(ids), 2))
    a, b, c = r.normal(size=(n, 4, 4)), r.normal(size=(n, 4, 4)), r.normal(size=(n, 2, 2))
    return Detections(
        {"id": np.array(ids, str), "source": source_numbers(np.array(ids, str))}, CLASSES, np.array(images, str),
        np.concatenate([corner, corner + r.uniform(3, 20, (n, 2))], 1), a @ a.mT, b @ b.mT, r.random(n),
        r.dirichlet(np.ones(2), n), host=corner + 1, host_aleatoric=c @ c.mT, host_epistemic=0 * c,
        prediction_set=r.random((n, 2)) > 0.3, coverage=0.9, image_shape=np.full((len(images), 2), (60, 80)),
        catalogue={"ra": r.uniform(0, 360, n), "flux": r.random(n)},
        labels={"flux": Label("Total flux density", "phot.flux.density", "mJy")},
    )  # fmt: skip


def header() -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---SIN", "DEC--SIN"], [150.0, 2.0], [40.0, 30.0]
    wcs.wcs.cdelt, wcs.wcs.cunit = [-1.8 / 3600, 1.8 / 3600], ["deg", "deg"]
    return wcs


def test_columns_are_scalar_and_say_what_they_are() -> None:
    one = detections(["a", "a", "b"], ["a", "b", "c"])
    table = one.to_table()
    assert table.colnames[:5] == ["id", "source", "ra", "flux", "score"]
    assert all(table[name].ndim == 1 for name in table.colnames)
    assert table["flux"].unit == u.mJy
    assert table["box_x0_error"].unit == u.pix
    assert all(table[name].info.description for name in table.colnames if name not in ("source",))
    assert one.rows["source"].tolist() == [1, 2, 1]
    assert "3 rows in 3 images, 2 classes" in repr(one)


def test_errors_of_middle_and_size_are_those_of_boxes_drawn_from_the_covariance() -> None:
    one = detections(["a"], ["a"])
    table, r = one.to_table(), np.random.default_rng(1)
    boxes = r.multivariate_normal(one.box[0], one.predictive[0], 200_000)
    drawn = {"x": (boxes[:, 0] + boxes[:, 2]) / 2 - 0.5, "y": (boxes[:, 1] + boxes[:, 3]) / 2 - 0.5,
             "width": boxes[:, 2] - boxes[:, 0], "height": boxes[:, 3] - boxes[:, 1]}  # fmt: skip
    for name, values in drawn.items():
        error = table[f"{name}_error"][0].value
        assert abs(values.mean() - table[name][0].value) < 5 * error / np.sqrt(len(boxes)), name
        assert values.std() == pytest.approx(error, rel=0.01), name
        parts = table[f"{name}_aleatoric"][0].value ** 2 + table[f"{name}_epistemic"][0].value ** 2
        assert parts == pytest.approx(error**2), name


def test_a_pixel_is_a_box_around_its_centre() -> None:
    one = replace(detections(["a"], ["a"]), box=np.array([[3.0, 7.0, 4.0, 8.0]]))
    assert one.position.tolist() == [[3, 7]]
    sky = sky_corners(one.box, header())
    centre = header().pixel_to_world(3, 7)
    distances = SkyCoord(sky[0] * u.deg).separation(centre)
    np.testing.assert_allclose(distances.arcsec, 1.8 * np.sqrt(0.5), rtol=1e-4)


def test_images_without_a_source_are_kept_once() -> None:
    first, second = detections(["a", "b"], ["a", "b"]), detections([], ["c"])
    joined = concat([first[:1], first[1:], second, detections(["d"], ["d"])])
    assert joined.images.tolist() == ["a", "b", "c", "d"]
    assert joined.rows["id"].tolist() == ["a", "b", "d"]
    assert joined.image_shape is not None
    assert joined.image_shape.shape == (4, 2)
    assert joined[joined.score > 2].images.tolist() == joined.images.tolist()
    assert len(joined[joined.score > 2].to_table()) == 0


def test_catalogues_with_other_columns_are_not_joined() -> None:
    one = detections(["a"], ["a"])
    with pytest.raises(InputError, match="flux"):
        concat([one, replace(one, catalogue={"ra": one.catalogue["ra"]})])


class Finder:
    """As many detections in an image as its x says."""

    has_wcs = True

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, model: object, chunk: object, query: object) -> Detections:
        self.calls += 1
        ids = np.repeat(chunk.ids, np.asarray(chunk.x, int)).tolist()
        prediction = detections(ids, list(chunk.ids), seed=7)
        corners = sky_corners(prediction.box, header())
        return replace(prediction, corners=corners) if self.has_wcs else prediction


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> Finder:
    model = Finder()
    monkeypatch.setattr("skysure.applications.sine.predict", model, raising=False)
    monkeypatch.setattr("skysure.applications.sine.FORMS", (coco.FORM, regions.FORM), raising=False)
    return model


@pytest.fixture(scope="module")
def run() -> skysure.Run:
    from skysure.applications import sine

    settings, schema = sine.Settings(), sine.Schema()
    return skysure.Run("sine", settings, schema, sine.network(settings, schema))


def test_coco_is_opened_by_another_program(run: skysure.Run, finder: Finder, tmp_path: Path) -> None:
    peer = pytest.importorskip("faster_coco_eval", reason="needs faster-coco-eval")
    assert skysure.predict(run, POINTS, tmp_path / "found.json") == 3
    truth = peer.COCO(str(tmp_path / "found.json"))
    assert [image["file_name"] for image in truth.loadImgs(truth.getImgIds())] == POINTS["id"]
    assert truth.getAnnIds(imgIds=[2]) == []
    assert [c["name"] for c in truth.loadCats(truth.getCatIds())] == list(CLASSES)
    expected = skysure.predict(run, POINTS)
    boxes = np.array([a["bbox"] for a in truth.loadAnns(truth.getAnnIds())])
    np.testing.assert_allclose(boxes, np.concatenate([expected.box[:, :2], expected.size], 1))
    own = truth.loadRes([a | {"score": 0.5} for a in truth.loadAnns(truth.getAnnIds())])
    evaluation = peer.COCOeval_faster(truth, own, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)  # a file held against itself


def test_coco_has_no_numbers_that_json_lacks(run: skysure.Run, tmp_path: Path) -> None:
    one = replace(detections(["a"], ["a"]), host=np.full((1, 2), np.nan))
    text = [line.text for line in coco.lines_of(one)][-1]
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))["host"] == [None, None]


def test_regions_on_the_sky_are_opened_by_another_program(run: skysure.Run, finder: Finder, tmp_path: Path) -> None:
    package = pytest.importorskip("regions", reason="needs regions")
    assert skysure.predict(run, POINTS, [tmp_path / "found.reg", tmp_path / "found.fits"]) == 3
    shapes = package.Regions.read(tmp_path / "found.reg", format="ds9")
    expected = skysure.predict(run, POINTS)
    for shape, box, k in zip(shapes, expected.box, range(3), strict=True):
        pixels = shape.to_pixel(header())
        np.testing.assert_allclose(pixels.vertices.x, box[[0, 2, 2, 0]] - 0.5, atol=1e-3)
        np.testing.assert_allclose(pixels.vertices.y, box[[1, 1, 3, 3]] - 0.5, atol=1e-3)
        assert shape.meta["tag"] == [str(expected.rows["id"][k])]
        assert shape.meta["text"] == f"{CLASSES[expected.best[k]]} {expected.score[k]:.2f}"
    assert len(QTable.read(tmp_path / "found.fits")) == 3
    assert finder.calls == 2


def test_regions_in_pixels_where_there_is_no_wcs(run: skysure.Run, finder: Finder, tmp_path: Path) -> None:
    package = pytest.importorskip("regions", reason="needs regions")
    finder.has_wcs = False
    skysure.predict(run, POINTS, tmp_path / "found.reg")
    expected = skysure.predict(run, POINTS)
    for shape, k in zip(package.Regions.read(tmp_path / "found.reg", format="ds9"), range(3), strict=True):
        np.testing.assert_allclose([shape.center.x, shape.center.y], expected.position[k], atol=1e-6)
        np.testing.assert_allclose([shape.width, shape.height], expected.size[k], atol=1e-6)


def test_braces_do_not_end_the_text_of_a_region(tmp_path: Path) -> None:
    package = pytest.importorskip("regions", reason="needs regions")
    one = replace(detections(["a}{\nb"], ["x"]), classes=("{1}", "2"))
    (line,) = regions.lines_of(one)
    (shape,) = package.Regions.parse(line.text, format="ds9")
    assert shape.meta["tag"] == ["a)( b"]


def test_nothing_detected_is_an_answer(run: skysure.Run, finder: Finder, tmp_path: Path) -> None:
    """A table without rows, a region file without regions, and COCO with the images that were searched."""
    paths = [tmp_path / f"none{suffix}" for suffix in (".json", ".reg", ".fits", ".csv", ".ecsv", ".vot", ".parquet")]
    assert skysure.predict(run, {"id": ["a", "b"], "x": [0.0, 0.0]}, paths) == 0
    assert len(json.loads(paths[0].read_text())["images"]) == 2
    for path in paths[2:]:
        assert len(skysure.data.read_table(path)) == 0


def test_an_interrupted_prediction_continues_after_its_chunks(tmp_path: Path) -> None:
    from skysure.data.results.publication import Publication
    from skysure.predictions.writers import Answer, Task

    chunks = [detections(["a", "a"], ["a", "b"], seed=1), detections(["c"], ["c"], seed=2)]
    answers = [Answer(str(k), k, chunks.__getitem__) for k in range(2)]

    def write(path: Path, answers: list[Answer], stop: bool = False) -> int:
        with Publication([path], identity={"x": 1}, resume=True) as publication:
            task = Task(None, None, None, "images", {"run": "r"}, {"x": 1}, publication=publication)
            with coco.FORM.writer([path], task) as writer:
                for answer in answers:
                    if not writer.has(answer.key):
                        writer.write(answer)
                    if stop:
                        raise KeyboardInterrupt
            return writer.rows

    write(tmp_path / "whole.json", answers)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "cut.json", answers, stop=True)
    again = [Answer("0", 0, lambda chunk: pytest.fail("predicted twice")), answers[1]]
    assert write(tmp_path / "cut.json", again) == 3
    assert (tmp_path / "cut.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert SimpleNamespace(**json.loads((tmp_path / "cut.json").read_text())).info["run"] == "r"
