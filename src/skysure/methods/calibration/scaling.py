"""Scaling: a few numbers, fitted on the calibration part, that make probabilities and spreads mean what they say.

Each module starts as the identity and holds what it learned as buffers. What is minimised is the likelihood of the
posterior-predictive *mixture*, -log (1/S) sum_s p_s(truth), as that is the prediction that is given out, plus a
Gaussian prior around the identity worth about one object: with many objects it does not matter, with few it
decides, and data that are separated perfectly cannot drive a factor to infinity. The prior vanishes at the identity,
so a fit never has a worse likelihood on its own data than no scaling.
"""

from __future__ import annotations

from math import log, pi

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.lbfgs import minimise
from skysure.methods.likelihoods.densities import categorical_nll, mixture_nll

from .labels import labels_checked


def predictive_nll(logits: Float[Tensor, "sample object class"], truth: Int[Tensor, " object"]) -> Float[Tensor, ""]:
    """Mean negative log-likelihood of the mean over samples of softmax(logits), in nat."""
    return mixture_nll(categorical_nll(logits, truth)).mean()


def marginal_nll(
    mean: Float[Tensor, "sample object value"],
    std: Float[Tensor, "sample object value"],
    truth: Float[Tensor, "object value"],
) -> Float[Tensor, " value"]:
    """Mean negative log density of each value by itself under the mixture of its samples' Gaussians."""
    return mixture_nll(0.5 * ((truth - mean) / std) ** 2 + std.log() + 0.5 * log(2 * pi)).mean(0)


class TemperatureScaling(nn.Module):
    """Divide logits by one temperature (Guo et al. 2017, section 4.2): in each sample the order of classes stays.

    >>> TemperatureScaling()(torch.tensor([2.0, 0.0]))
    tensor([2., 0.])
    """

    temperature: Tensor
    fitted: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("fitted", torch.tensor(False))

    def forward(self, logits: Float[Tensor, "*batch class"]) -> Float[Tensor, "*batch class"]:
        """Scaled logits; softmax and the mean over samples come after."""
        return logits / self.temperature

    def fit(self, logits: Float[Tensor, "sample object class"], truth: Int[Tensor, " object"]) -> TemperatureScaling:
        """Set the temperature of least predictive NLL; the prior is log T ~ N(0, 1).

        Raises
        ------
        Fault
            Where logits are not finite, there is no label, or one is no class.
        """
        logits, truth = _classes_checked(logits, truth)
        log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
        minimise(lambda: predictive_nll(logits * torch.exp(-log_t), truth) + log_t**2 / (2 * len(truth)), [log_t])
        temperature = log_t.detach().exp().float()
        if not predictive_nll(logits / temperature.double(), truth) <= predictive_nll(logits, truth):
            temperature = torch.ones(())
        self.temperature.copy_(temperature)
        self.fitted.fill_(True)
        return self


class VectorScaling(nn.Module):
    """Scale and shift the logits of each class (Guo et al. 2017, section 4.2), shrunk towards one temperature.

    The shift takes up a change in how common the classes are, as between a simulation and a survey. Differs from the
    paper by the priors: log temperature ~ N(0, width²), log scale of a class around it ~ N(0, width²/4), shift
    ~ N(0, width²). A class without calibration objects keeps the common temperature and the mean shift.

    Parameters
    ----------
    classes : int
        Number of classes.
    width : float
        Width of the priors; 0 changes nothing. A network that is nearly right wants a narrow one, on another survey
        a wide one; calibration objects that were held back can tell (`cross_fit`).
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

    def forward(self, logits: Float[Tensor, "*batch class"]) -> Float[Tensor, "*batch class"]:
        """Scaled logits; softmax and the mean over samples come after."""
        return logits * self.scale + self.shift

    def fit(self, logits: Float[Tensor, "sample object class"], truth: Int[Tensor, " object"]) -> VectorScaling:
        """Set scale and shift of least predictive NLL; raises as `TemperatureScaling.fit`."""
        logits, truth = _classes_checked(logits, truth, len(self.scale))
        present = torch.bincount(truth, minlength=len(self.scale)) > 0
        sizes = (1, len(self.scale), len(self.scale))
        drawn = [torch.zeros(k, dtype=torch.float64, requires_grad=True) for k in sizes]  # in widths of their priors

        def factors() -> tuple[Tensor, Tensor]:
            common, own, shift = (self.width * x for x in drawn)
            return (common + own / 2 * present).exp(), (shift - shift[present].mean()) * present

        def objective() -> Tensor:
            scale, offset = factors()
            prior = torch.stack([(x**2).sum() for x in drawn]).sum()
            return predictive_nll(logits * scale + offset, truth) + prior / (2 * len(truth))

        minimise(objective, drawn)
        scale, offset = (f.detach().float() for f in factors())
        if not predictive_nll(logits * scale.double() + offset.double(), truth) <= predictive_nll(logits, truth):
            scale, offset = torch.ones_like(scale), torch.zeros_like(offset)
        self.scale.copy_(scale)
        self.shift.copy_(offset)
        self.fitted.fill_(True)
        return self


class VarianceScaling(nn.Module):
    """One factor a value on the spread of a Gaussian mixture.

    Samples move to mean + f (mean_s - mean) and their widths to f std_s, so that every covariance, aleatoric and
    epistemic alike, becomes f_i f_j C_ij (for one Gaussian: Laves et al. 2020): how the variance is
    shared between noise and ignorance is not something that calibration can tell.

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

    def forward(
        self, mean: Float[Tensor, "sample *object value"], std: Float[Tensor, "sample *object value"]
    ) -> tuple[Float[Tensor, "sample *object value"], Float[Tensor, "sample *object value"]]:
        """Scaled means and standard deviations of the samples; the mean over samples stays."""
        return _spread(mean, std, self.factor)

    def covariance(self, covariance: Float[Tensor, "*object value value"]) -> Float[Tensor, "*object value value"]:
        """Scaled covariance, of whichever part."""
        return covariance * self.factor * self.factor[:, None]

    def fit(
        self,
        mean: Float[Tensor, "sample object value"],
        std: Float[Tensor, "sample object value"],
        truth: Float[Tensor, "object value"],
    ) -> VarianceScaling:
        """Set the factors of least mixture NLL of each value; the prior is log f ~ N(0, 1).

        With one sample and many objects, f² is the mean of ((truth - mean) / std)².

        Raises
        ------
        Fault
            Where there is no value, one is not finite, or a width is not positive.
        """
        mean, std, truth = _values_checked(mean, std, truth)
        log_f = torch.zeros(truth.shape[1], dtype=torch.float64, requires_grad=True)

        def losses(factor: Tensor) -> Tensor:
            return marginal_nll(*_spread(mean, std, factor), truth)

        minimise(lambda: (losses(log_f.exp()) + log_f**2 / (2 * len(truth))).sum(), [log_f])
        factor = log_f.detach().exp().float()
        better = losses(factor.double()) <= losses(torch.ones_like(log_f))
        self.factor.copy_(torch.where(better, factor, 1.0))
        self.fitted.fill_(True)
        return self


def _spread(mean: Tensor, std: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    centre = mean.mean(0, keepdim=True)
    return centre + factor * (mean - centre), factor * std


def _classes_checked(logits: Tensor, truth: Tensor, classes: int | None = None) -> tuple[Tensor, Tensor]:
    classes = classes or logits.shape[-1]
    labels_checked(truth, classes)
    if logits.shape[-1] != classes:
        cure = "read the objects with the settings of this model"
        raise InputError(f"logits of {logits.shape[-1]} classes", f"{classes} classes", "another model", cure)
    if not torch.isfinite(logits).all():
        raise InputError("logits that are not finite", "finite logits", "a training that diverged", "train anew")
    return logits.detach().to("cpu", torch.float64), truth.detach().cpu().long()


def _values_checked(mean: Tensor, std: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mean, std, truth = (x.detach().to("cpu", torch.float64) for x in (mean, std, truth))
    finite = all(torch.isfinite(x).all() for x in (mean, std, truth))
    if not (len(truth) and finite and (std > 0).all()):
        raise InputError(
            "no values, values that are not finite, or widths that are not positive",
            "finite values, positive widths",
            "objects without a truth in the calibration part, or a training that diverged",
            "leave those objects out, or train anew",
        )
    return mean, std, truth
