"""Noise behind norms (Santurkar et al. 2018): its moments, its stream, and where it is."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bnjax.models import MLP
from bnjax.nn.norms.noise import NormNoise, streams
from bnjax.nn.residual import TokenNorm
from bnjax.nn.unit import Unit
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.units import NormSettings, UnitSettings

KEY = jax.random.key(3)


def drawn(seed, amount=1.0, shape=(64, 2, 2, 5)):
    """Shift and factor of each image and feature: of zeros the shift comes out, of ones both."""
    layer, rngs = NormNoise(amount), {"noise": jax.random.key(seed)}
    shift, both = (layer.apply({}, jnp.full(shape, fill), True, rngs=rngs) for fill in (0.0, 1.0))
    return np.asarray(shift), np.asarray(both - shift)


def test_positions_share_what_images_and_features_do_not():
    for numbers in drawn(0):
        np.testing.assert_allclose(numbers, np.broadcast_to(numbers[:, :1, :1], numbers.shape), atol=1e-6)
        apart = numbers[:, 0, 0]
        assert len(np.unique(apart)) > 0.99 * apart.size


def test_tokens_of_an_image_share_it_too():
    norms = NormSettings(norm="scale", norm_noise=1.0)
    module, zeros = TokenNorm("before", settings=UnitSettings(norms=norms)), jnp.zeros((8, 7, 5))
    variables = module.init(KEY, zeros, train=False)
    moved = np.asarray(module.apply(variables, zeros, train=True, rngs=streams(KEY)))
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:, :1], moved.shape), atol=1e-6)
    assert len(np.unique(moved[:, 0])) == 8 * 5


def test_it_is_distributed_as_in_the_paper():
    shifts, factors = (np.stack(numbers) for numbers in zip(*map(drawn_for_moments, range(25)), strict=True))
    # Of each step and feature; images average out but for 0.1 / sqrt(32).
    means, scales = shifts.mean(1).ravel(), factors.mean(1).ravel()
    assert stats.kstest(means, stats.uniform(-0.5, 1).cdf).statistic < 0.06
    assert stats.kstest(scales, stats.uniform(1, 0.25).cdf).statistic < 0.08
    around = shifts - shifts.mean(1, keepdims=True)
    assert around.std() == pytest.approx(0.1 / 3**0.5, rel=0.05)
    assert np.abs(around).max() < 0.2
    around = factors - factors.mean(1, keepdims=True)
    assert around.std() == pytest.approx(0.1, rel=0.05)
    assert abs(stats.kurtosis(around, axis=None)) < 0.1  # normal


def drawn_for_moments(seed):
    return drawn(seed, shape=(32, 40))


def test_more_of_it_is_the_same_draws_larger():
    (shift, factor), (more_shift, more_factor) = drawn(1), drawn(1, 3.0)
    np.testing.assert_allclose(more_shift, 3 * shift, atol=1e-5)
    np.testing.assert_allclose(more_factor - 1, 3 * (factor - 1), atol=1e-5)


def unit_of(order, gated=False, noise=1.0, dropout=0.0):
    settings = UnitSettings(dropout=dropout, norms=NormSettings(norm_noise=noise))
    return Unit(kind="dense", features=6, order=order, gated=gated, settings=settings)


@pytest.fixture(scope="module")
def batch():
    return jax.random.normal(jax.random.key(1), (16, 4))


def trained_output(unit, batch, variables=None):
    variables = variables or unit.init(KEY, batch, train=False)
    return unit.apply(variables, batch, train=True, mutable=["batch_stats", "probes"], rngs=streams(KEY))[0]


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_gated_unit_has_it_where_its_norm_counts(order, batch):
    gated = unit_of("absent", gated=True)
    variables = gated.init(KEY, batch, train=False)
    on = {"on": jnp.float32(1), "after": jnp.float32(order == "after")}
    switched = trained_output(gated, batch, {**variables, "gates": on})
    np.testing.assert_allclose(switched, trained_output(unit_of(order), batch), atol=1e-6)
    assert np.abs(switched - trained_output(unit_of(order, noise=0.0), batch)).max() > 0.1


def test_where_there_is_no_norm_there_is_no_noise(batch):
    without = trained_output(unit_of("absent", noise=0.0), batch)
    np.testing.assert_array_equal(trained_output(unit_of("absent"), batch), without)
    gated = unit_of("absent", gated=True)
    np.testing.assert_allclose(trained_output(gated, batch), without, atol=1e-6)


def test_evaluation_has_none_and_dropout_draws_as_without(batch):
    noisy, quiet = (unit_of("before", noise=noise, dropout=0.5) for noise in (1.0, 0.0))
    variables = noisy.init(KEY, batch, train=False)
    seen = [unit.apply(variables, batch, train=False) for unit in (noisy, quiet)]
    np.testing.assert_array_equal(*seen)
    variables["params"]["norm"]["bias"] = jnp.full(6, 9.0)  # so that only dropout gives zeros
    dropped = [np.asarray(trained_output(unit, batch, variables)) == 0 for unit in (noisy, quiet)]
    np.testing.assert_array_equal(*dropped)
    assert 0 < dropped[0].mean() < 1


def test_networks_take_it_and_ghost_groups_too():
    images = jax.random.normal(KEY, (8, 4, 4, 1))
    model = MLP(placement="all", norm_noise=1.0, norm_group=4)
    variables, asked = model.init(KEY, images), dict(train=True, mutable=["batch_stats"])
    keys = map(jax.random.key, (0, 0, 1))
    logits = [model.apply(variables, images, **asked, rngs=streams(key))[0] for key in keys]
    np.testing.assert_array_equal(logits[0], logits[1])
    assert np.abs(logits[0] - logits[2]).max() > 0.01


def test_settings_without_a_norm_or_with_outputs_kept_do_not_have_it():
    assert resolve(Config(norm_noise=1.0)) == resolve(Config())
    kept = Config(
        placement="all", freeze_until="block1", precompute_frozen=True, norm_mode="inference", norm_noise=1.0
    )
    with pytest.raises(ConfigError, match="--precompute_frozen: --norm_noise=1 draws anew in every step"):
        resolve(kept)
    assert resolve(dataclasses.replace(kept, norm_noise=0.0))
