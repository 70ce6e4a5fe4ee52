"""Boxes as (x0, y0, x1, y1) in pixel edges, as offsets from a reference box, and the covariance of their edges.

Pixel (r, c) covers x in [c, c + 1] and y in [r, r + 1]. With a reference box of centre (X, Y), width W and height H, a
box of centre (x, y), width w and height h has the code of Girshick et al. 2014 (arXiv:1311.2524, appendix C)

    10 (x - X) / W,    10 (y - Y) / H,    5 log(w / W),    5 log(h / H)

computed by torchvision's `BoxCoder`. The factors bring the residuals of training to about 1.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

SCALES = (10.0, 10.0, 5.0, 5.0)
CODER = BoxCoder(SCALES)
Boxes = Float[Tensor, "box 4"]


def encode(boxes: Boxes, references: Boxes) -> Boxes:
    """Compute the codes of boxes with respect to reference boxes."""
    return CODER.encode_single(boxes, references)


def decode(codes: Float[Tensor, "*any 4"], references: Float[Tensor, "*any 4"]) -> Float[Tensor, "*any 4"]:
    """Compute boxes from their codes."""
    return CODER.decode_single(codes.reshape(-1, 4), references.reshape(-1, 4)).reshape(codes.shape)


def edge_covariance(
    variance: Float[Tensor, "*any 4"], boxes: Float[Tensor, "*any 4"], references: Float[Tensor, "*any 4"]
) -> Float[Tensor, "*any 4 4"]:
    """Covariance of the edges [pixel²] from the variances of the codes, to first order: J diag(variance) J'.

    With x0 = x - w / 2 and x1 = x + w / 2, J has W / 10 and -+ w / 10 in the rows of x0 and x1, and so for y.
    """
    reference_sides = references[..., 2:] - references[..., :2]
    sides = boxes[..., 2:] - boxes[..., :2]
    centre, half = reference_sides / SCALES[0], 0.5 * sides / SCALES[2]
    jacobian = torch.cat(
        [
            torch.cat([torch.diag_embed(centre), torch.diag_embed(-half)], -1),
            torch.cat([torch.diag_embed(centre), torch.diag_embed(half)], -1),
        ],
        -2,
    )
    return (jacobian * variance[..., None, :]) @ jacobian.mT


def encode_points(points: Float[Tensor, "box 2"], references: Boxes) -> Float[Tensor, "box 2"]:
    """Codes of points: 10 (x - X) / W and 10 (y - Y) / H."""
    sides = references[:, 2:] - references[:, :2]
    return SCALES[0] * (points - references[:, :2] - 0.5 * sides) / sides


def decode_points(
    codes: Float[Tensor, "*any 2"], variance: Float[Tensor, "*any 2"], references: Float[Tensor, "*any 4"]
) -> tuple[Float[Tensor, "*any 2"], Float[Tensor, "*any 2 2"]]:
    """Positions of points [pixel] and their covariance [pixel²]."""
    scale = (references[..., 2:] - references[..., :2]) / SCALES[0]
    centre = 0.5 * (references[..., :2] + references[..., 2:])
    return centre + codes * scale, torch.diag_embed(variance * scale.square())
