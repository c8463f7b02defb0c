"""Where the numbers come from: every run with its command, commit, versions, device and data."""

import dataclasses
import sys
from collections.abc import Sequence

from bnjax.report.page.document import Section, Table, TableCell, number, text
from bnjax.report.runs.recorded import RecordedRun
from bnjax.settings.command_line import CommandLine
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.identity import identity
from bnjax.studies import STUDIES, recipe
from bnjax.studies.typed import spoken, typed_placement

_COLUMNS = (
    "run",
    "condition",
    "recipe",
    "seed",
    "epochs",
    "ended",
    "data set",
    "device",
    "versions",
    "commit",
    "started",
    "command",
)


def command_text(run: RecordedRun) -> str:
    """The command that makes a run, by the flags that differ from its recipe; empty for a run of no study."""
    config = run.config
    if run.study not in STUDIES:
        return ""
    base = dataclasses.replace(recipe(run.study, config.recipe), recipe=Config.recipe, order=config.order)
    names = [field.name for field in FIELDS if field.metadata["identity"]]
    ours = {name: getattr(config, name) for name in sorted(names, key=lambda name: name != "recipe")}
    flags = {name: value for name, value in ours.items() if value != getattr(base, name)}
    return str(CommandLine(run.study, flags))


def condition_of(run: RecordedRun) -> str:
    """The settings that differ from the defaults, but for seed, epochs and recipe."""
    told = {"model", "placement", "seed", "epochs", "recipe", "dataset"}
    config = run.config
    apart = [spoken(name, value) for name, value in identity(config).items() if name not in told]
    return ", ".join([f"{config.model} {typed_placement(config)}", *apart])


def runs_section(runs: Sequence[RecordedRun], problems: Sequence[str]) -> Section:
    """A row for every run, whether it counts or not, and a line for each thing left out."""
    ended = [run.summary["status"] if run.summary else "unfinished" for run in runs]
    counts = {status: ended.count(status) for status in sorted(set(ended))}
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    paragraphs = [f"{len(runs)} runs were read: {told or 'none'}. Only finite epochs count."]
    if problems:
        paragraphs.append(f"{len(problems)} things are left out, damaged or not what they call themselves:")
    rows = [_row(run, status) for run, status in zip(runs, ended, strict=True)]
    return Section(
        "runs",
        "Every run and where it comes from",
        [*paragraphs, *problems],
        [Table("Runs", _COLUMNS, rows)],
    )


def _row(run: RecordedRun, ended: str) -> list[TableCell]:
    told, config = run.run, run.config
    data, device = told["data"], told["device"]
    versions = [
        f"{name} {told['versions'][name]}" for name in ("jax", "flax", "bnjax") if name in told["versions"]
    ]
    seed, epochs = number(config.seed), number(len(run.epochs))
    words = [ended, f"{data.get('name')} {data.get('version') or ''} ({data.get('encoding')})"]
    words += [f"{device.get('count')} {device.get('kind')}", ", ".join(versions)]
    words += [(told["git_commit"] or "unknown")[:12], told["started"]]
    names = [text(told["run_id"]), text(condition_of(run)), text(config.recipe)]
    return [*names, seed, epochs, *map(text, words), TableCell(command_text(run), None, "command")]


def provenance(runs: Sequence[RecordedRun]) -> str:
    """One line that says what numbers rest on: data, devices, versions, commits, seeds."""
    told = {
        "data": "{data[name]} {data[version]}, {data[encoding]}",
        "device": "{device[count]} {device[kind]}",
        "versions": "jax {versions[jax]}, flax {versions[flax]}",
        "commit": "{git_commit:.12}",
        "seeds": "{config[seed]}",
        "epochs": "{config[epochs]}",
    }
    facts = [{**run.run, "git_commit": run.run["git_commit"] or "unknown"} for run in runs]
    values = {name: {text.format(**fact) for fact in facts} for name, text in told.items()}
    parts = [f"{name} {', '.join(sorted(texts, key=_by_number))}" for name, texts in values.items()]
    return "; ".join([f"{len(runs)} runs", *parts])


def _by_number(text: str) -> tuple[int, str]:
    """Sorts 2 before 10, and words after numbers."""
    return (int(text), "") if text.isdecimal() else (sys.maxsize, text)
