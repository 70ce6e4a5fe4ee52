"""A prediction is rows plus a distribution: what is spoken of, and how sure the model is of it."""

from .actions import Actions
from .classes import Classes
from .evaluation import Evaluation
from .rows import concat
from .values import Values

Prediction = Classes | Values | Actions

__all__ = ["Actions", "Classes", "Evaluation", "Prediction", "Values", "concat"]
