"""SIGINT and SIGTERM: they end a run in order, wait while a record is written, and never wait long.

Python hears signals between its own instructions only. What lasts longer than that, such as a compilation of
XLA's or a file system that hangs, is ended from a second thread, which :func:`ends_in_time` starts.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import resource_tracker
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)
_SECONDS_FOR_LAST_WORDS = 1.0
_SECONDS_UNTIL_AGAIN = 0.05
_last_words: list[Callable[[], None]] = []


class Stopped(BaseException):
    """A signal asked the run to end; like KeyboardInterrupt it passes ``except Exception``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def held_signals() -> Iterator[list[int]]:
    """SIGINT and SIGTERM wait until what is inside has ended, and are listed meanwhile.

    Other threads than the main one are never interrupted, so nothing has to wait there.
    """
    waiting: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield waiting
        return
    try:
        with _signals_handled_by(lambda came, _: waiting.append(came)):
            yield waiting
    finally:
        for number in dict.fromkeys(waiting):
            signal.raise_signal(number)


@contextlib.contextmanager
def stop_signals(*numbers: signal.Signals) -> Iterator[None]:
    """These signals (without any: SIGINT and SIGTERM) raise :class:`Stopped` inside."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    with _signals_handled_by(stop, *numbers), _coming_again():
        yield


@contextlib.contextmanager
def _coming_again() -> Iterator[None]:
    """A signal comes again if Python dropped what it raised, as in what the garbage collector calls."""
    before = sys.unraisablehook

    def hook(dropped: "sys.UnraisableHookArgs") -> None:
        if isinstance(dropped.exc_value, Stopped):
            again = (os.getpid(), dropped.exc_value.number)
            threading.Timer(_SECONDS_UNTIL_AGAIN, os.kill, again).start()
        else:
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextlib.contextmanager
def starting_processes(numbers: Iterable[signal.Signals] = _ENDING) -> Iterator[None]:
    """Processes that start inside are not interrupted before they call :func:`hear_signals`.

    Not on Windows, where nothing can be held back.

    Args:
      numbers: the signals that they do not hear.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it ends the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def hear_signals() -> None:
    """Lets SIGINT and SIGTERM come, also those that have waited since :func:`starting_processes`."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


@contextlib.contextmanager
def _signals_handled_by(
    handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Signals go to ``handler`` inside, and where they went before afterwards; ignored ones stay ignored.

    Ctrl-C reaches the workers of a sweep too, which leave it to their parent.
    """
    heard = [number for number in numbers or _ENDING if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextlib.contextmanager
def last_words(say: Callable[[], None]) -> Iterator[None]:
    """What a second thread calls before :func:`ends_in_time` ends the process."""
    _last_words.append(say)
    try:
        yield
    finally:
        _last_words.remove(say)


@contextlib.contextmanager
def ends_in_time(seconds: float) -> Iterator[None]:
    """The process ends ``seconds`` after a SIGINT or SIGTERM, with 128 + its number, whatever it does.

    The time runs on behind the block, since leaving Python may hang too.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_end_in_time, args=(reader, seconds), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()


def _end_in_time(reader: socket.socket, seconds: float) -> None:
    with reader:
        while came := reader.recv(1):
            if came[0] in _ENDING:
                threading.Event().wait(seconds)
                for say in tuple(_last_words):
                    talking = threading.Thread(target=say, daemon=True)  # a disk that hangs keeps it there
                    talking.start()
                    talking.join(_SECONDS_FOR_LAST_WORDS)
                os._exit(128 + came[0])
