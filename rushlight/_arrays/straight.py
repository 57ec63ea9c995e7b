"""Straight arrays: a body written down, for one signature, as NumPy calls with nothing in between.

The body runs once, on real arrays; each word it says is carried out and noted. The function made
of the notes repeats the calls alone: reductions go to the ufunc, numbers are 0-dim arrays, what is
said twice is computed once, and results are written over temporaries that are read no more.
(4, 8) float32 on the reference machine: softmax 8.8 -> 6.2 us, layer norm 17 -> 10 us.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.kinds import known
from .._core.plan import build
from .._core.quicken import Wish, counted
from .abstract import Array, Namespace
from .meta import MetaArray
from .numpy import NUMPY, UNFORESEEN, along, few_rows
from .sums import BLOCK, ones_for

_REDUCTIONS = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}
_VIEWS = frozenset(
    "reshape permute_dims broadcast_to index diagonal alias astype conj real imag windows".split()
)
_METHODS = {"reshape": "reshape", "permute_dims": "transpose"}
# Words whose result hangs on values, on how memory lies, or on a stream of random numbers.
_REFUSED = frozenset(
    "bits nonzero unique as_strided unstrided write_strided contiguous bitcast".split()
)


class NotStraight(Exception):
    """A body that looks at values cannot be written down."""


class Otherwise(Exception):
    """Values for which a line was not written: the body itself must be run."""


class Line(Array):
    """A value of the body: the array, and its name in the source."""

    __slots__ = ("array", "dtype", "name", "names", "own", "root", "scalar", "shape")

    def __init__(self, names: "Notes", array: np.ndarray, name: str, root: Any = None) -> None:
        self.names, self.array, self.name = names, array, name
        self.shape, self.dtype = array.shape, array.dtype
        self.root = self if root is None else root  # whose memory it shows
        self.own = False  # memory that the line made and nobody else sees
        self.scalar = False  # no array but one of NumPy's numbers


class Notes(Namespace):
    """What a body said: (result, how to write it, arguments, whether one may be written over)."""

    name = "straight"

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Line | None, str, list[Line], bool]] = []
        self.scope: dict[str, Any] = {"Otherwise": Otherwise}
        self.said: dict[tuple, Line] = {}
        self.bounds: dict[Line, tuple] = {}  # memory -> what its values lie between

    def given(self, value: Any, name: str) -> Any:
        """An argument of the body; what is no array is a constant of the line."""
        if isinstance(value, np.ndarray | np.generic):  # 0-dim results of NumPy are scalars
            return Line(self, np.asarray(value), name)
        return value

    # -- how things are written

    def constant(self, value: Any) -> str:
        """A name for a value that the source cannot spell."""
        name = f"c{len(self.scope)}"
        self.scope[name] = value
        return name

    def spelt(self, x: Any) -> str:
        """An argument as source."""
        if x.__class__ is Line:
            return x.name
        if x.__class__ is list or (x.__class__ is tuple and any(v.__class__ is Line for v in x)):
            return f"[{', '.join(map(self.spelt, x))}]"
        if x is None or x.__class__ in (bool, int, str):
            return repr(x)
        if x.__class__ is tuple and all(v.__class__ is int for v in x):
            return repr(x)
        return self.constant(x)

    def note(self, array: Any, text: str, args: list, over: bool = False, root: Any = None) -> Line:
        """A new value, made by `text`."""
        if array.__class__ is not np.ndarray:
            raise NotStraight(text)
        made = Line(self, array, f"v{len(self.steps)}", root)
        made.own = root is None and array.ndim > 0  # NumPy gives 0-dim results as scalars
        self.steps.append((made, text, [a for a in args if a.__class__ is Line], over))
        return made

    def computed(self, result: Any, text: str, args: list, over: bool = False) -> Line:
        """A new value that NumPy computed: an array, or a number of its own."""
        made = self.note(np.asarray(result), text, args, over)
        made.scalar = isinstance(result, np.generic)
        return made

    # -- the words

    def apply(self, word: str, args: tuple, params: dict) -> Any:
        """Carry out a word and note it, unless it was said before."""
        if word in _REFUSED:
            raise NotStraight(word)
        key = (word, *map(_key, args), *((k, _key(v)) for k, v in params.items()))
        found = self.said.get(key)
        if found is None:
            found = self.said[key] = self._new(word, args, params)
        return found

    def _new(self, word: str, args: tuple, params: dict) -> Line:
        function = getattr(NUMPY, word)
        if word == "where" and _open(args[0]).size < UNFORESEEN:
            function, kinds = np.where, {a.dtype for a in args[1:] if a.__class__ is Line}
            if len(kinds) == 1 and kinds <= _QUICK:
                args = (args[0], *(_number(a, *kinds) for a in args[1:]))
        if word == "matmul" and all(a.array.ndim == 2 and a.dtype in _FLOATS for a in args):
            a, b = args  # the library's same product, found in half the time
            return self.note(a.array.dot(b.array), f"{a.name}.dot({b.name})", [a, b])
        if isinstance(function, np.ufunc):
            return self._ufunc(word, function, args)
        if word in _REDUCTIONS and args[0].__class__ is Line:
            made = self._reduction(word, *args, **params)
            if made is not None:
                return made
        if word == "take_along_axis":
            return self._picked(*args)
        if word in _METHODS and args[0].__class__ is Line and not params:
            x, to = args
            made = getattr(x.array, _METHODS[word])(to)
            text = f"{x.name}.{_METHODS[word]}({self.spelt(to)})"
            text = f"{x.name}.T" if word == "permute_dims" and to == (1, 0) else text
            return self.note(made, text, [x], root=x.root)
        result = function(*map(_open, args), **{k: _open(v) for k, v in params.items()})
        given = ", ".join(
            [*map(self.spelt, args), *(f"{k}={self.spelt(v)}" for k, v in params.items())]
        )
        flat = [v for a in args for v in (a if a.__class__ in (list, tuple) else (a,))]
        self.scope[word] = function
        root = flat[0].root if word in _VIEWS else None
        return self.note(result, f"{word}({given})", flat, root=root)

    def _ufunc(self, word: str, function: Any, args: tuple) -> Line:
        kinds = {a.dtype for a in args if a.__class__ is Line}
        if len(kinds) == 1 and kinds <= _QUICK:  # NumPy takes a 0-dim array in a third of the time
            kind = kinds.pop()
            if word in _SIGNS and kind in _FLOATS and all(map(_scalar, args)):
                a, b = (a if a.__class__ is Line else kind.type(a) for a in args)
                text = f"{self.spelt(a)} {_SIGNS[word]} {self.spelt(b)}"  # in a tenth of the time
                return self.computed(function(_open(a), _open(b)), text, [a, b])
            args = tuple(a if a.__class__ is Line else _number(a, kind) for a in args)
        result = function(*map(_open, args))
        if 1 < result.size <= SHORT and word != "matmul":
            args = self._alike(args, result.shape)
        self.scope[word] = function
        given = ", ".join(map(self.spelt, args))
        return self.computed(result, f"{word}({given})", list(args), word != "matmul")

    def _alike(self, args: tuple, shape: tuple) -> tuple:
        """Small arrays in the result's shape: (4, 1) with (4, 8) takes 1.2 us, so laid out 0.8."""
        made = []
        for x in args:
            if x.__class__ is Line and x.shape not in ((), shape):
                places = np.arange(x.array.size).reshape(x.shape)
                places = self.constant(np.broadcast_to(places, shape).copy())
                x = self.note(x.array.take(self.scope[places]), f"{x.name}.take({places})", [x])
            made.append(x)
        return tuple(made)

    def _reduction(
        self, word: str, x: Line, axis: Any = None, keepdims: Any = False, dtype: Any = None
    ) -> Line | None:
        """The ufunc's own reduction, where the word would do no more than call it."""
        if dtype is not None or x.dtype not in _QUICK:
            return None
        short = word == "sum" and x.dtype in _FLOATS
        found = ones_for(x.shape, axis, keepdims, x.dtype) if short else None
        if found is not None:
            ones, first = found
            flat, c = x.array.ravel() if axis is None else x.array, self.constant(ones)
            text = f"{x.name}.ravel()" if axis is None else x.name
            text = f"{c}.dot({text})" if first else f"{text}.dot({c})"
            return self.computed(ones.dot(flat) if first else flat.dot(ones), text, [x])
        if word == "sum" and x.array.size > BLOCK:  # summed in blocks
            return None
        function = _REDUCTIONS[word].reduce
        result = function(x.array, axis, None, None, keepdims)
        self.scope[f"{word}_"] = function
        text = f"{word}_({x.name}, {self.spelt(axis)}, None, None, {bool(keepdims)})"
        return self.computed(result, text, [x])

    def _picked(self, x: Line, indices: Line, axis: int) -> Line:
        """x along an axis at indices: the places on the other axes are known beforehand."""
        if (places := self._flat(x, indices, axis)) is not None:
            return self.note(
                x.array.take(places.array), f"{x.name}.take({places.name})", [x, places]
            )
        key = along(x.shape, indices.array, axis)
        return self.note(x.array[key], f"{x.name}[{self._places(key, indices)}]", [x, indices])

    def scatter(self, x: Any, indices: Any, values: Any, axis: int, mode: str = "set") -> Any:
        """x with values put along an axis: into fresh zeros they are written as they are."""
        fresh = self.steps and self.steps[-1][0] is x and x.own
        if mode != "set" or not fresh or values.shape not in ((), indices.shape):
            return self.apply("scatter", (x, indices, values, axis, mode), {})
        if not values.root.shape:  # one value, which NumPy itself lays along the places
            values = values.root
        if (places := self._flat(x, indices, axis)) is not None:
            x.array.put(places.array, values.array)
            line, indices = f"{x.name}.put({places.name}, {values.name})", places
        else:
            key = along(x.shape, indices.array, axis)
            x.array[key] = values.array
            line = f"{x.name}[{self._places(key, indices)}] = {values.name}"
        self.steps.append((None, line, [x, indices, values], False))
        return x

    def _flat(self, x: Line, indices: Line, axis: int) -> Line | None:
        """Where a column of class indices lies in the flat x: half the time of two indices."""
        rows, classes = x.shape if len(x.shape) == 2 else (0, 0)
        low, high = self.bounds.get(indices.root, (-1, 0))
        if axis != 1 or indices.shape != (rows, 1) or not 0 <= low <= high <= classes:
            return None
        return self._ufunc("add", np.add, (indices, np.arange(0, rows * classes, classes)[:, None]))

    def _places(self, key: tuple, indices: Line) -> str:
        """A key of arrays, of which all but the indices are known beforehand."""
        return ", ".join(indices.name if k is indices.array else self.constant(k) for k in key)

    def full(self, shape: Any, value: Any, dtype: Any) -> Any:
        """New memory at each run."""
        if value.__class__ is Line:
            return self.apply("full", (shape, value, dtype), {})
        self.scope["full"] = NUMPY.full
        spelt = ", ".join(self.spelt(v) for v in (shape, value, dtypes.carrier(dtype)))
        return self.note(NUMPY.full(shape, value, dtype), f"full({spelt})", [])

    def matmul_rows(self, x: Any, w: Any) -> Any:
        """The product, in the way that its sizes ask for."""
        word = "matmul_rows" if few_rows(x, w) else "matmul"
        return self.apply(word, (x, w), {})

    def conj(self, x: Any) -> Any:
        """Of real numbers, themselves."""
        return self.apply("conj", (x,), {}) if x.dtype.kind == "c" else x

    def check(self, condition: Any, message: Any, error: Any = RuntimeError) -> None:
        """Where a check fails, the body itself says what is wrong."""
        if not np.all(_open(condition)):
            raise NotStraight("check")
        if condition.__class__ is Line:
            self.scope["all_"] = np.all
            self._guard(f"all_({condition.name})", condition)

    def within(self, x: Any, low: Any, high: Any) -> bool:
        """A line is written for values within the bounds, and holds for those alone."""
        if not NUMPY.within(x.array, low, high):
            raise NotStraight("within")
        self.bounds[x.root] = low, high
        if x.array.ndim == 1 and 0 < x.array.size <= 32:
            self.scope.update(least=min, most=max)
            self._guard(f"{low} <= least(n := {x.name}.tolist()) and most(n) < {high}", x)
            return True
        self.scope["within"] = NUMPY.within
        self._guard(f"within({x.name}, {low}, {high})", x)
        return True

    def _guard(self, text: str, x: Line) -> None:
        self.steps.append((None, f"if not ({text}): raise Otherwise", [x], False))

    # -- the function

    def function(self, names: list[str], results: Any) -> Callable:
        """What was noted, as a function of the body's arguments that gives `results`."""
        outs = list(results) if results.__class__ in (tuple, list) else [results]
        steps = self._needed([o for o in outs if o is not None])
        last = {id(a.root): at for at, step in enumerate(steps) for a in step[2]}
        last |= {id(o.root): len(steps) for o in outs if o is not None}
        shown = {id(v.root) for v in (*outs, *(s[0] for s in steps)) if v and v.root is not v}
        lines = [f"def line({', '.join(names)}):"]
        for at, (made, text, args, over) in enumerate(steps):
            if over:
                dead = (a for a in args if a.own and last[id(a)] == at and id(a) not in shown)
                target = next((a for a in dead if _same(a, made)), None)
                text = text if target is None else f"{text[:-1]}, out={target.name})"
            lines.append(f"    {text}" if made is None else f"    {made.name} = {text}")
        spelt = ["None" if o is None else o.name for o in outs]
        many = results.__class__ in (tuple, list)
        lines.append(f"    return {', '.join(spelt)}{',' * many}")
        return build("\n".join(lines), self.scope)

    def _needed(self, outs: list[Line]) -> list[tuple]:
        """The steps without those whose result nobody asks for."""
        asked, kept = {id(o) for o in outs}, []
        for step in reversed(self.steps):
            if step[0] is None or id(step[0]) in asked:
                asked |= {id(a) for a in step[2]}
                kept.append(step)
        return kept[::-1]


def _same(a: Line, b: Any) -> bool:
    """Whether b can lie where a lies."""
    return (a.shape, a.dtype, a.array.strides) == (b.shape, b.dtype, b.array.strides)


SHORT = 256  # elements of what is laid out rather than broadcast
_SIGNS = dict(add="+", subtract="-", multiply="*", divide="/")
_FLOATS = {dtypes.F32, dtypes.F64}
_QUICK = {*_FLOATS, dtypes.I64}


def _scalar(x: Any) -> bool:
    return x.scalar if x.__class__ is Line else x.__class__ in (float, int)


def _number(value: Any, kind: np.dtype) -> Any:
    if value.__class__ is float or value.__class__ is int:
        if kind is dtypes.I64 and value.__class__ is float:
            return value
        return np.array(value, kind)
    return value


def _open(x: Any) -> Any:
    if x.__class__ is Line:
        return x.array
    if x.__class__ in (list, tuple):
        return x.__class__(map(_open, x))
    return x


def _key(x: Any) -> Any:
    """What tells arguments apart: 1 and 1.0 and True are not the same."""
    if x.__class__ is Line:
        return x
    if x.__class__ in (list, tuple):
        return tuple(map(_key, x))
    return x.__class__, x if x.__class__.__hash__ is not None else id(x), str(x)


MOST = 256  # signatures of one body that are written down: programs whose shapes never repeat stop


class Lines(dict):
    """The lines of one body `body(m, values..., **params)`, by signature."""

    __slots__ = ("body", "seen")

    def __init__(self, body: Callable) -> None:
        self.body, self.seen = body, set()

    def learn(self, key: tuple, values: tuple, params: dict) -> Callable:
        """What to call on `values` under a new signature: a line from the second time on."""
        plain = functools.partial(self.body, NUMPY, **params)
        if key not in self.seen or len(self) >= MOST:
            if len(self.seen) < MOST:
                self.seen.add(key)
            return plain
        try:
            line = self._written(values, params)
            self[key] = self._watched(key, line, values, params)
        except Exception:  # it looks at values, or is wrong: the body itself says what is wrong
            self[key] = plain
        return self[key]

    def _written(self, values: tuple, params: dict) -> Callable:
        notes = Notes()
        names = [f"a{i}" for i in range(len(values))]
        results = self.body(notes, *map(notes.given, values, names), **params)
        return notes.function(names, results)

    def _watched(self, key: tuple, line: Callable, values: tuple, params: dict) -> Callable:
        """The line, counting its calls: one that is called often may get a quicker one."""

        def put(other: Callable) -> None:
            self[key] = other

        given = [
            MetaArray(v.shape, v.dtype) if isinstance(v, np.ndarray | np.generic) else v
            for v in values
        ]
        size = sum(v.size for v in given if v.__class__ is MetaArray)
        return counted(Wish(self.body, given, params, line, put), size)


known.straight = Lines
