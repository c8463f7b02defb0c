"""Norms that would train on one value per channel are refused, with the site that has them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.data import Dataset, ImageSet
from bnjax.models import MLP, build_model
from bnjax.nn import BatchNorm
from bnjax.nn.norms import MODES, SingleValueError
from bnjax.runs.lanes import prepare_lane_runs
from bnjax.runs.training import prepare
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.units import NormSettings
from bnjax.train import norm_groups
from bnjax.train.norm_groups import check_norm_groups
from bnjax.train.programs.shared import Programs


def images(side=8, channels=3):
    part = ImageSet(np.zeros((8, side, side, channels), np.uint8), np.zeros(8, np.int32))
    return Dataset(part, part, 10, {})


def refused(side=8, **settings):
    with pytest.raises(ConfigError, match="has one value per channel in training") as caught:
        check_norm_groups(resolve(Config(**settings)), images(side))
    return str(caught.value)


def test_dense_norms_of_one_image_are_refused():
    line = refused(model="mlp", placement="all", batch_size=1)
    assert line.startswith("--batch_size=1: the norm at fc/dense1 ")
    assert "it needs groups of 2 images or more" in line
    assert "--bn_batch=1 with --batch_size=8" in refused(placement="dense", batch_size=8, bn_batch="1")


def test_convolutions_whose_images_are_1x1_are_refused():
    line = refused(model="mobilenetv2", placement="all", batch_size=1, side=32, stride_padding="same")
    assert "the norm at block" in line  # 32 pixels are halved five times


def test_a_device_that_holds_one_image_is_refused(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    assert "--bn_batch=device" in refused(placement="dense", batch_size=8, bn_batch="device")


@pytest.mark.parametrize(
    "settings",
    [
        dict(model="mlp", placement="all", batch_size=2),
        dict(placement="conv", batch_size=1),
        dict(model="mlp", placement="none", batch_size=1),
        dict(model="mlp", placement="all", batch_size=1, trained_norm_mode="inference"),
        dict(placement="dense", batch_size=8, bn_batch="2"),
    ],
)
def test_enough_values_are_taken(settings):
    check_norm_groups(resolve(Config(**settings)), images())


def test_runs_are_refused_before_their_programs_are_made(monkeypatch):
    config = resolve(Config(model="mlp", placement="all", batch_size=1))
    others = dataclasses.replace(config, seed=1)
    monkeypatch.setattr(Programs, "_once", None)
    with pytest.raises(ConfigError, match="the norm at fc/dense1"):
        prepare(config, images())
    with pytest.raises(ConfigError, match="the norm at fc/dense1"):
        prepare_lane_runs([config, others], images(), Programs())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("shape", "group"), [((1, 3), 0), ((4, 3), 1), ((1, 1, 1, 3), 0), ((4, 1, 1, 3), 1)])
def test_the_module_refuses_a_single_value(mode, shape, group):
    norm, x = BatchNorm(NormSettings(mode=mode, norm_group=group)), jnp.ones(shape)
    variables = norm.init(jax.random.key(0), x, train=True)
    norm.apply(variables, x, train=False)
    if mode == "inference":
        norm.apply(variables, x, train=True)
        return
    with pytest.raises(SingleValueError, match=r"more than 1 value per channel, and an input of shape \("):
        norm.apply(variables, x, train=True, mutable=True)


def test_a_gated_norm_that_is_off_trains_on_a_single_value():
    x, key = jnp.ones((1, 4, 4, 1)), jax.random.key(0)
    config = resolve(Config(model="mlp", placement="none", batch_size=1))
    model = build_model(config, 10, gated=True)
    logits, _ = model.apply(model.init(key, x), x, train=True, mutable=True, rngs={"dropout": key})
    assert bool(jnp.isfinite(logits).all())
    single = MLP(placement="all:before")
    with pytest.raises(ValueError, match="fc_dense1/norm: training needs more than 1 value"):
        single.apply(single.init(key, x), x, train=True, mutable=True, rngs={"dropout": key})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            dict(norm="instance"),
            "--norm=instance: at fc/dense1, each statistic is of 1 value, so nothing of the",
        ),
        (
            dict(norm="group", norm_groups=5),
            "--norm=group: at block1/conv1, 32 channels cannot be cut into norm",
        ),
        (dict(placement="cBr-cGr-dBr", norm_groups=5), "--norm=group: at block2/conv1, 64 channels"),
    ],
)
def test_shapes_that_leave_nothing_to_normalise_are_refused_with_their_site(settings, words):
    with pytest.raises(ConfigError) as caught:
        check_norm_groups(resolve(Config(**{"placement": "all", **settings})), images())
    assert str(caught.value).startswith(words)
    check_norm_groups(resolve(Config(placement="conv", norm="instance")), images())
    check_norm_groups(resolve(Config(placement="all", norm="layer", batch_size=1)), images())


def test_only_groups_of_one_are_looked_at(monkeypatch):
    monkeypatch.setattr(norm_groups, "build_model", None)
    check_norm_groups(resolve(Config(placement="all")), images())
