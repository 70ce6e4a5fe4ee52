"""Minimise a smooth function of a few numbers: L-BFGS with a line search (Nocedal & Wright 2006, sections 3.5 and 7.2).

For what has no randomness and so few parameters that a second-order method is at the minimum in tens of steps:
factors of a calibration, hyperparameters of a kernel. Networks are trained by `skysure.training.fit`.
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
    """Move parameters, in place, to where an objective of them is least; also where gradients are switched off.

    Parameters
    ----------
    objective : callable
        Computes the objective from the parameters as they are then.
    parameters : list of Tensor
        Leaves that require a gradient; float64 if more than a few digits are wanted.
    steps : int
        At most so many.
    gradient, change : float
        Ends where the largest derivative, or the change of objective and parameters in a step, is below these.

    Examples
    --------
    >>> x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    >>> minimise(lambda: (x - torch.tensor([1.0, 3.0])).square().sum(), [x])
    >>> x.detach()
    tensor([1., 3.], dtype=torch.float64)
    """
    ends = {"max_iter": steps, "tolerance_grad": gradient, "tolerance_change": change}
    optimiser = torch.optim.LBFGS(parameters, line_search_fn="strong_wolfe", **ends)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = objective()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
