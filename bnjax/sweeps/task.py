"""What a process of a sweep does at a time: one run, or several side by side, to their last records."""

import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bnjax.data.image_set import ImageSet
from bnjax.errors import FAILURES
from bnjax.process.progress import Progress
from bnjax.process.signals import held_signals
from bnjax.runs.attempt import Attempt
from bnjax.runs.checkpoints.checkpoint import newest_common
from bnjax.runs.checkpoints.resume import take_up
from bnjax.runs.lanes import join_runs, prepare_lane_runs
from bnjax.runs.lock import LockedError, locked
from bnjax.runs.recording.recorder import Recorder, finished_summary
from bnjax.runs.run import OutOfMemoryError, device_errors, load_images, train_run
from bnjax.settings.config import Config
from bnjax.sweeps.plan import ELSEWHERE, Task, halves

if TYPE_CHECKING:
    from bnjax.runs.training import Run
    from bnjax.train.programs.shared import Programs

Tell = Callable[[dict[str, Any]], None]
#: Called as ``ended(config, status)``; a status other than these words says what went wrong.
Ended = Callable[[Config, str], None]


def make(task: Task, programs: "Programs", tell: Tell, ended: Ended, advises: bool = False) -> None:
    """Makes the runs of a task.

    Args:
      programs: those that this process has compiled.
      tell: gets every record.
      ended: told once of each run: ``done``, ``diverged``, ``elsewhere``, or a line on what went wrong.
      advises: whether a line says at the end of a run by itself what its records show; of many runs, who
        makes them says so at once.
    """
    if len(task.configs) == 1:
        [config] = task.configs
        ended(config, _alone(config, task.gated, programs, tell, advises))
        return
    open_runs = dict.fromkeys(task.configs)

    def close(config: Config, status: str) -> None:
        del open_runs[config]
        ended(config, status)

    try:
        _side_by_side(task, programs, tell, close)
    except BrokenPipeError:
        raise  # the parent is gone
    except OutOfMemoryError:
        for half in halves(Task(tuple(open_runs), task.gated)):
            make(half, programs, tell, ended)
    except FAILURES as error:
        for config in open_runs:
            ended(config, _line(error))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _alone(config: Config, gated: bool, programs: "Programs", tell: Tell, advises: bool = False) -> str:
    try:
        silent, recorder = partial(Progress, shown=False), Recorder(config, tell)
        return train_run(config, recorder, silent, programs=programs, gated=gated, advises=advises)
    except BrokenPipeError:
        raise
    except LockedError:
        return ELSEWHERE
    except FAILURES as error:
        return _line(error)


def _side_by_side(task: Task, programs: "Programs", tell: Tell, ended: Ended) -> None:
    started = time.perf_counter()
    dataset = load_images(task.configs[0])
    if not isinstance(dataset.train, ImageSet):  # lanes share images that lie on the device
        for config in task.configs:
            ended(config, _alone(config, task.gated, programs, tell))
        return
    with contextlib.ExitStack() as locks, device_errors():
        recorders = {config: Recorder(config, tell) for config in task.configs}
        mine = [config for config in task.configs if _lock(config, recorders[config], locks, ended)]
        if not mine:
            return
        with held_signals():
            runs = prepare_lane_runs(mine, dataset, programs)
        # Where a kill came between the checkpoints of two lanes, both can still go on side by side.
        common = newest_common(recorders[run.config].path.parent for run in runs)
        for run in runs:
            take_up(run, recorders[run.config], common)
        for level in _levels(runs):
            own = [recorders[run.config] for run in level]
            Attempt(join_runs(level, programs), own, started, ended).make(partial(Progress, shown=False))


def _levels(runs: "Sequence[Run]") -> "list[list[Run]]":
    """The runs that can share steps: cut at the same one, and begun in the same program."""
    levels: dict[tuple, list[Run]] = {}
    for run in sorted(runs, key=lambda run: -run.steps_taken):
        program = (run.lanes, run.shared_order)
        levels.setdefault((len(run.epochs), run.underway.steps, *program), []).append(run)
    return [
        level[start : start + lanes]
        for (*_, lanes, _), level in levels.items()
        for start in range(0, len(level), lanes)
    ]


def _lock(config: Config, recorder: Recorder, locks: contextlib.ExitStack, ended: Ended) -> bool:
    """Whether the run is this process's to make."""
    try:
        locks.enter_context(locked(recorder.path.parent))
    except LockedError:
        ended(config, ELSEWHERE)
        return False
    finished = finished_summary(config)
    if finished:  # by another process, meanwhile
        ended(config, finished["status"])
    return not finished
