"""Whose statistics a norm takes: the same choice means the same on one device and on eight."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import one_step_of, ran_on, run_on
from test_records import record

from bnjax import records
from bnjax.models import MLP
from bnjax.models.build import norm_group
from bnjax.nn.norms import BatchNorm, batch_norm, ghost_batch_norm
from bnjax.runs.checkpoints.device_groups import check_groups
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import run_id
from bnjax.settings.places import record_path
from bnjax.settings.units import NormSettings

RANDOM = np.random.default_rng(0)
X = jnp.asarray(RANDOM.normal(3, 2, (12, 5, 4)), jnp.float32)
SCALE, BIAS = (jnp.asarray(RANDOM.normal(1, 1, 4), jnp.float32) for _ in range(2))


def in_parts(x, scale, bias):
    parts = [batch_norm(part, scale, bias, 1e-3) for part in jnp.split(x, 3)]
    y, mean, var = zip(*parts, strict=True)
    return jnp.concatenate(y), sum(mean) / 3, sum(var) / 3


def test_ghost_groups_are_batches_of_their_own():
    """Values, statistics and gradients."""
    for ours, theirs in zip(ghost_batch_norm(X, SCALE, BIAS, 1e-3, 4), in_parts(X, SCALE, BIAS), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)

    def loss(normalise):
        return lambda *arrays: jnp.sum(jnp.sin(normalise(*arrays)[0]))

    gradients = jax.grad(loss(lambda *a: ghost_batch_norm(*a, 1e-3, 4)), (0, 1, 2))(X, SCALE, BIAS)
    expected = jax.grad(loss(in_parts), (0, 1, 2))(X, SCALE, BIAS)
    for mine, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)
    assert not np.allclose(
        ghost_batch_norm(X, SCALE, BIAS, 1e-3, 6)[0], in_parts(X, SCALE, BIAS)[0], atol=1e-2
    )


@pytest.mark.parametrize("group", [0, 12])
def test_one_group_is_the_batch(group):
    for ours, theirs in zip(
        ghost_batch_norm(X, SCALE, BIAS, 1e-3, group), batch_norm(X, SCALE, BIAS, 1e-3), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="12 examples cannot be normalised in groups of 5"):
        ghost_batch_norm(X, SCALE, BIAS, 1e-3, 5)


def test_running_statistics_follow_the_mean_over_groups():
    norm = BatchNorm(NormSettings(norm_momentum=0.5, norm_group=4))
    variables = BatchNorm().init(jax.random.key(0), X, train=True)
    _, updated = norm.apply(variables, X, train=True, mutable=["batch_stats"])
    _, mean, var = in_parts(X, SCALE, BIAS)
    np.testing.assert_allclose(updated["batch_stats"]["mean"], 0.5 * mean, rtol=1e-5)
    np.testing.assert_allclose(updated["batch_stats"]["var"], 0.5 + 0.5 * var, rtol=1e-5)


def test_a_network_takes_its_first_values_from_one_image_whatever_the_groups():
    images = jnp.zeros((1, 4, 4, 1))
    kernels = [MLP(placement="all", norm_group=group).init(jax.random.key(0), images) for group in (0, 8)]
    jax.tree.map(np.testing.assert_array_equal, *kernels)


def test_a_config_says_how_many_examples_share_statistics():
    groups = {"global": 0, "device": 32 // jax.local_device_count(), "8": 8, "008": 8, "32": 0}
    for text, group in groups.items():
        assert norm_group(resolve(Config(batch_size=32, bn_batch=text))) == group
    assert run_id(Config(bn_batch="128")) == run_id(Config())
    assert len({run_id(Config(bn_batch=text)) for text in ("global", "device", "32", "64")}) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("48", "--bn_batch=48 does not cut --batch_size=128 into even groups"),
        ("256", "--bn_batch=256 does not cut --batch_size=128 into even groups"),
        ("0", "--bn_batch=0 does not cut"),
        ("-1", "--bn_batch=-1 is neither global, device nor a number of images"),
        ("٣", "is neither global, device nor a number of images"),
        ("", "--bn_batch is empty"),
    ],
)
def test_groups_that_cannot_be_are_answered_with_one_line(text, words):
    with pytest.raises(ConfigError, match=words):
        resolve(Config(bn_batch=text))


@pytest.mark.parametrize(
    "settings", [{"trained_norm_mode": "keras2-train"}, {"trained": "pooled-statistics"}]
)
def test_what_counts_examples_takes_whole_batches(settings):
    whole = Config(placement="all", **settings)
    assert resolve(whole).bn_batch == "global"
    with pytest.raises(ConfigError, match=r"--bn_batch=32: (keras2-train|pooled-statistics) is defined by"):
        resolve(dataclasses.replace(whole, bn_batch="32"))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["cnn", "mlp"])
def test_device_statistics_on_eight_devices_are_those_of_ghost_groups_on_one(model, tmp_path):
    """Their losses before a step and behind it."""
    flags = one_step_of(model)
    eight, _ = run_on(8, tmp_path / "device", *flags, "--bn_batch=device")
    one, _ = ran_on(1, *flags, "--bn_batch=88")
    assert eight[0]["device"]["count"] == 8
    for metric in ("train_loss", "test_loss"):
        assert abs(one[1][metric] - eight[1][metric]) < 1e-5 * abs(one[1][metric])


@pytest.mark.slow
def test_the_statistics_of_groups_lead_elsewhere_than_those_of_the_batch():
    """Else the comparison above could not fail."""
    flags = one_step_of("cnn")
    groups, _ = ran_on(1, *flags, "--bn_batch=88")
    whole, _ = ran_on(1, *flags)
    for metric in ("train_loss", "test_loss"):
        assert abs(groups[1][metric] - whole[1][metric]) > 1e-4 * abs(groups[1][metric])


def assert_groups_are_refused(found, done):
    assert (found, done.returncode) == ([], 2)
    [line] = done.stderr.splitlines()
    assert "made with groups of 352 images, and on 1 device they would have 704; --bn_batch=352 " in line
    assert "--overwrite" in line


@pytest.mark.slow
def test_a_run_that_other_devices_made_is_not_taken_for_one_of_these(tmp_path):
    flags = (*one_step_of("mlp"), "--bn_batch=device", f"--out_dir={tmp_path}")
    assert run_on(2, tmp_path, *flags)[1].returncode == 0
    found, done = run_on(1, tmp_path, *flags)
    assert_groups_are_refused(found, done)
    assert_groups_are_refused(*run_on(1, tmp_path, *flags, "--seeds=2"))
    found, done = run_on(2, tmp_path, *flags)
    assert (done.returncode, [record["kind"] for record in found]) == (0, ["summary"])


def test_a_checkpoint_of_other_groups_is_not_gone_on_from(tmp_path):
    mine = resolve(Config(bn_batch="device", out_dir=str(tmp_path)))
    record_path(mine).parent.mkdir()
    records.append(record_path(mine), record("run", device={"kind": "cpu", "count": 4}))
    check_groups(mine, 4)
    check_groups(mine, 0)
    check_groups(dataclasses.replace(mine, bn_batch="32"), 2)
    with pytest.raises(ConfigError, match="groups of 32 images, and on 2 devices they would have 64"):
        check_groups(mine, 2)
