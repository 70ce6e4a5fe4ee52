"""Detectors of sources in images that say how sure they are: Faster R-CNN and RetinaNet, on the parts of torchvision.

    settings = DetectorSettings(bands=2, classes=6, architecture="faster_rcnn")      or "retinanet"
    detector = Detector(settings)
    loss = detector.nll(batch)                      (object,): the loss that training minimises
    candidates = detector.candidates(images)        a `Candidates` for each image, of one pass
    candidates = detector.candidates(images, samples=20, seed=1, rows=numbers)      of 20 posterior samples
    detector.features(images)                       (object, feature), for an OOD score; also in `Candidates`

A batch is a dict of tensors with objects (images) along the first axis, as `skysure.training.fit` takes it:

    "images"     (object, band, row, column), finite, of any size above the largest stride; all of a batch alike
    "boxes"      (object, source, 4) as (x0, y0, x1, y1) in pixel edges; rows of NaN fill up images with fewer sources
    "classes"    (object, source, class), probabilities: one-hot, or `consensus_labels` of volunteers
    "hosts"      (object, source, 2), with `hosts=True`: x, y in the coordinates of the boxes, NaN where unknown

Pixel (r, c) covers x in [c, c + 1] and y in [r, r + 1]: the centre of a pixel lies at its index + 0.5, also for hosts.
Classes are 0 to K - 1; there is no class for background: `Candidates.existence` is the probability to be a source,
`Candidates.classes` are those of the classes given that it is one, and their product is the score of a class.
"""

from skysure.extras import import_extra

import_extra("torchvision", "radio", "skysure.methods.detection")

from .candidates import Candidates  # noqa: E402
from .detector import Detector  # noqa: E402
from .losses import consensus_labels  # noqa: E402
from .settings import DetectorSettings  # noqa: E402

__all__ = ["Candidates", "Detector", "DetectorSettings", "consensus_labels"]
