"""A progress bar with the time left, on stderr, where a person looks on."""

import sys
from types import TracebackType

from bnjax.process.bar import skip, tqdm


class Progress:
    """Counts training steps; silent where stderr is not a terminal, or not ``shown``."""

    def __init__(self, total_steps: int, epochs: int, shown: bool = True) -> None:
        self._epochs = epochs
        self._bar = tqdm(
            total=total_steps,
            unit="step",
            disable=not shown or sys.stderr is None or not sys.stderr.isatty(),
            dynamic_ncols=True,
            file=sys.stderr,
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def start_at(self, steps: int) -> None:
        """So many steps were taken before, which say nothing about the time left."""
        skip(self._bar, steps)

    def describe(self, doing: str) -> None:
        """Says what is done before the steps."""
        self._bar.set_description(doing)

    def advance(self, steps: int, epoch: int, train_loss: float, waiting: float | None = None) -> None:
        """More steps are done.

        Args:
          train_loss: mean of the epoch so far.
          waiting: fraction of the epoch so far for which the device waited for images; None if never.
        """
        self._bar.set_description(f"epoch {epoch}/{self._epochs}", refresh=False)
        waits = "" if waiting is None else f", {waiting:.0%} of the time waiting for data"
        self._bar.set_postfix_str(f"train loss {train_loss:.3f}{waits}", refresh=False)
        self._bar.update(steps)
