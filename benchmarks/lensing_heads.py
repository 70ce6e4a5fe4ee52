"""Heads of the posterior on one set of features, for `lensing.py`: trained, calibrated, scored, one chosen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lensing_scores import detail_rows, headline_rows, score_draws
from record import row
from skysure.applications.lensing.inference import DRAWS as DRAWS_OF_A_MASK
from skysure.applications.lensing.inference import FARTHEST, draw_values
from skysure.applications.lensing.networks import LensModel, distribution
from skysure.applications.lensing.parameters import NAMES
from skysure.methods.calibration import PosteriorScaling
from skysure.methods.dropout import rates
from skysure.methods.likelihoods import mixture_nll
from skysure.methods.posterior import PosteriorHead, SplineFlow, posterior_nll
from skysure.run.directory import load_run
from skysure.training import fit, shuffled_batches
from skysure.training.optimisation import Optimisation

KINDS = ("gaussian", "correlated", "mixture", "flow")
KEEP = (0.80, 0.90, 0.97, 0.99)
SAMPLES, MEMBERS = 100, 5
CHUNK, FLOW_CHUNK = 5_000, 100
"""Images sampled at a time; a flow needs more memory for each."""
EPOCHS, BATCH, LEARNING_RATE = 20, 512, 1e-3

Parts = dict[str, dict[str, Tensor]]


@dataclass(frozen=True)
class Variant:
    """A kind of head with its source of epistemic uncertainty.

    Parameters
    ----------
    name : str
    kind : str
        Of `KINDS`.
    dropout : dict
        Arguments of the dropout layers.
    members : int
    """

    name: str
    kind: str
    dropout: dict[str, Any]
    members: int = 1


HEADLINE = ("theta_e_rms", "xy_rms", "largest_coverage_gap", "joint_tarp_inside_band")
VARIANTS = (
    *(Variant(f"{kind}_learned_dropout", kind, {"rate": 0.05, "learned": True}) for kind in KINDS[:3]),
    *(Variant(f"gaussian_keep_{keep:.2f}", "gaussian", {"rate": 1 - keep}) for keep in KEEP),
    *(Variant(f"{kind}_ensemble", kind, {"rate": 0.001}, MEMBERS) for kind in KINDS[:3]),
    Variant("flow_learned_dropout", "flow", {"rate": 0.05, "learned": True}),
)
"""An ensemble of flows would take five times as long to train as the limit of 15 minutes allows."""
FLOW_IMAGES = {"train": 30_000, "validation": 5_000, "calibration": 10_000, "test": 20_000}
"""Images of each part for the flow, whose training and draws cost many times those of the others."""


def compare_heads(folder: Path, parts: tuple[str, ...], quick: bool) -> list[dict[str, Any]]:
    """Rows of all heads, and those that have an aim for the one whose validation NLL is lowest.

    The rows of a head are kept in a file, so that a stage that was stopped goes on with the next.
    """
    model = load_run(folder / "summary").model
    features = {part: load_file(folder / f"{part}.safetensors") for part in parts}
    scored = {}
    for variant in VARIANTS:
        used = parts_for(variant, features)
        scored[variant.name] = score_once(folder / f"{variant.name}.json", variant, model, used, quick)
    chosen = min(scored, key=lambda name: value_of(scored[name], f"{name}_validation_nll"))
    note = f"{chosen}, chosen by the NLL of the validation part"
    headline = [
        r | {"measure": r["measure"].removeprefix(f"{chosen}_"), "note": "; ".join(filter(None, (r["note"], note)))}
        for r in scored[chosen] if r["measure"].removeprefix(f"{chosen}_") in HEADLINE
    ]  # fmt: skip
    return [*headline, *(r for rows in scored.values() for r in rows)]


def parts_for(variant: Variant, features: Parts) -> Parts:
    """Give the images of each part that a variant is trained and scored with."""
    if variant.kind != "flow":
        return features
    return {part: {name: x[: FLOW_IMAGES[part]] for name, x in batch.items()} for part, batch in features.items()}


def value_of(rows: list[dict[str, Any]], measure: str) -> float:
    """Value of the row with this name."""
    return next(r["value"] for r in rows if r["measure"] == measure)


def score_once(path: Path, variant: Variant, model: LensModel, parts: Parts, quick: bool) -> list[dict[str, Any]]:
    """Train, calibrate and score a variant, or read its rows where that is done."""
    if not path.exists():
        rows = list(score_variant(variant, model, parts, quick))
        path.write_text(json.dumps(rows))
        print(variant.name, f"{value_of(rows, f'{variant.name}_seconds'):.0f} s", flush=True)
    return json.loads(path.read_text())


def score_variant(variant: Variant, model: LensModel, parts: Parts, quick: bool) -> Iterator[dict[str, Any]]:
    """Processor time, dropout rate and likelihood of a variant, and scores before and after calibration."""
    name, start = variant.name, time.process_time()
    heads = [train_head(variant, seed, model, parts, quick) for seed in range(variant.members)]
    calibration = draw(heads, parts["calibration"], model), truth_of(parts["calibration"], model)
    scaling = PosteriorScaling(len(NAMES)).fit(*calibration)
    yield row(f"{name}_seconds", time.process_time() - start, "s", note="processor time of training and calibration")
    yield from rate_rows(name, heads)
    for part in ("validation", "test"):
        yield row(f"{name}_{part}_nll", nll(heads, parts[part]), "nat", n=len(parts[part]["truth"]))
    draws, truth = draw(heads, parts["test"], model), truth_of(parts["test"], model)
    for prefix, posterior in ((f"{name}_before_", draws), (f"{name}_", scaling(draws))):
        scores = score_draws(model, posterior, truth)
        yield from headline_rows(scores, prefix)
        yield from detail_rows(scores, prefix)


def rate_rows(name: str, heads: list[PosteriorHead]) -> Iterator[dict[str, Any]]:
    """The dropout rate of a single head, mean over its layers."""
    if len(heads) == 1:
        values = list(rates(heads[0]).values())
        layers = ", ".join(f"{value:.3f}" for value in values)
        yield row(f"{name}_rate", sum(values) / len(values), note=f"mean; of each layer: {layers}")


def train_head(variant: Variant, seed: int, model: LensModel, parts: Parts, quick: bool) -> PosteriorHead:
    """Train a head on the features of the training images."""
    torch.manual_seed(seed)
    width = parts["train"]["features"].shape[1]
    likelihood = distribution(replace(model.settings, head=variant.kind))
    head = PosteriorHead(width, likelihood, hidden=(256, 256), dropout=variant.dropout)

    def loss(head: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return head.nll(batch["features"], batch["truth"])

    batches = shuffled_batches({part: parts[part] for part in ("train", "validation")}, BATCH, seed)
    optimisation = Optimisation(1 if quick else EPOCHS, LEARNING_RATE, EPOCHS)
    *_, state = fit(head, batches, loss, optimisation, objects=len(parts["train"]["truth"]), seed=seed)
    head.load_state_dict(state.weights)
    return head.eval()


def draw(heads: list[PosteriorHead], part: dict[str, Tensor], model: LensModel) -> Tensor:
    """Draws of all heads together, in unbounded values, shape (draw, object, value), in single precision."""
    masks, draws = size_of_sample(len(heads))
    chunks = []
    for keys in torch.arange(len(part["truth"])).split(chunk_of(heads)):
        each = [draw_values(head, part["features"][keys], (masks, draws), k, keys) for k, head in enumerate(heads)]
        values = torch.cat(each).flatten(0, 1).clamp(-FARTHEST, FARTHEST)
        chunks.append((values * model.scale + model.offset).float())
    return torch.cat(chunks, 1)


def size_of_sample(heads: int) -> tuple[int, int]:
    """Dropout masks of each head, and draws of each mask; members of an ensemble have one."""
    return (SAMPLES // DRAWS_OF_A_MASK, DRAWS_OF_A_MASK) if heads == 1 else (1, SAMPLES // heads)


def chunk_of(heads: list[PosteriorHead]) -> int:
    """Images at a time."""
    return FLOW_CHUNK if isinstance(heads[0].distribution, SplineFlow) else CHUNK


def truth_of(part: dict[str, Tensor], model: LensModel) -> Tensor:
    """True values, unbounded, shape (object, value)."""
    return part["truth"] * model.scale + model.offset


def nll(heads: list[PosteriorHead], part: dict[str, Tensor]) -> float:
    """Mean negative log-likelihood of the mixture of all heads and masks, parameters in units of the prior's spread."""
    masks, values = size_of_sample(len(heads))[0], []
    size = chunk_of(heads)
    for features, truth in zip(part["features"].split(size), part["truth"].split(size), strict=True):
        each = [posterior_nll(head, features, truth, masks, k, shared=True) for k, head in enumerate(heads)]
        values.append(mixture_nll(torch.stack(each)))
    return float(torch.cat(values).mean())
