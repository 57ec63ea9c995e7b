"""Names of what a checkpoint holds: every tensor and leaf by its path, each container once."""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Any

from .records import Global, Opaque, Storage, TensorRecord

PLAIN = {str, int, float, bool, type(None), bytes, complex, bytearray}
_TABLES = (dict, OrderedDict, defaultdict, Counter)
_NAMES = 64 << 20
# Inside an nn.Module these tables are not part of a parameter's name.
_TRANSPARENT = ("_parameters", "_buffers", "_modules")


def walk(root: Any, skip: Any = ()) -> Iterator[tuple[list, Any]]:
    """(path, value) of every leaf in order; opaque objects come before what they hold.

    Leaves whose type is in `skip` are passed by.

    The path is a list that changes at the next step, and no container is listed twice, or at once:
    a small file can hold millions of leaves, or lie a thousand names deep.
    """
    seen: set[int] = set()
    path: list = []
    todo: list[tuple[int, Iterator[tuple[tuple, Any]]]] = [(0, iter([((), root)]))]
    while todo:
        depth, parts = todo[-1]
        found = next(parts, None)
        if found is None:
            todo.pop()
            continue
        path[depth:], value = found
        inner = _parts(value, skip)
        if inner is None or type(value) in (Opaque, TensorRecord) or not value:
            yield path, value
        if inner and id(value) not in seen and len(path) <= 1000:
            seen.add(id(value))
            todo.append((len(path), inner))


def _parts(value: Any, skip: Any) -> Iterator[tuple[tuple, Any]] | tuple[()] | None:
    """What a container holds, each with the piece of path that leads to it; None for a leaf.

    A container of nothing but what is passed by gives (), quickly.
    """
    kind = type(value)
    if kind is TensorRecord:
        return _parts(value.state, skip)
    if kind is Opaque:
        return _inside(value)
    if kind in _TABLES:
        pairs, values = value.items(), value.values()
    elif kind in (list, tuple, set, frozenset, deque):
        pairs, values = enumerate(value), value
    else:
        return None
    if skip and skip.issuperset(map(type, values)):
        return ()
    return (((key,), part) for key, part in pairs if type(part) not in skip and (part or not skip))


def _inside(value: Opaque) -> Iterator[tuple[tuple, Any]]:
    state = value.state
    for key, part in state.items() if isinstance(state, dict) else [("state", state)]:
        if key in _TRANSPARENT and type(part) in _TABLES:
            yield from (((name,), inner) for name, inner in part.items() if inner is not None)
        elif part is not None and not (str(key).endswith("_hooks") and not part):
            yield (key,), part
    yield from ((("args", number), part) for number, part in enumerate(value.args))
    yield from (((how,), items) for how, items in value.items)


def dotted(path: Iterable) -> str:
    """A path as one name."""
    return ".".join(
        str(part)[:200] if not isinstance(part, (Opaque, Global)) else repr(part) for part in path
    )


def tensors(root: Any) -> dict[str, TensorRecord]:
    """All tensors by dotted name; "a.b" and b in a, which have one, both come.

    Raises:
        ValueError: for names that fill the memory.
    """
    found: dict[str, TensorRecord] = {}
    room = _NAMES
    for path, value in walk(root, PLAIN):
        if isinstance(value, TensorRecord):
            name = dotted(path) or "tensor"
            name += f" ({len(found)})" * (name in found)
            if (room := room - len(name)) < 0:
                raise ValueError(f"the names of its tensors take more than {_NAMES} bytes")
            found[name] = value
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
