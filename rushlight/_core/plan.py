"""What one op keeps and runs for backward, for one pattern of arguments, as code."""

import functools
from collections.abc import Callable
from typing import Any

from . import dtypes
from .kinds import known
from .probing import rule_word
from .record import Op, argument_names
from .tape import Node, freed, make, ndarray, stale

_PUBLIC = {"input": "self", "out": "result"}  # PyTorch's names for what is saved


class Plan:
    """One op under one pattern: what is saved, and the function that runs the rules.

    Args:
        op: the record.
        needed: bits of the arguments that want gradients (the list argument is one bit).
        numbers: names of tensor arguments that were given as Python numbers.
        halves: the dtypes of all arguments where a half-precision one is among them, else ().
    """

    def __init__(self, op: Op, needed: int, numbers: tuple = (), halves: tuple = ()) -> None:
        self.op, self.needed, self.numbers, self.halves = op, needed, numbers, halves
        self.wanted = [n for i, n in enumerate(op.arrays) if needed >> i & 1 and n in op.rules]
        self.names = {n: argument_names(op.rules[n])[2:] for n in self.wanted}
        used = list(dict.fromkeys(a for n in self.wanted for a in self.names[n]))
        self.reruns = op.stats is not None and any(n in op.keeps for n in used)
        if self.reruns:
            used += [n for n in op.stats_names if n not in used]
        self.fields = used
        self.straight = op.straight and not halves
        name = op.node_name if isinstance(op.node_name, str) else op.node_name(numbers)
        single = len(self.wanted) == 1 and not op.lists
        self.only = op.arrays.index(self.wanted[0]) if single else None
        own = {"__slots__": (), "plan": self, "plain": self._plainly(), "only": self.only}
        for field in used:
            for said in {field, _PUBLIC.get(field, field)}:
                own[f"_saved_{said}"] = property(lambda node, of=field: self.saved(node, of))
        self.node_class = type(name, (Node,), own)
        self.keep = "(" + "".join(f"{k}, " for n in used for k in self._kept(n)[1]) + ")"

    def _kept(self, name: str) -> tuple[list[str], list[str]]:
        """The fields that a name takes in `saved`, and the expressions that fill them."""
        op = self.op
        whole, _, suffix = name.rpartition("_")
        if name == "out":
            if op.many:
                return ["out"], ["z"]
            return ["out", "out_c", "out_v"], ["z", "t.version", "0"]
        if name in op.lists:
            return [name, f"{name}_v"], [name, f"versions({name})"]
        if name in op.arrays and name not in self.numbers:
            version = f"{name}.version[0]"
            if name in op.optional:
                version = f"None if {name} is None else {version}"
            return [name, f"{name}_v"], [name, version]
        if whole in op.lists and suffix in ("shape", "dtype"):
            return [name], [f"[x.array.{suffix} for x in {whole}]"]
        if whole in op.arrays and suffix in ("shape", "dtype", "layout"):
            if whole in self.numbers:
                return [name], ["()" if suffix == "shape" else "None"]
            # the layout is the array itself, for its strides: its values may change
            value = f"{whole}.array" if suffix == "layout" else f"{whole}.array.{suffix}"
            return [name], [
                f"None if {whole} is None else {value}" if whole in op.optional else value
            ]
        return [name], [name]  # a parameter, a kept value, a Python number

    def _half(self, name: str) -> bool:
        op = self.op
        if not self.halves or op.kind in ("view", "move"):
            return False
        if name in ("g", "out"):
            return True
        found = self.halves[op.arrays.index(name)] if name in op.arrays else ()
        return any(d in dtypes.HALVES for d in (found if name in op.lists else (found,)))

    def _unpack(self) -> list[str]:
        """Source lines that check and open each saved field."""
        op, lines = self.op, []
        for name in self.fields:
            if name == "out" and not op.many:
                lines += ["    if out_c[0] != out_v: stale(node, out, out_c[0], out_v)"]
                lines += ["    if lift is not None: out = lift.output(out, node, out_c)"]
            elif name == "out":
                lines += ["    if lift is not None: out = lift.outputs(out, node)"]
            elif name in op.lists:
                lines += [f"    {name} = opened({name}, {name}_v, node, lift)"]
            elif name in op.arrays and name not in self.numbers:
                block = [
                    f"    if {name}.version[0] != {name}_v: stale(node, {name}, "
                    f"{name}.version[0], {name}_v)",
                    f"    {name} = {name}.array if lift is None else lift.tensor({name})",
                ]
                if name in op.optional:
                    block = [f"    if {name} is not None:", *("    " + line for line in block)]
                lines += block
            elif name in op.keeps:
                lines += [f"    if lift is not None: {name} = lift.kept({name})"]
            if self._half(name):
                lines += [f"    {name} = up(m, {name})"]
        return lines

    def _source(self, plain: bool = False) -> tuple[str, dict]:
        """`run(m, g, node, lift)`; or `plain(node, g)`, which is that on NumPy arrays."""
        op = self.op
        lines = []
        fields = [f for n in self.fields for f in self._kept(n)[0]]
        if fields:
            lines.append(f"    {', '.join(fields)}, = node.saved")
        lines += self._unpack()
        if self._half("g"):
            lines.append("    g = up(m, g)")
        if self.reruns:
            kept, given = ", ".join(op.keeps), "".join(f", {n}" for n in op.stats_names)
            lines.append(f"    if lift is not None and lift.reruns: {kept}, = stats(m{given})")
        scope: dict[str, Any] = {
            "stale": stale, "stats": op.stats, "up": up, "down": down,
            "opened": opened, "F32": dtypes.F32,
        }  # fmt: skip
        results = self._results(scope, plain)
        if not plain:
            return "\n".join(["def run(m, g, node, lift):", *lines, *results]), scope
        scope["m"], scope["lift"] = known.numpy, None
        lines = [
            line.partition(" if lift is None")[0] for line in lines if "if lift is not" not in line
        ]
        if len(results) < 2 and self.straight:
            lines += self._lined(scope)
        return "\n".join(["def plain(node, g):", *lines, *results]), scope

    def _results(self, scope: dict, plain: bool) -> list[str]:
        """Source lines that return the gradients; where plain, of one argument that one alone."""
        op, calls, words = self.op, [], []
        for i, name in enumerate(op.arrays):
            if name not in self.wanted:
                calls.append("*nothing" if name in op.lists else "None")
                words.append("None")
                continue
            scope[f"rule{i}"] = op.rules[name]
            call = f"rule{i}(m, g{''.join(f', {a}' for a in self.names[name])})"
            if self.halves:
                scope[f"dtype{i}"] = self.halves[i]
                call = f"down(m, {call}, dtype{i})"
            calls.append("*" + call if name in op.lists else call)
            words.append(self._word(name, f"word{i}", scope) if plain else None)
        made = []
        for test, each in (("if g.dtype is F32: ", words), ("", calls)):
            text = f"({', '.join(map(str, each))},)"
            text = each[self.only] if plain and self.only is not None else text
            made.append(f"    {test}return {text}")
        return made[None in words :]

    def _word(self, argument: str, name: str, scope: dict) -> str | None:
        """A rule on float32 where it is one word of NumPy's: nothing else need be called."""
        op, names = self.op, self.names[argument]
        arrays = {"out", *op.arrays} - {*op.optional, *op.lists, *self.numbers}
        if self.halves or op.kind == "view" or op.many or not arrays.issuperset(names):
            return None
        found = rule_word(op.rules[argument], names)
        if found is None or found[0] is None:
            return found and found[1][0]
        scope[name] = found[0]
        return f"{name}({', '.join(found[1])})"

    def _lined(self, scope: dict) -> list[str]:
        """Source lines for plain arrays: all rules at once, written down by signature."""
        op, fields = self.op, ["g", *self.fields]
        # of several outputs each one's gradient, and each one, is a value by itself
        parts = {n: [f"{n}{i}_" for i in range(len(op.outputs))] for n in ("g", "out") if op.many}
        given = [x for n in fields for x in parts.get(n, [n])]
        at = {n: i for i, n in enumerate(given)}
        taken = {n: [at[x] for x in parts[n]] if n in parts else at[n] for n in fields}
        rules = [
            (op.rules[n], [taken[a] for a in ["g", *self.names[n]]]) if n in self.wanted else None
            for n in op.arrays
        ]
        if self.only is not None:
            rules = [rules[self.only]]

        def body(m: Any, *values: Any) -> Any:
            def found(at: Any) -> Any:
                return values[at] if at.__class__ is int else tuple(values[i] for i in at)

            made = tuple(None if r is None else r[0](m, *map(found, r[1])) for r in rules)
            return made if self.only is None else made[0]

        written = known.straight(body)
        scope.update(line_=written.get, learn=written.learn)
        plain = ["g", *(n for n in self.fields if n in ("out", *op.arrays, *op.keeps))]
        arrays = [x for n in plain for x in parts.get(n, [n])]
        others = "".join(f"{n}, " for n in self.fields if n not in plain)
        values = "".join(f"{n}, " for n in given)
        alike = op.kind == "same" and not op.many
        return [
            "    try:",
            *(f"        {', '.join(parts[n])}, = {n}" for n in fields if n in parts),
            f"        k_ = ({signature(arrays, op, alike)}{others})",
            "        f_ = line_(k_)",
            f"        if f_ is None: f_ = learn(k_, ({values}), {{}})",
            f"        return f_({values})",
            "    except Exception:",
            "        pass  # said again, plainly",
        ]

    def _plainly(self) -> Callable:
        """The nodes' `plain`, compiled at its first call."""

        def plain(node: Node, g: Any) -> Any:
            made = self.node_class.plain = build(*self._source(plain=True))
            return made(node, g)

        return plain

    def __getattr__(self, name: str) -> Any:
        """`run` and `save` are compiled when first asked for: a forward pass needs neither."""
        if name == "run":
            source, scope = self._source()
            self.run = build(source, scope)
            return self.run
        if name == "save":
            op = self.op
            arguments = "".join(f"{n}, " for n in [*op.arrays, *op.params, *op.keeps])
            source = f"def save({arguments}z, t):\n    return {self.keep}"
            self.save = build(source, {"versions": versions})
            return self.save
        raise AttributeError(name)

    def saved(self, node: Node, name: str) -> Any:
        """What a node keeps under a name, for `grad_fn._saved_self` and such."""
        if node.saved is None:
            freed()
        fields = [f for n in self.fields for f in self._kept(n)[0]]
        value = node.saved[fields.index(name)]
        return make(value) if value.__class__ is ndarray else value

    def saved_tensors(self, node: Node) -> Any:
        raise AttributeError(f"{type(node).__name__} has no attribute 'saved_tensors'")


def versions(tensors: Any) -> list[int]:
    """The version of each tensor of a list, as it is saved."""
    return [t.version[0] for t in tensors]


def opened(tensors: Any, seen: list[int], node: Node, lift: Any) -> list:
    """The saved tensors of a list, checked, as what the rules are run on."""
    for t, v in zip(tensors, seen):
        if t.version[0] != v:
            stale(node, t, t.version[0], v)
    return [t.array if lift is None else lift.tensor(t) for t in tensors]


def up(m: Any, x: Any) -> Any:
    """A half-precision value (or tuple of them) as float32: rules compute in that."""
    if x.__class__ is list or x.__class__ is tuple:
        return [None if v is None else up(m, v) for v in x]
    half = dtypes.of(x.dtype) in dtypes.HALVES
    return m.astype(x, m.float32) if half else x


def down(m: Any, g: Any, wanted: Any) -> Any:
    """A gradient in its argument's dtype."""
    if g is None or wanted is None:
        return g
    if g.__class__ is list:
        return [down(m, x, d) for x, d in zip(g, wanted)]
    return g if dtypes.of(g.dtype) is wanted else m.astype(g, wanted)


def lines_of(op: Op) -> Any:
    """The lines of the op's body, by signature."""
    if op.lines is None:
        op.lines = known.straight(op.body)
    return op.lines


def signature(arrays: list[str], op: Op, alike: bool) -> str:
    """Source of what a straight line hangs on: the arrays' shapes and dtypes (`alike`: one)."""
    optional = {*op.optional, *(f"{n}_a" for n in op.optional)}
    optional |= {n for n in arrays if op.many and n[-1] == "_"}  # an output may have no gradient
    made = []
    for i, n in enumerate(arrays):
        kinds = "" if i and alike else f", {n}.dtype"
        if n in optional:
            kinds = kinds and f", None if {n} is None else {n}.dtype"
            made.append(f"None if {n} is None else {n}.shape{kinds}, ")
        else:
            made.append(f"{n}.shape{kinds}, ")
    return "".join(made)


@functools.lru_cache(None)
def _code(source: str) -> Any:
    return compile(source, "<op>", "exec")


def build(source: str, scope: dict) -> Callable:
    """The function that `source` defines, its globals `scope`; code is shared by pattern."""
    scope["__name__"] = "rushlight._core.op"  # where NumPy's warnings are silenced
    exec(_code(source), scope)
    return scope[source[4 : source.index("(")]]


def plan_of(op: Op, needed: int, numbers: tuple = (), halves: tuple = ()) -> Any:
    """The op's plan for a pattern, made once."""
    key = needed, numbers, halves
    found = op.plans.get(key)
    if found is None:
        found = op.plans[key] = Plan(op, needed, numbers, halves)
    return found
