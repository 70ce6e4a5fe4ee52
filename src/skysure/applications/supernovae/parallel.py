"""Batches on several threads at once: torch lets go of the interpreter while it computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from threading import get_ident
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)
Item = TypeVar("Item")
Result = TypeVar("Result")
MOST = 4
"""Threads at most, as each holds a batch in memory."""


def threads_for(model: nn.Module) -> int:
    """Give how many batches to run at once: as many as torch has threads, on a processor; one on an accelerator."""
    on_processor = all(tensor.device.type == "cpu" for tensor in model.state_dict().values())
    return min(torch.get_num_threads(), MOST) if on_processor else 1


def in_parallel(work: Callable[[M, Item], Result], model: M, items: Iterable[Item]) -> Iterator[Result]:
    """Apply a model to items, in their order, some at once.

    Each thread has a copy of the model, since the masks of a sample are set on its layers, and computes alone: for
    networks of this size several batches at once are faster than several threads in each matrix product.

    Parameters
    ----------
    work : callable (model, item) -> result
    model : nn.Module
    items : iterable
    """
    threads, before = threads_for(model), torch.get_num_threads()
    if threads == 1:
        yield from (work(model, item) for item in items)
        return
    models: dict[int, M] = {}

    def start() -> None:
        torch.set_num_threads(1)
        models[get_ident()] = deepcopy(model)

    waiting: deque = deque()
    try:
        with ThreadPoolExecutor(threads, initializer=start) as pool:
            for item in items:
                waiting.append(pool.submit(lambda item: work(models[get_ident()], item), item))
                if len(waiting) > threads:  # one more than run, so that no thread waits
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        torch.set_num_threads(before)  # some libraries have one number for all threads
