"""Scaling: a few parameters, fitted on the calibration part, that calibrate probabilities and standard deviations.

Each module starts as the identity and stores its parameters as buffers. The objective is the negative log-likelihood of
the posterior-predictive *mixture* over S samples, -log (1/S) sum_s p_s(truth), as the mixture is the prediction, plus a
Gaussian prior around the identity. The prior has the weight of about one object: it is negligible with many objects,
dominates with few, and keeps factors finite where the classes are perfectly separated. The prior term is zero at the
identity, so the likelihood on the fitted objects is never worse than without scaling.
"""

from __future__ import annotations

from math import log, pi

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.arguments import checked, numbers, unchecked, widths
from skysure.methods.arguments import labels as class_numbers
from skysure.methods.arguments import logits as of_logits
from skysure.methods.arrays import Array
from skysure.methods.lbfgs import minimise
from skysure.methods.likelihoods.densities import categorical_nll, mixture_nll

from .labels import check_labels

LABELLED = {"logits": of_logits("sample object class"), "truth": class_numbers("object", empty=True)}
ANY_LOGITS = numbers("... class", nan=True, empty=True)
ANY_VALUES = numbers("... value", nan=True, empty=True)


@checked(LABELLED, tensors=True)
def predictive_nll(logits: Float[Array, "sample object class"], truth: Int[Array, " object"]) -> Float[Tensor, ""]:
    """Mean negative log-likelihood of the mean over samples of softmax(logits), in nat."""
    return mixture_nll(categorical_nll(logits, truth)).mean()


def marginal_nll(
    mean: Float[Tensor, "sample object value"],
    std: Float[Tensor, "sample object value"],
    truth: Float[Tensor, "object value"],
) -> Float[Tensor, " value"]:
    """Mean negative log density of each value separately, under the mixture of the Gaussians of its samples."""
    return mixture_nll(0.5 * ((truth - mean) / std) ** 2 + std.log() + 0.5 * log(2 * pi)).mean(0)


def _classes(self: VectorScaling) -> dict[str, int]:
    return {"class": len(self.scale)}


def _values(self: VarianceScaling) -> dict[str, int]:
    return {"value": len(self.factor)}


class TemperatureScaling(nn.Module):
    """Divide logits by one temperature (Guo et al. 2017, section 4.2), which keeps the order of classes in each sample.

    >>> TemperatureScaling()(torch.tensor([2.0, 0.0]))
    tensor([2., 0.])
    """

    temperature: Tensor
    fitted: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("fitted", torch.tensor(False))

    @checked(tensors=True, logits=ANY_LOGITS)
    def forward(self, logits: Float[Array, "*batch class"]) -> Float[Tensor, "*batch class"]:
        """Scale logits; take the softmax and then the mean over samples of the result."""
        return logits / self.temperature

    @checked(LABELLED, tensors=True)
    def fit(self, logits: Float[Array, "sample object class"], truth: Int[Array, " object"]) -> TemperatureScaling:
        """Set the temperature that minimises the predictive NLL, with the prior log T ~ N(0, 1).

        Raises
        ------
        InputError
            If logits are not finite, there are no labels, or a label is not a class.
        """
        logits, truth = _check_classes(logits, truth)
        loss = unchecked(predictive_nll)
        log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
        minimise(lambda: loss(logits * torch.exp(-log_t), truth) + log_t**2 / (2 * len(truth)), [log_t])
        temperature = log_t.detach().exp().float()
        if not loss(logits / temperature.double(), truth) <= loss(logits, truth):
            temperature = torch.ones(())
        self.temperature.copy_(temperature)
        self.fitted.fill_(True)
        return self


class VectorScaling(nn.Module):
    """Scale and shift the logits of each class (Guo et al. 2017, section 4.2), shrunk towards one temperature.

    The shift corrects for a change of class frequencies, as between a simulation and a survey. Differs from the paper
    by the priors: log temperature ~ N(0, width²), log scale of a class around it ~ N(0, width²/4), shift
    ~ N(0, width²). A class without calibration objects keeps the common temperature and the mean shift.

    Parameters
    ----------
    classes : int
        Number of classes.
    width : float
        Width of the priors; 0 is the identity. Narrow priors suit a network that is nearly calibrated, wide ones a
        change of survey; compare widths on held-out objects (`cross_fit`).
    """

    scale: Tensor
    shift: Tensor
    fitted: Tensor

    def __init__(self, classes: int, width: float = 1.0) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("scale", torch.ones(classes))
        self.register_buffer("shift", torch.zeros(classes))
        self.register_buffer("fitted", torch.tensor(False))

    @checked(tensors=True, sizes_of=_classes, logits=ANY_LOGITS)
    def forward(self, logits: Float[Array, "*batch class"]) -> Float[Tensor, "*batch class"]:
        """Scale logits; take the softmax and then the mean over samples of the result."""
        return logits * self.scale + self.shift

    @checked(LABELLED, tensors=True)
    def fit(self, logits: Float[Array, "sample object class"], truth: Int[Array, " object"]) -> VectorScaling:
        """Set the scales and shifts that minimise the predictive NLL; raises as `TemperatureScaling.fit`."""
        logits, truth = _check_classes(logits, truth, len(self.scale))
        loss = unchecked(predictive_nll)
        present = torch.bincount(truth, minlength=len(self.scale)) > 0
        sizes = (1, len(self.scale), len(self.scale))
        parameters = [torch.zeros(k, dtype=torch.float64, requires_grad=True) for k in sizes]  # in units of `width`

        def factors() -> tuple[Tensor, Tensor]:
            common, by_class, shift = (self.width * x for x in parameters)
            return (common + by_class / 2 * present).exp(), (shift - shift[present].mean()) * present

        def objective() -> Tensor:
            scale, offset = factors()
            prior = torch.stack([(x**2).sum() for x in parameters]).sum()
            return loss(logits * scale + offset, truth) + prior / (2 * len(truth))

        minimise(objective, parameters)
        scale, offset = (f.detach().float() for f in factors())
        if not loss(logits * scale.double() + offset.double(), truth) <= loss(logits, truth):
            scale, offset = torch.ones_like(scale), torch.zeros_like(offset)
        self.scale.copy_(scale)
        self.shift.copy_(offset)
        self.fitted.fill_(True)
        return self


class VarianceScaling(nn.Module):
    """Scale the spread of a Gaussian mixture by one factor per value.

    The means of the samples become mean + f (mean_s - mean) and their standard deviations f std_s, so that every
    covariance, aleatoric and epistemic, becomes f_i f_j C_ij (for one Gaussian: Laves et al. 2020): calibration data do
    not determine how the variance divides into aleatoric and epistemic.

    Parameters
    ----------
    values : int
        Number of values.
    """

    factor: Tensor
    fitted: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        self.register_buffer("factor", torch.ones(values))
        self.register_buffer("fitted", torch.tensor(False))

    @checked(tensors=True, sizes_of=_values, mean=ANY_VALUES, std=ANY_VALUES)
    def forward(
        self, mean: Float[Array, "sample *object value"], std: Float[Array, "sample *object value"]
    ) -> tuple[Float[Tensor, "sample *object value"], Float[Tensor, "sample *object value"]]:
        """Scale means and standard deviations of the samples; the mean over samples is unchanged."""
        return _scale_spread(mean, std, self.factor)

    @checked(
        tensors=True,
        sizes_of=_values,
        covariance=numbers("... value value", nan=True, empty=True),
    )
    def covariance(self, covariance: Float[Array, "*object value value"]) -> Float[Tensor, "*object value value"]:
        """Scale a covariance: aleatoric, epistemic or predictive."""
        return covariance * self.factor * self.factor[:, None]

    @checked(
        tensors=True,
        sizes_of=_values,
        mean=numbers("sample object value", nan=True, empty=True),
        std=widths("sample object value", nan=True, empty=True),
        truth=numbers("object value", nan=True, empty=True),
    )
    def fit(
        self,
        mean: Float[Array, "sample object value"],
        std: Float[Array, "sample object value"],
        truth: Float[Array, "object value"],
    ) -> VarianceScaling:
        """Set the factors that minimise the mixture NLL of each value, with the prior log f ~ N(0, 1).

        With one sample and many objects, f² is the mean of ((truth - mean) / std)².

        Raises
        ------
        InputError
            If there are no values, some are not finite, or a standard deviation is not positive.
        """
        mean, std, truth = _check_values(mean, std, truth)
        log_f = torch.zeros(truth.shape[1], dtype=torch.float64, requires_grad=True)

        def losses(factor: Tensor) -> Tensor:
            return marginal_nll(*_scale_spread(mean, std, factor), truth)

        minimise(lambda: (losses(log_f.exp()) + log_f**2 / (2 * len(truth))).sum(), [log_f])
        factor = log_f.detach().exp().float()
        better = losses(factor.double()) <= losses(torch.ones_like(log_f))
        self.factor.copy_(torch.where(better, factor, 1.0))
        self.fitted.fill_(True)
        return self


def _scale_spread(mean: Tensor, std: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    centre = mean.mean(0, keepdim=True)
    return centre + factor * (mean - centre), factor * std


def _check_classes(logits: Tensor, truth: Tensor, classes: int | None = None) -> tuple[Tensor, Tensor]:
    """Check logits and labels, and return them in float64 and int64 on the CPU."""
    classes = classes or logits.shape[-1]
    check_labels(truth, classes)
    if logits.shape[-1] != classes:
        problem, cause = f"logits of {logits.shape[-1]} classes", "predictions of another model"
        raise InputError(problem, f"{classes} classes", cause, "predict with this model")
    if not torch.isfinite(logits).all():
        raise InputError("logits that are not finite", "finite logits", "a training that diverged", "train again")
    return logits.detach().to("cpu", torch.float64), truth.detach().cpu().long()


def _check_values(mean: Tensor, std: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Check means, standard deviations and true values, and return them in float64 on the CPU."""
    mean, std, truth = (x.detach().to("cpu", torch.float64) for x in (mean, std, truth))
    finite = all(torch.isfinite(x).all() for x in (mean, std, truth))
    if not (len(truth) and finite and (std > 0).all()):
        raise InputError(
            "no values, values that are not finite, or standard deviations that are not positive",
            "finite values, positive standard deviations",
            "objects without a true value in the calibration part, or a training that diverged",
            "leave these objects out, or train again",
        )
    return mean, std, truth
