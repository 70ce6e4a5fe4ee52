"""Minimise a smooth function of a few numbers: L-BFGS with a line search (Nocedal & Wright 2006, sections 3.5 and 7.2).

For deterministic objectives with few parameters, where a quasi-Newton method converges in tens of steps: calibration
factors, hyperparameters of a kernel. Networks are trained by `skysure.training.fit`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def minimise(
    objective: Callable[[], Float[Tensor, ""]],
    parameters: list[Tensor],
    *,
    steps: int = 200,
    gradient: float = 1e-9,
    change: float = 1e-12,
) -> None:
    """Minimise an objective over parameters, in place; also inside `torch.no_grad`.

    Parameters
    ----------
    objective : callable
        Computes the objective from the current parameters.
    parameters : list of Tensor
        Leaf tensors that require a gradient; float64 for more than a few digits.
    steps : int
        Maximum number of iterations.
    gradient, change : float
        Tolerances: stops when the largest derivative, or the change of objective and parameters in a step, is smaller.

    Examples
    --------
    >>> x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    >>> minimise(lambda: (x - torch.tensor([1.0, 3.0])).square().sum(), [x])
    >>> x.detach()
    tensor([1., 3.], dtype=torch.float64)
    """
    limits = {"max_iter": steps, "tolerance_grad": gradient, "tolerance_change": change}
    optimiser = torch.optim.LBFGS(parameters, line_search_fn="strong_wolfe", **limits)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = objective()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
