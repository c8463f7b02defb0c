"""From a config to a recorded run and an exit code. Imports JAX only when there is something to train."""

import contextlib
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from bnjax import records
from bnjax.config import Config, ConfigError, run_id
from bnjax.flags import complain
from bnjax.records import RecordError

FAILED = 1


class DeviceError(Exception):
    """The device refused to go on, out of memory for example."""


class Stopped(BaseException):
    """A signal asked the run to end; like KeyboardInterrupt it passes ``except Exception``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Recorder:
    """Writes records to a run's file and to stdout; the folder appears with the first one."""

    def __init__(self, config: Config) -> None:
        self.run_id = run_id(config)
        self.path = Path(config.out_dir).expanduser() / self.run_id / records.FILE_NAME
        self._opened = False

    def emit(self, kind: str, **fields: Any) -> None:
        """Makes, keeps and prints one record."""
        record = records.make_record(kind, self.run_id, **fields)
        with _held_signals():
            if not self._opened:
                self._open()
            records.append(self.path, record)
            print_record(record)

    def _open(self) -> None:
        """An earlier attempt's records are kept beside the new ones, as metrics.1.jsonl and so on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            names = (self.path.with_name(f"metrics.{number}.jsonl") for number in itertools.count(1))
            self.path.rename(next(name for name in names if not name.exists()))
        self._opened = True


def print_record(record: dict[str, Any]) -> None:
    """One JSON line on stdout; a reader that has gone away does not end the run."""
    from tqdm import tqdm

    if sys.stdout is None:
        return
    try:
        with tqdm.external_write_mode():  # takes the progress bar off the terminal meanwhile
            sys.stdout.write(records.json_line(record))
            sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # stays open to the end


def launch(config: Config, program: str) -> int:
    """Runs a resolved config, or shows the summary of what has finished already.

    Returns:
      The exit code: 0 done, 1 diverged or failed (with one line on stderr), 128 + signal interrupted.
    """
    from bnjax.data.image_set import DataError

    recorder = Recorder(config)
    try:
        finished = None if config.overwrite else _finished(recorder.path)
        if finished:
            print(f"{program}: finished before ({recorder.path}); --overwrite runs it again", file=sys.stderr)
            print_record(finished)
            return _exit_code(finished["status"])
        with _stop_signals():
            return _exit_code(_train(config, recorder))
    except ConfigError as error:
        complain(program, str(error))
    except (DataError, RecordError, OSError, MemoryError, DeviceError) as error:
        print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED
    except Stopped as stopped:
        return 128 + stopped.number


def _finished(path: Path) -> dict[str, Any] | None:
    try:
        return records.find_summary(path)
    except RecordError as error:
        raise RecordError(f"{error}; --overwrite keeps the file under another name and runs again") from None


def _exit_code(status: str) -> int:
    return 0 if status == "done" else FAILED


@contextlib.contextmanager
def _held_signals() -> Iterator[None]:
    """SIGINT and SIGTERM wait until what is inside has ended."""
    waiting: list[int] = []
    with _signals_handled_by(lambda came, _: waiting.append(came)):
        yield
    if waiting:
        signal.raise_signal(waiting[0])


@contextlib.contextmanager
def _stop_signals() -> Iterator[None]:
    """SIGINT and SIGTERM raise :class:`Stopped` inside."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    with _signals_handled_by(stop):
        yield


@contextlib.contextmanager
def _signals_handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """SIGINT and SIGTERM go to ``handler`` inside, and where they went before afterwards."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _train(config: Config, recorder: Recorder) -> str:
    from bnjax.train.backend import configure_backend

    started = time.perf_counter()
    configure_backend()
    from bnjax.data import load_dataset
    from bnjax.models.build import network_class
    from bnjax.train.facts import run_facts
    from bnjax.train.loop import train
    from bnjax.train.outcome import summary_fields
    from bnjax.train.progress import Progress
    from bnjax.train.training import prepare

    network = network_class(config.model)
    dataset = load_dataset(config, network.input_shape, network.smallest_side)
    with _device_errors():
        run = prepare(config, dataset)
        recorder.emit("run", **run_facts(run))
        status = "interrupted"
        try:
            with Progress(config.epochs * run.steps_per_epoch, config.epochs) as progress:
                status = train(run, recorder.emit, progress)
        finally:
            recorder.emit("summary", **summary_fields(run, status, time.perf_counter() - started))
    return status


@contextlib.contextmanager
def _device_errors() -> Iterator[None]:
    """What a device reports at length becomes one line."""
    import jax

    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise DeviceError(
            f"the device failed ({reason}); a smaller --batch_size needs less memory"
        ) from error
