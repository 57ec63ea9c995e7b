"""Per-thread switches, found through process-wide counts so that the usual case costs one load.

The truth is in `local`. `special` and `no_grad_threads` only say whether any thread at all has left
the defaults; while they are zero nobody reads the thread-local (40 ns against 6 ns).
"""

import functools
import threading
from typing import Any


class _Local(threading.local):
    grad = True
    inference = False
    trace = None  # the graph being recorded by this thread
    autocast = None  # the lower dtype that contractions take, or None
    subclass_off = 0  # depth of "treat subclasses as plain tensors"
    anomaly = False
    mapped: tuple = ()  # the vmaps that this thread is inside, the innermost last
    saved_hooks = None  # stack of (pack, unpack) for tensors saved for backward


GENERATOR, KEYWORDS = 0x20, 0x08  # code flags; `inspect` names them, at a price in start-up

local = _Local()
special = 0  # threads that trace, autocast, pack saved tensors ...: every call must look
# An entry for each thread inside no_grad: only calls that would record must look.
no_grad_threads: list[bool] = []
_lock = threading.Lock()


def count(name: str, step: int) -> None:
    """Add `step` to a process-wide count."""
    if step:
        with _lock:
            globals()[name] += step


def records() -> bool:
    """Whether this thread records for backward now."""
    return not no_grad_threads or local.grad


def _switch_grad(on: bool) -> None:
    if local.grad is not on:  # an interrupt in between leaves an entry too many, never one too few
        if on:
            local.grad = on
            no_grad_threads.pop()
        else:
            no_grad_threads.append(on)
            local.grad = on


class _Decorator:
    """A context manager that also decorates functions, generators and classes' methods."""

    __slots__ = ()

    def __call__(self, function: Any) -> Any:
        if getattr(function, "__code__", None) and function.__code__.co_flags & GENERATOR:
            return self._generator(function)

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self.again():
                return function(*args, **kwargs)

        return inside

    def _generator(self, function: Any) -> Any:
        """Each step of a generator runs inside; its caller, between steps, does not."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            generator, sent = function(*args, **kwargs), None
            while True:
                try:
                    with self.again():
                        made = generator.send(sent)
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield made
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:  # the caller's throw() belongs to the generator
                    with self.again():
                        made = generator.throw(error)
                    sent = yield made

        return inside

    def again(self) -> Any:
        return type(self)()

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *_: Any) -> None:
        raise NotImplementedError


class _GradMode(_Decorator):
    __slots__ = ("before",)
    on = True

    def __enter__(self) -> Any:
        self.before = before = local.grad
        if before is not (on := self.on):
            _switch_grad(on)
        return self

    def __exit__(self, *_: Any) -> None:
        _switch_grad(self.before)


class no_grad(_GradMode):
    """Nothing inside is recorded for backward. Also a decorator, with or without parentheses."""

    __slots__ = ()
    on = False

    def __new__(cls, function: Any = None) -> Any:
        made = object.__new__(cls)
        return made if function is None else made(function)


class enable_grad(_GradMode):
    """Recording is on inside, even within `no_grad`. Also a decorator."""

    __slots__, __new__ = (), no_grad.__new__


class set_grad_enabled(_GradMode):
    """Switches recording at once; as a context manager it puts it back at the end."""

    def __init__(self, mode: bool) -> None:
        self.on = bool(mode)
        self.before = local.grad
        _switch_grad(self.on)

    def __enter__(self) -> Any:
        return self

    def __call__(self, function: Any) -> Any:
        _switch_grad(self.before)  # as a decorator it changes nothing until the function runs
        return super().__call__(function)

    def again(self) -> Any:
        return set_grad_enabled(self.on)

    def __repr__(self) -> str:
        return f"set_grad_enabled(mode={self.on})"


class inference_mode(_Decorator):
    """No recording, and tensors made inside never take part in a graph."""

    def __new__(cls, mode: Any = True) -> Any:
        made = object.__new__(cls)
        if not isinstance(mode, bool):
            made.mode = True
            return made(mode)
        return made

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def again(self) -> Any:
        return inference_mode(self.mode)

    def __enter__(self) -> Any:
        self.before = local.grad, local.inference
        local.inference = self.mode
        _switch_grad(not self.mode)
        return self

    def __exit__(self, *_: Any) -> None:
        grad, local.inference = self.before
        _switch_grad(grad)


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded now."""
    return local.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return local.inference


class subclass_off:
    """Inside, tensor subclasses are treated as plain tensors by this thread."""

    def __enter__(self) -> None:
        local.subclass_off += 1

    def __exit__(self, *_: Any) -> None:
        local.subclass_off -= 1
