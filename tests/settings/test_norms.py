"""The setting ``norm``: its canonical form, what it means for placements, and what it refuses."""

import dataclasses

import pytest

from bnjax.placement import Placement, PlacementError, parse_placement
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import identity, run_id
from bnjax.settings.sharing import program_settings
from bnjax.settings.units import NormSettings, UnitSettings, unit_settings


@pytest.mark.parametrize(
    ("settings", "placement", "norm"),
    [
        (dict(placement="conv"), "crB-crB-dr", "batch"),
        (dict(placement="conv", norm="layer"), "crL-crL-dr", "layer"),
        (dict(placement="cBr-crB-dr", norm="layer"), "cLr-crL-dr", "layer"),
        (dict(placement="cLr-crL-dr"), "cLr-crL-dr", "layer"),
        (dict(placement="cLr-crL-dr", norm="group"), "cLr-crL-dr", "layer"),
        (dict(placement="conv:before:layer,dense"), "cLr-cLr-drB", "batch"),
        (dict(placement="conv:layer,dense", norm="rms"), "crL-crL-drR", "layer"),
        (dict(placement="conv:scale:before"), "cSr-cSr-dr", "scale"),
        (dict(placement="none", norm="layer"), "cr-cr-dr", "batch"),
    ],
)
def test_a_placement_says_where_and_norm_says_which(settings, placement, norm):
    config = resolve(Config(**settings))
    assert (config.placement, config.norm) == (placement, norm)
    assert resolve(config) == config


def test_defaults_leave_every_run_id_as_it_was():
    assert identity(resolve(Config(placement="conv", norm="batch"))) == {"placement": "crB-crB-dr"}
    assert run_id(Config(norm="layer")) == run_id(Config())  # there is no norm
    assert run_id(Config(placement="conv", norm_groups=8)) == run_id(Config(placement="conv"))
    group = Config(placement="conv", norm="group")
    assert run_id(group) != run_id(dataclasses.replace(group, norm_groups=8))
    assert len({run_id(dataclasses.replace(group, norm=name)) for name in ("batch", "layer", "group")}) == 3


def test_gated_programs_are_shared_by_placements_of_the_same_norms():
    def program(placement):
        return program_settings(resolve(Config(placement=placement)), gated=True)

    assert program("conv") == program("none") == program("dense:before")
    assert program("conv:layer") == program("dense:before:layer")
    assert program("conv:layer") not in (program("conv"), program("conv:group"), program("none"))
    assert program("conv:layer,dense") != program("conv:batch,dense:layer")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(norm="batsch"), "--norm=batsch is not one of batch, layer, group"),
        (dict(bn_batch="32"), "--bn_batch=32 is of statistics of a batch, and layer norms have none"),
        (
            dict(trained_norm_mode="inference"),
            "--trained_norm_mode=inference is of running statistics, and lay",
        ),
        (dict(trained="statistics"), "--trained=statistics is of running statistics, and layer norms have"),
        (dict(trained="pooled-statistics"), "--trained=pooled-statistics is of running statistics"),
        (
            dict(norm_mode="frozen", freeze_until="block1"),
            "--norm_mode=frozen is of running statistics, and layer",
        ),
        (dict(placement="conv:lair"), "order 'lair' is not one of absent, before, after, nor a norm (batch"),
        (dict(placement="conv:layer:group"), "order 'layer:group' is not one of absent"),
    ],
)
def test_what_does_not_fit_is_answered_with_one_line(settings, words):
    with pytest.raises(ConfigError) as caught:
        resolve(Config(**{"placement": "conv", "norm": "layer", **settings}))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_of_the_batch_is_taken_where_one_norm_of_several_is():
    mixed = Config(placement="cBr-cLr-dr", bn_batch="32", trained_norm_mode="inference")
    assert resolve(mixed).bn_batch == "32"
    assert resolve(Config(placement="conv", norm="layer", trained="norms")).trained == "norms"


def test_a_frozen_part_whose_norms_see_one_image_may_be_computed_once():
    frozen = Config(placement="all", norm="layer", freeze_until="block1", precompute_frozen=True)
    assert resolve(frozen).precompute_frozen
    with pytest.raises(
        ConfigError, match="--train_norms changes the frozen part in every step; it needs --no"
    ):
        resolve(dataclasses.replace(frozen, train_norms=True))


def test_placements_as_values_have_norms():
    sites = Config().sites
    placement = Placement(sites, ("before", "absent", "after"), ("layer", "group", "batch"))
    assert str(placement) == "cLr-cr-drB"
    assert placement.norms == ("layer", "", "batch")
    assert parse_placement("cLr-cr-drB", sites) == placement
    assert Placement(sites, ("before", "absent", "after")).norms == ("batch", "", "batch")
    with pytest.raises(PlacementError, match="norm 'lair' is not one of batch, layer"):
        Placement(sites, ("before",) * 3, ("lair",) * 3)
    with pytest.raises(PlacementError, match="1 norms for 3 sites"):
        Placement(sites, ("before",) * 3, ("layer",))
    with pytest.raises(PlacementError, match="norm 'lair' is not one of"):
        parse_placement("conv", sites, norm="lair")


def test_defaults_of_units_are_those_of_the_flags():
    flags, units = Config(), UnitSettings()
    for name in ("activation", "negative_slope", "dropout", "kernel_init", "init_deviation", "kernels"):
        assert getattr(units, name) == getattr(flags, name)
    for name in ("norm", "norm_momentum", "norm_epsilon", "norm_groups"):
        assert getattr(NormSettings(), name) == getattr(flags, name)
    assert unit_settings(Config(norm_epsilon=0.5, dropout=0.4)) == UnitSettings(
        dropout=0.4, kernels="auto", norms=NormSettings(norm_epsilon=0.5)
    )
