"""Figures of any runs, on screens and on paper."""

import re

import pytest
from matplotlib.text import Text
from test_report_mnist import record_run
from test_report_vgg7 import record_run as record_vgg7

from bnjax.report.figures.plots import drawn_for, fit_letters
from bnjax.report.page.build import all_drawings, read_folder
from bnjax.studies import STUDIES
from bnjax.studies.mnist import MNIST


@pytest.mark.parametrize("width", ["", "column", "page"])
def test_no_letter_of_a_figure_lies_outside_of_it(tmp_path, width):
    runs = tmp_path / "runs"
    for settings in MNIST.sweeps["leaky"].values():
        record_run(runs, [0.9, 0.91], epochs=2, **settings)
    for settings in STUDIES["vgg7"].sweeps["block1"].values():
        told = dict(dataset="folder:photographs-of-flowers", image_size=16, train_images=250)
        record_vgg7(runs, [2.0, 1.0], settings["placement"], **told)
    for drawing in all_drawings(read_folder(runs)):
        if width == "column" and drawing.name.endswith("-seeds"):
            continue  # ten panels side by side are for a page
        letters_lie_inside(drawing, width)


@pytest.mark.parametrize("width", ["", "column", "page"])
def test_no_letter_of_the_grid_lies_outside_of_it_or_on_others(tmp_path, width):
    """All 64 placements; names of lines stand above the rows."""
    for number, placement in enumerate(STUDIES["vgg7"].sweeps["grid"]):
        record_vgg7(tmp_path, [2.0 + number / 64], placement)
    [drawing] = [one for one in all_drawings(read_folder(tmp_path)) if one.name.endswith("-grid")]
    figure = letters_lie_inside(drawing, width)
    rows = figure.axes[0]
    assert rows.get_legend().get_window_extent().y0 >= rows.bbox.y1
    assert rows.get_legend().get_window_extent().y1 <= rows.title.get_window_extent().y0 + 2


def letters_lie_inside(drawing, width):
    """The figure, drawn for that width."""
    with drawn_for(width):
        figure = drawing.draw()
        fit_letters(figure)
        figure.draw_without_rendering()
    whole = figure.bbox.padded(2)
    for letters in figure.findobj(Text):
        box = letters.get_window_extent()
        of_a_tick = re.fullmatch(r"[\W\d]*", letters.get_text())  # some lie beyond the axis, undrawn
        if letters.get_visible() and not of_a_tick and box.width:
            corners = [(box.x0, box.y0), (box.x1, box.y1)]
            assert all(whole.contains(*corner) for corner in corners), (drawing.name, letters)
    return figure
