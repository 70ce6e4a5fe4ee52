"""Tables of results: one module per format; written in chunks, all files or none."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "writer": ["ResultWriter", "read_table", "rejected_path", "write_rejected", "write_tables"],
        "suffixes": ["format_of", "suffix_of"],
    },
)
