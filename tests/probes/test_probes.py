"""The registry of probes: what is chosen, what records hold of it, and that no bit of training changes."""

import dataclasses

import jax
import numpy as np
import pytest
from small_runs import config, dataset
from test_fresh import NORMED, fresh_of, side_by_side, trained

from bnjax.probes import PROBES, chosen_probes
from bnjax.probes.lag import LAG, lag
from bnjax.probes.probe import Moments, Seen
from bnjax.record_check import rules
from bnjax.records import make_record
from bnjax.report.runs.frame import frame_of
from bnjax.report.runs.recorded import RecordedRun
from bnjax.runs.checkpoints import checkpoint
from bnjax.runs.training import prepare
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import run_id

LAGGING = NORMED | dict(fresh_images=32, probes="dying,lag,shift,gradients")


def names(text):
    return [probe.name for probe in chosen_probes(text)]


def test_probes_are_chosen_by_name_in_the_registrys_order():
    assert names("all") == list(PROBES) == names(", ".join(reversed(PROBES)))
    assert names("none") == []
    assert names("lag") == ["lag"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            dict(probes="lagg"),
            "--probes=lagg: 'lagg' is not all, none or one of dying, lag",
        ),
        (dict(probes="dying,"), "--probes=dying,: '' is not"),
        (
            dict(probes="dying,lag", fresh_images=0),
            "lag looks at fresh statistics, and --fresh_images=0",
        ),
    ],
)
def test_what_is_no_probe_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        resolve(Config(**settings))
    assert resolve(Config(probes="all", fresh_images=0))


def test_probes_are_no_part_of_a_run():
    assert run_id(Config(probes="all")) == run_id(Config())


@pytest.mark.parametrize("probe", PROBES.values(), ids=list(PROBES))
def test_a_probe_says_all_that_records_and_help_need(probe):
    for kind, meaning in (("epoch", probe.told), ("summary", "as in the last epoch")):
        rule = rules()[kind].fields[probe.name]
        assert rule.meaning == meaning
        assert (rule.each if probe.by_site else rule).fields.keys() == {*probe.numbers}
        rule.check({})  # an epoch of which nothing is known
        assert (probe.name in rules()[kind].needed) == probe.in_all_records
    assert probe.source
    assert probe.cost
    assert {*probe.summed} <= {*probe.numbers}


def test_no_two_probes_share_a_name():
    every = [name for one in PROBES.values() for name in one.numbers]
    assert len(every) == len({*every} - rules()["epoch"].fields.keys())


def test_lag_is_told_in_deviations_and_as_a_ratio():
    fresh = Moments(np.asarray([1.0, 2.0, 3.0, 9.0]), np.asarray([4.0, 4.0, 4.0, 0.0]))
    running = Moments(np.asarray([2.0, -1.0, 7.0, 0.0]), np.asarray([2.0, 6.0, 8.0, 1.0]))
    expected = {"mean_lag": 1.5, "variance_ratio": 1.5}
    assert lag(running, fresh) == expected
    none = Moments(fresh.mean, np.zeros(4))
    assert lag(running, none) == {"mean_lag": None, "variance_ratio": None}
    seen = Seen(activation="relu", kernels_before={}, kernels={}, trained=(), largest_input={}, active={},
                running={"a": running, "b": running}, fresh={"a": fresh})  # fmt: skip
    assert LAG.look(seen, {}) == {"a": expected}


def test_a_frame_has_a_column_for_each_number_and_site():
    of_site = {"mean_lag": 0.5, "variance_ratio": None}
    units = {"silent": 1, "flat": 0, "units": 12, "active": 0.25}
    whole = {"calibration_error": 0.125, "mean_confidence": None}
    epochs = [{"dying": {"a": units, "b": units}}, {"dying": {}, "lag": {"a": of_site}, "calibration": whole}]
    facts = dict(run_id="1", study="", data={"name": "made"}, device={}, versions={}, git_commit=None)
    facts |= dict(config=dataclasses.asdict(resolve(Config())), started="", program={}, sites={})
    frame = frame_of([RecordedRun(facts, epochs, None)])
    assert frame["silent"].tolist() == pytest.approx([2, np.nan], nan_ok=True)
    assert frame["active:b"].tolist() == pytest.approx([0.25, np.nan], nan_ok=True)
    assert frame["mean_lag:a"].tolist() == pytest.approx([np.nan, 0.5], nan_ok=True)
    assert frame["variance_ratio:a"].isna().all()
    assert frame["calibration_error"].tolist() == pytest.approx([np.nan, 0.125], nan_ok=True)
    assert frame["mean_confidence"].isna().all()
    assert not {"active", "mean_lag", "lag", "dying", "largest_eigenvalue"} & {*frame}


@pytest.mark.slow
def test_statistics_that_keep_all_of_themselves_stay_where_they_began():
    """With a momentum of 1: mean 0 and variance 1."""
    run, epochs, _ = trained(**LAGGING | dict(norm_momentum=1.0, probes="lag"))
    fresh = fresh_of(run, epoch=2)["fc_dense1"]["norm"]
    of_site = Moments(np.asarray(fresh["mean"]), np.asarray(fresh["var"]))
    zeros = np.zeros_like(of_site.mean)
    assert epochs[-1]["lag"] == {"fc/dense1": lag(Moments(zeros, zeros + 1), of_site)}
    assert epochs[-1]["lag"]["fc/dense1"]["mean_lag"] > 0


@pytest.mark.slow
def test_no_bit_of_training_changes_and_only_the_chosen_ones_are_recorded():
    found = {probes: trained(**NORMED, probes=probes, fresh_images=32) for probes in ("all", "dying", "none")}
    assert len({summary["state_sha256"] for _, _, summary in found.values()}) == 1
    for probes, (_, epochs, summary) in found.items():
        for told in (*epochs, summary):
            assert bool(told["dying"]) == (probes != "none")
            assert [name for name in PROBES if name in told] == [
                name for name in PROBES if probes == "all" or name == "dying"
            ]


@pytest.mark.slow
def test_lanes_are_looked_at_as_runs_by_themselves():
    settings = [config(**LAGGING | dict(placement=placement)) for placement in ("all", "none")]
    with_norm, without = (run.epochs[-1] for run in side_by_side(*settings))
    alone = trained(**LAGGING)[1][-1]
    for site, told in alone["lag"].items():
        assert with_norm["lag"][site] == pytest.approx(told, rel=1e-3, abs=1e-3)
        for probe in ("shift", "gradients"):
            assert with_norm[probe][site] == pytest.approx(alone[probe][site], rel=1e-3, abs=1e-3)
        assert with_norm["dying"][site] == pytest.approx(alone["dying"][site], abs=0.05)
    assert without["lag"] == without["shift"] == {}
    assert without["gradients"].keys() == {"fc/dense1"}


@pytest.mark.slow
def test_a_checkpoint_holds_what_probes_remember(tmp_path):
    run = trained(**NORMED, epochs=1)[0]
    assert run.memories["dying"].keys() == {"fc/dense1"}
    checkpoint.save(tmp_path, run)
    again = prepare(run.config, run.dataset)
    assert checkpoint.restore(checkpoint.load_newest(tmp_path), again)
    for probe, memory in run.memories.items():
        for name, array in memory.items():
            np.testing.assert_array_equal(again.memories[probe][name], array)
    np.testing.assert_array_equal(again.kernels["fc/dense1"], run.kernels["fc/dense1"])


@pytest.mark.slow
def test_dropout_in_front_of_a_norm_shifts_its_variance_by_what_it_adds():
    """Kept units are scaled by 1 / (1 - p), which adds E[h^2] p / (1 - p) to the variance of each input h."""
    rate, images = 0.5, 2000
    settings = dict(
        hidden_layers=2, width=40, placement="fc/dense2:before", dropout=rate, batch_size=500,
        fresh_images=images, probes="shift", learning_rate=1e-12, epochs=1,
    )  # fmt: skip
    data = dataset(train_count=images)
    run, epochs, _ = trained(data=data, **settings)
    first, second = (
        {name: np.asarray(run.state.params[unit][name], np.float64) for name in ("kernel", "bias")}
        for unit in ("fc_dense1", "fc_dense2")
    )
    scaled = data.train.images.reshape(images, -1).astype(np.float64)
    hidden = np.maximum(scaled @ first["kernel"] + first["bias"], 0)
    still = (hidden @ second["kernel"]).var(0)
    added = np.square(hidden).mean(0) @ np.square(second["kernel"]) * rate / (1 - rate)
    expected = np.median(still / (still + added))
    assert epochs[-1]["shift"] == {"fc/dense2": {"variance_shift": pytest.approx(expected, rel=0.05)}}
    assert expected < 0.9


def test_at_rate_0_probes_see_the_network_as_it_was_drawn():
    run, epochs, _ = trained(
        probes="gradients", learning_rate=0.0, fresh_images=0, epochs=1, weight_decay=0.1
    )
    assert {found["update_norm"] for found in epochs[0]["gradients"].values()} == {0.0}
    assert all(found["gradient_norm"] > 0 for found in epochs[0]["gradients"].values())
    drawn = prepare(run.config, run.dataset).state.params
    assert all(map(np.array_equal, jax.tree.leaves(run.state.params), jax.tree.leaves(drawn)))


@pytest.mark.slow
def test_gradients_are_those_of_the_closed_form():
    """Of one hidden layer and cross-entropy, in float64 by hand."""
    run, epochs, _ = trained(placement="none", probes="gradients", fresh_images=0, epochs=1)
    data, params = run.dataset.train, run.state.params
    chosen = np.arange(16) * len(data) // 16
    x = data.images[chosen].reshape(16, -1).astype(np.float64)
    kernel, bias = (np.asarray(params["fc_dense1"][name], np.float64) for name in ("kernel", "bias"))
    top, top_bias = (np.asarray(params["logits"][name], np.float64) for name in ("kernel", "bias"))
    hidden = np.maximum(x @ kernel + bias, 0)
    logits = hidden @ top + top_bias
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    chances[np.arange(16), data.labels[chosen]] -= 1
    gradient = x.T @ ((chances @ top.T) * (hidden > 0)) / 16
    found = epochs[-1]["gradients"]["fc/dense1"]
    assert found["gradient_norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
    assert found["kernel_norm"] == pytest.approx(np.linalg.norm(kernel), rel=1e-5)
    before = np.asarray(prepare(run.config, run.dataset).state.params["fc_dense1"]["kernel"], np.float64)
    assert found["update_norm"] == pytest.approx(np.linalg.norm(kernel - before), rel=1e-4)


@pytest.mark.slow
def test_probes_may_look_after_some_epochs_and_the_last():
    """Nothing else changes, and what costs nothing is looked at after each."""
    settings = NORMED | dict(fresh_images=32, probes="dying,lag,gradients,calibration", epochs=5)
    (run, epochs, summary), (other, each, _) = (trained(**settings, probe_every=every) for every in (3, 1))
    looked = [False, False, True, False, True]
    for name in ("gradients", "calibration"):
        assert [epoch[name] != {} for epoch in epochs] == looked
        assert [epoch[name] for epoch in epochs if epoch[name]] == [each[2][name], each[4][name]]
    for name in ("dying", "lag", "test_loss", "test_accuracy_fresh"):
        assert [epoch[name] for epoch in epochs] == [epoch[name] for epoch in each]
    assert summary["gradients"] == epochs[-1]["gradients"]
    for number, epoch in enumerate(epochs):
        make_record("epoch", "0" * 12, **epoch)
        assert number < 2 or epoch["dying"]["fc/dense1"].keys() >= {"silent", "flat"}
    jax.tree.map(np.testing.assert_array_equal, run.state.params, other.state.params)


def test_costly_probes_are_not_free():
    assert [name for name, probe in PROBES.items() if probe.is_free] == ["dying", "lag"]
