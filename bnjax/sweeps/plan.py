"""Which runs of a sweep share a program, and which one process takes at a time. Imports no JAX."""

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from bnjax.settings.config import Config, values_with
from bnjax.settings.fields import Role
from bnjax.settings.sharing import data_settings, program_settings

#: On CPU a gated program's steps take longer than those of a program for one placement. It pays for runs of
#: so few steps that compiling would take longer than they do; where the limit lies is an estimate.
_MOST_STEPS_TO_GATE = 100

#: The status of a run that another process is making.
ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Task:
    """What one process takes at a time: a run, or several as lanes of one program.

    Attributes:
      gated: whether the program takes placements, rates and slopes as values.
    """

    configs: tuple[Config, ...]
    gated: bool


def _lanes_key(config: Config) -> tuple[Hashable, ...]:
    """What lanes side by side have in common."""
    loop = tuple(values_with(config, Role.LOOP).items())
    return (program_settings(config, gated=True), data_settings(config), loop)


def plan(configs: Sequence[Config], steps: Mapping[Config, int], lanes: int) -> list[Task]:
    """Cuts runs into tasks, in their order.

    Args:
      configs: resolved, all different; with those that have ended, so that the others are made as before.
      steps: of each whole run that is to be made.
      lanes: most runs side by side as one program; 1 for runs in turn.
    """
    if lanes > 1:
        return [
            Task(tuple(group[start : start + width]), gated=True)
            for group in _grouped([config for config in configs if config in steps])
            # Lanes share the images; what a frozen part makes of them is each run's own.
            for width in [1 if group[0].precompute_frozen else lanes]
            for start in range(0, len(group), width)
        ]
    gated = {
        config
        for group in _grouped(configs)
        if len({program_settings(config, gated=False) for config in group}) > 1
        for config in group
        if steps.get(config, 0) <= _MOST_STEPS_TO_GATE
    }
    return [Task((config,), config in gated) for config in configs if config in steps]


def _grouped(configs: Sequence[Config]) -> list[list[Config]]:
    groups: dict[Hashable, list[Config]] = {}
    for config in configs:
        groups.setdefault(_lanes_key(config), []).append(config)
    return list(groups.values())


def halves(task: Task) -> list[Task]:
    """Two tasks that need half the memory each; of one run the same, of none no task."""
    middle = len(task.configs) // 2
    parts = (task.configs[:middle], task.configs[middle:])
    return [dataclasses.replace(task, configs=part) for part in parts if part]


def program_count(tasks: Sequence[Task]) -> int:
    """How many training programs have to be compiled, if by one process."""
    return len({program_settings(config, task.gated) for task in tasks for config in task.configs})
