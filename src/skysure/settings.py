"""Settings: frozen dataclasses whose values come in layers, defaults < preset < file < flags."""

from __future__ import annotations

import inspect
import json
import os
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from numbers import Real
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from . import limits
from .errors import InputError, SettingsError, nearest, quote, reason_of, shorten

T = TypeVar("T")


def build(cls: type[T], *layers: Mapping[str, Any], where: str = "settings") -> T:
    """Make the dataclass `cls` from layers of named values; a later layer overrides an earlier one.

    Parameters
    ----------
    cls : dataclass type
        Its fields may be bool, int, float, str, tuples of these, Literal, dataclasses, and unions.
    *layers : mapping of str to value
        Values as Python, TOML or the command line give them; counts may be written "10_000" or "1e7".
    where : str
        Name of the layers in a message.

    Raises
    ------
    SettingsError
        Where a field is unknown (the nearest names are offered) or a value has the wrong type.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Settings:
    ...     epochs: int = 10
    >>> build(Settings, {"epochs": "1e3"})
    Settings(epochs=1000)
    """
    kinds = get_type_hints(cls)
    values: dict[str, Any] = {}
    for layer in layers:
        if not isinstance(layer, Mapping):
            raise SettingsError(f"{where} = {quote(layer)}", "a table of fields")
        for name, value in layer.items():
            if name not in kinds:
                raise SettingsError(
                    f"{where}: unknown field '{name}'",
                    nearest(name, kinds),
                    "a misspelling, or a field of another application",
                )
            values[name] = convert(value, kinds[name], f"{where}: {name}")
    try:
        return cls(**values)
    except TypeError as error:
        raise SettingsError(f"{where}: {error}", "a value for every field that has no default") from None


def convert(value: Any, kind: Any, name: str) -> Any:
    """Convert a value, or its text, to the type of a field; `name` is the field's in a message.

    A number given for a text becomes its text. In a union, a value of one of its types stays as it is; else its types
    are tried in their order, text last.

    >>> convert("1e3", int, "epochs"), convert(10, str, "at_epoch"), convert("10", str | float, "at_epoch")
    (1000, '10', 10.0)
    """
    origin, options = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _convert_union(value, options, name)
    if origin is Literal:
        if value in options:
            return value
        raise SettingsError(f"{name} = {quote(value)}", "one of " + ", ".join(map(str, options)))
    if origin is tuple:
        items = [v for v in value.split(",") if v] if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            raise SettingsError(f"{name} = {quote(value)}", "a list of values")
        kinds = [options[0]] * len(items) if options[-1] is Ellipsis else options
        if len(kinds) != len(items):
            raise SettingsError(f"{name} has {len(items)} values", f"{len(kinds)} values")
        return tuple(convert(v, k, name) for v, k in zip(items, kinds, strict=True))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise SettingsError(f"{name} = {quote(value)}", "a table")
        return {convert(k, options[0], name): convert(v, options[1], name) for k, v in dict(value).items()}
    if is_dataclass(kind):
        return value if isinstance(value, kind) else build(kind, value, where=name)
    return _convert_plain(value, kind, name)


def _convert_union(value: Any, options: tuple[Any, ...], name: str) -> Any:
    if value is None and type(None) in options:
        return None
    if not isinstance(value, str) and type(value) in options:
        return value
    errors = []
    for option in sorted((o for o in options if o is not type(None)), key=lambda option: option is str):
        try:
            return convert(value, option, name)
        except SettingsError as error:
            errors.append(error)
    raise errors[-1]


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _convert_plain(value: Any, kind: Any, name: str) -> Any:
    if isinstance(value, int) and value.bit_length() > 64:
        raise SettingsError(f"{name} = {quote(value)}", "a number of at most 64 bits")
    text = str(value).strip().lower()
    if kind is bool and text in ("true", "false", "yes", "no"):
        return text in ("true", "yes")
    if kind is str and isinstance(value, (str, Real)) and not isinstance(value, bool):
        return str(value)
    if kind in (int, float) and not isinstance(value, bool):
        try:
            number = float(text)
            whole = int(text) if kind is int and isinstance(value, str) and text.lstrip("+-").isdigit() else number
        except ValueError:
            number = whole = float("nan")
        if kind is float and number == number:
            return number
        if kind is int and abs(number) < 2**64 and number == int(number):
            return int(whole)
    raise SettingsError(f"{name} = {quote(value)}", _WORDS.get(kind, str(kind)))


def documentation(cls: type) -> str:
    """Join the docstring of a dataclass with the parameters that its bases document."""
    heading = "Parameters\n----------\n"
    own, *bases = [inspect.cleandoc(c.__doc__) for c in cls.__mro__ if c is not object and c.__doc__]
    shared = [doc.split(heading)[1] for doc in bases if heading in doc]
    if not shared:
        return own
    return "\n".join([own if heading in own else f"{own}\n\n{heading.rstrip()}", *shared])


def check_ranges(settings: Any, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raise SettingsError where a field of a dataclass is outside its range, which includes its ends."""
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise SettingsError(f"{name} = {value:g}", f"a number from {low:g} to {high:g}")


def load_toml(path: Path | str) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        With the file, and the line or the field, where it is no TOML, nests too deep, or has a number of more than 64
        bits (SettingsError).
    """
    return _load(Path(path), "TOML", tomllib.loads, "a quote or bracket left open")


def load_json(path: Path | str) -> Any:
    """Read a JSON file; raises InputError with the file where it is no JSON or nests too deep."""
    return _load(Path(path), "JSON", json.loads, "an edit by hand, or a file cut short")


def _load(path: Path, kind: str, parse: Callable[[str], Any], cause: str) -> Any:
    try:
        content = parse(_read_text(path, kind))
    except (ValueError, RecursionError) as error:
        reason = "it nests too deep" if isinstance(error, RecursionError) else reason_of(error)
        raise InputError(f"{path}: {reason}", f"valid {kind}", cause) from error
    _check_values(path, content)
    return content


def _read_text(path: Path, kind: str) -> str:
    """Read a small text file; a pipe or device is refused, as it may never end."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is no regular file", f"a {kind} file", "a folder, a pipe or a device")
        if status.st_size > limits.current().settings_file:
            raise limits.exceeded(
                str(path), f"{status.st_size:,} bytes", "settings_file", f"no {kind} file of settings"
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", f"a {kind} file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {reason_of(error)}", f"a {kind} file that can be read") from error


def _check_values(path: Path, content: Any) -> None:
    """Refuse values that no field holds: whole numbers of more than 64 bits, tables nested too deep."""
    most = limits.current().nesting
    waiting: list[tuple[str, Any, int]] = [("", content, 0)]
    while waiting:
        name, value, depth = waiting.pop()
        if depth > most:
            raise limits.exceeded(f"{path}: {shorten(name)}", "tables within tables", "nesting", "no file of settings")
        if isinstance(value, int) and value.bit_length() > 64:
            raise SettingsError(f"{path}: {name} = {quote(value)}", "a number of at most 64 bits", "digits too many")
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += [(f"{name}.{key}" if name else str(key), item, depth + 1) for key, item in items]


def table_of(path: Path | str, name: str) -> dict[str, Any]:
    """Read the table `[name]` of a TOML file, or the whole file where it has no such table."""
    content = load_toml(path)
    return content[name] if isinstance(content.get(name), dict) else content


def plain(settings: Any) -> dict[str, Any]:
    """Convert a dataclass to what TOML can hold: no None, tuples as lists."""
    return without_none(asdict(settings))


def without_none(value: Any) -> Any:
    """Drop every None, at any depth; tuples become lists."""
    if isinstance(value, Mapping):
        return {str(k): without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [without_none(v) for v in value]
    return value
