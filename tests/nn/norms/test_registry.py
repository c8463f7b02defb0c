"""A norm is one file and one line of the registry: everything else follows."""

import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.models import build_model
from bnjax.nn.norms import NormLayer
from bnjax.norm import DEFAULT_NORM, NORMS, Norm
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError

A_NORM = """
import jax.numpy as jnp

from bnjax.nn.norms import ExampleNorm


class MaximumNorm(ExampleNorm):
    def normalised(self, x):
        return x / (jnp.abs(x).max(tuple(range(1, x.ndim)), keepdims=True) + self.settings.norm_epsilon)
"""


@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
def test_every_line_names_a_layer_that_is_there(norm):
    module, _, kind = norm.layer.partition(":")
    assert issubclass(getattr(importlib.import_module(module), kind), NormLayer)
    assert {field.name for field in Config.__dataclass_fields__.values()} >= set(norm.own_settings)


def test_letters_are_capitals_and_stand_for_one_norm_each():
    letters = [norm.letter for norm in NORMS.values()]
    assert len(set(letters)) == len(letters)
    assert all(letter.isupper() and len(letter) == 1 for letter in letters)
    assert (next(iter(NORMS)), NORMS["batch"].letter) == (DEFAULT_NORM, "B")


def test_a_new_norm_is_one_file_and_one_line(tmp_path, monkeypatch):
    (tmp_path / "maximum_norm.py").write_text(A_NORM)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(NORMS, "maximum", Norm("maximum", "M", "maximum_norm:MaximumNorm"))
    config = resolve(Config(model="mlp", placement="all", norm="maximum", order="before"))
    assert (config.placement, config.norm) == ("dMr", "maximum")
    assert resolve(Config(model="mlp", placement="dMr")) == config
    with pytest.raises(ConfigError, match="--bn_batch=2 is of statistics of a batch, and maximum norms"):
        resolve(Config(model="mlp", placement="dMr", bn_batch="2"))
    model, images = build_model(config, 10), jnp.asarray(np.random.default_rng(0).random((2, 4, 4, 1)))
    logits, variables = model.init_with_output(jax.random.key(0), images)
    assert "batch_stats" not in variables
    assert set(variables["params"]["fc_dense1"]["norm"]) == {"scale", "bias"}
    assert bool(jnp.isfinite(logits).all())
    sys.modules.pop("maximum_norm")
