"""What the frozen part makes of images, computed once: the same records, else it is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import dataset, image_set
from test_freezing import _convolutions

from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models import InceptionV3, MobileNetV2
from bnjax.process.progress import Progress
from bnjax.runs.checkpoints import checkpoint
from bnjax.runs.group import Alone
from bnjax.runs.loop import train
from bnjax.runs.recording.epoch_record import summary_fields
from bnjax.runs.training import prepare
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import run_id
from bnjax.settings.sharing import program_settings
from bnjax.sweeps.plan import Task, plan
from bnjax.train.optimizer import make_optimizer
from bnjax.train.programs import frozen_outputs
from bnjax.train.programs.shared import Programs
from bnjax.train.state import create_state
from bnjax.train.steps.step import step_function

SHAPE = (8, 8, 3)
DATA = dataclasses.replace(
    dataset(),
    train=image_set(48, shape=SHAPE),
    test=image_set(29, 1, SHAPE),
    validation=image_set(11, 2, SHAPE),
)
PROGRAMS = Programs()
#: What a run's time decides.
TIMES = {"seconds", "images_per_second", "compile_seconds", "state_sha256"}
TOLERANCE = 1e-4


def settings(**changes):
    usual = dict(
        model="cnn",
        placement="all",
        freeze_until="block1",
        norm_mode="inference",
        precompute_frozen=True,
        batch_size=16,
        epochs=3,
        learning_rate=0.01,
        eval_batch_size=12,
        input_scale="standardize",
        shuffle="epoch",
        image_size=8,
        width=12,
    )
    return resolve(Config(**{**usual, **changes}))


def prepared(config, gated=False):
    """A run whose statistics are not those of a network that has seen nothing."""
    run = prepare(config, DATA, programs=PROGRAMS, gated=gated)
    random = np.random.default_rng(3)

    def moved(leaf):
        return leaf + random.uniform(0.1, 0.5, leaf.shape).astype(leaf.dtype)

    run.state = run.state.replace(batch_stats=jax.tree.map(moved, run.state.batch_stats))
    return run


def recorded(run):
    """What a run records from here on, without times."""
    told = []
    train(Alone(run), lambda lane, kind, **fields: told.append(fields), Progress(1, 1))
    told.append(summary_fields(run, "done", 0.0))
    return [{name: value for name, value in fields.items() if name not in TIMES} for fields in told]


def assert_same_records(ours, theirs):
    assert [list(fields) for fields in ours] == [list(fields) for fields in theirs]
    for mine, other in zip(map(flattened, ours), map(flattened, theirs), strict=True):
        numbers = {name: value for name, value in other.items() if type(value) is float}
        assert {name: mine[name] for name in numbers} == pytest.approx(numbers, rel=TOLERANCE, abs=TOLERANCE)
        others = {name: value for name, value in other.items() if name not in numbers}
        assert {name: mine[name] for name in others} == others


def flattened(fields, path=""):
    found = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            found |= flattened(value, f"{path}{name}/")
        else:
            found[path + name] = value
    return found


@pytest.mark.slow(minutes=0.3)
@pytest.mark.parametrize(
    ("changes", "gated"),
    [
        (dict(), False),
        (dict(freeze_until="block2", dropout=0.4, evaluate_train=True), True),
        (dict(freeze_until="fc", head_width=8), False),
        (dict(model="vgg7", order="before", epochs=1), False),
        (dict(model="mlp", hidden_layers=2, freeze_until="fc", precision="bfloat16"), True),
    ],
)
def test_records_are_those_of_a_run_without_it(changes, gated):
    once = settings(**changes)
    plain = dataclasses.replace(once, precompute_frozen=False)
    assert run_id(once) == run_id(plain)
    ours, theirs = prepared(once, gated), prepared(plain, gated)
    assert_same_records(recorded(ours), recorded(theirs))
    assert ours.frozen
    assert not theirs.frozen
    assert len(ours.fed.train.images) == len(DATA.train)
    assert ours.fed.train.images.dtype != np.uint8


@pytest.mark.slow
def test_units_of_the_frozen_part_are_counted_as_ever():
    """Some are made silent; none can be flat, since nothing could move them."""
    run = prepared(settings())
    kernel = run.state.params["block1_conv1"]["kernel"].at[..., :5].set(0.0)
    bias = jnp.full(32, -1.0).at[5:].set(0.1)
    block1 = {**run.state.params["block1_conv1"], "kernel": kernel, "bias": bias}
    run.state = run.state.replace(params={**run.state.params, "block1_conv1": block1})
    *epochs, _ = recorded(run)
    assert [epoch["dying"]["block1/conv1"]["silent"] for epoch in epochs] == [5, 5, 5]
    assert [epoch["dying"]["block1/conv1"]["flat"] for epoch in epochs] == [None] * 3
    assert list(epochs[0]["dying"]) == ["block1/conv1", "block2/conv1", "fc/dense1"]


@pytest.mark.slow
def test_a_run_that_was_cut_goes_on_to_the_same_end(tmp_path):
    whole = prepared(settings())
    records = recorded(whole)
    cut = prepared(dataclasses.replace(settings(), epochs=1))
    recorded(cut)
    cut.config = settings()
    checkpoint.save(tmp_path, cut)
    again = prepare(settings(), DATA, programs=PROGRAMS)  # its own statistics are others
    assert checkpoint.restore(checkpoint.load_newest(tmp_path), again)
    assert recorded(again) == records[1:]


@pytest.mark.slow
def test_the_frozen_part_is_not_in_the_step():
    run = prepare(settings(), DATA, programs=PROGRAMS)
    trained_part = run.programs.trained_part
    optimizer = make_optimizer(run.config)
    state = create_state(run.model, optimizer, SHAPE, seed=0)
    weights, labels = np.ones(16, np.float32), np.zeros(16, np.int32)
    counts = []
    for model, scaling, shape in (
        (run.model, InputScaling((0.0,) * 3, (1.0,) * 3), SHAPE),
        (trained_part, None, (4, 4, 32)),
    ):
        batch = Batch(np.ones((16, *shape), np.float32), labels, weights)
        counts.append(
            _convolutions(jax.make_jaxpr(step_function(model, optimizer, scaling))(state, batch).jaxpr)
        )
    assert counts == [3, 2]


@pytest.mark.slow
def test_runs_with_it_and_without_share_no_program():
    once = settings()
    plain = dataclasses.replace(once, precompute_frozen=False)
    assert program_settings(once, gated=True) != program_settings(plain, gated=True)
    runs = [once, dataclasses.replace(once, seed=1)]
    steps = dict.fromkeys(runs, 10)
    assert plan(runs, steps, lanes=2) == [Task((run,), gated=True) for run in runs]
    without = {dataclasses.replace(run, precompute_frozen=False): 10 for run in runs}
    assert [len(task.configs) for task in plan(list(without), without, lanes=2)] == [2]


@pytest.mark.slow
def test_too_much_memory_is_refused_before_anything_is_computed(monkeypatch):
    size = 4 * 4 * 32 * 4 * (48 + 29 + 11)
    monkeypatch.setattr(frozen_outputs, "LARGEST_IN_MEMORY", size)
    prepare(settings(), DATA, programs=PROGRAMS)
    monkeypatch.setattr(frozen_outputs, "LARGEST_IN_MEMORY", size - 1)
    with pytest.raises(ConfigError, match="up to block1 make of 88 images need"):
        prepare(settings(), DATA, programs=PROGRAMS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(freeze_until="", norm_mode="train"), "is of the part that --freeze_until names, and it names"),
        (
            dict(norm_mode="train"),
            "with --norm_mode=train frozen norms depend on the batch; it needs --norm",
        ),
        (dict(norm_mode="frozen"), "with --norm_mode=frozen frozen norms"),
        (dict(norm_mode="keras2-train"), "with --norm_mode=keras2-train frozen norms"),
        (dict(train_norms=True), "--train_norms changes the frozen part in every step"),
        (dict(augment="crop_flip"), "--augment=crop_flip makes other images in every epoch"),
        (dict(freeze_until="fc", dropout=0.2), "--dropout=0.2 draws anew in every step, also in fc"),
        (
            dict(model="inceptionv3", freeze_until="3", image_size=75),
            "computes whole blocks, and --freeze_until=3 ends inside the first",
        ),
    ],
)
def test_what_would_not_be_exact_is_refused(changes, message):
    with pytest.raises(ConfigError, match="--precompute_frozen.*" + message):
        settings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        dict(placement="dense", norm_mode="frozen"),
        dict(placement="none", norm_mode="train", train_norms=True),
        dict(dropout=0.2),
        dict(trained_norm_mode="keras2-train"),
        dict(model="mobilenetv2", freeze_until="100"),
    ],
)
def test_what_is_exact_is_not(changes):
    assert settings(**changes).precompute_frozen


@pytest.mark.parametrize(
    ("text", "block"), [("249", "mixed8"), ("mixed8", "mixed8"), ("248", "mixed8"), ("240", "mixed7")]
)
def test_of_a_cut_block_nothing_is_computed_once(text, block):
    from bnjax.settings.finetuning import precomputed_block

    config = settings(model="inceptionv3", order="before", freeze_until=text, image_size=75)
    assert precomputed_block(config) == block


@pytest.mark.slow(minutes=1)
@pytest.mark.parametrize(
    ("model", "cut", "side"),
    [
        (InceptionV3(placement="all", order="before", num_classes=2), "mixed8", 75),
        (MobileNetV2(placement="all", width_multiplier=0.1, halvings=3), "block2", 16),
        (MobileNetV2(placement="all", width_multiplier=0.1, halvings=3), "head", 16),
    ],
)
def test_the_two_parts_are_the_whole(model, cut, side):
    """By their shapes and by the convolutions in their programs."""
    images = jax.ShapeDtypeStruct((2, side, side, 3), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), images)

    def logits(part):
        return lambda variables, x: part.apply(variables, x, train=False)

    whole, before, behind = model, model.clone(ends_with=cut), model.clone(starts_behind=cut)
    outputs = jax.eval_shape(logits(before), variables, images)
    programs = [
        str(jax.make_jaxpr(logits(part))(variables, x)).count(" conv_general_dilated[")
        for part, x in ((whole, images), (before, images), (behind, outputs))
    ]
    assert programs[0] == programs[1] + programs[2]
    assert jax.eval_shape(logits(behind), variables, outputs).shape == (2, model.num_classes)
    assert before.blocks + behind.blocks == whole.blocks
