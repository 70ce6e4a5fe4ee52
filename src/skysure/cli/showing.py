"""Output for people and machines: progress, notes, scores, listings, JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

LEADS = os.environ.get("RANK", "0") == "0"
"""Whether this process prints, of those that a launcher started."""


def say(text: str) -> None:
    """Print to standard error; results go to standard output."""
    if LEADS:
        print(text, file=sys.stderr, flush=True)


def print_scores(folder: Path, *, as_json: bool) -> None:
    """Print the scores of an evaluated run, for people or machines."""
    if not LEADS:
        return
    from skysure.run.files import read_metrics

    metrics = read_metrics(folder)
    if as_json:
        print(dumps({key: metrics[key] for key in ("part", "objects", "scores") if key in metrics}))
        return
    scores = metrics.get("scores", ())
    width = max((len(score["label"]) for score in scores), default=0)
    for score in scores:
        low, high = score.get("low"), score.get("high")
        band = f"  ({low:.4g} to {high:.4g})" if low is not None and high is not None else ""
        value = "-" if score["value"] is None else f"{score['value']:.4g}"
        print(f"{score['label']:<{width}} {value:>9} {score.get('unit') or '':<4}{band}".rstrip())
    print(folder / "report.html")


def listing(facts: Any, indent: str = "") -> str:
    """Give facts as indented lines."""
    lines = []
    for key, value in facts.items():
        if isinstance(value, dict) and value.keys() == {"type", "unit"}:
            lines.append(f"{indent}{key}: {value['type']} {value['unit']}".rstrip())
        elif isinstance(value, dict):
            lines += [f"{indent}{key}:", listing(value, indent + "  ")]
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            lines += [f"{indent}{key}:"] + [listing(item, indent + "  ") for item in value]
        else:
            text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            lines.append(f"{indent}{key}: {text}")
    return "\n".join(line for line in lines if line)


def dumps(facts: Any) -> str:
    """Give facts as JSON, which has no infinity and no NaN: they become null."""
    plain = json.loads(json.dumps(facts, default=str), parse_constant=lambda _: None)
    return json.dumps(plain, indent=1)


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
            say(text) if self.bar is None else self.bar.console.print(text, highlight=False, markup=False)
            return
        if self.bar is not None:
            self.bar.update(self.task, description=text, completed=done, total=total)
            return
        stage = text.split(":")[0]
        if stage != self.stage or self.clock() - self.last > 5 or done == total:
            of = f" {done:g}" + (f" of {total:g}" if total else "") if done else ""
            say(f"{text}{of}")
            self.stage, self.last = stage, self.clock()

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
