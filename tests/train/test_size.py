"""Large networks are announced with their size before they are built."""

import numpy as np
import pytest

from bnjax.data import Dataset, ImageSet
from bnjax.models import build_model
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.train import size
from bnjax.train.optimizer import make_optimizer
from bnjax.train.programs.shared import Programs
from bnjax.train.size import free_memory, size_line
from bnjax.train.state import state_maker


def shapes_of(**settings):
    config = resolve(Config(**settings))
    images = config.images().shape
    return config, state_maker(build_model(config, 10), make_optimizer(config), images).shapes()


def test_a_network_of_many_parameters_is_announced_with_its_size_and_its_flag():
    config, shapes = shapes_of(model="cnn", image_size=299)
    # 5x5 kernels, 32 and 64 channels; 299 -> 149 -> 74 pixels, dense 1024 and 10.
    count = 25 * 3 * 32 + 32 + 25 * 32 * 64 + 64 + (74 * 74 * 64 + 1) * 1024 + 1025 * 10
    line = size_line(config, shapes, free=2**50)
    assert f"cnn with --image_size=299 has {count:,} parameters" in line
    assert "5.3 GiB of 1048576.0 GiB free" in line  # Adam keeps two numbers for each, and there is a gradient
    assert line.endswith("a smaller --image_size makes it smaller")


def test_a_network_that_needs_half_of_the_free_memory_is_announced():
    config, shapes = shapes_of(model="cnn")
    assert size_line(config, shapes, free=10 * 2**30) == ""
    assert size_line(config, shapes, free=None) == ""
    assert "0.1 GiB of 0.1 GiB free" in size_line(config, shapes, free=2**27)


@pytest.mark.parametrize(("model", "flag"), [("mlp", "--width=256"), ("inceptionv3", "--head_width=0")])
def test_the_flag_is_that_of_the_network(model, flag):
    config, shapes = shapes_of(model=model, image_size=299)
    assert flag in size_line(config, shapes, free=1)


def test_this_machine_tells_its_free_memory():
    free = free_memory()
    assert free is None or 2**20 < free < 2**50


def test_programs_announce_a_network_before_its_state_is_made(monkeypatch, capsys):
    monkeypatch.setattr(size, "MANY_PARAMETERS", 100)
    images = ImageSet(np.zeros((8, 6, 6, 1), np.uint8), np.zeros(8, np.int32))
    config = resolve(Config(model="mlp", batch_size=4, input_scale="unit"))
    programs = Programs()
    for gated in (False, True):
        programs.of(config, Dataset(images, images, 2, {}), gated)
        assert "parameters; training needs more than" in capsys.readouterr().err
