"""``bnjax.run`` and ``bnjax.sweep``: training in this process, without a command line."""

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bnjax.api.arguments import Vary, command_from, in_python_words, told_as_arguments
from bnjax.api.bar import EpochBar
from bnjax.api.runs import Runs
from bnjax.commands.diagnosing import findings_told
from bnjax.commands.launch import fitted, sources_of
from bnjax.errors import UserError
from bnjax.process.backend import configure_backend
from bnjax.process.bar import heard_by, say
from bnjax.process.signals import Stopped, held_signals, stop_signals
from bnjax.runs.recording.recorder import finished_summary, lacking_probes
from bnjax.settings.config import Config
from bnjax.settings.identity import first_of
from bnjax.settings.options import Options
from bnjax.studies.naming import condition_names
from bnjax.sweeps.sweep import planned, steps_of

_WELL = ("done", "diverged", "elsewhere")


class RunError(UserError):
    """A run could not be trained to its end; the message is one line for each that says why."""


def run(study: str, *, seeds: int = 1, progress: bool | None = None, **settings: Any) -> Runs:
    """Trains one condition of a study, and returns what was measured.

    ``bnjax.run("cifar10", placement="conv,dense", dropout=0.4, dataset="digits", seeds=3)`` trains what the
    command ``bnjax cifar10 --placement=conv,dense --dropout=0.4 --dataset=digits --seeds=3`` does. It trains
    in this process, one run after another (on an accelerator as lanes of one program), so a script needs no
    guard around its main part. What was trained before is read back from ``out_dir``.

    Args:
      study: whose recipe counts: ``cifar10``, ``mnist``, ``vgg7``, ``mobilenet`` or ``finetune``.
      seeds: how many runs, from ``seed`` (0) on.
      progress: whether a bar shows the epochs; None: in a notebook alone.
      **settings: by the names of the flags, which ``bnjax STUDY --helpfull`` explains. ``keep_state`` is True
        unless it is given, so that :attr:`Runs.variables` can be had.

    Raises:
      ConfigError: an argument cannot be used; names it, its value, and what would be accepted.
      DataError: the images are absent or damaged.
      RunError: a run failed in another way, such as too little memory.
      KeyboardInterrupt: the same call goes on after the last checkpoint.
    """
    return _made(study, {}, seeds, progress, {"keep_state": True, **settings})


def sweep(study: str, vary: Vary, *, seeds: int = 1, progress: bool | None = None, **settings: Any) -> Runs:
    """Trains every combination of settings with every seed, and returns what was measured.

    ``bnjax.sweep("cifar10", {"placement": ["none", "all"], "dropout": [0, 0.4]}, dataset="digits", seeds=3)``

    Args:
      study: whose recipe counts.
      vary: setting -> its values; or the name of one of the study's sweeps (``"conditions"``); or a text as
        ``--vary`` takes it. The first condition is the one that others are compared with.
      seeds: how many runs of each condition, from ``seed`` (0) on; they share data order and initial kernels.
      progress: whether a bar shows the epochs; None: in a notebook alone.
      **settings: of all conditions, by the names of the flags.

    Raises:
      ConfigError, DataError, RunError, KeyboardInterrupt: as for :func:`run`.
    """
    return _made(study, vary, seeds, progress, settings)


def _made(study: str, vary: Vary, seeds: int, progress: bool | None, settings: Mapping[str, Any]) -> Runs:
    configs, options, yielding = command_from(study, vary, seeds, settings)
    notes: list[str] = []
    with told_as_arguments(), heard_by(notes.append), _interruptible():
        configs = tuple(fitted(configs, yielding))
        for together in (sources_of(configs), configs):
            _train(study, together, options, progress)
    told = findings_told(configs) if len(configs) > 1 else ""
    return Runs(study, configs, (*_grouped(notes), *filter(None, [told])))


def _train(study: str, configs: Sequence[Config], options: Options, progress: bool | None) -> None:
    """Makes those of the runs that have not ended."""
    finished = {config: summary for config in configs if (summary := finished_summary(config))}
    if lacking := lacking_probes(finished):
        say(f"{study}: {lacking}")
    todo = [config for config in configs if config not in finished]
    if not todo:
        return
    with held_signals():  # neither imports nor XLA are exception-safe under signals
        configure_backend()
        from bnjax.sweeps.task import make
        from bnjax.train.programs.shared import Programs
    programs, statuses = Programs(), dict[Config, str]()
    with EpochBar(todo, progress) as bar:
        for task in planned(configs, steps_of(todo), options):
            make(task, programs, bar.tell, statuses.__setitem__, advises=len(configs) == 1)
    _check(statuses, condition_names(configs))


def _check(statuses: Mapping[Config, str], names: Mapping[Config, str]) -> None:
    wrong = {config: status for config, status in statuses.items() if status not in _WELL}
    if wrong:
        raise RunError("; ".join(f"{names[config]}: {status}" for config, status in wrong.items()))
    if elsewhere := [config for config, status in statuses.items() if status == "elsewhere"]:
        raise RunError(f"another process is training {', '.join(names[config] for config in elsewhere)}")


def _grouped(notes: Sequence[str]) -> list[str]:
    """Lines in the words of Python; what is said of several runs, once."""
    runs_of: dict[str, list[str]] = {}
    for note in notes:
        run, _, words = note.partition(": ")
        runs_of.setdefault(words, []).append(run)
    return [in_python_words(f"{first_of(runs)}: {words}") for words, runs in runs_of.items()]


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, and a notebook's stop button, end a run between two steps, after a checkpoint."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        with stop_signals(signal.SIGINT):
            yield
    except Stopped:
        raise KeyboardInterrupt("the same call goes on after the last checkpoint") from None
