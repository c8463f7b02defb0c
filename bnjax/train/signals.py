"""SIGINT and SIGTERM: as an exception that ends a run in order, and held back while a record is written."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal asked the run to end; like KeyboardInterrupt it passes ``except Exception``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def held_signals() -> Iterator[None]:
    """SIGINT and SIGTERM wait until what is inside has ended."""
    waiting: list[int] = []
    with _signals_handled_by(lambda came, _: waiting.append(came)):
        yield
    if waiting:
        signal.raise_signal(waiting[0])


@contextlib.contextmanager
def stop_signals(*numbers: signal.Signals) -> Iterator[None]:
    """These signals (without any: SIGINT and SIGTERM) raise :class:`Stopped` inside."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    with _signals_handled_by(stop, *numbers):
        yield


@contextlib.contextmanager
def _signals_handled_by(
    handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Signals go to ``handler`` inside, and where they went before afterwards."""
    before = {number: signal.signal(number, handler) for number in numbers or _ENDING}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
