"""What an application is: the contract of its module, and the registry of those inside and those installed.

An application is a module. It declares `PAPERS`, `Settings`, `Query` and `Schema`, offers `network`, `train`,
`evaluate` and `figures`, and may offer the other verbs below. A package announces its module through the entry point
group `skysure.applications`; nothing is registered by code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from .errors import InputError, SettingsError, nearest
from .settings import build, load_toml, table_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .data.sources import Source
    from .evaluation import Evaluation
    from .predictions import Prediction
    from .predictions.writers import Form
    from .report import Figure
    from .training import State

NAMES = ("sine", "chain", "supernovae", "lensing")
"""The applications inside skysure; `names()` adds those of installed packages."""

GROUP = "skysure.applications"
"""The entry point group by which an installed package announces an application."""

DECLARED = ("PAPERS", "Settings", "Query", "Schema")
"""What every application declares beside its verbs; see `Declares`."""

T = TypeVar("T")


class Declares(Protocol):
    """What the module of every application declares, without importing torch.

    Attributes
    ----------
    PAPERS : tuple of str
        What to cite beside skysure.
    Settings : frozen dataclass
        The settings of a training. An application that learns from objects derives them from
        `skysure.training.settings.SupervisedSettings`, which declares the sizes of the parts, `groups` and `seed`;
        one that simulates adds `objects`, how many to simulate. An application of agents declares `seed`.
    Query : frozen dataclass
        The options of predict and evaluate.
    Schema : frozen dataclass
        What the network has to know about the data: bands, classes, units.
    Play : frozen dataclass
        The options of `play`; of agents only.
    FORMS : tuple of `skysure.predictions.writers.Form`, optional
        Files that only its predictions can take, by suffix. Imported where a run of it writes a prediction, so that a
        module may give it lazily.
    SIMULATED : str, optional
        Suffix of a file that can hold all that is simulated, ".parquet" by default; ".h5" for images.
    """

    PAPERS: tuple[str, ...]
    Settings: Any
    Query: Any
    Schema: Any


class Environment(Protocol):
    """A `gymnasium.vector.VectorEnv` that also declares the `Schema` for the network of its agents."""

    schema: Any
    num_envs: int


class Read(Protocol):
    """Open data given by the user; raises InputError where a file cannot be read or a column is missing.

    `data` are paths (files, folders, globs, archives) as str, or chunks in memory; `reading` is the `[reading]` table,
    which the application interprets. Returns a Source. Its chunks have a length and `ids`; `groups` if objects belong
    to groups; `to_table()` if the application simulates; and a mask selects some of their objects.
    """

    def __call__(self, data: Sequence[Any], reading: Mapping[str, Any], /) -> Source: ...


class FromTable(Protocol):
    """Build a chunk in memory from a table: a dict of arrays, an astropy Table, a DataFrame, an Arrow table."""

    def __call__(self, table: Any, reading: Mapping[str, Any], /) -> Any: ...


class Inspect(Protocol):
    """Describe files as plain data: their content, "problems", and the "reading" proposed for them."""

    def __call__(self, data: Sequence[Any], reading: Mapping[str, Any], /) -> Any: ...


class Simulate(Protocol):
    """Simulate n objects (None: endlessly, new ones in every epoch), the same for the same seed."""

    def __call__(self, settings: Any, n: int | None, seed: int, /) -> Source: ...


class MakeEnvironment(Protocol):
    """Make the vector environment in which agents learn; it has the attribute `schema`."""

    def __call__(self, settings: Any, /) -> Environment: ...


class States(Protocol):
    """Give the states for which an application of agents predicts if it is given no data."""

    def __call__(self, environment: Any, /) -> Source: ...


class Network(Protocol):
    """Make the module that holds all that is learned, with initial weights that derive from `settings.seed`."""

    def __call__(self, settings: Any, schema: Any, /) -> nn.Module: ...


class WarmStart(Protocol):
    """Make the initial tensors of a network from those of another run (`--from`), whose network may have other layers.

    Without this verb, the tensors of the other run must fit as they are.
    """

    def __call__(self, network: nn.Module, tensors: Mapping[str, Tensor], /) -> Mapping[str, Tensor]: ...


class Train(Protocol):
    """Train, and yield a State after every epoch or episode; continued from `state`, it ends with the same weights.

    `data` is a `SplitSource`, or the environment of agents. Raises InputError before the first epoch if a part does
    not suffice, such as one that lacks a class. The model is made by the verb `network`; its weights are the tensors
    of the last State whose names begin with "best.", or if there are none with "model.".
    """

    def __call__(
        self, data: Any, settings: Any, state: State | None = None, /, *, accelerator: Any = None
    ) -> Iterator[State]: ...


class Calibrate(Protocol):
    """Fit calibration and out-of-distribution detection of a model, in place, on `source.chunks("calibration")`."""

    def __call__(self, model: Any, source: Any, /) -> None: ...


class Predict(Protocol):
    """Predict for one chunk of bounded size; the prediction for an object does not depend on the others."""

    def __call__(self, model: Any, chunk: Any, query: Any, /) -> Prediction: ...


class Draw(Protocol):
    """Draw the objects of a chunk with what the model predicts, one figure per object."""

    def __call__(self, model: Any, chunk: Any, query: Any, /) -> Iterator[Figure]: ...


class Evaluate(Protocol):
    """Compare a model with the truth on `source.chunks("test")`, or in the environment of agents."""

    def __call__(self, model: Any, data: Any, query: Any, /) -> Evaluation: ...


class Figures(Protocol):
    """Draw the figures of the report from an evaluation alone."""

    def __call__(self, evaluation: Evaluation, /) -> Iterator[Figure]: ...


class Sentences(Protocol):
    """Write the sentences of the report that only this application can write."""

    def __call__(self, evaluation: Evaluation, /) -> Iterator[str]: ...


class Play(Protocol):
    """Let an agent act in its environment, and yield a record (column to value) per step."""

    def __call__(self, model: Any, environment: Any, play: Any, /) -> Iterator[dict[str, Any]]: ...


class MissingVerb(InputError, AttributeError):
    """A verb that an application does not offer."""


class Verb(Generic[T]):
    """A verb as an attribute of `Application`; reading it raises MissingVerb where the module does not offer it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, application: Application, owner: type) -> T:
        return application.verb(self.name)


class Application:
    """An application: its module, what it offers, and the package that it comes from.

    Parameters
    ----------
    name : str
    module : module
        Raises InputError where it lacks what every application declares.
    package : str
        Name of the installed package.

    Examples
    --------
    >>> sine = application("sine")
    >>> sine.offers("simulate"), sine.is_agent
    (True, False)
    >>> sine.simulate(sine.Settings(), 3, 0).schema.low
    -3.141592653589793
    """

    read = Verb[Read]()
    from_table = Verb[FromTable]()
    inspect = Verb[Inspect]()
    simulate = Verb[Simulate]()
    environment = Verb[MakeEnvironment]()
    states = Verb[States]()
    network = Verb[Network]()
    warm_start = Verb[WarmStart]()
    train = Verb[Train]()
    calibrate = Verb[Calibrate]()
    predict = Verb[Predict]()
    draw = Verb[Draw]()
    evaluate = Verb[Evaluate]()
    figures = Verb[Figures]()
    sentences = Verb[Sentences]()
    play = Verb[Play]()

    def __init__(self, name: str, module: ModuleType, package: str = "skysure") -> None:
        self.name, self.module, self.package = name, module, package
        if missing := [fact for fact in DECLARED if not self.offers(fact)]:
            raise InputError(
                f"application '{name}' of the package {package} has no {missing[0]}", ", ".join(DECLARED),
                "the package was written for another version of skysure", f"upgrade {package}",
            )  # fmt: skip
        declared = cast(Declares, module)
        self.PAPERS, self.Query = declared.PAPERS, declared.Query
        self.Settings, self.Schema = declared.Settings, declared.Schema

    @property
    def is_agent(self) -> bool:
        """Whether it learns in an environment; otherwise it learns from the objects of a source."""
        return self.offers("environment")

    @property
    def summary(self) -> str:
        """What it does, in a line: the first of its docstring."""
        return (self.module.__doc__ or self.name).strip().splitlines()[0]

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs that it offers."""
        return tuple(verb for verb in VERBS if self.offers(verb))

    @property
    def forms(self) -> tuple[Form, ...]:
        """Files that only its predictions can take."""
        return self.verb("FORMS") if self.offers("FORMS") else ()

    @property
    def simulated(self) -> str:
        """Suffix of a file that can hold all that it simulates."""
        return self.verb("SIMULATED") if self.offers("SIMULATED") else ".parquet"

    @property
    def Play(self) -> Any:
        """What may be asked of `play`."""
        return self.verb("Play")

    def offers(self, verb: str) -> bool:
        """Whether the module has a verb; nothing is imported to find out."""
        return verb in dir(self.module) or verb in vars(self.module)  # lazy names stand in the first alone

    def verb(self, name: str) -> Any:
        """Give a verb; raises MissingVerb with those that are offered, or InputError where it cannot be imported."""
        if not self.offers(name):
            raise MissingVerb(f"{self.name} cannot {name.lower()}", f"one of {', '.join(self.verbs)}")
        try:
            return getattr(self.module, name)
        except ImportError as error:
            raise _broken(self.name, self.package, error) from error


VERBS = tuple(name for name, value in vars(Application).items() if isinstance(value, Verb))


def application(name: str) -> Application:
    """Give an application by name: one of those inside, or of an installed package.

    Raises
    ------
    InputError
        Where no application has that name, or where its package cannot be imported.
    """
    if name in NAMES:
        return Application(name, import_module(f"skysure.applications.{name}"))
    announced = [entry for entry in installed() if entry.name == name]
    if not announced:
        raise InputError(f"unknown application '{name}'", nearest(name, names()), "", "skysure list shows them")
    packages = sorted(map(package_of, announced))
    if len(announced) > 1:
        raise InputError(
            f"application '{name}' is in several packages: {', '.join(packages)}", "one", "",
            f"pip uninstall {packages[-1]}",
        )  # fmt: skip
    try:
        return Application(name, announced[0].load(), packages[0])
    except InputError:
        raise
    except Exception as error:
        raise _broken(name, packages[0], error) from error


def names() -> tuple[str, ...]:
    """Names of all applications: those inside, then those of installed packages."""
    return (*NAMES, *sorted({entry.name for entry in installed()} - set(NAMES)))


def installed() -> tuple[EntryPoint, ...]:
    """What installed packages announce in the group `skysure.applications`; nothing of them is imported."""
    return tuple(entry_points(group=GROUP))


def package_of(entry: EntryPoint) -> str:
    """Name the package that announces an application."""
    return entry.dist.name if entry.dist is not None else entry.module.partition(".")[0]


def _broken(name: str, package: str, error: Exception) -> InputError:
    return InputError(
        f"application '{name}' of the package {package} cannot be imported: {type(error).__name__}: {error}",
        "a package that can be imported", "it is incomplete, or needs another package",
        f"pip install --upgrade {package}, or pip uninstall {package}",
    )  # fmt: skip


def presets(name: str) -> dict[str, dict[str, Any]]:
    """Give the presets that an application brings with it, by name."""
    folder = files(application(name).module.__name__) / "presets"
    if not folder.is_dir():
        return {}
    paths = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {f.name.removesuffix(".toml"): load_toml(str(f)) for f in paths}


def preset(name: str, choice: str | None) -> dict[str, Any]:
    """Give one preset of an application; empty where `choice` is None."""
    if choice is None:
        return {}
    offered = presets(name)
    if choice not in offered:
        raise SettingsError(f"{name} has no preset '{choice}'", nearest(choice, offered) or "none: it has no presets")
    return offered[choice]


def settings_of(
    name: str,
    choice: str | None = None,
    config: str | Path | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Any:
    """Give the settings of an application from its layers: defaults < preset < file < fields."""
    file = table_of(config, "settings") if config else {}
    where = f"{config}: settings of {name}" if config else f"settings of {name}"
    return build(application(name).Settings, preset(name, choice), file, fields or {}, where=where)
