"""What probes measured, as tables and figures, from records made here with known answers."""

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from test_report_photographs import record_run

from bnjax.probes import PROBES
from bnjax.report.figures.probe_figures import map_figure, means, scatter_figure
from bnjax.report.page.build import all_drawings, read_folder
from bnjax.report.sections.probe_numbers import probe_numbers
from bnjax.report.sections.side_by_side import side_by_side_sections
from bnjax.settings.config import Config

SITES = [site.name for site in Config(model="cnn").sites]
#: Of the three seeds; of each site twice that of the one before.
LAGS = (0.1, 0.2, 0.6)


def probed(lag, placement):
    """What probes record; the second site has no gradient."""
    places = {site: place for place, site in enumerate(SITES)}
    sizes = {site: None if place == 1 else lag * 10.0**-place for site, place in places.items()}
    common = {"update_norm": lag, "kernel_norm": 4.0}
    lags = {site: {"mean_lag": lag * 2**place, "variance_ratio": 0.5} for site, place in places.items()}
    return {
        "gradients": {site: {"gradient_norm": size, **common} for site, size in sizes.items()},
        "lag": lags if placement != "none" else {},
        "sharpness": {"largest_eigenvalue": -lag},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two conditions of three seeds, four epochs and the same numbers in each of them."""
    path = tmp_path_factory.mktemp("probed")
    for placement in ("none", "conv,dense"):
        for seed, lag in enumerate(LAGS):
            settings = dict(placement=placement, seed=seed, epochs=4, probes="dying,lag,gradients,sharpness")
            record_run(path, "cifar10", [2.0, 1.5, 1.2, 1.0], probed(lag, placement), **settings)
    return read_folder(path)


@pytest.fixture(scope="module")
def compared(folder):
    [compared] = folder.compared
    return compared


def by_name(compared):
    return {number.name: number for number in probe_numbers(compared.found)}


def test_the_table_has_probes_beside_accuracy(compared):
    [section] = side_by_side_sections([compared], {})
    table = next(table for table in section.tables if table.title == "Probes beside accuracy")
    rows = {row[0].text: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    lag = "distance of running from fresh means, deviations"
    assert rows["none"][lag].text == "-"
    # 0.3 on average over seeds, times (1 + 2 + 4) / 3; t of 2 degrees is 4.3027.
    half = 4.302653 * np.std(LAGS, ddof=1) / np.sqrt(3) * 7 / 3
    assert rows["conv,dense"][lag].order == pytest.approx(0.7)
    assert rows["conv,dense"][lag].text == f"0.7 [0, {0.7 + half:.3g}]"  # no distance is below 0
    assert rows["none"]["an epoch's update over the kernel's norm"].order == pytest.approx(0.3 / 4)
    eigenvalue = rows["none"]["largest eigenvalue of the Hessian"].text
    assert eigenvalue.startswith("-0.3 [-0.957, ")
    assert rows["none"]["test accuracy, %"].text == "75.00 [75.00, 75.00]"


def test_a_map_has_the_means_of_sites_by_epochs(compared):
    numbers = by_name(compared)
    runs = list(compared.found["conv,dense"].values())
    grid = means(runs, numbers["mean_lag"], SITES)
    np.testing.assert_allclose(grid, np.outer([0.3, 0.6, 1.2], np.ones(4)))
    assert np.isnan(means(runs, numbers["gradient_norm"], SITES)[1]).all()
    figure = map_figure(compared, numbers["mean_lag"])
    figure.draw_without_rendering()
    [axes] = [axes for axes in figure.axes if axes.images]  # the condition without norms has no lag
    np.testing.assert_allclose(axes.images[0].get_array(), grid)
    assert [label.get_text() for label in axes.get_yticklabels()] == SITES
    assert [text.get_text() for text in axes.texts] == ["0.3 [0, 0.96]", "0.6 [0, 1.9]", "1.2 [0, 3.8]"]


def test_conditions_share_one_scale_that_suits_the_number(compared):
    numbers = by_name(compared)
    figure = map_figure(compared, numbers["gradient_norm"])
    maps = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(maps) == 2
    assert all(
        isinstance(one.norm, LogNorm) and one.get_clim() == pytest.approx((0.003, 0.3)) for one in maps
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [SITES[0], SITES[2]]
    ratio = map_figure(compared, numbers["variance_ratio"])
    [low, high] = next(axes.images[0].get_clim() for axes in ratio.axes if axes.images)
    assert low * high == pytest.approx(1)  # 1, where nothing is, is the middle of the colours
    assert low == pytest.approx(0.5)


def test_dots_stand_at_both_means(compared):
    numbers = by_name(compared)
    figure = scatter_figure(compared, [numbers["update_norm"], numbers["largest_eigenvalue"]])
    assert [axes.get_xscale() for axes in figure.axes] == ["linear", "linear"]
    marks = [line for line in figure.axes[1].lines if line.get_marker() != "None"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [pytest.approx((-0.3, 75))] * 2


def test_figures_are_of_what_differs(folder):
    """No map of what is one number everywhere, no dots of what one condition alone has."""
    drawn = {drawing.name.rpartition("-")[2]: drawing for drawing in all_drawings(folder)}
    assert drawn.keys() >= {"mean_lag", "gradient_norm", "update_norm", "probes"}
    assert not drawn.keys() & {"silent", "kernel_norm", "variance_ratio", "largest_eigenvalue"}
    assert "L2 norm of the kernel's gradient: none" in drawn["probes"].alt
    assert "distance of running" not in drawn["probes"].alt


def test_every_number_that_is_shown_is_one_of_its_probe():
    for probe in PROBES.values():
        assert probe.drawn.keys() <= set(probe.numbers)
        assert {shown.part_of for shown in probe.drawn.values()} <= {"", *probe.numbers}
        assert {shown.scale for shown in probe.drawn.values()} <= {"plain", "log", "ratio", "signed"}
