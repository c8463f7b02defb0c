"""A process of a sweep: makes one task after another, and tells its parent of them if it has one."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from types import FrameType
from typing import TYPE_CHECKING, Any

from bnjax.plugins import PluginError, load_plugin
from bnjax.process.backend import configure_backend
from bnjax.process.bar import over_anothers_bar
from bnjax.process.signals import Stopped, ends_in_time, hear_signals, held_signals, stop_signals
from bnjax.settings.config import Config
from bnjax.sweeps.plan import Task

if TYPE_CHECKING:
    from bnjax.train.programs.shared import Programs

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

    ended_in_order = contextlib.suppress(Stopped, EOFError, BrokenPipeError)
    with ended_in_order, over_anothers_bar(), _until_stopped() as programs:
        from bnjax.sweeps.task import make

        for task in _tasks(parent):
            if _has_plugins(task, ended):
                make(task, programs, tell, ended)
            parent.send(("end", None))


def work_off(tasks: Sequence[Task], core: int | None) -> dict[Config, str]:
    """Makes tasks as a job of a cluster; what it has done is told by the records.

    It ends in order, and leaves the rest undone, at SIGTERM and at the signal that submitit has sent when the
    job's time is nearly over. SIGINT is for the process that submitted it.

    Args:
      core: as for :func:`work`.

    Returns:
      How the runs ended that did.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGUSR2"):
        signal.signal(signal.SIGUSR2, _as_sigterm)
    keep_to(core)
    statuses: dict[Config, str] = {}
    with contextlib.suppress(Stopped), _until_stopped() as programs:
        from bnjax.sweeps.task import make

        for task in tasks:
            if _has_plugins(task, statuses.__setitem__):
                make(task, programs, lambda record: None, statuses.__setitem__)
    return statuses


def _as_sigterm(number: int, frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)


@contextlib.contextmanager
def _until_stopped() -> Iterator["Programs"]:
    """What compiles programs, in a process that SIGTERM ends in time.

    Raises:
      Stopped: it came.
    """
    with ends_in_time(_SECONDS_TO_STOP), stop_signals(signal.SIGTERM):
        with held_signals():  # imports are not exception-safe under signals
            configure_backend()
            from bnjax.train.programs.shared import Programs
        hear_signals()
        yield Programs()


def keep_to(core: int | None) -> None:
    """Keeps this process to a CPU core, where the system can; before JAX counts the cores."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def _has_plugins(task: Task, ended: Callable[[Config, str], None]) -> bool:
    """Whether the files are as they were whose networks and images a task needs; this process imports them.

    Args:
      ended: told of each run that cannot be made.
    """
    try:
        for config in task.configs:
            if config.plugin:
                load_plugin(config.plugin, config.plugin_digest)
    except PluginError as error:
        for config in task.configs:
            ended(config, str(error))
        return False
    return True


def _tasks(parent: Connection) -> Iterator[Task]:
    while (task := parent.recv()) is not None:
        yield task
