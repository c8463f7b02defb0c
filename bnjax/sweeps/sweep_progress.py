"""How far a sweep is: what its progress line says, and how each run ended."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bnjax.process.bar import say, skip, tqdm
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id


@dataclass
class SweepProgress:
    """Counts epochs in a bar on stderr, where a person looks on.

    Attributes:
      configs: of the runs that are to be made.
      program: what lines on stderr start with.
      show_record: shows each record on stdout.
      quiet: whether there is no bar.
      begun: the runs that a process has told of.
      statuses: of the runs that have ended: ``done``, ``diverged``, ``elsewhere``, or what went wrong.
    """

    configs: Sequence[Config]
    program: str
    show_record: Callable[[Mapping[str, Any]], None]
    quiet: bool = False
    begun: set[Config] = field(default_factory=set)
    statuses: dict[Config, str] = field(default_factory=dict)
    _best: float | None = None

    def __enter__(self) -> "SweepProgress":
        self._by_id = {run_id(config): config for config in self.configs}
        self._epochs = dict.fromkeys(self.configs, 0)
        self._bar = tqdm(
            total=sum(config.epochs for config in self.configs),
            unit="epoch",
            disable=self.quiet or sys.stderr is None or not sys.stderr.isatty(),
            dynamic_ncols=True,
            file=sys.stderr,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def tell(self, record: Mapping[str, Any]) -> None:
        """Shows and counts a record of one of the runs."""
        self.show_record(record)
        config = self._by_id[record["run_id"]]
        self.begun.add(config)
        if record["kind"] == "epoch":
            self._count(config, record["epoch"])
            accuracy = record["test_accuracy"]
            if accuracy is not None and (self._best is None or accuracy > self._best):
                self._best = accuracy

    def _count(self, config: Config, epoch: int) -> None:
        if not self._epochs[config]:  # where it was cut: what lies before was not made now
            skip(self._bar, epoch - 1)
            self._epochs[config] = epoch - 1
        self._bar.update(max(epoch - self._epochs[config], 0))
        self._epochs[config] = max(epoch, self._epochs[config])

    def end(self, config: Config, status: str) -> None:
        """A run has ended."""
        skip(self._bar, config.epochs - self._epochs[config])  # what one that ended early lacks
        self._epochs[config] = config.epochs
        self.statuses[config] = status
        if status != "done":
            say(f"{self.program}: run {run_id(config)}: {status}")

    @property
    def over(self) -> bool:
        """Whether all runs have ended."""
        return len(self.statuses) == len(self.configs)

    def left(self, configs: Iterable[Config]) -> list[Config]:
        """Those that have not ended."""
        return [config for config in configs if config not in self.statuses]

    def epochs_of(self, configs: Iterable[Config]) -> int:
        """The epochs that these runs have come to, together."""
        return sum(self._epochs[config] for config in configs)

    def show(self, running: int) -> None:
        """Renews the progress line."""
        self._bar.set_description_str(f"{len(self.statuses)} of {len(self.configs)} runs", refresh=False)
        best = f", best test accuracy {self._best:.1%}" if self._best is not None else ""
        self._bar.set_postfix_str(f"{running} running{best}", refresh=False)
