"""The loader of exported programs. `export` takes it along: what it needs is NumPy and this.

import sys
sys.path.insert(0, "step.zip")
import program
step = program.load()
"""

import ctypes
import json
import os
import sys
import zipimport
import zlib
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..._arrays.strides import tidy
from ..._core.memory import empty, owner
from ..._core.processors import processors
from ..forked import lock
from ..load import Code, _Elf
from ..threads import Pool, pace
from .cpu import lacking
from .kept import Numbers, Scalar, State, Stream

FORMAT = 3
_ASTRAY = "the optimizer goes another way now than when it was exported"
FILES = ("manifest.json", "words.py", "code.bin", "arrays.bin", "program.py", "__main__.py")


class Refused(IndexError):
    """A check inside the program failed: nothing was written."""

    def __str__(self) -> str:
        return (
            "a value is out of range, an index or a target perhaps (exported from "
            f"{self.args[0]}); nothing was written"
        )


def load(path: Any = None) -> "Program":
    """The exported program in a file or folder; without `path`, the one this loader lies in.

    Raises:
        OSError: it is for another platform, or for a processor with features that this one lacks.
        ValueError: it is damaged, or no exported program.
    """
    path = os.path.dirname(os.path.abspath(__file__)) if path is None else os.fspath(path)
    try:
        read = _reader(path)
        told = json.loads(read("manifest.json"))
        parts = {name: read(name) for name in FILES[1:]}
    except (OSError, ImportError, ValueError) as error:
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path}: there is no such file or folder") from None
        raise ValueError(f"{path}: this is no exported program ({error})") from None
    if told.get("format") != FORMAT:
        raise ValueError(
            f"{path}: an exported program of format {told.get('format')}, this loader reads format "
            f"{FORMAT}. Its own loader is program.py inside it."
        )
    _check_machine(path, told)
    for name, (size, sum_) in told["files"].items():
        if (len(parts[name]), zlib.crc32(parts[name])) != (size, sum_):
            raise ValueError(f"{path}: {name} in it is damaged: copy the file again")
    if told.pop("sum", 0) != zlib.crc32(json.dumps(told).encode()):
        raise ValueError(f"{path}: manifest.json in it is damaged: copy the file again")
    return Program(told, parts)


def _reader(path: str) -> Any:
    """A function from a file's name to its bytes."""
    if os.path.isdir(path):

        def read(name: str) -> bytes:
            with open(os.path.join(path, name), "rb") as file:
                return file.read()

        return read
    archive = zipimport.zipimporter(path)
    archive.invalidate_caches()  # the file may have been another one before
    return lambda name: archive.get_data(os.path.join(path, name))


def _check_machine(path: str, told: dict) -> None:
    """Refuse code that this machine cannot run, and say why."""
    here = [sys.platform, os.uname().machine if hasattr(os, "uname") else "another machine"]
    if here != [told["system"], told["machine"]]:
        raise OSError(
            f"{path}: holds machine code for {told['system']} on {told['machine']} "
            f"({told['triple']}); this is {here[0]} on {here[1]}. Export it again on such a machine"
        )
    missing = lacking(told["machine"], told["features"])
    if missing:
        raise OSError(
            f"{path}: holds machine code for {told['cpu']}, which uses {', '.join(missing)}; this "
            "processor has no such instructions. Export it again on a processor like this one"
        )
    array, at = np.zeros(3), object.__basicsize__
    if told["head"] and (
        at != told["head"] or ctypes.c_int64.from_address(id(array) + at).value != array.ctypes.data
    ):
        raise OSError(
            f"{path}: this Python lays out arrays in another way. Export it again with it"
        )
    if tuple(map(int, np.__version__.split(".")[:2])) < tuple(told["numpy"]):
        least = ".".join(map(str, told["numpy"]))
        raise OSError(f"{path}: needs NumPy {least} or later; this is NumPy {np.__version__}")


@cache
def _pool(image: bytes) -> Pool:
    """One pool of threads for all exported programs."""
    return Pool(processors(), _Elf(image).code())


class Program:
    """An exported function: called with arrays where the function took tensors.

    state: its arrays by name; gradients: those that it leaves behind; numbers: its optimizers'.
    """

    def __init__(self, told: dict, files: dict[str, bytes]) -> None:
        self.told, self.lock, self.meanings = told, lock(), self._meanings()
        data = files["arrays.bin"]
        self.arrays = [_array(data, *place) for place in told["arrays"]]
        self.state = State({k: self._named(at) for k, at in told["state"].items()})
        self.gradients = {
            k: None if i is None else self.arrays[i] for k, i in told["gradients"].items()
        }
        self.numbers = Numbers(
            (k, tuple(v) if isinstance(v, list) else v) for k, v in told["numbers"].items()
        )
        self.streams = [Stream(self.arrays[key], at) for key, at in told["streams"]]
        self.groups = [
            (prefix, {k: self._meant(v) for k, v in options.items()})
            for prefix, options in told["groups"]
        ]
        self.words: dict[str, Any] = {
            "tick": Scalar.tick, "store": Scalar.store, "number": lambda value: value,
            "zeros_like": np.zeros_like, "replayed": lambda *_, **more: False, "Tensor": Scalar,
            "__name__": "words", "SimpleNamespace": SimpleNamespace,
            "groups": [group for _, group in self.groups],
        }  # fmt: skip
        exec(compile(files["words.py"], "words.py", "exec"), self.words)
        self._units(files["code.bin"])
        self.run = self._bound(told["run"])
        self.values = [np.zeros((), d) for d in told["dtypes"]]
        self.written = {what for how, what, *_ in told["changed"] if how == "arg"}
        self.wet: dict[int, list] = {}  # what is written of the state, by whose memory it is
        for how, what, *_ in told["changed"]:
            if how == "state":
                self.wet.setdefault(id(owner(self.arrays[what])), []).append(self.arrays[what])
        self._hosts()

    # -- putting together

    def _named(self, at: Any) -> np.ndarray:
        """An array by its number, or a view of one."""
        return self.arrays[at] if at.__class__ is int else _view(self.arrays[at[0]], *at[1:])

    def _units(self, code: bytes) -> None:
        """Each native function: its table of addresses, its memory, its code."""
        images = [code[a:b] for a, b in self.told["images"]]
        self.pool = _pool(images[0])
        self.codes: list[Code] = []
        self.memory: list[np.ndarray] = []
        self.tables: list[Any] = []
        for unit, image in zip(self.told["units"], images[1:]):
            arena = np.zeros(unit["arena"], np.uint8)
            base = -(-arena.ctypes.data // 64) * 64
            table = (ctypes.c_int64 * unit["table"])()
            for slot, at in unit["places"]:
                table[slot] = base + at
            self.codes.append(_Elf(image).code())
            self.memory.append(arena)
            self.tables.append(table)

    def _bound(self, told: dict) -> Any:
        """A function from its text and what its names mean."""
        scope = {name: self._meant(value) for name, value in told["scope"].items()}
        exec(compile(told["source"], "<exported>", "exec"), scope)
        return scope["run"]

    def _meant(self, x: Any) -> Any:
        """A value as the manifest writes it: plain, or a kind and what makes it."""
        if x.__class__ is not dict:
            return x
        ((kind, of),) = x.items()
        return self.meanings[kind](of)

    def _meanings(self) -> dict[str, Any]:
        """How the manifest writes what is no plain value."""
        return {
            "tuple": lambda of: tuple(map(self._meant, of)),
            "list": lambda of: list(map(self._meant, of)),
            "slice": lambda of: slice(*of),
            "complex": lambda of: complex(*of),
            "ellipsis": lambda of: ...,
            "dtype": _dtype,
            "array": lambda of: self.arrays[of],
            "empty": lambda of: np.empty(of[0], _dtype(of[1])),
            "word": lambda of: self.words[of],
            "stream": lambda of: self.streams[of],
            "function": self._bound,
            "nothings": dict.fromkeys,
            "table": lambda of: self.tables[of],
            "address": lambda of: ctypes.addressof(self.tables[of]),
            "entry": lambda of: self.codes[of].addresses["program"],
            "alone": lambda of: ctypes.CFUNCTYPE(None, ctypes.c_void_p)(
                self.codes[of].addresses["alone"]
            ),
            "pace": lambda of: pace() if self.told["units"][of]["paced"] else None,
            "refused": self._refused,
            "our": self._our,
        }

    def _refused(self, of: int) -> Any:
        table, unit = self.tables[of], self.told["units"][of]

        def where() -> str:
            at, table[unit["status"]] = table[unit["status"]] - 1, 0
            return unit["refusals"][at]

        return where

    def _our(self, of: str) -> Any:
        return {
            "lock": self.lock, "run_on": self.pool.run, "empty": empty,
            "count": sys.getrefcount if sys.version_info < (3, 14) else (lambda x: 9),  # it borrows
            "tidy": tidy, "Refused": Refused,
            "state_of": Stream.address,
        }[of]  # fmt: skip

    # -- numbers

    def _hosts(self) -> None:
        """What works out an optimizer's numbers, and the schedules that are stepped."""
        told, self.counts = self.told, []
        self.schedules = [self.words[name] for name in told["schedules"]]
        self.hosts = [self._host(host) for host in told["hosts"]]
        self.after = [(self.words[act], k) for act, k in told["after"]]
        self.counting = bool(self.counts or self.schedules)
        self.found = self.words["found"]

    def _host(self, told: Any) -> tuple[Any, dict]:
        """What gives a host's numbers (a schedule has none), and what must stay as it is."""
        if told.__class__ is str:
            return self.words[told], {}
        counts = {k: Scalar(self.arrays[i]) for k, i in told["counts"].items()}
        self.counts += counts.values()
        kept = counts | dict.fromkeys(told["arrays"], True)
        group = self.groups[told["group"]][1]
        find = partial(self.words[told["function"]], None, None, kept, group)
        return find, {k: self._meant(v) for k, v in told["fixed"].items()}

    def _number(self) -> None:
        """The numbers of this run, counted up and worked out."""
        made = []
        self._settle()
        for find, fixed in self.hosts:
            made.append(one := find())
            if any(one[k] is not v and one[k] != v for k, v in fixed.items()):
                raise RuntimeError(_ASTRAY)
        self._settle(back=True)
        values, conditions = self.found(made)
        if not all(conditions):
            raise RuntimeError(_ASTRAY)
        for array, value in zip(self.values, values):
            array[...] = value
        self.numbers.changed = False

    def _settle(self, back: bool = False) -> None:
        """Let groups of options have the numbers; or the numbers be what schedules made of them."""
        for prefix, group in self.groups:
            for name, key in ((f"{prefix}.{key}", key) for key in group):
                if name in self.numbers and back:
                    dict.__setitem__(self.numbers, name, group[key])
                elif name in self.numbers:
                    group[key] = self.numbers[name]

    # -- the call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given: list[np.ndarray] = []
        self._read(self.told["arguments"], [list(args), kwargs], given, "arguments")
        self._apart(given)
        before = [(s.array, s.array.copy()) for s in self.counts]
        moved = [(x, dict(x)) for x in (self.numbers, *map(vars, self.schedules))]
        try:
            if self.hosts and (self.counting or self.numbers.changed):
                self._number()
            inputs = [self._input(how, what, given) for how, what in self.told["inputs"]]
            with np.errstate(all="ignore"):
                outs = self.run(*inputs)
        except Exception:
            for array, value in before:
                array[...] = value
            for own, were in moved:
                dict.update(own, were)
            self.numbers.changed = True
            raise
        for how, what, k, taken in self.told["changed"]:
            if not taken:
                self._input(how, what, given)[...] = outs[k]
        for act, k in self.after:
            act(outs[k].item())
            self._settle(back=True)
            self.numbers.changed = True
        for name, k in self.told["left"]:
            self.gradients[name] = None if k is None else outs[k]
        return self._result(self.told["result"], outs, given)

    def _input(self, how: str, what: Any, given: list) -> Any:
        if how == "arg":
            return given[what]
        if how == "number":
            return self.values[what]
        return self.gradients[what] if how == "grad" else self.arrays[what]

    def _read(self, told: Any, x: Any, given: list, where: str) -> None:
        """Arguments as they were exported: arrays collected, all else compared."""
        kind = told[0]
        if kind == "array":
            given.append(self._checked(x, told[1], told[2], where, len(given) in self.written))
        elif kind == "list":
            if not isinstance(x, (list, tuple)) or len(x) != len(told[1]):
                raise TypeError(f"{where}: expected {len(told[1])} of them, got {_brief(x)}")
            for i, (one, item) in enumerate(zip(told[1], x)):
                self._read(one, item, given, f"{where}[{i}]")
        elif kind == "dict":
            if not isinstance(x, dict) or list(x) != [k for k, _ in told[1]]:
                raise TypeError(f"{where}: expected the names {[k for k, _ in told[1]]}")
            for key, one in told[1]:
                self._read(one, x[key], given, f"{where}[{key!r}]")
        elif x != self._meant(told[1]):
            raise ValueError(
                f"{where}: the program was exported for {self._meant(told[1])!r}, got {x!r}"
            )

    def _checked(self, x: Any, shape: list, dtype: Any, where: str, written: bool) -> np.ndarray:
        wanted, x = _dtype(dtype), np.asarray(x)
        if x.shape != tuple(shape) or x.dtype != wanted:
            raise ValueError(
                f"{where}: the program was exported for {wanted}{shape}, got "
                f"{x.dtype}{list(x.shape)}"
            )
        if written and not (x.flags.c_contiguous and x.flags.writeable):
            raise ValueError(f"{where}: the program writes to it: give an array in order, writable")
        return np.require(x, wanted, ["C", "A"])

    def _apart(self, given: list) -> None:
        """Refuse arguments in whose memory the program writes something else."""
        for i, x in enumerate(given):
            own = owner(x)
            near = [y for j, y in enumerate(given) if j != i and {i, j} & self.written]
            if any(
                owner(y) is own and np.may_share_memory(x, y)
                for y in (*near, *self.wet.get(id(own), ()))
            ):
                raise ValueError(
                    "an argument shares memory with another one, or with state, that the program "
                    "writes: give a copy"
                )

    def _result(self, told: Any, outs: tuple, given: list) -> Any:
        kind, of = told
        if kind == "output":
            return outs[of]
        if kind == "view":
            how, what, *seen = of
            return _view(self._input(how, what, given), *seen)
        if kind in ("list", "tuple"):
            return (list if kind == "list" else tuple)(self._result(t, outs, given) for t in of)
        if kind == "dict":
            return {k: self._result(t, outs, given) for k, t in of}
        return self._meant(of) if kind == "plain" else self._input(of[0], of[1], given)

    def seed(self, seed: int) -> None:
        """Start the random numbers anew, as torch.manual_seed does."""
        for stream in self.streams:
            stream.seed(seed)

    def __repr__(self) -> str:
        told = self.told
        size = sum(a.nbytes for a in self.state.values())
        return (
            f"exported program of {told['name']} ({told['made_by']}), for {told['system']} on "
            f"{told['machine']} ({told['cpu']}), {len(told['units'])} native functions\n"
            f"  arguments: {_outline(told['arguments'][1][0])}\n"
            f"  state: {len(self.state)} arrays, {size} bytes\n  numbers: {dict(self.numbers)}"
        )


def _array(data: bytes, at: int, shape: list, dtype: Any, order: list | None) -> np.ndarray:
    """An array of its own, its axes in `order` in memory."""
    kind, count = _dtype(dtype), int(np.prod(shape, dtype=np.int64))
    stored = [shape[i] for i in order] if order else shape
    flat = np.frombuffer(data, kind, count, at) if count else np.empty(0, kind)
    made = flat.reshape(stored).copy()
    return made.transpose(np.argsort(order)) if order else made


def _view(base: np.ndarray, offset: int, shape: list, strides: list) -> np.ndarray:
    return np.ndarray(shape, base.dtype, base, offset, strides)


def _dtype(told: Any) -> np.dtype:
    return np.dtype(told if isinstance(told, str) else [tuple(field) for field in told])


def _brief(x: Any) -> str:
    return f"{len(x)}" if isinstance(x, (list, tuple)) else type(x).__name__


def _outline(told: Any) -> str:
    """Arguments, as one line."""
    if told[0] == "array":
        return f"{_dtype(told[2])}{told[1]}"
    if told[0] == "list":
        return f"({', '.join(map(_outline, told[1]))})"
    return "{...}" if told[0] == "dict" else str(told[1])
