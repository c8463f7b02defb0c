"""What a command would do and how long it would take, from some steps of each program."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnjax.data import Dataset
from bnjax.process.backend import configure_backend
from bnjax.process.bar import say
from bnjax.process.progress import Progress
from bnjax.process.stdout import write_stdout
from bnjax.runs.group import Alone, RunGroup
from bnjax.runs.lanes import join_runs, prepare_lane_runs
from bnjax.runs.loop import train
from bnjax.runs.precompute import frozen_outputs
from bnjax.runs.recording.recorder import finished_summary
from bnjax.runs.run import device_errors, load_images
from bnjax.runs.training import prepare
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id
from bnjax.settings.options import Options
from bnjax.settings.sharing import data_settings, program_settings
from bnjax.studies.naming import condition_names, unnamed
from bnjax.sweeps.cores import cores_of, job_count
from bnjax.sweeps.plan import Task, program_count
from bnjax.sweeps.sweep import planned, steps_of
from bnjax.sweeps.worker import keep_to
from bnjax.train.programs.shared import Programs

_STEPS_TO_MEASURE = 20
_EPOCHS_TO_MEASURE = 2  # the first one has compiling of the evaluation in it


@dataclass(frozen=True)
class Pace:
    """What some steps of a task took, in seconds.

    Attributes:
      compiling: once for a program.
      step: of all its runs.
      evaluation: of an epoch's end, of all its runs.
      frozen: what comes before a run's first step, where its frozen part is computed once.
    """

    compiling: float
    step: float
    evaluation: float
    frozen: float = 0.0


def dry_run(configs: Sequence[Config], options: Options, program: str) -> int:
    """Lists runs on stdout, and estimates what those that have not finished would take; records nothing.

    Returns:
      The exit code 0.

    Raises:
      DataError, RecordError, OSError: what concerns all runs.
    """
    names = condition_names(configs)
    todo = []
    for config in configs:
        finished = finished_summary(config, say)
        if not finished:
            todo.append(config)
        write_stdout(f"{run_id(config)}  {finished['status'] if finished else 'to go':8}  {names[config]}\n")
    if usual := unnamed(configs):
        write_stdout(f"where a condition says nothing else: {usual}\n")
    write_stdout(f"{len(configs)} runs: {len(configs) - len(todo)} finished, {len(todo)} to go\n")
    if todo:
        steps = steps_of(todo)
        tasks = planned(configs, steps, options)
        jobs = job_count(options, len(tasks))
        write_stdout(f"{len(tasks)} tasks, {program_count(tasks)} training programs, {jobs} side by side\n")
        say(f"{program}: measuring")
        keep_to(cores_of(jobs)[0])  # as a process of the sweep
        configure_backend()
        write_stdout(f"about {_in_words(_estimate(tasks, steps, jobs))} on this machine\n")
    return 0


def _estimate(tasks: Sequence[Task], steps: Mapping[Config, int], jobs: int) -> float:
    """Seconds for all tasks, from the training steps of each run."""
    paces: dict[tuple, Pace] = {}
    seconds, compiled = 0.0, set()
    for task in tasks:
        first = task.configs[0]
        # Placements and rates change a step's time little: one measurement serves them all.
        kind = (program_settings(first, gated=True), data_settings(first), task.gated, len(task.configs))
        if kind not in paces:
            paces[kind] = _measured(task)
        pace = paces[kind]
        key = (program_settings(first, task.gated), kind)
        seconds += 0 if key in compiled else pace.compiling
        compiled.add(key)
        seconds += steps[first] * pace.step + first.epochs * pace.evaluation + pace.frozen
    return seconds / jobs


def _measured(task: Task) -> Pace:
    """Trains a part of the images."""
    dataset = load_images(task.configs[0])
    small = _part(dataset, _STEPS_TO_MEASURE * task.configs[0].batch_size)
    # What a run starts from may not be there yet, and takes no time worth telling.
    changes: dict[str, Any] = dict(epochs=_EPOCHS_TO_MEASURE, weights="none", pretrain="")
    short = [dataclasses.replace(config, **changes) for config in task.configs]
    programs, ended = Programs(), []

    def emit(*_: object, **__: object) -> None:
        ended.append(time.perf_counter())

    group: RunGroup
    frozen = 0.0
    with device_errors():
        if len(short) > 1:
            group = join_runs(prepare_lane_runs(short, small, programs), programs)
        else:
            group = Alone(prepare(short[0], small, programs=programs, gated=task.gated))
        train(group, emit, Progress(1, 1, shown=False))
        if isinstance(group, Alone) and short[0].precompute_frozen:
            started = time.perf_counter()
            frozen_outputs(group.run)  # once more, compiled
            frozen = (time.perf_counter() - started) * len(dataset.train) / len(small.train)
    run = group.runs[0]
    training_seconds = run.epochs[-1]["seconds"] * len(short)
    epoch_seconds = ended[-1] - ended[-1 - len(short)]
    larger = len(dataset.test) / len(small.test)
    return Pace(
        run.compile_seconds,
        training_seconds / run.steps_per_epoch,
        max(epoch_seconds - training_seconds, 0.0) * larger,
        frozen,
    )


def _part(dataset: Dataset, images: int) -> Dataset:
    """The first images of each split."""
    held_out = dataset.validation[:images] if dataset.validation else None
    train, test = dataset.train[:images], dataset.test[:images]
    return dataclasses.replace(dataset, train=train, test=test, validation=held_out)


def _in_words(seconds: float) -> str:
    """``3 h 20 min``, ``12 min``, ``40 s``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
