"""The transformer: its sites and codes, its parameters, its gates, its units, and what flags say of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.data import DataError
from bnjax.data.load import load_dataset
from bnjax.models import ViT, build_model, gates_for
from bnjax.nn.unit import parameter_count
from bnjax.placement import PlacementError, parse_placement
from bnjax.probes.dying import silent_units
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.freezing import Freezing
from bnjax.studies.typed import typed_placement
from bnjax.train.partition import split

IMAGES = jnp.asarray(np.random.default_rng(0).normal(0, 1, (4, 8, 8, 3)), jnp.float32)
SMALL = dict(vit_depth=2, vit_width=8, vit_heads=2)


def initial(model):
    return jax.jit(model.init)(jax.random.key(0), IMAGES)


def outputs(model, variables, images=IMAGES):
    """In training."""
    return jax.jit(lambda v: model.apply(v, images, train=True, mutable=["batch_stats"])[0])(variables)


def derived_count(depth, width, patch, norms):
    """Tokens, then queries, keys, values and what comes of them, an MLP of four widths, and ten logits."""
    tokens = patch * patch * 3 * width + width
    attention = (width * 3 * width + 3 * width) + (width * width + width)
    mlp = (width * 4 * width + 4 * width) + (4 * width * width + width)
    return tokens + depth * (attention + mlp) + norms * 2 * width + width * 10 + 10


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (dict(placement="none"), derived_count(6, 64, 4, 0)),
        (dict(placement="all"), derived_count(6, 64, 4, 13)),
        (dict(placement="attention", **SMALL), derived_count(2, 8, 4, 2)),
        (dict(placement="all", vit_patch=8, vit_depth=1), derived_count(1, 64, 8, 3)),
    ],
)
def test_parameter_counts(settings, count):
    shapes = jax.eval_shape(ViT(**settings).init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    assert parameter_count(shapes["params"]) == count


def test_the_count_of_the_docstring():
    assert derived_count(6, 64, 4, 13) == 303_818


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("none", "armr-armr-t"),
        ("all:before", "aBrmBr-aBrmBr-tB"),
        ("all:after", "arBmrB-arBmrB-tB"),
        ("attention:before,block2/mlp:after:group", "aBrmr-aBrmrG-t"),
        ("block1:after:layer,tokens:before:rms", "arLmrL-armr-tR"),
    ],
)
def test_codes_parse_back(text, code):
    sites = ViT(**SMALL).sites
    assert str(parse_placement(text, sites)) == code
    assert parse_placement(code, sites) == parse_placement(text, sites)


def test_a_code_of_other_kinds_is_answered_with_its_own():
    with pytest.raises(PlacementError, match="whose code without norms is 'armr-armr-t'"):
        parse_placement("cBr-cr-dr", ViT(**SMALL).sites)


@pytest.mark.parametrize("text", ["all:before", "all:after", "attention,mlp", "none"])
def test_reports_say_placements_as_they_are_typed(text):
    config = resolve(Config(model="vit", placement=text, norm="layer", order="before"))
    typed = typed_placement(config)  # whose norms stand after, where nothing says
    assert parse_placement(typed, config.sites, "after", "layer") == config.parsed_placement()
    assert typed == {"attention,mlp": "attention:before,mlp:before", "all:after": "all"}.get(text, text)


def test_a_norm_takes_each_token_by_itself():
    """Behind a post-LN block every token has mean 0 and variance 1, whatever the others are."""
    model = ViT(placement="block1/mlp:after", ends_with="block1", norm_epsilon=1e-9, **SMALL)
    tokens = outputs(model, initial(model))
    np.testing.assert_allclose(tokens.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(tokens.var(-1), 1, rtol=1e-4)


def test_the_last_norm_adds_nothing_to_a_post_ln_network_at_first():
    texts = ("all:after", "attention:after,mlp:after")
    models = [ViT(placement=text, norm_epsilon=1e-6, **SMALL) for text in texts]
    np.testing.assert_allclose(*(outputs(model, initial(model)) for model in models), atol=1e-5)


def test_ghost_groups_are_of_images():
    """Two groups of two images have the statistics of two batches of them."""
    whole = ViT(placement="block1/attention:before", norm="batch", norm_group=2, ends_with="block1", **SMALL)
    variables, plain = initial(whole), whole.clone(norm_group=0)
    halves = [outputs(plain, variables, half) for half in (IMAGES[:2], IMAGES[2:])]
    np.testing.assert_allclose(outputs(whole, variables), jnp.concatenate(halves), atol=1e-5)


@pytest.mark.parametrize("text", ["none", "block1:after,block2:before,head"])
def test_a_gated_network_equals_the_static_one(text):
    settings = dict(norm="batch", dropout=0.3, **SMALL)
    gated, static = ViT(gated=True, **settings), ViT(placement=text, **settings)
    variables, fixed = map(initial, (gated, static))
    variables["gates"] = gates_for(gated, text)

    def loss(params, model, others):
        rngs = {"dropout": jax.random.key(1)}
        mutable = ["batch_stats", "probes"]
        logits, updated = model.apply(
            {**others, "params": params}, IMAGES, train=True, mutable=mutable, rngs=rngs
        )
        return (logits**2).sum(), updated

    step = jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=1)
    (found, updated), gradients = step(variables["params"], gated, variables)
    (wanted, plain), slopes = step(fixed["params"], static, fixed)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    for wanted_tree, tree in ((slopes, gradients), (plain.get("batch_stats", {}), updated["batch_stats"])):
        for path, leaf in jax.tree_util.tree_leaves_with_path(wanted_tree):
            mine = tree
            for key in path:
                mine = mine[key.key]
            np.testing.assert_allclose(mine, leaf, rtol=2e-3, atol=2e-4)
    for name, probe in plain["probes"].items():
        np.testing.assert_allclose(
            updated["probes"][name]["activation_input_max"], probe["activation_input_max"], atol=1e-4
        )


def test_a_network_that_is_cut_in_two_is_the_whole():
    model = ViT(placement="all", **SMALL)
    variables = initial(model)
    for name in ("block1", "head"):
        tokens = outputs(model.clone(ends_with=name), variables)
        logits = outputs(model.clone(starts_behind=name), variables, tokens)
        np.testing.assert_allclose(logits, outputs(model, variables), atol=1e-5)


def test_freezing_the_first_block_freezes_what_makes_tokens():
    frozen = frozenset({"block1/attention", "block1/mlp"})
    model = ViT(placement="all", freezing=Freezing(kernels=frozen, norms=frozen), **SMALL)
    trained, others = split(initial(model)["params"], model)
    assert set(others) == {"patches", "block1_attention", "block1_mlp"}
    assert set(trained) == {"block2_attention", "block2_mlp", "head_tokens", "logits"}


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_silent_units_are_those_of_the_mlps(activation):
    model = ViT(activation=activation, **SMALL)
    params = initial(model)["params"]
    params["block1_mlp"]["bias"] = params["block1_mlp"]["bias"].at[:5].set(-1e6)
    _, sown = jax.jit(lambda p: model.apply({"params": p}, IMAGES, mutable=["probes"]))(params)
    assert set(sown["probes"]) == {"block1_mlp", "block2_mlp"}
    largest = sown["probes"]["block1_mlp"]["activation_input_max"]
    assert largest.shape == (4, 4 * 8)
    silent = silent_units(np.asarray(largest).max(0), activation)
    assert silent.sum() == (0 if activation == "tanh" else 5)


def test_a_config_builds_it():
    config = resolve(Config(model="vit", placement="all", vit_patch=2, activation="gelu", **SMALL))
    model = build_model(config, 3)
    assert (model.vit_depth, model.vit_width, model.vit_heads, model.vit_patch) == (2, 8, 2, 2)
    assert (model.activation, model.num_classes) == ("gelu", 3)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (dict(vit_heads=3), "--vit_heads=3 does not divide --vit_width=64 into even parts"),
        (dict(vit_heads=1, vit_width=6), "--vit_width=6 is not a multiple of 4, which positions need"),
        (dict(vit_depth=0), r"--vit_depth=0 is outside \[1,1000\]"),
    ],
)
def test_wrong_settings_are_one_line(settings, line):
    with pytest.raises(ConfigError, match=f"^{line}$"):
        resolve(Config(model="vit", **settings))
    with pytest.raises(ValueError, match=f"ViT: {line}".replace("--", "")):
        ViT(**settings)
    if "vit_depth" not in settings:
        resolve(Config(model="cnn", **settings))  # of no matter to another network


def test_patches_that_do_not_divide_images_are_one_line():
    config = resolve(Config(model="vit", dataset="digits", image_size=16, vit_patch=5))
    line = "digits: vit cuts images into patches of 5x5, which do not divide 16x16"
    with pytest.raises(DataError, match=line):
        load_dataset(config, *config.images())
    with pytest.raises(ValueError, match="ViT: patches of 5 pixels do not divide images of"):
        ViT(vit_patch=5).init(jax.random.key(0), IMAGES)
