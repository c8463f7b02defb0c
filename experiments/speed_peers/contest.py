"""The contest: contestants take turns at each network, round after round, so that drift hits all alike."""

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from speed_peers.contestants import CONTESTANTS, MATRIX_PRODUCT, Contestant
from speed_peers.networks import ARCHITECTURES, Task
from speed_peers.options import Options
from speed_peers.processes import Worker, WorkerError
from speed_peers.results import matrix_line, matrix_record, speed_records, table

Emit = Callable[[dict[str, Any]], None]


class ContestError(Exception):
    """The results would mean nothing; the message is one line."""


class Contest:
    """All rounds at all networks that the options ask for; progress and tables go to stderr.

    Attributes:
      failures: how many contestants failed though they are installed.
    """

    def __init__(self, options: Options, emit: Emit) -> None:
        """Takes the options, and a function that is told each record as soon as it is known."""
        self._options = options
        self._emit = emit
        self.failures = 0

    def run(self) -> None:
        """Measures network after network.

        Raises:
          ContestError: contestants train different networks.
          WorkerError: the matrix product, which needs no more than JAX, failed.
        """
        with contextlib.ExitStack() as stack:
            # Its task is a formality: it multiplies the same matrix whatever the network.
            yardstick = _start(stack, MATRIX_PRODUCT, Task("mlp", 1, self._options.threads))
            for network in self._options.networks:
                self._measure(network, yardstick)
            if yardstick.step_seconds:
                self._emit(matrix_record(yardstick.step_seconds))
                say(matrix_line(yardstick.step_seconds))

    def _measure(self, network: str, yardstick: Worker) -> None:
        architecture = ARCHITECTURES[network]
        batch_size = self._options.batch_size or architecture.batch_size
        options = self._options
        task = Task(network, batch_size, options.threads, options.image_size, options.frozen)
        steps = self._options.steps * architecture.steps_factor
        with contextlib.ExitStack() as stack:
            workers = self._enter(task, stack)
            _check_same_network(network, workers)
            for number in range(1, self._options.rounds + 1):
                if not workers:
                    break
                yardstick.train(1)
                self._play_round(network, workers, steps)
                say(f"{network}: round {number} of {self._options.rounds}, ms per step: {_latest(workers)}")
        found = speed_records(task, steps, workers)
        for record in found:
            self._emit(record)
        say(table(task, found))

    def _enter(self, task: Task, stack: contextlib.ExitStack) -> dict[str, Worker]:
        workers = {}
        for name in self._options.contestants:
            obstacle = CONTESTANTS[name].obstacle(task.architecture, task.frozen)
            if obstacle:
                self._leave_out(task.network, name, "skipped", obstacle)
                continue
            try:
                workers[name] = _start(stack, CONTESTANTS[name], task)
            except WorkerError as error:
                self._leave_out(task.network, name, "failed", str(error))
            else:
                say(f"{task.network}: {name}: first step after {workers[name].first_step_seconds:.1f} s")
        return workers

    def _play_round(self, network: str, workers: dict[str, Worker], steps: int) -> None:
        for name, worker in list(workers.items()):
            try:
                worker.train(steps)
                worker.evaluate(steps)
            except WorkerError as error:
                del workers[name]
                self._leave_out(network, name, "failed", str(error))

    def _leave_out(self, network: str, name: str, status: str, reason: str) -> None:
        self.failures += status == "failed"
        say(f"{network}: {name}: {status}: {reason}")
        self._emit(dict(kind="absent", network=network, contestant=name, status=status, reason=reason))


def _start(stack: contextlib.ExitStack, contestant: Contestant, task: Task) -> Worker:
    scratch = tempfile.TemporaryDirectory(prefix="bnjax-speed-", ignore_cleanup_errors=True)
    worker = Worker(contestant, task, Path(stack.enter_context(scratch)))
    stack.callback(worker.close)
    return worker


def _check_same_network(network: str, workers: dict[str, Worker]) -> None:
    counts = {name: worker.parameters for name, worker in workers.items()}
    if len(set(counts.values())) > 1:
        raise ContestError(f"{network}: the contestants' numbers of parameters differ: {counts}")


def _latest(workers: dict[str, Worker]) -> str:
    return ", ".join(f"{name} {worker.step_seconds[-1] * 1e3:.4g}" for name, worker in workers.items())


def say(text: str) -> None:
    """Prints for people, on stderr."""
    print(text, file=sys.stderr, flush=True)
