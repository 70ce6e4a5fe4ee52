"""Files and tables in and out, and the sources of objects; no networks."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from .chunks import Chunk as Chunk
    from .labels import class_indices as class_indices
    from .labels import labelled as labelled
    from .results.writer import read_table as read_table
    from .simulated import SimulatedSource as SimulatedSource
    from .sources import InMemorySource as InMemorySource
    from .sources import Source as Source
    from .sources import SplitSource as SplitSource

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "chunks": ["Chunk"],
        "labels": ["class_indices", "labelled"],
        "results.writer": ["read_table"],
        "simulated": ["SimulatedSource"],
        "sources": ["InMemorySource", "Source", "SplitSource"],
    },
)
