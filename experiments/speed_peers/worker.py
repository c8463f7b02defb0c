"""A contestant's own process: ``python -m speed_peers.worker MODULE TASK`` (the task as JSON).

It takes a first step, says so in a line of JSON on stdout, and then answers every line
``{"method": "train", "steps": n, "untimed": u}`` (or ``"evaluate"``, or ``"train_epochs"`` with n epochs) on
stdin with the seconds that n steps took, after u untimed ones, and the most memory that it has held so far.
Between lines it waits for the next one; it ends with its stdin.
"""

import importlib
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from speed_peers.networks import Task


def main(module_name: str, task: Task) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = _private_stdout()
    try:
        started = time.perf_counter()
        module = importlib.import_module(f"speed_peers.{module_name}")
        import_seconds = time.perf_counter() - started
        module.configure(task.threads)
        trainer = module.Trainer(task)
        _check(trainer.train(1))
        _reply(replies, parameters=trainer.parameters, import_seconds=import_seconds)
        for line in sys.stdin:
            turn = json.loads(line)
            seconds = _timed(getattr(trainer, turn["method"]), turn["steps"], turn["untimed"])
            _reply(replies, seconds=seconds, peak_memory=_peak_memory())
    except BrokenPipeError:
        return  # the parent is gone
    except Exception as error:
        message = str(error).strip().partition("\n")[0]
        _reply(replies, error=f"{type(error).__name__}: {message}")


def _private_stdout() -> TextIO:
    """The pipe to the parent; whatever a library prints goes to stderr from here on."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return replies


def _reply(replies: TextIO, **fields: Any) -> None:
    replies.write(json.dumps(fields) + "\n")
    replies.flush()


def _timed(take: Callable[[int], float], steps: int, untimed: int) -> float:
    if untimed:
        take(untimed)
    started = time.perf_counter()
    loss = take(steps)
    seconds = time.perf_counter() - started
    _check(loss)
    return seconds


def _peak_memory() -> int | None:
    """Bytes of memory, the most that this process has held; None where the system does not tell.

    Not ``ru_maxrss``, which on Linux a process takes over from the one that started it.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    kibibytes = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(kibibytes[0]) * 1024 if kibibytes else None


def _check(loss: float) -> None:
    if not math.isfinite(loss):
        raise ArithmeticError(f"the loss is {loss}")


if __name__ == "__main__":
    main(sys.argv[1], Task(**json.loads(sys.argv[2])))
