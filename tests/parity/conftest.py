"""Comparisons in float64: with a norm after ReLU, float32 cannot tell right from wrong after 20 steps."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.models import CNN

IMAGE_SHAPE = (12, 12, 3)
PLACEMENTS = ("none", "all:before", "all:after", "conv:after,dense:before")


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(params=PLACEMENTS)
def placement(request):
    return request.param


@pytest.fixture
def model(placement):
    return CNN(placement=placement, param_dtype=jnp.float64)


@pytest.fixture
def batch():
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (16, *IMAGE_SHAPE), dtype=np.uint8)
    return images, random.integers(0, 10, 16).astype(np.int32)


@pytest.fixture
def variables(model):
    return _random_variables(model, IMAGE_SHAPE)


@pytest.fixture
def random_variables():
    return _random_variables


@pytest.fixture
def keras_float64(monkeypatch):
    """Keras with JAX turns float64 to float32 inside BatchNormalization unless its table is mended."""
    import keras
    from keras.src.backend.common import dtypes

    monkeypatch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
    keras.config.set_floatx("float64")
    keras.utils.clear_session()
    yield
    keras.config.set_floatx("float32")
    keras.utils.clear_session()  # layers take their dtype from a policy that was made in between


@pytest.fixture
def numpy_initialisers(monkeypatch):
    """Weights that are replaced anyway come from NumPy: JAX would compile a program for each shape."""
    import keras

    for name, value in (("GlorotUniform", 0.0), ("Zeros", 0.0), ("Ones", 1.0)):

        def draw(self, shape, dtype=None, value=value, **_):
            return np.full(shape, value, dtype)

        monkeypatch.setattr(getattr(keras.initializers, name), "__call__", draw)


@pytest.fixture
def keras_outputs():
    return _keras_outputs


def _keras_outputs(other, images):
    """In evaluation and in training; the running statistics of the network are updated.

    In one compiled program: layer by layer would compile each of them.
    """

    @jax.jit
    def both(trainable, fixed):
        trained, updated = other.stateless_call(trainable, fixed, images, training=True)
        return other.stateless_call(trainable, fixed, images, training=False)[0], trained, updated

    trainable = [variable.value for variable in other.trainable_variables]
    fixed = [variable.value for variable in other.non_trainable_variables]
    evaluated, trained, updated = both(trainable, fixed)
    for variable, value in zip(other.non_trainable_variables, updated, strict=True):
        variable.assign(value)
    return np.asarray(evaluated), np.asarray(trained)


def _random_variables(model, image_shape):
    """Every number random, running statistics too, so that nothing agrees because it is still 0 or 1."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *image_shape)))
    random = np.random.default_rng(5)

    def draw(path, leaf):
        name = path[-1].key
        if name == "kernel":
            return random.normal(0, 1 / np.sqrt(np.prod(leaf.shape[:-1])), leaf.shape)
        positive = name in ("scale", "var")
        return random.uniform(0.5, 1.5, leaf.shape) if positive else random.normal(0, 0.3, leaf.shape)

    drawn = jax.tree_util.tree_map_with_path(draw, shapes)
    return {"batch_stats": {}, **drawn}
