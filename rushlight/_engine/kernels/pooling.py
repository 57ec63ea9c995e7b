"""Pooling of planes: the greatest element or the sum of each window, and their gradients.

A plane is copied into memory of the thread's own, framed and parted by the stride into phases, so
that each place of the window sees a row's windows one after another in memory.
"""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from ..._arrays.pooling import WORDS as WORDS
from ..builder import I8, I64, Function, Kind, Module, Val
from ..graph import Step
from . import rows
from .convolution_tiles import BYTE, call, frame
from .nest import along_axes, offset, opened, vectors
from .rows import Nest, Operand, Rows
from .share import PARTIALS, begun, tasks

_GRAIN = 1 << 14  # elements that a thread takes at once


@dataclass(slots=True)
class Pooling:
    """pool_max, pool_sum, or the gradient of one (unpool_max, unpool_sum), then `nest` on it.

    The nest's leading axes are the result's but the last two, its length a plane. The operands are
    the step's arguments, each with the strides of all axes but the last in `lead`: x; g, x, out; g.
    """

    word: str
    first: Operand
    second: Operand | None
    third: Operand | None
    size: tuple[int, int]  # of the plane that is pooled
    out: tuple[int, int]  # windows
    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]  # before the first row and column
    dilation: tuple[int, int]
    value: int
    nest: Nest

    @property
    def kind(self) -> Kind:
        """The kind of the elements."""
        return self.first.kind

    @property
    def macs(self) -> int:
        """Elements that are looked at: a measure of the work."""
        return self.nest.rows * prod(self.out) * prod(self.window)

    @property
    def operands(self) -> list[Operand]:
        """Those that there are."""
        return [o for o in (self.first, self.second, self.third) if o is not None]


def described(step: Step, operands: list[Operand], nest: Nest) -> Pooling:
    """A step of WORDS, its operands as they lie in memory and what follows, for the kernel.

    Args:
        operands: its arguments; each one's `lead` holds the strides of all axes but the last. A
            gradient's rows lie in order.
        nest: what follows; its leading axes are the result's before the pooled ones, its length a
            plane.
    """
    p, axes = step.params, len(step.params["window"])
    large, small = step.args[0].shape, step.result.shape
    if step.word.startswith("un"):
        large, small = small, large
    if axes == 1:
        operands = [Operand(o.buffer, o.offset, (*o.lead, 0), o.along, o.kind) for o in operands]

    def two(given: tuple, other: int) -> tuple[int, int]:
        return tuple(given) if axes == 2 else (other, given[0])

    first, second, third, *_ = *operands, None, None
    return Pooling(
        step.word, first, second, third, two(large[len(large) - axes :], 1),
        two(small[len(small) - axes :], 1), two(p["window"], 1), two(p["stride"], 1),
        two(p["padding"], 0), two(p["dilation"], 1), step.result.id, nest,
    )  # fmt: skip


class _Frame:
    """How a plane lies when it is framed."""

    def __init__(self, p: Pooling, lanes: int) -> None:
        self.reach = [d * (k - 1) // s for k, s, d in zip(p.window, p.stride, p.dilation)]
        # Backwards all of the plane is in the frame, also what no window sees.
        ends = [-(-(n + q) // s) for n, q, s in zip(p.size, p.padding, p.stride)]
        need = [o + r for o, r in zip(p.out, self.reach)]
        rows, self.columns = (max(a, b) for a, b in zip(need, ends))
        self.rows, self.pitch = rows, self.columns
        self.phase = rows * self.pitch
        self.phases = prod(p.stride)
        self.elements = self.phases * self.phase + 4 * lanes

    def taps(self, p: Pooling) -> list[int]:
        """Where each place of the window begins."""
        found = []
        for y, x in product(*map(range, p.window)):
            (a, u), (b, v) = (
                divmod(t * d, s)[::-1] for t, d, s in zip((y, x), p.dilation, p.stride)
            )
            found.append((a * p.stride[1] + b) * self.phase + u * self.pitch + v)
        return found


def _layout(p: Pooling, lanes: int) -> dict[str, int]:
    made, size = _Frame(p, lanes), p.kind.size
    plane = max(prod(p.size), prod(p.out)) + 2 * lanes
    sizes = {
        "taps": prod(p.window) * 8,
        "frame": made.elements * size,
        "slopes": made.elements * size if p.word.startswith("un") else 0,
        "dense": plane * size,
    }
    places, end = {}, 0
    for name, n in sizes.items():
        places[name] = end
        end += -(-n // 64) * 64
    return {**places, "end": end}


def workspace(p: Pooling, target: Any, threads: int) -> int:
    """Bytes of working memory behind the first PARTIALS."""
    return _layout(p, target.lanes(p.kind.size))["end"] * threads


def work(p: Pooling) -> int:
    """How much it does: a multiply-add counts an eighth."""
    return rows.work(p.nest) + p.macs // 8


def kernel(module: Module, p: Pooling) -> str:
    """The name of the function (buffers, thread, threads, control, work) that pools."""
    f = begun(module, p.word)
    _Pool(f, p).write()
    f.done()
    return f.name


class _Pool:
    """The writing of one kernel."""

    def __init__(self, f: Function, p: Pooling) -> None:
        self.f, self.p, self.kind = f, p, p.kind
        self.buffers, self.me, _, _, self.work = f.args
        self.lanes = f.target.lanes(p.kind.size)
        self.frame, self.places = _Frame(p, self.lanes), _layout(p, self.lanes)
        self.mine = self.work.shifted(self.me * self.places["end"] + PARTIALS, I8)
        self.given = [opened(f, o) for o in p.operands]
        self.back, self.greatest = p.word.startswith("un"), p.word.endswith("max")

    def _region(self, name: str) -> Val:
        return self.mine.shifted(self.places[name], I8)

    def write(self) -> None:
        """A few planes after another."""
        f, p = self.f, self.p
        for at, tap in enumerate(self.frame.taps(p)):
            f.store(self._region("taps").shifted(at, I64), f.const(tap * self.kind.size, I64))
        planes = p.nest.rows
        grain = max(1, min(_GRAIN // max(prod(p.size), 1), -(-planes // 12)))
        with tasks(f, -(-planes // grain)) as task:
            first = task * grain
            with f.loop(first, f.least(first + grain, planes)) as plane:
                self._plane(plane)

    def _plane(self, plane: Val) -> None:
        f, p = self.f, self.p
        places = along_axes(plane, p.nest.lead)
        if self.back:
            self._backward(places)
            count = prod(p.size)
        else:
            self._framed(0, places)
            call(f, _pooled(f.module, self.kind, self.greatest), self._region("frame"),
                 self._region("taps"), self._region("dense"),
                 *map(f.index, (prod(p.window), *p.out, self.frame.pitch)))  # fmt: skip
            count = prod(p.out)
        follow = Rows(f, p.nest, self.lanes)
        follow.stand(places)
        follow.follow(p.value, self.kind, [self._region("dense")], 0, f.index(count))

    def _at(self, number: int, places: list[Val]) -> tuple[Val, int, int]:
        """Where an operand's plane begins, its strides."""
        o = self.p.operands[number]
        return self.given[number].shifted(offset(o, places), o.kind), o.lead[-1], o.along

    def _framed(self, number: int, places: list[Val]) -> None:
        f, p, made = self.f, self.p, self.frame
        fill = float("-inf") if self.greatest else 0.0
        src, line, along = self._at(number, places)
        for at, (a, b) in enumerate(product(*map(range, p.stride))):
            call(
                f, frame(f.module, self.kind, fill), src,
                self._region("frame").shifted(at * made.phase, self.kind),
                *map(f.index, (
                    *p.size, line, along, a - p.padding[0], b - p.padding[1], *p.stride,
                    made.rows, made.columns, made.pitch,
                )),
            )  # fmt: skip

    def _backward(self, places: list[Val]) -> None:
        """The slopes of a plane: added up phase by phase, then put in order."""
        f, p, made = self.f, self.p, self.frame
        slopes, nothing = self._region("slopes"), f.const(0, self.kind, self.lanes)
        with f.loop(0, made.elements - self.lanes, self.lanes) as j:
            f.store(slopes.shifted(j, self.kind), nothing)
        g, line, _ = self._at(0, places)
        sizes = (*p.out, made.pitch)
        if self.greatest:
            self._framed(1, places)
            out, under, _ = self._at(2, places)
            call(
                f, _unpooled(f.module, self.kind, True), self._region("frame"),
                self._region("taps"), slopes, g, out,
                *map(f.index, (prod(p.window), *sizes, line, under)),
            )  # fmt: skip
        else:
            call(
                f, _unpooled(f.module, self.kind, False), slopes, self._region("taps"), slopes, g,
                g, *map(f.index, (prod(p.window), *sizes, line, line)),
            )  # fmt: skip
        call(
            f, _joined(f.module, self.kind), slopes, self._region("dense"),
            *map(f.index, (*p.size, *p.stride, *p.padding, made.phase, made.pitch)),
        )  # fmt: skip


def _larger(f: Function, a: Val, b: Val) -> Val:
    """The second where it is greater or not a number."""
    return f.select((b > a) | b.isnan(), b, a)


def _pooled(module: Module, kind: Kind, greatest: bool) -> str:
    """dense[u * columns + v] = the greatest of, or the sum over, all taps' frame[tap + place]."""
    name = f"pooled_{'max' if greatest else 'sum'}_{kind.name}"
    if module.has(name):
        return name
    f = module.function(name, "frame:ptr taps:ptr dense:ptr n:i64 rows:i64 columns:i64 pitch:i64")
    source, taps, dense, n, rows, columns, pitch = f.args
    lanes = f.target.lanes(kind.size)
    best = f.var(kind, lanes)
    with f.loop(0, rows) as u, f.loop(0, columns, lanes) as v:
        here = source.shifted(u * pitch + v, kind)

        def seen(t: Val, here: Val = here) -> Val:
            return f.load(here.shifted(f.load(taps.shifted(t, I64), I64), BYTE), kind, lanes)

        best.set(seen(f.index(0)))
        with f.loop(1, n) as t:
            x = seen(t)
            best.set(_larger(f, best.get(), x) if greatest else best.get() + x)
        f.store(dense.shifted(u * columns + v, kind), best.get())
    f.done()
    return name


def _unpooled(module: Module, kind: Kind, greatest: bool) -> str:
    """slopes[tap + place] += g[place]: for all taps, or for the first that holds the greatest.

    As our words have it, the last tap takes what no other one took.
    """
    name = f"unpooled_{'max' if greatest else 'sum'}_{kind.name}"
    if module.has(name):
        return name
    f = module.function(
        name,
        "frame:ptr taps:ptr slopes:ptr g:ptr out:ptr n:i64 rows:i64 columns:i64 pitch:i64 "
        "line:i64 under:i64",
    )
    source, taps, slopes, g, out, n, rows, columns, pitch, line, under = f.args
    lanes = f.target.lanes(kind.size)
    left, nothing = f.var(kind, lanes), f.const(0, kind, lanes)

    def row(u: Val, v: Val, mask: Val | None) -> None:
        place = u * pitch + v
        left.set(f.load(g.shifted(u * line + v, kind), kind, lanes, mask))

        def give(t: Val, x: Val) -> None:
            to = slopes.shifted(place, kind).shifted(f.load(taps.shifted(t, I64), I64), BYTE)
            f.store(to, f.load(to, kind, lanes) + x)

        if not greatest:
            with f.loop(0, n) as t:
                give(t, left.get())
            return
        best = f.load(out.shifted(u * under + v, kind), kind, lanes, mask)
        here = source.shifted(place, kind)
        with f.loop(0, n - 1) as t:
            seen = f.load(here.shifted(f.load(taps.shifted(t, I64), I64), BYTE), kind, lanes)
            hit = seen.equals(best)
            give(t, f.select(hit, left.get(), nothing))
            left.set(f.select(hit, nothing, left.get()))
        give(n - 1, left.get())

    with f.loop(0, rows) as u:
        vectors(f, 0, columns, lanes, lambda v, mask: row(u, v, mask))
    f.done()
    return name


def _joined(module: Module, kind: Kind) -> str:
    """Phases put in order: dense[y * width + x] from phase ((y + above) % down, ...)."""
    name = f"joined_{kind.name}"
    if module.has(name):
        return name
    f = module.function(
        name,
        "slopes:ptr dense:ptr height:i64 width:i64 down:i64 right:i64 above:i64 before:i64 "
        "phase:i64 pitch:i64",
    )
    slopes, dense, height, width, down, right, above, before, phase, pitch = f.args
    lanes = f.target.lanes(kind.size)
    with f.loop(0, height) as y:
        to = dense.shifted(y * width, kind)
        place = (y + above) % down * right * phase + (y + above) // down * pitch
        row = slopes.shifted(place, kind)
        pairs = f.select(right.equals(2), width // (2 * lanes) * lanes, f.index(0))
        with f.loop(0, pairs, lanes) as j:  # here `right` is 2
            first, second = (
                f.load(
                    row.shifted(((before + i) & 1) * phase + (((before + i) >> 1) + j), kind),
                    kind, lanes,
                )
                for i in range(2)
            )  # fmt: skip
            for half in range(2):
                order = [half * lanes // 2 + i // 2 + i % 2 * lanes for i in range(lanes)]
                at = to.shifted(j * 2 + half * lanes, kind)
                f.store(at, f.shuffle(first, second, order))
        rest = width - pairs * 2
        with f.loop(0, f.least(right, rest)) as i:
            x = pairs * 2 + i
            begin = row.shifted((x + before) % right * phase + (x + before) // right, kind)
            with f.loop(0, (rest - i + (right - 1)) // right) as j:
                f.store(to.shifted(x + j * right, kind), f.load(begin.shifted(j, kind), kind))
    f.done()
    return name
