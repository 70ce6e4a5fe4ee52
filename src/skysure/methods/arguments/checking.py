"""Checked functions: what each argument has to be is declared once, above the function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, wraps
from inspect import Parameter, signature
from typing import Any, ParamSpec, TypeVar

import torch
from torch import nn

from skysure.methods.arrays import as_array, as_tensor

from .names import class_numbers
from .rules import Rule
from .shapes import MODEL, Sizes

P = ParamSpec("P")
R = TypeVar("R")


def checked(
    shared: Mapping[str, Rule] | None = None,
    /,
    *,
    tensors: bool = False,
    sizes_of: Callable[[Any], Mapping[str, int]] | None = None,
    names: str = "",
    **rules: Rule,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Convert and check the named arguments of a function before it is called.

    Arguments are checked in the order of the rules, and agree in the sizes of the axes that they share. One that is
    None where the function has None as default is left alone. The function without checks is `unchecked(function)`.

    Parameters
    ----------
    shared : mapping of str to Rule, optional
        Rules that several functions have in common, by name of the argument; those that a function lacks do not count.
    tensors : bool
        Convert to tensors, of a method to the device of its module; by default to NumPy arrays.
    sizes_of : callable, optional
        Sizes of axes that the object of a method knows (its classes, values or features).
    names : str
        Name of the argument that holds the names of the classes; labels may then be given as names.
    **rules : Rule
        By name of the argument.

    Examples
    --------
    >>> from skysure.methods.arguments import booleans
    >>> @checked(selected=booleans("row"))
    ... def count(selected):
    ...     return int(selected.sum())
    >>> count([True, False, True]), count([1, 0, 0])
    (2, 1)
    """

    all_rules = {**(shared or {}), **rules}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = signature(function).parameters
        order = [name for name, p in parameters.items() if p.kind is not Parameter.VAR_POSITIONAL]
        extra = next((k for k, p in enumerate(parameters.values()) if p.kind is Parameter.VAR_POSITIONAL), None)
        optional = {name for name, p in parameters.items() if p.default is None}

        def check(arguments: dict[str, Any]) -> dict[str, Any]:
            device = _device_of(arguments.get("self")) if tensors else None
            model_sizes = sizes_of(arguments["self"]) if sizes_of else {}
            sizes: Sizes = {axis: (size, MODEL) for axis, size in model_sizes.items()}
            converted, classes = dict(arguments), arguments.get(names)
            if classes is not None:
                sizes["class"] = (len(classes), names)
            for name, rule in all_rules.items():
                if name not in arguments or (arguments[name] is None and name in optional):
                    continue
                if not rule.is_array:
                    converted[name] = rule.check(name, arguments[name], sizes)
                    continue
                value = rule.prepare(name, arguments[name], sizes)
                if classes is not None and rule.least is not None:
                    value = class_numbers(value, classes, unknown=rule.least < 0)
                value = as_tensor(value, device, name) if tensors else as_array(value, name)
                converted[name] = rule(name, value, sizes)
            return converted

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            positional = dict(zip(order[:extra], args, strict=False))
            if positional.keys() & kwargs.keys() or (extra is None and len(args) > len(order)):
                return function(*args, **kwargs)  # raises the TypeError
            converted, rest = check({**positional, **kwargs}), args[len(positional) :]
            return function(*[converted[n] for n in positional], *rest, **{n: converted[n] for n in kwargs})  # type: ignore[arg-type]

        call.unchecked, call.check = function, check  # type: ignore[attr-defined]
        return call

    return decorate


def unchecked(function: Callable[P, R]) -> Callable[P, R]:
    """Return a checked function without its checks, for loops whose arguments are known to be right."""
    if isinstance(function, partial):
        return partial(unchecked(function.func), *function.args, **function.keywords)
    return getattr(function, "unchecked", function)


def check_arguments(function: Callable[..., Any], *values: Any, **more: Any) -> tuple[Any, ...]:
    """Convert and check positional arguments as a checked function would; of any other, convert them to arrays."""
    options: Mapping[str, Any] = {}
    while isinstance(function, partial) and not function.args:
        function, options = function.func, {**function.keywords, **options}
    check = getattr(function, "check", None)
    if check is None:
        return tuple(as_array(value) for value in values)
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    names = [name for name, p in signature(function).parameters.items() if p.kind in kinds]
    arguments = dict(zip(names, values, strict=False))
    converted = check({**arguments, **options, **more})
    return tuple(converted[name] for name in arguments)


def _device_of(module: Any) -> torch.device | None:
    """Return the device of a module, None for anything else."""
    if not isinstance(module, nn.Module):
        return None
    tensor = next(module.parameters(), next(module.buffers(), None))
    return None if tensor is None else tensor.device
