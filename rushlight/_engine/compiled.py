"""What `rushlight.compile` gives: traces by signature, and eager mode wherever unsure."""

import functools
import warnings
import weakref
from collections.abc import Callable, MutableMapping
from typing import Any

import numpy as np

from .._arrays.traced import GraphBreak, users_line
from .._core import dtypes, modes, rng
from .._core.tape import ASK, TensorBase, ndarray
from .check import checked
from .door import MISS
from .forked import rlock
from .log import outside
from .loose import Loose, placed
from .program import Again, Eagerly, Program, Unkept

LIMIT = 8  # programs kept for one function, as PyTorch's recompile_limit
TRIES = 3  # traces of one signature that may be given up before it stays eager
_SIMPLE = (bool, int, float, complex, str, bytes, type(None), slice, dtypes.dtype)

_all: weakref.WeakSet = weakref.WeakSet()
_tracing = rlock()


class Compiled:
    """`f`, captured once for each kind of arguments, then run as a program.

    Args:
        f: the function.
        fullgraph: refuse to fall back to eager mode.
        check: run eager mode beside each program, and compare.
    """

    _opaque = True

    def __init__(self, f: Callable, fullgraph: bool = False, check: Any = None) -> None:
        self.f, self.fullgraph, self.checker = f, fullgraph, check
        self.programs: dict[Any, list[Program]] = {}
        self.known: MutableMapping = weakref.WeakValueDictionary()  # what they run
        self.tried: dict[Any, int] = {}
        self.eager: dict[Any, str] = {}  # signatures that run eagerly, and why
        self.reasons: list[str] = []
        self.traces = 0
        self.lock = rlock()
        self.full = False
        self.loose = Loose()
        self.door: Callable | None = None  # the quick way into the last program
        _all.add(self)

    def call(self, args: tuple, kwargs: dict) -> Any:
        """A call that found no door."""
        if (modes.special or modes.local.mapped) and _passes():
            return self.f(*args, **kwargs)
        with self.lock:
            given = self.loose.places and self.loose.given(args, kwargs)
            kinds = given and {p: x.__class__ for p, x in given.items()}
            call = _signature(args, kwargs, kinds)
            if call is None:
                return self._say(_wrong(args, kwargs), args, kwargs)
            key, tensors, others = call
            if key in self.eager:
                return self.f(*args, **kwargs)
            return self._run(key, tensors, others, args, kwargs, given)

    def _run(
        self, key: Any, tensors: list, others: list, args: tuple, kwargs: dict, given: dict
    ) -> Any:
        programs = self.programs.get(key, ())
        for program in programs:
            if program.holds():
                program.given |= given
                try:
                    return self._ran(program, tensors, args, kwargs)
                except Again:
                    continue
                except Eagerly as refusal:
                    result = self.f(*args, **kwargs)
                    for where in refusal.args:  # what eager mode takes is refused but by a check
                        self._warn(f"refused values (at {where}); calls with such run eagerly")
                    return result
        if self.loose.moved(args, kwargs, programs):
            return self.call(args, kwargs)
        try:
            program = self._program(key, tensors, others, args, kwargs, given)
        except Again:
            return self.call(args, kwargs)
        if program is None:
            return self.f(*args, **kwargs)
        try:
            return self._ran(program, tensors, args, kwargs)
        except (Again, Eagerly):
            if program.begun:  # it is bound to state that is not there now
                program.withdraw()
                self.programs[program.key].remove(program)
            return self.f(*args, **kwargs)

    def _ran(self, program: Program, tensors: list, args: tuple, kwargs: dict) -> Any:
        """The program's result; the next call like this one is found without its signature."""
        if self.checker is not None:
            return self.checker(self, program, tensors, args, kwargs)
        result = program.run(tensors)
        self.door = None if kwargs else program.way.now(args, self.lock)
        return result

    def _program(
        self, key: Any, tensors: list, others: list, args: tuple, kwargs: dict, given: dict
    ) -> Any:
        """A new program for this call; None where it must run eagerly.

        Raises:
            Again: where the trace takes no numbers as inputs.
        """
        if sum(map(len, self.programs.values())) >= LIMIT or self.traces >= TRIES * LIMIT:
            if not self.full:
                self.full = True
                self._warn(f"there are {LIMIT} programs for other arguments or state"
                           f"{self._steers()}; more kinds of calls run eagerly. Make what changes "
                           "each time a tensor")  # fmt: skip
            return None
        if not _tracing.acquire(blocking=False):  # another thread's trace may hold what we read
            return None
        self.traces += 1
        try:
            closed = self.loose.closed()
            made = Program(self.f, args, kwargs, tensors, others, self.known, given, closed)
        except GraphBreak as stop:
            return self._broken(None if given else key, stop)  # another number may go another way
        except Unkept as left:
            return self._unkept(key, str(left))
        except RecursionError:
            return self._broken(key, GraphBreak("the trace nests too deeply", users_line()))
        except Exception as error:  # eager mode says what is wrong, if anything is
            if given or closed:
                self.loose.stick(dict.fromkeys([*given, *closed], ""))
                raise Again from None
            return self._unkept(key, f"the trace failed with {type(error).__name__}: {error}")
        finally:
            _tracing.release()
        if made.stuck:
            self.loose.stick(made.stuck)
            kinds = {p: x.__class__ for p, x in self.loose.given(args, kwargs).items()}
            key, *_ = _signature(args, kwargs, kinds) or (key,)
        made.key = key
        self.programs.setdefault(key, []).insert(0, made)
        return made

    def _broken(self, key: Any, stop: GraphBreak) -> None:
        self._refuse(f"{stop}. Without fullgraph such calls run eagerly")
        if key is not None:
            self.eager[key] = str(stop)
        self._warn(f"{stop}; calls like this one run eagerly")

    def _unkept(self, key: Any, why: str) -> None:
        self.tried[key] = self.tried.get(key, 0) + 1
        self.reasons.append(f"not kept: {why}")
        if self.tried[key] >= TRIES:
            self._refuse(why)
            self.eager[key] = why
            self._warn(f"{why}; calls like this one run eagerly")

    def _steers(self) -> str:
        """A number that steers Python, and where; or something else that changed."""
        found = [self.loose.stuck, *(p.steers for made in self.programs.values() for p in made)]
        for place, line in (item for steers in found for item in steers.items()):
            told = repr(place[-1]) if len(place) > 1 else f"argument {place[0]!r}"
            return f" ({told} steers Python" + (f" (at {line}))" if line else ")")
        kept = (k for made in self.programs.values() for p in made for k in p.guards.kept)
        return next((f" ({key!r} is another one)" for k in kept for key in k.others()), "")

    def _say(self, why: str, args: tuple, kwargs: dict) -> Any:
        self._refuse(why)
        if why not in self.reasons:
            self.reasons.append(why)
            self._warn(f"{why}; calls like this one run eagerly")
        return self.f(*args, **kwargs)

    def _refuse(self, why: str) -> None:
        if self.fullgraph:
            raise RuntimeError(f"compile: fullgraph=True, but {why}{self._where(why)}") from None

    def _warn(self, text: str) -> None:
        if text in self.reasons:
            return
        self.reasons.append(text)
        name = getattr(self.f, "__qualname__", type(self.f).__name__)
        warnings.warn(f"rushlight.compile({name}): {text}{self._where(text)}", stacklevel=outside())

    def _where(self, told: str) -> str:
        """Where the function is, if the text does not name a line."""
        code = None if "(at " in told else getattr(self.f, "__code__", None)
        return f" (in {code.co_filename}:{code.co_firstlineno})" if code else ""

    def reset(self) -> None:
        """Forget what was compiled."""
        with self.lock:
            self.programs, self.tried, self.eager, self.reasons = {}, {}, {}, []
            self.full, self.traces, self.door, self.loose = False, 0, None, Loose()

    def explain(self) -> str:
        """Graphs, their inputs and outputs, and what ran eagerly and why, as text."""
        rows = [f"{getattr(self.f, '__qualname__', self.f)}: {self.traces} traces"]
        for programs in self.programs.values():
            for p in programs:
                rows += ["", p.described()]
        if self.reasons:
            rows += ["", "ran eagerly:", *(f"  {r}" for r in self.reasons)]
        return "\n".join(rows)


def _wrong(args: tuple, kwargs: dict) -> str:
    """Which argument no program takes."""
    every = [*enumerate(args), *kwargs.items()]
    name, x = next((n, x) for n, x in every if not _read([x], [], [], []))
    return f"argument {name!r} is or holds what programs do not take: a {type(x).__name__}"


def _passes() -> bool:
    """Whether f is simply called: inside a trace, a transform, a mode that watches calls."""
    local = modes.local
    told = local.mapped, local.anomaly, local.saved_hooks, local.subclass_off
    return local.trace is not None or any(told)


def _signature(args: tuple, kwargs: dict, kinds: Any = None) -> tuple | None:
    """(key, tensors, other objects) of a call; None where it cannot be captured.

    kinds: of arguments of which no more counts.
    """
    if kinds:
        args, kwargs = placed(args, kinds), placed(kwargs, kinds)
    local = modes.local
    key: list = [
        local.grad, local.inference, local.autocast, dtypes.get_default_dtype(), id(rng.default()),
    ]  # fmt: skip
    tensors: list = []
    others: list = []
    if not _read(args, key, tensors, others):
        return None
    if kwargs:
        key.append(tuple(kwargs))
        if not _read(tuple(kwargs.values()), key, tensors, others):
            return None
    return tuple(key), tensors, others


def _read(items: Any, key: list, tensors: list, others: list) -> bool:
    for x in items:
        if isinstance(x, TensorBase):
            array = x.array
            if array.__class__ is not ndarray or not x._plain_subclass:
                return False
            origin: Any = x.origin if x.needs is ASK else None
            needs = x.needs is True or (origin is not None and origin[0].needs is True)
            place = next((i for i, t in enumerate(tensors) if t is x), -1)
            strides = None if array.flags.c_contiguous else array.strides
            told = needs, strides, place, x.grad is None, x.node is None
            key.append((x.__class__, array.shape, array.dtype, x.device, *told))
            tensors.append(x)
        elif isinstance(x, _SIMPLE):
            key.append((x.__class__, repr(x) if isinstance(x, (float, complex, slice)) else x))
        elif isinstance(x, dict):
            key.append((dict, tuple(map(str, x))))
            if not _read(x.values(), key, tensors, others):
                return False
        elif isinstance(x, (list, tuple)):
            key.append((x.__class__, len(x)))
            if not _read(x, key, tensors, others):
                return False
        elif isinstance(x, (np.ndarray, np.generic)):
            return False
        else:
            key.append(id(x))
            others.append(x)
    return True


class Forward:
    """The compiled `forward` of one module; a copy of the module has a compiled one of its own."""

    _opaque = True

    def __init__(self, module: Any, fullgraph: bool, check: Any) -> None:
        self.module, self.options = module, (fullgraph, check)
        self.run = _entered(type(module).forward.__get__(module), fullgraph, check)
        self.compiled = self.run.compiled
        self.explain, self.reset = self.compiled.explain, self.compiled.reset

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)

    def __deepcopy__(self, memo: dict) -> Any:
        return Forward(memo.get(id(self.module), self.module), *self.options)

    def __reduce__(self) -> tuple:
        return getattr, (self.module, "forward")  # read back, the module runs eagerly


def compiled(f: Callable, fullgraph: bool, check: bool) -> Any:
    """`f` wrapped, with `explain` and `reset`; a module itself, its `forward` compiled."""
    checker = checked if check else None
    if hasattr(f, "_parameters") and hasattr(f, "_modules"):
        if not isinstance(f.__dict__.get("forward"), Forward):
            f.__dict__["forward"] = Forward(f, fullgraph, checker)
        return f
    return _entered(f, fullgraph, checker)


def _entered(f: Callable, fullgraph: bool, check: Any) -> Any:
    made = Compiled(f, fullgraph, check)

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        door = made.door
        if door is not None and not kwargs and (found := door(*args)) is not MISS:
            return found
        return made.call(args, kwargs)

    run.explain, run.reset, run.compiled = made.explain, made.reset, made  # type: ignore[attr-defined]
    return run


def reset() -> None:
    """Forget everything that was compiled."""
    for each in list(_all):
        each.reset()
