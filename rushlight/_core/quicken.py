"""Lines that are called often, handed beside the program to whoever makes quicker ones.

Who that is, is loaded by name when it is first wanted, and all its work is done in a thread of its
own: the program goes on with the line that it has until another is put in its place.
"""

import gc
import importlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter
from typing import Any

MAKER = f"{__name__.partition('.')[0]}._engine.eager"
NEEDS = "llvmlite"
OFTEN = 200  # calls on small arrays after which a quicker line is worth its making
LARGE = 20_000  # elements that count as one call more
# While a wish is fulfilled, the program waits two milliseconds of six for our thread: one that
# calls NumPy without end would keep Python's lock from it for ten seconds otherwise. And it asks
# for the lock back after half a millisecond, Python's own five being long.
GIVEN, EVERY, TURN = 0.002, 0.006, 0.0005


class Wish:
    """A line, the body that it was written from, and what it was written for.

    Args:
        body: `body(m, *values, **params)`.
        values: an array's shape and dtype in its place, else the value itself.
        put: takes the line to call from now on.
        over: for each of the body's results, the position of the array that it is written over; a
            line that writes so gives nothing.
    """

    __slots__ = ("body", "line", "over", "params", "put", "values")

    def __init__(
        self, body: Callable, values: list, params: dict, line: Callable, put: Callable,
        over: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        self.body, self.values, self.params = body, values, params
        self.line, self.put, self.over = line, put, over


class _Bench:
    """The wishes that wait, and the thread that is at work on them (None: nobody is)."""

    def __init__(self) -> None:
        self.wishes: deque[Wish] = deque()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.idle = threading.Event()
        self.turned = 0.0
        self.open: bool | None = None  # None: nobody asked yet whether there is a maker
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forked)

    def ready(self) -> bool:
        """Whether there is a maker, and it is wanted."""
        if self.open is None:
            wanted = os.environ.get("RUSHLIGHT_ENGINE", "1") != "0"
            self.open = wanted and find_spec(NEEDS) is not None
        return self.open

    def take(self, wish: Wish) -> None:
        """Put a wish in the queue, and somebody to work."""
        with self.lock:
            self.wishes.append(wish)
            if self.thread is not None:
                return
            self.idle.clear()
            self.thread = threading.Thread(target=self.work, name="rushlight-quicken")
            try:
                self.thread.start()
            except RuntimeError:  # no threads here, or no more of them
                self.thread, self.open = None, False

    def turn(self) -> None:
        """Let our thread run for a moment, if it has not for long."""
        now = perf_counter()
        if now - self.turned > EVERY:
            self.idle.wait(GIVEN)
            self.turned = perf_counter()

    def work(self) -> None:
        """Fulfil wishes until none is left, or the program ends."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(min(before, TURN))
        # What is made here would set off collections of all that the program has: 35 ms each.
        frozen = hasattr(gc, "freeze") and not gc.get_freeze_count()
        if frozen:
            gc.freeze()
        while (wish := self._next()) is not None:
            wish.put(_made(wish) or wish.line)
        if frozen:
            gc.unfreeze()
        if sys.getswitchinterval() == min(before, TURN):
            sys.setswitchinterval(before)

    def _next(self) -> Wish | None:
        with self.lock:
            if self.wishes and threading.main_thread().is_alive():
                return self.wishes.popleft()
            for wish in self.wishes:
                wish.put(wish.line)
            self.wishes.clear()
            self.thread = None
            self.idle.set()
            return None

    def forked(self) -> None:
        """In a child the thread is gone, and what it held at that moment may stay held."""
        if self.thread is not None:
            self.open = False
        self.wishes.clear()
        self.lock, self.idle, self.thread = threading.Lock(), threading.Event(), None


def _made(wish: Wish) -> Callable | None:
    try:
        return importlib.import_module(MAKER).quicker(wish)
    except Exception:  # a line that cannot be made is one that stays as it is
        return None


BENCH = _Bench()


def counted(wish: Wish, size: int) -> Callable:
    """The line of a wish, which takes the wish to the bench when it has been called often.

    Args:
        size: the elements of its arrays together.
    """
    line, left, step, asked = wish.line, OFTEN, 1 + size // LARGE, False

    def counting(*values: Any) -> Any:
        nonlocal left, asked
        left -= step
        if left < 0:
            if not asked:
                asked = True
                BENCH.take(wish)
            elif BENCH.thread is None:  # a forked child: nobody is at work there
                wish.put(line)
            BENCH.turn()
        return line(*values)

    return counting if BENCH.ready() else line
