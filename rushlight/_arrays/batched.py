"""Batched arrays: a tensor of the level beneath with one more axis, in front (`func.vmap`).

A word does to a batched array what it does to each example. Families of words have a rule; a word
without one is run example by example.
"""

from typing import Any

from .._core.kinds import DIFFERENTIABLE as m  # the level beneath
from .._core.tape import TensorBase
from .abstract import Above, Namespace
from .numpy import UFUNCS

POINTWISE = UFUNCS | set(
    "where complex real imag conj angle erf erfinv lgamma digamma polygamma i0 i0e i1 i1e astype "
    "zeros_like copy contiguous alias bitcast".split()
)
REDUCE = set("sum prod max min any all argmax argmin".split())
ALONG = set("cumulative_sum cumulative_prod cumulative_max cumulative_min sort argsort".split())


class BatchedArray(Above):
    """`value` is a tensor whose axis 0 is the mapped one; `shape` is what the function sees."""

    __slots__ = ("names", "value", "mapped")

    def __init__(self, names: "Batched", value: Any, mapped: bool = True) -> None:
        self.names, self.value, self.mapped = names, value, mapped


def _shift(axis: Any, rank: int) -> Any:
    if axis is None:
        return tuple(range(1, rank + 1))
    if isinstance(axis, (tuple, list)):
        return tuple(a % rank + 1 for a in axis)
    return axis % rank + 1 if rank else 1


class Batched(Namespace):
    """The vocabulary under one vmap."""

    name = "batched"

    def __init__(self, level: int, size: int, randomness: str = "error") -> None:
        super().__init__()
        self.level, self.batch, self.randomness = level, size, randomness

    def enter(self, t: TensorBase) -> BatchedArray:
        """A tensor's array at this level; one from beneath is the same for all examples."""
        a = t.array
        mine = a.__class__ is BatchedArray and a.names is self
        return a if mine else BatchedArray(self, t, False)

    def allow_random(self) -> None:
        """Refuse random numbers unless vmap was told what they mean."""
        if self.randomness == "error":
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use "
                "the 'same' or 'different' randomness flags on vmap or perform the randomness "
                "operation out of vmap"
            )

    def fresh(self, t: TensorBase) -> BatchedArray:
        """A new tensor whose axis 0 is the mapped one."""
        return BatchedArray(self, t)

    def no_value(self, asked: str) -> str:
        return (
            f"vmap: It looks like you're calling .{asked} on a Tensor. We don't support vmap over "
            "calling .item() on a Tensor, please try to rewrite what you're doing with other "
            "operations. (Inside vmap a tensor has one value for each example.)"
        )

    def apply(self, word: str, args: tuple, params: dict) -> Any:
        if word == "bits":
            return self._bits(args)
        if not any(map(_mapped, _flat(args))):
            bare = [_bare(a) for a in args]
            return self._wrapped(getattr(m, word)(*bare, **params), False)
        rule = getattr(self, "_" + word, None)
        if word in POINTWISE:
            made = self._pointwise(word, args, params)
        elif word in REDUCE:
            made = self._reduce(word, *args, **params)
        elif word in ALONG:
            made = self._along(word, *args, **params)
        elif rule is not None:
            made = rule(*args, **params)
        else:
            made = self._each(word, args, params)
        return self._wrapped(made, True)

    def _wrapped(self, made: Any, mapped: bool) -> Any:
        if isinstance(made, (tuple, list)):
            return tuple(BatchedArray(self, x, mapped) for x in made)
        return BatchedArray(self, made, mapped)

    # -- rules: they return tensors of the level beneath, the mapped axis in front

    def _bits(self, args: tuple) -> Any:
        shape, width, stream = args
        self.allow_random()
        if self.randomness == "same":
            return BatchedArray(self, m.bits(shape, width, stream), False)
        return BatchedArray(self, m.bits((self.batch, *shape), width, stream))

    def _pointwise(self, word: str, args: tuple, params: dict) -> Any:
        ndim = max((len(a.shape) for a in args if hasattr(a, "shape")), default=0)
        lined = [self._lined_up(a, ndim) for a in args]
        return getattr(m, word)(*lined, **params)

    def _lined_up(self, a: Any, ndim: int) -> Any:
        """A batched operand with axes inserted after the mapped one; anything else as it is."""
        if not isinstance(a, BatchedArray):
            return a
        if not a.mapped:
            return a.value
        shape = tuple(a.value.array.shape)
        missing = ndim - (len(shape) - 1)
        if missing <= 0:
            return a.value
        return m.reshape(a.value, (shape[0], *(1,) * missing, *shape[1:]))

    def _full(self, a: Any) -> Any:
        """An operand with the mapped axis written out."""
        if not isinstance(a, BatchedArray):
            return a
        return a.value if a.mapped else m.broadcast_to(a.value, (self.batch, *a.shape))

    def _reduce(
        self, word: str, x: Any, axis: Any = None, keepdims: bool = False, **params: Any
    ) -> Any:
        rank = x.ndim
        fn = getattr(m, word)
        if word.startswith("arg") and axis is None:
            return fn(m.reshape(x.value, (self.batch, -1)), axis=1, keepdims=False)
        if rank == 0:
            if word.startswith("arg"):
                return m.astype(m.zeros_like(x.value), self.int64)
            wide = m.reshape(x.value, (self.batch, 1))
            return fn(wide, axis=1, keepdims=False, **params)
        return fn(x.value, axis=_shift(axis, rank), keepdims=keepdims, **params)

    def _along(self, word: str, x: Any, axis: int = -1, **params: Any) -> Any:
        return getattr(m, word)(x.value, _shift(axis, x.ndim), **params)

    def _flip(self, x: Any, axis: Any) -> Any:
        return m.flip(x.value, _shift(axis, x.ndim))

    def _permute_dims(self, x: Any, axes: Any) -> Any:
        return m.permute_dims(x.value, (0, *_shift(tuple(axes), x.ndim)))

    def _reshape(self, x: Any, shape: Any) -> Any:
        return m.reshape(x.value, (self.batch, *shape))

    def _broadcast_to(self, x: Any, shape: Any) -> Any:
        return m.broadcast_to(self._lined_up(x, len(shape)), (self.batch, *shape))

    def _index(self, x: Any, key: Any) -> Any:
        return m.index(x.value, _inner(key))

    def _write(self, x: Any, value: Any, key: Any) -> Any:
        target = self._full(x)
        if _mapped(value):
            seen = m.index(target, _inner(key))
            value = self._lined_up(value, seen.array.ndim - 1)
        return m.write(target, _bare(value), _inner(key))

    def _diagonal(self, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return m.diagonal(x.value, offset, *_shift((axis1, axis2), x.ndim))

    def _set_diagonal(
        self, x: Any, value: Any, offset: int = 0, axis1: int = 0, axis2: int = 1
    ) -> Any:
        axes = _shift((axis1, axis2), x.ndim)
        return m.set_diagonal(self._full(x), self._full(value), offset, *axes)

    def _concat(self, xs: Any, axis: int = 0) -> Any:
        return m.concat([self._full(x) for x in xs], _shift(axis, len(xs[0].shape)))

    def _pad(self, x: Any, widths: Any, value: Any = 0) -> Any:
        return m.pad(x.value, ((0, 0), *widths), value)

    def _take(self, x: Any, indices: Any, axis: int = 0) -> Any:
        at = axis % x.ndim
        if not _mapped(indices):
            return m.take(x.value, _bare(indices), at + 1)
        if x.mapped:
            return self._each("take", (x, indices, axis), {})
        made = m.take(x.value, indices.value, at)  # (..., batch, indices, ...)
        n = made.array.ndim
        return m.permute_dims(made, (at, *(i for i in range(n) if i != at)))

    def _take_along_axis(self, x: Any, indices: Any, axis: int) -> Any:
        return m.take_along_axis(self._full(x), self._full(indices), _shift(axis, x.ndim))

    def _scatter(self, x: Any, indices: Any, values: Any, axis: int, mode: str = "set") -> Any:
        return m.scatter(
            self._full(x), self._full(indices), self._full(values), _shift(axis, x.ndim), mode
        )

    def _put(self, x: Any, indices: Any, values: Any, axis: int = 0, mode: str = "set") -> Any:
        if _mapped(indices):
            return self._each("put", (x, indices, values, axis, mode), {})
        at = axis % x.ndim
        if _mapped(values):
            values = BatchedArray(self, self._lined_up(values, x.ndim))
        return m.put(self._full(x), _bare(indices), self._full(values), at + 1, mode)

    def _windows(self, x: Any, size: Any, stride: Any, dilation: Any) -> Any:
        return m.windows(x.value, size, stride, dilation)

    def _unwindows(self, g: Any, shape: Any, stride: Any, dilation: Any) -> Any:
        return m.unwindows(g.value, (self.batch, *shape), stride, dilation)

    def _matmul(self, a: Any, b: Any) -> Any:
        ra, rb = a.ndim, b.ndim
        x, y = self._full(a) if ra == 1 else None, self._full(b) if rb == 1 else None
        n = max(ra, rb, 2)
        left = m.reshape(x, (self.batch, *(1,) * (n - 1), -1)) if ra == 1 else self._lined_up(a, n)
        column = (self.batch, *(1,) * (n - 2), -1, 1)
        right = m.reshape(y, column) if rb == 1 else self._lined_up(b, n)
        made = m.matmul(left, right)
        if ra > 1 and rb > 1:
            return made
        shape = tuple(made.array.shape)
        shape = shape[: -1 - (ra == 1)] + shape[-1:] if rb > 1 else shape[: -1 - (ra == 1)]
        return m.reshape(made, shape)

    def _conv(self, x: Any, w: Any, *rest: Any, **params: Any) -> Any:
        if _mapped(w):
            return self._each("conv", (x, w, *rest), params)
        shape = x.shape
        flat = m.reshape(x.value, (self.batch * shape[0], *shape[1:]))
        made = m.conv(flat, _bare(w), *rest, **params)
        return m.reshape(made, (self.batch, shape[0], *made.array.shape[1:]))

    def _each(self, word: str, args: tuple, params: dict) -> Any:
        """A word without a rule of its own: example by example."""
        fn = getattr(m, word)
        rows = [fn(*[_example(a, i) for a in args], **params) for i in range(self.batch)]
        if isinstance(rows[0], (tuple, list)):
            return tuple(m.stack(list(xs)) for xs in zip(*rows))
        return m.stack(rows)


def _mapped(a: Any) -> bool:
    """Whether an argument has a value for each example."""
    return isinstance(a, BatchedArray) and a.mapped


def _inner(key: Any) -> tuple:
    """A key for what lies behind the mapped axis."""
    return (slice(None), *key) if isinstance(key, tuple) else (slice(None), key)


def _flat(args: tuple) -> list:
    return [x for a in args for x in (a if isinstance(a, list) else [a])]


def _bare(a: Any) -> Any:
    if isinstance(a, list):
        return [_bare(x) for x in a]
    return a.value if isinstance(a, BatchedArray) else a


def _example(a: Any, i: int) -> Any:
    if isinstance(a, list):
        return [_example(x, i) for x in a]
    if not isinstance(a, BatchedArray):
        return a
    return m.index(a.value, (i,)) if a.mapped else a.value
