"""Let agents learn on the chain, and hold what they believe against the exact answer."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import skysure

EPISODES = int(sys.argv[1]) if len(sys.argv) > 1 else 50

with tempfile.TemporaryDirectory() as folder:
    run = skysure.train("chain", out=Path(folder) / "run", agents=100, episodes=EPISODES, discount=0.95)
    actions = skysure.predict(run)
    scores = skysure.evaluate(run, beside=False).metrics["scores"]

for state, best, p in zip(actions.rows["state"], actions.ranked[:, 0], actions.best_probability, strict=True):
    values = zip(actions.actions, actions.values[state], actions.values_error[state], strict=True)
    shown = ", ".join(f"{name} {value:.1f} ± {error:.1f}" for name, value, error in values)
    print(f"s{state}: {actions.actions[best]} (best with probability {p:.2f}); {shown}")
for score in scores:
    print(f"{score['label']}: {score['value']:.4g} {score.get('unit', '')}")
