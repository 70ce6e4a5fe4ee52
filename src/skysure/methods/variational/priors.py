"""The prior over functions: what a network says before it has seen anything.

Each weight is N(0, s_w² / fan-in), each bias N(0, s_b²). One hidden layer of any width then has the covariance of the
NNGP, `relu_kernel`; as the widths grow, outputs become Gaussian at any depth (Neal 1996, "Bayesian Learning for Neural
Networks", section 2.1; Lee et al. 2018, arXiv:1711.00165, section 2). With one hidden ReLU layer of n units and without
biases the excess kurtosis is 15 / n.

The prior that `kl` has (weight decay) is N(0, 1/l²) whatever the fan-in: that is s_w² = fan-in / l², under which
functions grow with the width, and have no limit.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvTransposeNd

from skysure.errors import InputError
from skysure.methods.pytree import Tree, tree_concat, tree_map
from skysure.methods.sampling.posterior import eval_mode


def prior_weights(
    model: nn.Module,
    seed: int | torch.Generator,
    *,
    weight_variance: float | None = None,
    length_scale: float | None = None,
    bias_variance: float = 0.0,
) -> dict[str, Tensor]:
    """Draw the weights and biases of every layer with a weight matrix; the rest (norms, rates) is left out.

    Parameters
    ----------
    model : nn.Module
        Dense, convolutional and recurrent layers; stays as it is. `model.load_state_dict(..., strict=False)` takes
        the draw.
    seed : int or torch.Generator
    weight_variance, length_scale : float
        s_w² of the variance s_w² / fan-in, or l of the variance 1/l²: one of the two. The fan-in of a transposed
        convolution is its mean over the pixels.
    bias_variance : float
        s_b². `kl` says nothing of biases: their prior there is flat, and has no draws.

    Raises
    ------
    InputError
        Unless one of `weight_variance` and `length_scale` is given.
    """
    if (weight_variance is None) == (length_scale is None):
        raise InputError(
            "a prior of weights",
            "either weight_variance or length_scale",
            "both or none was passed",
            "pass weight_variance=2.0 for functions that keep their size at any width",
        )
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    drawn = {}
    once = dict(model.named_parameters())  # tied weights have one name, and one draw
    for place, layer in model.named_modules():
        own = dict(layer.named_parameters(place, recurse=False))
        matrix = any(weight.ndim > 1 for weight in own.values())
        for name, weight in own.items():
            if not matrix or name not in once:
                continue
            variance = bias_variance
            if weight.ndim > 1 and weight_variance is not None:
                variance = weight_variance / _fan_in(layer, weight)
            elif weight.ndim > 1 and length_scale is not None:
                variance = length_scale**-2
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            drawn[name] = variance**0.5 * noise.to(weight.device)
    return drawn


def _fan_in(layer: nn.Module, weight: Tensor) -> int | float:
    """How many inputs an output sums."""
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
    """Draw functions from the prior: outputs of the network with `prior_weights` of its own for each sample.

    Parameters
    ----------
    model : nn.Module
        Runs in `eval`, without dropout and gradients; left as it was.
    inputs : Tensor, tuple or dict
        Its one argument, as `sample` takes it.
    samples, seed : int
        The first samples of a seed do not depend on how many are drawn.
    weight_variance, length_scale, bias_variance : float
        As of `prior_weights`.

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
        raise InputError(
            f"samples = {samples}", "at least 1", "a switch meant as off", "use the network itself, in eval"
        )
    generator, drawn = torch.Generator().manual_seed(seed), []
    with torch.inference_mode(), eval_mode(model):
        for _ in range(samples):
            weights = prior_weights(
                model,
                generator,
                weight_variance=weight_variance,
                length_scale=length_scale,
                bias_variance=bias_variance,
            )
            drawn.append(tree_map(lambda output: output[None], functional_call(model, weights, (inputs,))))
    return tree_concat(drawn, 0)
