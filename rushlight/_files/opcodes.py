"""What each opcode of a pickle does to the reader's stack: a meaning or a refusal for each."""

import codecs
import struct
from collections.abc import Callable
from typing import Any

from .meanings import Refused
from .records import Opaque

Action = Callable[[Any], Any]

# Bytes that an opcode may make Python allocate (CPython 3.11, 64 bit, rounded up) -> the opcodes.
_COSTS = {
    32: b"GFJIL\x8a\x8b",
    64: b"]lt\x85\x86USTBC\x8eb",
    80: b"}\x87X\x8c\x8dV",
    104: b"(qs",
    136: b"rp\x94\x96",
    200: b"c\x93",
    240: b"d\x8f\x91R\x81\x92oiQP",
}
COSTS = [0] * 256
for _cost, _codes in _COSTS.items():
    for _code in _codes:
        COSTS[_code] = _cost


def _unknown(u: Any) -> None:
    raise Refused(f"unknown opcode {u.data[u.pos - 1]:#04x}")


def _refuse(why: str) -> Action:
    def refuse(u: Any) -> None:
        raise Refused(why)

    return refuse


def _push(value: Any) -> Action:
    return lambda u: u.stack.append(value)


def _fixed(layout: str) -> Action:
    width, unpack = struct.calcsize(layout), struct.Struct(layout).unpack_from

    def read(u: Any) -> None:
        if u.pos + width > u.end:
            raise Refused("a number is cut off (truncated file?)")
        u.stack.append(unpack(u.data, u.pos)[0])
        u.pos += width

    return read


def _sized(layout: str, decode: Callable[[Any, bytes], Any]) -> Action:
    width, unpack = struct.calcsize(layout), struct.Struct(layout).unpack
    return lambda u: u.push_sized(decode(u, u.take(unpack(u.take(width))[0])))


def _utf8(u: Any, raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _raw(u: Any, raw: bytes) -> bytes:
    return raw


def _proto(u: Any) -> None:
    u.protocol = u.number("B", 1)
    if u.protocol > 5:
        raise Refused(f"pickle protocol {u.protocol} is not known (0 to 5 are)")


def _frame(u: Any) -> None:
    size = u.number("<Q", 8)
    if size > u.end - u.pos:
        raise Refused(f"a frame announces {size} bytes but {u.end - u.pos} are left")


def _int_line(u: Any) -> None:
    text = u.line()
    u.stack.append({b"00": False, b"01": True}[text] if text in (b"00", b"01") else _decimal(text))


def _long_line(u: Any) -> None:
    u.stack.append(_decimal(u.line().removesuffix(b"L")))


def _decimal(text: bytes) -> int:
    if len(text) > 4000:
        raise Refused(f"a decimal number of {len(text)} digits")
    return int(text)


def _float_line(u: Any) -> None:
    u.stack.append(float(u.line()))


def _long(layout: str) -> Action:
    def read(u: Any) -> None:
        size = u.number(layout, struct.calcsize(layout))
        u.charge(max(size, 0))
        u.stack.append(int.from_bytes(u.take(size), "little", signed=True))

    return read


def _string_line(u: Any) -> None:
    raw = u.line().strip()
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        raise Refused("a STRING is not in quotes")
    u.push_sized(u.text(codecs.escape_decode(raw[1:-1])[0]))


def _unicode_line(u: Any) -> None:
    u.push_sized(u.line().decode("raw-unicode-escape"))


def _mark(u: Any) -> None:
    u.marks.append(u.stack)
    u.stack = []


def _pop(u: Any) -> None:
    if u.stack:
        u.stack.pop()
    else:
        u.pop_mark()


def _tuple(u: Any) -> None:
    items = u.pop_mark()
    u.charge(8 * len(items))
    u.stack.append(tuple(items))


def _tuple_of(count: int) -> Action:
    def make(u: Any) -> None:
        if len(u.stack) < count:
            raise Refused("a tuple takes more than the stack holds")
        u.stack[-count:] = [tuple(u.stack[-count:])]

    return make


def _dict(u: Any) -> None:
    items = u.pop_mark()
    made: dict = {}
    u.set_items(made, items)
    u.stack.append(made)


def _elements(u: Any) -> set:
    items = u.pop_mark()
    u.charge(60 * len(items))
    return {u.key(item) for item in items}


def _add_items(u: Any) -> None:
    items = _elements(u)
    target = u.stack[-1]
    if isinstance(target, Opaque):
        target.items.append(("add", list(items)))
    elif type(target) is set:
        target |= items
    else:
        raise Refused(f"cannot add to a {type(target).__name__}")


def _append(u: Any) -> None:
    value = u.stack.pop()
    u.add_items(u.stack[-1], [value])


def _appends(u: Any) -> None:
    items = u.pop_mark()
    u.add_items(u.stack[-1], items)


def _set_item(u: Any) -> None:
    value, key = u.stack.pop(), u.stack.pop()
    u.set_items(u.stack[-1], [key, value])


def _set_items(u: Any) -> None:
    items = u.pop_mark()
    u.set_items(u.stack[-1], items)


def _get_short(u: Any) -> None:
    index = u.data[u.pos]
    u.pos += 1
    u.stack.append(u.memo[index])


def _put_short(u: Any) -> None:
    u.memo[u.data[u.pos]] = u.stack[-1]
    u.pos += 1


def _put_long(u: Any) -> None:
    u.memo[int.from_bytes(u.take(4), "little")] = u.stack[-1]


def _byte(u: Any) -> None:
    u.stack.append(u.data[u.pos])
    u.pos += 1


def _get(u: Any, index: int) -> None:
    if index not in u.memo:
        raise Refused(f"memo {index} was never stored")
    u.stack.append(u.memo[index])


def _put(u: Any, index: int) -> None:
    if index < 0:
        raise Refused(f"memo number {index} is negative")
    u.memo[index] = u.stack[-1]


def _named(u: Any) -> Any:
    module, name = u.line(), u.line()
    return u.name(module.decode("utf-8"), name.decode("utf-8"))


def _stack_global(u: Any) -> None:
    name, module = u.stack.pop(), u.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise Refused("STACK_GLOBAL takes two strings")
    u.stack.append(u.name(module, name))


def _called(how: str) -> Action:
    def call(u: Any) -> None:
        args = u.stack.pop()
        u.stack[-1] = u.call(u.stack[-1], args, how)

    return call


def _new_ex(u: Any) -> None:
    kwargs, args = u.stack.pop(), u.stack.pop()
    if type(kwargs) is not dict:
        raise Refused("NEWOBJ_EX takes a dict of keyword arguments")
    u.stack[-1] = u.call(u.stack[-1], args, "new", kwargs)


def _object(u: Any) -> None:
    items = u.pop_mark()
    u.stack.append(u.call(items[0], tuple(items[1:]), "call"))


def _instance(u: Any) -> None:
    made = _named(u)
    u.stack.append(u.call(made, tuple(u.pop_mark()), "call"))


def _build(u: Any) -> None:
    state = u.stack.pop()
    u.build(u.stack[-1], state)


def _persistent(u: Any, name: Any) -> None:
    if u.persistent is None:
        raise Refused("a persistent id where the format has none")
    u.stack.append(u.persistent(name))


_EXTENSION = _refuse("extension codes (EXT1, EXT2, EXT4) name code of the program that wrote them")
_BUFFER = _refuse("an out-of-band buffer (protocol 5) is not part of a file")

OPCODES: list[Action] = [_unknown] * 256
for _opcode, _action in {
    b"(": _mark,
    b"0": _pop,
    b"1": lambda u: u.pop_mark(),
    b"2": lambda u: u.stack.append(u.stack[-1]),
    b"F": _float_line,
    b"I": _int_line,
    b"J": _fixed("<i"),
    b"K": _byte,
    b"L": _long_line,
    b"M": _fixed("<H"),
    b"N": _push(None),
    b"P": lambda u: _persistent(u, u.line().decode("ascii")),
    b"Q": lambda u: _persistent(u, u.stack.pop()),
    b"R": _called("call"),
    b"S": _string_line,
    b"T": _sized("<i", lambda u, raw: u.text(raw)),
    b"U": _sized("B", lambda u, raw: u.text(raw)),
    b"V": _unicode_line,
    b"X": _sized("<I", _utf8),
    b"a": _append,
    b"b": _build,
    b"c": lambda u: u.stack.append(_named(u)),
    b"d": _dict,
    b"}": lambda u: u.stack.append({}),
    b"e": _appends,
    b"g": lambda u: _get(u, _decimal(u.line())),
    b"h": _get_short,
    b"i": _instance,
    b"j": lambda u: _get(u, u.number("<I", 4)),
    b"l": lambda u: u.stack.append(u.pop_mark()),
    b"]": lambda u: u.stack.append([]),
    b"o": _object,
    b"p": lambda u: _put(u, _decimal(u.line())),
    b"q": _put_short,
    b"r": _put_long,
    b"s": _set_item,
    b"t": _tuple,
    b")": _push(()),
    b"u": _set_items,
    b"G": _fixed(">d"),
    b"\x80": _proto,
    b"\x81": _called("new"),
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
    OPCODES[_opcode[0]] = _action
