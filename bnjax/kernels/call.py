"""How XLA calls a kernel, and how the kernel's items are shared among XLA's threads without waiting.

XLA calls a *handler* with a call frame of its C interface (``xla/ffi/api/c_api.h``, which jaxlib ships: the
offsets below are those of its structs). The handler asks XLA's own thread pool for helpers, works on items
itself, and leaves when none is left to be taken. Whoever finishes the last item completes the future that the
frame got, and XLA goes on there. So no thread ever waits for another one.

A late helper finds no item and leaves; the job lives until the last one has left. What XLA owns is not
touched after that: buffers when the future is complete, and the context that helpers are asked from when the
handler has returned.
"""

import re
from pathlib import Path
from string import Template

from bnjax.kernels.writing.work import Work

#: Versions of XLA's C interface that have these offsets, by its headers; the tests ran with both.
OLDEST, NEWEST = (0, 3), (0, 5)

#: The job without its groups: twelve numbers and pointers.
_JOB_BYTES = 12 * 8
#: So many are worth a thread: 20 microseconds or so.
_SUMS_OF_A_THREAD = 1 << 20
_TEMPLATE = Path(__file__).with_name("call.ll")


def interface_version(headers: str) -> tuple[int, int]:
    """Major and minor version of XLA's C interface.

    Args:
      headers: the folder of ``jax.ffi.include_dir()``.

    Raises:
      OSError: the header is not there.
      ValueError: it names no version.
    """
    text = Path(headers, "xla", "ffi", "api", "c_api.h").read_text(encoding="utf-8")
    matches = [re.search(rf"#define XLA_FFI_API_{part} (\d+)", text) for part in ("MAJOR", "MINOR")]
    major, minor = (int(match[1]) for match in matches if match)
    return major, minor


def handler_code(work: Work, slots: int) -> str:
    """LLVM code of the function ``handler`` that is registered with XLA.

    It calls functions of the module it is linked with: ``before`` once, ``prepare`` for each thread's scratch
    memory, ``item``, and ``end_group``.

    Args:
      slots: the most threads that work on one call.
    """
    groups = work.groups or 1
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        slots=slots,
        per_image=work.per_image,
        fixed=work.fixed,
        shared=work.shared,
        own=work.own,
        sums=work.sums,
        sums_of_a_thread=_SUMS_OF_A_THREAD,
        groups=groups,
        # Of a kernel without groups none is ever complete.
        members=work.fixed // groups if work.groups else 1 << 62,
        job_bytes=_JOB_BYTES + 8 * groups,
        major=OLDEST[0],
        minor=OLDEST[1],
    )
