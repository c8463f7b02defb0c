"""Many runs side by side, each in a process that keeps to one core.

On CPU a small network leaves a second core idle: two runs of the MLP on a core each take hardly longer than
one on both (measured, see BUILD_NOTES.md). Larger ones gain nothing, and lose nothing.
"""

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from tqdm import tqdm

from bnjax.config import Config, run_id
from bnjax.train.backend import cpu_only
from bnjax.train.recorder import finished_summary, print_record
from bnjax.train.signals import held_signals
from bnjax.train.worker import work

_SECONDS_TO_STOP = 10


def sweep(configs: Sequence[Config], jobs: int, program: str) -> int:
    """Makes the runs that have not finished yet, and prints their records.

    A run that diverges or fails does not keep the others from being made.

    Args:
      jobs: how many side by side; 0 for what suits the machine.

    Returns:
      The exit code: 0 if every run is done, 1 if one diverged or failed.

    Raises:
      DataError, RecordError, OSError: what concerns all runs, before any is started.
      Stopped: by a signal; the runs under way are recorded as interrupted.
    """
    statuses = {run_id(config): _status_before(config) for config in configs}
    todo = [config for config in configs if not statuses[run_id(config)]]
    _say(f"{program}: {len(configs)} runs, {len(configs) - len(todo)} finished before, {len(todo)} to go")
    if todo:
        _look_at_data(todo)
        with _Pool(todo, _job_count(jobs, len(todo))) as pool:
            statuses |= pool.run(program)
    bad = [status for status in statuses.values() if status != "done"]
    where = sorted({config.out_dir for config in configs})
    done = len(configs) - len(bad)
    _say(f"{program}: {done} runs done, {len(bad)} diverged or failed; in {', '.join(where)}")
    return 1 if bad else 0


def _say(line: str) -> None:
    with tqdm.external_write_mode():
        print(line, file=sys.stderr, flush=True)


def _status_before(config: Config) -> str:
    summary = None if config.overwrite else finished_summary(config)
    return summary["status"] if summary else ""


def _look_at_data(configs: Sequence[Config]) -> None:
    """Loads each data set once: what is wrong with it is said once, and the workers find it decoded."""
    from bnjax.data import load_dataset
    from bnjax.models.build import network_class

    seen = set()
    for config in configs:
        key = (config.dataset, config.data_dir, config.image_size, config.model, config.validation)
        if key not in seen:
            network = network_class(config.model)
            load_dataset(config, network.input_shape, network.smallest_side)
            seen.add(key)


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _job_count(asked: int, runs: int) -> int:
    return min(asked or (len(_cores()) if cpu_only() else 1), runs)


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    core: int | None
    config: Config | None = None
    epochs: int = 0


@dataclass
class _Pool:
    """Processes, and the runs that wait for them."""

    todo: Sequence[Config]
    jobs: int
    workers: list[_Worker] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> "_Pool":
        cores: list[int | None] = list(_cores())
        if not cpu_only() or self.jobs == 1:
            cores = [None]  # one process, which may use everything
        self.workers = [_start(cores[number % len(cores)]) for number in range(self.jobs)]
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the processes; those with a run under way record that it was interrupted."""
        for worker in self.workers:
            if worker.config and worker.process.pid and worker.process.is_alive():
                os.kill(worker.process.pid, signal.SIGTERM)
            elif worker.process.is_alive():
                worker.connection.send(None)
        for worker in self.workers:
            self._drain(worker)
            worker.process.join(_SECONDS_TO_STOP)
            if worker.process.is_alive():
                worker.process.kill()

    def run(self, program: str) -> dict[str, str]:
        """Makes all runs; returns run_id -> status."""
        waiting = deque(self.todo)
        total = sum(config.epochs for config in self.todo)
        hidden = sys.stderr is None or not sys.stderr.isatty()
        with tqdm(total=total, unit="epoch", disable=hidden, dynamic_ncols=True, file=sys.stderr) as bar:
            while len(self.statuses) < len(self.todo):
                for worker in self.workers:
                    if worker.config is None and waiting:
                        worker.config = waiting.popleft()
                        worker.connection.send(worker.config)
                busy = {worker.connection: worker for worker in self.workers if worker.config}
                for connection in wait(list(busy)):
                    with held_signals():  # half a message would spoil the next one
                        self._hear(busy[connection], program, bar)  # type: ignore[index]
                bar.set_postfix_str(f"runs: {len(self.statuses)} of {len(self.todo)} done", refresh=False)
        return self.statuses

    def _hear(self, worker: _Worker, program: str, bar: tqdm) -> None:
        config = worker.config
        assert config
        try:
            kind, content = worker.connection.recv()
        except (EOFError, ConnectionError):
            worker.process.join()
            kind, content = "end", f"its process ended with status {worker.process.exitcode}"
            self.workers[self.workers.index(worker)] = _start(worker.core)
        if kind == "record":
            print_record(content)
            new = int(content["kind"] == "epoch")
            worker.epochs += new
            bar.update(new)
            return
        bar.update(config.epochs - worker.epochs)  # what a run that ended early does not make
        worker.config, worker.epochs = None, 0
        self.statuses[run_id(config)] = content
        if content != "done":
            _say(f"{program}: run {run_id(config)}: {content}")

    def _drain(self, worker: _Worker) -> None:
        """Prints what a process still has to tell."""
        try:
            while worker.connection.poll(_SECONDS_TO_STOP):
                kind, content = worker.connection.recv()
                if kind == "record":
                    print_record(content)
        except (EOFError, ConnectionError):
            pass


def _start(core: int | None) -> _Worker:
    context = multiprocessing.get_context("spawn")  # a fork would copy whatever threads JAX has started
    here, there = context.Pipe()
    process = context.Process(target=work, args=(there, core), daemon=True)
    process.start()
    there.close()
    return _Worker(process, here, core)
