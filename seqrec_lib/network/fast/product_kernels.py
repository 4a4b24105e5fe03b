"""Products of small matrices that are in the cache already: the inner loop of the CPU engine.

A BLAS is made for large matrices. Before it multiplies, it copies both operands into an order of
its own, which pays where each number is used hundreds of times. A model's matrices are 50 wide, and
a block of attention is 32 queries: there the copying takes as long as the arithmetic. Here nothing
is copied. A *tile* of the result, 4 rows and up to `MOST` vectors of numbers wide, stays in the
processor's registers while one step after another of the sum is added to it:

    for k in range(depth):
        for r in range(4):
            tile[r, :] += a[r, k] * b[k, columns]  # one number times a vector of them

Numba can't say "keep this in registers", so `_tile` writes these few instructions in the language
of the compiler below it, LLVM. Goto and van de Geijn 2008 call it the micro-kernel and explain its
shape: 12 vectors for the tile, 3 for the columns of b and 1 for the number fill the 16 registers of
most processors. Those with the longest vectors, of 16 numbers, have 32 registers: a tile there is 4
vectors wide, and there is always a sum to go on with while others wait for their last product.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from seqrec_lib.network.fast.kernels import Array, exact


def _lanes() -> int:
    """How many float32 numbers the processor's vectors hold; too long ones would be split."""
    try:
        return 16 if llvm.get_host_cpu_features().get("avx512f") else 8
    except RuntimeError:  # LLVM doesn't know on every system
        return 8


LANES = _lanes()
ROWS = 4  # of a tile
MOST = 4 if LANES == 16 else 3  # vectors of a tile
_NUMBER, _INDEX = ir.FloatType(), ir.IntType(64)
_VECTOR, _INDICES = ir.VectorType(_NUMBER, LANES), ir.VectorType(_INDEX, LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)
# Of NumPy, since numba compiles a function once more for each constant of Python that it gets.
AS_IT_IS, TURNED = np.bool_(False), np.bool_(True)
NEW, ADDED = np.bool_(False), np.bool_(True)
FIRST, ONE = np.int64(0), np.float32(1)
_FUSED = ("contract",)  # a product and a sum may be one instruction, rounded once


@exact
def padded(width: int) -> int:
    """`width` rounded up to whole vectors: how wide b and the result of a product are."""
    return (width + LANES - 1) // LANES * LANES


@exact
def room(rows: int, columns: int) -> Array:
    """Zeros (rows, columns), the first at an address where a vector fits a line of the cache: one
    that lies across two lines takes twice as long to read."""
    whole = np.zeros(rows * columns + LANES, np.float32)
    first = -(whole.ctypes.data // 4) % LANES
    return whole[first : first + rows * columns].reshape(rows, columns)


def _tile(rows: int, vectors: int) -> Any:
    """A compiled ``tile(a, row, step, b, out, i, j, depth, add)`` of this size.

    It fills rows i… and columns j… of out with the sum over k < depth of a_ik b_kj, or adds it.
    a_ik is number ``i row + k step`` of a's memory; b and out are contiguous matrices.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, row, step, b, out, i, j, depth, add = arguments
        a, b, out = (
            context.make_array(signature.args[n])(context, builder, x)
            for n, x in ((0, a), (3, b), (4, out))
        )
        width = builder.extract_value(b.shape, 1)
        start = builder.add(builder.mul(i, width), j)
        left = builder.gep(a.data, [builder.mul(i, row)])
        right, result = builder.gep(b.data, [j]), builder.gep(out.data, [start])
        tile = _tile_function(builder.module, rows, vectors)
        builder.call(tile, [left, row, step, right, result, width, depth, add])
        return context.get_dummy_value()

    @intrinsic
    def tile(
        typing: Any,
        a: Any,
        row: Any,
        step: Any,
        b: Any,
        out: Any,
        i: Any,
        j: Any,
        depth: Any,
        add: Any,
    ) -> Any:
        whole = types.int64
        kinds = (a, whole, whole, b, out, whole, whole, whole, types.boolean)
        return types.void(*kinds), code

    return tile


def _tile_function(module: Any, rows: int, vectors: int) -> Any:
    """The function of the compiler below that adds up a tile; it is written once into a module.

    A function, not code at the place of the call: there are two dozen of these, and each copy would
    be compiled again.
    """
    name, numbers = f"seqrec_tile_{rows}_{vectors}", _NUMBER.as_pointer()
    if name in module.globals:
        return module.globals[name]
    kinds = (numbers, _INDEX, _INDEX, numbers, numbers, _INDEX, _INDEX, ir.IntType(1))
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "linkonce_odr"  # where modules are put together, one of them stays
    function.attributes.add("noinline")
    a, row, step, b, out, width, depth, add = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    lines = [builder.mul(row, _INDEX(r)) for r in range(rows)]
    sums = [[cgutils.alloca_once_value(builder, _ZERO) for _ in range(vectors)] for _ in lines]
    with cgutils.for_range(builder, depth) as loop:
        right = _vectors(builder, b, builder.mul(loop.index, width), vectors)
        along = builder.mul(loop.index, step)
        for line, line_sums in zip(lines, sums, strict=True):
            place = builder.gep(a, [builder.add(line, along)])
            left = _everywhere(builder, builder.load(place))
            for vector, total in zip(right, line_sums, strict=True):
                term = builder.fmul(left, builder.load(vector, align=4), flags=_FUSED)
                builder.store(builder.fadd(builder.load(total), term, flags=_FUSED), total)
    for r, line_sums in enumerate(sums):
        places = _vectors(builder, out, builder.mul(width, _INDEX(r)), vectors)
        for place, total in zip(places, line_sums, strict=True):
            before = builder.select(add, builder.load(place, align=4), _ZERO)
            builder.store(builder.fadd(builder.load(total), before), place, align=4)
    builder.ret_void()
    return function


def _vectors(builder: Any, numbers: Any, first: Any, count: int) -> list[Any]:
    """The addresses of so many vectors side by side, from number `first` on."""
    places = [builder.add(first, _INDEX(LANES * v)) for v in range(count)]
    return [builder.bitcast(builder.gep(numbers, [p]), _VECTOR.as_pointer()) for p in places]


def _everywhere(builder: Any, number: Any) -> Any:
    """A vector of one number."""
    empty = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    first = builder.insert_element(empty, number, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, empty, zeros)


_four_by_most, _four_by_two, _four_by_one = (_tile(ROWS, vectors) for vectors in (MOST, 2, 1))
_one_by_most, _one_by_two, _one_by_one = (_tile(1, vectors) for vectors in (MOST, 2, 1))


@exact
def product(a: Array, turned: bool, b: Array, out: Array, add: bool) -> None:
    """out = a b, or aᵀ b where a is `turned`; with `add` it is added to what is there.

    out (M, N), b (K, N) with N `padded`; a (M, K), or (K, M) where it is turned. All contiguous;
    columns of a beyond these are not looked at.
    """
    depth, row, step = b.shape[0], a.shape[1], 1
    if turned:
        row, step = 1, a.shape[1]
    rows, columns = out.shape
    whole = rows // ROWS * ROWS
    j = 0
    while j < columns:
        left = (columns - j) // LANES
        vectors = (
            MOST if left == MOST or left > 4 else min(left, 2)
        )  # of 3 at most, 4 are two and two
        for i in range(0, whole, ROWS):
            if vectors == MOST:
                _four_by_most(a, row, step, b, out, i, j, depth, add)
            elif vectors == 2:
                _four_by_two(a, row, step, b, out, i, j, depth, add)
            else:
                _four_by_one(a, row, step, b, out, i, j, depth, add)
        for i in range(whole, rows):
            if vectors == MOST:
                _one_by_most(a, row, step, b, out, i, j, depth, add)
            elif vectors == 2:
                _one_by_two(a, row, step, b, out, i, j, depth, add)
            else:
                _one_by_one(a, row, step, b, out, i, j, depth, add)
        j += vectors * LANES


def _block_code(
    typing: Any, x: Any, i: Any, j: Any, rows: Any, width: Any, scale: Any, out: Any, p: Any, q: Any
) -> Any:
    """A compiled ``_block(x, i, j, rows, width, scale, out, p, q)`` that copies a block of numbers.

    out[p + r, q + d] = scale x[i + r, j + d] for r < rows, d < width; both contiguous matrices. A
    row is so short that the compiler's own loop is over before it has got going.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, i, j, rows, width, scale, out, p, q = arguments
        ends = []
        for n, matrix, row, column in ((0, x, i, j), (6, out, p, q)):
            matrix = context.make_array(signature.args[n])(context, builder, matrix)
            step = builder.extract_value(matrix.shape, 1)
            first = builder.gep(matrix.data, [builder.add(builder.mul(row, step), column)])
            ends += [first, step]
        builder.call(_block_function(builder.module), [*ends, rows, width, scale])
        return context.get_dummy_value()

    whole = types.int64
    kinds = (x, whole, whole, whole, whole, types.float32, out, whole, whole)
    return types.void(*kinds), code


_block: Any = intrinsic(_block_code)


def _block_function(module: Any) -> Any:
    """The function of the compiler below that copies a block; it is written once into a module."""
    name, numbers = "seqrec_block", _NUMBER.as_pointer()
    if name in module.globals:
        return module.globals[name]
    kinds = (numbers, _INDEX, numbers, _INDEX, _INDEX, _INDEX, _NUMBER)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    x, x_step, out, out_step, rows, width, scale = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    lanes, factor = _INDEX(LANES), _everywhere(builder, scale)
    vectors, left = builder.udiv(width, lanes), builder.urem(width, lanes)
    part = builder.icmp_unsigned(  # the numbers of a row's last vector that belong to it
        "<", ir.Constant(_INDICES, list(range(LANES))), _everywhere(builder, left)
    )
    load, store = _masked(module)
    align = ir.IntType(32)(4)
    with cgutils.for_range(builder, rows) as row:
        source = builder.gep(x, [builder.mul(row.index, x_step)])
        target = builder.gep(out, [builder.mul(row.index, out_step)])
        with cgutils.for_range(builder, vectors) as vector:
            first = builder.mul(vector.index, lanes)
            (here,), (there,) = (_vectors(builder, m, first, 1) for m in (source, target))
            builder.store(builder.fmul(builder.load(here, align=4), factor), there, align=4)
        first = builder.mul(vectors, lanes)
        (here,), (there,) = (_vectors(builder, m, first, 1) for m in (source, target))
        last = builder.call(load, [here, align, part, _ZERO])
        builder.call(store, [builder.fmul(last, factor), there, align, part])
    builder.ret_void()
    return function


def _masked(module: Any) -> list[Any]:
    """LLVM's functions that read and write the part of a vector whose bits are set in a mask."""
    address, mask, align = _VECTOR.as_pointer(), ir.VectorType(ir.IntType(1), LANES), ir.IntType(32)
    kinds = {
        "load": ir.FunctionType(_VECTOR, (address, align, mask, _VECTOR)),
        "store": ir.FunctionType(ir.VoidType(), (_VECTOR, address, align, mask)),
    }
    return [
        cgutils.get_or_insert_function(module, kind, f"llvm.masked.{name}.v{LANES}f32.p0")
        for name, kind in kinds.items()
    ]


@exact
def copy_rows(x: Array, first: int, column: int, width: int, scale: np.float32, out: Array) -> None:
    """out = scale x[first:, column:column + width]; what out has beyond `width` stays."""
    _block(x, first, column, out.shape[0], width, scale, out, 0, 0)


@exact
def copy_turned(
    x: Array, first: int, last: int, column: int, scale: np.float32, out: Array
) -> None:
    """out (width, …) = scale x[first:last, column:column + width]ᵀ, 0 in the columns beyond."""
    width = out.shape[0]
    for i in range(last - first):
        source = x[first + i, column : column + width]
        for d in range(width):
            out[d, i] = scale * source[d]
    for d in range(width):
        for i in range(last - first, out.shape[1]):
            out[d, i] = np.float32(0)


@exact
def copy_back(x: Array, first: int, column: int, width: int, scale: np.float32, out: Array) -> None:
    """out[first:, column:column + width] = scale x, without the columns that x has beyond."""
    _block(x, 0, 0, x.shape[0], width, scale, out, first, column)
