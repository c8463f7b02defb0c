"""A sweep as jobs of a cluster, through submitit: SLURM's, or the same on this machine.

A job makes some tasks of the sweep one after another. How far it is and how its runs ended is read from the
records in their folders, which all machines share. A job that is lost is submitted again: it finds what was
done, and a run that was cut goes on after its last checkpoint.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnjax import records
from bnjax.process.bar import say
from bnjax.process.signals import held_signals, starting_processes
from bnjax.runs.run import EngineError
from bnjax.schema import Record
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.options import Options, engine_parameters
from bnjax.settings.places import expanded, record_path
from bnjax.sweeps.cores import cores_of
from bnjax.sweeps.plan import Task
from bnjax.sweeps.sweep_progress import SweepProgress
from bnjax.sweeps.worker import work_off

#: A job is given up when it was lost so many times in a row without getting further.
MOST_LOSSES = 3
_SECONDS_BETWEEN_LOOKS = 1.0
#: So late a shared file system may show what a job on another machine has written.
_SECONDS_UNTIL_SEEN = {"slurm": 15.0, "local": 1.0}
#: More than a job needs to stop, less than the program has itself.
_SECONDS_TO_STOP = 7.0
#: submitit's own defaults, minutes, end most jobs before their first checkpoint.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "slurm": {"timeout_min": 240, "name": "bnjax"},
    "local": {"timeout_min": 60 * 24 * 365},
}
#: What submitit calls alike for every cluster; other names are sbatch's.
_SHARED_NAMES = {"timeout_min", "mem_gb", "cpus_per_task", "gpus_per_node", "name", "stderr_to_stdout"}
_MANY_PROCESSES = {"nodes", "tasks_per_node", "ntasks_per_node"}


@dataclass
class _Job:
    """Some tasks, and the job that makes them.

    Attributes:
      submitted: submitit's.
      epochs: how many its runs had come to when it was submitted.
      losses: in a row, without getting further.
      gone_at: when it was seen to have ended without a result.
    """

    tasks: list[Task]
    core: int | None
    submitted: Any = None
    epochs: int = 0
    losses: int = 0
    gone_at: float | None = None

    @property
    def configs(self) -> list[Config]:
        return [config for task in self.tasks for config in task.configs]


@dataclass
class _Records:
    """The records of some runs that come after this was made, each once."""

    configs: Sequence[Config]
    _stats: dict[Path, tuple[int, int, int]] = field(default_factory=dict)
    _told: dict[Path, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._paths = {record_path(config): config for config in self.configs}
        for _ in self.new():
            pass

    def new(self) -> Iterator[tuple[Config, Record]]:
        """Those that were not there the last time."""
        for path, config in self._paths.items():
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
                if self._stats.get(path) == seen:
                    continue
                self._stats[path] = seen
                told = self._told.setdefault(path, set())
                for record in records.read_sound(path).records:  # the last line may be half written
                    line = records.json_line(record)
                    if line not in told:
                        told.add(line)
                        yield config, record


def make_by_jobs(tasks: Sequence[Task], jobs: int, options: Options, standing: SweepProgress) -> None:
    """Makes all runs as so many jobs; those that are left are cancelled where this is stopped.

    Args:
      standing: of these runs; told of every record and end.

    Raises:
      ConfigError: the cluster knows no such option.
      EngineError: it does not take a job.
      OSError: records cannot be read.
    """
    cores = cores_of(jobs) if options.engine == "local" else [None]
    dealt = [_Job(list(tasks[n::jobs]), cores[n % len(cores)]) for n in range(jobs)]
    _Submission(dealt, options, standing).to_the_end()


class _Submission:
    """Jobs under way."""

    def __init__(self, jobs: list[_Job], options: Options, standing: SweepProgress) -> None:
        self._jobs, self._engine, self._standing = jobs, options.engine, standing
        self._records = _Records(standing.configs)
        self._folder = expanded(standing.configs[0].out_dir).resolve() / "jobs"
        self._executor = _executor(options, self._folder)

    def to_the_end(self) -> None:
        """Submits them, and again those that are lost."""
        try:
            self._submit(self._jobs)
            first, last = (self._jobs[n].submitted.job_id for n in (0, -1))
            ids = f"job {first}" if len(self._jobs) == 1 else f"{len(self._jobs)} jobs, {first} to {last}"
            say(f"{self._standing.program}: {ids}; logs in {self._folder}")
            while self._jobs:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                self._tell()
                for job in list(self._jobs):
                    self._look_at(job)
                self._standing.show(len(self._standing.left(self._standing.begun)))
        finally:
            self._cancel()

    def _submit(self, jobs: Sequence[_Job]) -> None:
        from submitit.core.utils import FailedSubmissionError, UncompletedJobError

        # Ctrl-C would reach jobs on this machine too, and end their submitit within a second.
        with held_signals(), starting_processes([signal.SIGINT]):
            try:
                with self._executor.batch():
                    handles = [self._executor.submit(work_off, job.tasks, job.core) for job in jobs]
            except (FailedSubmissionError, UncompletedJobError, OSError) as error:
                reason = " ".join(str(error).split())
                raise EngineError(f"--engine={self._engine} does not take jobs: {reason}") from error
        for job, handle in zip(jobs, handles, strict=True):
            job.submitted, job.gone_at = handle, None
            job.epochs = self._standing.epochs_of(job.configs)

    def _tell(self) -> None:
        with held_signals():
            for config, record in self._records.new():
                self._standing.tell(record)
                if record["kind"] == "summary" and record["status"] != "interrupted":
                    self._standing.end(config, record["status"])

    def _look_at(self, job: _Job) -> None:
        """Where a job has ended, so have its runs, or it is submitted again."""
        if not job.submitted.done() or not self._has_settled(job):
            return
        self._tell()
        statuses, wrong = _result(job.submitted)
        for config in self._standing.left(job.configs):
            if wrong or config in statuses:
                self._standing.end(config, wrong or statuses[config])
        left = [task for task in job.tasks if self._standing.left(task.configs)]
        if not left:
            self._jobs.remove(job)
            _remove_files(job.submitted)
            return
        job.losses = 0 if self._standing.epochs_of(job.configs) > job.epochs else job.losses + 1
        said = f"job {job.submitted.job_id} ended before its runs"
        if job.losses < MOST_LOSSES:
            job.tasks = left
            self._submit([job])
            say(f"{self._standing.program}: {said}; {job.submitted.job_id} goes on")
            return
        self._jobs.remove(job)
        for config in self._standing.left(job.configs):
            status = f"{said}, as did {MOST_LOSSES - 1} before it, without an epoch; logs in {self._folder}"
            self._standing.end(config, status)

    def _has_settled(self, job: _Job) -> bool:
        """Whether its result is there, or has had the time to appear."""
        if job.submitted.paths.result_pickle.exists():
            return True
        job.gone_at = job.gone_at or time.monotonic()
        return time.monotonic() > job.gone_at + _SECONDS_UNTIL_SEEN[self._engine]

    def _cancel(self) -> None:
        """Stops what is left, and tells what it still says."""
        running = [job for job in self._jobs if job.submitted and not job.submitted.done()]
        for job in running:
            if self._engine == "local":  # whose own way of cancelling gives a run one second
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(job.submitted.job_id), signal.SIGTERM)
            else:
                job.submitted.cancel(check=False)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while time.monotonic() < deadline and not all(job.submitted.done() for job in running):
            time.sleep(_SECONDS_BETWEEN_LOOKS / 10)
        self._tell()


def _executor(options: Options, folder: Path) -> Any:
    import submitit

    asked = engine_parameters(options)
    for name in _MANY_PROCESSES.intersection(asked):
        raise ConfigError(f"--engine_options={options.engine_options}: a job is one process, without {name}")
    parameters = {
        name if name in _SHARED_NAMES else f"slurm_{name}": value
        for name, value in (_DEFAULTS[options.engine] | asked).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    executor = submitit.AutoExecutor(folder, cluster=options.engine)
    try:
        executor.update_parameters(**parameters)
    except (NameError, AssertionError, ValueError) as error:
        raise ConfigError(f"--engine_options={options.engine_options}: {error}") from None
    return executor


def _result(submitted: Any) -> tuple[dict[Config, str], str]:
    """How the runs of a job ended that did, and what went wrong with it; both empty for one that was lost."""
    from submitit.core.utils import pickle_load

    if not submitted.paths.result_pickle.exists():
        return {}, ""
    outcome, content = pickle_load(submitted.paths.result_pickle)
    if outcome == "success":
        return content, ""
    return {}, f"job {submitted.job_id} failed ({content.splitlines()[-1]}); see {submitted.paths.stderr}"


def _remove_files(submitted: Any) -> None:
    """A job that ended well leaves nothing to look at."""
    paths = submitted.paths
    for path in (paths.result_pickle, paths.submitted_pickle, paths.stdout, paths.stderr):
        path.unlink(missing_ok=True)
