"""A process of a sweep: makes one run after another on a core of its own and tells its parent of them."""

import contextlib
import os
import signal
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from bnjax.config import Config
from bnjax.train.progress import Progress
from bnjax.train.recorder import Recorder
from bnjax.train.run import failures, train_run
from bnjax.train.signals import Stopped, stop_signals


def work(parent: Connection, core: int | None) -> None:
    """Takes configs from the parent until it sends None.

    Tells ``("record", record)`` for each record and ``("end", status)`` for each run; a status other than
    ``done`` and ``diverged`` is the line that says what went wrong.

    Args:
      core: keeps this process to one CPU core, so that runs side by side do not disturb each other. JAX has
        no other setting for its threads on CPU.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent decides
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    with contextlib.suppress(Stopped, EOFError, BrokenPipeError), stop_signals(signal.SIGTERM):
        for config in _configs(parent):
            parent.send(("end", _run(config, parent)))


def _configs(parent: Connection) -> Iterator[Config]:
    while (config := parent.recv()) is not None:
        yield config


def _run(config: Config, parent: Connection) -> str:
    def tell(record: dict[str, Any]) -> None:
        parent.send(("record", record))

    try:
        return train_run(config, Recorder(config, tell), partial(Progress, shown=False))
    except BrokenPipeError:
        raise  # the parent is gone
    except failures() as error:
        return " ".join(str(error).split())
