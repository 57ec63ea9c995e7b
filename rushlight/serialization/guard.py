"""The guarded mode (weights_only=True): which names a file may mention, and the refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pickle import UnpicklingError
from typing import Any

from .._files.allowed import BLOCKED, allowed
from .._files.formats import open_checkpoint
from .._files.pickler import path_of
from .._files.records import Global

_allowed: dict[str, Any] = {}


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Lets guarded loading rebuild instances of these classes (or (class, "full.name") pairs)."""
    for given in safe_globals:
        path, found = _named(given)
        _allowed[path] = found


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` has allowed."""
    return list(_allowed.values())


def clear_safe_globals() -> None:
    """Forgets what `add_safe_globals` has allowed."""
    _allowed.clear()


@contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """A context in which guarded loading may rebuild instances of these classes."""
    before = dict(_allowed)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _allowed.clear()
        _allowed.update(before)


def _named(given: Any) -> tuple[str, Any]:
    """The dotted name that a file uses for a class, and the class."""
    if isinstance(given, tuple):
        if len(given) != 2:
            raise ValueError(
                "Expected tuple of length 2 (global, str of callable full path), but got tuple of "
                f"length: {len(given)}"
            )
        if type(given[1]) is not str:
            raise TypeError(
                "Expected second item in tuple to be str of callable full path, but got: "
                f"{type(given[1])}"
            )
        return given[1], given[0]
    return path_of(given), given


def user_allowed() -> dict[str, Any]:
    """Name -> class, of all that the user has allowed."""
    return dict(_allowed)


def refuse_unknown(names: dict[str, Global], where: str) -> None:
    """Raises PyTorch's refusal for the first name that is not allowed."""
    for path, name in names.items():
        if name.module in BLOCKED:
            raise UnpicklingError(
                "Weights only load failed. "
                f"Trying to load unsupported GLOBAL {path} whose module {name.module} is blocked. "
                f"({where} would run code of the operating system if it were unpickled.)"
            )
        if not allowed(name) and path not in _allowed:
            raise UnpicklingError(_refusal(path, where))


def _refusal(path: str, where: str) -> str:
    short = path.removeprefix("builtins.")
    return (
        "Weights only load failed. This file can still be loaded, to do so you have several "
        f"options. {where} names something that is not plain data. Unsupported global: GLOBAL "
        f"{short} was not an allowed global by default. Please use "
        f"`torch.serialization.add_safe_globals([{short}])` or the "
        f"`torch.serialization.safe_globals([{short}])` context manager to allowlist this global "
        "if you trust this class/function. Or pass opaque=True: the tensors load, and the object "
        "comes as a plain record. Or pass weights_only=False to rebuild instances of classes that "
        "your program has already imported. None of these runs code from the file."
    )


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a file that guarded loading would refuse."""
    names = open_checkpoint(f).names
    return [path for path, name in names.items() if not allowed(name) and path not in _allowed]
