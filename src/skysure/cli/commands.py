"""The commands: each parses its flags and calls its verb."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from skysure.application import application, names, presets
from skysure.errors import InputError
from skysure.models import find, shipped
from skysure.settings import convert

from .flags import NO_READING, Device, Flag, Out, Outs, ReadingFlags, query_in, settings_in, values_of, with_fields
from .showing import Progress, dumps, listing, print_scores, say

COMMANDS = ("demo", "list", "simulate", "train", "calibrate", "predict", "evaluate", "inspect", "play")


def app(tokens: Sequence[str]) -> App:
    """Make the commands; those that name an application or a run have its fields as flags."""
    root = App(
        name="skysure", help="Deep learning for astronomy that says how sure it is.",
        version=_version, result_action="return_value",
        suppress_keyboard_interrupt=False,
    )  # fmt: skip
    settings, query = settings_in(tokens), query_in(tokens)
    for command in (
        demo, list_, _simulate(settings), _train(settings), calibrate, _predict(query), _evaluate(query), inspect,
        _play(query),
    ):  # fmt: skip
        root.command(command, name=command.__name__.strip("_"))
    return root


def demo(name: str = "supernovae", *, out: Out = Path("demo"), device: Device = "auto", force: Flag = False) -> None:
    """Simulate, train, calibrate, evaluate and predict with an application, offline, in minutes.

    Parameters
    ----------
    name
        The application.
    out
        Folder for everything it makes.
    force
        Replace what exists.
    """
    from skysure import verbs

    with Progress() as progress:
        folder = verbs.demo(name, out, device=device, force=force, progress=progress)
    print_scores(folder / "run", as_json=False)
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        print(path)


def list_(*, json: Flag = False) -> None:
    """List applications, their packages, verbs and presets, and the models that ship.

    Parameters
    ----------
    json
        Print as JSON.
    """
    applications = {name: _describe(name) for name in names()}
    if json:
        print(dumps({"applications": applications, "models": shipped()}))
        return
    for facts in applications.values():
        print(facts["does"])
        if "error" in facts:
            print(f"    {facts['error']}\n")
            continue
        print(f"    from: {facts['package']}\n    can: {', '.join(facts['verbs'])}")
        print(f"    presets: {', '.join(facts['presets']) or '-'}\n")
    print(f"models that ship: {', '.join(shipped()) or '-'}")


def _describe(name: str) -> dict[str, Any]:
    """Describe an application; one whose package is broken by its error, so that the others are still listed."""
    try:
        app = application(name)
        return {
            "does": app.summary, "package": app.package, "verbs": list(app.verbs), "presets": sorted(presets(name)),
        }  # fmt: skip
    except InputError as error:
        return {"does": name, "error": error.problem, "verbs": [], "presets": []}


def _simulate(defaults: Any) -> Callable[..., None]:
    def simulate(
        name: str, *, out: Out, n: Annotated[str | None, Parameter(name=["-n", "--number"])] = None, seed: int = 0,
        preset: str | None = None, config: Path | None = None, force: Flag = False, settings: Any = None,
    ) -> None:  # fmt: skip
        """Simulate objects of an application into a table.

        Parameters
        ----------
        name
            The application.
        out
            The table; its suffix decides the format: .parquet .fits .ecsv .csv .vot
        n
            How many objects; 10_000 and 1e4 are accepted.
        preset
            Named settings of the application (see skysure list); flags override them.
        config
            TOML file of settings; overrides the preset, flags override it.
        seed
            Seed of the simulation.
        force
            Replace what exists.
        """
        from skysure import verbs

        count = None if n is None else convert(n, int, "-n")
        with Progress() as progress:
            total = verbs.simulate(name, out, count, seed=seed, force=force, progress=progress, **values_of(settings))
        say(f"{total} objects in {out}")

    return with_fields(simulate, "settings", defaults, without=("seed",))


def _train(defaults: Any) -> Callable[..., None]:
    def train(
        name: str, data: list[str] | None = None, /, *, out: Out, preset: str | None = None, config: Path | None = None,
        reading: ReadingFlags = NO_READING, start: Annotated[str | None, Parameter(name="--from")] = None,
        resume: Flag = False, device: Device = "auto", force: Flag = False, json: Flag = False, settings: Any = None,
    ) -> None:  # fmt: skip
        """Train, calibrate and evaluate a network; writes a run directory with its report.

        skysure train APPLICATION --help lists all settings.

        Parameters
        ----------
        name
            The application.
        data
            Files, folders, globs, archives. None: simulated objects, or the environment of agents.
        out
            The run directory.
        preset
            Named settings of the application (see skysure list); flags override them.
        config
            TOML file of settings, or the run.toml of a run; overrides the preset, flags override it.
        start
            A run or shipped model whose weights are the initial ones.
        resume
            Continue an interrupted training.
        force
            Replace what exists.
        json
            Print the scores as JSON.
        """
        from skysure import verbs

        with Progress() as progress:
            verbs.train(
                name, data or (), out, reading=reading.table(), start=start, resume=resume, device=device,
                force=force, progress=progress, **values_of(settings),
            )  # fmt: skip
        print_scores(out, as_json=json)

    return with_fields(train, "settings", defaults)


def calibrate(
    run: str, data: list[str], /, *, out: Out, reading: ReadingFlags = NO_READING, test: float = 0.3,
    seed: int = 0, device: Device = "auto", force: Flag = False, json: Flag = False,
) -> None:  # fmt: skip
    """Adapt a trained model to a survey with a few hundred labelled objects.

    Parameters
    ----------
    run
        A run directory or a shipped model.
    data
        Files with labelled objects.
    out
        The new run directory.
    test
        Share of the objects that is kept to evaluate the new calibration; 1 or more: their number.
    seed
        Seed of the division into calibration and test objects.
    force
        Replace what exists.
    json
        Print the scores as JSON.
    """
    from skysure import verbs

    with Progress() as progress:
        trained = verbs.load(run)
        verbs.calibrate(
            trained, data, out, reading=reading.table(trained.reading), test=test, seed=seed, device=device,
            force=force, progress=progress,
        )  # fmt: skip
    print_scores(out, as_json=json)


def _predict(defaults: Any) -> Callable[..., None]:
    def predict(
        run: str, data: list[str] | None = None, /, *, out: Outs, reading: ReadingFlags = NO_READING,
        resume: Flag = False, device: Device = "auto", force: Flag = False, query: Any = None,
    ) -> None:  # fmt: skip
        """Apply a trained model to data, and write tables or pages; skysure predict RUN --help lists all options.

        Parameters
        ----------
        run
            A run directory or a shipped model.
        data
            Files, folders, globs, archives.
        out
            File to write; repeat for more. The suffix decides: .parquet .fits .ecsv .csv .vot are tables, .html is a
            page with figures of the first objects.
        resume
            Continue an interrupted prediction.
        force
            Replace what exists.
        """
        from skysure import verbs
        from skysure.verbs.memory import share_arenas

        share_arenas()
        with Progress() as progress:
            trained = verbs.load(run)
            rows = verbs.predict(
                trained, data or (), out, reading=reading.table(trained.reading), resume=resume, device=device,
                force=force, progress=progress, **values_of(query),
            )  # fmt: skip
        unit = "object" if all(verbs.is_page(path) for path in out) else "row"
        say(f"{rows:,} {unit}{'' if rows == 1 else 's'} in {', '.join(map(str, out))}")

    return with_fields(predict, "query", defaults)


def _evaluate(defaults: Any) -> Callable[..., None]:
    def evaluate(
        run: str, data: list[str] | None = None, /, *, against: str | None = None,
        out: Annotated[Path | None, Parameter(name="--out")] = None, reading: ReadingFlags = NO_READING,
        device: Device = "auto", force: Flag = False, json: Flag = False, query: Any = None,
    ) -> None:  # fmt: skip
        """Evaluate a model on its test part, or on other data; writes metrics.json and report.html.

        skysure evaluate RUN --help lists all options.

        Parameters
        ----------
        run
            A run directory or a shipped model.
        data
            Labelled files; objects that the model was trained or calibrated on are left out. None: its test part.
        against
            Another run to compare with, on the same objects.
        out
            Folder for metrics.json and report.html; by default RUN-on-DATA, or without data the run itself.
        force
            Replace what exists.
        json
            Print the scores as JSON.
        """
        from skysure import verbs

        folder = out
        if folder is None and data:
            folder = Path(f"{Path(run).name}-on-{Path(data[0]).name.split('.')[0]}")
        with Progress() as progress:
            trained = verbs.load(run)
            verbs.evaluate(
                trained, data or (), against=against, out=folder or "", reading=reading.table(trained.reading),
                device=device, force=force, progress=progress, **values_of(query),
            )  # fmt: skip
        print_scores(folder or find(run), as_json=json)

    return with_fields(evaluate, "query", defaults)


def inspect(
    paths: list[str], /, *, reading: ReadingFlags = NO_READING, write: Path | None = None, force: Flag = False,
    json: Flag = False,
) -> int:  # fmt: skip
    """Show what is in data files, and every problem of reading them; or what is in a run.

    Parameters
    ----------
    paths
        Files, folders, globs, archives, or a run.
    write
        TOML file to write a draft of the [reading] table into.
    force
        Replace what exists.
    json
        Print as JSON.
    """
    from skysure import verbs

    facts = verbs.inspect(paths, reading.table())
    if write:
        verbs.write_reading(write, facts, force=force)
        say(f"reading proposed in {write}")
    problems = facts.get("problems", ())
    print(dumps(facts) if json else listing({n: v for n, v in facts.items() if n != "problems" and v not in ([], {})}))
    for problem in problems:
        say(str(problem))
    return 1 if problems else 0


def _play(defaults: Any) -> Callable[..., None]:
    def play(
        run: str, /, *, out: Annotated[Path | None, Parameter(name="--out")] = None, force: Flag = False,
        query: Any = None,
    ) -> None:  # fmt: skip
        """Watch an agent: its states, actions and rewards, step by step.

        Parameters
        ----------
        run
            A run directory of an agent.
        out
            A table of the steps; without it they are printed.
        force
            Replace what exists.
        """
        from skysure import verbs

        for record in verbs.play(run, out=out, force=force, **values_of(query)):
            print("  ".join(f"{name} {value}" for name, value in record.items()))

    return with_fields(play, "query", defaults)


def _version() -> str:
    from importlib.metadata import version

    return version("skysure")
