"""Throughput of lanes side by side and of single runs, as a sweep makes them."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bnjax.data import Dataset, ImageSet
from bnjax.runs.group import Alone, RunGroup
from bnjax.runs.lanes import join_runs, prepare_lane_runs
from bnjax.runs.training import prepare
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.train.programs.shared import Programs
from speed_peers.bnjax_itself import task_config
from speed_peers.networks import CLASSES, Task

_PRODUCT_SIDE = {"cpu": 1024}
_LARGE_PRODUCT_SIDE = 8192
_PRODUCT_ROUNDS = 10
_PLACEMENTS = ("all", "none", "all:before", "all:after")


def _device() -> str:
    first = jax.local_devices()[0]
    return f"{jax.local_device_count()} x {first.device_kind}"


def product_rate(precision: str) -> dict[str, Any]:
    """The rate of a large matrix product on one device, as a record: the best of ten."""
    side = _PRODUCT_SIDE.get(jax.default_backend(), _LARGE_PRODUCT_SIDE)
    matrix = jnp.full((side, side), 1 / side, precision)
    product = jax.jit(jnp.matmul)
    jax.block_until_ready(product(matrix, matrix))
    seconds = []
    for _ in range(_PRODUCT_ROUNDS):
        started = time.perf_counter()
        jax.block_until_ready(product(matrix, matrix))
        seconds.append(time.perf_counter() - started)
    rate = 2 * side**3 / min(seconds) / 1e12
    return {"kind": "product", "precision": precision, "side": side, "tflops": rate, "device": _device()}


@dataclasses.dataclass
class _Contestant:
    """Takes an epoch's steps of one run, or of lanes.

    Attributes:
      lanes: None for a single run.
    """

    lanes: int | None
    epoch: Callable[[int], None] | None
    compile_seconds: float
    failure: str = ""
    seconds: list[float] = dataclasses.field(default_factory=list)


def measure(
    network: str,
    precision: str,
    lanes: Sequence[int],
    rounds: int,
    steps: int,
    batch_size: int,
    product_tflops: float,
) -> list[dict[str, Any]]:
    """Records of a single run and of each number of lanes.

    Args:
      product_tflops: the rate of the matrix product that throughputs are held against, on each device.
    """
    task = Task(network, batch_size, threads=0)
    config = dataclasses.replace(task_config(task), precision=precision, epochs=rounds + 1)
    dataset = _dataset(task, steps * batch_size)
    contestants = [_attempt(None, partial(_solo, config, dataset))]
    contestants += [_attempt(count, partial(_lanes, config, dataset, count)) for count in lanes]
    for number in range(1, rounds + 2):
        for contestant in contestants:
            if contestant.epoch:
                started = time.perf_counter()
                contestant.epoch(number)
                contestant.seconds.append(time.perf_counter() - started)
    flops = _flops_of_an_image(config, dataset)
    limit = product_tflops * 1e12 * jax.local_device_count()
    solo = [steps * batch_size / seconds for seconds in contestants[0].seconds[1:]]
    records = []
    for contestant in contestants:
        images = steps * batch_size * (contestant.lanes or 1)
        # The first round is not timed: it warms up.
        rates = [images / seconds for seconds in contestant.seconds[1:]]
        middle = statistics.median(rates) if rates else None
        ratios = [mine / alone for mine, alone in zip(rates, solo, strict=bool(rates and solo))]
        records.append(
            {
                "kind": "lanes",
                "network": network,
                "precision": precision,
                "lanes": contestant.lanes,
                "batch_size": batch_size,
                "steps": steps,
                "rounds": rounds,
                "images_per_second": middle,
                "images_per_second_by_round": rates,
                "to_solo": statistics.median(ratios) if ratios else None,
                "of_product": middle * flops / limit if middle else None,
                "flops_of_an_image": flops,
                "compile_seconds": contestant.compile_seconds,
                "failure": contestant.failure,
                "device": _device(),
            }
        )
    return records


def _dataset(task: Task, images: int) -> Dataset:
    random = np.random.default_rng(0)
    shape = (images, *task.image_shape)
    labels = random.integers(0, CLASSES, images, dtype=np.int32)
    part = ImageSet(random.integers(0, 256, shape, dtype=np.uint8), labels)
    return Dataset(part, part, CLASSES, {"name": "made up"})


def _attempt(lanes: int | None, make: Callable[[], Callable[[int], None]]) -> _Contestant:
    """A contestant that has compiled, or one that says why it could not."""
    started = time.perf_counter()
    try:
        epoch = make()
    except jax.errors.JaxRuntimeError as error:
        return _Contestant(lanes, None, 0.0, str(error).partition("\n")[0])
    return _Contestant(lanes, epoch, time.perf_counter() - started)


def _solo(config: Config, dataset: Dataset) -> Callable[[int], None]:
    return _epochs(Alone(prepare(config, dataset)))


def _lanes(config: Config, dataset: Dataset, count: int) -> Callable[[int], None]:
    """Lanes that differ in placement and seed, as those of a sweep do."""
    configs = [
        resolve(dataclasses.replace(config, placement=_PLACEMENTS[lane % len(_PLACEMENTS)], seed=lane))
        for lane in range(count)
    ]
    programs = Programs()
    return _epochs(join_runs(prepare_lane_runs(configs, dataset, programs), programs))


def _epochs(group: RunGroup) -> Callable[[int], None]:
    """Compiles the steps of a group; what it gives takes those of an epoch, which is named from 1."""
    group.steps.compile(group.state)

    def epoch(number: int) -> None:
        for state, _ in group.steps.take(group.state, number):
            group.state = state
        jax.block_until_ready(group.state)

    return epoch


def _flops_of_an_image(config: Config, dataset: Dataset) -> float:
    """Operations of a training step over its images, counted by XLA before it optimizes."""
    from bnjax.data import in_memory, input_scaling
    from bnjax.data.batches import Batch
    from bnjax.train.optimizer import make_optimizer
    from bnjax.train.steps.step import step_function

    run, size = prepare(config, dataset), config.batch_size
    scaling = input_scaling(config.input_scale, dataset.train)
    first = in_memory(dataset.train)[:size]
    step = jax.jit(step_function(run.model, make_optimizer(config), scaling))
    lowered = step.lower(run.state, Batch(first.images, first.labels, np.ones(size, np.float32)))
    counted: Any = lowered.cost_analysis()
    return counted["flops"] / size
