"""NNGP: the posterior of infinitely wide Bayesian networks, a Gaussian process (Lee et al. 2018, arXiv:1711.00165).

    gp = NNGP().fit(x, y)                       values: x (row, feature), y (row, value)
    mean, epistemic, aleatoric = gp(new)        each (object, value); the last two are variances
    gp.condition(x2, y2)                        other data, the same hyperparameters

    gp = NNGP(classes=10, normalise="rows").fit(x, labels)
    mean, epistemic, aleatoric = gp(new)        each (object, class); epistemic is the same for all classes
    gp.probability(new)                         (object, class)

With C = a K + noise I of the training inputs X and k = a K(X, x), eqs. 8 and 9:

    mean = k' C^-1 y,      epistemic = a K(x, x) - k' C^-1 k,      aleatoric = noise

Not the nearest-neighbour Gaussian process, which has the same acronym.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.arrays import Array, as_tensor, as_tensors

from . import kernels
from .class_regression import argmax_probability, class_targets
from .evidence import Hyperparameters, cholesky, fit_hyperparameters

BLOCK = 1 << 22
_LEARNED = ("weight_variance", "bias_variance", "amplitude", "noise")


class NNGP(nn.Module):
    """Gaussian process of an infinitely wide network; its state is in buffers, in float64.

    Parameters
    ----------
    activation : str
        "relu" or "erf".
    classes : int, optional
        Number of classes, to fit labels; None to fit values.
    normalise : str
        "columns", for tables: each feature is standardised to mean 0 and variance 1 (constant ones are ignored).
        "rows", for images: each object is, as in the paper; then the mean object is subtracted and the result scaled to
        equal norm again, which has a larger evidence on digits (for ReLU, at every depth and size tried).
    noise_floor : float
        Smallest standard deviation of the noise, relative to that of the targets. Duplicate rows or rounded targets can
        make the fitted noise zero: use at least the rounding error.

    Raises
    ------
    InputError
        For an unknown activation or normalisation.

    Examples
    --------
    >>> x = torch.linspace(-3, 3, 40, dtype=torch.float64)[:, None]
    >>> mean, epistemic, aleatoric = NNGP().fit(x, x.sin())(torch.tensor([[1.0], [30.0]]))
    >>> bool((mean[0] - torch.tensor(1.0).sin()).abs() < 0.01), bool(epistemic[1] > 100 * epistemic[0])
    (True, True)
    """

    depth: Tensor
    weight_variance: Tensor
    bias_variance: Tensor
    amplitude: Tensor
    noise: Tensor
    jitter: Tensor
    centre: Tensor
    scale: Tensor
    target_centre: Tensor
    target_scale: Tensor
    inputs: Tensor
    factor: Tensor
    weights: Tensor

    def __init__(
        self,
        activation: str = "relu",
        classes: int | None = None,
        *,
        normalise: str = "columns",
        noise_floor: float = 0.01,
    ) -> None:
        super().__init__()
        if activation not in kernels.KERNELS or normalise not in ("columns", "rows"):
            raise InputError(
                f"NNGP of {activation!r}, normalised by {normalise!r}",
                '"relu" or "erf", by "columns" or "rows"',
                "a spelling mistake",
                "use one of these names",
            )
        self.activation, self.classes, self.normalise, self.noise_floor = activation, classes, normalise, noise_floor
        self.register_buffer("depth", torch.tensor(0))
        for name in (*_LEARNED, "jitter"):
            self.register_buffer(name, torch.tensor(0.0, dtype=torch.float64))
        for name in ("centre", "scale", "target_centre", "target_scale"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        for name in ("inputs", "factor", "weights"):
            self.register_buffer(name, torch.zeros(0, 0, dtype=torch.float64))

    def fit(self, x: Array, y: Array, *, depths: Sequence[int] = (1, 2, 3, 5), rows: int = 1000) -> NNGP:
        """Choose the hyperparameters by evidence, then condition on all rows.

        Parameters
        ----------
        x : Tensor, shape (row, feature)
        y : Tensor, shape (row, value), or labels of shape (row,)
        depths : sequence of int
            Numbers of hidden layers to choose from.
        rows : int
            Largest number of rows that the evidence uses, in a fixed random order.

        Raises
        ------
        InputError
            For fewer than two rows, unequal lengths, values that are not finite or overflow when squared, and labels
            that are not a class.
        """
        x, y = self._check_data(x, y)
        self._set_normalisation(x, y)
        indices = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:rows].to(x.device)
        inputs, targets = self.normalise_inputs(x[indices]), (y[indices] - self.target_centre) / self.target_scale
        self.set_hyperparameters(fit_hyperparameters(inputs, targets, self.activation, depths, self.noise_floor))
        return self._condition(x, y)

    def set_hyperparameters(self, hyperparameters: Hyperparameters) -> NNGP:
        """Set the hyperparameters, for use by `condition`."""
        self.depth.fill_(hyperparameters.depth)
        for name in _LEARNED:
            getattr(self, name).copy_(torch.as_tensor(getattr(hyperparameters, name), dtype=torch.float64))
        return self

    def condition(self, x: Array, y: Array) -> NNGP:
        """Condition on these rows as the training set, with the current hyperparameters. Raises as `fit`."""
        if not self.amplitude:
            raise InputError(
                "an NNGP without hyperparameters",
                "those of a kernel",
                "condition before fit",
                "call fit or set_hyperparameters first",
            )
        x, y = self._check_data(x, y)
        self._set_normalisation(x, y)
        return self._condition(x, y)

    @torch.no_grad()
    def forward(self, x: Float[Array, "object feature"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean, the epistemic variance (of the function) and the aleatoric variance (of the noise).

        Parameters
        ----------
        x : Tensor

        Returns
        -------
        tuple of three Tensor, shape (object, value), float64
            In the units of the targets, and their squares.

        Raises
        ------
        InputError
            Before `fit`, for another number of features, and for inputs that are not finite, or so large that the prior
            variance, which grows as their square, overflows float64.
        """
        x = self.normalise_inputs(self._check_inputs(x))
        prior = self._variance(x)
        if not torch.isfinite(prior).all():
            raise InputError(
                f"inputs up to {x.abs().max():.1e} standard deviations away from the training set",
                "inputs with a finite prior variance, up to about 1e70",
                "other units, or missing values encoded as a large number",
                "use the units of the training set, and leave out missing values",
            )
        mean, variance = torch.empty(len(x), self.weights.shape[1]).to(x), torch.empty(len(x), 1).to(x)
        for part in _blocks(len(x), len(self.inputs)):
            covariance = self._covariance(x[part], self.inputs)
            mean[part] = covariance @ self.weights
            white = torch.linalg.solve_triangular(self.factor.T, covariance.T, upper=False)
            variance[part, 0] = (prior[part] - white.square_().sum(0)).clamp(min=0)
        scale = self.target_scale
        noise = self.noise.expand(len(x), 1)
        return self.target_centre + scale * mean, scale.square() * variance, scale.square() * noise

    def probability(self, x: Float[Array, "object feature"]) -> Float64[Tensor, "object class"]:
        """Probability of each class: that its output, with noise, is the largest (see `argmax_probability`)."""
        mean, epistemic, aleatoric = self(x)
        return argmax_probability(mean, (epistemic + aleatoric)[:, 0])

    def normalise_inputs(self, x: Float64[Tensor, "row feature"]) -> Float64[Tensor, "row feature"]:
        """Normalise inputs, as the kernel expects them."""
        if self.normalise == "rows":
            return _equal_norm(_equal_norm(x - x.mean(1, keepdim=True)) - self.centre)
        return (x - self.centre) * self.scale

    def _set_normalisation(self, x: Tensor, y: Tensor) -> None:
        if self.normalise == "rows":
            x = _equal_norm(x - x.mean(1, keepdim=True))
        self.centre, self.scale = x.mean(0), torch.where(x.amax(0) > x.amin(0), 1 / x.std(0), 0.0)
        if self.classes is None:
            self.target_centre, self.target_scale = y.mean(0), torch.where(y.amax(0) > y.amin(0), y.std(0), 1.0)
        else:
            self.target_centre = torch.zeros(self.classes).to(y)
            self.target_scale = torch.full((self.classes,), (self.classes - 1) ** 0.5 / self.classes).to(y)

    @torch.no_grad()
    def _condition(self, x: Tensor, y: Tensor) -> NNGP:
        self.inputs, self.factor = (
            self.normalise_inputs(x),
            x.new_empty(0, 0),
        )  # frees the old factor first
        lower, jitter = cholesky(self._training_covariance)
        self.factor = lower.T
        white = torch.linalg.solve_triangular(lower, (y - self.target_centre) / self.target_scale, upper=False)
        self.weights = torch.linalg.solve_triangular(self.factor, white, upper=True).contiguous()
        self.jitter.fill_(jitter)
        return self

    def _training_covariance(self) -> Tensor:
        """Lower triangle of C, columns contiguous, filled by blocks."""
        x = self.inputs
        covariance = torch.empty(len(x), len(x)).to(x).T
        for part in _blocks(len(x), len(x)):
            covariance[part.start :, part] = self._covariance(x[part.start :], x[part])
        covariance.diagonal().add_(self.noise)
        return covariance

    def _covariance(self, x: Tensor, y: Tensor) -> Tensor:
        kernel = kernels.KERNELS[self.activation]
        return kernel(x, y, int(self.depth), self.weight_variance, self.bias_variance).mul_(self.amplitude)

    def _variance(self, x: Tensor) -> Tensor:
        variances = self.weight_variance, self.bias_variance
        return self.amplitude * kernels.kernel_variance(x, self.activation, int(self.depth), *variances)

    def _check_data(self, x: Array, y: Array) -> tuple[Tensor, Tensor]:
        x, y = as_tensors(x, y)
        x = x.detach().to(self.noise.device, torch.float64)
        y = y.detach().to(self.noise.device)
        y = y.double() if self.classes is None else class_targets(y, self.classes)
        fits = x.ndim == y.ndim == 2 and len(x) == len(y) > 1 and x.shape[1] and y.shape[1]
        if not fits or not (_finite(x) and _finite(y)):
            raise InputError(
                f"inputs of shape {tuple(x.shape)} and targets of shape {tuple(y.shape)}",
                "finite numbers of shape (row, feature) and (row, value), at least two rows",
                "missing values, or targets without the axis of values",
                "leave out rows with NaN; y[:, None]; for labels NNGP(classes=...)",
            )
        return x, y

    def _check_inputs(self, x: Array) -> Tensor:
        x = as_tensor(x).detach().to(self.noise.device, torch.float64)
        if not len(self.factor) or x.ndim != 2 or x.shape[1] != self.inputs.shape[1] or not _finite(x):
            raise InputError(
                f"inputs of shape {tuple(x.shape)} to an NNGP of {len(self.factor)} training rows",
                f"finite numbers, (object, {self.inputs.shape[1]})",
                "not fitted, other features than in training, or missing values",
                "call fit; use the features of the training set; leave out rows with NaN",
            )
        return x

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        """Resize the buffers to those that are loaded, as their sizes depend on the training set."""
        for name, own in self.named_buffers():
            if prefix + name in state_dict:
                setattr(self, name, own.new_empty(state_dict[prefix + name].shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _finite(x: Tensor) -> bool:
    """Whether all numbers are finite, and so are sums of their squares."""
    return bool(torch.isfinite(torch.linalg.vector_norm(x)))


def _equal_norm(x: Float64[Tensor, "row feature"]) -> Float64[Tensor, "row feature"]:
    """Scale each row to a mean square of one; a row of zeros is unchanged."""
    length = x.square().mean(1, keepdim=True).sqrt()
    return torch.where(length > 0, x / length, 0.0)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices of the rows of a matrix, each with a bounded number of elements."""
    step = max(1, BLOCK // columns)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
