"""Names of what a checkpoint holds: every tensor and leaf by its path, each container once."""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any

from .records import Global, Opaque, Storage, TensorRecord

_TABLES = (dict, OrderedDict, defaultdict, Counter)
# Inside an nn.Module these tables are not part of a parameter's name.
_TRANSPARENT = ("_parameters", "_buffers", "_modules")


def walk(root: Any) -> Iterator[tuple[tuple, Any]]:
    """(path, value) of every leaf in order; opaque objects come before what they hold."""
    seen: set[int] = set()
    todo: list[tuple[tuple, Any]] = [((), root)]
    while todo:
        path, value = todo.pop()
        parts = _parts(value)
        if parts is None or isinstance(value, (Opaque, TensorRecord)):
            yield path, value
        if parts is None or id(value) in seen or len(path) > 1000:
            continue
        seen.add(id(value))
        if not parts and not isinstance(value, (Opaque, TensorRecord)):
            yield path, value
        todo += [((*path, *key), part) for key, part in reversed(parts)]


def _parts(value: Any) -> list[tuple[tuple, Any]] | None:
    """What a container holds, each with the piece of path that leads to it; None for a leaf."""
    kind = type(value)
    if kind in _TABLES:
        return [((key,), part) for key, part in value.items()]
    if kind in (list, tuple, set, frozenset, deque):
        return [((number,), part) for number, part in enumerate(value)]
    if kind is TensorRecord:
        return _parts(value.state) if value.state else None
    if kind is Opaque:
        return _inside(value)
    return None


def _inside(value: Opaque) -> list[tuple[tuple, Any]]:
    found: list[tuple[tuple, Any]] = []
    for key, part in (
        value.state.items() if isinstance(value.state, dict) else [("state", value.state)]
    ):
        if key in _TRANSPARENT and type(part) in _TABLES:
            found += [((name,), inner) for name, inner in part.items() if inner is not None]
        elif part is not None and not (str(key).endswith("_hooks") and not part):
            found.append(((key,), part))
    found += [(("args", number), part) for number, part in enumerate(value.args)]
    found += [((how,), items) for how, items in value.items]
    return found


def dotted(path: tuple) -> str:
    """A path as one name."""
    return ".".join(
        str(part)[:200] if not isinstance(part, (Opaque, Global)) else repr(part) for part in path
    )


def tensors(root: Any) -> dict[str, TensorRecord]:
    """All tensors by dotted name."""
    found: dict[str, TensorRecord] = {}
    for path, value in walk(root):
        if isinstance(value, TensorRecord):
            found.setdefault(dotted(path) or "tensor", value)
    return found


def bounded(named: dict[str, TensorRecord]) -> None:
    """Refuses views that repeat what a small file holds until it fills the memory."""
    records = [record for record in named.values() if record.storage is not None]
    held = sum({id(record.storage): record.storage.nbytes for record in records}.values())
    total = sum(record.nbytes for record in records)
    if total > 4 * held + (64 << 20):
        raise ValueError(f"its views repeat {held} bytes up to {total}: too many")


def ties(named: dict[str, TensorRecord]) -> tuple[list[list[str]], list[list[str]]]:
    """Groups of names that are the very same elements, and groups that share part of a storage."""
    same: dict[tuple, list[str]] = {}
    shared: dict[int, list[str]] = {}
    for name, record in named.items():
        storage: Storage | None = record.storage
        if storage is None or not record.nbytes:
            continue
        same.setdefault(
            (id(storage), record.dtype, record.offset, record.shape, record.stride), []
        ).append(name)
        shared.setdefault(id(storage), []).append(name)
    exact = [names for names in same.values() if len(names) > 1]
    whole = {frozenset(names) for names in exact}
    loose = [names for names in shared.values() if len(names) > 1 and frozenset(names) not in whole]
    return exact, loose
