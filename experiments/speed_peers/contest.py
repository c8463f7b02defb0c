"""The contest: contestants take turns at each network, round after round, so that drift hits all alike."""

import contextlib
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bnjax.errors import UserError
from speed_peers.contestants import BNJAX, CONTESTANTS, MATRIX_PRODUCTS, Contestant, multiplies
from speed_peers.measurements import significant
from speed_peers.networks import ARCHITECTURES, Task
from speed_peers.options import Options
from speed_peers.processes import Worker, WorkerError
from speed_peers.results import matrix_line, matrix_record, rate_of_rounds, speed_records, table
from speed_peers.sweep import sweep_line, sweep_norms, sweep_record, sweep_seconds

Emit = Callable[[dict[str, Any]], None]


class ContestError(UserError):
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
        """Measures network after network, in one precision and then in the other.

        Raises:
          ContestError: contestants train different networks.
          WorkerError: a matrix product failed.
        """
        for precision in self._options.precisions:
            with contextlib.ExitStack() as stack:
                # Its task is a formality: it multiplies the same matrix whatever the network.
                task = Task("mlp", 1, self._options.threads, precision=precision)
                products = {
                    library: _start(stack, product, task)
                    for library, product in MATRIX_PRODUCTS.items()
                    if not product.absent_package and multiplies(library, precision)
                }
                for network in self._options.networks:
                    self._measure(self._task(network, precision), products)
                for library, product in products.items():
                    if product.step_seconds:
                        record = matrix_record(precision, library, product.step_seconds)
                        self._emit(record)
                        say(matrix_line(record))

    def _task(self, network: str, precision: str) -> Task:
        options, architecture = self._options, ARCHITECTURES[network]
        return Task(
            network,
            options.batch_size or architecture.batch_size,
            options.threads,
            options.image_size if architecture.side_multiple else 0,
            precision,
            options.epoch_data,
            options.epoch_steps * architecture.steps_factor,
            frozen=options.frozen,
        )

    def _measure(self, task: Task, products: Mapping[str, Worker]) -> None:
        steps, rounds = self._options.steps * task.architecture.steps_factor, self._options.rounds
        title = f"{task.network}, {task.precision}"
        with contextlib.ExitStack() as stack:
            workers = self._enter(task, stack)
            _check_same_network(title, workers)
            for number in range(1, rounds + 1):
                if not workers:
                    break
                for product in products.values():
                    product.train(1)
                self._play_round(task, workers, steps)
                say(f"{title}: round {number} of {rounds}, ms per step: {_latest(workers)}")
            for number in range(1, self._options.epochs + 1):
                if not workers:
                    break
                self._in_turn(task, workers, Worker.train_epoch)
                say(f"{title}: epoch {number} of {self._options.epochs}, s: {_latest_epochs(workers)}")
        rates = rate_of_rounds([product.step_seconds[-rounds:] for product in products.values()])
        found = speed_records(task, steps, workers, rates)
        for record in found:
            self._emit(record)
        say(table(task, found))
        if self._options.sweep and workers:
            self._sweep(task, list(workers))

    def _sweep(self, task: Task, contestants: Sequence[str]) -> None:
        """A small sweep by everyone who came to the end of the steps, once, bnjax first."""
        task = replace(task, epoch_data="digits")
        norms, bnjax = sweep_norms(task.network, self._options.sweep), None
        for name in sorted(contestants, key=lambda name: name != BNJAX):
            with tempfile.TemporaryDirectory(prefix="bnjax-speed-", ignore_cleanup_errors=True) as scratch:
                try:
                    seconds = sweep_seconds(name, task, norms, Path(scratch))
                except WorkerError as error:
                    self._leave_out(task, name, "failed", f"sweep: {error}")
                    continue
            bnjax = seconds if name == BNJAX else bnjax
            record = sweep_record(task, name, len(norms), seconds, bnjax)
            self._emit(record)
            say(sweep_line(record))

    def _enter(self, task: Task, stack: contextlib.ExitStack) -> dict[str, Worker]:
        workers = {}
        for name in self._options.contestants:
            obstacle = CONTESTANTS[name].obstacle(task.architecture, task.frozen)
            if obstacle:
                self._leave_out(task, name, "skipped", obstacle)
                continue
            try:
                workers[name] = _start(stack, CONTESTANTS[name], task)
            except WorkerError as error:
                self._leave_out(task, name, "failed", str(error))
            else:
                first = workers[name].first_step_seconds
                say(f"{task.network}, {task.precision}: {name}: first step after {first:.1f} s")
        return workers

    def _play_round(self, task: Task, workers: dict[str, Worker], steps: int) -> None:
        def turn(worker: Worker) -> None:
            worker.train(steps)
            worker.evaluate(steps)

        self._in_turn(task, workers, turn)

    def _in_turn(self, task: Task, workers: dict[str, Worker], turn: Callable[[Worker], None]) -> None:
        """Everyone's turn; who fails is out."""
        for name, worker in list(workers.items()):
            try:
                turn(worker)
            except WorkerError as error:
                del workers[name]
                self._leave_out(task, name, "failed", str(error))

    def _leave_out(self, task: Task, name: str, status: str, reason: str) -> None:
        self.failures += status == "failed"
        say(f"{task.network}, {task.precision}: {name}: {status}: {reason}")
        told = dict(network=task.network, precision=task.precision, frozen=task.frozen, contestant=name)
        self._emit(dict(kind="absent", **told, status=status, reason=reason))


def _start(stack: contextlib.ExitStack, contestant: Contestant, task: Task) -> Worker:
    scratch = tempfile.TemporaryDirectory(prefix="bnjax-speed-", ignore_cleanup_errors=True)
    worker = Worker(contestant, task, Path(stack.enter_context(scratch)))
    stack.callback(worker.close)
    return worker


def _check_same_network(title: str, workers: dict[str, Worker]) -> None:
    counts = {name: worker.parameters for name, worker in workers.items()}
    if len(set(counts.values())) > 1:
        raise ContestError(f"{title}: the contestants' numbers of parameters differ: {counts}")


def _latest(workers: dict[str, Worker]) -> str:
    latest = {name: worker.step_seconds[-1] * 1e3 for name, worker in workers.items()}
    return ", ".join(f"{name} {significant(milliseconds)}" for name, milliseconds in latest.items())


def say(text: str) -> None:
    """Prints for people, on stderr."""
    print(text, file=sys.stderr, flush=True)


def _latest_epochs(workers: dict[str, Worker]) -> str:
    return ", ".join(f"{name} {significant(worker.epoch_seconds[-1])}" for name, worker in workers.items())
