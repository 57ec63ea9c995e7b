"""An inert reader of pickles: opcodes become plain data; no name is ever imported or called."""

from __future__ import annotations

import codecs
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from .meanings import MEANINGS, Refused
from .records import Global, Limits, Opaque, TensorRecord, fault

_MARK_COST = 96
# Bytes that one opcode may make Python allocate (CPython 3.11, 64 bit, rounded up), by its code.
_COSTS = {
    b"(": _MARK_COST, b"]": 64, b"}": 72, b"\x8f": 224, b"l": 64, b"d": 240, b"t": 56,
    b"\x85": 56, b"\x86": 64, b"\x87": 72, b"G": 32, b"F": 32, b"J": 32, b"I": 32, b"L": 32,
    b"\x8a": 32, b"\x8b": 32, b"X": 80, b"\x8c": 80, b"\x8d": 80, b"V": 80, b"U": 64, b"T": 64,
    b"S": 64, b"B": 64, b"C": 64, b"\x8e": 64, b"\x96": 120, b"\x91": 224, b"q": 104, b"r": 136,
    b"p": 136, b"\x94": 136, b"R": 240, b"\x81": 240, b"\x92": 240, b"o": 240, b"i": 240,
    b"c": 200, b"\x93": 200, b"b": 64, b"Q": 240, b"P": 240, b"s": 104,
}  # fmt: skip
COSTS = [0] * 256
for _code, _cost in _COSTS.items():
    COSTS[_code[0]] = _cost

SIMPLE_KEYS = (str, bytes, bool, float, type(None))
PYTHON2 = {"__builtin__": "builtins", "copy_reg": "copyreg", "cPickle": "pickle"}
INSTANCES = (OrderedDict, defaultdict, Counter)


class Unpickler:
    """Interprets one pickle.

    Args:
        data: the bytes, beginning at `start`.
        persistent: gives the object of a persistent id, from plain data.
        where: the file and record, for messages.
        encoding: of the 8-bit strings that Python 2 wrote ("bytes" keeps them).
        names, called: where to note names that are mentioned, and asked to be called.
        stored: bytes that the pickle takes in the file, if it is compressed there.
        meanings: the calls that mean plain data; any other becomes `Opaque`.
    """

    def __init__(
        self,
        data: bytes | memoryview,
        persistent: Callable[[Any], Any] | None = None,
        where: str = "pickle",
        *,
        encoding: str = "utf-8",
        limits: Limits | None = None,
        start: int = 0,
        names: dict[str, Global] | None = None,
        called: dict[str, str] | None = None,
        meanings: dict[str, Any] = MEANINGS,
        stored: int | None = None,
    ) -> None:
        self.data, self.pos, self.end = data, start, len(data)
        self.persistent, self.where, self.encoding = persistent, where, encoding
        self.limits = limits or Limits()
        self.stack: list = []
        self.marks: list[list] = []
        self.memo: dict[int, Any] = {}
        self.protocol, self.meanings = 0, meanings
        self.names: dict[str, Global] = {} if names is None else names
        self.called: dict[str, str] = {} if called is None else called
        self.budget = self.limits.objects + self.limits.growth * min(self.end - start, stored or self.end)
        self.hashes: Counter = Counter()

    def load(self) -> Any:
        """The root object; afterwards `pos` is the byte behind the pickle's end.

        Raises:
            UnpicklingError: for whatever is not a whole and harmless pickle.
        """
        data, end, codes, costs = self.data, self.end, OPCODES, COSTS
        start = self.pos
        try:
            while True:
                start = self.pos
                if start >= end:
                    raise Refused("the pickle ends before its STOP opcode (truncated file?)")
                code = data[start]
                self.pos = start + 1
                if code == 46:  # STOP
                    if len(self.stack) != 1 or self.marks:
                        raise Refused(f"STOP with {len(self.stack)} objects on the stack")
                    return self.stack.pop()
                self.budget -= costs[code]
                if self.budget < 0:
                    self._spent()
                codes[code](self)
        except Refused as error:
            raise fault(self.where, str(error), start) from None
        except RecursionError:
            raise fault(self.where, "calls are nested too deeply", start) from None
        except IndexError:
            raise fault(self.where, "an opcode takes more than the stack holds", start) from None
        except (ValueError, TypeError, KeyError, OverflowError, struct.error) as error:
            text = f"{type(error).__name__}: {str(error)[:200]}"
            raise fault(self.where, f"malformed opcode ({text})", start) from None

    # -- bytes -----------------------------------------------------------------------------

    def take(self, count: int) -> bytes:
        """The next `count` bytes, which must be there."""
        if count < 0 or count > self.end - self.pos:
            raise Refused(f"{count} bytes are announced but {self.end - self.pos} are left")
        self.pos += count
        return bytes(self.data[self.pos - count : self.pos])

    def number(self, layout: str, width: int) -> Any:
        """The next number, in `struct` layout."""
        return struct.unpack(layout, self.take(width))[0]

    def line(self) -> bytes:
        """The bytes up to the next newline."""
        step = 256
        at = self.pos
        while at < self.end:
            found = bytes(self.data[at : at + step]).find(b"\n")
            if found >= 0:
                text = bytes(self.data[self.pos : at + found])
                self.pos = at + found + 1
                return text
            at, step = at + step, step * 2
        raise Refused("a line of text has no end (truncated file?)")

    def charge(self, size: int) -> None:
        """Counts memory that is about to be taken."""
        self.budget -= size
        if self.budget < 0:
            self._spent()

    def _spent(self) -> None:
        raise Refused(
            "the plain objects would take more memory than allowed for a file of this size; if you "
            "trust it, pass limits=rushlight.serialization.Limits(objects=...) (bytes)"
        )

    # -- stack -----------------------------------------------------------------------------

    def push_sized(self, value: Any) -> None:
        """Pushes a string or bytes and counts its length."""
        self.charge(len(value))
        self.stack.append(value)

    def pop_mark(self) -> list:
        """What lies above the last mark."""
        if not self.marks:
            raise Refused("no MARK is set")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def text(self, raw: bytes) -> Any:
        """A string that Python 2 wrote as 8-bit characters."""
        return raw if self.encoding == "bytes" else raw.decode(self.encoding)

    def key(self, value: Any) -> Any:
        """Proves that hashing a key is quick and that keys do not collide on purpose."""
        kind = type(value)
        if kind in SIMPLE_KEYS:
            return value
        if kind is int and -(1 << 64) < value < 1 << 64:
            return value
        if isinstance(value, (Global, Opaque, TensorRecord)):
            return value
        _small(value, [64])
        mark = hash(value)
        self.hashes[mark] += 1
        self.charge(120)
        if self.hashes[mark] > 1000:
            raise Refused("more than 1000 keys have one hash: the file was made to be slow")
        return value

    def set_items(self, target: Any, items: list) -> None:
        """target[key] = value for the flat list of keys and values."""
        if len(items) % 2:
            raise Refused("a key has no value")
        if isinstance(target, Opaque):
            target.items.append(("set", items))
        elif type(target) is dict or type(target) in INSTANCES:
            key = self.key
            self.charge(52 * len(items))
            for i in range(0, len(items), 2):
                target[key(items[i])] = items[i + 1]
        else:
            raise Refused(f"cannot set items of a {type(target).__name__}")

    def add_items(self, target: Any, items: list) -> None:
        """Appends to a list, or to whatever stands for a subclass of list."""
        if type(target) in (list, deque):
            target.extend(items)
        elif isinstance(target, Opaque):
            target.items.append(("append", items))
        else:
            raise Refused(f"cannot append to a {type(target).__name__}")

    # -- names -----------------------------------------------------------------------------

    def name(self, module: str, name: str) -> Any:
        """The inert stand-in for a name; the same object each time."""
        module = PYTHON2.get(module, module)
        path = f"{module}.{name}"
        found = self.names.get(path)
        if found is None:
            self.charge(4 * len(path))
            found = self.names[path] = Global(module, name, self.pos)
        return found

    def call(self, function: Any, args: Any, how: str, kwargs: dict | None = None) -> Any:
        """What the file's wish to call something means, in plain data."""
        if type(args) is not tuple:
            raise Refused(f"arguments are a {type(args).__name__}, not a tuple")
        if isinstance(function, Global):
            self.called.setdefault(function.path, how)
            meaning = self.meanings.get(function.path)
            if meaning is not None and not kwargs:
                return meaning(self, args)
            made = Opaque(function.path, args, made=how)
        elif isinstance(function, Opaque):
            self.called.setdefault(f"{function.name}(...)", how)
            made = Opaque(f"{function.name[:200]}(...)", args, function=function, made=how)
        else:
            raise Refused(f"cannot call a {type(function).__name__}")
        made.kwargs = kwargs or {}
        return made

    def build(self, target: Any, state: Any) -> None:
        """Gives an object its state."""
        if isinstance(target, Opaque):
            if target.state is not None:
                raise Refused(f"{target.name[:100]} is given a state twice")
            target.state = state
        elif isinstance(target, TensorRecord):
            _build_tensor(self, target, state)
        elif type(target) in INSTANCES and type(state) is dict:
            for key in state:
                if type(key) is not str or hasattr(type(target), key):
                    raise Refused(f"cannot set attribute {str(key)[:80]!r} of an OrderedDict")
            vars(target).update(state)
        elif type(target) is set and isinstance(state, (dict, type(None))):
            pass
        else:
            raise Refused(f"cannot give a state to a {type(target).__name__}")


def _small(value: Any, left: list[int]) -> None:
    """Refuses keys that are mutable, large or nested: hashing those can crash or never end."""
    left[0] -= 1
    if left[0] < 0:
        raise Refused("a key of a dict or set is a tuple of more than 64 objects")
    if isinstance(value, (tuple, frozenset)):
        for part in value:
            _small(part, left)
    elif isinstance(value, int):
        if value.bit_length() > 4096:
            raise Refused("a key of a dict or set is a number of more than 4096 bits")
    elif type(value) not in (*SIMPLE_KEYS, complex) and not isinstance(
        value, (Global, Opaque, TensorRecord)
    ):
        raise Refused(f"a {type(value).__name__} cannot be a key of a dict or set")


def _build_tensor(u: Unpickler, target: TensorRecord, state: Any) -> None:
    """State as PyTorch before 0.4 gave it to an empty tensor: storage, offset, size, stride."""
    if type(state) is not tuple or len(state) not in (4, 5):
        raise Refused("a tensor's state is not (storage, offset, size, stride)")
    if target.storage is None or target.storage.key:
        raise Refused("a tensor is given a storage twice")
    made = MEANINGS["torch._utils._rebuild_tensor"](u, tuple(state[:4]))
    if len(state) == 5 and type(state[4]) is bool:
        target.requires_grad = state[4]
    for part in ("storage", "dtype", "offset", "shape", "stride"):
        setattr(target, part, getattr(made, part))


# -- opcodes -------------------------------------------------------------------------------


def _unknown(u: Unpickler) -> None:
    raise Refused(f"unknown opcode {u.data[u.pos - 1]:#04x}")


def _refuse(why: str) -> Callable[[Unpickler], None]:
    def refuse(u: Unpickler) -> None:
        raise Refused(why)

    return refuse


def _push(value: Any) -> Callable[[Unpickler], None]:
    return lambda u: u.stack.append(value)


def _fixed(layout: str) -> Callable[[Unpickler], None]:
    width, unpack = struct.calcsize(layout), struct.Struct(layout).unpack_from

    def read(u: Unpickler) -> None:
        if u.pos + width > u.end:
            raise Refused("a number is cut off (truncated file?)")
        u.stack.append(unpack(u.data, u.pos)[0])
        u.pos += width

    return read


def _sized(layout: str, decode: Callable[[Unpickler, bytes], Any]) -> Callable[[Unpickler], None]:
    width = struct.calcsize(layout)
    return lambda u: u.push_sized(decode(u, u.take(u.number(layout, width))))


def _utf8(u: Unpickler, raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _raw(u: Unpickler, raw: bytes) -> bytes:
    return raw


def _proto(u: Unpickler) -> None:
    u.protocol = u.number("B", 1)
    if u.protocol > 5:
        raise Refused(f"pickle protocol {u.protocol} is not known (0 to 5 are)")


def _frame(u: Unpickler) -> None:
    size = u.number("<Q", 8)
    if size > u.end - u.pos:
        raise Refused(f"a frame announces {size} bytes but {u.end - u.pos} are left")


def _int_line(u: Unpickler) -> None:
    text = u.line()
    u.stack.append({b"00": False, b"01": True}[text] if text in (b"00", b"01") else _decimal(text))


def _long_line(u: Unpickler) -> None:
    u.stack.append(_decimal(u.line().removesuffix(b"L")))


def _decimal(text: bytes) -> int:
    if len(text) > 4000:
        raise Refused(f"a decimal number of {len(text)} digits")
    return int(text)


def _float_line(u: Unpickler) -> None:
    u.stack.append(float(u.line()))


def _long(layout: str) -> Callable[[Unpickler], None]:
    def read(u: Unpickler) -> None:
        size = u.number(layout, struct.calcsize(layout))
        u.charge(max(size, 0))
        u.stack.append(int.from_bytes(u.take(size), "little", signed=True))

    return read


def _string_line(u: Unpickler) -> None:
    raw = u.line().strip()
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        raise Refused("a STRING is not in quotes")
    u.push_sized(u.text(codecs.escape_decode(raw[1:-1])[0]))


def _unicode_line(u: Unpickler) -> None:
    u.push_sized(u.line().decode("raw-unicode-escape"))


def _mark(u: Unpickler) -> None:
    u.marks.append(u.stack)
    u.stack = []


def _pop(u: Unpickler) -> None:
    if u.stack:
        u.stack.pop()
    else:
        u.pop_mark()


def _tuple(u: Unpickler) -> None:
    items = u.pop_mark()
    u.charge(8 * len(items))
    u.stack.append(tuple(items))


def _tuple_of(count: int) -> Callable[[Unpickler], None]:
    def make(u: Unpickler) -> None:
        if len(u.stack) < count:
            raise Refused("a tuple takes more than the stack holds")
        u.stack[-count:] = [tuple(u.stack[-count:])]

    return make


def _dict(u: Unpickler) -> None:
    items = u.pop_mark()
    made: dict = {}
    u.set_items(made, items)
    u.stack.append(made)


def _elements(u: Unpickler) -> set:
    items = u.pop_mark()
    u.charge(60 * len(items))
    return {u.key(item) for item in items}


def _add_items(u: Unpickler) -> None:
    items = _elements(u)
    target = u.stack[-1]
    if isinstance(target, Opaque):
        target.items.append(("add", list(items)))
    elif type(target) is set:
        target |= items
    else:
        raise Refused(f"cannot add to a {type(target).__name__}")


def _append(u: Unpickler) -> None:
    value = u.stack.pop()
    u.add_items(u.stack[-1], [value])


def _appends(u: Unpickler) -> None:
    items = u.pop_mark()
    u.add_items(u.stack[-1], items)


def _set_item(u: Unpickler) -> None:
    value, key = u.stack.pop(), u.stack.pop()
    u.set_items(u.stack[-1], [key, value])


def _set_items(u: Unpickler) -> None:
    items = u.pop_mark()
    u.set_items(u.stack[-1], items)


def _get(u: Unpickler, index: int) -> None:
    if index not in u.memo:
        raise Refused(f"memo {index} was never stored")
    u.stack.append(u.memo[index])


def _put(u: Unpickler, index: int) -> None:
    if index < 0:
        raise Refused(f"memo number {index} is negative")
    u.memo[index] = u.stack[-1]


def _global(u: Unpickler) -> None:
    module, name = u.line(), u.line()
    u.stack.append(u.name(module.decode("utf-8"), name.decode("utf-8")))


def _stack_global(u: Unpickler) -> None:
    name, module = u.stack.pop(), u.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise Refused("STACK_GLOBAL takes two strings")
    u.stack.append(u.name(module, name))


def _reduce(u: Unpickler) -> None:
    args = u.stack.pop()
    u.stack[-1] = u.call(u.stack[-1], args, "call")


def _new(u: Unpickler) -> None:
    args = u.stack.pop()
    u.stack[-1] = u.call(u.stack[-1], args, "new")


def _new_ex(u: Unpickler) -> None:
    kwargs, args = u.stack.pop(), u.stack.pop()
    if type(kwargs) is not dict:
        raise Refused("NEWOBJ_EX takes a dict of keyword arguments")
    u.stack[-1] = u.call(u.stack[-1], args, "new", kwargs)


def _object(u: Unpickler) -> None:
    items = u.pop_mark()
    u.stack.append(u.call(items[0], tuple(items[1:]), "call"))


def _instance(u: Unpickler) -> None:
    module, name, items = u.line(), u.line(), u.pop_mark()
    made = u.name(module.decode("utf-8"), name.decode("utf-8"))
    u.stack.append(u.call(made, tuple(items), "call"))


def _build(u: Unpickler) -> None:
    state = u.stack.pop()
    u.build(u.stack[-1], state)


def _persistent(u: Unpickler, name: Any) -> None:
    if u.persistent is None:
        raise Refused("a persistent id where the format has none")
    u.stack.append(u.persistent(name))


_EXTENSION = _refuse("extension codes (EXT1, EXT2, EXT4) name code of the program that wrote them")
_BUFFER = _refuse("an out-of-band buffer (protocol 5) is not part of a file")

OPCODES: list[Callable[[Unpickler], Any]] = [_unknown] * 256
for _code, _action in {
    b"(": _mark,
    b"0": _pop,
    b"1": lambda u: u.pop_mark(),
    b"2": lambda u: u.stack.append(u.stack[-1]),
    b"F": _float_line,
    b"I": _int_line,
    b"J": _fixed("<i"),
    b"K": _fixed("B"),
    b"L": _long_line,
    b"M": _fixed("<H"),
    b"N": _push(None),
    b"P": lambda u: _persistent(u, u.line().decode("ascii")),
    b"Q": lambda u: _persistent(u, u.stack.pop()),
    b"R": _reduce,
    b"S": _string_line,
    b"T": _sized("<i", lambda u, raw: u.text(raw)),
    b"U": _sized("B", lambda u, raw: u.text(raw)),
    b"V": _unicode_line,
    b"X": _sized("<I", _utf8),
    b"a": _append,
    b"b": _build,
    b"c": _global,
    b"d": _dict,
    b"}": lambda u: u.stack.append({}),
    b"e": _appends,
    b"g": lambda u: _get(u, _decimal(u.line())),
    b"h": lambda u: _get(u, u.number("B", 1)),
    b"i": _instance,
    b"j": lambda u: _get(u, u.number("<I", 4)),
    b"l": lambda u: u.stack.append(u.pop_mark()),
    b"]": lambda u: u.stack.append([]),
    b"o": _object,
    b"p": lambda u: _put(u, _decimal(u.line())),
    b"q": lambda u: _put(u, u.number("B", 1)),
    b"r": lambda u: _put(u, u.number("<I", 4)),
    b"s": _set_item,
    b"t": _tuple,
    b")": _push(()),
    b"u": _set_items,
    b"G": _fixed(">d"),
    b"\x80": _proto,
    b"\x81": _new,
    b"\x82": _EXTENSION,
    b"\x83": _EXTENSION,
    b"\x84": _EXTENSION,
    b"\x85": _tuple_of(1),
    b"\x86": _tuple_of(2),
    b"\x87": _tuple_of(3),
    b"\x88": _push(True),
    b"\x89": _push(False),
    b"\x8a": _long("B"),
    b"\x8b": _long("<i"),
    b"B": _sized("<I", _raw),
    b"C": _sized("B", _raw),
    b"\x8c": _sized("B", _utf8),
    b"\x8d": _sized("<Q", _utf8),
    b"\x8e": _sized("<Q", _raw),
    b"\x8f": lambda u: u.stack.append(set()),
    b"\x90": _add_items,
    b"\x91": lambda u: u.stack.append(frozenset(_elements(u))),
    b"\x92": _new_ex,
    b"\x93": _stack_global,
    b"\x94": lambda u: _put(u, len(u.memo)),
    b"\x95": _frame,
    b"\x96": _sized("<Q", lambda u, raw: bytearray(raw)),
    b"\x97": _BUFFER,
    b"\x98": _BUFFER,
}.items():
    OPCODES[_code[0]] = _action
