"""`torch.futures`: values that another thread will give."""

import threading
from collections.abc import Callable
from typing import Any

from ._core.names import lazily

__all__ = ["Future", "collect_all", "wait_all"]
__getattr__ = lazily(__name__)


class Future:
    """A place for one value, or one exception, that comes later."""

    def __init__(self, *, devices: Any = None) -> None:
        self._changed = threading.Condition()
        self._done, self._value = False, None
        self._error: BaseException | None = None
        self._callbacks: list[Callable] = []

    def done(self) -> bool:
        """Whether the value or the exception has come."""
        return self._done

    def wait(self) -> Any:
        """The value, as soon as it is there; an exception is raised."""
        with self._changed:
            self._changed.wait_for(self.done)
        return self.value()

    def value(self) -> Any:
        """The value, which must have come."""
        if not self._done:
            raise RuntimeError("Future.value() was called before the future was completed")
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, result: Any) -> None:
        """Gives the value; waiting threads go on, callbacks run."""
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Gives an exception instead."""
        if not isinstance(result, BaseException):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with self._changed:
            if self._done:
                raise RuntimeError("Attempting to mark a completed Future as complete again.")
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._changed.notify_all()
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback: Callable[["Future"], None]) -> None:
        """Calls `callback(self)` once the value is there, at once if it is."""
        with self._changed:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback: Callable[["Future"], Any]) -> "Future":
        """The future of what `callback(self)` gives."""
        following = Future()

        def run(finished: "Future") -> None:
            try:
                following.set_result(callback(finished))
            except Exception as error:
                following.set_exception(error)

        self.add_done_callback(run)
        return following


def collect_all(futures: list[Future]) -> Future:
    """A future of the list itself, done when all in it are."""
    together, left, lock = Future(), [len(futures)], threading.Lock()

    def one_more(_: Future) -> None:
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            together.set_result(futures)

    for future in futures:
        future.add_done_callback(one_more)
    if not futures:
        together.set_result(futures)
    return together


def wait_all(futures: list[Future]) -> list[Any]:
    """The values of all, as soon as they are there."""
    return [future.wait() for future in collect_all(futures).wait()]
