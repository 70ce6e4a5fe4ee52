"""The run directory: its files, checkpoints, a training session, and the report written."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "checkpoints": ["Checkpoints"],
        "directory": ["Run", "load_run", "load_weights", "new_card", "save_run"],
        "files": [
            "read_history", "read_metrics", "read_tensors", "require_free", "write_bytes", "write_history",
            "write_metrics", "write_text",
        ],
        "reporting": ["report_of", "write_evaluation", "write_report"],
        "session": ["Session"],
    },
)  # fmt: skip
