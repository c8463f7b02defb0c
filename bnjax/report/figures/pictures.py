"""Which figures the runs give, and what each shows in words; movies of the runs."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bnjax.probes.dying import DYING
from bnjax.report.figures.cifar10_figures import PANELS, accuracy_figure, condition_runs
from bnjax.report.figures.drawing import Drawing
from bnjax.report.figures.mnist_figures import means_figure, seeds_figure
from bnjax.report.figures.photograph_figures import comparison_figure, comparisons, held_out_loss
from bnjax.report.figures.probe_figures import is_dull, map_figure, of_several, scatter_figure
from bnjax.report.figures.side_by_side_figures import curves_figure, dots_figure
from bnjax.report.figures.vgg7_figures import group_figures
from bnjax.report.page.document import PageFigure
from bnjax.report.runs.readings import READINGS, Reading, last_tenth_accuracy, most_flat
from bnjax.report.runs.recorded import RecordedRun, of_study
from bnjax.report.runs.selected import first_epochs
from bnjax.report.sections.mnist import late_accuracy, sweep_runs
from bnjax.report.sections.probe_numbers import ProbeNumber, probe_numbers
from bnjax.report.sections.side_by_side import Counted, section_names
from bnjax.report.sections.vgg7 import Group, vgg7_groups
from bnjax.stats.intervals import estimate
from bnjax.studies.cifar10 import CIFAR10, TWELVE
from bnjax.studies.mnist import MNIST
from bnjax.studies.vgg7 import VGG7

_MOVIES = {".gif": "image/gif", ".webp": "image/webp"}
#: Larger movies would make the page too heavy to send; they stay where they are.
_LARGEST_MOVIE = 5_000_000
_ACCURACY = Reading("late test accuracy", "%", late_accuracy)
_LAST_TENTH = Reading("test accuracy of the last tenth of epochs", "%", last_tenth_accuracy)
_LOWEST_HELD_OUT = Reading("lowest held-out loss", "nats", lambda run: min(map(held_out_loss, run.epochs)))
_FLAT = Reading("most flat units", "units", most_flat)
_FINAL = (READINGS["final_accuracy"]._replace(unit="%"), READINGS["final_loss"])


def drawings(runs: Sequence[RecordedRun], epoch: int | None = None) -> Iterator[Drawing]:
    """The published figures, with our data, of all comparisons of which more than half was run.

    Args:
      runs: of any experiment.
      epoch: the last that counts; None: all.
    """
    whole = first_epochs(runs, epoch) if epoch else runs
    yield from _of_mnist(whole)
    yield from _of_cifar10(whole)
    for group in vgg7_groups(of_study(runs, VGG7.name), epoch):
        for name, draw in group_figures(group).items():
            title, alt = f"{group.title}: {name}", _group_alt(group, name)
            yield Drawing(f"vgg7-{group.slug}-{name}", title, alt, draw)
    for comparison in comparisons(whole):
        alt = f"Held-out loss over epochs. {means_in_words(comparison.found, _LOWEST_HELD_OUT)}"
        draw = functools.partial(comparison_figure, comparison)
        yield Drawing(comparison.name, f"{comparison.title}: {comparison.sweep}", alt, draw)


def side_by_side_drawings(comparisons: Sequence[Counted]) -> dict[str, list[Drawing]]:
    """A section's name -> dots of its comparison, and curves where there is more than one epoch."""
    found = {}
    for name, each in zip(section_names(comparisons), comparisons, strict=True):
        runs = {condition: list(by_seed.values()) for condition, by_seed in each.with_runs.items()}
        if runs:
            title, alt = each.comparison.title, means_in_words(runs, *_FINAL)
            dots = functools.partial(dots_figure, each)
            found[name] = [
                Drawing(f"{name}-dots", f"{title}: last epoch", f"Dots and intervals. {alt}", dots)
            ]
            if each.comparison.epochs > 1:
                curves = functools.partial(curves_figure, each)
                shown = Drawing(f"{name}-curves", f"{title}: curves", f"Lines over epochs. {alt}", curves)
                found[name].append(shown)
            found[name] += _of_probes(name, each, runs)
    return found


def _of_probes(name: str, compared: Counted, runs: Mapping[str, Sequence[RecordedRun]]) -> Iterator[Drawing]:
    """A map for each number that probes have of sites, and all numbers beside accuracy."""
    numbers, title = probe_numbers(compared.found), compared.comparison.title
    for number in numbers:
        if number.probe.by_site and not is_dull(number, runs):
            alt = f"Sites over epochs in colours. {_mean_over_sites(number, compared)}"
            draw = functools.partial(map_figure, compared, number)
            yield Drawing(f"{name}-{number.name}", f"{title}: {number.shown.title}", alt, draw)
    beside = [number for number in numbers if number.probe is not DYING and of_several(number, compared)]
    if beside:
        alt = " ".join(_mean_over_sites(number, compared) for number in beside)
        draw = functools.partial(scatter_figure, compared, beside)
        shown = f"Test accuracy over what probes measured, after the last epoch. {alt}"
        yield Drawing(f"{name}-probes", f"{title}: probes beside accuracy", shown, draw)


def _mean_over_sites(number: ProbeNumber, compared: Counted) -> str:
    levels = {
        condition: number.measure.level(by_seed, compared.interval)
        for condition, by_seed in compared.with_runs.items()
    }
    told = [f"{condition} {level.mean:.3g}" for condition, level in levels.items() if level]
    return f"{number.shown.title}: {', '.join(told)}."


def _of_mnist(runs: Sequence[RecordedRun]) -> Iterator[Drawing]:
    for sweep, found in _mnist_sweeps(runs).items():
        alt = f"Test accuracy over counts of dying units. {means_in_words(found, _ACCURACY, _FLAT)}"
        draw = functools.partial(means_figure, sweep, found)
        yield Drawing(f"mnist-{sweep}", f"MNIST: {sweep}", alt, draw)


def seed_drawings(runs: Sequence[RecordedRun], epoch: int | None = None) -> Iterator[Drawing]:
    """The figures of MNIST seed by seed, for which the page has no room."""
    for sweep, found in _mnist_sweeps(first_epochs(runs, epoch) if epoch else runs).items():
        alt = f"Accuracy over counts of dying units, seed by seed. {means_in_words(found, _ACCURACY, _FLAT)}"
        draw = functools.partial(seeds_figure, sweep, found)
        yield Drawing(f"mnist-{sweep}-seeds", f"MNIST: {sweep}, seed by seed", alt, draw)


def _mnist_sweeps(runs: Sequence[RecordedRun]) -> dict[str, dict[str, list[RecordedRun]]]:
    """Sweep -> condition -> runs; what a sweep shares with another is not worth a figure."""
    mnist = of_study(runs, MNIST.name)
    sweeps = {sweep: sweep_runs(mnist, conditions) for sweep, conditions in MNIST.sweeps.items()}
    return {sweep: found for sweep, found in sweeps.items() if 2 * len(found) > len(MNIST.sweeps[sweep])}


def _of_cifar10(runs: Sequence[RecordedRun]) -> Iterator[Drawing]:
    for name in PANELS:
        conditions = {condition: TWELVE[condition] for condition in PANELS[name]}
        found = condition_runs(of_study(runs, CIFAR10.name), conditions)
        if len(found) > 1:
            alt = f"Test accuracy over epochs. {means_in_words(found, _LAST_TENTH)}"
            draw = functools.partial(accuracy_figure, name, found)
            yield Drawing(f"cifar10-{name}", f"CNN: {name}", alt, draw)


def _group_alt(group: Group, name: str) -> str:
    found = group.sweep(name)
    lowest = READINGS["lowest_loss"]
    if name == "grid":
        ranked = [code for code in group.ranked() if code in found]
        ends = {code: found[code] for code in (ranked[0], ranked[-1])}
        told = means_in_words(ends, lowest)
        return f"{len(found)} placements by their lowest test loss, first and last: {told}"
    return f"Test loss over epochs. {means_in_words(found, lowest, READINGS['final_loss'])}"


def means_in_words(found: Mapping[str, Sequence[RecordedRun]], *readings: Reading) -> str:
    """Every condition's means in words, such as ``with BN: late test accuracy 98.16 %, n = 5``."""
    parts = []
    for condition, runs in found.items():
        means = [f"{r.label} {estimate([r.read(run) for run in runs]).mean:.4g} {r.unit}" for r in readings]
        parts.append(f"{condition}: {', '.join(means)}, n = {len(runs)}.")
    return " ".join(parts)


def movies(directory: Path) -> Iterator[PageFigure]:
    """Movies of weight updates that lie below the folder of runs, up to a size that a page can carry."""
    files = sorted(path for path in directory.rglob("*") if path.suffix in _MOVIES)
    for number, path in enumerate(files, start=1):
        if path.stat().st_size <= _LARGEST_MOVIE:
            name = str(path.relative_to(directory))
            alt = (
                "A frame for each epoch; every tile is a unit of the first layer, bright where the epoch "
                "raised its weights most; units without an update stay black and are framed in white."
            )
            yield PageFigure(f"movie-{number}", f"Movie {name}", alt, _MOVIES[path.suffix], path.read_bytes())
