"""What claims of papers read of training, on epochs made for it."""

from types import SimpleNamespace

import numpy as np
import pytest

from bnjax.report.runs import training_readings as readings
from bnjax.report.runs.readings import reading_of
from bnjax.settings.config import Config


def run_of(**fields):
    """A run whose epochs have these fields, a value each."""
    each = [dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)]
    epochs = [{"epoch": n, **epoch} for n, epoch in enumerate(each, start=1)]
    return SimpleNamespace(config=Config(), epochs=epochs)


@pytest.mark.parametrize(
    ("accuracies", "epochs"), [([0.5, 0.9, 0.95], 2), ([0.5, 0.89, 0.7], 4), ([0.99, 0.1, 0.1], 1)]
)
def test_epochs_to_a_target_are_one_more_than_all_where_it_is_never_met(accuracies, epochs):
    assert readings.epochs_to_90(run_of(test_accuracy=accuracies)) == epochs


def test_early_is_the_first_fifth_and_one_epoch_at_least():
    losses = [float(n) for n in range(10, 0, -1)]
    assert readings.early_train_loss(run_of(train_loss=losses)) == 9.5
    assert readings.early_train_loss(run_of(train_loss=losses[:3])) == 10


def test_what_fresh_statistics_gain_is_told_of_all_epochs_and_of_the_last_tenth():
    run = run_of(test_accuracy=[0.5, 0.9, 0.7, 0.8], test_accuracy_fresh=[0.7, 0.8, 0.8, 0.8])
    assert readings.fresh_gain(run) == pytest.approx((20 - 10 + 10 + 0) / 4)
    assert readings.last_fresh_gain(run) == pytest.approx(0)
    assert readings.running_unsteadiness(run) == pytest.approx((40 + 20 + 10) / 3 - (10 + 0 + 0) / 3)
    of_no_norms = run_of(test_accuracy=[0.5, 0.9], test_accuracy_fresh=[None, None])
    for name in ("fresh_gain", "last_fresh_gain", "running_unsteadiness"):
        assert reading_of(name, of_no_norms) is None
        assert reading_of(name, run_of(test_accuracy=[0.5, 0.9])) is None


def test_a_shift_is_of_the_last_epoch_and_of_norms_behind_something_dropped():
    sites = [{"fc/dense1": 9.0, "fc/dense2": low, "fc/dense3": 0.9} for low in (0.1, 0.7)]
    found = [{site: {"variance_shift": value} for site, value in epoch.items()} for epoch in sites]
    assert readings.variance_shift(run_of(shift=found)) == pytest.approx(0.8)


def test_cosines_and_landscapes_are_means_over_epochs():
    cosines = [{"a": {"gradient_cosine": 1.0}, "b": {"gradient_cosine": low}} for low in (-1.0, 0.0)]
    run = run_of(**{"covariate-shift": cosines, "landscape": [{"loss_range": 1.0}, {"loss_range": 2.0}]})
    assert readings.gradient_cosine(run) == 0.25
    assert readings.of_landscape("loss_range")(run) == 1.5


def test_epochs_in_which_no_probe_looked_are_left_out():
    """As with --probe_every=2."""
    run = run_of(landscape=[{}, {"loss_range": 1.0}, {}, {"loss_range": 2.0}])
    assert readings.of_landscape("loss_range")(run) == 1.5
    way = [inputs(-1.0, 0.0, 1.0), inputs(-2.0, 0.0, 2.0)]
    alone = readings.input_wandering(run_of(activations=way))
    assert readings.input_wandering(run_of(activations=[way[0], {}, way[1]])) == alone


def inputs(low, middle, high):
    last = {"input_5th": low, "input_median": middle, "input_95th": high}
    return {"fc/dense1": dict.fromkeys(last, 7.0), "fc/dense2": last}


def test_inputs_wander_by_their_percentiles_whatever_their_scale():
    way = np.array([(-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-2.0, 3.0, 2.0)])
    expected = ((1 + 0 + 1) / 3 + (0 + 3 + 0) / 3) / ((2 + 4 + 4) / 3)
    for scale in (1.0, 10.0):
        run = run_of(activations=[inputs(*(scale * at).tolist()) for at in way])
        assert readings.input_wandering(run) == pytest.approx(expected)


def test_runs_without_the_probe_or_with_a_null_have_no_value():
    for name in ("variance_shift", "gradient_cosine", "loss_range", "smoothness", "input_wandering"):
        assert reading_of(name, run_of(train_loss=[1.0, 1.0])) is None
    assert reading_of("input_wandering", run_of(activations=2 * [inputs(0.0, 0.0, 0.0)])) is None  # no spread
    assert reading_of("early_train_loss", run_of(train_loss=[None, 1.0])) is None
    assert reading_of("epochs_to_90", run_of(test_accuracy=[0.99])) is None  # of one epoch nothing is told
