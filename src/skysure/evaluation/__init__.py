"""What an evaluation holds, and the scores that every application is proven with."""

from .evaluation import Evaluation

__all__ = ["Evaluation"]
