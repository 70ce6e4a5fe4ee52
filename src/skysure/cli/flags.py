"""Fields of a dataclass as flags: the settings of an application, the questions that may be asked of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Parameter

from skysure import settings as layers
from skysure.application import NAMES, application, settings_of
from skysure.models import find, shipped

Out = Annotated[Path, Parameter(name="--out")]
Outs = Annotated[list[Path], Parameter(name="--out", negative=())]
Flag = Annotated[bool, Parameter(negative=())]
Device = Annotated[str, Parameter(help="auto, cpu or cuda")]
Fields = Parameter(name="*")


def settings_asked(tokens: Sequence[str]) -> Any:
    """Settings whose values are the defaults of flags: of the application named, with its preset and file."""
    name = next((token for token in tokens[1:] if token in NAMES), None)
    if name and tokens[0] in ("train", "simulate"):
        return settings_of(name, _value_of(tokens, "--preset"), _value_of(tokens, "--config"))
    return None


def query_asked(tokens: Sequence[str]) -> Any:
    """The questions that may be asked of the run named: the first word that is one, else the first word."""
    if tokens[:1] not in (["predict"], ["evaluate"]):
        return None
    words = [token for token in tokens[1:] if not token.startswith("-")]
    run = next((word for word in words if (Path(word) / "run.toml").is_file() or word in shipped()), None)
    if run is None and (not words or tokens[1] != words[0]):
        return None
    name = layers.load_toml(find(run or words[0]) / "run.toml").get("application")
    return application(str(name)).Query()


def _value_of(tokens: Sequence[str], flag: str) -> str | None:
    """Find the value of a flag before the flags are parsed."""
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token == flag:
            return following
        if token.startswith(f"{flag}="):
            return token.removeprefix(f"{flag}=")
    return None


def with_fields(command: Callable[..., None], name: str, defaults: Any, without: tuple[str, ...] = ()) -> Any:
    """Give a command the fields of a settings dataclass as flags, with these values as their defaults."""
    hints = get_type_hints(command, include_extras=True)
    if defaults is None:
        command.__annotations__ = hints | {name: Annotated[Any, Parameter(parse=False)]}
        return command
    kinds = get_type_hints(type(defaults))
    flags = make_dataclass(
        type(defaults).__name__,
        [
            (f.name, Annotated[kinds[f.name], _flag(f.name, kinds[f.name])], field(default=getattr(defaults, f.name)))
            for f in fields(defaults)
            if f.name not in without
        ],
        namespace={"__doc__": layers.documentation(type(defaults)), "__module__": __name__},
        frozen=True,
    )
    command.__annotations__ = hints | {name: Annotated[flags, Fields]}
    command.__kwdefaults__ = (command.__kwdefaults__ or {}) | {name: flags()}
    return command


def _flag(name: str, kind: Any) -> Parameter:
    """Make a flag whose value is understood as in a settings file."""
    if kind is bool:
        return Parameter(negative=f"--no-{name.replace('_', '-')}")
    flag = f"--{name.replace('_', '-')}"

    def convert(_: Any, tokens: Sequence[Any]) -> Any:
        return layers.convert(",".join(token.value for token in tokens), kind, flag)

    return Parameter(converter=convert, n_tokens=1, negative=())


def values_of(settings: Any) -> dict[str, Any]:
    """Give the values of such flags by name."""
    return {} if settings is None else {f.name: getattr(settings, f.name) for f in fields(settings)}


def reading_of(path: Path | None) -> dict[str, Any] | None:
    """Give the `[reading]` table of a file, if one is named."""
    return None if path is None else layers.table_of(path, "reading")
