"""What ``--trained=two-weights`` moves: two weights of each feature, and nothing else."""

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from small_runs import config, dataset, image_set

from bnjax.data.batches import Batch
from bnjax.runs.training import prepare
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.train.partition import trained_count, two_of_each_feature

#: Of an MLP of one layer.
FEATURES = 12


def moved(trained):
    """Path -> where a step changed params, of those that it changed."""
    settings = config(placement="all", trained=trained, optimizer="sgd", learning_rate=1.0, width=FEATURES)
    run = prepare(settings, dataset())
    before = flatten_dict(jax.device_get(run.state.params))
    examples = image_set(16)
    batch = Batch(examples.images, examples.labels, np.ones(16, np.float32))
    after = flatten_dict(jax.device_get(run.programs.train_step(run.state, batch)[0].params))
    found = {path: before[path] != after[path] for path in before}
    return {path: where for path, where in found.items() if where.any()}


def test_two_weights_of_each_feature_move_as_many_as_norms_have():
    weights, norms = moved("two-weights"), moved("norms")
    assert list(weights) == [("fc_dense1", "kernel")]
    [where] = weights.values()
    assert where.sum(0).max() <= 2
    assert where.sum() <= sum(found.sum() for found in norms.values()) <= 2 * FEATURES
    assert where.sum() > FEATURES  # silent units have no gradient
    assert not (where & ~two_of_each_feature(("fc_dense1", "kernel"), where.shape)).any()


def test_positions_are_two_of_each_feature_and_others_elsewhere():
    first, second = (two_of_each_feature((name, "kernel"), (3, 3, 4, 5)) for name in ("a", "b"))
    for where in (first, second):
        np.testing.assert_array_equal(where.reshape(-1, 5).sum(0), 2)
    assert (first != second).any()
    assert two_of_each_feature(("a",), (1, 7)).sum() == 7


def test_decay_of_other_weights_is_refused():
    with pytest.raises(ConfigError, match=r"--trained=two-weights: --weight_decay=0\.1 would move the other"):
        resolve(Config(placement="all", trained="two-weights", weight_decay=0.1))


@pytest.mark.parametrize(
    ("trained", "count"), [("two-weights", 2 * FEATURES), ("norms", 2 * FEATURES), ("unfrozen", None)]
)
def test_a_record_counts_what_is_trained(trained, count):
    run = prepare(config(placement="all", trained=trained, width=FEATURES), dataset())
    every = sum(leaf.size for leaf in jax.tree.leaves(run.state.params))
    assert trained_count(run.state.params, run.model) == (count or every)


def test_it_needs_no_norm():
    assert resolve(Config(placement="none", trained="two-weights")).trained == "two-weights"
