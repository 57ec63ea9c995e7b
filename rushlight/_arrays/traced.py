"""Traced arrays: symbols of a program that is being written down (`rushlight.compile`)."""

import os
import sys
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.spec import contiguous_strides
from . import loop, pooling
from .abstract import Array, Namespace
from .meta import VIEWS, several, spec
from .numpy import NUMPY, UFUNCS

HERE = __file__.removesuffix(f"_arrays{os.sep}traced.py")  # as code objects spell it, links and all
_LIBRARY = os.path.dirname(os.__file__)  # Python's own


class GraphBreak(BaseException):
    """Python must see a value that a trace has not; no Exception, so that nobody swallows it."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(f"{reason} (at {where})" if where else reason)
        self.reason, self.where = reason, where


def users_line() -> str:
    """The file and line outside the package that is running now."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        own = name.startswith((HERE, "<op>", "<frozen"))
        if not own and (not name.startswith(_LIBRARY) or "-packages" in name):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


class Symbol(Array):
    """One value of a trace, with the strides (in elements) that memory would have."""

    __slots__ = ("names", "id", "shape", "dtype", "strides", "offset")

    def __init__(
        self, names: "Trace", id: int, shape: tuple, dtype: Any, strides: Any = None,
        offset: int = 0,
    ) -> None:  # fmt: skip
        self.names, self.id, self.shape, self.dtype = names, id, tuple(shape), np.dtype(dtype)
        self.strides = contiguous_strides(self.shape) if strides is None else tuple(strides)
        self.offset = offset

    def __repr__(self) -> str:
        return f"%{self.id}"

    def __bool__(self) -> Any:  # noqa: PLE0304 - it stops the trace
        self.names.no_value("a Python number of a result")

    __int__ = __float__ = __index__ = __bool__


ANYWHERE = 1 << 48  # where an argument lies in its memory is less by this
# Words whose result's shape depends on values.
_BY_VALUE = frozenset({"nonzero", "unique"})
_ONCE = frozenset({"bits", "call", "check"})  # words that a loop's body must not say
_ROLLED = 3  # steps from which a loop is one


class Body:
    """The body of a loop: what it is given, steps, what it makes."""

    __slots__ = ("inputs", "outputs", "steps")

    def __init__(self, inputs: list, steps: list, outputs: list) -> None:
        self.inputs, self.steps, self.outputs = inputs, steps, outputs


class Trace(Namespace):
    """A program in single assignment: each word appends (results, word, args, params, line)."""

    level = 0
    name = "traced"

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple] = []
        self.count = 0
        self.broken: GraphBreak | None = None
        self.inside = False  # a loop's body

    def symbol(self, shape: Any, dtype: Any, strides: Any = None, offset: int = 0) -> Symbol:
        self.count += 1
        return Symbol(self, self.count - 1, shape, dtype, strides, offset)

    def record(self, word: str, args: tuple, params: dict, *specs: tuple) -> tuple:
        """Append a step whose results have these shapes, dtypes and strides."""
        made = tuple(self.symbol(*s) for s in specs)
        self.steps.append((made, word, args, params, users_line()))
        return made

    def apply(self, word: str, args: tuple, params: dict) -> Any:
        if word in _BY_VALUE:
            self.no_value(f"{word}()")
        for a in _symbols([args, tuple(params.values())]):
            if a.names is not self:
                raise RuntimeError(
                    "compile: a tensor was kept that another call made while it was captured; make "
                    "it before"
                )
        made = spec(word, args, params)
        if several(made):
            return self.record(word, args, params, *made)
        if word in UFUNCS and len(made) == 2:
            made = (*made, _kept_order(made[0], args))
        return self.record(word, args, params, made)[0]

    def scan(self, f: Any, init: tuple, xs: tuple, reverse: bool = False) -> tuple:
        """One step, which holds f as it is traced once; what cannot be one is a loop of Python's.

        scan([carried], [sequences], [others that f reads], body=..., count=..., reverse=...)
        """
        count = xs[0].shape[0]
        traced = self._body(f, init, xs) if count >= _ROLLED and not self.inside else None
        if traced is None:
            return loop.scan(self, f, init, xs, reverse)
        body, others, ys = traced
        carried = [(s.shape, s.dtype) for s in init]
        specs = carried + [((count, *s.shape), s.dtype) for s in ys if s is not None]
        given = (list(init), list(xs), others)
        results = self.record(
            "scan", given, {"body": body, "count": count, "reverse": reverse}, *specs
        )
        joined = iter(results[len(init) :])
        return results[: len(init)], tuple(None if s is None else next(joined) for s in ys)

    def _body(self, f: Any, init: tuple, xs: tuple) -> tuple[Body, list, tuple] | None:
        """f's body, what else it reads, its results; None where it is not like a loop's."""
        carry = tuple(self.symbol(s.shape, s.dtype) for s in init)
        rows = [spec("index", (x, 0), {}) for x in xs]
        parts = tuple(self.symbol(shape, dtype, strides) for shape, dtype, strides, _ in rows)
        before, self.steps, self.inside = self.steps, [], True
        try:
            after, ys = f(carry, parts)
        finally:
            steps, self.steps, self.inside = self.steps, before, False
        outputs = [*after, *(s for s in ys if s is not None)]
        if any(s.__class__ is not Symbol for s in outputs) or any(s[1] in _ONCE for s in steps):
            return None
        if any((a.shape, a.dtype) != (b.shape, b.dtype) for a, b in zip(after, carry)):
            return None
        known = {s.id for s in (*carry, *parts, *(s for made, *_ in steps for s in made))}
        read = [s for _, _, args, params, _ in steps for s in _symbols([args, [*params.values()]])]
        others = {s.id: s for s in (*read, *outputs) if s.id not in known}
        given = [*carry, *parts, *others.values()]
        return Body(given, steps, outputs), list(others.values()), ys

    def enter(self, t: Any) -> Any:
        """A tensor's array as a symbol."""
        self.capture(t)
        return t.array

    def check(self, condition: Any, message: Any, error: Any = RuntimeError) -> None:
        """A step of its own: where it fails, the call is run eagerly, which says what is wrong."""
        if condition.__class__ is Symbol:
            self.steps.append(((), "check", (condition,), {}, users_line()))
        else:
            NUMPY.check(condition, message, error)

    def stop(self, reason: str) -> Any:
        """End the trace: the call will run eagerly."""
        self.broken = self.broken or GraphBreak(reason, users_line())
        raise self.broken

    def no_value(self, asked: str) -> str:
        mend = "keep them in tensors (torch.where, x * mask), or do this outside"
        return self.stop(f"{asked} needs the values of a tensor; {mend}")

    # -- what a capture gives

    def capture(self, t: Any) -> None:
        """Let a tensor from outside take part."""
        raise NotImplementedError

    def literal(self, make: Any, *given: Any) -> Any:
        """`make(*given)`, a new array, where another than eager mode's is wanted."""

    def draws(self, stream: Any) -> None:
        """A random stream is about to be drawn from."""


def _pooled(word: str) -> Any:
    """A word of pooling as a step; windows that no kernel has are taken apart."""
    apart = getattr(pooling, word)

    def call(trace: Trace, *arrays: Any, shape: tuple, **how: Any) -> Any:
        kind = arrays[0].dtype
        if len(how["window"]) > 2 or kind not in (dtypes.F32, dtypes.F64):
            return apart(trace, *arrays, shape=shape, **how)
        return trace.record(word, arrays, {"shape": shape, **how}, (shape, kind))[0]

    return call


for _word in pooling.WORDS:
    setattr(Trace, _word, _pooled(_word))


def _symbols(args: Any) -> Any:
    for a in args:
        if a.__class__ is Symbol:
            yield a
        elif a.__class__ in (list, tuple):
            yield from _symbols(a)


def _kept_order(shape: tuple, args: tuple) -> tuple | None:
    """The strides of a pointwise result: NumPy keeps the order in which its operands lie."""
    given = [a for a in args if a.__class__ is Symbol]
    if len(shape) < 2 or 0 in shape or all(a.contiguous for a in given):
        return None
    like = [
        np.lib.stride_tricks.as_strided(
            np.zeros((), np.int8), a.shape, tuple(abs(s) for s in a.strides), writeable=False
        )
        for a in given
    ]
    flags: Any = [["readonly"]] * len(like) + [["writeonly", "allocate"]]
    kinds = [None] * len(like) + [np.int8]
    walk: Any = np.nditer([*like, None], ["external_loop"], flags, kinds, order="K")
    return tuple(walk.operands[-1].strides)


__all__ = ["VIEWS", "GraphBreak", "Symbol", "Trace", "users_line"]
