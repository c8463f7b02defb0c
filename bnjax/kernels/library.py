"""Kernels as object code: made once, kept on disk, and linked into the process."""

import functools
import hashlib
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llvmlite import binding, ir

from bnjax.files import cache_dir, write_whole
from bnjax.kernels.call import handler_code
from bnjax.kernels.writing.machine import Machine
from bnjax.kernels.writing.work import Work

#: Puts the functions of a kernel into a module, and says how much it does.
Kernel = Callable[[ir.Module, Machine], Work]
_DIGEST_SIZE = hashlib.sha256().digest_size
#: The numbers of a :class:`Work`.
_NUMBERS = struct.Struct(f"<{len(Work._fields)}q")
#: Linked libraries; code whose library is collected may not be called any more.
_linked: list[Any] = []


@functools.cache
def generator_version() -> str:
    """Names what writes the code: eight digits of a hash over this room's files and LLVM's version."""
    files = sorted(file for file in Path(__file__).parent.rglob("*") if file.suffix in (".py", ".ll"))
    text = b"".join(file.read_bytes() for file in files) + str(binding.llvm_version_info).encode()
    return hashlib.sha256(text).hexdigest()[:8]


def kept_code(name: str, kernel: Kernel, machine: Machine, slots: int) -> tuple[bytes, Work]:
    """A kernel's object code, and how much it does: from bnjax's cache, or made now and kept there.

    A damaged file is replaced. A cache that cannot be written to costs time only.

    Args:
      name: tells apart all that makes the code another one.
      slots: the most threads that work on one call.

    Raises:
      RuntimeError: LLVM refuses the code.
    """
    path = cache_dir() / "kernels" / f"{name}.o"
    kept = _kept(path)
    if kept:
        return kept
    code, work = object_code(kernel, machine, slots)
    content = _NUMBERS.pack(*work) + code
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, hashlib.sha256(content).digest() + content)
    except OSError:
        return code, work  # full or read-only disk: the next start compiles again
    return code, work


def _kept(path: Path) -> tuple[bytes, Work] | None:
    """What a file holds; None where it is absent or damaged."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    digest, content = stored[:_DIGEST_SIZE], stored[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        return None
    return content[_NUMBERS.size :], Work(*_NUMBERS.unpack_from(content))


def object_code(kernel: Kernel, machine: Machine, slots: int) -> tuple[bytes, Work]:
    """Compiles a kernel.

    Raises:
      RuntimeError: LLVM refuses the code.
    """
    module, work = module_for(kernel, machine, slots)
    return machine.target_machine().emit_object(module), work


def module_for(kernel: Kernel, machine: Machine, slots: int) -> tuple[binding.ModuleRef, Work]:
    """A kernel and its call as LLVM's own code, tidied up.

    Raises:
      RuntimeError: LLVM refuses the code.
    """
    written = ir.Module("kernel")
    work = kernel(written, machine)
    module = binding.parse_assembly(str(written))
    module.link_in(binding.parse_assembly(handler_code(work, slots)))
    module.triple = machine.triple
    module.verify()
    _tidy(module, machine)
    return module, work


def _tidy(module: binding.ModuleRef, machine: Machine) -> None:
    """Few passes: loops are written as they shall be, and the usual ones take longer than all else."""
    passes = binding.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    passes.add_new_gvn_pass()
    passes.add_simplify_cfg_pass()
    options = binding.create_pipeline_tuning_options(speed_level=2)
    passes.run(module, binding.create_pass_builder(machine.target_machine(), options))


def handler_address(code: bytes, name: str) -> int:
    """Loads object code; returns the address of its function ``handler``, for as long as the process lives.

    Raises:
      RuntimeError: a symbol is missing.
    """
    library = binding.JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol("handler")
    tracker = library.link(_linker(), name)
    _linked.append(tracker)
    return tracker["handler"]


@functools.cache
def _linker() -> Any:
    """LLVM's newer linker, which puts a library's sections side by side.

    The older one aborts a process of a few gigabytes whose sections come to lie more than 2 GiB apart. On
    Windows the newer one is not known to work.
    """
    return binding.create_lljit_compiler(use_jit_link=sys.platform != "win32")
