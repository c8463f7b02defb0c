"""Weights that Keras itself has written arrive where they belong; what does not fit is refused by name."""

import shutil

import h5py
import jax
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from test_keras_inceptionv3 import weights_by_layer
from test_keras_mobilenetv2 import weight_list

from bnjax.models import CNN, InceptionV3, MobileNetV2
from bnjax.weights import WeightsError, read_keras_weights
from bnjax.weights.hdf5 import read_numbers, stored_layers
from bnjax.weights.source import read_weights

pytestmark = [
    pytest.mark.slow,
    # Keras's own get_weights with NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

CLASSES = 3
SIDE = 75


@pytest.fixture
def mobilenet(numpy_initialisers, random_variables):
    """Keras's network, ours and variables for it."""
    model = MobileNetV2(num_classes=CLASSES, placement="all", stride_padding="same", width_multiplier=0.1)
    other = keras.applications.MobileNetV2((32, 32, 3), 0.1, weights=None, classes=CLASSES)
    return other, model, prepared(other, model, random_variables, 32)


def prepared(other, model, random_variables, side):
    """Random numbers in Keras's network, and other ones as variables of ours."""
    random = np.random.default_rng(7)
    other.set_weights([random.normal(0, 1, weight.shape).astype(np.float32) for weight in other.weights])
    return jax.tree.map(lambda leaf: leaf.astype(np.float32), random_variables(model, (side, side, 3)))


def written(other, folder):
    """Both formats, and a whole model in the older one."""
    legacy, new, whole = folder / "legacy.h5", folder / "new.weights.h5", folder / "whole.h5"
    with h5py.File(legacy, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, other)
    other.save_weights(new)
    other.save(whole)
    return legacy, new, whole


def test_mobilenetv2_has_the_numbers_of_every_file(mobilenet, tmp_path):
    other, model, variables = mobilenet
    for path in written(other, tmp_path):
        read = read_keras_weights(path, model, variables)
        assert jax.tree.structure(read) == jax.tree.structure(variables)
        for mine, theirs in zip(weight_list(model, read), other.get_weights(), strict=True):
            assert mine.dtype == np.float32
            np.testing.assert_array_equal(mine, theirs)


def test_a_file_serves_other_classes_behind_a_new_head(mobilenet, random_variables, tmp_path):
    other, model, _ = mobilenet
    path = tmp_path / "new.weights.h5"
    other.save_weights(path)
    ours = model.clone(num_classes=5, head_width=4)
    start = random_variables(ours, (32, 32, 3))
    read = read_weights(path, ours, start, include_top=False)
    assert jax.tree.structure(read) == jax.tree.structure(start)
    for name in ("head", "logits"):
        np.testing.assert_array_equal(read["params"][name]["kernel"], start["params"][name]["kernel"])
    np.testing.assert_array_equal(read["params"]["stem_conv1"]["kernel"], other.layers[1].get_weights()[0])
    with pytest.raises(WeightsError, match="has no head") as caught:
        read_weights(path, ours, start, include_top=True)
    assert str(path) in str(caught.value)
    more = model.clone(num_classes=5)
    with pytest.raises(WeightsError, match=r"logits/kernel: .* has shape"):
        read_weights(path, more, random_variables(more, (32, 32, 3)), include_top=True)


@pytest.mark.usefixtures("numpy_initialisers")
def test_inceptionv3_has_the_numbers_of_every_file(random_variables, tmp_path):
    """Its file has branches in turns, so that the order of its layers is another than ours."""
    keras.utils.clear_session()
    model = InceptionV3(num_classes=CLASSES, placement="all", order="before")
    other = keras.applications.InceptionV3(input_shape=(SIDE, SIDE, 3), weights=None, classes=CLASSES)
    variables = prepared(other, model, random_variables, SIDE)
    for path in written(other, tmp_path):
        read = read_keras_weights(path, model, variables)
        assert jax.tree.structure(read) == jax.tree.structure(variables)
        for layer, weights in weights_by_layer(model, other, read):
            for mine, theirs in zip(weights, layer.get_weights(), strict=True):
                np.testing.assert_array_equal(mine, theirs)


def replaced(path, *arguments, **settings):
    """A copy of an older file whose first kernel is another dataset."""
    copy = path.with_name("damaged.h5")
    shutil.copy(path, copy)
    with h5py.File(copy, "r+") as file:
        del file["Conv1/Conv1/kernel"]
        if arguments or settings:
            file.create_dataset("Conv1/Conv1/kernel", *arguments, **settings)
        else:
            file["Conv1/Conv1/kernel"] = h5py.ExternalLink(str(path), "Conv1/Conv1/kernel")
    return copy


def test_what_does_not_fit_is_named(mobilenet, random_variables, tmp_path):
    other, model, variables = mobilenet
    legacy, new, _ = written(other, tmp_path)
    with h5py.File(legacy) as file:
        shape = file["Conv1/Conv1/kernel"].shape

    def assert_refused(path, message, model=model, variables=variables):
        with pytest.raises(WeightsError, match=message) as caught:
            read_keras_weights(path, model, variables)
        assert "\n" not in str(caught.value)

    huge = (1_000_000, 1_000_000, 3, 8)  # declared, but never written
    assert_refused(
        replaced(legacy, shape=huge, dtype="f4", chunks=(1, 1, 3, 8)),
        r"params/stem_conv1/kernel: .*/Conv1/Conv1/kernel has shape \(1000000, .* instead of \(3, 3, 3, 8\)",
    )
    assert_refused(replaced(legacy, data=np.ones(shape, np.int32)), "holds int32 instead of floating point")
    assert_refused(replaced(legacy), "no dataset 'Conv1/kernel' in '/Conv1'")
    wider = {**variables, "params": {**variables["params"], "logits": {"kernel": np.ones((1280, 5))}}}
    wider["params"]["logits"]["bias"] = np.ones(5)
    for path in (legacy, new):
        assert_refused(
            path, r"params/logits/kernel: .* has shape \(1280, 3\) .* \(1280, 5\)", variables=wider
        )
        read = read_keras_weights(path, model, wider, include_top=False)
        np.testing.assert_array_equal(read["params"]["logits"]["bias"], np.ones(5))
        np.testing.assert_array_equal(read["params"]["stem_conv1"]["kernel"], other.get_weights()[0])
    with h5py.File(legacy, "r+") as file:
        file.attrs["layer_names"] = file.attrs["layer_names"][:-1]
    assert_refused(legacy, "104 layers with weights instead of 105; include_top=False leaves the logits out")
    bare = {"params": {unit: {"kernel": kept["kernel"]} for unit, kept in variables["params"].items()}}
    assert_refused(new, "stem/conv1 has no norm", variables=bare)
    assert_refused(new, "no network like CNN", model=CNN())


def test_a_file_of_something_else_is_refused(tmp_path):
    text, empty = tmp_path / "text.h5", tmp_path / "empty.h5"
    text.write_text("weights")
    with pytest.raises(WeightsError, match=r"text\.h5 cannot be read .*signature"):
        read_keras_weights(text, *no_weights())
    h5py.File(empty, "w").close()
    with h5py.File(empty) as file, pytest.raises(WeightsError, match="neither 'layer_names' nor 'layers'"):
        stored_layers(file, [])


def no_weights():
    unit = {"kernel": np.ones(1), "norm": {}}
    model = MobileNetV2()
    return model, {"params": {site.name.replace("/", "_"): unit for site in model.sites}}


def test_numbers_in_other_files_are_not_read(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        other = file.create_dataset("x", data=np.ones(3, np.float32))
        layout = h5py.VirtualLayout((3,), np.float32)
        layout[:] = h5py.VirtualSource(other)
    (tmp_path / "raw").write_bytes(bytes(12))
    with h5py.File(tmp_path / "file.h5", "w") as file:
        virtual = file.create_virtual_dataset("virtual", layout)
        external = file.create_dataset("raw", (3,), np.float32, external=[(str(tmp_path / "raw"), 0, 12)])
        for dataset in (virtual, external):
            with pytest.raises(WeightsError, match="lies in another file"):
                read_numbers(dataset, (3,))
