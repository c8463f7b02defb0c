"""What training returns: the runs, as tables, figures and variables. Imports no JAX by itself."""

import functools
import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnjax.api.plot import plotted
from bnjax.checksummed import read_arrays
from bnjax.commands.comparison import Compared, compared, recorded, row_in_words
from bnjax.report.runs.frame import frame_of
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.places import record_path, variables_path
from bnjax.stats.intervals import Estimate
from bnjax.studies.naming import unnamed

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from bnjax.models import Network
    from bnjax.report.runs.recorded import RecordedRun


@dataclass(frozen=True, eq=False)
class Runs:
    """Trained runs of one call; a notebook shows them as a table of their conditions.

    ``len(runs)`` counts them, and ``runs[0]`` is one of them alone.

    Attributes:
      study: whose recipe they have.
      configs: all their settings, one for each run.
      notes: lines on what to know of them, such as running statistics that lag behind the weights.
    """

    study: str
    configs: tuple[Config, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.configs)

    def __getitem__(self, number: int) -> "Runs":
        return Runs(self.study, (self.configs[number],), self.notes)

    def __iter__(self) -> "Iterator[Runs]":
        return (self[number] for number in range(len(self)))

    @functools.cached_property
    def recorded(self) -> "list[RecordedRun]":
        """Their records, as the report reads them."""
        return recorded(self.configs)

    @functools.cached_property
    def frame(self) -> "pandas.DataFrame":
        """A row for each run and epoch: settings, metrics, dying units; see :func:`bnjax.load`."""
        return frame_of(self.recorded)

    @functools.cached_property
    def comparison(self) -> list[Compared]:
        """Their conditions, the best first, each held against the first one that was asked for."""
        return compared(self.configs)

    @property
    def summary(self) -> "pandas.DataFrame":
        """A row for each condition, the best last test accuracy first.

        Columns: ``n`` seeds, ``test_accuracy`` with ``low`` and ``high`` of its 95% interval, the mean
        ``test_accuracy_fresh``, ``test_loss`` in nats, ``silent`` (fraction of units), ``difference`` of the
        accuracy from the first condition, paired by seed, with its interval, and ``left_out``: runs that
        diverged.
        """
        import pandas

        return pandas.DataFrame(map(_row, self.comparison)).set_index("condition")

    def plot(self, metric: str = "test_accuracy") -> "Figure":
        """A line for each condition over the epochs, in a band from its lowest to its highest run.

        Args:
          metric: a column of :attr:`frame`, such as ``test_loss`` or ``silent``.

        Returns:
          A figure that a notebook shows, and ``savefig`` writes.

        Raises:
          ConfigError: there is no such column of numbers.
        """
        return plotted(self.frame, self.configs, metric)

    @property
    def variables(self) -> dict[str, Any]:
        """``params`` and ``batch_stats`` at the end of a run, for :attr:`model` and for Flax.

        Raises:
          ConfigError: these are several runs, or the run kept none; says what to do.
        """
        from flax.traverse_util import unflatten_dict

        path = variables_path(self._one("variables"))
        if not path.exists():
            raise ConfigError(f"{path} is not there: the run diverged, or was made without keep_state=True")
        arrays = read_arrays(path)
        if arrays is None:
            raise ConfigError(f"{path} is damaged; train again with overwrite=True")
        tree = unflatten_dict({tuple(name.split("/")): array for name, array in arrays.items()})
        return {"params": {}, "batch_stats": {}, **tree}

    @property
    def model(self) -> "Network":
        """The network of a run: ``runs.model.apply(runs.variables, images)`` are logits.

        Images are scaled as the run scaled them: ``raw`` are 0 to 255.

        Raises:
          ConfigError: these are several runs.
        """
        from bnjax.models import build_model

        config = self._one("model")
        return build_model(config, self.recorded[0].data["classes"])

    def _one(self, what: str) -> Config:
        if len(self.configs) > 1:
            raise ConfigError(f"these are {len(self.configs)} runs; write runs[0].{what} for the first one's")
        return self.configs[0]

    def _title(self) -> str:
        folders = sorted({str(record_path(config).parents[1]) for config in self.configs})
        counts = {"run": len(self), "condition": len(self.comparison), "diverged": self._diverged}
        told = [f"{n} {what}{'s' if n > 1 and what != 'diverged' else ''}" for what, n in counts.items() if n]
        usual = unnamed(self.configs)
        unsaid = f"; where a condition says nothing else: {usual}" if usual else ""
        return f"{self.study}: {', '.join(told)}; records in {', '.join(folders)}{unsaid}"

    @property
    def _diverged(self) -> int:
        return sum(row.left_out for row in self.comparison)

    def __repr__(self) -> str:
        return "\n".join([self._title(), self.shown.to_string(index=False), *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<p>{html.escape(self._title())}</p>{self.shown.to_html(index=False)}{notes}"

    @property
    def shown(self) -> "pandas.DataFrame":
        """:attr:`summary` in words and percent, for people."""
        import pandas

        rows = pandas.DataFrame(map(row_in_words, self.comparison)).drop(columns="left out")
        return rows if len(rows) > 1 else rows.drop(columns="difference, points")


def _row(row: Compared) -> dict[str, Any]:
    accuracy, difference = row.accuracy or _NONE, row.difference or _NONE
    return {
        "condition": row.name,
        "n": accuracy.n,
        "test_accuracy": accuracy.mean,
        "low": accuracy.low,
        "high": accuracy.high,
        "test_accuracy_fresh": row.fresh.mean if row.fresh else None,
        "test_loss": row.loss.mean if row.loss else None,
        "silent": row.silent,
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "left_out": row.left_out,
    }


_NONE = Estimate(float("nan"), None, None, 0)
