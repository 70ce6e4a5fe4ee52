"""Files and tables in and out, and the sources of objects; no networks."""

import lazy_loader

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
