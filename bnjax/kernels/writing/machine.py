"""What code is made for: the processor's vectors and registers, as LLVM names them."""

import functools
import hashlib
import platform
from dataclasses import dataclass

from llvmlite import binding


@dataclass(frozen=True)
class Machine:
    """A kind of processor.

    Attributes:
      triple: architecture and system, as LLVM writes them.
      processor: LLVM's name of the processor, which decides how it orders instructions.
      features: LLVM's list of instruction sets, ``+avx2,-avx512f,...``; empty: those of the processor.
      lanes: float32 numbers in a vector, a power of two.
      registers: how many vectors the processor holds at once.
    """

    triple: str
    processor: str
    features: str
    lanes: int
    registers: int

    @property
    def fingerprint(self) -> str:
        """Names it shortly: eight hexadecimal digits."""
        text = "|".join((self.triple, self.processor, self.features, str(self.lanes), str(self.registers)))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def target_machine(self) -> binding.TargetMachine:
        """LLVM's own description, which writes object code."""
        target = binding.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.processor, features=self.features, opt=3, reloc="pic", codemodel="small"
        )


def x86(triple: str, processor: str, features: str, *, avx512: bool) -> Machine:
    """A processor with AVX2 and FMA, or with AVX-512."""
    lanes, registers = (16, 32) if avx512 else (8, 16)
    return Machine(triple, processor, features, lanes, registers)


def arm64(triple: str, processor: str, features: str) -> Machine:
    """A 64-bit ARM processor, all of which have NEON."""
    return Machine(triple, processor, features, lanes=4, registers=32)


@functools.cache
def host_machine() -> Machine | None:
    """This computer; None where it has no vector instructions that multiply and add at once."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    triple, processor = binding.get_process_triple(), binding.get_host_cpu_name()
    features = binding.get_host_cpu_features()
    if platform.machine().lower() in ("arm64", "aarch64"):
        return arm64(triple, processor, features.flatten())
    if features.get("avx512f"):
        return x86(triple, processor, features.flatten(), avx512=True)
    if features.get("avx2") and features.get("fma"):
        return x86(triple, processor, features.flatten(), avx512=False)
    return None
