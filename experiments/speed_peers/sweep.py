"""A small sweep as whole programs: bnjax's own, and each peer's runs one after another in one process."""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bnjax.settings.command_line import CommandLine
from bnjax.settings.config import Config
from speed_peers.contestants import BNJAX, CONTESTANTS, Contestant
from speed_peers.networks import Task, task_settings
from speed_peers.processes import WorkerError, environment_of

_EXPERIMENTS = Path(__file__).resolve().parents[1]


def sweep_norms(network: str, count: int) -> list[str]:
    """Placements that differ: norms everywhere, nowhere, and then in every unit whose number has a bit set.

    Returns:
      ``norms`` of tasks, see :class:`speed_peers.networks.Task`; as many as there are, ``count`` at most.
    """
    sites = len(Config(model=network).sites)
    wanted = ["1" * sites, "0" * sites]
    for bit in range(sites.bit_length()):
        chosen = "".join(str(number >> bit & 1) for number in range(sites))
        wanted += [chosen, "".join("10"[int(norm)] for norm in chosen)]
    return list(dict.fromkeys(wanted))[:count]


def sweep_seconds(contestant: str, task: Task, norms: Sequence[str], scratch: Path) -> float:
    """Wall seconds of a run for each placement on the digits, start-up and compilation included.

    Args:
      task: with ``epoch_data`` of ``digits``.
      scratch: an empty folder, so that everyone compiles from nothing.

    Raises:
      WorkerError: a run failed.
    """
    entered = CONTESTANTS[contestant]
    if contestant == BNJAX:
        command = bnjax_sweep(task, norms, scratch)
        seconds, out = timed(command, environment_of(entered, task, scratch))
        done = out.count('"kind": "summary"')
        if done != len(norms):
            raise WorkerError(f"the sweep made {done} of {len(norms)} runs")
        return seconds
    return peer_seconds(entered, task, norms, scratch)[0]


def bnjax_sweep(task: Task, norms: Sequence[str], scratch: Path) -> list[str]:
    """The command of bnjax's sweep over placements, an epoch each."""
    placements = [task_settings(dataclasses.replace(task, norms=of_run))["placement"] for of_run in norms]
    conditions = scratch / "conditions.json"
    conditions.write_text(json.dumps([{"placement": text} for text in placements]), encoding="utf-8")
    settings = {name: value for name, value in task_settings(task).items() if name != "placement"}
    flags = {"dataset": "digits", "epochs": 1, **settings}
    where = {"out_dir": scratch / "runs", "sweep": conditions}
    return CommandLine("cifar10", {**flags, **where}).arguments(_EXPERIMENTS)


def peer_seconds(
    contestant: Contestant, task: Task, norms: Sequence[str], scratch: Path
) -> tuple[float, list[float]]:
    """Wall seconds of a peer's process, and those of each of its runs.

    Raises:
      WorkerError: it failed.
    """
    task = contestant.task_of(task)
    told = json.dumps(dataclasses.asdict(task))
    command = [sys.executable, "-P", "-m", "speed_peers.runs", contestant.module, told, *norms]
    seconds, out = timed(command, environment_of(contestant, task, scratch))
    return seconds, json.loads(out.splitlines()[-1])


def timed(command: Sequence[str], environment: dict[str, str]) -> tuple[float, str]:
    """Wall seconds of a program, and what it printed.

    Raises:
      WorkerError: it failed.
    """
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise WorkerError(reason)
    return time.perf_counter() - started, done.stdout


def sweep_record(
    task: Task, contestant: str, runs: int, seconds: float, bnjax: float | None
) -> dict[str, Any]:
    """One contestant's time for all runs; ``ratio`` is over bnjax's, null without bnjax."""
    return {
        "kind": "sweep",
        "network": task.network,
        "precision": task.precision,
        "contestant": contestant,
        "image_shape": task.image_shape,
        "batch_size": task.batch_size,
        "runs": runs,
        "seconds": round(seconds, 2),
        "ratio": round(seconds / bnjax, 3) if bnjax else None,
    }


def sweep_line(record: Mapping[str, Any]) -> str:
    """The same for people."""
    told = (
        f"{record['network']}, {record['precision']}: {record['contestant']}: {record['runs']} short runs in"
    )
    ratio = f", {record['ratio']:.2f} times bnjax's sweep" if record["ratio"] else ""
    return f"{told} {record['seconds']:.1f} s{ratio}"
