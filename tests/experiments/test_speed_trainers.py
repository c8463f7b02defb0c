"""The contestants of the speed comparison: what each trains in either precision, with and without norms."""

import importlib
import os
from dataclasses import replace

os.environ.setdefault("KERAS_BACKEND", "jax")

import pytest
from speed_peers.images import digits, epoch_set
from speed_peers.networks import Task

pytestmark = pytest.mark.slow

#: Module -> what it needs.
MODULES = {"bnjax_itself": "flax", "plain_flax": "flax", "keras_itself": "keras", "pytorch": "torch"}
TASK = Task("mlp", 16, threads=1, image_size=8, epoch_steps=3)


@pytest.fixture(params=MODULES)
def trainer_of(request):
    """What makes a trainer from a task."""
    pytest.importorskip(MODULES[request.param])
    yield importlib.import_module(f"speed_peers.{request.param}").Trainer
    if request.param == "keras_itself":
        import keras

        keras.config.set_dtype_policy("float32")


def test_bfloat16_is_another_arithmetic_of_the_same_network(trainer_of):
    whole, half = trainer_of(TASK), trainer_of(replace(TASK, precision="bfloat16"))
    assert whole.parameters == half.parameters
    in_float32, in_bfloat16 = whole.train(1), half.train(1)
    assert in_float32 != in_bfloat16
    assert in_bfloat16 == pytest.approx(in_float32, rel=0.05)


def test_an_epoch_trains_on_every_image(trainer_of):
    trainer = trainer_of(TASK)
    first = trainer.train_epochs(1)
    assert trainer.train_epochs(30) < first / 2  # 48 random images are learnt by heart


def test_norms_are_where_the_task_says(trainer_of):
    inside = 64 * 256 + 256 + 256 * 10 + 10
    assert trainer_of(TASK).parameters == inside + 2 * 256
    assert trainer_of(replace(TASK, norms="0")).parameters == inside


def test_outputs_of_a_frozen_part_take_the_place_of_images(monkeypatch):
    pytest.importorskip("flax")
    from speed_peers import bnjax_itself

    monkeypatch.setattr(bnjax_itself, "FROZEN_LAYERS", "block1")
    monkeypatch.setattr(bnjax_itself, "HEAD_WIDTH", 8)
    task = Task("cnn", 4, threads=1, epoch_steps=3, frozen=True)
    plain, once = (bnjax_itself.Trainer(replace(task, precomputed=value)) for value in (False, True))
    assert once.parameters == plain.parameters
    for turn in ("train", "evaluate", "train_epochs"):
        assert getattr(once, turn)(2) == pytest.approx(getattr(plain, turn)(2), rel=1e-3), turn
    images = [next(trainer._batches).images for trainer in (plain, once)]
    assert images[0].shape[1:] == (32, 32, 3)
    assert images[1].shape[1:] != (32, 32, 3)


def test_epochs_have_whole_batches_alone():
    images, labels = epoch_set(replace(TASK, epoch_data="digits"))
    assert images.shape == (1438 // 16 * 16, 8, 8, 1)
    assert (labels == digits((8, 8, 1)).labels[: len(labels)]).all()
    with pytest.raises(ValueError, match="1438 digits do not fill a batch of 1439"):
        epoch_set(replace(TASK, epoch_data="digits", batch_size=1439))
