"""Command lines of studies: what a page shows to be typed, and what a process is started with."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: The command that has every study's by its name, with or without a script of its own.
_PROGRAM = "bnjax"


@dataclass(frozen=True)
class CommandLine:
    """A study's command and its flags; as text, what one types.

    Attributes:
      study: its name, which is that of its script where it has one.
      flags: name -> value, in the order of the command.
    """

    study: str
    flags: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = (f"--{name}={shlex.quote(str(value))}" for name, value in self.flags.items())
        return " ".join([_PROGRAM, self.study, *shown])

    def arguments(self, folder: Path) -> list[str]:
        """What starts its script with this Python; no shell reads them.

        Args:
          folder: of the scripts.
        """
        given = (f"--{name}={value}" for name, value in self.flags.items())
        return [sys.executable, str(folder / f"{self.study}.py"), *given]
