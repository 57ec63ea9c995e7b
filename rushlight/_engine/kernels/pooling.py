"""Pooling of planes: the greatest element or the sum of each window, and their gradients.

Windows are gone through downwards first, then across what that leaves. For this, and backwards, a
plane is copied into memory of the thread's own, framed and parted by the stride into phases, so
that each place of the window sees a row's windows one after another in memory.
"""

from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from ..._arrays.pooling import WORDS as WORDS
from ..builder import I64, Function, Kind, Val, once
from ..graph import Step
from . import rows
from .convolution_tiles import frame, placed
from .nest import Nest, Operand, Rows, along_axes, fill, offset, opened, vectors
from .share import PARTIALS, grouped

_GRAIN = 1 << 14  # elements that a thread takes at once
_TALL = 1 << 12  # elements of planes below each other that are one


@dataclass(slots=True)
class Pooling:
    """pool_max, pool_sum, or the gradient of one (unpool_max, unpool_sum), then `nest` on it.

    The nest's leading axes are the result's but the last two, its length a plane. The operands are
    the step's arguments, each with the strides of all axes but the last in `lead`: x; g, x, out; g.
    """

    word: str
    operands: tuple[Operand, ...]
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
        return self.operands[0].kind

    @property
    def macs(self) -> int:
        """Elements that are looked at: a measure of the work."""
        return self.nest.rows * prod(self.out) * prod(self.window)

    @property
    def reach(self) -> list[int]:
        """How far beyond its first place's phase a window goes, along each axis."""
        return [d * (k - 1) // s for k, s, d in zip(self.window, self.stride, self.dilation)]

    @property
    def high(self) -> int:
        """The rows that windows look at, of which one may be beyond the last."""
        return (self.out[0] - 1) * self.stride[0] + self.dilation[0] * (self.window[0] - 1) + 1

    @property
    def line(self) -> int:
        """From row to row, where windows see the plane as it lies; 0 where it is framed first."""
        seen = not self.padding[0] and self.high <= self.size[0] and self.operands[0].along == 1
        return self.operands[0].lead[-1] if seen else 0

    def parted(self, axis: int) -> bool:
        """Whether each place along an axis is of one window at most, and none lies outside."""
        return (
            not self.padding[axis]
            and not self.reach[axis]
            and self.size[axis] == self.out[axis] * self.stride[axis]
        )


def described(step: Step, operands: list[Operand], nest: Nest) -> Pooling:
    """A step of WORDS, its arguments as they lie in memory and what follows, for the kernel.

    A gradient's rows lie in order.
    """
    p, axes = step.params, len(step.params["window"])
    large, small = step.args[0].shape, step.result.shape
    if step.word.startswith("un"):
        large, small = small, large
    if axes == 1:
        operands = [replace(o, lead=(*o.lead, *(o.lead[-1:] or (0,)))) for o in operands]

    def two(given: tuple, other: int) -> tuple[int, int]:
        return tuple(given) if axes == 2 else (other, given[0])

    return _stacked(Pooling(
        step.word, tuple(operands), two(large[len(large) - axes :], 1),
        two(small[len(small) - axes :], 1), two(p["window"], 1), two(p["stride"], 1),
        two(p["padding"], 0), two(p["dilation"], 1), step.result.id, nest,
    ))  # fmt: skip


def _stacked(p: Pooling) -> Pooling:
    """Small planes that lie below each other as one, where no window sees two of them."""
    nest, large = p.nest, int(p.word.startswith("un"))
    high = [(p.size if i == large else p.out)[0] for i in range(len(p.operands))]
    if (
        not nest.lead
        or not p.parted(0)
        or any(o.lead[-2] != n * o.lead[-1] for o, n in zip(p.operands, high))
        or any(o.lead[-1] != nest.length * o.along for o in nest.operands)
    ):
        return p
    times = max(n for n in range(1, 2 + _TALL // prod(p.size)) if nest.lead[-1] % n == 0)

    last = len(nest.lead) - 1

    def spread(o: Operand) -> Operand:
        lead = [n * times if i == last else n for i, n in enumerate(o.lead)]
        return replace(o, lead=tuple(lead))

    lead = (*nest.lead[:-1], nest.lead[-1] // times)
    nest = nest.moved(lead, nest.length * times, spread)
    sizes = {k: (n[0] * times, n[1]) for k, n in (("size", p.size), ("out", p.out))}
    return replace(p, nest=nest, **sizes, operands=tuple(map(spread, p.operands)))


class _Frame:
    """How a plane lies when it is framed."""

    def __init__(self, p: Pooling, lanes: int) -> None:
        # Backwards all of the plane is in the frame, also what no window sees.
        ends = [-(-(n + q) // s) for n, q, s in zip(p.size, p.padding, p.stride)]
        need = [o + r for o, r in zip(p.out, p.reach)]
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


class _Passes:
    """How a plane lies when windows are gone through downwards, then across."""

    def __init__(self, p: Pooling, lanes: int) -> None:
        flat = p.out[0] if p.parted(1) else 1  # rows of whole windows are one row
        self.rows, self.width = p.out[0] // flat, flat * p.size[1]
        self.columns = flat * p.out[1]
        self.pitch = self.columns + p.reach[1]
        self.phase = self.rows * self.pitch + lanes
        self.line = p.line or p.size[1]

    def taps(self, p: Pooling) -> list[int]:
        """Where each place of a window begins, downwards and then across."""
        down = [y * p.dilation[0] * self.line for y in range(p.window[0])]
        steps = [divmod(x * p.dilation[1], p.stride[1]) for x in range(p.window[1])]
        return down + [b * self.phase + v for v, b in steps]


def _layout(p: Pooling, lanes: int) -> dict[str, int]:
    size, plane = p.kind.size, max(prod(p.size), prod(p.out)) + 2 * lanes
    sizes = {"taps": (prod(p.window) + sum(p.window)) * 8, "dense": plane * size}
    if p.word.startswith("un"):
        sizes |= dict.fromkeys(("frame", "slopes"), _Frame(p, lanes).elements * size)
    else:
        sizes["frame"] = (p.stride[1] * _Passes(p, lanes).phase + 4 * lanes) * size
        sizes["lines"] = (p.out[0] * p.size[1] + 4 * lanes) * size
        sizes["framed"] = (p.high * p.size[1] + 4 * lanes) * size
    places, end = placed(sizes)
    return {**places, "end": end}


def workspace(p: Pooling, target: Any, threads: int) -> int:
    return _layout(p, target.lanes(p.kind.size))["end"] * threads


def work(p: Pooling) -> int:
    return rows.work(p.nest) + p.macs // 8


def write(f: Function, p: Pooling) -> None:
    _Pool(f, p).write()


class _Pool:
    """The writing of one kernel."""

    def __init__(self, f: Function, p: Pooling) -> None:
        self.f, self.p, self.kind = f, p, p.kind
        _, self.me, _, _, self.work = f.args
        self.lanes = f.target.lanes(p.kind.size)
        self.places = _layout(p, self.lanes)
        self.mine = self.work.shifted(self.me * self.places["end"] + PARTIALS)
        self.given = [opened(f, o) for o in p.operands]
        self.back, self.greatest = p.word.startswith("un"), p.word.endswith("max")

    def _region(self, name: str) -> Val:
        return self.mine.shifted(self.places[f"o_{name}"])

    def write(self) -> None:
        """A few planes after another."""
        f, p = self.f, self.p
        made = (_Frame if self.back else _Passes)(p, self.lanes)
        for at, tap in enumerate(made.taps(p)):
            self._region("taps").write(at, f.const(tap * self.kind.size, I64))
        planes = p.nest.rows
        grain = max(1, min(_GRAIN // max(prod(p.size), 1), -(-planes // 12)))
        with grouped(f, planes, grain) as plane:
            self._plane(plane)

    def _plane(self, plane: Val) -> None:
        f, p = self.f, self.p
        places = along_axes(plane, p.nest.lead)
        (self._backward if self.back else self._forward)(places)
        count = prod(p.size if self.back else p.out)
        follow = Rows(f, p.nest, self.lanes)
        follow.stand(places)
        follow.follow(p.value, self.kind, [self._region("dense")], 0, f.index(count))

    def _at(self, number: int, places: list[Val]) -> tuple[Val, int, int]:
        """Where an operand's plane begins, its strides."""
        o = self.p.operands[number]
        return self.given[number].shifted(offset(o, places), o.kind), o.lead[-1], o.along

    def _frame(self, source: tuple, to: Val, *told: int) -> None:
        """A part of an image (where, stride of rows, along) at a place, framed."""
        src, line, along = source
        height, width, *rest = told
        framed = frame(self.f.module, self.kind, self.greatest)
        self.f.call(framed, src, to, height, width, line, along, *rest)

    def _forward(self, places: list[Val]) -> None:
        """Windows of a plane, downwards and then across."""
        f, p, made = self.f, self.p, _Passes(self.p, self.lanes)
        source, (height, width) = self._at(0, places), p.size
        if not p.line:
            framed = self._region("framed")
            self._frame(source, framed, height, width, -p.padding[0], 0, 1, 1, p.high, width, width)
            source = framed, width, 1
        pooled, taps = _pooled(f.module, self.kind, self.greatest), self._region("taps")
        lines, across = self._region("lines"), taps.shifted(p.window[0], I64)
        sizes = p.window[0], p.out[0], width, made.line * p.stride[0]
        f.call(pooled, source[0], taps, lines, *sizes)
        for b in range(p.stride[1]):
            self._frame(
                (lines, width, 1), self._region("frame").shifted(made.phase * b, self.kind),
                made.rows, made.width, 0, b - p.padding[1], 1, p.stride[1],
                made.rows, made.pitch, made.pitch,
            )  # fmt: skip
        sizes = p.window[1], made.rows, made.columns, made.pitch
        f.call(pooled, self._region("frame"), across, self._region("dense"), *sizes)

    def _phases(self, number: int, places: list[Val], made: _Frame) -> None:
        """A plane framed, each place of the stride by itself."""
        p, source = self.p, self._at(number, places)
        for at, (a, b) in enumerate(product(*map(range, p.stride))):
            to = self._region("frame").shifted(at * made.phase, self.kind)
            top, left = a - p.padding[0], b - p.padding[1]
            self._frame(
                source, to, *p.size, top, left, *p.stride, made.rows, made.columns, made.pitch
            )

    def _backward(self, places: list[Val]) -> None:
        """The slopes of a plane: added up phase by phase, then put in order."""
        f, p, made = self.f, self.p, _Frame(self.p, self.lanes)
        slopes, nothing = self._region("slopes"), f.const(0, self.kind, self.lanes)
        fill(f, slopes, 0, made.elements - self.lanes, nothing)
        g, line, _ = self._at(0, places)
        source, out, under = slopes, g, line
        if self.greatest:
            self._phases(1, places, made)
            out, under, _ = self._at(2, places)
            source = self._region("frame")
        f.call(
            _unpooled(f.module, self.kind, self.greatest), source, self._region("taps"), slopes,
            g, out, prod(p.window), *p.out, made.pitch, line, under,
        )  # fmt: skip
        f.call(
            _joined(f.module, self.kind), slopes, self._region("dense"),
            *p.size, *p.stride, *p.padding, made.phase, made.pitch,
        )  # fmt: skip


def _larger(f: Function, a: Val, b: Val) -> Val:
    """The second where it is greater or not a number."""
    return f.select((b > a) | b.isnan(), b, a)


@once("frame:ptr taps:ptr dense:ptr n:i64 rows:i64 columns:i64 pitch:i64")
def _pooled(f: Function, kind: Kind, greatest: bool) -> None:
    """dense[u * columns + v] = the greatest of, or the sum over, all taps' frame[tap + place]."""
    source, taps, dense, n, rows, columns, pitch = f.args
    lanes = f.target.lanes(kind.size)
    best = f.var(kind, lanes)

    def place(u: Val, v: Val, mask: Val | None) -> None:
        here = source.shifted(u * pitch + v, kind)

        def seen(t: Any) -> Val:
            at = here.shifted(taps.read(t, I64))
            return f.load(at, kind, lanes, mask)

        best.set(seen(0))
        with f.loop(1, n) as t:
            x = seen(t)
            best.set(_larger(f, best.get(), x) if greatest else best.get() + x)
        dense.write(u * columns + v, best.get())

    with f.loop(0, rows) as u:
        vectors(f, 0, columns, lanes, lambda v, mask: place(u, v, mask))


@once(
    "frame:ptr taps:ptr slopes:ptr g:ptr out:ptr n:i64 rows:i64 columns:i64 pitch:i64 "
    "line:i64 under:i64"
)
def _unpooled(f: Function, kind: Kind, greatest: bool) -> None:
    """slopes[tap + place] += g[place]: for all taps, or for the first that holds the greatest.

    As our words have it, the last tap takes what no other one took.
    """
    source, taps, slopes, g, out, n, rows, columns, pitch, line, under = f.args
    lanes = f.target.lanes(kind.size)
    left, nothing = f.var(kind, lanes), f.const(0, kind, lanes)

    def row(u: Val, v: Val, mask: Val | None) -> None:
        place = u * pitch + v
        left.set(g.read(u * line + v, kind, lanes, mask))

        def give(t: Val, x: Val) -> None:
            to = slopes.shifted(place, kind).shifted(taps.read(t, I64))
            f.store(to, f.load(to, kind, lanes) + x)

        if not greatest:
            with f.loop(0, n) as t:
                give(t, left.get())
            return
        best = out.read(u * under + v, kind, lanes, mask)
        here = source.shifted(place, kind)
        with f.loop(0, n - 1) as t:
            seen = f.load(here.shifted(taps.read(t, I64)), kind, lanes)
            hit = seen.equals(best)
            give(t, f.select(hit, left.get(), nothing))
            left.set(f.select(hit, nothing, left.get()))
        give(n - 1, left.get())

    with f.loop(0, rows) as u:
        vectors(f, 0, columns, lanes, lambda v, mask: row(u, v, mask))


@once(
    "slopes:ptr dense:ptr height:i64 width:i64 down:i64 right:i64 above:i64 before:i64 "
    "phase:i64 pitch:i64"
)
def _joined(f: Function, kind: Kind) -> None:
    """Phases put in order: dense[y * width + x] from phase ((y + above) % down, ...)."""
    slopes, dense, height, width, down, right, above, before, phase, pitch = f.args
    lanes = f.target.lanes(kind.size)
    with f.loop(0, height) as y:
        to = dense.shifted(y * width, kind)
        place = (y + above) % down * right * phase + (y + above) // down * pitch
        row = slopes.shifted(place, kind)
        pairs = f.select(right.equals(2), width // (2 * lanes) * lanes, 0)
        with f.loop(0, pairs, lanes) as j:  # here `right` is 2
            first, second = (
                row.read(((before + i) & 1) * phase + (((before + i) >> 1) + j), kind, lanes)
                for i in range(2)
            )
            for half in range(2):
                order = [half * lanes // 2 + i // 2 + i % 2 * lanes for i in range(lanes)]
                at = to.shifted(j * 2 + half * lanes, kind)
                f.store(at, f.shuffle(first, second, order))
        rest = width - pairs * 2
        with f.loop(0, f.least(right, rest)) as i:
            x = pairs * 2 + i
            begin = row.shifted((x + before) % right * phase + (x + before) // right, kind)
            with f.loop(0, (rest - i).parts(right)) as j:
                to.write(x + j * right, begin.read(j, kind))
