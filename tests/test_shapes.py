"""The shapes in annotations are those that networks, norms, steps and probes really have."""

import subprocess
import sys
from pathlib import Path

import pytest
from starting import PATIENCE

TESTS = Path(__file__).resolve().parent
#: Networks and steps are traced and not run: tracing knows all shapes.
_CODE = """
import sys
sys.path[:0] = [{tests!r}, {tests!r} + "/train"]
import shape_checks

shape_checks.install()
import jax
import jax.numpy as jnp
import numpy as np
from bnjax.architectures import ARCHITECTURES
from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models import build_model
from bnjax.nn.norms import SingleValueError
from bnjax.norm import NORMS
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.train.optimizer import make_optimizer
from bnjax.train.state import state_maker
from bnjax.train.steps.step import step_function
from small_runs import trained


def network(model, **settings):
    config = resolve(Config(model=model, placement="all", batch_size=4, **settings))
    return config, build_model(config, 10)


def forward(model, side, **settings):
    images = jnp.zeros((4, side, side, 3))
    jax.eval_shape(lambda: network(model, **settings)[1].init(jax.random.key(0), images, train=True))


def step(model, side, **settings):
    config, made = network(model, **settings)
    optimizer = make_optimizer(config, steps_per_epoch=1)
    state = state_maker(made, optimizer, (side, side, 3)).shapes()
    batch = Batch(np.zeros((4, side, side, 3), np.uint8), np.zeros(4, np.int32), np.ones(4, np.float32))
    jax.eval_shape(step_function(made, optimizer, InputScaling(0.0, 1.0)), state, batch)


for model, architecture in ARCHITECTURES.items():
    forward(model, max(16, architecture.images.smallest_side))
for norm in NORMS:
    try:
        step("mlp", 4, norm=norm)
    except SingleValueError:  # it is of maps alone
        step("resnet", 16, norm=norm, depth=8)
step("mlp", 4, bn_batch="2")
step("vit", 4, activation="elu", vit_depth=1)
step("cnn", 4, activation="prelu")
trained(placement="all", width=3, probes="all", batch_size=16, epochs=1, fresh_images=16, dropout=0.1)
print(shape_checks.looks)
"""


@pytest.mark.slow
def test_arrays_have_the_shapes_that_annotations_name():
    code = _CODE.format(tests=str(TESTS))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 10_000
