"""Functions in LLVM's language under construction: loops, vectors, and parts of vectors.

Pointers are to float32 numbers, and offsets count numbers, not bytes.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from llvmlite import ir
from llvmlite.ir import Value

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
FLOAT, POINTER, VOID = ir.FloatType(), ir.PointerType(), ir.VoidType()
FLOAT_BYTES = 4

#: Numbers to move a pointer by: a constant, or a value times a constant.
Offset = int | tuple[Value, int]
#: What a loop runs: from its counter and the carried values to the next carried values.
Body = Callable[[Value, list[Value]], Sequence[Value] | None]


class Part(NamedTuple):
    """A vector of which the first numbers count, when it is loaded or stored.

    Attributes:
      lanes: numbers in it.
      counted: how many of them lie in memory; the others load as zeros.
    """

    lanes: int
    counted: int


class Functions(NamedTuple):
    """Makes the functions that a kernel consists of, see :func:`bnjax.kernels.call.handler_code`.

    Images, kernels and gradients come as two inputs and one output; ``shared`` is scratch memory of the whole
    call and ``own`` that of one thread.
    """

    module: ir.Module

    def before(self) -> "Code":
        """``(input, input, output, shared, batch)``: what comes first, by one thread."""
        return Code(self.module, "before", [POINTER] * 4 + [I64])

    def prepare(self) -> "Code":
        """``(own)``: makes a thread's scratch memory ready."""
        return Code(self.module, "prepare", [POINTER])

    def item(self) -> "Code":
        """``(input, input, output, shared, own, number, batch)``: one piece of the work."""
        return Code(self.module, "item", [POINTER] * 5 + [I64, I64])

    def end_group(self) -> "Code":
        """``(input, input, output, shared, number, batch)``: what follows the last item of a group."""
        return Code(self.module, "end_group", [POINTER] * 4 + [I64, I64])


def int64(value: int) -> ir.Constant:
    """A constant of 64 bits."""
    return ir.Constant(I64, value)


def _value(bound: int | Value) -> Value:
    return int64(bound) if isinstance(bound, int) else bound


class Code:
    """One function of a module.

    Attributes:
      arguments: those it is called with: pointers, and numbers of 64 bits.
      builder: puts instructions where the function now ends.
    """

    def __init__(self, module: ir.Module, name: str, arguments: Sequence[ir.Type]):
        self._module = module
        self._function = ir.Function(module, ir.FunctionType(VOID, arguments), name)
        for argument in self._function.args:
            if argument.type == POINTER:
                argument.add_attribute("noalias")
        self.builder = ir.IRBuilder(self._function.append_basic_block("entry"))
        self.arguments: Sequence[Value] = self._function.args

    def finish(self) -> None:
        """Ends the function."""
        self.builder.ret_void()

    def at(self, pointer: Value, *offsets: Offset) -> Value:
        """A pointer, moved."""
        constant = 0
        for offset in offsets:
            if isinstance(offset, int):
                constant += offset
                continue
            value, factor = offset
            step = self.builder.mul(value, int64(factor))
            pointer = self.builder.gep(pointer, [step], source_etype=FLOAT)
        return self.builder.gep(pointer, [int64(constant)], source_etype=FLOAT) if constant else pointer

    def load(self, pointer: Value, part: Part) -> Value:
        """A vector from memory that need not be aligned."""
        kind = ir.VectorType(FLOAT, part.lanes)
        if part.counted == part.lanes:
            return self.builder.load(pointer, typ=kind, align=FLOAT_BYTES)
        load = self._intrinsic(
            f"llvm.masked.load.v{part.lanes}f32.p0", kind, [POINTER, I32, _mask(part).type, kind]
        )
        return self.builder.call(
            load, [pointer, ir.Constant(I32, FLOAT_BYTES), _mask(part), zeros(part.lanes)]
        )

    def store(self, vector: Value, pointer: Value, part: Part) -> None:
        """A vector to memory that need not be aligned."""
        if part.counted == part.lanes:
            self.builder.store(vector, pointer, align=FLOAT_BYTES)
            return
        kinds = [vector.type, POINTER, I32, _mask(part).type]
        store = self._intrinsic(f"llvm.masked.store.v{part.lanes}f32.p0", VOID, kinds)
        self.builder.call(store, [vector, pointer, ir.Constant(I32, FLOAT_BYTES), _mask(part)])

    def spread(self, pointer: Value, lanes: int) -> Value:
        """One number from memory, in all lanes of a vector."""
        single = self.builder.load(pointer, typ=FLOAT, align=FLOAT_BYTES)
        kind = ir.VectorType(FLOAT, lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(undefined, single, ir.Constant(I32, 0))
        everywhere = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
        return self.builder.shuffle_vector(first, undefined, everywhere)

    def multiply_add(self, left: Value, right: Value, added: Value) -> Value:
        """``left * right + added``, rounded once."""
        kind = added.type
        fma = self._intrinsic(f"llvm.fma.v{kind.count}f32", kind, [kind] * 3)
        return self.builder.call(fma, [left, right, added])

    def move(self, target: Value, source: Value) -> None:
        """Copies one number."""
        self.builder.store(self.builder.load(source, typ=FLOAT, align=FLOAT_BYTES), target, align=FLOAT_BYTES)

    def add(self, left: Value, right: Value) -> Value:
        """The sum of two vectors."""
        return self.builder.fadd(left, right)

    def copy(self, target: Value, source: Value, count: int) -> None:
        """Copies ``count`` numbers."""
        copy = self._intrinsic("llvm.memcpy.p0.p0.i64", VOID, [POINTER, POINTER, I64, I1])
        self.builder.call(copy, [target, source, int64(count * FLOAT_BYTES), ir.Constant(I1, 0)])

    def clear(self, target: Value, count: int) -> None:
        """Sets ``count`` numbers to zero."""
        byte = ir.IntType(8)
        clear = self._intrinsic("llvm.memset.p0.i64", VOID, [POINTER, byte, I64, I1])
        self.builder.call(
            clear, [target, ir.Constant(byte, 0), int64(count * FLOAT_BYTES), ir.Constant(I1, 0)]
        )

    def least(self, left: Value, right: int | Value) -> Value:
        """The smaller one of two numbers."""
        right = _value(right)
        return self.builder.select(self.builder.icmp_signed("<", left, right), left, right)

    def most(self, left: Value, right: int | Value) -> Value:
        """The larger one of two numbers."""
        right = _value(right)
        return self.builder.select(self.builder.icmp_signed(">", left, right), left, right)

    def share(self, count: Value, index: Value, shares: Value) -> tuple[Value, Value]:
        """The start and the end of one of so many nearly equal shares of a count."""
        following = self.builder.add(index, int64(1))
        start, end = (
            self.builder.sdiv(self.builder.mul(bound, count), shares) for bound in (index, following)
        )
        return start, end

    @contextlib.contextmanager
    def within(self, value: Value, start: int, end: int | Value) -> Iterator[None]:
        """What is written inside runs where ``start <= value < end``."""
        builder = self.builder
        above = builder.icmp_signed(">=", value, int64(start))
        with builder.if_then(builder.and_(above, builder.icmp_signed("<", value, _value(end)))):
            yield

    def loop(
        self,
        end: int | Value,
        body: Body,
        carried: Sequence[Value] = (),
        start: int | Value = 0,
        step: int = 1,
    ) -> list[Value]:
        """``for counter in range(start, end, step): carried = body(counter, carried)``.

        Returns:
          What is carried out of the last turn.
        """
        if isinstance(end, int) and isinstance(start, int) and end - start <= step:
            return list(body(int64(start), list(carried)) or []) if end > start else list(carried)
        before, head, after = self.builder.block, self._block("loop"), self._block("after")
        first, last = _value(start), _value(end)
        self.builder.cbranch(self.builder.icmp_signed("<", first, last), head, after)
        self.builder.position_at_end(head)
        counter, *values = self._merged([(first, before)], [I64]) + self._merged(
            [(value, before) for value in carried], [value.type for value in carried]
        )
        left = list(body(counter, list(values)) or [])
        following = self.builder.add(counter, int64(step))
        for value, merged in zip((following, *left), (counter, *values), strict=True):
            merged.add_incoming(value, self.builder.block)
        ended = self.builder.block
        self.builder.cbranch(self.builder.icmp_signed("<", following, last), head, after)
        self.builder.position_at_end(after)
        results = self._merged([(value, before) for value in carried], [value.type for value in carried])
        for value, merged in zip(left, results, strict=True):
            merged.add_incoming(value, ended)
        return results

    def _merged(self, incoming: list[tuple[Value, Any]], kinds: list[ir.Type]) -> list[Any]:
        phis = []
        for (value, block), kind in zip(incoming, kinds, strict=True):
            phi = self.builder.phi(kind)
            phi.add_incoming(value, block)
            phis.append(phi)
        return phis

    def _block(self, name: str) -> ir.Block:
        return self._function.append_basic_block(name)

    def _intrinsic(self, name: str, result: ir.Type, kinds: list[ir.Type]) -> ir.Function:
        known = self._module.globals.get(name)
        return known or ir.Function(self._module, ir.FunctionType(result, kinds), name)


def zeros(lanes: int) -> ir.Constant:
    """A vector of zeros."""
    return ir.Constant(ir.VectorType(FLOAT, lanes), [0.0] * lanes)


def _mask(part: Part) -> ir.Constant:
    counts = [int(lane < part.counted) for lane in range(part.lanes)]
    return ir.Constant(ir.VectorType(I1, part.lanes), counts)
