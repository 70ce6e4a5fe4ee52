"""A classifier with dropout and its calibration: posterior samples of scaled probabilities, and prediction sets.

    p_s = softmax(a z_s + b)

with the logits z_s of posterior sample s; a and b are fitted by `VectorScaling`, the sets by `ConformalSets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.arguments import class_numbers, unchecked
from skysure.methods.arrays import Array
from skysure.methods.calibration import ConformalSets, VectorScaling
from skysure.methods.sampling import sample, split_classes


class CalibratedClassifier(nn.Module):
    """A network of logits, and the calibration of its probabilities and prediction sets.

    Parameters
    ----------
    network : nn.Module
        From inputs to logits of shape (object, class); has dropout layers.
    classes : sequence of str

    Examples
    --------
    >>> import torch
    >>> from skysure.methods.dropout import Dropout
    >>> model = CalibratedClassifier(nn.Sequential(Dropout(nn.Linear(8, 2))), ("elliptical", "spiral"))
    >>> probability, *_ = model.predict(torch.zeros(5, 8), samples=30, seed=0, coverage=0.9)
    >>> probability.shape
    (5, 2)
    """

    def __init__(self, network: nn.Module, classes: Sequence[str]) -> None:
        super().__init__()
        self.network, self.classes = network, tuple(classes)
        self.scaling, self.sets = VectorScaling(len(classes)), ConformalSets(len(classes))

    def forward(self, inputs: Tensor) -> Float[Tensor, "object class"]:
        """Compute the logits that are trained, before calibration."""
        return self.network(inputs)

    def logits(self, inputs: Array, samples: int, seed: int) -> Float[Tensor, "sample object class"]:
        """Draw uncalibrated logits from the posterior.

        All objects of a sample have the same dropout masks: the logits of an object do not depend on the others.
        """
        return sample(self.network, inputs, samples, seed, shared=True)

    def calibrate(self, inputs: Array, truth: Any, samples: int, seed: int) -> None:
        """Fit scale and shift of the logits, then the bounds of the prediction sets, on calibration objects.

        `truth` holds class numbers, or names of `classes`, shape (object,).
        """
        truth = class_numbers(truth, self.classes)
        logits = self.logits(inputs, samples, seed)
        self.scaling.fit(logits, truth)
        self.sets.fit(self.scaling(logits).softmax(-1).double().mean(0), truth)

    def predict(self, inputs: Array, samples: int, seed: int, coverage: float) -> tuple[np.ndarray, ...]:
        """Compute what `predictions.Classes` holds.

        Returns
        -------
        probability, probability_error : ndarray, shape (object, class)
            Mean and standard deviation over posterior samples, calibrated.
        aleatoric, epistemic : ndarray, shape (object,)
            Expected entropy and mutual information [nat].
        prediction_set : ndarray of bool, shape (object, class)
        """
        split = unchecked(split_classes)(self.scaling(self.logits(inputs, samples, seed)).softmax(-1))
        sets = unchecked(ConformalSets.contains)(self.sets, split.probability, coverage)
        tensors = split.probability, split.probability_error, split.aleatoric, split.epistemic, sets
        return tuple(tensor.cpu().numpy() for tensor in tensors)
