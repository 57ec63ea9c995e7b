"""An inert reader of pickles: opcodes become plain data; no name is ever imported or called."""

import gc
import re
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from .meanings import MEANINGS, Refused
from .opcodes import COSTS, OPCODES, SIMPLE
from .records import Checkpoint, Global, Limits, Opaque, TensorRecord, fault, shown

SIMPLE_KEYS = (str, bytes, bool, float, type(None))
PYTHON2 = {"__builtin__": "builtins", "copy_reg": "copyreg", "cPickle": "pickle"}
RENAMED = {"long": "int", "unicode": "str", "xrange": "range"}  # built-ins of Python 2
_STOP, _PICKLE = ord("."), 600  # what a pickle costs before it holds anything
_LINE = re.compile(rb"([^\n]*)\n")
INSTANCES = (OrderedDict, defaultdict, Counter)


class Unpickler:
    """Interprets one pickle.

    Args:
        data: the bytes, beginning at `start`.
        persistent: gives the object of a persistent id, from plain data.
        where: the file and record, for messages.
        encoding: of the 8-bit strings that Python 2 wrote ("bytes" keeps them).
        notes: of the file: takes down which names are mentioned, and asked to be called.
        stored: bytes of the file, if it is not the pickle alone.
        meanings: the calls that mean plain data; any other becomes `Opaque`.
    """

    codes = OPCODES

    def __init__(
        self, data: bytes | memoryview, persistent: Callable[[Any], Any] | None = None,
        where: str = "pickle", *, encoding: str = "utf-8", limits: Limits | None = None,
        start: int = 0, notes: Checkpoint | None = None, meanings: dict[str, Any] = MEANINGS,
        stored: int | None = None,
    ) -> None:  # fmt: skip
        self.data, self.pos, self.end = data, start, len(data)
        self.persistent = persistent or _no_storage
        self.where, self.encoding = where, encoding
        self.limits = most = limits or Limits()
        self.stack: list = []
        self.marks: list[int] = []
        self.memo: list = []
        self.far: dict[int, Any] = {}  # of the memo, what leaves places free below
        self.protocol, self.meanings = 0, meanings
        self.notes = notes = notes or Checkpoint(None, "", where)
        self.names, self.called = notes.names, notes.called
        if notes.left < 0:
            notes.left = most.objects + most.growth * (stored or self.end)
        own = min(stored or self.end, 5 * (self.end - start))  # tensors lie elsewhere in the file
        self.floor = max(notes.left - most.objects - most.growth * own, 0)
        self.hashes: Counter = Counter()

    def load(self) -> Any:
        """The root object; afterwards `pos` is the byte behind the pickle's end.

        Raises:
            UnpicklingError: for whatever is not a whole and harmless pickle.
        """
        data, codes, costs = self.data, self.codes, COSTS
        notes, floor, at, collects = self.notes, self.floor, self.pos, gc.isenabled()
        left = notes.left - _PICKLE
        gc.disable()  # nothing here is garbage, and looking for it takes twice the time
        try:
            while (code := data[at]) != _STOP:
                at += 1
                cost = costs[code]
                left -= cost
                if left < floor:
                    self._spent()
                if cost == SIMPLE:  # these charge for nothing else, and all the time is here
                    at = codes[code](self, at) or at
                else:
                    notes.left = left
                    at = codes[code](self, at) or at
                    left = notes.left
            at += 1
            if len(self.stack) != 1 or self.marks:
                raise Refused(f"STOP with {len(self.stack)} objects on the stack")
            self.pos = at
            return self.stack.pop()
        except Refused as error:
            why = str(error)
        except RecursionError:
            why = "calls are nested too deeply"
        except (IndexError, struct.error) as error:
            why = "an opcode takes more than the stack holds"
            if at >= self.end or isinstance(error, struct.error):
                why = "the pickle ends before its STOP opcode (truncated file?)"
        except KeyError as error:
            why = f"memo {shown(error.args[0])} was never stored"
        except (ValueError, TypeError, OverflowError) as error:
            why = f"malformed opcode ({type(error).__name__}: {str(error)[:200]})"
        finally:
            notes.left = min(notes.left, left)
            if collects:
                gc.enable()
        raise fault(self.where, why, at - 1)

    # -- bytes

    def line(self, begin: int) -> tuple[bytes, int]:
        """The bytes up to the next newline, and where the one behind it lies."""
        found = _LINE.match(self.data, begin)
        if found is None:
            raise Refused("a line of text has no end (truncated file?)")
        return found[1], found.end()

    def charge(self, size: int) -> None:
        """Counts memory that is about to be taken."""
        self.notes.left -= size
        if self.notes.left < self.floor:
            self._spent()

    def _spent(self) -> None:
        raise Refused(
            "the plain objects would take more memory than allowed for a file of this size; if you "
            "trust it, pass limits=rushlight.serialization.Limits(objects=...) (bytes)"
        )

    # -- stack

    def pop_mark(self) -> list:
        """What lies above the last mark."""
        if not self.marks or (at := self.marks.pop()) > len(self.stack):
            raise Refused("no MARK is set")
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def text(self, raw: bytes) -> Any:
        """A string that Python 2 wrote as 8-bit characters."""
        return raw if self.encoding == "bytes" else raw.decode(self.encoding)

    def key(self, value: Any) -> Any:
        """Proves that hashing a key is quick and that keys do not collide on purpose."""
        kind = type(value)
        if kind in SIMPLE_KEYS or (kind is int and -(1 << 64) < value < 1 << 64):
            return value
        if isinstance(value, (Global, Opaque, TensorRecord)):
            return value
        _small(value, [64])
        mark = hash(value)
        self.hashes[mark] += 1
        self.charge(200)
        if self.hashes[mark] > 1000:
            raise Refused("more than 1000 keys have one hash: the file was made to be slow")
        return value

    def set_items(self, target: Any, items: list) -> None:
        """target[key] = value for the flat list of keys and values."""
        if len(items) % 2:
            raise Refused("a key has no value")
        if isinstance(target, Opaque):
            self.charge(200)
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
            self.charge(200)
            target.items.append(("append", items))
        else:
            raise Refused(f"cannot append to a {type(target).__name__}")

    # -- names

    def name(self, module: str, name: str) -> Any:
        """The inert stand-in for a name; the same object each time."""
        if module in PYTHON2:  # protocols up to 2 have the names of Python 2
            module, name = PYTHON2[module], RENAMED.get(name, name)
        path = f"{module}.{name}"
        found = self.names.get(path)
        if found is None:
            self.charge(300 + 4 * len(path))
            found = self.names[path] = Global(module, name)
        return found

    def call(self, function: Any, args: Any, how: str, kwargs: dict | None = None) -> Any:
        """What the file's wish to call something means, in plain data."""
        if type(args) is not tuple:
            raise Refused(f"arguments are a {type(args).__name__}, not a tuple")
        if type(function) is Global:
            path = function.path
            self.called.setdefault(path, how)
            meaning = self.meanings.get(path)
            if meaning is not None and not kwargs:
                return meaning(self, args)
            made = Opaque(path, args, made=how)
        elif isinstance(function, Opaque):
            self.called.setdefault(f"{function.name}(...)", how)
            made = Opaque(f"{function.name[:200]}(...)", args, function=function, made=how)
        else:
            raise Refused(f"cannot call a {type(function).__name__}")
        self.charge(260)
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
                    raise Refused(f"cannot set attribute {shown(key)} of an OrderedDict")
            vars(target).update(state)
        elif type(target) is set and isinstance(state, (dict, type(None))):
            pass
        else:
            raise Refused(f"cannot give a state to a {type(target).__name__}")


def unpickler_of(found: Checkpoint, data: Any, where: str = "", **options: Any) -> Unpickler:
    """A reader of one of a checkpoint's pickles, which notes there what names it meets."""
    where = where or found.where
    return Unpickler(data, where=where, notes=found, stored=found.source.stored, **options)


def _no_storage(parts: Any) -> Any:
    raise Refused("a persistent id where the format has none")


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
