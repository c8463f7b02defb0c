"""``bnjax diagnose``: what the records of runs show, in words. Imports no JAX."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bnjax.commands.comparison import recorded
from bnjax.commands.parsing.plugin_flag import load_given_plugin
from bnjax.commands.parsing.usage import Parser, complain, name_of
from bnjax.diagnosis import RULES, Finding, History, diagnosed, not_looked_at
from bnjax.probes import ALL, PROBES
from bnjax.process.stdout import write_stdout
from bnjax.records import FILE_NAME
from bnjax.report.runs.recorded import RecordedRun, load_sound_runs
from bnjax.settings.config import Config
from bnjax.studies.typed import typed_placement

ABOUT = """\
What the records of runs show, in words: statistics that lag, dying units, dropout in front of norms and more.

  {typed} runs/569d7f4ccf55     one run
  {typed} runs                  every run below a folder, a paragraph each

Most rules read what --probes=all records of a run; those that had nothing to read are named.

Rules:
"""
#: Runs with findings, of which more are counted alone.
_MOST_RUNS = 20


def diagnose(argv: Sequence[str]) -> int:
    """Says what is found of the runs that a command line names.

    Args:
      argv: the command as it was called, and its arguments.

    Returns:
      The exit code: 0 whatever is found, 1 where no run can be read.

    Raises:
      SystemExit: for help, or after a line about wrong usage.
    """
    folder = _arguments(argv)
    runs, problems = load_sound_runs(folder)
    for problem in problems:
        print(f"{name_of(argv[0])}: {problem}", file=sys.stderr)
    if not runs:
        print(f"{name_of(argv[0])}: no run below {folder} can be read", file=sys.stderr)
        return 1
    write_stdout(paragraphs(runs) + "\n")
    return 0


def _arguments(argv: Sequence[str]) -> Path:
    rules = "\n".join(
        f"  {rule.name:<12}{rule.means}; limit {rule.threshold:g} ({rule.source})" for rule in RULES.values()
    )
    parser = Parser(argv[0], ABOUT + rules)
    parser.add_argument(
        "run", type=Path, metavar="RUN", help=f"the folder of a run, or of many, or {FILE_NAME}"
    )
    parser.add_argument("--plugin", metavar="FILE.py", help="what the runs were made with")
    asked: argparse.Namespace = parser.parse_args(argv[1:])
    load_given_plugin(argv)
    folder: Path = asked.run.parent if asked.run.name == FILE_NAME else asked.run
    if not folder.is_dir():
        complain(argv[0], f"{asked.run} is neither the folder of a run nor one of runs")
    return folder


def paragraphs(runs: Sequence[RecordedRun]) -> str:
    """A paragraph for each run with findings, bounded, and what of the others.

    Args:
      runs: one at least.
    """
    histories = [History(run.config, run.epochs) for run in runs]
    found = [diagnosed(history) for history in histories]
    ailing = [(run, findings) for run, findings in zip(runs, found, strict=True) if findings]
    paragraphs = [_paragraph(run, findings) for run, findings in ailing[:_MOST_RUNS]]
    if more := len(ailing) - _MOST_RUNS:
        paragraphs += [f"And {more} more runs with findings."] if more > 0 else []
    healthy = [run for run, findings in zip(runs, found, strict=True) if not findings]
    if len(healthy) == 1:
        paragraphs.append(f"{_headline(healthy[0])}\n  nothing found")
    elif healthy:
        paragraphs.append(f"Nothing found of {len(healthy)} {'other ' if ailing else ''}runs.")
    return "\n\n".join([*paragraphs, *_unread(not_looked_at(histories))])


def findings_told(configs: Sequence[Config]) -> str:
    """Which rules find something in how many of these runs; empty where none does.

    Args:
      configs: resolved.
    """
    runs = recorded(configs)
    rules = Counter(
        rule
        for run in runs
        for rule in {finding.rule for finding in diagnosed(History(run.config, run.epochs))}
    )
    if not rules:
        return ""
    of_rules = ", ".join(f"{rule} in {rules[rule]}" for rule in RULES if rule in rules)
    return f"findings in {len(runs)} runs: {of_rules}; bnjax diagnose {configs[0].out_dir} says what they are"


def _headline(run: RecordedRun) -> str:
    config, last = run.config, run.epochs[-1] if run.epochs else None
    ended = run.summary["status"] if run.summary else "unfinished"
    accuracy = last["test_accuracy"] if last else None
    reached = "" if accuracy is None else f", test accuracy {accuracy:.1%}"
    what = f"{run.study or config.model} {typed_placement(config)}, {config.dataset}, seed {config.seed}"
    length = f"{len(run.epochs)} epoch{'' if len(run.epochs) == 1 else 's'}"
    return f"run {run.run_id}: {what}; {ended} after {length}{reached}"


def _paragraph(run: RecordedRun, findings: Sequence[Finding]) -> str:
    return "\n".join([_headline(run), *(f"  - {found.words} ({found.source})" for found in findings)])


def _unread(rules: Sequence[str]) -> list[str]:
    if not rules:
        return []
    read = dict.fromkeys(RULES[name].needs for name in rules)
    flag = f"; --probes={ALL} records it" if any(name in PROBES for name in read) else ""
    return [f"Not looked at, since no run recorded it: {', '.join(rules)}{flag}."]
