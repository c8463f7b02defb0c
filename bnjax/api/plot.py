"""The curves of some runs, a line for each condition."""

import dataclasses
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import run_id
from bnjax.studies.naming import condition_names

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


_INCHES = (7.0, 4.2)


def plotted(frame: "pandas.DataFrame", configs: Sequence[Config], metric: str) -> "Figure":
    """See :meth:`bnjax.api.runs.Runs.plot`; ``frame`` and ``configs`` are those of the runs."""
    if metric not in frame or frame[metric].dtype != float:
        numbers = ", ".join(name for name in frame if frame[name].dtype == float and ":" not in name)
        raise ConfigError(f"metric={metric!r} is not a column of numbers: {numbers}")
    figure = _shown_figure()
    axes = figure.subplots()
    for name, ids in _conditions(configs).items():
        rows = frame[frame["run_id"].isin(ids)].pivot_table(index="epoch", columns="run_id", values=metric)
        values = rows.to_numpy()
        if not values.size:
            continue
        label = f"{name} (n = {values.shape[1]})"
        axes.plot(rows.index, np.nanmean(values, axis=1), label=label, marker="." if len(rows) == 1 else "")
        axes.fill_between(rows.index, np.nanmin(values, axis=1), np.nanmax(values, axis=1), alpha=0.15)
    axes.set_xlabel("epoch")
    axes.set_ylabel(metric.replace("_", " "))
    axes.grid(alpha=0.25)
    axes.legend()
    return figure


def _shown_figure() -> "Figure":
    """A figure that notebooks show, also where nothing has imported pyplot."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_png_(self) -> bytes:
            image = io.BytesIO()
            self.savefig(image, format="png")
            return image.getvalue()

    return ShownFigure(figsize=_INCHES, layout="constrained")


def _conditions(configs: Sequence[Config]) -> dict[str, set[str]]:
    """What a condition is called -> the ids of its runs."""
    of_condition: dict[Config, set[str]] = {}
    for config in configs:
        of_condition.setdefault(dataclasses.replace(config, seed=Config.seed), set()).add(run_id(config))
    names = condition_names(list(of_condition))
    return {names[condition]: ids for condition, ids in of_condition.items()}
