"""What probes measured of conditions, as numbers of a site, of an epoch, or of a run's last one."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnjax.probes import PROBES, Probe
from bnjax.probes.dying import DYING
from bnjax.probes.probe import Shown
from bnjax.report.page.document import Table, number, text
from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.sections.measures import ACCURACY, Measure, level_cell
from bnjax.schema import EpochRecord
from bnjax.stats.intervals import Estimate, Interval, estimate, possible

#: Condition -> seed -> run.
Found = Mapping[str, Mapping[int, RecordedRun]]
_NOTE = (
    "After the last epoch; what a probe records by site is the mean over sites here. Means over n seeds, in "
    "brackets 95% intervals ({interval})."
)


@dataclass(frozen=True)
class ProbeNumber:
    """A number that a probe records, see :class:`bnjax.probes.Shown`."""

    probe: Probe
    name: str
    shown: Shown

    def of_epoch(self, epoch: EpochRecord, site: str = "") -> float | None:
        """Of a site, or of the whole network; None where the record has none.

        Args:
          site: empty where the probe is of the network.
        """
        recorded: Any = epoch.get(self.probe.name) or {}
        found = recorded.get(site, {}) if self.probe.by_site else recorded
        value, whole = found.get(self.name), found.get(self.shown.part_of, 1)
        return value / whole if value is not None and whole else None

    def sites(self, runs: Sequence[RecordedRun]) -> list[str]:
        """Those that any of the runs has it of, in the order in which data meets them."""
        recorded: list[Any] = [epoch.get(self.probe.name) or {} for run in runs for epoch in run.epochs]
        told = [of_site for of_epoch in recorded for of_site in of_epoch.items()]
        having = {site for site, numbers in told if numbers.get(self.name) is not None}
        known = dict.fromkeys(site.name for run in runs for site in run.config.sites)
        return [site for site in known if site in having]

    def last(self, run: RecordedRun) -> float | None:
        """After the last epoch, the mean over sites."""
        sites = self.sites([run]) if self.probe.by_site else [""]
        values = [self.of_epoch(run.epochs[-1], site) for site in sites]
        known = [value for value in values if value is not None]
        return statistics.fmean(known) if known else None

    def level(self, runs: Sequence[RecordedRun], site: str, interval: Interval) -> Estimate | None:
        """Of a site after the last epoch: the mean over runs, its interval cut to what there may be."""
        values = [self.of_epoch(run.epochs[-1], site) for run in runs]
        known = [value for value in values if value is not None]
        return possible(estimate(known, interval=interval), self._unit) if known else None

    @property
    def _unit(self) -> str:
        return "" if self.shown.scale == "signed" else "size"

    @property
    def measure(self) -> Measure:
        """The same as a column."""
        return Measure(self.shown.title, self._unit, ".3g", self.last)


def probe_numbers(found: Found) -> list[ProbeNumber]:
    """What any of the runs has after its last epoch, in the order of the probes."""
    runs = [run for by_seed in found.values() for run in by_seed.values()]
    every = [
        ProbeNumber(probe, name, shown) for probe in PROBES.values() for name, shown in probe.drawn.items()
    ]
    return [one for one in every if any(one.last(run) is not None for run in runs)]


def probe_table(found: Found, interval: Interval) -> list[Table]:
    """Probes beside accuracy, a row for each condition; nothing where units alone were counted."""
    measures = [one.measure for one in probe_numbers(found) if one.probe is not DYING]
    if not measures:
        return []
    shown = (ACCURACY, *measures)
    rows = [
        [text(name), number(n), *(level_cell(one.level(by_seed, interval), one.form, n) for one in shown)]
        for name, by_seed in found.items()
        if (n := len(by_seed))
    ]
    columns = ["condition", "n", *(one.title for one in shown)]
    return [Table("Probes beside accuracy", columns, rows, _NOTE.format(interval=interval.name))]
