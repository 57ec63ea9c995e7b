"""The source of an op's public function: its fast path, written out for its arguments and rules.

The fast path serves NumPy tensors of one dtype; whatever else it meets, and every error, goes to
`general`, which it must equal. `add.op.source` shows what was written.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes, modes
from .general import general, plain_list, results
from .kinds import known
from .plan import build, lines_of, plan_of, signature
from .probing import Whole, single_word
from .record import Op
from .tape import ASK, ndarray, ticks
from .views import edge, shares

# Python numbers meet NumPy as 0-dim arrays of the tensor's dtype: a third of the price. Zero is not
# kept (0.0 and -0.0 are one key), and the tables are bounded.
_tables: dict[np.dtype, dict] = {dtypes.F32: {}, dtypes.F64: {}, dtypes.I64: {}}


def number(value: Any, dtype: np.dtype) -> np.ndarray:
    """A number as a 0-dim array, remembered."""
    made = np.array(value, dtype)
    if value and math.isfinite(value) and len(_tables[dtype]) < 1000:
        _tables[dtype][value] = made
    return made


MISSING = object()  # the default of an argument that must be given
_NUMPY_NAMES = {"dim": "axis", "keepdim": "keepdims"}  # PyTorch takes them as well
# Words that are an array's own method, where nothing is wrong: a twelfth of `x.reshape(4, 3)`
_METHODS = {"reshape": "reshape", "permute_dims": "transpose", "index": "__getitem__"}
_LOCALS = {"z", "t", "c", "a", "d", "node", "needed", "out", "k_", "f_"}  # of the written function


class Writer:
    """Writes one op's function: lines of source, and the names they refer to."""

    def __init__(self, op: Op) -> None:
        self.op = op
        word = single_word(op)
        self.ufunc, self.view = (None, word) if op.kind == "view" else (word, None)
        self.scope: dict[str, Any] = {
            "modes": modes, "local": modes.local, "ndarray": ndarray, "ticks": ticks,
            "new_": object.__new__, "Tensor": known.tensor, "edge": edge, "m": known.numpy,
            "F32": dtypes.F32, "F64": dtypes.F64, "I64": dtypes.I64, "op": op, "plan_of": plan_of,
            "general": functools.partial(general, op), "results": functools.partial(results, op),
            "plain_list": plain_list, "asarray": np.asarray, "shares": shares,
            "ASK": ASK, "MISSING": MISSING, "number": number,
            "kernel": self.ufunc or self.view or functools.partial(op.body, known.numpy),
            "n32": _tables[dtypes.F32].get, "n64": _tables[dtypes.F64].get,
            "i64": _tables[dtypes.I64].get,
        }  # fmt: skip
        taken = _LOCALS | set(self.scope)
        if clash := taken & {*op.arrays, *op.params}:
            raise TypeError(f"op {op.name}: arguments may not be called {sorted(clash)}")
        self.params = f"{{{''.join(f'{p!r}: {p}, ' for p in op.params)}}}"
        arrays = "".join(f"{n}, " for n in op.arrays)
        # PyTorch's functions that give views have no `out`; a call without names is quicker, too
        out = self.out = "" if op.kind == "view" else ", out"
        self.rare = " or out is not None" if out else ""
        if op.kind == "reduce" and "dtype" in op.params:
            self.rare += " or dtype is not None"
        self.slow = f"return general(({arrays}), {self.params}{out})"
        if op.kind == "pointwise" and self.ufunc is None:
            op.straight = True  # several words, if not on integers
        alone = op.straight and op.kind == "pointwise" and not (op.params or op.floats)
        self.scope["whole"] = self.whole = alone and single_word(op, Whole)
        # A word of NumPy's own is called without parameters: with others the body is more than it.
        given = [p for p in op.params if p in op.defaults] if self.ufunc is not None else []
        self.fixed = [f"({p} is not D{p} and {p} != D{p})" for p in given]

    def function(self) -> Callable:
        """The compiled public function."""
        op = self.op
        spelt = {n: other for n, other in _NUMPY_NAMES.items() if n in op.params}
        fields = self._fields(spelt)
        self.scope.update({f"D{n}": v for n, v in op.defaults.items()})
        lines = [
            f"def call({fields}):",
            f"    if modes.special{self.rare}:",
            f"        {self.slow}",
        ]
        lines[1:1] = self._renaming(spelt)
        if op.lists:
            lines += self._joining()
        else:
            lines += self._array()
        op.source = "\n".join(lines)
        return build(op.source, self.scope)

    def _fields(self, spelt: dict) -> str:
        """The signature: PyTorch's names, and NumPy's `axis` and `keepdims` where it takes them."""
        op, made, optional = self.op, [], False
        for n in op.arrays + op.params:
            optional = optional or n in op.defaults or n in spelt
            made.append(f"{n}=D{n}" if n in op.defaults else f"{n}=MISSING" if optional else n)
        named = [*(["out=None"] if self.out else []), *(f"{n}=None" for n in spelt.values())]
        return ", ".join([*made, *(["*"] if named else []), *named])

    def _renaming(self, spelt: dict) -> list[str]:
        lines = [f"    if {other} is not None: {n} = {other}" for n, other in spelt.items()]
        op, late = self.op, False
        for n in op.arrays + op.params:
            late = late or n in op.defaults or n in spelt
            if late and n not in op.defaults:
                text = f'{op.name}() missing 1 required positional arguments: \\"{n}\\"'
                lines.append(f'    if {n} is MISSING: raise TypeError("{text}")')
        return lines

    # -- the parts of a fast path

    def _try(self, line: str, depth: int = 4, error: str = "Exception") -> list[str]:
        pad = " " * depth
        return [f"{pad}try:", f"{pad}    {line}", f"{pad}except {error}:", f"{pad}    {self.slow}"]

    def _unless(self, tests: list[str], depth: int = 4) -> list[str]:
        pad = " " * depth
        return [f"{pad}if {' or '.join(tests)}:", f"{pad}    {self.slow}"] if tests else []

    def _create(self, depth: int = 4) -> list[str]:
        pad, first = " " * depth, self.op.arrays[0]
        return [
            f"{pad}if z.__class__ is not ndarray: z = asarray(z)",
            f"{pad}t = new_(Tensor); t.array = z; t.version = [0]; t.device = {first}.device; "
            "t._grad = None; t.origin = None",
        ]

    def _create_view(self) -> list[str]:
        first = self.op.arrays[0]
        copied = []  # where all parts of a key are numbers, NumPy gives no view
        if getattr(self.view, "__name__", "") == "index":
            copied = [
                f"    if z.__class__ is not ndarray: z = kernel({first}_a, {self.op.params[0]})"
            ]
        return [
            *copied,
            f"    t = new_(Tensor); t.array = z; t.device = {first}.device; t._grad = None; d = "
            "z.base",
            f"    if d is {first}_a or (d is not None and d is {first}_a.base) or shares(z, "
            f"{first}_a):",
            f"        c = t.version = {first}.version; t.needs = ASK",
            f"        t.origin = ({first}, op, {self.params}, c[0])",
            "    else: t.version = [0]; t.needs = False; t.origin = None",
        ]

    def _call(self, arguments: list[str]) -> str:
        if self.ufunc is not None:
            return f"z = kernel({', '.join(arguments)})"
        if self.view is not None:
            method = _METHODS.get(self.view.__name__)
            if method == "__getitem__":
                return f"z = {arguments[0]}[{self.op.params[0]}]"
            if method is not None:
                return f"z = {arguments[0]}.{method}({self.op.params[0]})"
            return f"z = kernel({', '.join(arguments + self.op.params)})"
        named = [f"{p}={p}" for p in self.op.params]
        made = ", ".join(["z", *self.op.keeps])
        return f"{made} = kernel({', '.join(arguments + named)})"

    def _number_branch(self) -> list[str]:
        """The fast path for `tensor op number`."""
        op = self.op
        if self._unruled():
            return []
        first, second = op.arrays
        lines = [f"    c = {second}.__class__", "    if c is float or c is int:"]
        lines += self._try(f"a = {first}.array; d = a.dtype", 8, "AttributeError")
        given = second
        lines += self._unless(["a.__class__ is not ndarray", *self.fixed], 8)
        if self.ufunc is not None:
            given = "k_"
            lines += [
                "        if d is F32:", f"            k_ = n32({second})",
                f"            if k_ is None: k_ = number({second}, F32)", "        elif d is F64:",
                f"            k_ = n64({second})",
                f"            if k_ is None: k_ = number({second}, F64)",
            ]  # fmt: skip
            if not op.floats:
                lines += [
                    "        elif d is I64 and c is int:", f"            k_ = i64({second})",
                    "            if k_ is None:",
                    *self._try(f"k_ = number({second}, I64)", 16, "OverflowError"),
                ]  # fmt: skip
            lines += ["        else:", f"            {self.slow}"]
        else:
            lines += self._unless(["(d is not F32 and d is not F64)"], 8)
        lines += self._try(self._call(["a", given]), 8)
        lines += self._create(depth=8)
        made = self._recording([first], None, (second,))
        return lines + ["    " + line for line in made]

    def _array(self) -> list[str]:
        """The fast path of an op on NumPy arrays of one dtype."""
        op, arrays = self.op, self.op.arrays
        pointwise, first = op.kind == "pointwise", arrays[0]
        opened = "; ".join(
            f"{n}_a = None if {n} is None else {n}.array"
            if n in op.optional
            else f"{n}_a = {n}.array"
            for n in arrays
        )
        lines = self._number_branch() if pointwise and len(arrays) == 2 else []
        lines += self._try(opened, error="AttributeError")
        taking = [n for n in arrays if op.promotes is None or n in op.promotes]
        chief, alike = f"{taking[0]}_a", taking[1:] if pointwise or op.kind == "same" else []
        tests = [f"{first}_a.__class__ is not ndarray"]
        for n in arrays[1:]:
            test = f"{n}_a.__class__ is not ndarray or {n}.device is not {first}.device"
            if n in alike:
                test += f" or {n}_a.dtype is not {chief}.dtype"
            tests.append(f"({n} is not None and ({test}))" if n in op.optional else test)
        any_dtype = pointwise and self.ufunc is not None and not op.floats
        ints = f" and {chief}.dtype is not I64" if self.whole else ""
        other = f"({chief}.dtype is not F32 and {chief}.dtype is not F64{ints})"
        if op.kind not in ("view", "move") and not any_dtype:
            tests.append(other)
        lines += self._unless(tests) + self._unruled()
        given = [f"{n}_a" for n in arrays]
        made = self._lined() if op.straight else self._try(self._call(given))
        if self.whole:
            each = self._try(f"z = whole({', '.join(given)})", 8)
            made = [
                f"    if {chief}.dtype is I64:",
                *each,
                "    else:",
                *("    " + x for x in made),
            ]
        if self.fixed:
            lines.append(f"    if {' or '.join(self.fixed)}:")
            lines += ["    " + line for line in self._unless([other]) + self._lined()]
            lines += ["    else:", *("    " + line for line in made)]
        else:
            lines += made
        if op.many:
            return [*lines, self._wrapped(f"[{', '.join(arrays)}]")]
        lines += self._create_view() if op.kind == "view" else self._create()
        shapes = None
        if op.broadcasts and len(arrays) > 1:
            each = (
                f"() if {n} is None else {n}_a.shape" if n in op.optional else f"{n}_a.shape"
                for n in arrays
            )
            shapes = f"node.shapes = ({', '.join(each)},)"
            if pointwise and not op.optional:
                same = " or ".join(f"{n}_a.shape != {first}_a.shape" for n in arrays[1:])
                shapes = f"if {same}: {shapes}"
        return lines + self._recording(arrays, shapes)

    def _joining(self) -> list[str]:
        """The fast path of an op on a list of tensors."""
        op, given = self.op, self.op.arrays[0]
        lines = [f"    {given}_a = plain_list({given}, {op.kind == 'move'})"]
        lines += self._unless([f"{given}_a is None"])
        lines += self._try(self._call([f"{given}_a"]))
        return [*lines, self._wrapped(f"list({given})")]

    def _wrapped(self, flat: str) -> str:
        """The return of tensors around what was made, recorded where that is wanted."""
        made, kept = "z" if self.op.many else "[z]", "".join(f"{k}, " for k in self.op.keeps)
        return f"    return results({flat}, {self.params}, {made}, ({kept}))"

    def _lined(self) -> list[str]:
        """The call of a body that is written down by signature."""
        op = self.op
        written = lines_of(op)
        self.scope.update(line_=written.get, learn=written.learn)
        arrays = [f"{n}_a" for n in op.arrays]
        given, made = "".join(f"{a}, " for a in arrays), ", ".join(["z", *op.keeps])
        alike = op.kind in ("same", "pointwise") and op.promotes is None
        told = signature(arrays, op, alike)
        return [
            "    try:", f"        k_ = ({told}{''.join(f'{p}, ' for p in op.params)})",
            "        f_ = line_(k_)",
            f"        if f_ is None: f_ = learn(k_, ({given}), {self.params})",
            f"        {made} = f_({given})", "    except Exception:", f"        {self.slow}",
        ]  # fmt: skip

    def _unruled(self) -> list[str]:
        """An op without rules is differentiated through its body: the general path records that."""
        op = self.op
        if op.rules or not op.differentiable:
            return []
        wanted = " or ".join(f"({n} is not None and {n}.needs)" for n in op.arrays)
        return self._unless([f"({wanted}) and (not modes.no_grad_threads or local.grad)"])

    def _recording(self, given: list[str], shapes: str | None, numbers: tuple = ()) -> list[str]:
        """Lines that make the node for whichever of `given` want gradients, and return t."""
        op = self.op
        given = [n for n in given if n in op.rules] if op.differentiable else []
        idle = "" if op.kind == "view" else "t.needs = False; "
        plain = [f"{idle}t.node = None", "return t"]
        if not given:
            return ["    " + line for line in plain]
        wants = [
            f"({n} is not None and {n}.needs)" if n in op.optional else f"{n}.needs" for n in given
        ]
        lines = [f"    if ({' or '.join(wants)}) and (not modes.no_grad_threads or local.grad):"]
        for n, test in zip(given, wants):
            seen = ""
            if op.kind == "view":  # often of a view that is as its base left it, and wants none
                seen = f"None if {n}.needs is ASK and {n}.origin[3] == {n}.version[0] else "
            found = f"({n}.node or {n}) if {n}.origin is None else {seen}edge({n})"
            lines.append(
                f"        e_{n} = {found}"
                if len(given) == 1
                else f"        e_{n} = ({found}) if {test} else None"
            )
        bits = {n: 1 << op.arrays.index(n) for n in given}
        edges = "".join(f"e_{n}, " if n in bits else "None, " for n in op.arrays)
        if len(given) == 1:
            lines += self._node(
                f"e_{given[0]} is not None", sum(bits.values()), numbers, edges, shapes
            )
        elif len(given) == 2:
            x, y = given
            for test, mask in (
                (f"e_{x} is not None and e_{y} is not None", bits[x] | bits[y]),
                (f"e_{x} is not None", bits[x]),
                (f"e_{y} is not None", bits[y]),
            ):
                lines += self._node(test, mask, numbers, edges, shapes)
        else:
            first, *others = given
            most = " and ".join(f"e_{n} is not None" for n in others)
            every = sum(bits.values())
            for test, mask in (("not None", every), ("None", every - bits[first])):
                lines += self._node(f"e_{first} is {test} and {most}", mask, numbers, edges, shapes)
            mask = " | ".join(f"((e_{n} is not None) << {op.arrays.index(n)})" for n in given)
            names = "".join(f"{n}, " for n in [*op.arrays, *op.params, *op.keeps])
            lines.append(f"        needed = {mask}")
            node, saved = "(plan_ := plan_of(op, needed)).node_class()", f"plan_.save({names}z, t)"
            lines += self._noted("needed", node, saved, edges, shapes)
        return lines + ["    " + line for line in plain]

    def _node(
        self, test: str, mask: int, numbers: tuple, edges: str, shapes: str | None
    ) -> list[str]:
        name = f"{mask}_{len(numbers)}"
        plan = plan_of(self.op, mask, numbers)
        self.scope[f"N{name}"] = plan.node_class
        return self._noted(test, f"N{name}()", plan.keep, edges, shapes)

    def _noted(self, test: str, node: str, saved: str, edges: str, shapes: str | None) -> list[str]:
        """Lines that return t with its node, where the test holds."""
        return [
            f"        if {test}:",
            f"            node = {node}; node.tick = next(ticks); node.extra = None; "
            f"node.shapes = None; node.edges = ({edges}); node.saved = {saved}",
            *([f"            {shapes}"] if shapes else []),
            "            t.needs = True; t.node = node",
            "            return t",
        ]
