"""The demonstration of an application: all its verbs, on what it simulates."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from skysure.application import application, presets, settings_of
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
    """Simulate, train, calibrate, evaluate and predict with an application, offline; gives the folder.

    An application that simulates writes its training data, unless they are new in every epoch, and predicts objects
    that it was not trained on, with a page where it draws them.
    """
    folder, app = Path(out) / name, application(name)
    require_free(folder.parent if not folder.parent.exists() else folder, force=force)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    options: dict[str, Any] = {"preset": "demo" if "demo" in presets(name) else None, "progress": progress}
    data: list[Path] = []
    if app.offers("simulate") and settings_of(name, options["preset"]).objects:
        data = [folder / f"objects{app.simulated}"]
        simulate(name, data[0], **options)
    run = train(name, data, folder / "run", device=device, **options)
    if app.offers("predict"):
        unseen = [folder / f"new{app.simulated}"] if app.offers("simulate") else []
        if unseen:
            simulate(name, unseen[0], 500, seed=1, **options)
        files = [folder / "predictions.ecsv", *([folder / "page.html"] if app.offers("draw") else [])]
        predict(run, unseen, files, device=device, progress=progress)
    return folder
