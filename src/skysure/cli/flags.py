"""Fields of a dataclass as flags: settings of an application, queries of a run, the reading of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Parameter

from skysure.application import NAMES, application, names, settings_of
from skysure.errors import SettingsError
from skysure.models import find, shipped
from skysure.settings import convert, documentation, load_toml, table_of

Out = Annotated[Path, Parameter(name="--out")]
Outs = Annotated[list[Path], Parameter(name="--out", negative=())]
Flag = Annotated[bool, Parameter(negative=())]
Device = Annotated[str, Parameter(help="auto, cpu or cuda")]
Fields = Parameter(name="*")


@Fields
@dataclass(frozen=True)
class ReadingFlags:
    """How the data are read.

    Parameters
    ----------
    reading
        TOML file with a [reading] table: columns, units, bands. By default that of the run, if there is one.
    zero_point
        AB magnitude of a flux of one; overrides the [reading] table.
    unit
        Unit of the flux, such as nJy; overrides the [reading] table.
    column
        NAME=COLUMN: skysure's name and that in the file, such as id=objname; repeat for more.
    positions
        Table with ra and dec: these objects are cut out of the images.
    """

    reading: Path | None = None
    zero_point: float | None = None
    unit: str | None = None
    column: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = ()
    positions: Path | None = None

    def table(self, of_run: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Give the `[reading]` table of the file, else of the run, overridden by the flags; None without flags."""
        if self == NO_READING:
            return None
        table = dict(of_run or {}) if self.reading is None else table_of(self.reading, "reading")
        if self.zero_point is not None or self.unit is not None:
            table = {name: value for name, value in table.items() if name not in ("zero_point", "unit")}
        if self.zero_point is not None:
            table["zero_point"] = self.zero_point
        if self.unit is not None:
            table["unit"] = self.unit
        if self.positions is not None:
            table["positions"] = str(self.positions)
        columns = dict(map(_column, self.column))
        return table | ({"columns": table.get("columns", {}) | columns} if columns else {})


NO_READING = ReadingFlags()
"""No flag given: the reading of the run, or that which the columns of the files show."""


def _column(text: str) -> tuple[str, str]:
    """Split NAME=COLUMN.

    >>> _column("id=objname")
    ('id', 'objname')
    """
    name, equals, column = text.partition("=")
    if not (name and equals):
        raise SettingsError(f"--column {text}", "NAME=COLUMN", "", "for example --column id=objname")
    return name.strip(), column.strip()


def settings_in(tokens: Sequence[str]) -> Any:
    """Make the settings whose values are the defaults of flags: of the application, with its preset and file."""
    if tokens[:1] not in (["train"], ["simulate"]):
        return None
    # Installed packages are searched only where the name is not one of ours.
    name = next((word for all_names in (lambda: NAMES, names) for word in tokens[1:] if word in all_names()), None)
    return settings_of(name, _value_of(tokens, "--preset"), _value_of(tokens, "--config")) if name else None


def query_in(tokens: Sequence[str]) -> Any:
    """Make the query whose values are the defaults of flags: of the run that predict, evaluate or play names."""
    if tokens[:1] not in (["predict"], ["evaluate"], ["play"]):
        return None
    words = [token for token in tokens[1:] if not token.startswith("-")]
    run = next((word for word in words if (Path(word) / "run.toml").is_file() or word in shipped()), None)
    if run is None and (not words or tokens[1] != words[0]):
        return None
    app = application(str(load_toml(find(run or words[0]) / "run.toml").get("application")))
    return app.Play() if tokens[0] == "play" else app.Query()


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
            (f.name, Annotated[kinds[f.name], _flag(f.name, kinds[f.name])], field(default=values_of(defaults)[f.name]))
            for f in fields(defaults)
            if f.name not in without
        ],
        namespace={"__doc__": documentation(type(defaults)), "__module__": __name__},
        frozen=True,
    )
    command.__annotations__ = hints | {name: Annotated[flags, Fields]}
    command.__kwdefaults__ = (command.__kwdefaults__ or {}) | {name: flags()}
    return command


def _flag(name: str, kind: Any) -> Parameter:
    """Make a flag whose value is converted as in a settings file."""
    if kind is bool:
        return Parameter(negative=f"--no-{name.replace('_', '-')}")
    flag = f"--{name.replace('_', '-')}"

    def converter(_: Any, tokens: Sequence[Any]) -> Any:
        return convert(",".join(token.value for token in tokens), kind, flag)

    return Parameter(converter=converter, n_tokens=1, negative=())


def values_of(settings: Any) -> Mapping[str, Any]:
    """Give the values of a dataclass by name; none of None."""
    return {} if settings is None else {f.name: vars(settings)[f.name] for f in fields(settings)}
