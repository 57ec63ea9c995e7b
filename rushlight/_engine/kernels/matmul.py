"""Matrix products in tiles that stay in registers, and what follows on a tile before it is stored.

Three ways, by the sizes. `Own`: each task is a panel of b's columns, packed by the thread that runs
down the rows of a with it; nobody waits. `Shared`: all threads pack both operands, meet, and take
blocks of the result. `Dots`: with a few rows, or columns, and both operands in order along the sum,
products of rows without packing. A long sum is cut, so that a panel stays in the first cache.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from ..builder import I8, Function, Kind, Val
from ..threads import barrier
from . import rows
from .matmul_tiles import announcer, follower, tile
from .nest import Nest, Operand, Rows, along_axes, opened, part
from .packing import packer, strips_packer
from .share import PARTIALS, drawn

_FEW = 4  # rows that are multiplied without packing
_SUM = 256  # places of the sum in a packed panel: 256 x 64 bytes are most of a first cache
_BRIEF = 128  # places of a sum that is made before what follows it has been fetched
_STRIP = 24  # tiles in a block of a: with _SUM places a third of a second cache of 512 KB
_GROUP = 8  # strips packed side by side
_WIDE = 32  # panels: with fewer, what all pack of a is not read often enough to pay
_LATE = 9  # tiles in a block of a that its thread packs
_STRIP_BYTES = 1 << 15  # sums of a row of tiles that wait in the first cache for what follows
_STREAMS = 4  # runs of rows read side by side: memory gives 20-28 GB/s where it gave one 15-20
_RUN = 1 << 15  # bytes of such a run: each begins slowly
_APART = 8  # sums that do not wait on each other
_PAGE = 4096  # bytes: rows this far apart (or a multiple) share 8 lines of the first cache
_TALL = 32  # tiles below which b's panels are worth packing by whoever needs them ...
_SMALL = 4  # ... but where a's rows lie so far apart: read unpacked they cost 10-15 %
_DIRECT = 32768  # bytes of b that stay in the first cache as they lie
_DYNAMIC = 4_000_000  # multiplications from which tasks are drawn: 20 us, against 0.1 for a ticket


@dataclass(slots=True)
class Product:
    """c = a b for each of a batch, then `nest` over (batch, rows, columns) with c as `value`.

    An operand's `lead` holds the strides of the batch and of its rows, `along` that of its columns.
    Where `packed`, b lies in panels already, as wide as `panel_width` says, one behind another.
    """

    a: Operand
    b: Operand
    inner: int
    value: int
    nest: Nest
    packed: bool = False

    @property
    def kind(self) -> Kind:
        return self.a.kind


def write(f: Function, product: Product) -> None:
    """The body of the kernel that multiplies."""
    plan = _plan(product, f.target)
    (_Dots if plan.dots else _Tiles)(f, plan).write()


def workspace(product: Product, target: Any, threads: int) -> int:
    """Bytes of scratch memory: what all threads use together, and each one's own."""
    plan = _plan(product, target)
    return plan.shared + plan.own * threads


def work(product: Product) -> int:
    """How much it does: a multiply-add counts a quarter."""
    nest, inner = product.nest, product.inner
    items = nest.rows // max(nest.lead[-1], 1)
    read = items * inner * (nest.lead[-1] + nest.length)
    return rows.work(nest) + read + nest.rows * nest.length * inner // 4


# -- the plan


@dataclass(slots=True)
class _Plan:
    """What is decided before anything is written."""

    product: Product
    rows: int
    columns: int
    inner: int
    items: int  # in the batch
    dots: int = 0  # columns (rows) that a few rows (columns) are multiplied with in a task
    streams: int = 0  # of them read side by side
    shared_way: bool = False
    vectors: int = 0  # in a panel's width
    width: int = 0
    panels: int = 0
    high: int = 0  # rows of a tile; the last one may have fewer
    tiles: int = 0
    cut: int = 0  # places of the sum that a panel holds
    packed: bool = False  # a is packed (in the shared way only)
    late: bool = False  # block by block, into the second cache of the thread that takes it
    direct: bool = False  # b is read where it lies
    near: bool = False  # in the first cache: rows are shared out
    grid: tuple[int, int] = (1, 1)  # blocks of tiles, of panels
    strip: int = 0  # panels of one row of tiles that are followed at once (0: each tile by itself)
    own: int = 0
    shared: int = 0

    @property
    def by_panel(self) -> bool:
        """Whether a task is one panel; else each thread takes some tiles, and all panels."""
        return self.items >= 4 or (self.panels >= 4 and not self.near)

    @property
    def plain(self) -> bool:
        """Whether the product is stored as it is, and nothing follows."""
        nest, value = self.product.nest, self.product.value
        if nest.steps or len(nest.stores) != 1:
            return False
        stored, o = nest.stores[0]
        return stored == value and o.along == 1 and o.kind is self.product.kind


def panel_width(target: Any, rows: int, columns: int, kind: Kind) -> int:
    """How wide the panels of a product of few rows are; 0 where it does without panels."""
    if min(rows, columns) <= _FEW:
        return 0
    nest = Nest((rows,), columns)
    none = Operand(0, 0, (0,), 1, kind)
    plan = _Plan(Product(none, none, 1, 0, nest), rows, columns, 1, 1)
    _shape_tiles(plan, target, target.lanes(kind.size), target.rows * target.columns)
    return plan.width


def _plan(product: Product, target: Any) -> _Plan:
    product = _flat(product)
    nest = product.nest
    rows, columns, items = nest.lead[-1], nest.length, prod(nest.lead[:-1])
    plan = _Plan(product, rows, columns, product.inner, items)
    a, b, size = product.a, product.b, product.kind.size
    lanes, registers = target.lanes(size), target.rows * target.columns
    if min(rows, columns) <= _FEW and a.along == 1 and b.lead[-1] == 1:
        few, many = min(rows, columns), max(rows, columns)
        plan.streams = _power(max(min(_STREAMS, registers // few, many), 1))
        whole = max(lanes, plan.streams)
        most = min(_RUN // max(product.inner * size, 1), 64) * plan.streams
        plan.dots = max(min(most, items * many // 16) // whole, 1) * whole
        return plan
    _shape_tiles(plan, target, lanes, registers)
    general = a.along != 1 and a.lead[-1] != 1
    crowded = a.along == 1 and a.lead[-1] * size % _PAGE == 0
    short = _SMALL if crowded and plan.high > 4 and plan.panels >= 4 else _TALL
    plan.shared_way = plan.tiles > short and not (items >= 4 and product.inner <= 2 * _SUM)
    brief = items == 1 and product.inner <= _BRIEF
    if brief and not plan.plain and plan.tiles * plan.panels > 16:
        plan.shared_way = True
        plan.strip = min(plan.panels, max(1, _STRIP_BYTES // _tile(plan, size)))
    if product.packed:
        plan.shared_way, plan.strip = False, 0
    blocks = -(-product.inner // _SUM)
    plan.cut = (product.inner + 8 * blocks - 1) // (8 * blocks) * 8
    least = _WIDE + 1 if a.along == 1 and not crowded else 4
    plan.packed = plan.shared_way and (general or plan.panels >= least)
    plan.late = plan.packed and plan.panels <= _WIDE and plan.tiles > 2 * _LATE and not plan.strip
    slab = product.inner * b.lead[-1] * size
    plain = b.along == 1 and not (plan.shared_way or product.packed)
    plan.direct = product.packed or (plain and (plan.tiles <= 2 or slab <= _DIRECT))
    fits = slab <= _DIRECT and columns % plan.width == 0
    plan.near = plain and fits and items == 1 and plan.tiles > 2
    if plan.near:  # an even number of tiles, for two threads
        even = (n for n in range(plan.high, 3, -1) if -(-rows // n) % 2 == 0)
        plan.high = next(even, plan.high)
        plan.tiles = -(-rows // plan.high)
    _workspace(plan, lanes, size)
    return plan


def _tile(plan: _Plan, size: int) -> int:
    return plan.high * plan.width * size


def _flat(product: Product) -> Product:
    """A batch that shares one b and walks evenly through all else is more rows of one product."""
    a, b, nest = product.a, product.b, product.nest
    while len(nest.lead) > 1:
        n = nest.lead[-1]
        walks = [a, *nest.loads.values(), *(o for _, o in nest.stores)]
        if b.lead[-2] or any(o.lead[-2] != n * o.lead[-1] for o in walks):
            break
        nest = replace(
            nest,
            lead=(*nest.lead[:-2], nest.lead[-2] * n),
            loads={v: _merged(o) for v, o in nest.loads.items()},
            stores=[(v, _merged(o)) for v, o in nest.stores],
        )
        a, b = _merged(a), _merged(b)
    return replace(product, a=a, b=b, nest=nest)


def _merged(o: Operand) -> Operand:
    return replace(o, lead=(*o.lead[:-2], o.lead[-1]))


def _power(n: int) -> int:
    """The largest power of two that is at most n."""
    return 1 << (n.bit_length() - 1)


def _shape_tiles(plan: _Plan, target: Any, lanes: int, registers: int) -> None:
    """The tiles: full registers, and rows spread evenly, so that no tile is nearly empty."""
    vectors = target.columns
    if plan.rows < target.rows:  # few rows: wider, for enough sums that do not wait on each other
        vectors = max(vectors, min(8, _power(registers // plan.rows)))
    vectors = min(vectors, -(-plan.columns // lanes))
    most = min(14, registers // vectors)
    plan.vectors, plan.width = vectors, vectors * lanes
    plan.panels = -(-plan.columns // plan.width)
    plan.tiles = -(-plan.rows // most)
    plan.high = -(-plan.rows // plan.tiles)
    plan.tiles = -(-plan.rows // plan.high)


def _workspace(plan: _Plan, lanes: int, size: int) -> None:
    """Blocks of the shared way, and the bytes of all panels and of unfinished sums."""
    whole, area = plan.inner <= plan.cut, plan.high * plan.width
    if plan.shared_way:
        across = max(1, round(plan.panels / 16))
        down = -(-plan.tiles // _STRIP)
        while across * down < 64 and plan.panels > 4 * across:
            across *= 2
        plan.grid = (down, across)
        if plan.strip:
            plan.grid = (plan.tiles, -(-plan.panels // plan.strip))
        if plan.late:
            plan.grid = (-(-plan.tiles // (2 * _LATE)) * 2, 1)
        down, across = plan.grid
        strips = _strips(plan, lanes)
        plan.shared = (plan.panels * plan.width * plan.inner + strips * (not plan.late)) * size
        sums = 1 if whole else -(-plan.tiles // down) * -(-plan.panels // across)
        sums = max(sums, plan.strip)
        plan.own = (area * sums + strips * plan.late) * size
    else:
        sums = 1 if whole else plan.tiles * (1 if plan.by_panel else plan.panels)
        plan.own = (plan.cut * plan.width + area * sums) * size
    plan.shared, plan.own = (n // 64 * 64 + 64 for n in (plan.shared, plan.own))


def _strips(plan: _Plan, lanes: int) -> int:
    """Elements of the packed strips of a; behind each there is room for a vector's overhang."""
    tiles, places = plan.tiles, plan.inner
    if plan.late:
        tiles, places = -(-tiles // plan.grid[0]), plan.cut
    return tiles * (plan.high * places + -(-places // plan.cut) * lanes) * plan.packed


# -- the writing


class _Writer:
    """What all ways have in common."""

    def __init__(self, f: Function, plan: _Plan) -> None:
        self.f, self.plan, self.p, self.kind = f, plan, plan.product, plan.product.kind
        self.buffers, self.me, self.threads, self.control, self.work = f.args
        self.batch = self.p.nest.lead[:-1]
        self.lanes = f.target.lanes(self.kind.size)
        work = plan.items * plan.rows * plan.columns * plan.inner
        self.drawn = work >= _DYNAMIC

    def at(self, o: Operand, item: Val) -> Val:
        """Where an operand's matrix of the batch begins."""
        return opened(self.f, o, along_axes(item, self.batch))

    def shares(self, n: int, task: Callable[[Val], None]) -> None:
        """Tasks, each done by one thread: shared out beforehand, or drawn where there is much."""
        f = self.f
        if not self.drawn:
            with f.loop(*part(f, n, self.me, self.threads)) as i:
                task(i)
            return
        with drawn(f, self.work, self.me, self.threads, f.index(n)) as i:
            task(i)


class _Tiles(_Writer):
    """Products of tiles, with panels of a thread's own or of all."""

    def __init__(self, f: Function, plan: _Plan) -> None:
        super().__init__(f, plan)
        p, lanes = plan, self.lanes
        base = self.work.shifted(PARTIALS, I8)
        own = base.shifted(self.me * p.own + p.shared, I8)
        strips = _strips(p, lanes)
        self.strips, self.first = own if p.late else base, f.index(0)
        self.panels = base.shifted(strips * (not p.late), self.kind)
        self.panel, self.sums = own, own.shifted(strips * p.late, self.kind)
        if not p.shared_way:
            self.sums = own.shifted(p.cut * p.width, self.kind)
        # A last tile with few rows begins higher up: what it makes again must not follow twice.
        self.short = p.rows % p.high != 0 and (not p.plain or p.inner > p.cut)
        self.edge = p.columns % p.width != 0 or self.short
        a, b = self.p.a, self.p.b
        lies = (1, p.high) if p.packed else (int(a.lead[-1] == 1), int(a.along == 1))
        step = 0 if p.direct and not self.p.packed else p.width
        self.tile = tile(f.module, self.kind, p.high, p.vectors, *lies, step)
        self.follow = ""
        if not p.plain or self.edge:
            self.follow = follower(f.module, self.p.nest, self.p.value, self.kind, p.width)
            self.announce = announcer(f.module, self.p.nest, p.width) if not p.strip else ""
        self.pack_a = packer(f.module, self.kind, a.lead[-1], a.along) if p.packed else ""
        whole = p.direct and p.columns % p.width == 0
        self.pack_b = "" if whole else packer(f.module, self.kind, b.along, b.lead[-1])

    def write(self) -> None:
        """The tasks of this thread."""
        f, p = self.f, self.plan
        if p.shared_way:
            with f.loop(0, p.items) as item:
                self._stand(item)
                self._shared(item)
        elif p.by_panel:

            def task(i: Val) -> None:
                item, panel = i // p.panels, i % p.panels
                self._stand(item)
                self._block(item, (f.index(0), f.index(p.tiles)), (panel, panel + 1))

            self.shares(p.items * p.panels, task)
        else:
            with f.loop(0, p.items) as item:
                self._stand(item)
                rows = part(f, p.tiles, self.me, self.threads)
                self._block(item, rows, (f.index(0), f.index(p.panels)))

    def _stand(self, item: Val) -> None:
        self.a, self.b = self.at(self.p.a, item), self.at(self.p.b, item)
        if self.plan.plain:
            self.c = self.at(self.p.nest.stores[0][1], item)

    def _shared(self, item: Val) -> None:
        """All pack, meet, and take blocks."""
        f, p = self.f, self.plan
        wait = barrier(f.module)
        with f.loop(0, p.inner, p.cut) as k:
            n = f.least(p.inner - k, p.cut)
            if p.packed and not p.late:
                groups = -(-p.tiles // _GROUP)
                with f.loop(*part(f, groups, self.me, self.threads)) as group:
                    t = group * _GROUP
                    self._pack_strips(t, f.least(t + _GROUP, p.tiles), k, n)
            with f.loop(*part(f, p.panels, self.me, self.threads)) as panel:
                self._pack_panel(self._packed_panel(panel, k, n), panel * p.width, k, n)
        f.call(wait, self.control, self.threads)
        down, across = p.grid

        def task(i: Val) -> None:
            if p.strip:
                row, column = i // across, i % across
                last = f.least((column + 1) * p.strip, p.panels)
                self._strip_of_tiles(item, row, column * p.strip, last)
                return
            row, column = i % down, i // down
            tiles = (row * p.tiles // down, (row + 1) * p.tiles // down)
            panels = (column * p.panels // across, (column + 1) * p.panels // across)
            self._block(item, tiles, panels)

        self.shares(down * across, task)
        if p.items > 1:
            f.call(wait, self.control, self.threads)

    # -- packing

    def _row(self, t: Val) -> Val:
        """The first row that a tile multiplies."""
        p = self.plan
        return t * p.high if p.rows % p.high == 0 else self.f.least(t * p.high, p.rows - p.high)

    def _strip(self, t: Val, k: Val, n: Val) -> Val:
        """Where a packed strip of a is."""
        p = self.plan
        before = 0 if p.late else (k * p.high + k // p.cut * self.lanes) * p.tiles
        return self.strips.shifted((t - self.first) * (n * p.high + self.lanes) + before, self.kind)

    def _packed_panel(self, panel: Val, k: Val, n: Val) -> Val:
        p = self.plan
        return self.panels.shifted((k * p.panels + panel * n) * p.width, self.kind)

    def _pack_strips(self, first: Val, last: Val, k: Val, n: Val) -> None:
        """Some strips of a: side by side where their elements lie so."""
        f, p, a = self.f, self.plan, self.p.a
        if a.lead[-1] == 1 and p.high <= self.lanes <= p.rows:
            many = f.least((p.rows - self.lanes) // p.high + 1, last)
            pack = strips_packer(f.module, self.kind)
            source = self.a.shifted(first * p.high + k * a.along, self.kind)
            f.call(
                pack, source, f.index(a.along), self._strip(first, k, n), n * p.high + self.lanes,
                f.index(p.high), n, many - first,
            )  # fmt: skip
            first = f.select(many > first, many, first)
        with f.loop(first, last) as t:
            source = self.a.shifted(self._row(t) * a.lead[-1] + k * a.along, self.kind)
            f.call(
                self.pack_a, source, f.index(a.lead[-1]), f.index(a.along), self._strip(t, k, n),
                f.index(p.high), n, f.index(p.high),
            )  # fmt: skip

    def _pack_panel(self, made: Val, column: Val, k: Val, n: Val) -> None:
        f, p, b = self.f, self.plan, self.p.b
        source = self.b.shifted(column * b.along + k * b.lead[-1], self.kind)
        live = f.least(p.columns - column, p.width)
        f.call(
            self.pack_b, source, f.index(b.along), f.index(b.lead[-1]), made,
            f.index(p.width), n, live,
        )  # fmt: skip

    # -- a block of the result

    def _block(self, item: Val, tiles: tuple[Val, Val], panels: tuple[Val, Val]) -> None:
        """Some tiles of some panels, one part of the sum after another."""
        f, p = self.f, self.plan
        first, last = tiles
        with f.loop(0, p.inner, p.cut) as k:
            n = f.least(p.inner - k, p.cut)
            if p.late:
                self.first = first
                self._pack_strips(first, last, k, n)
            with f.loop(*panels) as panel:
                column = panel * p.width
                live = f.least(p.columns - column, p.width)
                b, step = self._source(panel, column, live, k, n)

                with f.loop(first, last) as t:
                    number = (panel - panels[0]) * (last - first) + (t - first)
                    self._one(item, t, number, (b, step), column, live, k, n)

    def _strip_of_tiles(self, item: Val, t: Val, first: Val, last: Val) -> None:
        """A row of tiles, then what follows on all of it: long walks are fetched ahead."""
        f, p, o, kind = self.f, self.plan, self.p.a, self.kind
        n, none, down = f.index(p.inner), f.index(0), f.index(p.strip * p.width)
        if p.packed:
            a = (self._strip(t, none, n), f.index(1), f.index(p.high))
        else:
            at = self.a.shifted(self._row(t) * o.lead[-1], kind)
            a = (at, f.index(o.lead[-1]), f.index(o.along))
        with f.loop(first, last) as panel:
            made = self.sums.shifted((panel - first) * p.width, kind)
            b = self._packed_panel(panel, none, n), f.index(p.width)
            f.call(self.tile, *a, *b, made, down, n, none)
        column, rows = first * p.width, f.least(p.rows - t * p.high, p.high)
        live = f.least(p.columns - column, (last - first) * p.width)
        sums = self.sums.shifted((p.high - rows) * down, kind)
        f.call(self.follow, *f.args, item, t * p.high, rows, column, live, sums, down)

    def _source(self, panel: Val, column: Val, live: Val, k: Val, n: Val) -> tuple[Val, Val]:
        """Where a panel of b is, and how far apart its vectors lie."""
        f, p = self.f, self.plan
        if p.shared_way:
            return self._packed_panel(panel, k, n), f.index(p.width)
        if self.p.packed:
            return self.b.shifted((panel * p.inner + k) * p.width, self.kind), f.index(p.width)
        if not p.direct:
            self._pack_panel(self.panel, column, k, n)
            return self.panel, f.index(p.width)
        lead = self.p.b.lead[-1]
        there = self.b.shifted(column + k * lead, self.kind)
        if not self.pack_b:
            return there, f.index(lead)
        narrow = live < p.width
        with f.when(narrow):
            self._pack_panel(self.panel, column, k, n)
        return f.select(narrow, self.panel, there), f.select(narrow, f.index(p.width), lead)

    def _one(self, item: Val, t: Val, number: Val, b: tuple[Val, Val], column: Val, live: Val,
             k: Val, n: Val) -> None:  # fmt: skip
        """A tile: its sums, and what follows on them after the last part."""
        f, p, o, kind = self.f, self.plan, self.p.a, self.kind
        row, whole = self._row(t), p.inner <= p.cut
        if p.packed:
            a = (self._strip(t, k, n), f.index(1), f.index(p.high))
        else:
            at = self.a.shifted(row * o.lead[-1] + k * o.along, kind)
            a = (at, f.index(o.lead[-1]), f.index(o.along))
        sums = self.sums if whole else self.sums.shifted(number * (p.high * p.width), kind)
        made, down, done = sums, f.index(p.width), k + n >= p.inner
        if p.plain:
            lead = self.p.nest.stores[0][1].lead[-1]
            made, down = self.c.shifted(row * lead + column, kind), f.index(lead)
            if self.edge:
                small = live < p.width
                if self.short:
                    small = small | t.equals(p.tiles - 1)
                made, down = f.select(small, sums, made), f.select(small, p.width, down)
                done = done & small
        if not self.follow:
            f.call(self.tile, *a, *b, made, down, n, k)
            return
        rows = f.least(p.rows - t * p.high, p.high)
        with f.when(done):
            f.call(self.announce, *f.args, item, t * p.high, rows, column)
        f.call(self.tile, *a, *b, made, down, n, k)
        with f.when(done):
            sums = sums.shifted((p.high - rows) * p.width, kind)
            f.call(
                self.follow, *f.args, item, t * p.high, rows, column, live, sums, f.index(p.width)
            )


class _Dots(_Writer):
    """Products of rows: a few rows with all columns, or all rows with a few columns."""

    def write(self) -> None:
        """Columns (rows) in groups: a task each."""
        p = self.plan
        self.across = p.rows <= p.columns  # which side has many
        many = max(p.rows, p.columns)
        groups = -(-many // p.dots)

        def task(i: Val) -> None:
            item, first = i // groups, i % groups * p.dots
            kept = self._group(item, first, many)
            live = self.f.least(many - first, p.dots)
            (self._store_rows if self.across else self._store_columns)(item, first, kept, live)

        self.shares(p.items * groups, task)

    def _group(self, item: Val, first: Val, many: int) -> Val:
        """The products of a group, in memory. Its rows are runs, read side by side."""
        f, p, kind = self.f, self.plan, self.kind
        a, b = self.at(self.p.a, item), self.at(self.p.b, item)
        few, some = (a, b) if self.across else (b, a)
        strides = self.p.a.lead[-1], self.p.b.along
        lead, along = strides if self.across else strides[::-1]
        few = [few.shifted(i * lead, kind) for i in range(min(p.rows, p.columns))]
        kept, run = f.buffer(kind, len(few) * p.dots), p.dots // p.streams
        with f.loop(0, f.least(run, many - first)) as j:
            at = [j + k * run for k in range(p.streams)]
            rows = [some.shifted(f.least(first + i, many - 1) * along, kind) for i in at]
            for n, line in enumerate(self._sums(few, rows)):
                for i, x in zip(at, line):
                    f.store(kept.shifted(i + n * p.dots, kind), f.folded(x, operator.add))
        return kept

    def _sums(self, few: list[Val], some: list[Val]) -> list[list[Val]]:
        """For each of a few rows the vectors whose totals are its products with some others."""
        f, p, kind, lanes = self.f, self.plan, self.kind, self.lanes
        units = max(_APART // (len(few) * len(some)), 1)
        sums = [[[f.var(kind, lanes, 0) for _ in some] for _ in few] for _ in range(units)]

        def step(k: Val, unit: int, mask: Val | None) -> None:
            rows = [f.load(x.shifted(k, kind), kind, lanes, mask) for x in few]
            for j, y in enumerate(some):
                column = f.load(y.shifted(k, kind), kind, lanes, mask)
                for i, row in enumerate(rows):
                    sums[unit][i][j].set(f.fma(row, column, sums[unit][i][j].get()))

        whole, wide = p.inner // lanes * lanes, units * lanes
        main = whole // wide * wide
        with f.loop(0, main, wide) as k:
            for unit in range(units):
                step(k + unit * lanes, unit, None)
        if main < whole:
            with f.loop(main, whole, lanes) as k:
                step(k, 0, None)
        if whole < p.inner:
            step(f.index(whole), 0, f.first_lanes(p.inner - whole, lanes))
        made = [[x.get() for x in line] for line in sums[0]]
        for unit in sums[1:]:
            made = [[x + y.get() for x, y in zip(a, b)] for a, b in zip(made, unit)]
        return made

    def _store_rows(self, item: Val, first: Val, kept: Val, live: Val) -> None:
        """Vectors along the columns."""
        f, p, places = self.f, self.plan, along_axes(item, self.batch)
        rows = Rows(f, self.p.nest, self.lanes)
        for i in range(p.rows):
            rows.stand([*places, f.index(i)])
            made = [kept.shifted(i * p.dots, self.kind)]
            rows.follow(self.p.value, self.kind, made, first, live, p.columns % self.lanes)

    def _store_columns(self, item: Val, first: Val, kept: Val, live: Val) -> None:
        """One row after another."""
        f, p, places = self.f, self.plan, along_axes(item, self.batch)
        rows = Rows(f, self.p.nest, 1)
        with f.loop(0, live) as j:
            rows.stand([*places, first + j])
            for i in range(p.columns):
                x = f.load(kept.shifted(j + i * p.dots, self.kind), self.kind)
                rows.finish(f.index(i), {self.p.value: x}, None)
