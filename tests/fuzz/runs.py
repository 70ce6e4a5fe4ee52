"""The files of a run and of a training, sound and damaged: TOML, JSON, safetensors, Parquet, CSV, Arrow."""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tomli_w

from . import arrow
from . import columns as tables
from .mutations import mutate_bytes, mutate_text, mutate_tree
from .vocabulary import NAMES, NUMBERS

Files = dict[str, bytes]
DTYPES = ("F32", "F64", "F16", "BF16", "I64", "U8", "BOOL", "C64", "F8_E4M3", "", "X", 3)


@cache
def _sound() -> Files:
    """A run that was not trained, with metrics, a split and a history."""
    from skysure.application import application
    from skysure.run.directory import Run, new_card, save_run

    app = application("sine")
    settings, schema = app.Settings(), app.Schema()
    with tempfile.TemporaryDirectory() as folder:
        run = Run("sine", settings, schema, app.network(settings, schema), {}, new_card())
        save_run(run, Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def toml(tree: Any, random: Random) -> bytes:
    """Content of a TOML file: of a damaged tree, or damaged itself."""
    if random.random() < 0.6:
        try:
            return tomli_w.dumps(mutate_tree(tree, random)).encode("utf-8", "replace")
        except (TypeError, ValueError, AttributeError):
            pass  # TOML has no such value
    return mutate_text(tomli_w.dumps(tree).encode(), random)


def tree_of_json(tree: Any, random: Random) -> bytes:
    """Content of a JSON file: of a damaged tree, or damaged itself."""
    if random.random() < 0.7:
        try:
            return json.dumps(mutate_tree(tree, random), default=str).encode("utf-8", "replace")
        except (TypeError, ValueError):
            pass  # JSON has no such value
    if random.random() < 0.1:
        depth = random.choice((900, 30_000))
        return random.choice((b"[" * depth, b'{"a":' * depth, b"1" * 6000, b"[1e999, NaN, -Infinity]"))
    return mutate_text(json.dumps(tree).encode(), random)


def safetensors(content: bytes, random: Random) -> bytes:
    """Weights whose header is damaged: types, shapes, places, names; or whose bytes are."""
    if random.random() < 0.2:
        return mutate_bytes(content, random)
    (length,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    name = random.choice([n for n in header if n != "__metadata__"])
    match random.randrange(6):
        case 0:
            header[name]["dtype"] = random.choice(DTYPES)
        case 1:
            header[name]["shape"] = random.choice(([], [0], [2**40], [-1], [2**63, 2**63], [1, 1], "x", [1.5]))
        case 2:
            header[name]["data_offsets"] = random.choice(([0, 0], [0, 2**62], [8, 4], [0], "x", [-4, 4]))
        case 3:
            header[random.choice((*NAMES, "stages.0.x", "model.x"))] = header.pop(name)
        case 4:
            body = random.choice((np.full(len(body) // 4, np.nan, "<f4").tobytes(), b"\xff" * len(body), body[:-4]))
        case _:
            header = mutate_tree(header, random)
    text = json.dumps(header, default=str).encode()
    size = random.choice((len(text),) * 6 + (0, len(text) + 1, 2**63, 2**27))
    return struct.pack("<Q", size) + text + body


def run_settings(random: Random) -> Files:
    """A run whose `run.toml` is damaged; mostly with a digest that fits, as one who wants to deceive writes it."""
    files = dict(_sound())
    content = tomllib.loads(files["run.toml"].decode())
    if random.random() < 0.7:
        part = random.choice(("settings", "schema", "reading", "sha256", "application", "format", ""))
        if part:
            content[part] = mutate_tree(content.get(part, {}), random)
        else:
            content = mutate_tree(content, random)
        try:
            files["run.toml"] = tomli_w.dumps(signed(content)).encode("utf-8", "replace")
            return files
        except (TypeError, ValueError, AttributeError, OverflowError):
            pass  # TOML has no such value
    return files | {"run.toml": mutate_text(files["run.toml"], random)}


def signed(content: dict[str, Any], weights: bytes = b"") -> dict[str, Any]:
    """Content of `run.toml` with digests that fit."""
    plain = {key: entry for key, entry in content.items() if key != "sha256"}
    parsed = tomllib.loads(tomli_w.dumps(plain))
    digest = hashlib.sha256(json.dumps(parsed, sort_keys=True, default=str).encode()).hexdigest()
    digests = content.get("sha256") if isinstance(content.get("sha256"), dict) else {}
    digests = {**digests, "run.toml": digest}
    if weights:
        digests["model.safetensors"] = hashlib.sha256(weights).hexdigest()
    return plain | {"sha256": digests}


def run_weights(random: Random) -> Files:
    """A run whose weights are damaged, with a digest that fits."""
    files = dict(_sound())
    weights = safetensors(files["model.safetensors"], random)
    content = signed(tomllib.loads(files["run.toml"].decode()), weights)
    return files | {"model.safetensors": weights, "run.toml": tomli_w.dumps(content).encode()}


@cache
def _metrics() -> dict[str, Any]:
    """The metrics of a model that ships, with the first entries of each list."""
    from skysure.models import find, shipped

    def shortened(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: shortened(entry) for key, entry in tree.items()}
        return [shortened(entry) for entry in tree[:12]] if isinstance(tree, list) else tree

    return shortened(json.loads((find(shipped()[0]) / "metrics.json").read_text()))


def metrics(random: Random) -> Files:
    """Metrics of an evaluation, damaged, with the arrays that they may refer to."""
    files = {"run.toml": b'application = "supernovae"\n', "metrics.json": tree_of_json(_metrics(), random)}
    if random.random() < 0.2:
        files["history.csv"] = history(random)["history.csv"]
    return files


def arrays(random: Random) -> Files:
    """Metrics that refer to arrays in a damaged file."""
    from safetensors.numpy import save

    content = save({"images": np.zeros((3, 4), np.float32), "counts": np.arange(6)})
    tree = {"objects": 3, "images": {"array": "images"}, "counts": {"array": "counts"}}
    return {"metrics.json": json.dumps(tree).encode(), "metrics.safetensors": safetensors(content, random)}


def history(random: Random) -> Files:
    """`history.csv` of a training, damaged."""
    lines = ["epoch,train_nll,validation_nll"] + [f"{k},{1.5 / k:.4f},{1.6 / k:.4f}" for k in range(1, 6)]
    return {"history.csv": mutate_text(("\n".join(lines) + "\n").encode(), random)}


def split(random: Random) -> Files:
    """`split.parquet` of a run, damaged."""
    return {"split.parquet": arrow.damaged(_split, random)}


def _split(random: Random, damaged: bool) -> Any:
    parts = np.array(["train", "validation", "calibration", "test"] * 2)
    values = [np.array([f"sn{k}" for k in range(8)]), np.array(["", "host"] * 4), parts]
    columns = tables.Columns(["id", "group", "part"], values, [""] * 3)
    return arrow.long_table(tables.mutate(columns, random) if damaged else columns)


@cache
def _checkpoint() -> Files:
    """The checkpoints of a training that stopped after two epochs."""
    import torch

    from skysure.run.checkpoints import Checkpoints
    from skysure.training.state import Part, State

    tensors = {"model.weight": torch.zeros(2, 3), "optimizer.step": torch.tensor(2)}
    state = State(2, {}, tensors, {"bad": 0, "best": 1.5}, parts={"replay": Part(1, {"state": torch.zeros(4)})})
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder))
        checkpoints.save(state, [{"epoch": 1.0}, {"epoch": 2.0}])
        return {path.name: path.read_bytes() for path in checkpoints.folder.iterdir()}


def checkpoint(random: Random) -> Files:
    """Checkpoints of which the book or the tensors are damaged."""
    files = dict(_checkpoint())
    name = random.choice(("book.json", "book.json", *sorted(files)))
    if name == "book.json":
        files[name] = tree_of_json(json.loads(files[name]), random)
    else:
        files[name] = safetensors(files[name], random)
    if random.random() < 0.1:
        del files[random.choice(sorted(files))]
    return {f"checkpoints/{name}": content for name, content in files.items()}


READING = {
    "reading": {
        "dialect": "plain", "zero_point": 27.5, "time_format": "mjd", "carry": ["host"],
        "columns": {"id": "id", "redshift": ["z", "redshift"]}, "nested": "lc",
        "bands": {"lsst_g": "g"}, "labels": {"90": "Ia"}, "constants": {"label": "Ia"}, "keep": {"good": [1, "yes"]},
        "reject_bits": {"flag": 3}, "drop_points": ["nan"],
    }
}  # fmt: skip


def reading(random: Random) -> Files:
    """A `[reading]` table, damaged: of few fields or of all."""
    fields = READING["reading"]
    names = random.sample(sorted(fields), random.randint(1, len(fields)))
    return {"reading.toml": toml({"reading": {name: fields[name] for name in names}}, random)}


def settings(random: Random) -> Files:
    """A file of settings, damaged."""
    tree = {
        "settings": {
            "hidden": 16, "rate": 0.1, "classes": ["Ia", "II"], "cell": "gru", "epochs": "1e3", "learned_rate": True,
            "validation": 0.1, "test": random.choice(NUMBERS[:12]), "redshift": "optional", "seed": 3,
        }
    }  # fmt: skip
    return {"settings.toml": toml(tree, random)}
