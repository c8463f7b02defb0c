"""What a run says on a terminal: a line an epoch, and a box at its end. Elsewhere its records are printed."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bnjax.commands.comparison import compared, silent_share
from bnjax.commands.ranked import WIDEST, ranking
from bnjax.process.bar import tqdm
from bnjax.process.stdout import write_stdout
from bnjax.runs.recording.recorder import print_record
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id
from bnjax.settings.options import Options
from bnjax.settings.places import record_path
from bnjax.studies.naming import condition_names, unnamed
from bnjax.studies.typed import typed_placement

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Title -> what an epoch's record holds for it, and how it is shown; titles are as wide as their columns.
_COLUMNS: dict[str, tuple[Callable[[Mapping[str, Any]], Any], str]] = {
    "train loss": (lambda epoch: epoch["train_loss"], ".4f"),
    "test loss": (lambda epoch: epoch["test_loss"], ".4f"),
    "accuracy": (lambda epoch: epoch["test_accuracy"], ".2%"),
    "fresh accuracy": (lambda epoch: epoch.get("test_accuracy_fresh"), ".2%"),
    "silent units": (silent_share, ".1%"),
    "seconds": (lambda epoch: epoch["seconds"], ".1f"),
}
_FRESH = "fresh accuracy"
_MOST_SITES = 8


class JSONLines:
    """Prints every record as it is kept: for pipes, files and ``--json``."""

    tell = staticmethod(print_record)

    def close(self, configs: Sequence[Config]) -> None:
        """Says nothing more."""


class Silence:
    """For ``--quiet``: the files alone hold what came of the runs."""

    def tell(self, record: Mapping[str, Any]) -> None:
        """Says nothing."""

    def close(self, configs: Sequence[Config]) -> None:
        """Says nothing more."""


class Screen:
    """For people.

    Args:
      configs: resolved, those of the command.
    """

    def __init__(self, configs: Sequence[Config]) -> None:
        self._configs = {run_id(config): config for config in configs}
        self._names = condition_names(configs)
        self._titles: list[str] = []

    def tell(self, record: Mapping[str, Any]) -> None:
        """Shows a record of one of the runs; of several runs, their ends alone."""
        config = self._configs.get(record["run_id"])
        if config is None:  # one that others start from
            self._configs[record["run_id"]] = config = Config(**record["config"])
            self._names[config] = f"{config.dataset}, for the others to start from"
        alone = len(self._configs) == 1
        if record["kind"] == "epoch" and alone:
            self._epoch(record)
        elif record["kind"] == "run" and alone:
            write(_headline(record, config))
        elif record["kind"] == "summary":
            write(box(record, config) if alone else self._ended(record, config))
            if alone:
                write(f"Records: {record_path(config)}")  # whole, so that it can be copied

    def _epoch(self, record: Mapping[str, Any]) -> None:
        if not self._titles:
            has_fresh = record.get("test_accuracy_fresh") is not None
            self._titles = [title for title in _COLUMNS if title != _FRESH or has_fresh]
            write("  ".join(["epoch", *(f"{title:>10}" for title in self._titles)]))
        cells = [_cell(record, title) for title in self._titles]
        write("  ".join([f"{record['epoch']:>5}", *cells]))

    def _ended(self, record: Mapping[str, Any], config: Config) -> str:
        accuracy = record["final"].get("test_accuracy")
        shown = "" if accuracy is None else f"  test accuracy {accuracy:.2%}"
        return f"{record['status']:<12}{self._names[config]}{shown}  {record['seconds']:.1f} s"

    def close(self, configs: Sequence[Config]) -> None:
        """Ends a sweep: its conditions ranked."""
        if len(configs) > 1:
            write(ranking(compared(configs), unnamed(configs), configs[0].out_dir))


def voice_of(options: Options, configs: Sequence[Config]) -> "JSONLines | Silence | Screen":
    """Who speaks on stdout: what is asked for, else what suits where it goes."""
    if options.quiet:
        return Silence()
    if options.json or sys.stdout is None or not sys.stdout.isatty():
        return JSONLines()
    return Screen(configs)


def write(shown: "RenderableType") -> None:
    """Shows something on stdout, above a progress bar."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=isinstance(shown, str))
    console.width = min(console.width, WIDEST)
    with console.capture() as captured:
        console.print(shown)
    with tqdm.external_write_mode():  # takes the progress bar off the terminal meanwhile
        write_stdout(captured.get())


def _cell(record: Mapping[str, Any], title: str) -> str:
    read, form = _COLUMNS[title]
    value = read(record)
    return f"{'-' if value is None else format(value, form):>{max(10, len(title))}}"


def _headline(record: Mapping[str, Any], config: Config) -> str:
    data, device = record["data"], record["device"]
    device_count = f"{device['count']} x " if device["count"] > 1 else ""
    return (
        f"{config.model} {typed_placement(config)}, {record['parameters']:,} parameters; {data['name']}, "
        f"{data['train_images']:,} training images; {config.epochs} epochs, seed {config.seed}; "
        f"{device_count}{device['kind']}"
    )


def box(summary: Mapping[str, Any], config: Config) -> "RenderableType":
    """What came of a run: best and last, dying units by site, and what to do next."""
    from rich.box import ROUNDED
    from rich.panel import Panel
    from rich.table import Table

    rows = Table.grid(padding=(0, 2))
    for row in _box_rows(summary, config):
        rows.add_row(*row)
    title = f"{config.study or config.model} {typed_placement(config)}: {summary['status']}"
    return Panel(rows, title=f"{title}, {summary['seconds']:.1f} s", title_align="left", box=ROUNDED)


def _box_rows(summary: Mapping[str, Any], config: Config) -> list[tuple[str, str]]:
    best, final = summary["best"], summary["final"]
    rows = []
    for name, form in (("test_accuracy", ".2%"), ("test_accuracy_fresh", ".2%"), ("test_loss", ".4f")):
        if (last := final.get(name)) is not None:
            of_best = best.get(name)
            highest = (
                f"best {of_best:{form}} (epoch {best[f'{name}_epoch']}), " if of_best is not None else ""
            )
            rows.append((name.replace("_", " "), f"{highest}last {last:{form}}"))
    silent = [
        f"{site} {counts['silent']} of {counts['units']}"
        for site, counts in summary["dying"].items()
        if counts["flat"] is not None  # else it is not trained, and what is silent there is not dying
    ]
    if silent:
        more = f", and {len(silent) - _MOST_SITES} more sites" if len(silent) > _MOST_SITES else ""
        rows.append(("silent units", ", ".join(silent[:_MOST_SITES]) + more))
    return [*rows, ("next", _next(summary, config))]


def _next(summary: Mapping[str, Any], config: Config) -> str:
    report = f"bnjax report {config.out_dir} shows all runs there"
    if summary["status"] == "interrupted":
        return f"the same command goes on after step {summary['steps']}"
    if summary["status"] == "diverged":
        return f"a smaller --learning_rate than {config.learning_rate:g}; {report}"
    if set(config.parsed_placement().as_dict().values()) == {"absent"}:
        return (
            f"--placement=all puts norms everywhere; '--vary=placement=none|all' --seeds=3 compares; {report}"
        )
    compares = f"'--vary=placement=none|{typed_placement(config)}' compares"
    return f"--seeds=3 shows what is chance; {compares}; {report}"
