"""Make the models that ship: python make.py [NAME...]. Trained on simulated supernovae alone; resumes where it was."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from skysure import verbs

HERE = Path(__file__).parent
MODELS = {"supernovae-griz": {"survey": "des"}, "supernovae-lsst": {"survey": "lsst"}}
PRESET = "shipped"


def main(names: list[str]) -> None:
    for name in names or MODELS:
        made = HERE / "making" / name
        made.parent.mkdir(exist_ok=True)
        verbs.train("supernovae", out=made, preset=PRESET, resume=True, force=True, progress=tell, **MODELS[name])
        shutil.rmtree(made / "figures")
        shutil.rmtree(HERE / name, ignore_errors=True)
        made.rename(HERE / name)


def tell(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
