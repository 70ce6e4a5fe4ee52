"""Kernels of infinitely wide networks: the covariance of the outputs of a random network at two inputs.

Lee et al. 2018 (arXiv:1711.00165), eqs. 4 and 5. A network with weights of variance weight_variance / fan-in and biases
of variance bias_variance is, in the limit of infinite width, a draw of a Gaussian process with

    K_0 = s_b² + s_w² x·x' / d,      K_l = s_b² + s_w² F(K_{l-1}(x, x'), K_{l-1}(x, x), K_{l-1}(x', x'))

where F = E[phi(u) phi(u')] over the Gaussian (u, u') of that covariance. F has a closed form for ReLU (Cho & Saul
2009) and erf (Williams 1997); other activations need the lookup table of the paper, and are not implemented.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import torch
from jaxtyping import Float
from torch import Tensor

Moment = Callable[[Tensor, Tensor, Tensor], Tensor]


def relu_moment(xy: Float[Tensor, "*#both"], xx: Float[Tensor, "*#both"], yy: Float[Tensor, "*#both"]) -> Tensor:
    """E[relu(u) relu(u')] from the covariance and the two variances: the arc-cosine kernel of order one.

    F = (s sin t + (pi - t) k) / 2 pi,   s = sqrt(k_xx k_yy),   cos t = k / s (Lee et al. 2018, eq. 11)

    dF/dt = 0 at fixed k and s, so the gradient of F is exact without that of t, and finite also at t = 0 (equal rows),
    where the derivative of the arc cosine is infinite. Second derivatives are not correct.
    """
    s = (xx * yy).clamp(min=torch.finfo(xy.dtype).tiny).sqrt()
    with torch.no_grad():
        cosine = (xy / s).clamp_(-1, 1)
        sine = ((1 - cosine) * (1 + cosine)).sqrt_()
        angle = pi - cosine.acos_()
    return (s * sine + angle * xy) / (2 * pi)


def erf_moment(xy: Float[Tensor, "*#both"], xx: Float[Tensor, "*#both"], yy: Float[Tensor, "*#both"]) -> Tensor:
    """E[erf(u) erf(u')] from the covariance and the two variances.

    F = 2/pi arcsin(2 k / sqrt((1 + 2 k_xx)(1 + 2 k_yy))) (Williams 1997, eq. 11), written as an arc tangent, which is
    precise also at equal rows of large variance, where the arc sine and its gradient are not.
    """
    adjacent = (1 + 2 * xx + 2 * yy + 4 * (xx * yy - xy * xy).clamp(min=0)).sqrt()
    return 2 / pi * torch.atan2(2 * xy, adjacent)


MOMENTS: dict[str, Moment] = {"relu": relu_moment, "erf": erf_moment}


def relu_kernel(
    x: Float[Tensor, "row feature"],
    y: Float[Tensor, "other feature"],
    depth: int,
    weight_variance: float | Tensor,
    bias_variance: float | Tensor,
) -> Float[Tensor, "row other"]:
    """Covariance of the outputs of infinitely wide ReLU networks.

    Parameters
    ----------
    x, y : Tensor
        Inputs; use float64 if the result is to be factorised.
    depth : int
        Number of hidden layers; 0 is Bayesian linear regression.
    weight_variance, bias_variance : float or Tensor
        s_w² and s_b², the same in all layers.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> relu_kernel(x, x, depth=1, weight_variance=2.0, bias_variance=0.0)
    tensor([[1.0000, 0.3183],
            [0.3183, 1.0000]])
    """
    return _covariance(relu_moment, x, y, depth, weight_variance, bias_variance)


def erf_kernel(
    x: Float[Tensor, "row feature"],
    y: Float[Tensor, "other feature"],
    depth: int,
    weight_variance: float | Tensor,
    bias_variance: float | Tensor,
) -> Float[Tensor, "row other"]:
    """Covariance of the outputs of infinitely wide erf networks; parameters as in `relu_kernel`."""
    return _covariance(erf_moment, x, y, depth, weight_variance, bias_variance)


KERNELS = {"relu": relu_kernel, "erf": erf_kernel}


def kernel_variance(
    x: Float[Tensor, "row feature"],
    activation: str,
    depth: int,
    weight_variance: float | Tensor,
    bias_variance: float | Tensor,
) -> Float[Tensor, " row"]:
    """The diagonal of `relu_kernel(x, x, ...)` or `erf_kernel(x, x, ...)`."""
    k = bias_variance + weight_variance * x.square().mean(-1)
    for _ in range(depth):
        k = bias_variance + weight_variance * MOMENTS[activation](k, k, k)
    return k


def _covariance(
    moment: Moment, x: Tensor, y: Tensor, depth: int, weight_variance: float | Tensor, bias_variance: float | Tensor
) -> Tensor:
    parts = (x @ y.T / x.shape[1], x.square().mean(1)[:, None], y.square().mean(1))
    xy, xx, yy = (bias_variance + weight_variance * k for k in parts)
    for _ in range(depth):
        moments = moment(xy, xx, yy), moment(xx, xx, xx), moment(yy, yy, yy)
        xy, xx, yy = (bias_variance + weight_variance * k for k in moments)
    return xy
