"""The command line: parses, calls the verb, draws progress. The only place that prints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import App, CycloptsError, Parameter

from skysure import settings as layers
from skysure.applications import NAMES, VERBS, application, presets, settings_of
from skysure.faults import Fault
from skysure.models import find, shipped

Out = Annotated[Path, Parameter(name="--out")]
Outs = Annotated[list[Path], Parameter(name="--out", negative=())]
Flag = Annotated[bool, Parameter(negative=())]
Device = Annotated[str, Parameter(help="auto, cpu or cuda")]
Fields = Parameter(name="*")
COMMANDS = ("demo", "list", "simulate", "train", "calibrate", "predict", "evaluate", "inspect", "play")
LEADS = os.environ.get("RANK", "0") == "0"
"""Whether this is the process that speaks, of those that a launcher started."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status: 0, 1 for a fault in what was given, 2 for usage, 130."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    try:
        result = commands(tokens)(tokens, exit_on_error=False, print_error=False)
        return result if isinstance(result, int) else 0
    except Fault as fault:
        _say(f"skysure: {fault}")
        return fault.status
    except CycloptsError as error:
        command = f" {tokens[0]}" if tokens and tokens[0] in COMMANDS else ""
        _say(f"skysure: {error} — skysure{command} --help")
        return 2
    except KeyboardInterrupt:
        resumable = tokens[:1] in (["train"], ["predict"])
        _say("skysure: interrupted" + (" — the same command with --resume goes on" if resumable else ""))
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        _say(f"skysure: {error.filename or 'a file'}: {error.strerror or error}")
        return 1


def commands(tokens: Sequence[str]) -> App:
    """Make the commands; those that name an application or a run have its fields as flags."""
    app = App(
        name="skysure", help="Deep learning for astronomy that says how sure it is.",
        version=_version, result_action="return_value",
        suppress_keyboard_interrupt=False,
    )  # fmt: skip
    settings, query = _settings_asked(tokens), _query_asked(tokens)
    for command in (
        demo, list_, _simulate(settings), _train(settings), calibrate, _predict(query), _evaluate(query), inspect, play,
    ):  # fmt: skip
        app.command(command, name=command.__name__.strip("_"))
    return app


def demo(name: str = "supernovae", *, out: Out = Path("demo"), device: Device = "auto", force: Flag = False) -> None:
    """Go the whole way on embedded data, offline, in minutes.

    Parameters
    ----------
    name
        The application.
    out
        Folder for everything it makes.
    force
        Replace what is there.
    """
    from skysure import verbs

    with Progress() as progress:
        folder = verbs.demo(name, out, device=device, force=force, progress=progress)
    _summary(folder / "run", as_json=False)
    for made in sorted(p for p in folder.iterdir() if p.is_file()):
        print(made)


def list_(*, json: Flag = False) -> None:
    """List applications and what each can do, their presets, and the models that ship."""
    known = {
        name: {"does": (application(name).__doc__ or "").strip().splitlines()[0], "verbs": _able(name),
               "presets": sorted(presets(name))}
        for name in NAMES
    }  # fmt: skip
    if json:
        print(_dumps({"applications": known, "models": shipped()}))
        return
    for facts in known.values():
        print(f"{facts['does']}\n    can: {', '.join(facts['verbs'])}")
        print(f"    presets: {', '.join(facts['presets']) or '-'}\n")
    print(f"models that ship: {', '.join(shipped()) or '-'}")


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
            How many objects; 10_000 and 1e4 are understood.
        preset, config
            Settings under the flags: a preset's name, a TOML file.
        force
            Replace what is there.
        """
        from skysure import verbs

        count = None if n is None else layers.convert(n, int, "-n")
        with Progress() as progress:
            done = verbs.simulate(name, out, count, seed=seed, force=force, progress=progress, **_values(settings))
        _say(f"{done} objects in {out}")

    return _with_fields(simulate, "settings", defaults, without=("seed",))


def _train(defaults: Any) -> Callable[..., None]:
    def train(
        name: str, data: list[str] | None = None, /, *, out: Out, preset: str | None = None, config: Path | None = None,
        reading: Path | None = None, start: Annotated[str | None, Parameter(name="--from")] = None,
        resume: Flag = False, device: Device = "auto", force: Flag = False, json: Flag = False, settings: Any = None,
    ) -> None:  # fmt: skip
        """Train, calibrate and prove a network; writes a run directory with its report.

        Parameters
        ----------
        name
            The application.
        data
            Files, folders, globs, archives; none: simulated.
        out
            The run directory.
        preset, config
            Settings under the flags: a preset's name, a TOML file (a run.toml will do).
        reading
            TOML file with a [reading] table: columns, units, bands.
        start
            A run whose weights to start from.
        resume
            Go on with a training that was interrupted.
        force
            Replace what is there.
        json
            Print the scores for machines.
        """
        from skysure import verbs

        with Progress() as progress:
            verbs.train(
                name, data or (), out, reading=_reading(reading), start=start, resume=resume, device=device,
                force=force, progress=progress, **_values(settings),
            )  # fmt: skip
        _summary(out, as_json=json)

    return _with_fields(train, "settings", defaults)


def calibrate(
    run: str, data: list[str], /, *, out: Out, reading: Path | None = None, test: float = 0.3, seed: int = 0,
    device: Device = "auto", force: Flag = False, json: Flag = False,
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
    reading
        TOML file with a [reading] table.
    test
        Share of the objects, or how many, kept to prove the new calibration on.
    """
    from skysure import verbs

    with Progress() as progress:
        verbs.calibrate(
            run, data, out, reading=_reading(reading), test=test, seed=seed, device=device, force=force,
            progress=progress,
        )  # fmt: skip
    _summary(out, as_json=json)


def _predict(defaults: Any) -> Callable[..., None]:
    def predict(
        run: str, data: list[str] | None = None, /, *, out: Outs, reading: Path | None = None, resume: Flag = False,
        device: Device = "auto", force: Flag = False, query: Any = None,
    ) -> None:  # fmt: skip
        """Apply a trained model to data; results go to tables.

        Parameters
        ----------
        run
            A run directory or a shipped model.
        data
            Files, folders, globs, archives.
        out
            A table; repeat for more. The suffix decides: .parquet .fits .ecsv .csv .vot
        reading
            TOML file with a [reading] table.
        resume
            Go on with a prediction that was interrupted.
        force
            Replace what is there.
        """
        from skysure import verbs

        with Progress() as progress:
            rows = verbs.predict(
                run, data or (), out, reading=_reading(reading), resume=resume, device=device, force=force,
                progress=progress, **_values(query),
            )  # fmt: skip
        _say(f"{rows} rows in {', '.join(map(str, out))}")

    return _with_fields(predict, "query", defaults)


def _evaluate(defaults: Any) -> Callable[..., None]:
    def evaluate(
        run: str, data: list[str] | None = None, /, *, against: str | None = None,
        out: Annotated[Path | None, Parameter(name="--out")] = None, reading: Path | None = None,
        device: Device = "auto", force: Flag = False, json: Flag = False, query: Any = None,
    ) -> None:  # fmt: skip
        """Prove a model on its test part, or on other data; writes metrics.json and report.html.

        Parameters
        ----------
        run
            A run directory or a shipped model.
        data
            Files with truth; what was trained or calibrated on is left out. None: the test part.
        against
            Another run, on the same objects.
        out
            Folder for metrics.json and report.html; without it the run itself, or RUN-on-DATA.
        reading
            TOML file with a [reading] table.
        force
            Replace what is there.
        json
            Print the scores for machines.
        """
        from skysure import verbs

        folder = out
        if folder is None and data:
            folder = Path(f"{Path(run).name}-on-{Path(data[0]).name.split('.')[0]}")
        with Progress() as progress:
            verbs.evaluate(
                run, data or (), against=against, out=folder or "", reading=_reading(reading), device=device,
                force=force, progress=progress, **_values(query),
            )  # fmt: skip
        _summary(folder or find(run), as_json=json)

    return _with_fields(evaluate, "query", defaults)


def inspect(
    paths: list[str], /, *, reading: Path | None = None, write: Path | None = None, force: Flag = False,
    json: Flag = False,
) -> int:  # fmt: skip
    """Say what is in files, a table or a run.

    Parameters
    ----------
    paths
        Files, folders, globs, archives, or a run.
    reading
        TOML file with a [reading] table.
    write
        Where to write the [reading] table that would read these files.
    """
    from skysure import verbs

    facts = verbs.inspect(paths, _reading(reading))
    if write:
        verbs.write_reading(write, facts, force=force)
        _say(f"reading proposed in {write}")
    problems = facts.get("problems", ())
    print(
        _dumps(facts) if json else _listing({n: v for n, v in facts.items() if n != "problems" and v not in ([], {})})
    )
    for problem in problems:
        _say(f"skysure: {problem}")
    return 1 if problems else 0


def play(run: str, *, out: Annotated[Path | None, Parameter(name="--out")] = None, steps: int = 20, seed: int = 0,
         force: Flag = False) -> None:  # fmt: skip
    """Watch an agent: its states, actions and rewards, step by step.

    Parameters
    ----------
    run
        A run directory of an agent.
    out
        A table for the steps; else they are printed.
    steps
        How many.
    """
    from skysure import verbs

    for line in verbs.play(run, steps, seed=seed, out=out, force=force):
        print("  ".join(f"{name} {value}" for name, value in line.items()))


def _settings_asked(tokens: Sequence[str]) -> Any:
    """Settings whose values are the defaults of flags: of the application named, with its preset and file."""
    name = next((token for token in tokens[1:] if token in NAMES), None)
    if name and tokens[0] in ("train", "simulate"):
        return settings_of(name, _value_of(tokens, "--preset"), _value_of(tokens, "--config"))
    return None


def _query_asked(tokens: Sequence[str]) -> Any:
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
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token == flag:
            return following
        if token.startswith(f"{flag}="):
            return token.removeprefix(f"{flag}=")
    return None


def _with_fields(command: Callable[..., None], name: str, defaults: Any, without: tuple[str, ...] = ()) -> Any:
    """Give a command the fields of a settings dataclass as flags, with these values as their defaults."""
    hints = get_type_hints(command, globals() | locals(), include_extras=True)
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
        namespace={"__doc__": type(defaults).__doc__, "__module__": __name__},
        frozen=True,
    )
    command.__annotations__ = hints | {name: Annotated[flags, Fields]}
    command.__kwdefaults__ = (command.__kwdefaults__ or {}) | {name: flags()}
    return command


def _flag(name: str, kind: Any) -> Parameter:
    if kind is bool:
        return Parameter(negative=f"--no-{name.replace('_', '-')}")
    flag = f"--{name.replace('_', '-')}"

    def convert(_: Any, tokens: Sequence[Any]) -> Any:
        return layers.convert(",".join(token.value for token in tokens), kind, flag)

    return Parameter(converter=convert, n_tokens=1, negative=())


def _values(settings: Any) -> dict[str, Any]:
    return {} if settings is None else {f.name: getattr(settings, f.name) for f in fields(settings)}


def _reading(path: Path | None) -> dict[str, Any] | None:
    return None if path is None else layers.table_of(path, "reading")


def _able(name: str) -> list[str]:
    offered = dir(application(name))
    return [verb for verb in VERBS if verb in offered]


def _summary(folder: Path, *, as_json: bool) -> None:
    if not LEADS:
        return
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    if as_json:
        print(_dumps({key: metrics[key] for key in ("part", "objects", "scores") if key in metrics}))
        return
    for score in metrics.get("scores", ()):
        low, high = score.get("low"), score.get("high")
        band = f"  ({low:.4g} to {high:.4g})" if low is not None and high is not None else ""
        value = "-" if score["value"] is None else f"{score['value']:.4g}"
        print(f"{score['label']:<44} {value:>9} {score.get('unit') or '':<4}{band}".rstrip())
    print(folder / "report.html")


def _listing(facts: Any, indent: str = "") -> str:
    lines = []
    for key, value in facts.items():
        if isinstance(value, dict) and value.keys() == {"type", "unit"}:
            lines.append(f"{indent}{key}: {value['type']} {value['unit']}".rstrip())
        elif isinstance(value, dict):
            lines += [f"{indent}{key}:", _listing(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines += [f"{indent}{key}:"] + [_listing(item, indent + "  ") for item in value]
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            lines.append(f"{indent}{key}: {shown}")
    return "\n".join(line for line in lines if line)


def _dumps(facts: Any) -> str:
    """Give facts as JSON, which has no infinity and no NaN: they become null."""
    plain = json.loads(json.dumps(facts, default=str), parse_constant=lambda _: None)
    return json.dumps(plain, indent=1)


def _version() -> str:
    from importlib.metadata import version

    return version("skysure")


def _say(text: str) -> None:
    if LEADS:
        print(text, file=sys.stderr, flush=True)


class Progress:
    """Progress on standard error: a bar on a terminal, a line now and then in a log."""

    def __enter__(self) -> Progress:
        from time import monotonic

        self.clock, self.last, self.stage, self.bar = monotonic, float("-inf"), "", None
        if LEADS and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
            self.bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task("", total=None)
            self.bar.start()
        return self

    def __call__(self, text: str, done: float, total: float | None) -> None:
        if total == 0:
            _say(text) if self.bar is None else self.bar.console.print(text, highlight=False, markup=False)
            return
        if self.bar is not None:
            self.bar.update(self.task, description=text, completed=done, total=total)
            return
        stage = text.split(":")[0]
        if stage != self.stage or self.clock() - self.last > 5 or done == total:
            of = f" {done:g}" + (f" of {total:g}" if total else "") if done else ""
            _say(f"{text}{of}")
            self.stage, self.last = stage, self.clock()

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()


if __name__ == "__main__":
    sys.exit(main())
