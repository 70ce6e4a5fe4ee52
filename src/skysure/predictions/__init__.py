"""A prediction is rows plus a distribution: what is spoken of, and how sure the model is of it."""

from skysure.evaluation.evaluation import Evaluation

from .actions import Actions
from .classes import Classes
from .rows import concat
from .values import Values

Prediction = Classes | Values | Actions

__all__ = ["Actions", "Classes", "Evaluation", "Prediction", "Values", "concat"]
