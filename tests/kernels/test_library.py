"""Kernels on disk, for other processors, and such that cannot be compiled."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from against_xla import assert_close, exactly, inputs, products, single
from llvmlite import binding
from starting import PATIENCE

from bnjax.kernels import library, targets, writers
from bnjax.kernels.products import convolved
from bnjax.kernels.writing import machine
from bnjax.kernels.writing.shapes import Convolution

SHAPE = Convolution(6, 6, 5, 7, 3, 3, 1, ((1, 1), (1, 1)))
PRODUCTS = ("forward", "input_gradient", "kernel_gradient")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and no kernel that this process has made."""
    monkeypatch.setenv("BNJAX_CACHE_DIR", str(tmp_path))
    return tmp_path / "kernels"


def compiled(name="name", made=None):
    """A kernel from the cache or made now, which is noted."""

    def kernel(module, host):
        if made is not None:
            made.append(name)
        return writers.writer("forward", SHAPE)(module, host)

    return library.kept_code(name, kernel, machine.host_machine(), 2)


def test_a_kernel_is_compiled_once(cache):
    made = []
    assert compiled(made=made) == compiled(made=made)
    assert made == ["name"]
    assert [file.name for file in cache.iterdir()] == ["name.o"]


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: b"", lambda content: b"x" + content]
)
def test_a_damaged_file_is_replaced(cache, damage):
    whole = compiled()
    file = cache / "name.o"
    file.write_bytes(damage(file.read_bytes()))
    made = []
    assert compiled(made=made) == whole
    assert compiled(made=made) == whole
    assert made == ["name"]


def test_a_cache_that_cannot_be_written_to_costs_time_only(cache):
    cache.write_text("a file where the folder would be")
    made = []
    assert compiled(made=made) == compiled(made=made)
    assert made == ["name", "name"]


def test_another_generator_leaves_files_of_other_names(cache, monkeypatch):
    x, kernel, _ = single(inputs(SHAPE, 2))
    names = set()
    for version in ("11111111", "22222222"):
        monkeypatch.setattr(library, "generator_version", lambda version=version: version)
        jax.jit(partial(convolved, shape=SHAPE)).lower(x, kernel)
        names = {file.name for file in cache.iterdir()}
        assert any(version in name for name in names)
    assert len(names) == 2


def test_the_version_is_of_all_files_that_write_code(tmp_path, monkeypatch):
    version = library.generator_version()
    copy = tmp_path / "kernels"
    shutil.copytree(Path(library.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(library, "__file__", str(copy / "library.py"))
    assert library.generator_version.__wrapped__() == version
    for name in ("call.ll", "writing/dense.py"):
        with (copy / name).open("a") as file:
            file.write("\n")
        changed = library.generator_version.__wrapped__()
        assert changed != version
        version = changed


_TWICE = """
import jax, numpy as np, sys
from bnjax.kernels.products import convolved
from bnjax.kernels.writing.shapes import Convolution
jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
shape = Convolution(6, 6, 5, 7, 3, 3, 1, ((1, 1), (1, 1)))
draw = np.random.default_rng(0)
x, kernel = (draw.normal(size=size).astype("f") for size in ((2, 6, 6, 5), (3, 3, 5, 7)))
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append("cache_hits" in event))
form = jax.jit(jax.grad(lambda kernel: (convolved(x, kernel, shape) ** 2).sum()))
print(float(np.asarray(form(kernel)).sum()), sum(hits))
"""


def test_programs_in_jaxs_own_cache_find_their_kernels(cache, tmp_path):
    """The second process loads a program that names kernels which it has not compiled."""
    told = []
    for _ in range(2):
        command = [sys.executable, "-c", _TWICE, str(tmp_path / "xla")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        made = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=True
        )
        told.append(made.stdout.split())
    (first, misses), (second, hits) = told
    assert first == second
    assert (misses, int(hits) > 0) == ("0", True)


def test_what_cannot_be_compiled_is_named_once_and_computed_plainly(cache, monkeypatch, capsys):
    def refuse(*arguments):
        raise RuntimeError("LLVM does not\nwant to")

    monkeypatch.setattr(library, "object_code", refuse)
    monkeypatch.setattr(targets, "_targets", {})
    arrays = inputs(SHAPE, 2)
    for _ in range(2):
        assert_close(products(partial(convolved, shape=SHAPE), *single(arrays)), exactly(SHAPE, arrays))
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3  # one for each product
    for line, product in zip(sorted(told), sorted(PRODUCTS), strict=True):
        assert line.startswith(f"bnjax: no kernel bnjax_dense_{product}_6_6_5_7_3_3_1_1_1_1_1_")
        assert line.endswith("(LLVM does not want to); XLA's form takes its place")


OTHERS = {
    "AVX-512": machine.x86("x86_64-unknown-linux-gnu", "skylake-avx512", "", avx512=True),
    "AVX2": machine.x86("x86_64-pc-windows-msvc", "haswell", "", avx512=False),
    "NEON": machine.arm64("aarch64-unknown-linux-gnu", "neoverse-n1", ""),
    "Apple": machine.arm64("arm64-apple-darwin", "apple-m1", ""),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("depthwise", [False, True])
def test_code_for_other_processors_can_be_made(other, depthwise):
    """From the same description; it is not run here. Tails of features are masked."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    shape = Convolution(9, 9, 21, 21, 3, 3, 2, ((0, 1), (0, 1)), depthwise)
    for product in PRODUCTS:
        code, work = library.object_code(writers.writer(product, shape), OTHERS[other], 4)
        assert len(code) > 1000
        assert work.per_image or work.fixed


def test_vectors_are_as_wide_as_the_processors():
    assembly = {name: _assembly(other) for name, other in OTHERS.items()}
    assert "zmm" in assembly["AVX-512"]
    assert "ymm" in assembly["AVX2"]
    assert "zmm" not in assembly["AVX2"]
    assert "fmla" in assembly["NEON"]
    assert "fmla" in assembly["Apple"]


def _assembly(other):
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    shape = Convolution(16, 16, 32, 64, 3, 3, 1, ((1, 1), (1, 1)))
    parsed = library.module_for(writers.writer("forward", shape), other, 4)[0]
    return other.target_machine().emit_assembly(parsed)


def test_numbers_of_the_processor_name_the_kernel():
    host = machine.host_machine()
    assert host.fingerprint == machine.host_machine().fingerprint
    assert len({other.fingerprint for other in (*OTHERS.values(), host)}) == 5
    assert np.log2(host.lanes) % 1 == 0


#: Links kernels in a process with holes of two pages at one end of 5 GiB and room for more at the other.
_FAR = """
import mmap, sys
from bnjax.kernels import library, writers
from bnjax.kernels.writing import machine
from bnjax.kernels.writing.shapes import Convolution

def reserve(pages):
    return mmap.mmap(-1, pages * mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 0)

host, shape = machine.host_machine(), ((1, 1), (1, 1))
codes = [
    library.object_code(writers.writer("forward", Convolution(8, 8, n, 16, 3, 3, 1, shape)), host, 2)[0]
    for n in range(3, 9)
]
filling = [reserve(pages) for pages in (4096, 256, 64, 16) for _ in range(200)]
small = [reserve(2) for _ in range(400)]
large = reserve((5 << 30) // mmap.PAGESIZE)
for page in small[::2]:
    page.close()
assert all(library.handler_address(code, str(number)) for number, code in enumerate(codes))
print("linked")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="places memory as Linux does")
def test_a_kernel_is_linked_in_a_process_of_many_gigabytes():
    """Whose sections may lie further apart than 32 bits reach: LLVM's older linker aborts there."""
    done = subprocess.run(
        [sys.executable, "-c", _FAR], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (0, "linked\n"), done.stderr
