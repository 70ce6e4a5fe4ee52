"""Random numbers from explicit seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(*key: int) -> Iterator[None]:
    """Seed torch's global generator, which initialisation uses; its state is restored afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(combine(*key))
        yield


def combine(*key: int) -> int:
    """Combine several integers into one seed; see numpy.random.SeedSequence."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
