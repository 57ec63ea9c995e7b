"""What each opcode of a pickle does to the reader's stack: a meaning or a refusal for each.

An action gets the reader and the byte behind the opcode. If it reads on, it returns where it ended.
"""

import codecs
import struct
from collections.abc import Callable
from typing import Any

from .meanings import Refused
from .records import Opaque

_UINT32, _UINT64 = struct.Struct("<I").unpack_from, struct.Struct("<Q").unpack_from
Action = Callable[[Any, int], int | None]

# Bytes that an opcode may make Python allocate, until the objects are live (CPython 3.11, 64 bit,
# rounded up) -> the opcodes. Slow ones cost more: 150 bytes a microsecond, so that 30 MB of any
# opcode take about 2.5 s; most of all those that no writer needs by the million.
_COSTS = {
    34: b"hj", 42: b"GJM(q\x94r", 48: b"a", 84: b"X\x8c\x8dC", 100: b"Bet\x8eb",
    120: b"01l\x85\x86\x87pgsUT", 150: b"]}\x96u\x8a\x8b", 200: b"FILRS\x81\x92oi",
    240: b"cdV\x90\x91\x93QP", 460: b"\x8f",
}  # fmt: skip
SIMPLE = 28
COSTS = [SIMPLE] * 256
for _cost, _codes in _COSTS.items():
    for _code in _codes:
        COSTS[_code] = _cost


def _unknown(u: Any, at: int) -> None:
    raise Refused(f"unknown opcode {u.data[at - 1]:#04x}")


def _refuse(why: str) -> Action:
    def refuse(u: Any, at: int) -> None:
        raise Refused(why)

    return refuse


def _push(value: Any) -> Action:
    return lambda u, at: u.stack.append(value)


def _fixed(layout: str) -> Action:
    width, unpack = struct.calcsize(layout), struct.Struct(layout).unpack_from

    def read(u: Any, at: int) -> int:
        u.stack.append(unpack(u.data, at)[0])
        return at + width

    return read


def _sized(layout: str, decode: Callable[[Any], Any]) -> Action:
    """Pushes what the bytes mean whose number comes first."""
    width, unpack = struct.calcsize(layout), struct.Struct(layout).unpack_from

    def read(u: Any, at: int) -> int:
        begin = at + width
        size = u.data[at] if width == 1 else unpack(u.data, at)[0]
        end = begin + size
        if not begin <= end <= u.end:
            raise Refused(f"{size} bytes are announced but {u.end - begin} are left")
        if size > 12:  # the opcode has paid for fewer
            u.charge(size)
        u.stack.append(decode(u.data[begin:end]))
        return end

    return read


def _utf8(raw: bytes | memoryview) -> str:
    return codecs.utf_8_decode(raw, "surrogatepass", True)[0]


def _python2(layout: str) -> Action:
    read = _sized(layout, bytes)

    def decoded(u: Any, at: int) -> int | None:
        end = read(u, at)
        u.stack[-1] = u.text(u.stack[-1])
        return end

    return decoded


def _proto(u: Any, at: int) -> int:
    u.protocol = u.data[at]
    if u.protocol > 5:
        raise Refused(f"pickle protocol {u.protocol} is not known (0 to 5 are)")
    return at + 1


def _frame(u: Any, at: int) -> int:
    size, left = _UINT64(u.data, at)[0], u.end - at - 8
    if size > left:
        raise Refused(f"a frame announces {size} bytes but {left} are left")
    return at + 8


def _integer(raw: bytes | memoryview) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _line(decode: Callable[[bytes], Any]) -> Action:
    """Pushes what a line of text means."""

    def read(u: Any, at: int) -> int:
        line, end = u.line(at)
        u.charge(len(line))
        u.stack.append(decode(line))
        return end

    return read


def _int_text(text: bytes) -> int:
    return {b"00": False, b"01": True}[text] if text in (b"00", b"01") else _decimal(text)


def _decimal(text: bytes) -> int:
    if len(text) > 4000:
        raise Refused(f"a decimal number of {len(text)} digits")
    return int(text)


def _string_line(u: Any, at: int) -> int:
    line, end = u.line(at)
    raw = line.strip()
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        raise Refused("a STRING is not in quotes")
    u.charge(len(raw))
    u.stack.append(u.text(codecs.escape_decode(raw[1:-1])[0]))
    return end


def _pop(u: Any, at: int) -> None:
    (u.marks if u.marks and u.marks[-1] == len(u.stack) else u.stack).pop()


def _pop_mark(u: Any, at: int) -> None:
    u.pop_mark()


def _tuple(u: Any, at: int) -> None:
    items = u.pop_mark()
    u.charge(8 * len(items))
    u.stack.append(tuple(items))


def _tuple1(u: Any, at: int) -> None:
    u.stack[-1] = (u.stack[-1],)


def _tuple2(u: Any, at: int) -> None:
    last = u.stack.pop()
    u.stack[-1] = (u.stack[-1], last)


def _tuple3(u: Any, at: int) -> None:
    last, middle = u.stack.pop(), u.stack.pop()
    u.stack[-1] = (u.stack[-1], middle, last)


def _dict(u: Any, at: int) -> None:
    items = u.pop_mark()
    made: dict = {}
    u.set_items(made, items)
    u.stack.append(made)


def _elements(u: Any) -> set:
    items = u.pop_mark()
    u.charge(60 * len(items))
    return {u.key(item) for item in items}


def _add_items(u: Any, at: int) -> None:
    items = _elements(u)
    target = u.stack[-1]
    if isinstance(target, Opaque):
        target.items.append(("add", list(items)))
    elif type(target) is set:
        target |= items
    else:
        raise Refused(f"cannot add to a {type(target).__name__}")


def _append(u: Any, at: int) -> None:
    value = u.stack.pop()
    target = u.stack[-1]
    if type(target) is list:
        target.append(value)
    else:
        u.add_items(target, [value])


def _appends(u: Any, at: int) -> None:
    items = u.pop_mark()
    u.add_items(u.stack[-1], items)


def _set_item(u: Any, at: int) -> None:
    value, key = u.stack.pop(), u.stack.pop()
    u.set_items(u.stack[-1], [key, value])


def _set_items(u: Any, at: int) -> None:
    items = u.pop_mark()
    u.set_items(u.stack[-1], items)


def _get(u: Any, index: int) -> None:
    u.stack.append(u.memo[index] if 0 <= index < len(u.memo) else u.far[index])


def _put(u: Any, index: int) -> None:
    """Most memos grow by one place each time: those are a list."""
    memo, value = u.memo, u.stack[-1]
    if index == len(memo):
        memo.append(value)
        u.far.pop(index, None)
    elif 0 <= index < len(memo):
        memo[index] = value
    elif index < 0:
        raise Refused(f"memo number {index} is negative")
    else:
        u.charge(104)
        u.far[index] = value


def _by_number(act: Callable[[Any, int], None]) -> tuple[Action, Action, Action]:
    """What is done at a place of the memo that one byte, four or a decimal line name."""

    def short(u: Any, at: int) -> int:
        act(u, u.data[at])
        return at + 1

    def long(u: Any, at: int) -> int:
        act(u, _UINT32(u.data, at)[0])
        return at + 4

    def line(u: Any, at: int) -> int:
        text, end = u.line(at)
        act(u, _decimal(text))
        return end

    return short, long, line


_get_short, _get_long, _get_line = _by_number(_get)
_put_short, _put_long, _put_line = _by_number(_put)


def _memoize(u: Any, at: int) -> None:
    if u.far:
        _put(u, len(u.memo) + len(u.far))
    else:
        u.memo.append(u.stack[-1])


def _byte(u: Any, at: int) -> int:
    u.stack.append(u.data[at])
    return at + 1


def _named(u: Any, at: int) -> int:
    """Pushes what stands for a name that two lines give."""
    module, middle = u.line(at)
    name, end = u.line(middle)
    u.stack.append(u.name(module.decode("utf-8"), name.decode("utf-8")))
    return end


def _stack_global(u: Any, at: int) -> None:
    name, module = u.stack.pop(), u.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise Refused("STACK_GLOBAL takes two strings")
    u.stack.append(u.name(module, name))


def _called(how: str) -> Action:
    def call(u: Any, at: int) -> None:
        args = u.stack.pop()
        u.stack[-1] = u.call(u.stack[-1], args, how)

    return call


def _new_ex(u: Any, at: int) -> None:
    kwargs, args = u.stack.pop(), u.stack.pop()
    if type(kwargs) is not dict:
        raise Refused("NEWOBJ_EX takes a dict of keyword arguments")
    u.stack[-1] = u.call(u.stack[-1], args, "new", kwargs)


def _object(u: Any, at: int) -> None:
    items = u.pop_mark()
    u.stack.append(u.call(items[0], tuple(items[1:]), "call"))


def _instance(u: Any, at: int) -> int:
    end = _named(u, at)
    made = u.stack.pop()
    u.stack.append(u.call(made, tuple(u.pop_mark()), "call"))
    return end


def _build(u: Any, at: int) -> None:
    state = u.stack.pop()
    u.build(u.stack[-1], state)


def _persistent(u: Any, at: int) -> None:
    u.stack[-1] = u.persistent(u.stack[-1])


def _persistent_line(u: Any, at: int) -> int:
    line, end = u.line(at)
    u.stack.append(u.persistent(line.decode("ascii")))
    return end


_EXTENSION = _refuse("extension codes (EXT1, EXT2, EXT4) name code of the program that wrote them")
_BUFFER = _refuse("an out-of-band buffer (protocol 5) is not part of a file")

OPCODES: list[Action] = [_unknown] * 256
for _opcode, _action in {
    b"(": lambda u, at: u.marks.append(len(u.stack)),
    b"0": _pop,
    b"1": _pop_mark,
    b"2": lambda u, at: u.stack.append(u.stack[-1]),
    b"F": _line(float),
    b"I": _line(_int_text),
    b"J": _fixed("<i"),
    b"K": _byte,
    b"L": _line(lambda text: _decimal(text.removesuffix(b"L"))),
    b"M": _fixed("<H"),
    b"N": _push(None),
    b"P": _persistent_line,
    b"Q": _persistent,
    b"R": _called("call"),
    b"S": _string_line,
    b"T": _python2("<i"),
    b"U": _python2("B"),
    b"V": _line(lambda text: text.decode("raw-unicode-escape")),
    b"X": _sized("<I", _utf8),
    b"a": _append,
    b"b": _build,
    b"c": _named,
    b"d": _dict,
    b"}": lambda u, at: u.stack.append({}),
    b"e": _appends,
    b"g": _get_line,
    b"h": _get_short,
    b"i": _instance,
    b"j": _get_long,
    b"l": lambda u, at: u.stack.append(u.pop_mark()),
    b"]": lambda u, at: u.stack.append([]),
    b"o": _object,
    b"p": _put_line,
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
    b"\x85": _tuple1,
    b"\x86": _tuple2,
    b"\x87": _tuple3,
    b"\x88": _push(True),
    b"\x89": _push(False),
    b"\x8a": _sized("B", _integer),
    b"\x8b": _sized("<i", _integer),
    b"B": _sized("<I", bytes),
    b"C": _sized("B", bytes),
    b"\x8c": _sized("B", _utf8),
    b"\x8d": _sized("<Q", _utf8),
    b"\x8e": _sized("<Q", bytes),
    b"\x8f": lambda u, at: u.stack.append(set()),
    b"\x90": _add_items,
    b"\x91": lambda u, at: u.stack.append(frozenset(_elements(u))),
    b"\x92": _new_ex,
    b"\x93": _stack_global,
    b"\x94": _memoize,
    b"\x95": _frame,
    b"\x96": _sized("<Q", bytearray),
    b"\x97": _BUFFER,
    b"\x98": _BUFFER,
}.items():
    OPCODES[_opcode[0]] = _action
