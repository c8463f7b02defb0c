"""When checkpoints are written, while runs train."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bnjax.process.signals import Stopped
from bnjax.runs.checkpoints import checkpoint
from bnjax.runs.recording.recorder import Recorder
from bnjax.runs.training import Run, has_diverged
from bnjax.settings.canonical import checkpoint_pace

#: Writing checkpoints takes no more than this part of the time.
_SAVING_SHARE = 0.05


@dataclass
class Saves:
    """Checkpoints of runs that train side by side: after epochs, and where a signal stops them.

    ``--checkpoint_every`` says after which epochs, or after which time, which may end within one; without it,
    writing takes a small part of the time.
    """

    runs: Sequence[tuple[Run, Recorder]]
    settle: Callable[[], None] = lambda: None
    kept: bool = True  # False where another process does
    _free_at: float = field(default=0.0)
    _epochs: int = field(default=0)
    _seconds: float = field(default=0.0)

    def __enter__(self) -> "Saves":
        run, _ = self.runs[0]
        self._epochs, self._seconds = checkpoint_pace(run.config.checkpoint_every)
        self._free_at = time.monotonic() + self._seconds
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is Stopped:
            self.save()

    def after_epoch(self) -> None:
        """Saves where it is time to."""
        ended = max(len(run.epochs) for run, _ in self.runs)
        if ended % self._epochs == 0 if self._epochs else time.monotonic() >= self._free_at:
            self.save()

    def within_epoch(self, sum_up: Callable[[], None]) -> float:
        """Saves where so much time is over.

        Args:
          sum_up: counts the steps that the states have taken.

        Returns:
          The seconds that saving took.
        """
        if not (self.kept and self._seconds) or time.monotonic() < self._free_at:
            return 0.0
        sum_up()
        started = time.perf_counter()
        self.save()
        return time.perf_counter() - started

    def save(self) -> None:
        """Saves all runs that go on.

        Raises:
          OSError: it cannot be written.
        """
        if not self.kept:
            return
        started = time.monotonic()
        self.settle()
        for run, recorder in self.runs:
            if not has_diverged(run):
                checkpoint.save(recorder.path.parent, run)
        ended = time.monotonic()
        self._free_at = ended + (self._seconds or (ended - started) / _SAVING_SHARE)

    def remove(self, ended: Run) -> None:
        """Deletes the checkpoints of a run that has ended."""
        if not self.kept:
            return
        [recorder] = [recorder for run, recorder in self.runs if run is ended]
        if recorder.summary and recorder.summary["status"] == "interrupted":
            return  # a second thread said so first
        checkpoint.remove(checkpoint.checkpoints(recorder.path.parent))
