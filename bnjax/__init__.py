"""Where normalisation should go in a network, and what it does there: train, compare, judge.

``bnjax.run("cifar10", placement="conv,dense", dataset="digits", seeds=3)`` trains one condition of a study,
:func:`bnjax.sweep` several side by side; :func:`bnjax.answer` holds a study's published conclusions against
what was recorded, and :func:`bnjax.load` reads any folder of records. The networks are Flax modules:
``bnjax.CNN(placement="conv,dense")``. Nothing of this is imported before it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnjax.api.answers import Answer, answer
    from bnjax.api.registering import register
    from bnjax.api.runs import Runs
    from bnjax.api.training import RunError, run, sweep
    from bnjax.data.image_set import DataError
    from bnjax.errors import UserError
    from bnjax.models import CNN, MLP, VGG7, InceptionV3, MobileNetV2, Network, gates_for
    from bnjax.report import load
    from bnjax.settings.fields import ConfigError, WeightsError

__version__ = "0.1.0"

#: Module -> the names that it lends to the package.
_LENT = {
    "bnjax.api.answers": ("Answer", "answer"),
    "bnjax.api.registering": ("register",),
    "bnjax.api.runs": ("Runs",),
    "bnjax.api.training": ("RunError", "run", "sweep"),
    "bnjax.data.image_set": ("DataError",),
    "bnjax.errors": ("UserError",),
    "bnjax.models": ("CNN", "MLP", "VGG7", "InceptionV3", "MobileNetV2", "Network", "gates_for"),
    "bnjax.report": ("load",),
    "bnjax.settings.fields": ("ConfigError", "WeightsError"),
}

__all__ = [
    "CNN",
    "MLP",
    "VGG7",
    "Answer",
    "ConfigError",
    "DataError",
    "InceptionV3",
    "MobileNetV2",
    "Network",
    "RunError",
    "Runs",
    "UserError",
    "WeightsError",
    "answer",
    "gates_for",
    "load",
    "register",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    for module, names in _LENT.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'bnjax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
