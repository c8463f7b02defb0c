"""The parent's side of the workers: how they are started, asked and ended."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bnjax.errors import UserError
from speed_peers.contestants import Contestant
from speed_peers.networks import Task

#: A caller's settings that would speed up or slow down some contestants only, or make idle threads spin.
_DROPPED = ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
_SECONDS_TO_END = 10
#: Before each timed turn, at least: meanwhile others filled the caches, threads went to sleep, and a virtual
#: machine may have lost the memory that was free between two steps and gets it back page by page.
_UNTIMED_STEPS = 3


class WorkerError(UserError):
    """A worker failed; the message is one line."""


def available_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_cores(threads: int) -> None:
    """Confines this process, and the workers that it starts, to so many cores where the system can.

    JAX has no setting for its threads on CPU: it takes one for every core.
    """
    if hasattr(os, "sched_setaffinity") and threads < available_cores():
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


class Worker:
    """A contestant's process, ready to train: it has taken its first step.

    Attributes:
      parameters: how many numbers it trains.
      import_seconds: what importing the library took.
      first_step_seconds: from the start of the process to the end of the first step.
      step_seconds: for each turn that it trained, the seconds per step.
      evaluation_seconds: for each turn that it evaluated, the seconds per batch.
      epoch_seconds: for each epoch that it trained on, the seconds.
      peak_memory: bytes, the most that it has held up to the last of these turns but epochs, whose images
        everyone holds in memory; None where the system does not tell.
    """

    def __init__(self, contestant: Contestant, task: Task, scratch: Path) -> None:
        """Starts it and waits for its first step.

        Args:
          scratch: an empty folder for caches and messages, so that everyone compiles from nothing.

        Raises:
          WorkerError: it could not.
        """
        task = contestant.task_of(task)
        self._messages = scratch / "stderr.txt"
        started = time.perf_counter()
        self._process = _start(contestant, task, scratch, self._messages)
        try:
            ready = self._reply()
        except BaseException:
            self.close()
            raise
        self.first_step_seconds = time.perf_counter() - started
        self.parameters: int = ready["parameters"]
        self.import_seconds: float = ready["import_seconds"]
        self.step_seconds: list[float] = []
        self.evaluation_seconds: list[float] = []
        self.epoch_seconds: list[float] = []
        self.peak_memory: int | None = None

    def train(self, steps: int) -> None:
        """One more turn, of so many steps.

        Raises:
          WorkerError: it failed.
        """
        self.step_seconds.append(self._turn_of_steps("train", steps))

    def evaluate(self, steps: int) -> None:
        """One more turn of evaluation, of so many batches.

        Raises:
          WorkerError: it failed.
        """
        self.evaluation_seconds.append(self._turn_of_steps("evaluate", steps))

    def train_epoch(self) -> None:
        """One more epoch through its usual way of feeding images, after untimed steps; before the first one a
        whole untimed one.

        Raises:
          WorkerError: it failed.
        """
        if self.epoch_seconds:
            self._turn("train", _UNTIMED_STEPS, untimed=0)
            reply = self._turn("train_epochs", 1, untimed=0)
        else:
            reply = self._turn("train_epochs", 1, untimed=1)
        self.epoch_seconds.append(reply["seconds"])

    def _turn_of_steps(self, method: str, steps: int) -> float:
        reply = self._turn(method, steps, untimed=max(_UNTIMED_STEPS, steps // 3))
        self.peak_memory = reply["peak_memory"]
        return reply["seconds"] / steps

    def _turn(self, method: str, steps: int, untimed: int) -> dict[str, Any]:
        assert self._process.stdin
        turn = {"method": method, "steps": steps, "untimed": untimed}
        try:
            self._process.stdin.write(json.dumps(turn) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # its end is told by the missing reply
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        reply = json.loads(line) if line.endswith("\n") else {"error": self._last_words()}
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply

    def _last_words(self) -> str:
        status = self._process.wait(_SECONDS_TO_END)
        lines = self._messages.read_text(encoding="utf-8", errors="replace").split("\n")
        words = [line.strip() for line in lines if line.strip()]
        return f"ended with status {status}" + (f": {words[-1]}" if words else "")

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.close()
            self._process.wait(_SECONDS_TO_END)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def _start(contestant: Contestant, task: Task, scratch: Path, messages: Path) -> subprocess.Popen[str]:
    # -P: a file in the current folder must not stand in for a library.
    command = [sys.executable, "-P", "-m", "speed_peers.worker", contestant.module]
    with messages.open("wb") as stderr:
        return subprocess.Popen(
            [*command, json.dumps(dataclasses.asdict(task))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment_of(contestant, task, scratch),
            encoding="utf-8",
        )


def environment_of(contestant: Contestant, task: Task, scratch: Path) -> dict[str, str]:
    """What a contestant's process finds in its environment: caches in an empty folder, threads as told."""
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    here = str(Path(__file__).resolve().parents[1])
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([here, *filter(None, [kept.get("PYTHONPATH")])]),
        "JAX_PLATFORMS": "cpu",
        "OMP_NUM_THREADS": str(task.threads),
        "BNJAX_CACHE_DIR": str(scratch / "bnjax"),
        "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor"),
        "KERAS_HOME": str(scratch / "keras"),
        **contestant.environment,
    }
