"""Labels of images as COCO, VOC and tables, and what is wrong with them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skysure.data.images.labels import image_id, read_labels
from skysure.errors import InputError

SIZE = (40, 50)
CLASSES = ("double", "single")


def coco(path: Path, boxes: list[Any], **extra: Any) -> str:
    """Write labels of the images "a" and "b"; boxes belong to "a"."""
    size = {"height": 40, "width": 50}
    images = [{"id": k, "file_name": f"cutouts/{name}.fits.fz"} | size for k, name in enumerate("ab")]
    annotations = [{"id": k, "image_id": 0, "category_id": 7, "bbox": box} | extra for k, box in enumerate(boxes)]
    document = {"images": images, "annotations": annotations, "categories": [{"id": 7, "name": "single"}]}
    path.write_text(json.dumps(document))
    return str(path)


def test_coco(tmp_path: Path) -> None:
    path = coco(tmp_path / "labels.json", [[3, 4, 10, 5]], consensus_level=0.7, keypoints=[8, 6, 2])
    labels = read_labels(path)
    (source,) = labels.of("a", SIZE, CLASSES)
    assert source == ((3, 4, 13, 9), "single", 0.7, (8, 6))
    assert labels.of("b", SIZE, CLASSES) == []
    assert labels.classes == ("single",)


VOC = """<annotation><filename>a.png</filename><size><width>50</width><height>40</height></size>
<object><name>single</name>
<bndbox><xmin>4</xmin><ymin>5</ymin><xmax>13</xmax><ymax>9</ymax></bndbox></object></annotation>"""


def test_voc_counts_pixels_from_one(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(VOC)
    (tmp_path / "b.xml").write_text(VOC.replace("a.png", "b.png"))
    (source,) = read_labels(str(tmp_path)).of("a", SIZE, CLASSES)
    assert source.box == (3, 4, 13, 9)


def test_a_table_with_either_names_of_corners(tmp_path: Path) -> None:
    for number, names in enumerate(("x0,y0,x1,y1", "x1,y1,x2,y2", "xmin,ymin,xmax,ymax")):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"file,{names},label,consensus_level,sky_group\ncutouts/a.fits.fz,3,4,13,9,single,0.7,12\n")
        labels = read_labels(str(path))
        assert labels.of("a", SIZE, CLASSES)[0][:3] == ((3, 4, 13, 9), "single", 0.7)
        assert labels.images["a"].group == "12"


BAD_BOXES = {
    "no area": ([5, 5, 0, 3], "no area"), "negative": ([5, 5, -2, 3], "no area"),
    "outside": ([60, 5, 4, 4], "outside of the image of 50 × 40 pixels"), "below": ([5, -9, 4, 9], "outside"),
    "text": (["a", 5, 4, 4], "not a number"), "short": ([5, 5, 4], "not a number"), "null": (None, "not a number"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_BOXES)
def test_boxes_set_aside(tmp_path: Path, name: str) -> None:
    box, reason = BAD_BOXES[name]
    labels = read_labels(coco(tmp_path / "labels.json", [box, [3, 4, 10, 5]]))
    assert [source.box for source in labels.of("a", SIZE, CLASSES)] == [(3, 4, 13, 9)]
    assert [(r.id, reason in r.reason) for r in labels.rejected] == [("a", True)]


def test_an_unknown_class_is_set_aside_with_the_nearest(tmp_path: Path) -> None:
    labels = read_labels(coco(tmp_path / "labels.json", [[3, 4, 10, 5]]))
    assert labels.of("a", SIZE, ("singles", "double")) == []
    assert labels.rejected[0].reason == "unknown class 'single' (nearest: singles)"


def test_a_box_beyond_the_rim_is_cut_there(tmp_path: Path) -> None:
    labels = read_labels(coco(tmp_path / "labels.json", [[-3, 30, 10, 15]]))
    assert labels.of("a", SIZE, CLASSES)[0].box == (0, 30, 7, 40)
    assert labels.clipped == ["a"]


def test_duplicate_ids_of_images(tmp_path: Path) -> None:
    path = Path(coco(tmp_path / "labels.json", [[3, 4, 10, 5]]))
    document = json.loads(path.read_text())
    document["images"] += [{"id": 0, "file_name": "c.fits"}, {"id": 5, "file_name": "b.fits"}]
    path.write_text(json.dumps(document))
    labels = read_labels(str(path))
    assert list(labels.images) == ["b"]
    assert [r.id for r in labels.rejected] == ["a", "c", "b", "0"]
    assert "no image of the file" in labels.rejected[-1].reason


def test_labels_of_an_image_of_another_size(tmp_path: Path) -> None:
    labels = read_labels(coco(tmp_path / "labels.json", [[3, 4, 10, 5]]))
    with pytest.raises(InputError, match="labels of an image of 50 × 40 pixels"):
        labels.of("a", (50, 50), CLASSES)


BAD_FILES = {
    "labels.json": "{", "list.json": "[1, 2]", "words.json": '{"images": "many", "annotations": []}',
    "empty.json": '{"images": [], "annotations": []}', "cut.xml": VOC[:120], "other.xml": "<html></html>",
    "bomb.xml": '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "table.csv": "id,x0\na,1\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_files_that_are_no_labels(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(BAD_FILES[name])
    with pytest.raises(InputError, match=name.partition(".")[0]):
        read_labels(str(tmp_path / name))


def radio(name: str) -> str:
    if "SKYSURE_DATA" not in os.environ:
        pytest.skip("SKYSURE_DATA is not set")
    return str(Path(os.environ["SKYSURE_DATA"]) / "radio" / name)


def test_first_as_coco_and_as_a_table() -> None:
    """Both files of the set hold the same sources; the table also has those of images that are kept back, if any."""
    one, other = (read_labels(radio(f"rgz_first/{name}")) for name in ("annotations_coco.json", "sources.csv"))
    assert sum(len(image.sources) for image in one.images.values()) == 269
    for name, image in one.images.items():
        ours, theirs = sorted(image.sources), sorted(other.images[name].sources)
        assert [(s.box, s.name) for s in ours] == [(s.box, s.name) for s in theirs]
        assert image.group == other.images[name].group


def test_radiogalaxynet_with_hosts() -> None:
    labels = read_labels(radio("radiogalaxynet/annotations_coco.json"))
    classes = labels.classes
    assert classes == ("FR-I", "FR-II", "FR-X", "R")
    sources = [source for name in labels.images for source in labels.of(name, (450, 450), classes)]
    assert len(sources) + len(labels.rejected) == 3320
    assert not labels.rejected
    assert 0 < len(labels.clipped) <= 38
    hosts = np.array([source.host for source in sources])
    assert np.isfinite(hosts).all()
    assert (np.abs(hosts - 225) < 1).all(1).sum() > 2200


def test_ids_of_images() -> None:
    assert image_id("a/b/J0745.0+3357.FITS.gz") == "J0745.0+3357"
