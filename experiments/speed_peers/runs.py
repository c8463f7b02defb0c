"""A peer's runs one after another in one process: each model is built, trained for an epoch and evaluated.

``python -m speed_peers.runs MODULE TASK NORMS...`` (the task as JSON, and the ``norms`` of each run) prints a
JSON list of the seconds of each run. Evaluated are as many batches as the digits' test images fill.
"""

import contextlib
import importlib
import json
import math
import sys
import time
from dataclasses import replace

from speed_peers.images import digits
from speed_peers.networks import Task


def main(module_name: str, task: Task, norms: list[str]) -> list[float]:
    module = importlib.import_module(f"speed_peers.{module_name}")
    module.configure(task.threads)
    batches = -(-len(digits((8, 8, 1), "test")) // task.batch_size)
    seconds = []
    for of_run in norms:
        started = time.perf_counter()
        trainer = module.Trainer(replace(task, norms=of_run))
        losses = trainer.train_epochs(1), trainer.evaluate(batches)
        if not all(map(math.isfinite, losses)):
            raise ArithmeticError(f"a loss is not finite: {losses}")
        seconds.append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # whatever a library prints
        found = main(sys.argv[1], Task(**json.loads(sys.argv[2])), sys.argv[3:])
    print(json.dumps(found))
