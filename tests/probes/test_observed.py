"""What probes ask of a device, against the same in float64 by other means: numpy, scipy, plain autodiff."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from small_runs import config, dataset
from test_fresh import fresh_of, side_by_side, trained

from bnjax.probes.activations import inputs, mean_size
from bnjax.probes.calibration import calibration
from bnjax.probes.landscape import RATES, landscape
from bnjax.probes.rank import rank
from bnjax.probes.sharpness import largest_eigenvalue
from bnjax.process.progress import Progress
from bnjax.records import make_record
from bnjax.runs.group import Alone
from bnjax.runs.loop import train
from bnjax.runs.precompute import precompute
from bnjax.runs.training import prepare
from bnjax.train.steps.observe_features import _gap, skew
from bnjax.train.steps.observe_loss import length

IMAGES, RATE = 16, 0.1
PROBES = "activations,rank,calibration,covariate-shift,landscape,sharpness"
SETTINGS = dict(
    hidden_layers=2, width=10, placement="fc/dense2:before", input_scale="unit", optimizer="sgd",
    learning_rate=RATE, batch_size=IMAGES, fresh_images=IMAGES, probes=PROBES, epochs=1,
)  # fmt: skip
DATA = dataset(train_count=64)


class ByHand:
    """Dense, ReLU, dense, norm, ReLU, logits, in float64 and without a line of bnjax's networks."""

    def __init__(self, run):
        self.run = run
        self.params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), run.state.params)
        chosen = np.arange(IMAGES) * len(DATA.train) // IMAGES
        self.x, self.labels = pixels(DATA.train.images[chosen]), DATA.train.labels[chosen]

    def layers(self, params, x, mean=None, var=None):
        """Pre-activations, norm input, features and logits; by the batch's own statistics without others."""
        first = x @ params["fc_dense1"]["kernel"] + params["fc_dense1"]["bias"]
        hidden = jnp.maximum(first, 0)
        second = hidden @ params["fc_dense2"]["kernel"] + params["fc_dense2"]["bias"]
        mean, var = (second.mean(0), second.var(0)) if mean is None else (mean, var)
        norm = params["fc_dense2"]["norm"]
        normed = (second - mean) / jnp.sqrt(var + self.run.config.norm_epsilon) * norm["scale"] + norm["bias"]
        top = jnp.maximum(normed, 0)
        logits = top @ params["logits"]["kernel"] + params["logits"]["bias"]
        return dict(first=first, hidden=hidden, second=second, normed=normed, top=top, logits=logits)

    def loss(self, params):
        logits = self.layers(params, self.x)["logits"]
        return -jax.nn.log_softmax(logits)[np.arange(IMAGES), self.labels].mean()


def pixels(images):
    return images.reshape(len(images), -1) / 255.0


@pytest.fixture(scope="module")
def found():
    """A run's last records of probes, and what can be computed of it by hand."""
    run, epochs, _ = trained(data=DATA, **SETTINGS)
    with jax.enable_x64(True):
        yield epochs[-1], ByHand(run)


slow = pytest.mark.slow  # it compiles


@slow
def test_inputs_are_as_skewed_and_spread_as_scipy_finds_them(found):
    epoch, by_hand = found
    seen = by_hand.layers(by_hand.params, by_hand.x)
    for site, name in (("fc/dense1", "first"), ("fc/dense2", "normed")):
        x = np.asarray(seen[name])
        told = epoch["activations"][site]
        percentiles = [told["input_5th"], told["input_median"], told["input_95th"]]
        expected = np.percentile(x, [5, 50, 95], axis=0).mean(1)
        assert percentiles == pytest.approx(expected.tolist(), rel=1e-3, abs=1e-5)
        assert told["input_skew"] == pytest.approx(np.abs(scipy.stats.skew(x)).mean(), rel=1e-3)
    assert epoch["activations"]["fc/dense1"]["norm_input_skew"] is None
    skews = np.abs(scipy.stats.skew(np.asarray(seen["second"])))
    assert epoch["activations"]["fc/dense2"]["norm_input_skew"] == pytest.approx(skews.mean(), rel=1e-3)


@slow
def test_the_rank_is_that_of_the_singular_values(found):
    epoch, by_hand = found
    seen = by_hand.layers(by_hand.params, by_hand.x)
    for site, name in (("fc/dense1", "hidden"), ("fc/dense2", "top")):
        squares = scipy.linalg.svdvals(np.asarray(seen[name])) ** 2
        effective = squares.sum() ** 2 / (squares**2).sum()
        padded = np.concatenate([squares / squares.sum(), np.zeros(IMAGES - len(squares))])
        gap = np.linalg.norm(padded - 1 / IMAGES)
        told = epoch["rank"][site]
        assert told["effective_rank"] == pytest.approx(effective, rel=1e-4)
        assert told["orthogonality_gap"] == pytest.approx(gap, rel=1e-4)
        assert told["possible_rank"] == 10


@slow
def test_calibration_is_counted_image_by_image(found):
    epoch, by_hand = found
    running = by_hand.run.state.batch_stats["fc_dense2"]["norm"]
    test = DATA.test
    seen = by_hand.layers(by_hand.params, pixels(test.images), running["mean"], running["var"])
    chances = np.asarray(jax.nn.softmax(seen["logits"]))
    confidence, right = chances.max(1), chances.argmax(1) == test.labels
    error = 0.0
    for part in range(15):
        inside = (confidence > part / 15) & (confidence <= (part + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert epoch["calibration"]["calibration_error"] == pytest.approx(error, rel=1e-4)
    assert epoch["calibration"]["mean_confidence"] == pytest.approx(confidence.mean(), rel=1e-4)


@slow
def test_the_step_of_the_layers_below_changes_a_gradient(found):
    epoch, by_hand = found
    before = jax.grad(by_hand.loss)(by_hand.params)
    below = jax.tree.map(lambda w, g: w - RATE * g, by_hand.params["fc_dense1"], before["fc_dense1"])
    after = jax.grad(by_hand.loss)({**by_hand.params, "fc_dense1": below})
    one, other = (np.asarray(gradient["fc_dense2"]["kernel"]).ravel() for gradient in (before, after))
    assert epoch["covariate-shift"].keys() == {"fc/dense2"}
    told = epoch["covariate-shift"]["fc/dense2"]
    assert told["gradient_shift"] == pytest.approx(np.linalg.norm(other - one), rel=1e-3)
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert told["gradient_cosine"] == pytest.approx(cosine, abs=1e-4)
    assert np.linalg.norm(other - one) > 1e-3 * np.linalg.norm(one)


@slow
def test_accumulated_gradients_make_the_steps_below_too(found):
    """The update of a mean gradient: most calls of optax.MultiSteps make none, and would shift nothing."""
    settings = SETTINGS | dict(probes="covariate-shift", accumulate=3)
    run, epochs, _ = trained(data=DATA, **settings)  # four batches: between two updates
    again = ByHand(run)
    before = jax.grad(again.loss)(again.params)
    below = jax.tree.map(lambda w, g: w - RATE * g, again.params["fc_dense1"], before["fc_dense1"])
    after = jax.grad(again.loss)({**again.params, "fc_dense1": below})
    apart = np.asarray(after["fc_dense2"]["kernel"] - before["fc_dense2"]["kernel"])
    told = epochs[-1]["covariate-shift"]["fc/dense2"]
    assert told["gradient_shift"] == pytest.approx(np.linalg.norm(apart), rel=1e-3)


@slow
def test_the_landscape_is_that_along_the_gradient(found):
    epoch, by_hand = found
    loss, gradient = jax.value_and_grad(by_hand.loss)(by_hand.params)
    flat, form = jax.flatten_util.ravel_pytree(gradient)
    start = jax.flatten_util.ravel_pytree(by_hand.params)[0]
    losses, changes = [float(loss)], []
    for rate in RATES:
        there, other = jax.value_and_grad(by_hand.loss)(form(start - rate * flat))
        losses.append(float(there))
        changes.append(np.linalg.norm(jax.flatten_util.ravel_pytree(other)[0] - flat))
    told = epoch["landscape"]
    assert told["loss_range"] == pytest.approx(max(losses) - min(losses), rel=1e-3)
    assert told["gradient_change"] == pytest.approx(max(changes), rel=1e-3)
    lengths = np.asarray(RATES) * np.linalg.norm(flat)
    assert told["smoothness"] == pytest.approx(max(changes / lengths), rel=1e-3)


@slow
def test_the_sharpness_is_the_largest_eigenvalue_of_the_whole_hessian(found):
    epoch, by_hand = found
    start, form = jax.flatten_util.ravel_pytree(by_hand.params)
    hessian = jax.hessian(lambda flat: by_hand.loss(form(flat)))(start)
    eigenvalues = scipy.linalg.eigvalsh(np.asarray(hessian))
    assert epoch["sharpness"]["largest_eigenvalue"] == pytest.approx(eigenvalues[-1], rel=5e-3)
    assert eigenvalues[-1] > 1.05 * eigenvalues[-2]  # another one would be told from it


@slow
def test_what_is_evaluated_by_fresh_statistics_is_that_of_the_batch(found):
    """Which the tests above assume: the fresh statistics come from the batch that is looked at."""
    _, by_hand = found
    fresh = fresh_of(by_hand.run)["fc_dense2"]["norm"]
    second = np.asarray(by_hand.layers(by_hand.params, by_hand.x)["second"])
    np.testing.assert_allclose(fresh["mean"], second.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fresh["var"], second.var(0), rtol=1e-4)


def test_known_ranks():
    """Orthogonal images fill all directions, and equal ones a single one."""
    assert rank(0.0, 8, 100) == {"effective_rank": 8, "possible_rank": 8, "orthogonality_gap": 0}
    equal = np.linalg.norm(np.full((8, 8), 1 / 8) - np.eye(8) / 8)
    assert rank(equal, 8, 3)["effective_rank"] == pytest.approx(1)
    assert rank(float("nan"), 8, 3)["effective_rank"] is None


def test_known_skews():
    """Of a fair coin 0, of one that falls (0, 1) in the ratio 9 to 1 it is 0.8 / sqrt(0.09)."""
    x = np.zeros((10, 3))
    x[:5, 0] = 1
    x[:1, 1] = 1
    found = np.asarray(skew(jnp.asarray(x)))
    assert found[:2].tolist() == pytest.approx([0, 0.8 / 0.3], abs=1e-6)
    assert mean_size(found) == pytest.approx(0.8 / 0.3 / 2, rel=1e-5)  # the third never varies
    assert mean_size(found[2:]) is None
    constant = jnp.full((1000, 1), 0.1, jnp.float32)  # whose mean is rounded
    assert np.isnan(skew(constant)).all()
    drawn = jnp.asarray(np.random.default_rng(0).exponential(size=(500, 2)), jnp.float32)
    for scale in (1e-15, 1e15):  # whose cubes are no numbers of float32
        np.testing.assert_allclose(skew(scale * drawn), skew(drawn), rtol=1e-4)
    nothing = dict.fromkeys(["input_5th", "input_median", "input_95th", "input_skew", "norm_input_skew"])
    assert inputs({"norm_skew": found}, normed=False) == nothing


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
def test_numbers_whose_squares_are_none_have_lengths_and_ranks(scale):
    """Gradients that vanish or explode, and the features of deep networks without norms."""
    drawn = np.random.default_rng(0).normal(size=(6, 5))
    x = jnp.asarray(scale * drawn, jnp.float32)
    near = pytest.approx(scale * np.linalg.norm(drawn), rel=1e-6)
    assert float(length({"a": x[:2], "b": x[2:]})) == near
    k = drawn @ drawn.T
    assert float(_gap(x)) == pytest.approx(np.linalg.norm(k / np.trace(k) - np.eye(6) / 6), rel=1e-5)
    assert float(length(0 * x)) == 0
    assert np.isnan(_gap(0 * x))
    assert not np.isfinite(length(x.at[0, 0].set(jnp.inf)))


def test_a_known_calibration():
    """Ten images at 0.9 of which 7 are right, and ten at 0.5 of which 5 are."""
    images, confidence, right = (np.zeros(15) for _ in range(3))
    images[[13, 7]], confidence[[13, 7]], right[[13, 7]] = 10, [9, 5], [7, 5]
    assert calibration(images, confidence, right) == {"calibration_error": 0.1, "mean_confidence": 0.7}


def test_what_is_not_finite_is_null():
    """As where a step down the gradient leaves the numbers."""
    steps = {name: np.ones(2) for name in ("rate", "loss", "length", "change")}
    told = landscape(**steps, loss_there=np.asarray([1.0, np.nan]))
    assert told == {"loss_range": None, "gradient_change": 1, "smoothness": 1}
    assert landscape(**steps | {"length": np.zeros(2)}, loss_there=np.ones(2))["smoothness"] is None
    assert np.isnan(largest_eigenvalue(np.asarray([1.0, np.nan]), np.ones(2)))
    assert largest_eigenvalue(np.asarray([1.0, 1.0]), np.asarray([2.0, 9.0])) == pytest.approx(3)


@slow
def test_lanes_are_observed_as_runs_by_themselves(found):
    epoch, _ = found
    settings = [config(**SETTINGS | dict(placement=p)) for p in ("fc/dense2:before", "none")]
    normed, without = (run.epochs[-1] for run in side_by_side(*settings, data=DATA))
    for probe in ("calibration", "landscape", "sharpness"):
        assert normed[probe] == pytest.approx(epoch[probe], rel=1e-2)
    for probe in ("rank", "activations", "covariate-shift"):
        for site, told in epoch[probe].items():
            assert normed[probe][site].keys() == told.keys()
            for name, number in told.items():
                near = number if number is None else pytest.approx(number, rel=1e-2, abs=1e-3)
                assert normed[probe][site][name] == near
    assert without["activations"]["fc/dense2"]["norm_input_skew"] is None
    assert without["sharpness"] != normed["sharpness"]


@slow
@pytest.mark.parametrize("frozen", ["statistics", "part"])
def test_where_little_is_trained_probes_record_what_there_is(frozen):
    """No parameter at all; or what is behind a part that is computed once and is no part of the steps."""
    settings = dict(
        model="cnn", image_size=6, placement="all:before", fresh_images=16, epochs=1, probes=PROBES
    )
    settings |= (
        dict(trained="statistics", norm_mode="train")
        if frozen == "statistics"
        else dict(freeze_until="block1", norm_mode="inference", train_norms=False, precompute_frozen=True)
    )
    run = prepare(config(**settings), DATA)
    precompute(run)
    told = []
    train(Alone(run), lambda lane, kind, **fields: told.append(fields), Progress(1, 1))
    make_record("epoch", "0" * 12, **told[-1])
    behind = {"block2/conv1", "fc/dense1"}
    if frozen == "part":
        assert told[-1]["covariate-shift"].keys() == {"fc/dense1"}
        assert told[-1]["rank"].keys() == told[-1]["activations"].keys() == behind
        assert told[-1]["sharpness"]["largest_eigenvalue"] > 0
    else:
        assert told[-1]["covariate-shift"] == told[-1]["sharpness"] == {}
        assert told[-1]["landscape"] == {"loss_range": 0, "gradient_change": 0, "smoothness": None}
        assert told[-1]["rank"].keys() == {"block1/conv1", *behind}


@slow
@pytest.mark.parametrize(
    ("settings", "moved"),
    [
        (
            dict(model="vit", vit_depth=1, vit_width=8, vit_heads=2, vit_patch=3),
            {"block1/attention", "block1/mlp"},
        ),
        (dict(model="mlp", hidden_layers=2, input_site=True), {"fc/dense1", "fc/dense2"}),
    ],
    ids=["tokens", "images"],
)
def test_a_site_without_a_kernel_has_no_gradient_that_moves(settings, moved):
    """But what makes tokens, and a norm of images, move below the first kernel."""
    run = prepare(config(**settings, placement="all", epochs=1, probes=PROBES), DATA)
    told = []
    train(Alone(run), lambda lane, kind, **fields: told.append(fields), Progress(1, 1))
    assert told[-1]["covariate-shift"].keys() == moved
