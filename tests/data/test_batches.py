"""Batches of training and evaluation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_sets import numbered_set, positions_of, random_set

from bnjax.data import eval_batches, steps_per_epoch, train_batches
from bnjax.data.batches import TrainOrder

pytestmark = pytest.mark.usefixtures("own_cache")


def order_of(part, size, shuffle, seed, epoch):
    order = TrainOrder(len(part), size, shuffle, seed)
    return [p for batch in train_batches(part, order, epoch) for p in positions_of(batch.images)]


@given(st.integers(1, 300), st.integers(1, 64), st.integers(0, 2**32 - 1), st.integers(1, 10**6))
def test_training_batches_have_one_size_and_no_image_twice(count, size, seed, epoch):
    part = numbered_set(count)
    batches = list(train_batches(part, TrainOrder(count, size, "epoch", seed), epoch))
    assert len(batches) == steps_per_epoch(count, size) == count // size
    seen = []
    for batch in batches:
        assert batch.images.shape == (size, 1, 1, 2)
        assert batch.labels.tolist() == positions_of(batch.images)
        assert batch.weights.dtype == np.float32
        assert batch.weights.tolist() == [1] * size
        seen += batch.labels.tolist()
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(count))


def test_an_order_depends_on_seed_and_epoch_alone():
    part = numbered_set(1000)
    orders = {(seed, epoch): order_of(part, 100, "epoch", seed, epoch) for seed in (0, 1) for epoch in (1, 2)}
    assert len({tuple(order) for order in orders.values()}) == 4
    for (seed, epoch), order in orders.items():
        assert sorted(order) == list(range(1000))
        assert order_of(part, 100, "epoch", seed, epoch) == order
        assert order_of(part, 50, "epoch", seed, epoch) == order


def test_an_order_stays_the_same_in_every_version():
    # Pinned: a new order would make runs of one seed no longer comparable with earlier ones.
    assert order_of(numbered_set(12), 12, "epoch", 3, 2) == [6, 10, 1, 2, 8, 9, 5, 7, 4, 3, 11, 0]


def test_unshuffled_batches_are_the_same_in_every_epoch():
    part = numbered_set(250)
    for seed, epoch in ((0, 1), (0, 2), (9, 5)):
        assert order_of(part, 100, "none", seed, epoch) == list(range(200))


@given(st.integers(1, 300), st.integers(1, 400))
def test_evaluation_batches_hold_every_image_once(count, size):
    part = numbered_set(count)
    seen = []
    for batch in eval_batches(part, size):
        assert batch.images.shape == (size, 1, 1, 2)
        assert batch.labels.shape == batch.weights.shape == (size,)
        assert batch.weights.dtype == np.float32
        assert set(batch.weights.tolist()) <= {0.0, 1.0}
        counted = batch.weights == 1
        assert set(batch.labels[~counted].tolist()) <= {count - 1}
        assert positions_of(batch.images) == batch.labels.tolist()
        seen += batch.labels[counted].tolist()
    assert seen == list(range(count))


def sorted_order(part, size, shuffle="epoch", seed=0):
    return TrainOrder(len(part), size, shuffle, seed, labels=part.known_labels.tobytes())


@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 12), st.integers(0, 100))
def test_sorted_batches_are_from_as_few_classes_as_possible(count, size, classes, seed):
    part = random_set(count, classes=classes, seed=seed)
    mixed, by_class = TrainOrder(count, size, "epoch", seed), sorted_order(part, size, seed=seed)
    batches = list(train_batches(part, by_class, epoch=2))
    assert [len(batch.labels) for batch in batches] == [size] * (count // size)
    whole = count // size * size
    # The same images, so that nothing but their company differs.
    assert sorted(by_class.positions(2)[:whole]) == sorted(mixed.positions(2)[:whole])
    np.testing.assert_array_equal(by_class.positions(2)[whole:], mixed.positions(2)[whole:])
    kinds = [len(set(batch.labels.tolist())) for batch in batches]
    present = len(set(part.labels[by_class.positions(2)[:whole]].tolist()))
    # Cuts between batches and between classes in one row: no other way has fewer of both together.
    assert sum(kinds) <= max(0, len(batches) + present - 1)


def test_an_order_of_sorted_batches_is_drawn_by_seed_and_epoch():
    part = random_set(640, classes=4)
    orders = {
        (seed, epoch): sorted_order(part, 16, seed=seed).positions(epoch)
        for seed in (0, 1)
        for epoch in (1, 2)
    }
    assert len({tuple(order) for order in orders.values()}) == 4
    for order in orders.values():
        first = part.labels[order.reshape(-1, 16)[:, 0]]
        assert (np.diff(first) < 0).sum() > 5  # not one class after the other
    # Pinned, as above: twelve images of three classes, four in a batch.
    twelve = TrainOrder(12, 4, "epoch", 3, labels=(np.arange(12, dtype=np.int32) % 3).tobytes())
    assert twelve.positions(2).tolist() == [2, 8, 5, 11, 6, 9, 3, 0, 10, 1, 7, 4]


def test_unshuffled_sorted_batches_are_the_same_in_every_epoch_and_for_all_seeds():
    part = random_set(250, classes=3)
    orders = [
        sorted_order(part, 100, "none", seed).positions(epoch) for seed, epoch in ((0, 1), (0, 2), (9, 5))
    ]
    for order in orders[1:]:
        np.testing.assert_array_equal(order, orders[0])
