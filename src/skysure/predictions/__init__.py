"""Predictions: rows plus a distribution for each, with the parts of its uncertainty."""

from skysure.evaluation.evaluation import Evaluation

from .actions import Actions
from .classes import Classes
from .columns import Label
from .detections import Detections
from .prediction import Prediction
from .rows import concat, take
from .values import Values

__all__ = ["Actions", "Classes", "Detections", "Evaluation", "Label", "Prediction", "Values", "concat", "take"]
