"""Files of weights as Keras writes them, written here: arrays are told apart by their names."""

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.models import InceptionV3, MobileNetV2
from bnjax.weights import WeightsError, read_keras_weights
from bnjax.weights.keras import _layers

_NORM_NAMES = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}


def keras_names(layer):
    of_norm = layer.kind == "batch_normalization"
    return [_NORM_NAMES[path[-1]] if of_norm else path[-1] for path in layer.leaves]


def keras_shape(layer, shape):
    return (*shape[:2], shape[3], shape[2]) if layer.kind == "depthwise_conv2d" else shape


def write_keras_file(path, model, variables, names=keras_names, numbered=False, number=0.0):
    """A file of either format without logits; ``names`` gives those of a layer's arrays."""
    counts = {}
    with h5py.File(path, "w") as file:
        for layer in _layers(model, variables, include_top=False):
            count = counts[layer.kind] = counts.get(layer.kind, -1) + 1
            name = f"{layer.kind}_{count}" if count else layer.kind
            leaves = [_at(variables, keys) for keys in layer.leaves]
            arrays = dict(zip(names(layer), leaves, strict=True))
            group = file.create_group(f"layers/{name}/vars" if numbered else name)
            for place, (array, leaf) in enumerate(arrays.items()):
                shape = keras_shape(layer, leaf.shape)
                group[str(place) if numbered else f"{name}/{array}:0"] = np.full(shape, number, np.float32)
            if not numbered:
                group.attrs["weight_names"] = [f"{name}/{array}:0" for array in arrays]
                file.attrs["layer_names"] = [*file.attrs.get("layer_names", ()), name]


def _at(tree, keys):
    for key in keys:
        tree = tree[key]
    return tree


def zeros(model, side):
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, side, side, 3)))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), dict(shapes))


@pytest.fixture(scope="module")
def inception():
    model = InceptionV3(placement="all", include_top=False)
    return model, zeros(model, 75)


def scales_alone(layer):
    return ["gamma" if name == "beta" else name for name in keras_names(layer)]


def test_the_files_written_here_are_read(inception, tmp_path):
    for numbered in (False, True):
        write_keras_file(tmp_path / "good.h5", *inception, numbered=numbered, number=-0.5)
        read = read_keras_weights(tmp_path / "good.h5", *inception, include_top=False)
        assert all((np.asarray(leaf) == -0.5).all() for leaf in jax.tree.leaves(read))


def test_scales_are_not_read_as_biases(inception, tmp_path):
    write_keras_file(tmp_path / "scales.h5", *inception, names=scales_alone)
    message = r"params/stem_conv1/norm/bias: the file has .*/gamma:0 there, and not Keras's beta"
    with pytest.raises(WeightsError, match=message):
        read_keras_weights(tmp_path / "scales.h5", *inception, include_top=False)


def test_scales_without_a_name_are_known_by_their_sign(inception, tmp_path):
    write_keras_file(tmp_path / "scales.weights.h5", *inception, numbered=True, number=1.0)
    with pytest.raises(WeightsError, match=r"all biases of norms are above 0, .*center=False"):
        read_keras_weights(tmp_path / "scales.weights.h5", *inception, include_top=False)


def test_names_in_another_order_are_not_read_by_their_shapes(tmp_path):
    model = MobileNetV2(placement="all", stride_padding="same", width_multiplier=0.1)
    variables = zeros(model, 32)

    def turned(layer):
        return list(reversed(keras_names(layer)))

    write_keras_file(tmp_path / "turned.h5", model, variables, names=turned)
    with pytest.raises(WeightsError, match=r"norm/scale: the file has .*/moving_variance:0 there"):
        read_keras_weights(tmp_path / "turned.h5", model, variables, include_top=False)
