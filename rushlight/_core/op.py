"""Making ops: the decorators that turn array code into a record and its public function."""

import functools
import types
from collections.abc import Callable
from typing import Any

from . import modes
from .emit import Writer
from .filling import into
from .record import Op, records

__all__ = ["Op", "composite", "filling", "op", "records"]


def op(kind: str | None = None, **options: Any) -> Callable[[Callable], Any]:
    """Decorator: make a record from array code `body(m, arrays..., *, params...)`.

    The result is the public function, with PyTorch's signature; it carries the record as `.op` and
    the record's decorators `.vjp`, `.residuals`, `.writes`.

    Args:
        kind: "pointwise" (broadcasts and promotes), "view" (shares memory), "move" (only moves
            elements), "same" (one dtype), "reduce", or None.
        options: see `Op`.
    """

    def take(body: Callable) -> Any:
        record = Op(body, kind, {**options})

        def first(*args: Any, **kwargs: Any) -> Any:
            """At the first call the function writes itself."""
            made: Any = Writer(record).function()
            function.__code__, function.__defaults__ = made.__code__, made.__defaults__
            function.__kwdefaults__ = made.__kwdefaults__
            function.__globals__.update(made.__globals__)
            return function(*args, **kwargs)

        scope = {"first": first, "__builtins__": __builtins__, "__name__": "rushlight._core.op"}
        function: Any = types.FunctionType(_stub.__code__, scope, record.name)
        return _attach(function, record, body)

    return take


def _stub(*args: Any, **kwargs: Any) -> Any:
    return first(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821  (bound per function)


def _attach(function: Any, record: Op, body: Callable) -> Any:
    function.__doc__, function.__module__ = body.__doc__, body.__module__
    function.__qualname__ = record.name
    function.op, record.function = record, function
    for name in ("vjp", "residuals", "writes"):
        setattr(function, name, getattr(record, name))
    return function


def with_numpy_names(function: Any) -> Any:
    """The function, taking NumPy's `axis` and `keepdims` for `dim` and `keepdim` too."""
    code = function.__code__
    named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if not {"dim", "keepdim"} & set(named) or "axis" in named or code.co_flags & modes.KEYWORDS:
        return function

    @functools.wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return function(*args)
        for ours, theirs in (("dim", "axis"), ("keepdim", "keepdims")):
            if theirs in kwargs:
                kwargs[ours] = kwargs.pop(theirs)
        return function(*args, **kwargs)

    return inside


def composite(function: Any) -> Any:
    """Decorator: a public function made of other ops, known to the tests by its samples."""
    function = with_numpy_names(function)
    record = object.__new__(Op)
    record.name, record.body, record.kind = function.__name__, function, None
    record.rules, record.outputs, record.params, record.arrays = {}, (), [], []
    record.put = None
    record.differentiable, record.composite, record.many = True, True, False
    record.floats = record.alias = record.broadcasts = record.straight = False
    record.function = function
    records().append(record)
    function.op = record
    return function


def filling(function: Any) -> Any:
    """Decorator: a composite that takes `out=` too."""
    function = composite(function)

    @functools.wraps(function)
    def inside(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        made = function(*args, **kwargs)
        if out is None:
            return made
        given = [x for a in args for x in (a if isinstance(a, (list, tuple)) else (a,))]
        return into(function.op, out, made, given)

    return inside
