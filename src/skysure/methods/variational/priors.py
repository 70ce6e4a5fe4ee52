"""Samples from the prior over functions: outputs of a network with random weights, before any training.

Each weight is N(0, s_w² / fan-in), each bias N(0, s_b²). A network with one hidden layer of any width then has the
covariance of the NNGP, `relu_kernel`; as the widths grow, outputs become Gaussian at any depth (Neal 1996, "Bayesian
Learning for Neural Networks", section 2.1; Lee et al. 2018, arXiv:1711.00165, section 2). With one hidden ReLU layer of
n units and no biases the excess kurtosis is 15 / n.

The prior of `kl` (weight decay) is N(0, 1/l²) for any fan-in, which is s_w² = fan-in / l²: the variance of the
functions grows with the width without limit.
"""

from __future__ import annotations

import math

import torch
from numpy import ndarray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvTransposeNd

from skysure.errors import InputError
from skysure.methods.pytree import Tree, tree_concat, tree_map
from skysure.methods.sampling.inputs import convert_arrays
from skysure.methods.sampling.posterior import eval_mode


def prior_weights(
    model: nn.Module,
    seed: int | torch.Generator,
    *,
    weight_variance: float | None = None,
    length_scale: float | None = None,
    bias_variance: float = 0.0,
) -> dict[str, Tensor]:
    """Draw the weights and biases of every layer with a weight matrix; others (norms, rates) are left out.

    Parameters
    ----------
    model : nn.Module
        Dense, convolutional and recurrent layers; left unchanged. Load the draw with `model.load_state_dict(...,
        strict=False)`.
    seed : int or torch.Generator
    weight_variance, length_scale : float
        s_w² of the variance s_w² / fan-in, or l of the variance 1/l²: exactly one. The fan-in of a transposed
        convolution is its mean over the pixels.
    bias_variance : float
        s_b². The prior of biases in `kl` is flat, and cannot be sampled.

    Raises
    ------
    InputError
        Unless exactly one of `weight_variance` and `length_scale` is given.
    """
    if (weight_variance is None) == (length_scale is None):
        raise InputError(
            "a prior of weights with both or neither of weight_variance and length_scale",
            "exactly one of them",
            "two ways to state the same variance",
            "pass weight_variance=2.0, which keeps the variance of functions constant with width",
        )
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    draws = {}
    names = dict(model.named_parameters())  # tied weights appear once, and are drawn once
    for prefix, layer in model.named_modules():
        parameters = dict(layer.named_parameters(prefix, recurse=False))
        has_matrix = any(weight.ndim > 1 for weight in parameters.values())
        for name, weight in parameters.items():
            if not has_matrix or name not in names:
                continue
            variance = bias_variance
            if weight.ndim > 1 and weight_variance is not None:
                variance = weight_variance / _fan_in(layer, weight)
            elif weight.ndim > 1 and length_scale is not None:
                variance = length_scale**-2
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            draws[name] = variance**0.5 * noise.to(weight.device)
    return draws


def _fan_in(layer: nn.Module, weight: Tensor) -> int | float:
    """Number of inputs that each output sums."""
    if isinstance(layer, _ConvTransposeNd):
        return weight[:, 0].numel() / layer.groups / math.prod(layer.stride)
    return weight[0].numel()


def sample_prior(
    model: nn.Module,
    inputs: Tree | ndarray,
    samples: int,
    seed: int,
    *,
    weight_variance: float | None = None,
    length_scale: float | None = None,
    bias_variance: float = 0.0,
) -> Tree:
    """Draw functions from the prior: outputs of the network with new `prior_weights` for each sample.

    Parameters
    ----------
    model : nn.Module
        Runs in `eval`, without dropout and gradients; left unchanged.
    inputs : Tensor, ndarray, tuple or dict
        Its one argument, as in `sample`.
    samples, seed : int
        The first samples of a seed do not depend on the number of samples.
    weight_variance, length_scale, bias_variance : float
        As in `prior_weights`.

    Returns
    -------
    As the model's output, each tensor of shape (sample, object, ...).

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(1, 300), nn.ReLU(), nn.Linear(300, 1))
    >>> x = torch.linspace(-3, 3, 50)[:, None]
    >>> sample_prior(network, x, samples=10, seed=1, weight_variance=2.0, bias_variance=0.1).shape
    torch.Size([10, 50, 1])
    """
    if samples < 1:
        raise InputError(f"samples = {samples}", "at least 1", "0 used as a switch", "call the network itself, in eval")
    inputs = convert_arrays(inputs, model)
    generator, outputs = torch.Generator().manual_seed(seed), []
    with torch.inference_mode(), eval_mode(model):
        for _ in range(samples):
            weights = prior_weights(
                model,
                generator,
                weight_variance=weight_variance,
                length_scale=length_scale,
                bias_variance=bias_variance,
            )
            outputs.append(tree_map(lambda output: output[None], functional_call(model, weights, (inputs,))))
    return tree_concat(outputs, 0)
