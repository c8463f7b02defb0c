"""The six accuracy plots of the CIFAR-10 experiment (Qiita, 2018-06-10) with our runs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bnjax.report.figures.plots import (
    COLOURS,
    DASHED,
    band,
    foot,
    headline,
    label_ends,
    new_figure,
    seeds_told,
)
from bnjax.report.runs.recorded import RecordedRun, measured
from bnjax.report.runs.selected import runs_of
from bnjax.schema import EpochRecord
from bnjax.studies.cifar10 import CIFAR10

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DROPOUTS = (0.0, 0.2, 0.4)
#: Plot -> its conditions, as the author drew them; the best case is one of the last one's pairs.
PANELS: dict[str, tuple[str, ...]] = {
    "dropout alone": tuple(f"none, dropout {d}" for d in _DROPOUTS),
    "best case and the same without norms": ("conv,dense, dropout 0.4", "none, dropout 0.4"),
    **{
        f"placements at dropout {d}": tuple(
            f"{placement}, dropout {d}" for placement in ("none", "conv", "dense", "conv,dense")
        )
        for d in _DROPOUTS
    },
    "norms everywhere, by dropout": tuple(f"conv,dense, dropout {d}" for d in _DROPOUTS),
}


def condition_runs(
    runs: Sequence[RecordedRun], conditions: Mapping[str, Mapping[str, Any]], recipe_name: str = "published"
) -> dict[str, list[RecordedRun]]:
    """Condition -> its runs whose epochs all have finite losses; conditions without any are left out."""
    by_condition = {}
    for name, settings in conditions.items():
        same = runs_of(runs, dataclasses.replace(CIFAR10.recipe(recipe_name), **settings))
        whole = [run for run in same if run.epochs and all(e["status"] == "ok" for e in run.epochs)]
        if whole:
            by_condition[name] = whole
    return by_condition


def accuracy_figure(name: str, found: Mapping[str, Sequence[RecordedRun]]) -> "Figure":
    """Test accuracy over epochs, a line for each condition: the mean over seeds, in their range.

    The author's axis, 40 to 80%, where nothing of ours leaves it.
    """
    figure = new_figure(8, 4.8)
    axes = figure.subplots()
    for number, (condition, runs) in enumerate(found.items()):
        plain = condition.startswith("none") and name != "dropout alone"
        look = {"color": COLOURS[number], "linestyle": DASHED if plain else "-"}
        band(axes, runs, _accuracy, look)
    low, high = axes.get_ylim()
    axes.set_ylim(min(40.0, low), max(80.0, high))
    label_ends(axes, list(found))
    axes.set_xlabel("epoch")
    axes.set_ylabel("test accuracy, %")
    headline(figure, f"{name}. {seeds_told(found.values())}")
    foot(figure, [run for runs in found.values() for run in runs])
    return figure


def _accuracy(epoch: EpochRecord) -> float:
    return 100 * measured(epoch["test_accuracy"])
