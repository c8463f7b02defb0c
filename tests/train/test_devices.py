"""Many devices are one."""

import dataclasses

import jax
import numpy as np
import pytest
from small_runs import image_set, one_step_of, ran_on, run_on

from bnjax.data import Dataset
from bnjax.data.batches import Batch
from bnjax.train.mesh import data_mesh, shard_batch

TEST_DIGITS = 359

pytestmark = pytest.mark.slow  # it compiles


@pytest.mark.parametrize("model", ["cnn", "mlp"])
def test_eight_devices_equal_one(model, tmp_path):
    """A step with norms by the statistics of the whole batch, and every test image once."""
    flags = one_step_of(model)
    one, _ = ran_on(1, *flags)
    eight, _ = run_on(8, tmp_path, *flags)
    assert eight[0]["device"]["count"] == 8
    assert [record["kind"] for record in eight] == ["run", "epoch", "summary"]
    for metric in ("train_loss", "test_loss"):
        assert abs(one[1][metric] - eight[1][metric]) < 1e-5 * abs(one[1][metric])
    right, rights = (round(records[1]["test_accuracy"] * TEST_DIGITS) for records in (one, eight))
    # After one step logits are nearly alike, and rounding may turn a tie. The losses tell of every image.
    assert abs(right - rights) <= 1


def test_a_batch_that_devices_cannot_share_is_refused(tmp_path):
    records, done = run_on(8, tmp_path, "--batch_size=100")
    assert records == []
    assert done.returncode == 2
    assert "--batch_size=100 cannot be shared by 8 devices" in done.stderr
    assert done.stderr.count("\n") == 1


def test_batches_are_cut_and_not_copied_to_every_device():
    batch = Batch(*image_set(8).__dict__.values(), np.ones(8, np.float32))
    placed = shard_batch(batch, data_mesh())
    assert placed.images.sharding.spec == jax.sharding.PartitionSpec("data")
    assert dataclasses.is_dataclass(Dataset)
