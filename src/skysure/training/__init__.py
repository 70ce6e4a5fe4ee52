"""Training: the supervised loop, its state, seeds, and ensembles."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from .batches import shuffled_batches as shuffled_batches
    from .classification import fit_classes as fit_classes
    from .optimisation import Optimisation as Optimisation
    from .seeds import combine as combine
    from .seeds import seeded as seeded
    from .state import Part as Part
    from .state import State as State
    from .state import copy_to_cpu as copy_to_cpu
    from .state import prefixed as prefixed
    from .state import unprefixed as unprefixed
    from .supervised import Batch as Batch
    from .supervised import fit as fit
    from .supervised import schedule as schedule

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
