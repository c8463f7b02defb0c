"""A bar of epochs, where somebody works in a notebook or asks for it. Imports no JAX."""

import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

from bnjax.process.bar import skip, tqdm
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ in ("ZMQInteractiveShell", "Shell")  # the second is Colab's


class EpochBar:
    """Counts the epochs of runs.

    Args:
      configs: those that are to be made.
      shown: None: in a notebook alone.
    """

    def __init__(self, configs: Sequence[Config], shown: bool | None) -> None:
        self._left = {run_id(config): config.epochs for config in configs}
        self._shown = in_notebook() if shown is None else shown

    def __enter__(self) -> "EpochBar":
        self._bar = _kind()(
            total=sum(self._left.values()), unit="epoch", disable=not self._shown, file=sys.stderr
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def tell(self, record: dict[str, Any]) -> None:
        """Counts an epoch; what a run that ended early or was resumed lacks is passed over."""
        epochs = {"epoch": 1, "summary": self._left[record["run_id"]]}.get(record["kind"], 0)
        if record["kind"] == "epoch":
            accuracy = record["test_accuracy"]
            self._bar.set_postfix_str(
                "" if accuracy is None else f"test accuracy {accuracy:.1%}", refresh=False
            )
            self._bar.update(1)
        elif record["kind"] == "summary":
            skip(self._bar, epochs)
        self._left[record["run_id"]] -= epochs


def _kind() -> Any:
    """Tqdm's bar of HTML where a notebook can show it."""
    if in_notebook() and importlib.util.find_spec("ipywidgets"):
        from tqdm.notebook import tqdm as notebook_bar

        return notebook_bar
    return tqdm
