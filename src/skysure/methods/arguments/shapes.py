"""Axes of arguments by name: the same axis has the same size in every argument of a call."""

from __future__ import annotations

from typing import Any

from skysure.errors import InputError

Sizes = dict[str, tuple[Any, str]]
"""Size of each named axis, and the argument that has it; of a starred name, the sizes of all its axes."""
MODEL = "this model"
"""The owner of sizes that the object of a method has."""
ANY = "..."
"""Stands for any axes; first in the axes of an argument."""


def fit_axes(name: str, array: Any, axes: tuple[str, ...], sizes: Sizes, *, empty: bool = False) -> Any:
    """Return an array with the named axes, and note their sizes.

    An axis that can only have been left out is added: "sample" before a single prediction, "value" after the values of
    one quantity. A column (row, 1) for (row,) loses its second axis. A starred name in the last place ("sample *row")
    stands for any axes, which all arguments share.

    Parameters
    ----------
    name : str
        Of the argument, for messages.
    array : ndarray or Tensor
    axes : tuple of str
        `ANY` in the first place stands for any axes.
    sizes : dict
        Sizes of the axes of the arguments before this one; extended here.
    empty : bool
        Whether an axis may have the size 0.

    Raises
    ------
    InputError
        If the number of axes, or the size of one of them, differs.
    """
    if axes[-1].startswith("*"):
        return _fit_rest(name, array, axes, sizes)
    array = _with_axes(array, axes, sizes)
    named = axes[1:] if axes[:1] == (ANY,) else axes
    if array.ndim < len(named) or (array.ndim != len(axes) and named is axes):
        raise _wrong_axes(name, array, axes)
    shape = array.shape[array.ndim - len(named) :]
    for axis, size in zip(named, shape, strict=True):
        expected, owner = sizes.get(axis, (size, name))
        if size != expected:
            raise _wrong_size(name, array, axes, axis, expected, owner, sizes)
        if not size and not empty:
            raise InputError(f"{name} has no {axis}", "at least one", "an empty part or selection", "pass more data")
    sizes.update({axis: (size, name) for axis, size in zip(named, shape, strict=True) if axis not in sizes})
    return array


def _fit_rest(name: str, array: Any, axes: tuple[str, ...], sizes: Sizes) -> Any:
    """Compare the axes after the named ones with those of the argument before."""
    rest, owner = sizes.get(axes[-1], (None, name))
    if axes[0] == "sample" and rest is not None and tuple(array.shape) == rest:
        array = array[None]
    leading = len(axes) - 1
    if array.ndim < leading or (leading and not len(array)):
        raise _wrong_axes(name, array, axes)
    own = tuple(array.shape[leading:])
    if rest is not None and own != rest:
        wanted = f"({', '.join([*axes[:-1], *map(str, rest)])}), as {owner} has {rest}"
        is_turned = array.ndim == 2 and leading == 1 and (array.shape[0],) == rest
        cause = "axes in the other order" if is_turned else "arguments of other objects, or an axis that is missing"
        fix = f"{name}.T" if is_turned else f"check {name}.shape and {owner}.shape"
        raise InputError(f"{name} of shape {tuple(array.shape)}", wanted, cause, fix)
    sizes.setdefault(axes[-1], (own, name))
    return array


def _with_axes(array: Any, axes: tuple[str, ...], sizes: Sizes) -> Any:
    """Add an axis that was left out, or drop one of size one that is too many, where there is one way to do so."""
    if axes[:1] == (ANY,):
        return array
    if array.ndim == len(axes) - 1 and axes[0] == "sample":
        return array[None]
    if array.ndim == len(axes) - 1 and axes[-1] == "value" and sizes.get("value", (0, ""))[0] == 1:
        return array[..., None]
    if array.ndim == 2 and len(axes) == 1 and array.shape[1] == 1:
        return array[:, 0]
    return array


def _wrong_axes(name: str, array: Any, axes: tuple[str, ...]) -> InputError:
    expected = f"({', '.join(axes)})" + (f", {len(axes)} axes" if ANY not in axes else "")
    cause = "arguments in the wrong order, or an axis that is missing"
    fix = f"{name}[None] adds an axis in front, {name}[..., None] one at the end"
    if "class" in axes and array.ndim == 1:
        cause = "arguments in the wrong order, or the probability of one class"
        fix = f"np.stack([1 - {name}, {name}], 1) for two classes; binary_brier, binary_ece and auc take one"
    return InputError(f"{name} of shape {tuple(array.shape)}", expected, cause, fix)


def _wrong_size(
    name: str, array: Any, axes: tuple[str, ...], axis: str, expected: int, owner: str, sizes: Sizes
) -> InputError:
    size = array.shape[axes.index(axis) - len(axes)]
    problem = f"{name} of shape {tuple(array.shape)}, {_counted(size, axis)}"
    wanted = f"({', '.join(axes)}) of {_counted(expected, axis)}, as {owner} has"
    cause, fix = "arguments of other objects, or axes in another order", f"check {name}.shape and {owner}.shape"
    if owner == MODEL:
        cause, fix = "predictions of another model, or axes in another order", "predict with this model"
    reverse = array.shape[::-1]
    if array.ndim == len(axes) == 2 and all(sizes.get(a, (n,))[0] == n for a, n in zip(axes, reverse, strict=True)):
        cause, fix = "axes in the other order", f"{name}.T"
    return InputError(problem, wanted, cause, fix)


def _counted(size: int, axis: str) -> str:
    return f"{size} {axis if size == 1 else axis + ('es' if axis.endswith('s') else 's')}"
