"""The small builder that kernel bodies are written against: typed values, lanes, loops, memory.

It writes LLVM's text, which the host and the GPU's targets share; what differs between them (how
wide a vector is, how a thread waits) is asked of the target. Nothing is reordered or contracted:
a product and a sum are two roundings unless a kernel says `fma`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from itertools import count
from typing import Any

from .elements import (
    BOOL,
    F32,
    F64,
    I8,
    I32,
    I64,
    POINTER,
    Kind,
    conversion,
    literal,
    mangled,
    typed,
)
from .elements import U8 as U8
from .elements import U32 as U32
from .elements import U64 as U64
from .elements import kind_of as kind_of
from .halves import narrowed, widened


def _operator(whole: str, floating: str = "", swap: bool = False):
    def operator(self: "Val", other: Any) -> "Val":
        other = self.f.like(other, self)
        a, b = (other, self) if swap else (self, other)
        word = floating if self.kind.floating else whole
        return self.f.op(self.kind, self.lanes, f"{word} {a}, {b.name}")

    return operator


def _compared(how: str):
    def operator(self: "Val", other: Any) -> "Val":
        return self.compared(how, other)

    return operator


class _Named:
    """`lanes` elements of one kind, and their name in the text."""

    __slots__ = ("f", "kind", "lanes", "name")

    def __init__(self, f: "Function", kind: Kind, lanes: int, name: str) -> None:
        self.f, self.kind, self.lanes, self.name = f, kind, lanes, name

    @property
    def type(self) -> str:
        return typed(self.kind, self.lanes)

    def __str__(self) -> str:
        """Type and name, as an instruction has them."""
        return f"{self.type} {self.name}"


class Val(_Named):
    """A value in registers."""

    __slots__ = ()

    __add__, __radd__ = _operator("add", "fadd"), _operator("add", "fadd", True)
    __sub__, __rsub__ = _operator("sub", "fsub"), _operator("sub", "fsub", True)
    __mul__, __rmul__ = _operator("mul", "fmul"), _operator("mul", "fmul", True)
    __truediv__, __rtruediv__ = _operator("sdiv", "fdiv"), _operator("sdiv", "fdiv", True)
    __floordiv__, __mod__ = _operator("sdiv"), _operator("srem")
    __and__, __or__, __xor__ = _operator("and"), _operator("or"), _operator("xor")
    __lshift__ = _operator("shl")

    def __rshift__(self, other: Any) -> "Val":
        return _operator("lshr" if self.kind.family == "uint" else "ashr")(self, other)

    def __neg__(self) -> "Val":
        if self.kind.floating:
            return self.f.op(self.kind, self.lanes, f"fneg {self}")
        return 0 - self

    def compared(self, how: str, other: Any) -> "Val":
        """A mask: `how` is lt, le, gt, ge, eq or ne; NaN is unequal to all."""
        other = self.f.like(other, self)
        if self.kind.floating:
            word = f"fcmp {'une' if how == 'ne' else 'o' + how}"
        elif how in ("eq", "ne"):
            word = f"icmp {how}"
        else:
            word = f"icmp {'s' if self.kind.family == 'int' else 'u'}{how}"
        return self.f.op(BOOL, self.lanes, f"{word} {self}, {other.name}")

    __lt__, __le__, __gt__, __ge__ = map(_compared, ("lt", "le", "gt", "ge"))

    def equals(self, other: Any) -> "Val":
        return self.compared("eq", other)

    def isnan(self) -> "Val":
        return self.f.op(BOOL, self.lanes, f"fcmp uno {self}, {self.name}")

    def parts(self, size: Any) -> "Val":
        """How many of a size hold so many."""
        return (self + (size - 1)) // size

    def shifted(self, index: Any, kind: Kind = I8) -> "Val":
        """The address `index` elements of `kind`, or bytes, further on."""
        index = self.f.index(index)
        unit = "i8" if kind is BOOL else kind.name
        return self.f.op(POINTER, 1, f"getelementptr {unit}, {self}, i64 {index.name}")

    def read(self, index: Any, kind: Kind, lanes: int = 1, mask: "Val | None" = None) -> "Val":
        """Elements in memory from the `index`-th on; zero where the mask does not hold."""
        return self.f.load(self.shifted(index, kind), kind, lanes, mask)

    def write(self, index: Any, x: "Val", mask: "Val | None" = None) -> None:
        """Elements to memory from the `index`-th of their kind on, those of the mask."""
        self.f.store(self.shifted(index, x.kind), x, mask)


class Var(_Named):
    """A place for a value that changes: what a loop carries."""

    __slots__ = ()

    def get(self) -> Val:
        return self.f.op(self.kind, self.lanes, f"load {self.type}, ptr {self.name}")

    def set(self, value: Any) -> None:
        """Another value from here on."""
        value = self.f.const(value, self.kind, self.lanes)
        self.f.line(f"store {value}, ptr {self.name}")


class Module:
    """Functions that are compiled together."""

    def __init__(self, target: Any) -> None:
        self.target = target
        self.functions: list[Function] = []
        self.declared: dict[str, str] = {}
        self.notes = [  # 0: past the caches; 1: a loop unrolled by hand already; 3: a rare branch
            "!0 = !{i32 1}", "!1 = distinct !{!1, !2}", '!2 = !{!"llvm.loop.unroll.disable"}',
            '!3 = !{!"branch_weights", i32 1, i32 2000}',
        ]  # fmt: skip
        self._names = count()

    def function(
        self, name: str, params: str, shared: bool = False, result: Kind | None = None
    ) -> "Function":
        """A new function, its params like "x:ptr n:i64"; only a shared one is seen outside."""
        f = Function(self, name, params, shared, result)
        self.functions.append(f)
        return f

    def once(self, name: str, params: str, write: Callable[["Function"], None]) -> str:
        """The name of a function that is written where it is first asked for."""
        if all(f.name != name for f in self.functions):
            f = self.function(name, params)
            write(f)
            f.done()
        return name

    def fresh(self, stem: str) -> str:
        """A name that no other function of the module has."""
        return f"{stem}_{next(self._names)}"

    def __str__(self) -> str:
        ends = *self.declared.values(), self.target.attributes, *self.notes
        return "\n".join([*map(str, self.functions), *ends])


def once(params: str) -> Callable[[Callable[..., None]], Callable[..., str]]:
    """Of what writes a function (f, *given): its name in (module, *given), written once there."""

    def decorated(write: Callable[..., None]) -> Callable[..., str]:
        def named(module: Module, *given: Any) -> str:
            name = "_".join([write.__name__, *(str(getattr(x, "name", x)) for x in given)])
            return module.once(name, params, lambda f: write(f, *given))

        return wraps(write)(named)

    return decorated


_PARAMS = {"ptr": POINTER, "i64": I64, "i32": I32, "bool": BOOL, "f32": F32, "f64": F64}


class Function:
    """One function being written, from its first line to its last."""

    def __init__(
        self, module: Module, name: str, params: str, shared: bool, result: Kind | None
    ) -> None:
        self.module, self.name, self.shared, self.result = module, name, shared, result
        self.target = module.target
        self._count = count()
        self._places: list[str] = []
        self._body: list[str] = []
        self._label = "start"
        self.params = [(n, _PARAMS[t]) for n, t in (p.split(":") for p in params.split())]
        self.args = [Val(self, kind, 1, f"%{n}") for n, kind in self.params]

    # -- lines

    def line(self, text: str) -> None:
        """One instruction without a result."""
        self._body.append("  " + text)

    def op(self, kind: Kind, lanes: int, text: str) -> Val:
        """One instruction with a result."""
        name = f"%t{next(self._count)}"
        self._body.append(f"  {name} = {text}")
        return Val(self, kind, lanes, name)

    def label(self) -> str:
        """A name for a place to jump to."""
        return f"L{next(self._count)}"

    def begin(self, label: str) -> None:
        """From here on, the lines behind a label."""
        self._body.append(f"{label}:")
        self._label = label

    # -- values

    def const(self, x: Any, kind: Kind, lanes: int = 1) -> Val:
        """A number, or a value of one lane, as `lanes` elements of `kind`."""
        if isinstance(x, Val):
            return self.spread(x, lanes)
        text = "null" if kind is POINTER else literal(x, kind)
        return Val(self, kind, lanes, text if lanes == 1 else f"splat ({kind.name} {text})")

    def like(self, x: Any, model: Val) -> Val:
        """A number or value with the kind and lanes of another."""
        return self.const(x, model.kind, model.lanes)

    def index(self, x: Any) -> Val:
        """A 64-bit integer."""
        return x if isinstance(x, Val) else self.const(x, I64)

    def spread(self, x: Val, lanes: int) -> Val:
        """One element in all lanes."""
        if lanes == x.lanes:
            return x
        t = typed(x.kind, lanes)
        one = self.op(x.kind, lanes, f"insertelement {t} poison, {x}, i64 0")
        order = f"<{lanes} x i32> zeroinitializer"
        return self.op(x.kind, lanes, f"shufflevector {one}, {t} poison, {order}")

    def lane(self, x: Val, i: int) -> Val:
        if x.lanes == 1:
            return x
        return self.op(x.kind, 1, f"extractelement {x}, i64 {i}")

    def part(self, x: Val, first: int, last: int) -> Val:
        """Some neighbouring lanes of a vector."""
        if last - first == 1:
            return self.lane(x, first)
        return self.shuffle(x, x, range(first, last))

    def gathered(self, parts: list[Val]) -> Val:
        """A vector of values of one lane each."""
        kind, lanes = parts[0].kind, len(parts)
        if lanes == 1:
            return parts[0]
        made = Val(self, kind, lanes, "poison")
        for i, p in enumerate(parts):
            made = self.op(kind, lanes, f"insertelement {made}, {p}, i64 {i}")
        return made

    def shuffle(self, a: Val, b: Val, order: Sequence[int]) -> Val:
        """Lanes of two vectors in a new order."""
        picks, n = ", ".join(f"i32 {i}" for i in order), len(order)
        return self.op(a.kind, n, f"shufflevector {a}, {b}, <{n} x i32> <{picks}>")

    def lanes_from(self, start: Val, lanes: int) -> Val:
        """start, start + 1, ... in the lanes."""
        if lanes == 1:
            return start
        steps = ", ".join(f"{start.kind.name} {i}" for i in range(lanes))
        return self.spread(start, lanes) + Val(self, start.kind, lanes, f"<{steps}>")

    def first_lanes(self, n: Val | int, lanes: int) -> Val:
        """The mask of lanes below n."""
        if isinstance(n, int):
            return self.mask([i < n for i in range(lanes)])
        small = self.op(I32, 1, f"trunc i64 {n.name} to i32")
        return self.lanes_from(self.const(0, I32), lanes) < self.spread(small, lanes)

    def mask(self, holds: list[bool]) -> Val:
        """A mask that is known beforehand."""
        bits = ["true" if x else "false" for x in holds]
        text = f"<{', '.join(f'i1 {x}' for x in bits)}>" if len(bits) > 1 else bits[0]
        return Val(self, BOOL, len(bits), text)

    def select(self, mask: Val, yes: Any, no: Any) -> Val:
        """`yes` where the mask holds, `no` elsewhere."""
        yes = yes if isinstance(yes, Val) else self.like(yes, no)
        no = self.like(no, yes)
        yes = self.like(yes, no)
        mask = self.spread(mask, yes.lanes)
        return self.op(yes.kind, yes.lanes, f"select {mask}, {yes}, {no}")

    def any(self, mask: Val) -> Val:
        """Whether a mask holds in some lane."""
        if mask.lanes == 1:
            return mask
        return self.known(f"llvm.vector.reduce.or.v{mask.lanes}i1", BOOL, 1, mask)

    def least(self, a: Any, b: Any) -> Val:
        """The smaller of two integers."""
        a, b = self.index(a), self.index(b)
        return self.select(a < b, a, b)

    def cast(self, x: Val, kind: Kind) -> Val:
        """The value converted: floating numbers are cut towards zero, a mask is 0 or 1."""
        if kind == x.kind:
            return x
        if x.kind.storage:
            return self.cast(widened(self, x), kind)
        if kind.storage:
            return narrowed(self, x, kind)
        if kind is BOOL:
            return x.compared("ne", 0)
        word = conversion(x.kind, kind)
        if word is None:
            return Val(self, kind, x.lanes, x.name)
        return self.turned(word, x, kind)

    def turned(self, word: str, x: Val, kind: Kind) -> Val:
        """One instruction that gives a value another kind."""
        return self.op(kind, x.lanes, f"{word} {x} to {typed(kind, x.lanes)}")

    def bits(self, x: Val, kind: Kind) -> Val:
        """The same bits under another kind."""
        return self.turned("bitcast", x, kind)

    # -- memory

    def load(self, at: Val, kind: Kind, lanes: int = 1, mask: Val | None = None) -> Val:
        """Elements from memory; zero where the mask does not hold."""
        if kind is BOOL:
            return self.cast(self.load(at, I8, lanes, mask), BOOL)
        t = typed(kind, lanes)
        if mask is None:
            return self.op(kind, lanes, f"load {t}, {at}, align {kind.size}")
        name = f"llvm.masked.load.{mangled(kind, lanes)}.p0"
        return self.op(kind, lanes, self.target.masked_load(self, name, at, mask, kind, lanes))

    def store(self, at: Val, x: Val, mask: Val | None = None, streaming: bool = False) -> None:
        """Elements to memory, those of the mask; streaming ones (aligned) pass by the caches."""
        if x.kind is BOOL:
            x = self.turned("zext", x, I8)
        if mask is not None:
            name = f"llvm.masked.store.{mangled(x.kind, x.lanes)}.p0"
            self.line(self.target.masked_store(self, name, at, x, mask))
        elif streaming:
            size = min(x.kind.size * x.lanes, self.target.vector)
            self.line(f"store {x}, {at}, align {size}, !nontemporal !0")
        else:
            self.line(f"store {x}, {at}, align {x.kind.size}")

    def var(self, kind: Kind, lanes: int = 1, start: Any = None) -> Var:
        """A place for a value that changes."""
        name = f"%v{next(self._count)}"
        self._places.append(f"  {name} = alloca {typed(kind, lanes)}")
        var = Var(self, kind, lanes, name)
        if start is not None:
            var.set(start)
        return var

    def buffer(self, kind: Kind, n: int) -> Val:
        """Memory of the function's own for n elements."""
        name = f"%v{next(self._count)}"
        self._places.append(f"  {name} = alloca [{n} x {kind.name}], align 64")
        return Val(self, POINTER, 1, name)

    # -- control

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int = 1) -> Iterator[Val]:
        """The body once for each index from start, below stop."""
        start, stop = self.index(start), self.index(stop)
        head, body, out = self.label(), self.label(), self.label()
        i, after = f"%i{next(self._count)}", f"%n{next(self._count)}"
        before = self._label
        self.line(f"br label %{head}")
        self.begin(head)
        place = len(self._body)
        self._body.append("")
        inside = self.op(BOOL, 1, f"icmp slt i64 {i}, {stop.name}")
        self.line(f"br i1 {inside.name}, label %{body}, label %{out}")
        self.begin(body)
        yield Val(self, I64, 1, i)
        self.line(f"{after} = add nsw i64 {i}, {step}")
        ways = f"[ {start.name}, %{before} ], [ {after}, %{self._label} ]"
        self._body[place] = f"  {i} = phi i64 {ways}"
        self.line(f"br label %{head}, !llvm.loop !1")
        self.begin(out)

    @contextmanager
    def forever(self) -> Iterator[str]:
        """A loop without an end; gives the label to leave to (see leave_if)."""
        head, out = self.label(), self.label()
        self.line(f"br label %{head}")
        self.begin(head)
        yield out
        self.line(f"br label %{head}")
        self.begin(out)

    def leave_if(self, condition: Val, out: str) -> None:
        """Leave a loop where the condition holds."""
        go_on = self.label()
        self.line(f"br i1 {condition.name}, label %{out}, label %{go_on}")
        self.begin(go_on)

    @contextmanager
    def when(self, condition: Val, rare: bool = False) -> Iterator[None]:
        """The body where the condition holds; a rare one is kept out of the way."""
        yes, out = self.label(), self.label()
        weights = ", !prof !3" if rare else ""
        self.line(f"br i1 {condition.name}, label %{yes}, label %{out}{weights}")
        self.begin(yes)
        yield
        self.line(f"br label %{out}")
        self.begin(out)

    def call(
        self, name: str | Val, *args: Val | int, result: Kind | None = None, lanes: int = 1
    ) -> Val | None:
        """A call of a function of the module or of the process, or of the one at an address."""
        at = name.name if isinstance(name, Val) else f"@{name}"
        given = ", ".join(str(self.index(a)) for a in args)
        if result is None:
            self.line(f"call void {at}({given})")
            return None
        return self.op(result, lanes, f"call {typed(result, lanes)} {at}({given})")

    def known(self, name: str, result: Kind, lanes: int, *args: Val) -> Val:
        """A call of an instruction that LLVM knows by name, declared as it is used."""
        self.declare(name, typed(result, lanes), [a.type for a in args])
        made = self.call(name, *args, result=result, lanes=lanes)
        assert made is not None
        return made

    def declare(self, name: str, result: str, params: list[str]) -> None:
        """Say once that a function exists elsewhere."""
        self.module.declared.setdefault(name, f"declare {result} @{name}({', '.join(params)})")

    def math(self, word: str, *args: Val) -> Val:
        """One of LLVM's elementwise functions, single instructions mostly: fma, sqrt, floor ..."""
        x = args[0]
        return self.known(f"llvm.{word}.{mangled(x.kind, x.lanes)}", x.kind, x.lanes, *args)

    def fma(self, a: Val, b: Any, c: Any) -> Val:
        """a * b + c with one rounding; with two on a machine that has no instruction for it."""
        if not self.target.fused:
            return a * b + c
        return self.math("fma", a, self.like(b, a), self.like(c, a))

    def folded(self, x: Val, join: Callable[[Val, Val], Val]) -> Val:
        """All lanes joined into one, halves with halves."""
        n = x.lanes
        while n > 1:
            n //= 2
            x = join(self.part(x, 0, n), self.part(x, n, 2 * n))
        return x

    def done(self, value: Val | None = None) -> None:
        self.line("ret void" if value is None else f"ret {value}")

    def __str__(self) -> str:
        kind = "" if self.shared else "internal "
        result = self.result.name if self.result else "void"
        given = ", ".join(f"{kind.name} %{n}" for n, kind in self.params)
        head = f"define {kind}{result} @{self.name}({given}) #0 {{"
        return "\n".join(
            [head, "entry:", *self._places, "  br label %start", "start:", *self._body, "}", ""]
        )
