"""UCI regression on the standard splits: concrete dropout by one rule, beside ensembles, TabM, NNGP, a grid search.

    python benchmarks/uci.py [--quick] [--method dropout] [--method ensemble] [--method tabm] [boston] [concrete] ...

The rule is in uci_networks.py, TabM in uci_tabm.py, the comparison in uci_comparison.py, the data in uci_splits.py, the
published results of each split, with their source, in tests/truths/uci.json: Monte Carlo dropout, its rate and noise
chosen for each split by a search of 12 trainings.
Rows are means over the splits with their standard error; `ahead` rows are the mean of the differences from the
published results of the same splits, positive where ours are better. Dropout, ensemble and TabM take as much CPU time
(cpu_seconds rows). The NNGP solves for all training rows at once: sets above 10,000 rows are left out.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch

from record import RESULTS, record, row
from skysure.methods.gaussian_process.nngp import NNGP
from uci_comparison import compare, standard_error
from uci_networks import dropout_predictions, ensemble_predictions
from uci_predictions import Predicted
from uci_splits import ROOT, SETS, Splits, read_splits
from uci_tabm import tabm_predictions

PUBLISHED = ROOT / "tests" / "truths" / "uci.json"
METHODS = ("dropout", "ensemble", "tabm", "nngp")
TOO_LARGE_FOR_NNGP = ("naval", "protein")
UNITS = {"log_likelihood": "nat", "rmse": "", "coverage_683": "%"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], help="all by default")
    parser.add_argument("--method", action="append", choices=METHODS, help="all by default")
    parser.add_argument("--quick", action="store_true", help="two small sets, 3 splits, 300 steps: worse figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.sets or (("boston", "yacht") if arguments.quick else SETS):
        for method in arguments.method or METHODS:
            if method != "nngp" or name not in TOO_LARGE_FOR_NNGP:
                record("uci", measure_rows(name, method, arguments.quick), quick=arguments.quick)
    if not arguments.quick:
        record("uci", compare(json.loads((RESULTS / "uci.json").read_text())["rows"]), quick=False)


def measure_rows(name: str, method: str, quick: bool) -> list[dict]:
    """Rows of one method on one set."""
    splits = read_splits(name, 3 if quick else 20)
    steps = {"steps": 300} if quick else {}
    start, note = time.process_time(), ""
    if method == "dropout":
        predicted, parameters = dropout_predictions(splits, **steps)
        note = ", ".join(f"{key} {value:.3f}" for key, value in parameters.items())
    elif method == "nngp":
        predicted = nngp_predictions(splits)
    else:
        predicted = {"ensemble": ensemble_predictions, "tabm": tabm_predictions}[method](splits, **steps)
    scores = predicted.scores(splits)
    seconds = time.process_time() - start
    prefix = "" if method == "dropout" else f"{method}_"
    rows = [mean_row(f"{prefix}{score}_{name}", values, UNITS[score], note) for score, values in scores.items()]
    rows += [ahead(f"{prefix}{score}_ahead_{name}", name, score, scores[score]) for score in ("log_likelihood", "rmse")]
    return [*rows, row(f"{prefix}cpu_seconds_{name}", seconds, "s", n=len(splits.scale), note="all splits, one thread")]


def mean_row(measure: str, values: np.ndarray, unit: str, note: str) -> dict:
    values = 100 * values if unit == "%" else values
    mean = row(measure, float(values.mean()), unit, error=standard_error(values), n=len(values), note=note)
    return mean | {"splits": [round(float(value), 6) for value in values]}


def ahead(measure: str, name: str, score: str, values: np.ndarray) -> dict:
    """Hold the splits against the published ones, each against its own."""
    published = np.array(json.loads(PUBLISHED.read_text())["sets"][name][score])[: len(values)]
    gain = values - published if score == "log_likelihood" else published - values
    note = f"better on {int((gain > 0).sum())} of {len(gain)} splits"
    peer = {"name": "Monte Carlo dropout, grid search 2018", "value": float(published.mean())}
    return row(measure, float(gain.mean()), UNITS[score], error=standard_error(gain), n=len(gain), note=note, peer=peer)


def nngp_predictions(splits: Splits) -> Predicted:
    """Infinitely wide networks: hyperparameters by the evidence of the first split, then each split exactly."""
    gp, predictions = NNGP(noise_floor=float(splits.floor.max())), []
    for k in range(len(splits.scale)):
        (gp.condition if k else gp.fit)(splits.x[k], splits.y[k, :, None])
        mean, epistemic, aleatoric = gp(splits.new_x[k])
        predictions.append((mean.T, (epistemic + aleatoric).sqrt().T))
    means, stds = zip(*predictions, strict=True)
    return Predicted(torch.stack(means), torch.stack(stds))


if __name__ == "__main__":
    main()
