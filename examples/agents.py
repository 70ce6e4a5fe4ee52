"""Let agents learn on the chain, and compare the values they learn with the exact ones."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import skysure

EPISODES = int(sys.argv[1]) if len(sys.argv) > 1 else 50

with tempfile.TemporaryDirectory() as folder:
    run = skysure.train("chain", out=Path(folder) / "run", agents=100, episodes=EPISODES, discount=0.95)
    prediction = skysure.predict(run, kind=skysure.Actions)
    scores = skysure.evaluate(run, beside=False).metrics["scores"]

for state, best, p in zip(prediction.rows["state"], prediction.ranked[:, 0], prediction.best_probability, strict=True):
    values = zip(prediction.actions, prediction.values[state], prediction.values_error[state], strict=True)
    text = ", ".join(f"{name} {value:.1f} ± {error:.1f}" for name, value, error in values)
    print(f"s{state}: {prediction.actions[best]} (best with probability {p:.2f}); {text}")
for score in scores:
    print(f"{score['label']}: {score['value']:.4g} {score.get('unit', '')}")
