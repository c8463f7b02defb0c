"""The documents for users, and the commands and examples that they show."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    "README.md",
    "experiments/README.md",
    "experiments/QUESTIONS.md",
    "experiments/results/README.md",
    "bnjax/README.md",
    "bnjax/report/README.md",
)


class Command(NamedTuple):
    """A command line as a document shows it, and what stands behind it: how long it takes, what it needs."""

    document: str
    line: str
    told: str


def read(document):
    return (ROOT / document).read_text(encoding="utf-8")


def section(document, heading):
    """A document's part under a heading of the second level."""
    return read(document).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def blocks(text, language):
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def _lines(text):
    """The lines of its blocks of commands, and what stands behind each."""
    lines = "".join(blocks(text, "bash")).splitlines()
    return [[part.strip() for part in line.rpartition("   #")[::2]] for line in lines]


def command_lines(text):
    """The lines of its blocks of commands."""
    return [line for line, _ in _lines(text)]


def commands(document):
    """Every command of a document: the lines of its blocks, and the rows of its tables that have one."""
    text = read(document)
    found = [Command(document, *both) for both in _lines(text)]
    rows = re.findall(r"\| `(bnjax [^`]*)` \| ([^|]*) \|", text)
    return found + [Command(document, line.replace("\\|", "|"), told.strip()) for line, told in rows]


def main_jobs(document):
    """Whole command lines of a document that set an environment up."""
    return [one.line for one in commands(document) if one.line.startswith("python3 -m venv")]
