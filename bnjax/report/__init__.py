"""Results: reads records only, and imports no JAX.

``bnjax.report.load("runs")`` is one tidy DataFrame of all that was recorded.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


def load(directory: str | Path, **select: Any) -> "pandas.DataFrame":
    """Recorded runs below a folder as one tidy table: a row for each run and epoch.

    >>> runs = bnjax.report.load("runs", dataset="digits", placement=["none", "conv,dense"])
    >>> last = runs.groupby("run_id").tail(1)
    >>> last.groupby(["comparison", "condition"]).test_accuracy.agg(["mean", "std", "count"])

    ``comparison`` is equal for runs that can be compared: of one study, network, recipe and length on the
    same data. Within one, ``condition`` names everything that runs differ in but the seed. Whoever groups by
    both never averages unlike runs. Other columns are the settings of the run (``placement``, ``dropout``,
    ``seed`` ...), what it ran on (``data``, ``encoding``, ``device``, ``git_commit``, ``run_status``), the
    epoch's metrics in the records' units, and ``silent``, ``flat`` and ``units`` summed over all sites that
    learn, also by site, frozen ones too (``silent:fc/dense1``). Numbers that were not finite are NaN. A run
    without an epoch has no row.

    Args:
      directory: where the runs lie.
      **select: settings that the runs have: ``recipe="controlled"``, or a list of which any will do.
        Placements are written as on the command line. ``study`` is one, too.

    Raises:
      NotADirectoryError: there is no such folder.
      UnknownSettingError: runs have no such setting (a :class:`TypeError`).
      NoRunsError: no run has them (a :class:`LookupError`); the message says what there is.

    Warns:
      LeftOut: for each run that is left out, and for each field of a later version; the rest is used.
      Mislabelled: for each run with other settings than those of the recipe that it names.
    """
    from bnjax.report.runs.frame import frame_of_folder

    return frame_of_folder(Path(directory), select)
