"""A contestant's own process: ``python -m speed_peers.worker MODULE TASK`` (the task as JSON).

It takes a first step, says so in a line of JSON on stdout, and then answers every line ``{"steps": n}`` on
stdin with the seconds that n steps took. Between lines it waits for the next one; it ends with its stdin.
"""

import importlib
import json
import math
import os
import signal
import sys
import time
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
            _reply(replies, seconds=_timed(trainer, json.loads(line)["steps"]))
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


def _timed(trainer: Any, steps: int) -> float:
    # Since its last turn others have filled the caches, and its threads have gone to sleep.
    trainer.train(max(1, steps // 3))
    started = time.perf_counter()
    loss = trainer.train(steps)
    seconds = time.perf_counter() - started
    _check(loss)
    return seconds


def _check(loss: float) -> None:
    if not math.isfinite(loss):
        raise ArithmeticError(f"the loss is {loss}")


if __name__ == "__main__":
    main(sys.argv[1], Task(**json.loads(sys.argv[2])))
