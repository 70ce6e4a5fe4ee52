"""Posteriors of several values: heads of networks whose output is a draw, and a normalising flow among them."""

from .flow import SplineFlow
from .heads import Distribution, PosteriorHead, PosteriorNetwork, posterior_nll

__all__ = ["Distribution", "PosteriorHead", "PosteriorNetwork", "SplineFlow", "posterior_nll"]
