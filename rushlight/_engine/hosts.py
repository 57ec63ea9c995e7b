"""What works out numbers before and after each run, written down for an exported program."""

import sys
from dis import get_instructions
from functools import partial
from types import FunctionType
from typing import Any

from .._core.hosted import Combined, Fixed
from .._core.tape import TensorBase
from .capture import Host, Part
from .encoding import Encoding
from .naming import Naming
from .program import Program
from .reach import numeric
from .sources import Sources, Unshippable

# What the code of optimizers and schedules names and the loader has its own of.
_LOADERS = ("tick", "store", "number", "zeros_like", "replayed", "Tensor")
_OTHERS = "export: Python works out numbers at each call that are not an optimizer's"


class Hosts:
    """The manifest's part: each host, groups of options, schedules, numbers by name.

    Of an optimizer its own `numbers` is taken along, of a schedule what its `step` calls, and
    `found`, which combines what the hosts give.
    """

    def __init__(self, program: Program, naming: Naming, words: Sources, encoding: Encoding):
        self.naming, self.words, self.encoding = naming, words, encoding
        self.groups: dict[int, tuple] = {}
        self.schedules: list[str] = []
        self.classes: dict[type, str] = {}
        self.numbers: dict[str, Any] = {}
        self.known = program.hosts
        words.taken.update((*_LOADERS, "groups", "SimpleNamespace"))
        made = [self._acting(h.find) or self._host(h) for h in program.hosts]
        after = [(self._acting(act), k) for act, k, _ in program.after]
        finds = [(what, s.dtype) for how, what, s in program.inputs if how == "number"]
        values = "".join(f"{self._text(find)}, " for find, _ in finds)
        asked = "".join(
            f"{self._text(ask)} == {words.name(answer, 'answer')}, "
            for ask, answer in program.conditions
        )
        words.parts.append(f"def found(h):\n    return ({values}), ({asked})")
        self.told = {
            "hosts": made, "after": after, "groups": [*self.groups.values()],
            "schedules": self.schedules, "numbers": self.numbers,
            "dtypes": [encoding.dtype(d) for _, d in finds],
        }  # fmt: skip

    def _host(self, host: Host) -> dict[str, Any]:
        find = host.find
        if not isinstance(find, partial) or len(find.args) != 3:
            raise RuntimeError(_OTHERS)
        optimizer, (_, state, group) = find.func.__self__, find.args
        touched, array = set(map(id, host.touched)), self.encoding.archive.array
        counts = {k: array(v.array) for k, v in state.items() if id(v) in touched}
        return {
            "function": self._numbers(type(optimizer)), "group": self._group(group),
            "counts": counts, "arrays": [k for k in state if k not in counts],
            "fixed": {k: self.encoding.value(v) for k, v in host.fixed.items()},
        }  # fmt: skip

    def _group(self, group: dict) -> int:
        """The number of a group of options; what are numbers has a name."""
        if id(group) not in self.groups:
            prefix = self.naming.groups.get(id(group), "optimizer")
            for key, x in group.items():
                if isinstance(x, TensorBase):
                    raise RuntimeError(f"export: {prefix}.{key} is a tensor: make it a number")
                if numeric(x):
                    self.numbers[f"{prefix}.{key}"] = list(x) if isinstance(x, tuple) else x
            options = {k: self.encoding.value(v) for k, v in group.items() if k != "params"}
            self.groups[id(group)] = prefix, options
        return [*self.groups].index(id(group))

    def _numbers(self, kind: type) -> str:
        """The name, in the words, of what works out an optimizer's numbers."""
        self._ours(kind)
        find: Any = kind.numbers
        own = find.__code__.co_varnames[0]  # the optimizer: it stays here
        try:
            if any(i.argval == own for i in get_instructions(find) if "FAST" in i.opname):
                raise Unshippable("more than its state")
            return self.words.name(find, f"{kind.__name__}_numbers")
        except Unshippable as left:
            raise RuntimeError(f"export: {kind.__name__} works out its numbers by {left}") from None

    def _ours(self, kind: type) -> None:
        """Let the words find what the loader has under the names that a class's files use."""
        for base in kind.__mro__:
            scope = getattr(sys.modules.get(base.__module__), "__dict__", {})
            self.words.names.update((id(scope[n]), n) for n in _LOADERS if n in scope)

    # -- schedules

    def _acting(self, act: Any) -> str | None:
        """The words' function that steps a schedule."""
        if not isinstance(act, Combined) or not isinstance(act.word, partial):
            return None
        (schedule,) = act.word.args
        try:
            given = [self.words.name(find(), "given") for find in act.of]
            text = f"{self._schedule(schedule)}.step({', '.join(['*first', *given])}) or {{}}"
        except (Unshippable, TypeError, OSError, ValueError, SyntaxError) as left:
            raise RuntimeError(
                f"export: {type(schedule).__name__} cannot be taken along ({left}). Give it "
                "functions of numbers and math alone; or step it outside, and then set the "
                'program\'s number: step.numbers["optimizer.lr"] = rate'
            ) from None
        return self.words.constant(act, "act", f"lambda *first: {text}")

    def _schedule(self, x: Any) -> str:
        """A schedule's name in the words: its class, what it has."""
        words = self.words
        if id(x) not in words.names:
            for inner in getattr(x, "_schedulers", ()):
                self._schedule(inner)
            if id(x.optimizer) not in words.names:
                groups = [f"groups[{self._group(g)}]" for g in x.optimizer.param_groups]
                text = f"SimpleNamespace(param_groups=[{', '.join(groups)}], _opt_called=True)"
                words.constant(x.optimizer, "optimizer", text)
            kind = self._class(type(x))
            self.schedules.append(words.constant(x, "schedule", f"{kind}.__new__({kind})"))
            words.parts.append(f"vars({words.names[id(x)]}).update({words.name(vars(x), 'state')})")
        return words.names[id(x)]

    def _class(self, kind: type) -> str:
        """A class in the words, of all that `step` calls."""
        words, found = self.words, {}
        self._ours(kind)
        if kind in self.classes:
            return self.classes[kind]
        name = self.classes[kind] = words.fresh(kind, kind.__name__)
        words.names.update((id(c), name) for c in kind.__mro__[:-1])
        todo = ["step", "_update_lr", "_get_closed_form_lr", "get_last_lr"]  # of one inside, too
        for key in todo:
            x = next((vars(c)[key] for c in kind.__mro__[:-1] if key in vars(c)), None)
            if key in found or key[:2] == "__" or x is None:
                continue
            f = x.fget if isinstance(x, property) else x
            found[key] = words.name(f, key)
            if isinstance(f, FunctionType):
                todo += f.__code__.co_names
        rows = (f"    {key} = {text}" for key, text in found.items())
        words.parts.append("\n".join((f"class {name}:", *rows)))
        return name

    # -- numbers

    def _text(self, find: Any) -> str:
        """How a number is found, as an expression on what the hosts gave."""
        words = self.words
        if isinstance(find, Part):
            place = next(i for i, h in enumerate(self.known) if h is find.host)
            return f"h[{place}][{find.key!r}]"
        if isinstance(find, Fixed):
            return words.name(find.value, "value")
        if not isinstance(find, Combined):
            raise RuntimeError(_OTHERS)
        word = words.name(find.word, find.word.__name__)
        return f"{word}({', '.join(map(self._text, find.of))})"
