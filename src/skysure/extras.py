"""Packages that only an extra of skysure installs, imported where they are used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from .errors import InputError


def import_extra(package: str, extra: str, problem: str, alternative: str = "") -> ModuleType:
    """Import a package of an extra.

    Parameters
    ----------
    package : str
        Name of the package.
    extra : str
        Extra that installs it: "lensing".
    problem : str
        What needs the package: a file, a setting; the first line of the error.
    alternative : str, optional
        What to do instead of installing it.

    Raises
    ------
    InputError
        Where the package is not installed.

    Examples
    --------
    >>> import_extra("nothing_like_it", "lensing", "posterior.h5")
    Traceback (most recent call last):
    skysure.errors.InputError: Problem:  posterior.h5
    Expected: the package nothing_like_it
    Cause:    it is not installed
    Fix:      pip install 'skysure[lensing]'
    """
    try:
        return import_module(package)
    except ImportError:
        fix = f"pip install 'skysure[{extra}]'" + (f", or {alternative}" if alternative else "")
        raise InputError(problem, f"the package {package}", "it is not installed", fix) from None
