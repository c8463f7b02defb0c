"""Results: reads records only, and imports no JAX.

``bnjax.report.load("runs")`` is one tidy DataFrame of all that was recorded.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas


def load(directory: str | Path) -> "pandas.DataFrame":
    """All recorded runs below a folder as one tidy table: a row for each run and epoch.

    Columns are the settings of the run (``placement``, ``dropout``, ``seed`` ...), what it ran on (``data``,
    ``encoding``, ``device``, ``git_commit``, ``run_status``), the epoch's metrics in the records' units, and
    ``silent``, ``flat`` and ``units`` summed over all sites, also by site (``silent:fc/dense1``). Numbers
    that were not finite are NaN. A run without an epoch has no row.

    Raises:
      NotADirectoryError: there is no such folder.

    Warns:
      LeftOut: for each run that is left out, and for each field of a later version; the rest is used.
    """
    from bnjax.report.frame import frame_of_folder

    return frame_of_folder(Path(directory))
