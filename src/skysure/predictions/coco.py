"""JSON in the layout of COCO (Lin et al. 2014, arXiv:1405.0312): images, categories, and detections as annotations.

COCO counts x and y from the corner of the first pixel of the array, as `Detections` does: bbox is
(x0, y0, width, height). Programs for COCO draw row 0 at the top; in FITS it is at the bottom, and `info` says so.
Beside the fields of COCO an annotation has `score`, `probability` of each class, `covariance` of (x0, y0, x1, y1), and
`host`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from .detections import Detections
from .lines import CLASSES, IMAGE, SOURCE, Line, LineWriter
from .writers import Form, Task

ORIENTATION = "x and y in pixel edges of the array, from its first pixel; in a FITS image that is the lower left one"


def lines_of(prediction: Detections) -> Iterator[Line]:
    """Give the names of the classes, each image, and each source, as JSON without numbers."""
    yield Line(CLASSES, "", json.dumps(prediction.classes))
    shapes = prediction.image_shape
    for k, name in enumerate(prediction.images):
        size = {} if shapes is None else {"width": int(shapes[k, 1]), "height": int(shapes[k, 0])}
        yield Line(IMAGE, str(name), json.dumps({"file_name": str(name)} | size))
    for image, annotation in zip(prediction.rows["id"], annotations_of(prediction), strict=True):
        yield Line(SOURCE, str(image), json.dumps(_finite(annotation), allow_nan=False))


def annotations_of(prediction: Detections) -> Iterator[dict[str, Any]]:
    """Give the annotation of each source, without its number and that of its image; categories count from 1."""
    best, sizes, covariance = prediction.best, prediction.size, prediction.predictive
    for k, (x0, y0, _, _) in enumerate(prediction.box.tolist()):
        width, height = sizes[k].tolist()
        annotation = {
            "category_id": int(best[k]) + 1, "bbox": [x0, y0, width, height], "area": width * height, "iscrowd": 0,
            "score": float(prediction.score[k]), "covariance": covariance[k].tolist(),
            "probability": dict(zip(prediction.classes, prediction.probability[k].tolist(), strict=True)),
        }  # fmt: skip
        yield annotation if prediction.host is None else annotation | {"host": prediction.host[k].tolist()}


def write(file: IO[bytes], lines: Callable[[], Iterable[Line]], about: Mapping[str, Any]) -> None:
    """Write a file: images and annotations are numbered from 1, in their order."""
    classes: list[str] = next((json.loads(line.text) for line in lines() if line.kind == CLASSES), [])
    categories = [{"id": k, "name": name} for k, name in enumerate(classes, 1)]
    head = {"info": {"orientation": ORIENTATION} | dict(about), "categories": categories}
    file.write(json.dumps(_finite(head), default=str, allow_nan=False)[:-1].encode())
    images = {line.image: line.text for line in lines() if line.kind == IMAGE}
    _write_list(file, "images", (f'{{"id": {k}, {text[1:]}' for k, text in enumerate(images.values(), 1)))
    number = {name: k for k, name in enumerate(images, 1)}
    sources = enumerate((line for line in lines() if line.kind == SOURCE), 1)
    texts = (f'{{"id": {k}, "image_id": {number[line.image]}, {line.text[1:]}' for k, line in sources)
    _write_list(file, "annotations", texts)
    file.write(b"}\n")


def writer(paths: Sequence[Path], task: Task) -> LineWriter:
    """Open files in the layout of COCO."""
    return LineWriter(paths, task, prefix="coco-", lines=lines_of, content=write)


def _write_list(file: IO[bytes], name: str, entries: Iterable[str]) -> None:
    file.write(f', "{name}": ['.encode())
    for k, entry in enumerate(entries):
        file.write((",\n" if k else "\n").encode() + entry.encode())
    file.write(b"]")


def _finite(value: Any) -> Any:
    """Replace numbers that are not finite, which JSON does not hold, by null."""
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


FORM = Form("COCO file", (".json",), writer, (Detections,))
