"""The vocabulary on NumPy arrays: each word bound once to the leanest NumPy function."""

import functools
import warnings
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.kinds import known
from .._core.spec import filled
from . import convolution, gamma, linear_algebra, ordering, special, strides
from . import random_bits as random
from .composed import Composed
from .sums import summed

# PyTorch does not warn of 1/0, log(0) or overflow; NumPy's warnings from inside the package are
# silenced where they arise (an errstate around each call would double the price of a small op).
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"rushlight\b")

# NumPy 2.3 understands out=... as "an array, also for 0-dim results"; before, None gives a scalar,
# and the caller wraps it.
OUT: Any = ... if np.lib.NumpyVersion(np.__version__) >= "2.3.0" else None
_HALVES = {dtypes.BFLOAT16, dtypes.float16.numpy}
_KINDS = {"bool": "b", "integral": "iu", "signed integer": "i", "unsigned integer": "u",
          "real floating": "f", "complex floating": "c", "numeric": "iufc"}  # fmt: skip


def _widely(word: Any, x: Any, indices: Any, values: Any, axis: int, mode: str) -> Any:
    """A word that combines, for halves: in float32, rounded once."""
    if getattr(values, "dtype", None) == x.dtype:
        values = NUMPY.astype(values, dtypes.F32)
    made = word(NUMPY.astype(x, dtypes.F32), indices, values, axis, mode)
    return NUMPY.astype(made, x.dtype)


def _of(module: Any, names: str) -> Any:
    """Functions of a module as words: in a class they would be bound."""
    return (staticmethod(getattr(module, n)) for n in names.split())


def _transform(name: str) -> Any:
    """A word of `np.fft`, a room that NumPy loads (4 ms) when somebody looks into it."""
    return staticmethod(lambda *args, **named: getattr(np.fft, name)(*args, **named))


def _reduction(ufunc: np.ufunc) -> Any:
    """A word that is the reduction of a ufunc."""
    reduce = ufunc.reduce

    def reduced(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
        return reduce(x, axis, keepdims=keepdims, out=OUT)

    return staticmethod(reduced)


def _running(ufunc: np.ufunc) -> Any:
    """A word of running results, float32 worked out in float64 as PyTorch's accuracy needs."""

    def running(x: Any, axis: int) -> Any:
        if x.dtype is dtypes.F32:
            return ufunc.accumulate(x, axis, dtypes.F64).astype(dtypes.F32)
        return ufunc.accumulate(x, axis)

    return staticmethod(running)


@functools.lru_cache(512)
def _scalar(value: Any, dtype: Any) -> np.ndarray:
    return np.array(value, dtype)


@functools.lru_cache(64)
def _short_count(n: int) -> np.ndarray:
    return np.arange(n)


def _counted(n: int) -> np.ndarray:
    """0 to n - 1, remembered where short; never handed out."""
    return _short_count(n) if n <= 1024 else np.arange(n)


def along(shape: tuple, indices: Any, axis: int) -> tuple:
    """The key that np.take_along_axis builds, at a third of its price."""
    axis %= len(shape)
    n = len(shape)
    if n == 2:  # the case of class indices, and half the time
        others = _counted(indices.shape[1 - axis])
        return (others.reshape(-1, 1), indices) if axis else (indices, others)
    rows: list = [
        np.arange(k).reshape((1,) * i + (-1,) + (1,) * (n - i - 1))
        for i, k in enumerate(indices.shape)
    ]
    rows[axis] = indices
    return tuple(rows)


UNFORESEEN = 1 << 11  # elements from which on a choice by bits beats one by branches
_BITS: dict[Any, Any] = {dtypes.F32: np.dtype("int32"), dtypes.F64: dtypes.I64}


def _where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y; many floats by the bits of a mask.

    np.where takes a branch an element, and the signs of data are not foreseen: 262,144 floats
    and a zero take it 1200 us, and 100 this way.
    """
    whole = x if getattr(x, "shape", ()) else y
    bits = _BITS.get(getattr(whole, "dtype", None))
    if (
        bits is None
        or np.size(condition) < UNFORESEEN
        or condition.dtype is not dtypes.BOOL
        or condition.shape != whole.shape
        or not all(v.__class__ in (int, float) or v.dtype is whole.dtype for v in (x, y))
    ):
        return np.where(condition, x, y)
    kind = whole.dtype
    a, b = np.asarray(x, kind).view(bits), np.asarray(y, kind).view(bits)
    mask = condition.view(np.int8)  # 0 or 1, and then all bits or none
    if b.ndim == 0 and not b:
        return np.bitwise_and(a, np.negative(mask)).view(kind)
    if a.ndim == 0 and not a:
        return np.bitwise_and(b, np.subtract(mask, 1)).view(kind)
    made = np.bitwise_xor(a, b)
    np.bitwise_and(made, np.negative(mask), made)
    return np.bitwise_xor(made, b, made).view(kind)


_U64 = np.dtype("uint64")
_MODES = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


class Numpy(Composed):
    """Words on ndarrays. Dtype arguments may be NumPy's or Rushlight's."""

    level = 0
    name = "numpy"
    bool, int64, int32, uint8 = dtypes.BOOL, dtypes.I64, np.dtype("int32"), np.dtype("uint8")
    int8, int16 = np.dtype("int8"), np.dtype("int16")
    float32, float64 = dtypes.F32, dtypes.F64
    complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")

    # -- pointwise
    add, subtract, multiply, divide = np.add, np.subtract, np.multiply, np.true_divide
    floor_divide, remainder, fmod, pow = np.floor_divide, np.remainder, np.fmod, np.power
    negative, sign = np.negative, np.sign
    abs, square = np.absolute, np.square
    floor, ceil, trunc, round = np.floor, np.ceil, np.trunc, np.rint
    sqrt, exp, exp2, expm1 = np.sqrt, np.exp, np.exp2, np.expm1
    log, log1p, log2, log10 = np.log, np.log1p, np.log2, np.log10
    sin, cos, tan, asin, acos, atan = np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan
    atan2, sinh, cosh, tanh = np.arctan2, np.sinh, np.cosh, np.tanh
    asinh, acosh, atanh = np.arcsinh, np.arccosh, np.arctanh
    maximum, minimum, fmax, fmin = np.maximum, np.minimum, np.fmax, np.fmin
    hypot, copysign, nextafter, ldexp, frexp = (
        np.hypot, np.copysign, np.nextafter, np.ldexp, np.frexp)  # fmt: skip
    gcd, lcm = np.gcd, np.lcm
    equal, not_equal, less, less_equal = np.equal, np.not_equal, np.less, np.less_equal
    greater, greater_equal = np.greater, np.greater_equal
    logical_and, logical_or = np.logical_and, np.logical_or
    logical_xor, logical_not = np.logical_xor, np.logical_not
    bitwise_and, bitwise_or, bitwise_xor = np.bitwise_and, np.bitwise_or, np.bitwise_xor
    bitwise_invert = np.invert
    bitwise_left_shift, bitwise_right_shift = np.left_shift, np.right_shift
    isnan, isinf, isfinite, signbit = np.isnan, np.isinf, np.isfinite, np.signbit
    where = staticmethod(_where)  # a Python function in a class would be bound: ufuncs are not
    angle = staticmethod(np.angle)
    erf, erfinv, erfc, erfcx, ndtri = _of(special, "erf erfinv erfc erfcx ndtri")
    log_ndtr, i0, i0e, i1, i1e = _of(special, "log_ndtr i0 i0e i1 i1e")
    lgamma, digamma, polygamma, zeta = _of(gamma, "lgamma digamma polygamma zeta")
    gammainc, gammaincc = _of(gamma, "gammainc gammaincc")

    @staticmethod
    def real(x: Any) -> Any:
        return x.real

    @staticmethod
    def imag(x: Any) -> Any:
        return x.imag

    @staticmethod
    def conj(x: Any) -> Any:
        """The conjugate; a real array itself."""
        return np.conjugate(x) if x.dtype.kind == "c" else x

    @staticmethod
    def complex(re: Any, im: Any) -> Any:
        kind = np.result_type(re.dtype, np.complex64)
        made = np.empty(np.broadcast_shapes(re.shape, im.shape), kind)
        made.real, made.imag = re, im
        return made

    @staticmethod
    def astype(x: Any, dtype: Any) -> Any:
        return dtypes.cast(x, dtype)

    @staticmethod
    def bitcast(x: Any, dtype: Any) -> Any:
        return x.view(dtypes.carrier(dtype))

    @staticmethod
    def isdtype(dtype: Any, kind: str) -> Any:
        """Whether a dtype is of a kind, by the array API's names."""
        return dtypes.carrier(dtype).kind in _KINDS[kind] or (
            kind in ("real floating", "numeric") and dtype == dtypes.BFLOAT16
        )

    @staticmethod
    def finfo(dtype: Any) -> Any:
        return dtypes.finfo(dtypes.of(dtype))

    @staticmethod
    def check(condition: Any, message: Any, error: Any = RuntimeError) -> None:
        """Raise unless all of `condition` holds; kinds that know no values skip it."""
        if not np.all(condition):
            raise error(message() if callable(message) else message)

    @staticmethod
    def scalar(value: Any, dtype: Any) -> Any:
        """A number for arithmetic with arrays of `dtype`, remembered.

        NumPy meets a 0-dim array in a third of the time that a Python number takes it.
        """
        return _scalar(value, dtype) if value else value

    @staticmethod
    def within(x: Any, low: Any, high: Any) -> Any:
        """Whether all elements are known to be at least `low` and below `high`.

        Kinds that know no values say no: a body may only use it to leave out words that would
        change nothing.
        """
        if x.ndim == 1 and x.size <= 32:
            values = x.tolist()
            return not values or (min(values) >= low and max(values) < high)
        if not x.size:
            return True
        if not low and x.dtype is dtypes.I64:  # as unsigned numbers, negative ones are huge
            return bool(np.maximum.reduce(x.view(_U64), None) < high)
        return bool(x.min() >= low and x.max() < high)

    # -- reductions and scans
    @staticmethod
    def sum(x: Any, axis: Any = None, keepdims: Any = False, dtype: Any = None) -> Any:
        if dtype is None:
            made = summed(x, axis, keepdims)
            if made is not None:
                return made
            if x.dtype in _HALVES:  # a gradient of a view or a move, added up
                wide = np.add.reduce(NUMPY.astype(x, dtypes.F32), axis, keepdims=keepdims, out=OUT)
                return NUMPY.astype(wide, x.dtype)
            return np.add.reduce(x, axis, keepdims=keepdims, out=OUT)
        return np.add.reduce(x, axis, dtypes.carrier(dtype), keepdims=keepdims, out=OUT)

    @staticmethod
    def prod(x: Any, axis: Any = None, keepdims: Any = False, dtype: Any = None) -> Any:
        to = None if dtype is None else dtypes.carrier(dtype)
        return np.multiply.reduce(x, axis, to, keepdims=keepdims, out=OUT)

    max, min, any, all = map(_reduction, (np.maximum, np.minimum, np.logical_or, np.logical_and))

    @staticmethod
    def argmax(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
        return np.asarray(x.argmax(axis, keepdims=keepdims), dtypes.I64)

    @staticmethod
    def argmin(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
        return np.asarray(x.argmin(axis, keepdims=keepdims), dtypes.I64)

    cumulative_sum, cumulative_prod = map(_running, (np.add, np.multiply))
    cumulative_max, cumulative_min = _of(ordering, "cumulative_max cumulative_min")

    # -- shape
    @staticmethod
    def permute_dims(x: Any, axes: Any) -> Any:
        return x.transpose(axes)

    @staticmethod
    def reshape(x: Any, shape: Any) -> Any:
        try:
            return x.reshape(shape)
        except (ValueError, TypeError):
            return x.reshape(filled(shape, x.size))  # which says in PyTorch's words what is wrong

    @staticmethod
    def broadcast_to(x: Any, shape: Any) -> Any:
        """A view with zero strides, writable where `x` is, so that it can be told from a copy."""
        have = x.shape
        if have == shape:
            return x
        extra = len(shape) - len(have)
        if extra < 0 or (have and any(k != n and k != 1 for k, n in zip(have, shape[extra:]))):
            raise ValueError(f"cannot broadcast {have} to {shape}")
        strides = (0,) * extra
        if have:
            steps = zip(have, shape[extra:], x.strides)
            strides += tuple(0 if k != n else s for k, n, s in steps)
        return np.ndarray(shape, x.dtype, x, 0, strides) if _own(x) else np.broadcast_to(x, shape)

    @staticmethod
    def concat(xs: Any, axis: int = 0) -> Any:
        return np.concatenate(xs, axis)

    @staticmethod
    def flip(x: Any, axis: Any) -> Any:
        axes = [axis % x.ndim] if axis.__class__ is int else [a % x.ndim for a in axis]
        key = [slice(None, None, -1 if i in axes else 1) for i in range(x.ndim)]
        return x[tuple(key)].copy()

    @staticmethod
    def index(x: Any, key: Any) -> Any:
        """Basic key: ints, slices, None, Ellipsis; always a view."""
        made = x[key]
        if made.__class__ is not np.ndarray:  # all ints: NumPy gives a copy
            made = x[(*key, ...) if key.__class__ is tuple else (key, ...)]
        return made

    @staticmethod
    def write(x: Any, value: Any, key: Any) -> Any:
        """x with x[key] replaced: the functional form of an assignment."""
        made = x.copy()
        made[key] = value
        return made

    @staticmethod
    def pad(x: Any, widths: Any, value: Any = 0) -> Any:
        """x with (before, after) elements of `value` added on each axis."""
        shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths))
        made = np.zeros(shape, x.dtype) if value == 0 else NUMPY.full(shape, value, x.dtype)
        made[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths))] = x
        return made

    @staticmethod
    def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """A view of the diagonal, as the last axis (writable where `x` is)."""
        made = x.diagonal(offset, axis1, axis2)
        if x.flags.writeable:
            made.flags.writeable = True
        return made

    @staticmethod
    def set_diagonal(x: Any, value: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """x with a diagonal replaced."""
        made = np.array(x)
        seen = made.diagonal(offset, axis1, axis2)
        seen.flags.writeable = True
        seen[...] = value
        return made

    @staticmethod
    def copy(x: Any) -> Any:
        """The same values in memory of their own, in the same order of axes."""
        return x.copy("K")

    as_strided, unstrided, write_strided = _of(strides, "as_strided unstrided write_strided")

    @staticmethod
    def contiguous(x: Any) -> Any:
        """A copy with the elements in order in memory."""
        return x.copy("C")

    @staticmethod
    def alias(x: Any) -> Any:
        """The same memory."""
        return x

    windows, unwindows = _of(convolution, "windows unwindows")

    # -- gather and scatter
    @staticmethod
    def take(x: Any, indices: Any, axis: int = 0) -> Any:
        return x.take(indices, axis)

    @staticmethod
    def take_along_axis(x: Any, indices: Any, axis: int) -> Any:
        return x[along(x.shape, indices, axis)]

    @staticmethod
    def put(x: Any, indices: Any, values: Any, axis: int = 0, mode: str = "set") -> Any:
        """x with the slices at 1-D `indices` along `axis` set, or combined with `values`."""
        if mode != "set" and x.dtype in _HALVES:
            return _widely(NUMPY.put, x, indices, values, axis, mode)
        made = np.array(x)
        key = (slice(None),) * (axis % x.ndim) + (indices,)
        if mode == "set":
            made[key] = values
        elif mode == "add" and axis % x.ndim == 0:
            ordering.add_rows(made, indices, np.broadcast_to(values, (len(indices), *x.shape[1:])))
        else:
            _MODES[mode].at(made, key, values)
        return made

    @staticmethod
    def scatter(x: Any, indices: Any, values: Any, axis: int, mode: str = "set") -> Any:
        """x with values put at `indices` along `axis`, or combined with what is there."""
        if mode != "set" and x.dtype in _HALVES:
            return _widely(NUMPY.scatter, x, indices, values, axis, mode)
        made = np.array(x)
        key = along(x.shape, indices, axis)
        if values.__class__ is np.ndarray and values.shape != indices.shape:
            values = values[tuple(slice(n) for n in indices.shape)] if values.ndim else values
        if mode == "set":
            made[key] = values
        else:
            _MODES[mode].at(made, key, values)
        return made

    sort, argsort, leading, unique = _of(ordering, "sort argsort leading unique")
    searchsorted = staticmethod(ordering.searchsorted)

    # -- contraction
    matmul = np.matmul

    @staticmethod
    def matmul_rows(x: Any, w: Any) -> Any:
        """x @ w where x may have but few rows: each goes by a large matrix alone.

        (2, 784) by (784, 256) on the reference machine: 25 us against 77.
        """
        if not few_rows(x, w):
            return np.matmul(x, w)
        made, columns = np.empty((len(x), w.shape[1]), x.dtype), w.T
        for row, out in zip(x, made):
            columns.dot(row, out)
        return made

    conv, conv_input, conv_weight = _of(convolution, "conv conv_input conv_weight")

    # -- creation
    @staticmethod
    def full(shape: Any, value: Any, dtype: Any) -> Any:
        to = dtypes.carrier(dtype)
        if value.__class__ is np.ndarray:
            return np.array(np.broadcast_to(value, shape), to)
        if to == dtypes.BFLOAT16:
            return np.full(shape, dtypes.to_bfloat16(np.asarray(value)), to)
        if value.__class__ is int or value.__class__ is float:
            made = np.empty(shape, to)
            made.fill(value)
            return made
        return np.zeros(shape, to) if value == 0 else np.full(shape, value, to)

    @staticmethod
    def zeros_like(x: Any) -> Any:
        return np.zeros(x.shape, x.dtype)

    @staticmethod
    def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = dtypes.I64) -> Any:
        if stop is None:
            start, stop = 0, start
        to: Any = dtypes.carrier(dtype)
        made: Any = np.arange  # NumPy's stubs know no dtype that is only found at run time
        return made(start, stop, step, to)

    bits = staticmethod(random.bits)

    # -- where values must be known
    @staticmethod
    def nonzero(x: Any) -> Any:
        """(count, ndim) int64: the places of the elements that are not zero."""
        if not x.ndim:
            return np.zeros((int(x != 0), 0), dtypes.I64)
        return np.stack([np.asarray(a, dtypes.I64) for a in np.nonzero(x)], -1)

    cholesky, qr, svd, eig, eigh, solve = _of(linear_algebra, "cholesky qr svd eig eigh solve")
    inv, det, slogdet, lu = _of(linear_algebra, "inv det slogdet lu")
    order_of, cofactors, matrix_exp = _of(linear_algebra, "order_of cofactors matrix_exp")
    triangular_solve = staticmethod(linear_algebra.triangular_solve)
    fft, ifft, rfft, irfft = map(_transform, ("fft", "ifft", "rfft", "irfft"))


def few_rows(x: Any, w: Any) -> bool:
    """Whether the library's product of matrix and vector, row by row, beats that of matrices."""
    return (
        x.ndim == 2 == w.ndim
        and 2 <= x.shape[0] <= 4
        and w.size >= 1 << 16
        and x.shape[1] == w.shape[0]
        and x.dtype is w.dtype
        and (x.dtype is dtypes.F32 or x.dtype is dtypes.F64)
    )


def _own(x: np.ndarray) -> bool:
    """Whether np.ndarray can be laid over x's own buffer (contiguous and writable)."""
    return x.flags.c_contiguous and x.flags.writeable and x.dtype.hasobject is False


NUMPY = Numpy()
known.numpy = NUMPY
# Words that are NumPy's own functions of each element.
UFUNCS = {w for w, f in vars(Numpy).items() if isinstance(f, np.ufunc)} - {"matmul"}
