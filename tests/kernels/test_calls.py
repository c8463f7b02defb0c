"""Calls of kernels by XLA: by many threads, in other processes, and over and over."""

import hashlib
import os
import resource
import subprocess
import sys
import threading
from functools import partial

import jax
import numpy as np
import pytest
from against_xla import inputs, products, single
from starting import PATIENCE

from bnjax.kernels import targets
from bnjax.kernels.products import convolved
from bnjax.kernels.writing.shapes import Convolution

SHAPES = [
    Convolution(16, 16, 8, 24, 3, 3, 1, ((1, 1), (1, 1))),
    Convolution(16, 16, 24, 24, 3, 3, 2, ((0, 1), (0, 1)), True),
]
BATCH = 37  # no multiple of the chunks


def bits():
    """Digests of all products of both shapes."""
    found = []
    for shape in SHAPES:
        made = products(partial(convolved, shape=shape), *single(inputs(shape, BATCH)))
        found.append(hashlib.sha256(b"".join(part.tobytes() for part in made)).hexdigest())
    return found


def bits_elsewhere(cores):
    """The same by a new process on the first so many cores."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    code = f"import os; os.sched_setaffinity(0, {allowed}); import test_calls; print(*test_calls.bits())"
    paths = os.pathsep.join([*sys.path, os.path.dirname(__file__)])
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, "-c", code]
    made = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=True
    )
    return made.stdout.split()


def test_two_calls_have_the_same_bits():
    assert bits() == bits()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_bits_do_not_depend_on_the_cores_nor_on_the_process():
    assert bits() == bits_elsewhere(1) == bits_elsewhere(2)


def test_more_threads_than_cores_have_the_same_bits(monkeypatch):
    one = bits()
    monkeypatch.setattr(targets, "core_count", lambda: 13)
    assert bits() == one


def test_eight_threads_at_once():
    """Each calls programs with all products, and gets what one thread got; nobody waits for ever."""
    forms, expected = [], []
    for shape in SHAPES:
        arrays = single(inputs(shape, BATCH))
        form = jax.jit(lambda x, kernel, given, shape=shape: _all(shape, x, kernel, given))
        forms.append(partial(form, *arrays))
        expected.append([np.asarray(part) for part in form(*arrays)])
    wrong = []

    def call():
        for _ in range(30):
            for form, known in zip(forms, expected, strict=True):
                made = form()
                wrong.extend(1 for a, b in zip(made, known, strict=True) if not np.array_equal(a, b))

    threads = [threading.Thread(target=call, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


def _all(shape, x, kernel, given):
    result, pulled = jax.vjp(partial(convolved, shape=shape), x, kernel)
    return result, *pulled(given)


def test_many_in_one_program():
    """None of which waits for another one."""
    shape = SHAPES[0]
    x, kernel, _ = single(inputs(shape, BATCH))
    form = jax.jit(
        lambda x, kernel: [convolved(x * factor, kernel, shape) for factor in (1, 2, 4, 8, 16, 32)]
    )
    first, *others = form(x, kernel)
    for factor, other in zip((2, 4, 8, 16, 32), others, strict=True):
        np.testing.assert_array_equal(other, factor * np.asarray(first))


def test_calls_that_nobody_waits_for():
    """A chain of programs, all of them asked for before the first has ended."""
    shape = Convolution(8, 8, 4, 4, 3, 3, 1, ((1, 1), (1, 1)))
    x, kernel, _ = single(inputs(shape, 64))
    step = jax.jit(lambda x: convolved(x, kernel, shape) / 9)
    one = other = x
    for _ in range(100):
        one = step(one)
    for _ in range(100):
        other = jax.block_until_ready(step(other))
    np.testing.assert_array_equal(one, other)


def test_memory_stays_flat():
    """10,000 calls; a job that was not freed would take hundreds of bytes in each of them."""
    shape = Convolution(4, 4, 3, 4, 3, 3, 1, ((1, 1), (1, 1)))
    x, kernel, given = (jax.device_put(array) for array in single(inputs(shape, 8)))
    form = jax.jit(partial(_all, shape))
    for _ in range(1000):
        form(x, kernel, given)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10_000):
        made = form(x, kernel, given)
    jax.block_until_ready(made)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2048  # KiB


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
def test_a_process_that_forked_goes_on():
    expected = bits()
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert bits() == expected
