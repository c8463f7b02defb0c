"""Many runs by one command: side by side in processes that keep to a core each, or as lanes of one program.

On CPU a small network leaves a second core idle: two runs of the MLP on a core each take hardly longer than
one on both (measured, see experiments/results/speed/README.md). Larger ones gain nothing, and lose nothing.
"""

import multiprocessing
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bnjax.files import check_writable
from bnjax.process.backend import computes_on_cpu, device_count
from bnjax.process.bar import say
from bnjax.process.signals import Stopped, held_signals, starting_processes
from bnjax.runs.checkpoints.device_groups import check_groups
from bnjax.runs.recording.recorder import finished_summary, lacking_probes, print_record, same_command
from bnjax.runs.run import load_images
from bnjax.schema import SummaryRecord
from bnjax.settings.config import Config
from bnjax.settings.options import Options, engine_parameters
from bnjax.settings.places import expanded
from bnjax.settings.sharing import data_settings
from bnjax.sweeps.cores import cores_of, job_count
from bnjax.sweeps.jobs import make_by_jobs
from bnjax.sweeps.plan import ELSEWHERE, Task, plan
from bnjax.sweeps.sweep_progress import SweepProgress
from bnjax.sweeps.worker import work

#: For all processes together; more than each of them takes, less than the program has itself.
_SECONDS_TO_STOP = 7.0
_LANES_ON_ACCELERATORS = 16


def run_sweep(
    configs: Sequence[Config],
    options: Options,
    program: str,
    show_record: Callable[[Mapping[str, Any]], None] = print_record,
) -> int:
    """Makes the runs that have not finished yet, and shows their records.

    A run that diverges or fails does not keep the others from being made.

    Args:
      program: what lines on stderr start with.
      show_record: shows each record on stdout.

    Returns:
      The exit code: 0 if every run is done or another process is making it, 1 if one diverged or failed.

    Raises:
      DataError, RecordError, OSError: what concerns all runs, before any is started.
      Stopped: by a signal; the runs under way are recorded as interrupted.
    """
    finished = {config: before for config in configs if (before := _finished_before(config, options))}
    statuses = {config: finished[config]["status"] if config in finished else "" for config in configs}
    todo = [config for config, status in statuses.items() if not status]
    say(f"{program}: {len(configs)} runs, {len(finished)} finished before, {len(todo)} to go")
    if lacking := lacking_probes(finished):
        say(f"{program}: {lacking}")
    if todo:
        for out_dir in sorted({config.out_dir for config in todo}):
            check_writable(expanded(out_dir))  # before hours of decoding
        tasks = planned(configs, steps_of(todo), options)
        standing = SweepProgress(todo, program, show_record, options.quiet)
        try:
            _make(tasks, options, standing)
        except Stopped:
            say(f"{program}: {same_command(todo[0])} goes on where its runs were stopped")
            raise
        statuses |= standing.statuses
    counts = Counter(statuses.values())
    done, elsewhere = counts.pop("done", 0), counts.pop(ELSEWHERE, 0)
    bad, where = counts.total(), sorted({config.out_dir for config in configs})
    others = f"{elsewhere} being made by another process, " if elsewhere else ""
    say(f"{program}: {done} runs done, {others}{bad} diverged or failed; in {', '.join(where)}")
    return 1 if bad else 0


def _make(tasks: Sequence[Task], options: Options, standing: SweepProgress) -> None:
    jobs = job_count(options, len(tasks))
    if options.engine == Options.engine:
        with _Pool(tasks, jobs, standing) as pool, standing:
            pool.run()
        return
    with standing:
        make_by_jobs(tasks, jobs, options, standing)


def steps_of(todo: Sequence[Config]) -> dict[Config, int]:
    """The training steps of each whole run, when its data has been looked at.

    Each data set is loaded once: what is wrong with it is said once, and the workers find it decoded.

    Raises:
      DataError, OSError: of a data set.
    """
    images: dict[tuple, int] = {}
    for config in todo:
        if data_settings(config) not in images:
            images[data_settings(config)] = len(load_images(config).train)
    return {config: config.epochs * _epoch_steps(config, images[data_settings(config)]) for config in todo}


def _epoch_steps(config: Config, images: int) -> int:
    from bnjax.data import steps_per_epoch

    return steps_per_epoch(images, config.batch_size, config.trains_on_rest)


def planned(configs: Sequence[Config], steps: dict[Config, int], options: Options) -> list[Task]:
    """The tasks of a sweep, from the training steps of each run that is to be made."""
    if options.lanes == "auto":
        lanes = _LANES_ON_ACCELERATORS if _on_accelerators(options) else 1
    else:
        lanes = int(options.lanes)
    return plan(configs, steps, lanes)


def _on_accelerators(options: Options) -> bool:
    if options.engine == Options.engine:
        return not computes_on_cpu()
    return any(name.startswith(("gpus", "gres")) for name in engine_parameters(options))


def _finished_before(config: Config, options: Options) -> SummaryRecord | None:
    summary = finished_summary(config, say)
    if summary and config.bn_batch == "device" and options.engine != "slurm":
        check_groups(config, device_count())  # machines of a cluster have other devices
    return summary


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    core: int | None
    task: Task | None = None


@dataclass
class _Pool:
    """Processes, and the tasks that wait for them."""

    tasks: Sequence[Task]
    jobs: int
    standing: SweepProgress
    workers: list[_Worker] = field(default_factory=list)

    def __enter__(self) -> "_Pool":
        cores = cores_of(self.jobs)
        self.workers = [_start(cores[number % len(cores)]) for number in range(self.jobs)]
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the processes; those with runs under way record that they were interrupted."""
        for worker in self.workers:
            if worker.task and worker.process.pid and worker.process.is_alive():
                os.kill(worker.process.pid, signal.SIGTERM)
            elif worker.process.is_alive():
                worker.connection.send(None)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        self._drain(deadline)
        for worker in self.workers:
            worker.process.join(max(deadline - time.monotonic(), 0))
            if worker.process.is_alive():
                worker.process.kill()

    def run(self) -> None:
        """Makes all runs."""
        waiting = deque(self.tasks)
        while not self.standing.over:
            for worker in self.workers:
                if worker.task is None and waiting:
                    worker.task = waiting.popleft()
                    worker.connection.send(worker.task)
            busy = {worker.connection: worker for worker in self.workers if worker.task}
            for connection in wait(list(busy)):
                with held_signals():  # half a message would spoil the next one
                    self._hear(busy[connection])  # type: ignore[index]
            tasks = [worker.task for worker in self.workers if worker.task]
            self.standing.show(sum(len(self.standing.left(task.configs)) for task in tasks))

    def _hear(self, worker: _Worker) -> None:
        assert worker.task
        try:
            kind, content = worker.connection.recv()
        except (EOFError, ConnectionError):
            worker.process.join()
            status = f"its process ended with status {worker.process.exitcode}"
            for config in self.standing.left(worker.task.configs):
                self.standing.end(config, status)
            self.workers[self.workers.index(worker)] = _start(worker.core)
            return
        if kind == "record":
            self.standing.tell(content)
        elif kind == "run":
            self.standing.end(*content)
        else:
            worker.task = None

    def _drain(self, deadline: float) -> None:
        """Prints what the processes still have to tell, until all have ended or the time is over."""
        still: dict[Any, Connection] = {worker.connection: worker.connection for worker in self.workers}
        while still and (heard := wait(list(still), max(deadline - time.monotonic(), 0))):
            for connection in heard:
                try:
                    kind, content = still[connection].recv()
                except (EOFError, ConnectionError):
                    del still[connection]
                    continue
                if kind == "record":
                    self.standing.show_record(content)


def _start(core: int | None) -> _Worker:
    context = multiprocessing.get_context("spawn")  # a fork would copy whatever threads JAX has started
    here, there = context.Pipe()
    process = context.Process(target=work, args=(there, core), daemon=True)
    with starting_processes():
        process.start()
    there.close()
    return _Worker(process, here, core)
