"""Training: the supervised loop, its state, seeds, and ensembles."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "batches": ["shuffled_batches"],
        "classification": ["fit_classes"],
        "optimisation": ["Optimisation"],
        "seeds": ["combine", "seeded"],
        "state": ["Part", "State", "copy_to_cpu", "prefixed", "unprefixed"],
        "supervised": ["Batch", "fit", "schedule"],
    },
)
