"""The whole way at once, on what an application brings with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from skysure.application import application, presets
from skysure.run.files import require_free

from .predicting import predict
from .progress import Progress
from .simulating import simulate
from .training import train


def demo(
    name: str = "supernovae",
    out: str | Path = "demo",
    *,
    force: bool = False,
    progress: Progress | None = None,
    device: str = "auto",
) -> Path:
    """Go the whole way on embedded data: simulate, train, calibrate, prove, predict; gives the folder.

    An application that simulates writes what it learned from, and predicts objects it has never seen.
    """
    folder, module = Path(out) / name, application(name)
    require_free(folder.parent if not folder.parent.exists() else folder, force=force)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    choice = "demo" if "demo" in presets(name) else None
    told: dict[str, Any] = {"preset": choice, "progress": progress}
    data: list[Path] = []
    if hasattr(module, "simulate"):
        data = [folder / "objects.parquet"]
        simulate(name, data[0], **told)
    run = train(name, data, folder / "run", device=device, **told)
    if hasattr(module, "predict"):
        unseen = [folder / "new.parquet"] if data else []
        if unseen:
            simulate(name, unseen[0], 500, seed=1, **told)
        predict(run, unseen, folder / "predictions.ecsv", device=device, progress=progress)
    return folder
