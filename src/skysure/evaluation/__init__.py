"""What an evaluation holds, and the scores of classes, values and episodes that every application shares."""

from .evaluation import Column, Curve, Evaluation, Example, Score, Table

__all__ = ["Column", "Curve", "Evaluation", "Example", "Score", "Table"]
