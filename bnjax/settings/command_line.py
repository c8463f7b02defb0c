"""Command lines of the experiments: what a page shows to be typed, and what a process is started with."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Where the scripts lie, as seen from the folder that commands are typed in.
_SCRIPTS = "experiments"


@dataclass(frozen=True)
class CommandLine:
    """A script of a study and its flags; as text, what one types.

    Attributes:
      study: the script's name.
      flags: name -> value, in the order of the command.
    """

    study: str
    flags: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = (f"--{name}={shlex.quote(str(value))}" for name, value in self.flags.items())
        return " ".join(["python", f"{_SCRIPTS}/{self.study}.py", *shown])

    def arguments(self, folder: Path) -> list[str]:
        """What starts it with this Python; no shell reads them.

        Args:
          folder: of the scripts.
        """
        given = (f"--{name}={value}" for name, value in self.flags.items())
        return [sys.executable, str(folder / f"{self.study}.py"), *given]
