"""Train the models that ship, on simulated data only.

python scripts/make_models.py [NAME...]           # train; an interrupted training resumes
python scripts/make_models.py --evaluate [NAME...]  # only evaluate again: metrics, report, card
python scripts/make_models.py --cards [NAME...]   # only rewrite card.md, from the run and from benchmarks/results
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from model_cards import card
from recipes import MODELS

from skysure import verbs
from skysure.run.files import write_text

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "src" / "skysure" / "models"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all models by default")
    parser.add_argument("--evaluate", action="store_true", help="only evaluate each model again on its test part")
    parser.add_argument("--cards", action="store_true", help="only rewrite card.md of each model")
    arguments = parser.parse_args()
    for name in arguments.names or MODELS:
        if arguments.evaluate:
            evaluate(name)
        elif not arguments.cards:
            train(name)
        write_text(SHIPPED / name / "card.md", card(SHIPPED / name))


def train(name: str) -> None:
    """Train a model beside the shipped ones, then put it in its place."""
    making = SHIPPED / "making"
    making.mkdir(exist_ok=True)
    application, preset, rounds = MODELS[name]
    start = None
    for number, changes in enumerate(rounds, 1):
        out = making / f"{name}-{number}"
        if not out.exists():
            resume = out.with_name(f"{out.name}.training").exists()
            verbs.train(
                application, out=out, preset=preset, start=start, resume=resume, progress=show_progress, **changes
            )
        start = out
    shutil.rmtree(out / "figures")
    shutil.rmtree(SHIPPED / name, ignore_errors=True)
    out.rename(SHIPPED / name)


def evaluate(name: str) -> None:
    """Evaluate a shipped model again, and replace its metrics and report."""
    out = SHIPPED / "making" / f"{name}-evaluated"
    out.parent.mkdir(exist_ok=True)
    verbs.evaluate(name, out=out, force=True, progress=show_progress)
    for path in out.glob("metrics.*"):
        path.rename(SHIPPED / name / path.name)
    (out / "report.html").rename(SHIPPED / name / "report.html")
    shutil.rmtree(out)


def show_progress(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main()
