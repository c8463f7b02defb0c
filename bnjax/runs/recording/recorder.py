"""Where a run's records go: to its file, and to whoever looks on."""

import itertools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from bnjax import records
from bnjax.files import write_whole
from bnjax.probes import chosen_probes
from bnjax.process.signals import held_signals
from bnjax.process.stdout import write_stdout
from bnjax.schema import SummaryRecord
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id
from bnjax.settings.places import record_path, variables_path


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
        #: The summary of this attempt, once it is written.
        self.summary: dict[str, Any] | None = None
        self._whole = threading.Lock()  # the last words of a run come from a second thread

    def emit(self, kind: str, **fields: Any) -> None:
        """Makes, keeps and tells one record; ignores what comes after a summary.

        Two threads may come to say how a run ended: the first one to speak is right.
        """
        if self._mute:
            return
        record = records.make_record(kind, self.run_id, **fields)
        with self._whole, held_signals():
            if self.summary:
                return
            if not self._opened:
                self._open()
            records.append(self.path, record)
            if kind == "summary":
                self.summary = record
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
        kept: list[Mapping[str, Any]] = [r for r in records.read(self.path) if r["kind"] == "run"]
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


def finished_summary(config: Config, tell: Callable[[str], None] = lambda line: None) -> SummaryRecord | None:
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
        summary = records.find_summary(record_path(config), tell)
    except records.RecordError as error:
        advice = "--overwrite keeps the file under another name and runs again"
        raise records.RecordError(f"{error}; {advice}") from None
    lacks_state = config.keep_state and not variables_path(config).exists()
    return None if summary and summary["status"] == "done" and lacks_state else summary


def lacking_probes(finished: Mapping[Config, Mapping[str, Any]]) -> str:
    """What is said of runs that ended before and did not record what is asked now; empty where all did.

    Args:
      finished: the config as it is asked for -> the summary that there is.
    """
    lacking = [
        {probe.name for probe in chosen_probes(config.probes)} - summary.keys()
        for config, summary in finished.items()
    ]
    runs, names = sum(map(bool, lacking)), sorted(set().union(*lacking))
    if not runs:
        return ""
    of = "its records lack" if len(finished) == 1 else f"of {runs} finished runs the records lack"
    return f"{of} {', '.join(names)} of --probes, which --overwrite makes anew"


def same_command(config: Config) -> str:
    """What to start so that a run goes on that was stopped."""
    anew = {"--overwrite": config.overwrite, "--noresume": not config.resume}
    without = " and ".join(flag for flag, given in anew.items() if given)
    return f"the same command without {without}" if without else "the same command"


def print_record(record: Mapping[str, Any]) -> None:
    """One JSON line on stdout; a reader that has gone away does not end the run.

    Raises:
      OSError: it cannot be written; nothing more is written there then.
    """
    from bnjax.process.bar import tqdm

    with tqdm.external_write_mode():  # takes the progress bar off the terminal meanwhile
        write_stdout(records.json_line(record))
