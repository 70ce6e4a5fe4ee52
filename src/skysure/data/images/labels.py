"""Labelled sources of images: boxes in pixel edges, classes as text; from COCO, VOC or a table.

| file | boxes | images |
|---|---|---|
| COCO (.json) | `bbox` = x, y, width, height in pixel edges | by `file_name` |
| VOC (.xml, one for each image) | `xmin` ... `ymax`, first and last pixel, counted from 1 | by `filename` |
| table (CSV, ECSV, FITS, VOTable, Parquet) | x0, y0, x1, y1 (or x1, y1, x2, y2) in pixel edges | by `id` or `file` |

In COCO, the first keypoint is the host, and `consensus_level` of an annotation the agreement of those who labelled it.
Row 0 is the first row in the file of the image: the bottom in FITS. Images are found by the names of their files,
without folder and suffix. A source that cannot be used is set aside.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skysure import limits
from skysure.data.files.entries import Entry, bare, walk
from skysure.data.files.json_records import parse
from skysure.errors import InputError, nearest

from .rejected import Rejected
from .roles import stem
from .tables import read_objects

EXPECTED = "labels as COCO (.json), VOC (.xml), or a table of boxes"
NAMES = {
    "id": ("id", "image", "imageid", "file", "filename", "firstid"), "x0": ("x0", "xmin"), "y0": ("y0", "ymin"),
    "x1": ("x1", "xmax"), "y1": ("y1", "ymax"), "x2": ("x2",), "y2": ("y2",), "class": ("class", "label", "morphology"),
    "consensus": ("consensus", "consensuslevel", "cl"), "group": ("group", "skygroup"),
}  # fmt: skip
"""Usual names of the columns of a table of boxes, without case and punctuation."""


class Source(NamedTuple):
    """A labelled source: box (x0, y0, x1, y1) and host (x, y) in pixel edges, consensus NaN where unknown."""

    box: tuple[float, float, float, float]
    name: str
    consensus: float = np.nan
    host: tuple[float, float] = (np.nan, np.nan)


@dataclass
class LabelledImage:
    """What is labelled in an image; `size` is rows and columns, None where the labels do not say."""

    sources: list[Source] = field(default_factory=list)
    size: tuple[int, int] | None = None
    group: str = ""


@dataclass(frozen=True)
class Labels:
    """Labels by the id of their image.

    Parameters
    ----------
    images : dict of str to LabelledImage
        An image without sources is one where nothing was found; an image that is not there was not labelled.
    rejected : list of Rejected
    clipped : list of str
        Images of which a box reached beyond the rim, and was cut there.
    """

    images: dict[str, LabelledImage]
    rejected: list[Rejected]
    clipped: list[str] = field(default_factory=list)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that occur, in order of name."""
        return tuple(sorted({source.name for image in self.images.values() for source in image.sources}))

    def of(self, name: str, size: tuple[int, int], classes: Sequence[str]) -> list[Source]:
        """Give the usable sources of an image; others are set aside.

        Parameters
        ----------
        name : str
            Id of the image.
        size : tuple of int
            Its rows and columns.
        classes : sequence of str
            Those that are known.

        Raises
        ------
        InputError
            Where the labels are those of an image of another size.
        """
        image = self.images[name]
        if image.size is not None and image.size != size:
            theirs, ours = (" × ".join(map(str, shape[::-1])) for shape in (image.size, size))
            raise InputError(
                f"{name}: labels of an image of {theirs} pixels", f"{ours} pixels, as the image has",
                "labels of another version of the image", "give the images that were labelled",
            )  # fmt: skip
        usable = []
        for source in image.sources:
            if reason := _reason(source, size, classes):
                self.rejected.append(Rejected(name, "", 0, reason))
                continue
            box = np.clip(source.box, 0, [size[1], size[0]] * 2)
            if not np.array_equal(box, source.box):
                self.clipped.append(name)
            usable.append(source._replace(box=tuple(box.tolist())))
        return usable


def _reason(source: Source, size: tuple[int, int], classes: Sequence[str]) -> str:
    """Why a source cannot be used, "" where it can."""
    x0, y0, x1, y1 = source.box
    written = f"box {x0:g}, {y0:g}, {x1:g}, {y1:g}"
    if not np.isfinite(source.box).all():
        return f"{written}: not a number"
    if x1 <= x0 or y1 <= y0:
        return f"{written}: no area"
    if x1 <= 0 or y1 <= 0 or x0 >= size[1] or y0 >= size[0]:
        return f"{written}: outside of the image of {size[1]} × {size[0]} pixels"
    if source.name not in classes:
        return f"unknown class '{source.name}' ({nearest(source.name, classes)})"
    return ""


def image_id(name: str) -> str:
    """Id of an image by the name of its file, without folder and suffix.

    >>> image_id("cutouts/FIRSTJ0745.fits.fz"), image_id("481500_1089.png"), image_id("J0745.0+3357")
    ('FIRSTJ0745', '481500_1089', 'J0745.0+3357')
    """
    leaf = re.split(r"[/\\]", name.strip())[-1]
    return re.sub(r"\.(png|jpe?g|webp|tiff?|bmp|xml)$", "", stem(leaf), flags=re.IGNORECASE)


def read_labels(path: str, columns: Mapping[str, str] | None = None) -> Labels:
    """Read labels from a file, or from a folder or archive of VOC files.

    Parameters
    ----------
    path : str
    columns : mapping of str to str, optional
        Our names of columns to those of a table, where they are not the usual ones.

    Raises
    ------
    InputError
        Where it cannot be read, or has no label.
    """
    entries = [entry for entry, _ in walk([Path(path)])]
    kinds = {Path(bare(entry.leaf)).suffix for entry in entries}
    if ".json" in kinds and len(entries) == 1:
        labels = _coco(entries[0])
    elif ".xml" in kinds:
        labels = _voc([entry for entry in entries if bare(entry.leaf).endswith(".xml")])
    elif len(entries) == 1:
        labels = _table(path, columns or {})
    else:
        raise InputError(f"{path}: {len(entries)} files", EXPECTED, "a folder without VOC files")
    if not labels.images:
        raise InputError(f"{path}: no labelled image", EXPECTED, "an empty file, or all of it was set aside")
    return labels


def _coco(entry: Entry) -> Labels:
    document, _ = parse(entry.name, entry.read())
    lists = [document.get(key) if isinstance(document, dict) else None for key in ("images", "annotations")]
    if not all(isinstance(values, list) and all(isinstance(v, dict) for v in values) for values in lists):
        raise InputError(entry.name, "COCO: an object with lists 'images' and 'annotations'", "JSON of another kind")
    images, annotations = lists
    assert images is not None
    assert annotations is not None
    names = {str(c.get("id")): str(c.get("name")) for c in _records(document.get("categories"))}
    counts = Counter(str(image.get("id")) for image in images)
    labels, name_of = Labels({}, []), {}
    for row, image in enumerate(images, 1):
        name = image_id(str(image.get("file_name", image.get("id"))))
        if counts[str(image.get("id"))] > 1 or name in labels.images:
            labels.rejected.append(Rejected(name, entry.name, row, "duplicate id of an image: its labels are unclear"))
            continue
        size = tuple(image[key] for key in ("height", "width") if isinstance(image.get(key), int))
        group = str(image.get("group", image.get("sky_group", "")))
        labels.images[name] = LabelledImage([], (size[0], size[1]) if len(size) == 2 else None, group)
        name_of[str(image.get("id"))] = name
    for row, annotation in enumerate(annotations, 1):
        name = name_of.get(str(annotation.get("image_id")))
        if name is None:
            reason = "it belongs to no image of the file, or to one whose id is not unique"
            labels.rejected.append(Rejected(str(annotation.get("id")), entry.name, row, reason))
            continue
        labels.images[name].sources.append(_coco_source(annotation, names))
    return labels


def _records(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _coco_source(annotation: Mapping[str, Any], names: Mapping[str, str]) -> Source:
    x, y, width, height = _numbers(annotation.get("bbox"), 4)
    category = str(annotation.get("category_id"))
    host = _numbers(annotation.get("keypoints"), 3)
    seen = np.isfinite(host).all() and host[2] > 0
    return Source(
        (x, y, x + width, y + height), names.get(category, category),
        _numbers([annotation.get("consensus_level")], 1)[0], (host[0], host[1]) if seen else (np.nan, np.nan),
    )  # fmt: skip


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    """The first numbers of a list; NaN where it has fewer, or something else."""
    values = values if isinstance(values, list) and len(values) >= count else [None] * count
    return tuple(
        float(v) if isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e12 else np.nan
        for v in values[:count]
    )


def _voc(entries: Sequence[Entry]) -> Labels:
    labels = Labels({}, [])
    for entry in entries:
        root = _parse_xml(entry)
        name = image_id(root.findtext("filename") or entry.leaf)
        if name in labels.images:
            labels.rejected.append(Rejected(name, entry.name, 0, "duplicate id of an image: it is labelled already"))
            continue
        size = [_number(root.findtext(f"size/{key}")) for key in ("height", "width")]
        image = LabelledImage([], (int(size[0]), int(size[1])) if np.isfinite(size).all() else None)
        for item in root.iterfind("object"):
            edges = [_number(item.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")]
            box = (edges[0] - 1, edges[1] - 1, edges[2], edges[3])
            image.sources.append(Source(box, (item.findtext("name") or "").strip()))
        labels.images[name] = image
    return labels


def _parse_xml(entry: Entry) -> ElementTree.Element:
    """Parse a small XML file; one that declares entities, which may grow without end, is refused."""
    content = entry.read()
    if len(content) > limits.current().settings_file or b"<!ENTITY" in content:
        raise InputError(entry.name, "an XML file of labels", "it is huge, or declares entities", "write it plainly")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise InputError(entry.name, "well-formed XML", str(error), "fetch or write it again") from None
    if root.tag != "annotation":
        raise InputError(entry.name, "VOC: <annotation> with <object> and <bndbox>", f"its root is <{root.tag[:40]}>")
    return root


def _number(text: Any) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return float("nan")
    return value if abs(value) < 1e12 else float("nan")


def _table(path: str, columns: Mapping[str, str]) -> Labels:
    table = read_objects(path, NAMES, columns)
    held = dict(table.columns)
    if "x0" not in held and {"x1", "x2", "y1", "y2"} <= set(held):  # first and last corner, as some tables name them
        held |= {"x0": held["x1"], "y0": held["y1"], "x1": held["x2"], "y1": held["y2"]}
    if missing := [name for name in ("x0", "y0", "x1", "y1", "class") if name not in held]:
        raise InputError(
            f"{table.file}: no column '{missing[0]}'", "id, x0, y0, x1, y1 in pixel edges, and class",
            "another name for it", f'[reading] columns.{missing[0]} = "..."',
        )  # fmt: skip
    labels = Labels({}, [])
    for row, identifier in enumerate(table.ids.tolist()):
        image = labels.images.setdefault(image_id(identifier), LabelledImage())
        image.group = image.group or str(held["group"][row] if "group" in held else "")
        box = tuple(_number(held[name][row]) for name in ("x0", "y0", "x1", "y1"))
        consensus = _number(held["consensus"][row]) if "consensus" in held else np.nan
        image.sources.append(Source((box[0], box[1], box[2], box[3]), str(held["class"][row]), consensus))
    return labels
