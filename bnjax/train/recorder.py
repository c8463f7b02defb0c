"""Where a run's records go: to its file, and to whoever looks on."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bnjax import records
from bnjax.config import Config, run_id
from bnjax.stdout import write_stdout
from bnjax.train.signals import held_signals
from bnjax.whole_file import write_whole


class Recorder:
    """Writes records to a run's file and then tells them; the folder appears with the first one.

    Args:
      mute: neither writes nor tells anything, where another process does.
    """

    def __init__(self, config: Config, tell: Callable[[dict[str, Any]], None], mute: bool = False) -> None:
        self.run_id = run_id(config)
        self.path = record_path(config)
        self._tell, self._mute = tell, mute
        self._opened = False
        self._whole = threading.Lock()  # the last words of a run come from a second thread

    def emit(self, kind: str, **fields: Any) -> None:
        """Makes, keeps and tells one record."""
        if self._mute:
            return
        record = records.make_record(kind, self.run_id, **fields)
        with self._whole, held_signals():
            if not self._opened:
                self._open()
            records.append(self.path, record)
            self._tell(record)

    def go_on_after(self, epochs: list[dict[str, Any]]) -> None:
        """Cuts the records of an earlier attempt to its first epochs, and adds to them.

        Args:
          epochs: the fields of these epochs' records.

        Raises:
          RecordError, OSError: the records cannot be read or written.
        """
        if self._mute:
            return
        kept = [record for record in records.read(self.path) if record["kind"] == "run"]
        kept += [records.make_record("epoch", self.run_id, **fields) for fields in epochs]
        write_whole(self.path, "".join(map(records.json_line, kept)).encode())
        self._opened = True

    def _open(self) -> None:
        """An earlier attempt's records are kept beside the new ones, as metrics.1.jsonl and so on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            names = (self.path.with_name(f"metrics.{number}.jsonl") for number in itertools.count(1))
            self.path.rename(next(name for name in names if not name.exists()))
        self._opened = True


def record_path(config: Config) -> Path:
    """The file of a run's records."""
    return Path(config.out_dir).expanduser() / run_id(config) / records.FILE_NAME


def variables_path(config: Config) -> Path:
    """The file of a run's final parameters and statistics."""
    return record_path(config).with_name(records.VARIABLES_NAME)


def finished_summary(
    config: Config, tell: Callable[[str], None] = lambda line: None
) -> dict[str, Any] | None:
    """The summary of a run that ended before and is not to be made again, or None.

    A run that is to keep its state and did not is made again.

    Args:
      tell: called with a line for people about each thing in its file that is left out.

    Raises:
      RecordError: its file is damaged; the line says what to do.
      OSError: it cannot be read.
    """
    if config.overwrite:
        return None
    try:
        found = records.find_summary(record_path(config), tell)
    except records.RecordError as error:
        advice = "--overwrite keeps the file under another name and runs again"
        raise records.RecordError(f"{error}; {advice}") from None
    lacks_state = config.keep_state and not variables_path(config).exists()
    return None if found and found["status"] == "done" and lacks_state else found


def print_record(record: dict[str, Any]) -> None:
    """One JSON line on stdout; a reader that has gone away does not end the run.

    Raises:
      OSError: it cannot be written; nothing more is written there then.
    """
    from tqdm import tqdm

    with tqdm.external_write_mode():  # takes the progress bar off the terminal meanwhile
        write_stdout(records.json_line(record))
