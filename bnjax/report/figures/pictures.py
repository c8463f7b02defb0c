"""The figures as pictures for the page: drawn as SVG, and told in words."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnjax.report.figures.cifar10_figures import PANELS, accuracy_figure, condition_runs
from bnjax.report.figures.mnist_figures import means_figure
from bnjax.report.figures.photograph_figures import comparison_figure, comparisons, held_out_loss
from bnjax.report.figures.vgg7_figures import group_figures
from bnjax.report.page.document import Picture
from bnjax.report.runs.readings import READINGS, Reading, last_tenth_accuracy
from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.sections.mnist import late_accuracy, most_flat, sweep_runs
from bnjax.report.sections.vgg7 import Group
from bnjax.stats.intervals import estimate
from bnjax.studies.cifar10 import TWELVE
from bnjax.studies.mnist import MNIST

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "image/svg+xml"
_MOVIES = {".gif": "image/gif", ".webp": "image/webp"}
#: Larger movies would make the page too heavy to send; they stay where they are.
_LARGEST_MOVIE = 5_000_000
_ACCURACY = Reading("late test accuracy", "%", late_accuracy)
_LAST_TENTH = Reading("test accuracy of the last tenth of epochs", "%", last_tenth_accuracy)
_LOWEST_HELD_OUT = Reading("lowest held-out loss", "nats", lambda run: min(map(held_out_loss, run.epochs)))
_FLAT = Reading("most flat units", "units", most_flat)


def all_pictures(
    cifar10: Sequence[RecordedRun],
    mnist: Sequence[RecordedRun],
    groups: Sequence[Group],
    photographs: Sequence[RecordedRun] = (),
) -> Iterator[Picture]:
    """Those of the published figures that were run, with our data.

    Args:
      cifar10: runs of the CNN.
      mnist: runs of the MLP.
      groups: of VGG7.
      photographs: runs of any network, of which those of MobileNetV2 and of fine-tuning are drawn.
    """
    for sweep, conditions in MNIST.sweeps.items():
        found = sweep_runs(mnist, conditions)
        if 2 * len(found) > len(conditions):
            alt = f"Test accuracy over counts of dying units. {told(found, _ACCURACY, _FLAT)}"
            yield svg_picture(f"mnist-{sweep}", f"MNIST: {sweep}", alt, means_figure(sweep, found))
    for name in PANELS:
        found = condition_runs(cifar10, {c: TWELVE[c] for c in PANELS[name]})
        if len(found) > 1:
            alt = f"Test accuracy over epochs. {told(found, _LAST_TENTH)}"
            yield svg_picture(f"cifar10-{name}", f"CNN: {name}", alt, accuracy_figure(name, found))
    for group in groups:
        for name, figure in group_figures(group):
            yield svg_picture(
                f"vgg7-{group.slug}-{name}", f"{group.title}: {name}", _group_alt(group, name), figure
            )
    for comparison in comparisons(photographs):
        alt = f"Held-out loss over epochs. {told(comparison.found, _LOWEST_HELD_OUT)}"
        title = f"{comparison.title}: {comparison.sweep}"
        yield svg_picture(comparison.name, title, alt, comparison_figure(comparison))


def _group_alt(group: Group, name: str) -> str:
    found = group.sweep(name)
    lowest = READINGS["lowest_loss"]
    if name == "grid":
        ranked = [code for code in group.ranked() if code in found]
        ends = {code: found[code] for code in (ranked[0], ranked[-1])}
        return f"{len(found)} placements by their lowest test loss, first and last: {told(ends, lowest)}"
    return f"Test loss over epochs. {told(found, lowest, READINGS['final_loss'])}"


def told(found: Mapping[str, Sequence[RecordedRun]], *readings: Reading) -> str:
    """Every condition's means in words, such as ``with BN: late test accuracy 98.16 %, n = 5``."""
    parts = []
    for condition, runs in found.items():
        means = [f"{r.label} {estimate([r.read(run) for run in runs]).mean:.4g} {r.unit}" for r in readings]
        parts.append(f"{condition}: {', '.join(means)}, n = {len(runs)}.")
    return " ".join(parts)


def svg_picture(name: str, title: str, alt: str, figure: "Figure") -> Picture:
    """A figure drawn as SVG."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):  # the same records give the same bytes
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return Picture(name, title, alt, _SVG, buffer.getvalue())


def movies(directory: Path) -> Iterator[Picture]:
    """Movies of weight updates that lie below the folder of runs, up to a size that a page can carry."""
    files = sorted(path for path in directory.rglob("*") if path.suffix in _MOVIES)
    for number, path in enumerate(files, start=1):
        if path.stat().st_size <= _LARGEST_MOVIE:
            name = str(path.relative_to(directory))
            alt = (
                "A frame for each epoch; every tile is a unit of the first layer, bright where the epoch "
                "raised its weights most; units without an update stay black and are framed in white."
            )
            yield Picture(f"movie-{number}", f"Movie {name}", alt, _MOVIES[path.suffix], path.read_bytes())
