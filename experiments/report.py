"""Recorded runs as tables and figures: ``bnjax report``, and measurements of speed beside them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnjax.commands.reporting import report

if TYPE_CHECKING:
    from bnjax.report.page.document import Section


def speed(files: Sequence[Path], pictures: bool) -> "Section":
    from speed_peers.measurement_files import load_speed
    from speed_peers.section import speed_section

    return speed_section(load_speed(files), pictures=pictures)


def main(argv: list[str]) -> int:
    return report(argv, speed)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
