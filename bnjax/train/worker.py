"""A process of a sweep: makes one task after another on a core of its own and tells its parent of them."""

import contextlib
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from bnjax.config import Config
from bnjax.train.plan import Task
from bnjax.train.signals import Stopped, ends_in_time, hear_signals, stop_signals

#: Less than the parent waits.
_SECONDS_TO_STOP = 5.0


def work(parent: Connection, core: int | None) -> None:
    """Takes tasks from the parent until it sends None.

    Tells ``("record", record)`` for each record, ``("run", (config, status))`` for each run, and ``("end",
    None)`` for each task; a status other than ``done``, ``diverged`` and ``elsewhere`` is the line that says
    what went wrong.

    Args:
      core: keeps this process to one CPU core, so that runs side by side do not disturb each other. JAX has
        no other setting for its threads on CPU.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent decides
    keep_to(core)

    def tell(record: dict[str, Any]) -> None:
        parent.send(("record", record))

    def ended(config: Config, status: str) -> None:
        parent.send(("run", (config, status)))

    with (
        contextlib.suppress(Stopped, EOFError, BrokenPipeError),
        ends_in_time(_SECONDS_TO_STOP),
        stop_signals(signal.SIGTERM),
    ):
        from bnjax.train.backend import configure_backend

        configure_backend()
        from bnjax.train.programs import Programs
        from bnjax.train.task import make

        hear_signals()
        programs = Programs()
        for task in _tasks(parent):
            make(task, programs, tell, ended)
            parent.send(("end", None))


def keep_to(core: int | None) -> None:
    """Keeps this process to a CPU core, where the system can; before JAX counts the cores."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def _tasks(parent: Connection) -> Iterator[Task]:
    while (task := parent.recv()) is not None:
        yield task
