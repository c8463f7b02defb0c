"""Two ways to take the steps of an epoch: one by one from the host, or in a loop on the device."""

import dataclasses
import functools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jaxtyping import Int

from bnjax.data import DataError, Images, ImageSet, train_batches
from bnjax.data.batches import Batch, TrainOrder
from bnjax.settings.config import Config
from bnjax.train.mesh import own_rows, replicate, shard_batch, shard_lanes, shard_order
from bnjax.train.programs.run_programs import RunPrograms
from bnjax.train.state import TrainState
from bnjax.train.steps.step import TrainLoop, TrainStep
from bnjax.train.steps.sums import Sums

#: Steps between two looks of the host: a fraction of a second, so that progress shows and signals are heard.
STEPS_IN_LOOP = 100


def steps_in_loop(count: int) -> int:
    """The most steps that one call of a loop takes, from the steps of an epoch."""
    return min(STEPS_IN_LOOP, count)


def train_order(config: Config, train: Images) -> TrainOrder:
    """In which order a run meets its training images.

    Raises:
      DataError: batches are to be sorted by class, which nobody knows before the images are read.
    """
    order = TrainOrder(len(train), config.batch_size, config.shuffle, config.seed, config.trains_on_rest)
    if config.batches == "mixed":
        return order
    labels = train.known_labels
    if labels is None:
        raise DataError(
            f"--batches={config.batches}: the classes of {config.dataset} are not known before its images are"
            " read; use --stream=never and --augment=none"
        )
    return dataclasses.replace(order, labels=labels.tobytes())


def order_parts(
    order: Int[np.ndarray, "*lanes images"], count: int, batch_size: int, first: int = 0
) -> Iterator[tuple[Int[np.ndarray, "*lanes steps size"], int]]:
    """What the calls of a loop take of an epoch.

    Args:
      order: positions of images.
      count: the steps of the epoch.
      first: the first of them to take.

    Yields:
      Positions [..., steps_in_loop, batch_size] and how many of these steps to take; zeros behind them. Last,
      where ``count`` has a step for them, the positions [..., 1, rest] that whole batches leave over.
    """
    lanes, most = order.shape[:-1], steps_in_loop(count)
    whole = min(count, order.shape[-1] // batch_size)
    steps = order[..., : whole * batch_size].reshape(*lanes, whole, batch_size)
    for start in range(first, whole, most):
        taken = min(most, whole - start)
        part = np.zeros((*lanes, most, batch_size), np.int32)
        part[..., :taken, :] = steps[..., start : start + taken, :]
        yield part, taken
    if whole < count and first < count:
        yield order[..., None, whole * batch_size :].astype(np.int32), 1


class EpochSteps(Protocol):
    """The training steps of a run.

    Attributes:
      in_flight: how many results may wait to be looked at, so that the device does not idle meanwhile.
      waited: seconds of the epoch for which the device had nothing to do because no batch was there; None
        where all images are in memory.
    """

    in_flight: int
    waited: float | None

    def compile(self, state: TrainState) -> None:
        """Compiles before any epoch's time is taken, and takes no step."""

    def take(self, state: TrainState, epoch: int, first: int = 0) -> Iterator[tuple[TrainState, Sums]]:
        """Takes the steps of an epoch (from 1), ``first`` and later ones.

        Yields the state and the sums after one or several of them. A state that was yielded is used up by
        the next turn.
        """


def epoch_steps(config: Config, programs: RunPrograms, train: Images, mesh: Mesh) -> EpochSteps:
    """The way that is fastest: in a loop on the device, but for convolutions on CPU.

    There convolutions in a loop are many times slower. What is not in memory is sent batch by batch.
    """
    if not isinstance(train, ImageSet):
        return StreamSteps(config, programs.train_step, train, mesh)
    convolutions = any(site.convolves for site in programs.model.sites)
    if convolutions and mesh.devices.flat[0].platform == "cpu":
        return HostSteps(config, programs.train_step, train, mesh)
    return DeviceSteps(config, programs.train_loop, train, mesh)


class HostSteps:
    """One call for each step, with its batch sent along."""

    in_flight = 8
    waited: float | None = None

    def __init__(self, config: Config, program: TrainStep, train: Images, mesh: Mesh) -> None:
        self.program = program
        self._config, self._train, self._mesh = config, train, mesh
        self._order = train_order(config, train)
        self._rows = own_rows(config.batch_size, mesh) if mesh.is_multi_process else None

    def compile(self, state: TrainState) -> None:
        self.program.lower(state, shard_batch(self._any_batch(), self._mesh)).compile()

    def _any_batch(self) -> Batch:
        return next(self._batches(epoch=1, first=0))

    def take(self, state: TrainState, epoch: int, first: int = 0) -> Iterator[tuple[TrainState, Sums]]:
        for batch in self._batches(epoch, first):
            state, sums = self.program(state, shard_batch(batch, self._mesh))
            yield state, sums

    def _batches(self, epoch: int, first: int) -> Iterator[Batch]:
        return train_batches(self._train, self._order, epoch, first, self._rows)


class StreamSteps(HostSteps):
    """One call for each step while the next batch is fetched; tells how long the device waits."""

    def _any_batch(self) -> Batch:
        """Nothing is read for it."""
        rows = own_rows(self._config.batch_size, self._mesh)
        size = rows.stop - rows.start
        images = np.zeros((size, *self._train.image_shape), np.uint8)
        return Batch(images, np.zeros(size, np.int32), np.ones(size, np.float32))

    def take(self, state: TrainState, epoch: int, first: int = 0) -> Iterator[tuple[TrainState, Sums]]:
        self.waited = 0.0
        batches = self._batches(epoch, first)
        sums: Sums | None = None
        with ThreadPoolExecutor(1, "batch") as fetcher:
            coming = fetcher.submit(next, batches, None)
            while True:
                if not coming.done():
                    jax.block_until_ready(sums)  # until then the device has something to do
                started = time.perf_counter()
                batch = coming.result()
                self.waited += time.perf_counter() - started
                if batch is None:
                    return
                coming = fetcher.submit(next, batches, None)
                state, sums = self.program(state, shard_batch(batch, self._mesh))
                yield state, sums


class DeviceSteps:
    """The images lie on the device, and a call takes up to a hundred steps over them."""

    in_flight = 0
    waited: float | None = None
    #: Leading axes of an order.
    _stacked: tuple[int, ...] = ()

    def __init__(self, config: Config, program: TrainLoop, train: ImageSet, mesh: Mesh) -> None:
        self.program = program
        self._train, self._mesh = train, mesh
        self._order = train_order(config, train)

    @functools.cached_property
    def _examples(self) -> Batch:
        train = self._train
        return replicate(Batch(train.images, train.labels, np.ones(len(train), np.float32)), self._mesh)

    def compile(self, state: TrainState) -> None:
        order = np.zeros((*self._stacked, steps_in_loop(self._order.steps), self._order.batch_size), np.int32)
        self.program.lower(state, self._examples, self._placed(order), 0).compile()

    def take(self, state: TrainState, epoch: int, first: int = 0) -> Iterator[tuple[TrainState, Sums]]:
        order = self._order
        for part, taken in order_parts(self._positions(epoch), order.steps, order.batch_size, first):
            state, sums = self.program(state, self._examples, self._placed(part), taken)
            yield state, Sums(*(values[..., :taken] for values in jax.device_get(sums)))

    def _positions(self, epoch: int) -> Int[np.ndarray, "*lanes images"]:
        """Of the images of an epoch."""
        return self._order.positions(epoch)

    def _placed(self, order: Int[np.ndarray, "*lanes most batch"]) -> Int[Array, "*lanes most batch"]:
        return shard_order(order, self._mesh)


class LaneSteps(DeviceSteps):
    """The same of many runs at once, whose states and sums have lanes first."""

    def __init__(
        self, config: Config, program: TrainLoop, train: ImageSet, mesh: Mesh, seeds: Sequence[int] | None
    ) -> None:
        """Makes the steps of lanes whose configs differ in what their program takes as values.

        Args:
          config: of any of them.
          mesh: its devices share the lanes.
          seeds: those of the lanes, whose orders of images differ; None where all have one order.
        """
        super().__init__(config, program, train, mesh)
        self._seeds = seeds
        self._stacked = () if seeds is None else (len(seeds),)

    def _positions(self, epoch: int) -> Int[np.ndarray, "*lanes images"]:
        if self._seeds is None:
            return super()._positions(epoch)
        orders = [dataclasses.replace(self._order, seed=seed) for seed in self._seeds]
        return np.stack([order.positions(epoch) for order in orders])

    def _placed(self, order: Int[np.ndarray, "*lanes most batch"]) -> Int[Array, "*lanes most batch"]:
        placed: Any = (replicate if self._seeds is None else shard_lanes)(order, self._mesh)
        return placed
