"""Matrix products in tiles that stay in registers, and what follows on a tile before it is stored.

Each thread owns columns (or rows, where there are few columns). It packs a panel of b, as wide as a
tile, into memory of its own, and runs down the rows of a; no thread waits for another. With a few
rows and both operands in order along the sum, products of rows need no packing.
"""

from dataclasses import dataclass
from typing import Any

from ..builder import I8, I64, POINTER, Function, Kind, Module, Val
from .rows import Nest, Operand, Rows, part

PARTIALS = 4096  # bytes before the panels: the parts of sums (kernels/rows.py)
_FEW = 4  # rows that are multiplied without packing
_COLUMNS = 4  # of b at once, where rows are multiplied


@dataclass(slots=True)
class Product:
    """c = a b for each of a batch, then `nest` over (batch, rows, columns) with c as `value`.

    An operand's `lead` holds the strides of the batch and of its rows, `along` that of its columns.
    """

    a: Operand
    b: Operand
    inner: int
    value: int
    nest: Nest

    @property
    def kind(self) -> Kind:
        """The kind of both operands."""
        return self.a.kind

    def panel(self, target: Any) -> int:
        """Bytes of a thread's packed panel."""
        return self.inner * target.columns * target.vector // 64 * 64 + 64


def kernel(module: Module, product: Product) -> str:
    """The name of the function (buffers, thread, threads, control, workspace) that multiplies."""
    name = module.fresh("matmul")
    f = module.function(name, "buffers:ptr me:i64 threads:i64 control:ptr work:ptr")
    _Matmul(f, product).write()
    f.done()
    return name


class _Matmul:
    """The writing of one kernel."""

    def __init__(self, f: Function, product: Product) -> None:
        self.f, self.p, self.kind = f, product, product.kind
        self.buffers, self.me, self.threads, _, self.work = f.args
        self.batch = product.nest.lead[:-1]
        self.rows, self.columns = product.nest.lead[-1], product.nest.length
        self.lanes = f.target.lanes(self.kind.size)
        self.width = f.target.columns * self.lanes
        size = product.panel(f.target)
        self.panel = self.work.shifted(self.me * size + PARTIALS, I8)
        a, b = product.a, product.b
        self.dots = (
            self.rows <= _FEW and a.along == 1 and b.lead[-1] == 1 and product.inner >= self.lanes
        )

    def write(self) -> None:
        """The loops over the batch and this thread's share of it, of the columns or of the rows."""
        f, many = self.f, 1
        for n in self.batch:
            many *= n
        panels = -(-self.columns // (_COLUMNS if self.dots else self.width))
        tiles = -(-self.rows // f.target.rows)
        whole = (f.index(0), f.index(1))
        batch, columns, rows = (
            (f.index(0), f.index(many)),
            (whole[0], f.index(panels)),
            (whole[0], f.index(tiles)),
        )
        if many >= 8:
            batch = part(f, many, self.me, self.threads)
        elif panels >= tiles or self.dots:
            columns = part(f, panels, self.me, self.threads)
        else:
            rows = part(f, tiles, self.me, self.threads)
        with f.loop(*batch) as item:
            places = self._places(item)
            a, b = self._at(self.p.a, places), self._at(self.p.b, places)
            with f.loop(*columns) as panel:
                if self.dots:
                    self._products(a, b, item, panel * _COLUMNS)
                else:
                    self._panel(a, b, item, panel * self.width, rows)

    def _places(self, item: Val) -> list[Val]:
        places = []
        for at in reversed(range(len(self.batch))):
            places.append(item % self.batch[at] if at else item)
            item = item // self.batch[at]
        return places[::-1]

    def _at(self, o: Operand, places: list[Val]) -> Val:
        offset: Any = o.offset
        for place, stride in zip(places, o.lead):
            if stride:
                offset = place * stride + offset
        return self.f.load(self.buffers.shifted(o.buffer, I64), POINTER).shifted(offset, o.kind)

    # -- tiles

    def _panel(self, a: Val, b: Val, item: Val, column: Val, tiles: tuple) -> None:
        """All of this thread's tiles of one panel; the last panel may be narrow."""
        f, rest = self.f, self.columns % self.width
        if self.columns >= self.width:
            with f.when(column + self.width <= self.columns):
                self._tiles(a, b, item, column, tiles, self.width)
        if rest:
            with f.when(column + self.width > self.columns):
                self._tiles(a, b, item, column, tiles, rest)

    def _tiles(self, a: Val, b: Val, item: Val, column: Val, tiles: tuple, wide: int) -> None:
        f, lead, height = self.f, self.p.b.lead[-1], self.f.target.rows
        direct = self.p.b.along == 1 and (wide == self.width) and self.rows <= 2 * height
        if direct:
            source, stride = b.shifted(column, self.kind), lead
        else:
            self._pack(b, column, wide)
            source, stride = self.panel, self.width
        full, rest = self.rows // height, self.rows % height
        first, last = tiles
        with f.loop(first, f.least(last, full)) as tile:
            self._tile(a, source, stride, item, tile * height, column, height, wide)
        if rest:
            with f.when((first <= full) & (last > full)):
                self._tile(a, source, stride, item, f.index(full * height), column, rest, wide)

    def _pack(self, b: Val, column: Val, wide: int) -> None:
        """The panel's elements, row after row, zeros beyond the matrix."""
        f, lanes, kind = self.f, self.lanes, self.kind
        lead, along = self.p.b.lead[-1], self.p.b.along
        with f.loop(0, self.p.inner) as k:
            row = b.shifted(column * along + k * lead, kind)
            for v in range(-(-wide // lanes)):
                live = min(lanes, wide - v * lanes)
                if along == 1:
                    mask = f.first_lanes(live, lanes) if live < lanes else None
                    x = f.load(row.shifted(v * lanes, kind), kind, lanes, mask)
                else:
                    parts = [
                        f.load(row.shifted((v * lanes + i) * along, kind), kind)
                        for i in range(live)
                    ]
                    x = f.gathered(parts + [f.const(0, kind)] * (lanes - live))
                f.store(self.panel.shifted(k * self.width + v * lanes, kind), x)

    def _tile(self, a: Val, source: Val, stride: int, item: Val, row: Val, column: Val,
              height: int, wide: int) -> None:  # fmt: skip
        """height x wide sums in registers."""
        f, lanes, kind = self.f, self.lanes, self.kind
        vectors, lead, along = -(-wide // lanes), self.p.a.lead[-1], self.p.a.along
        sums = [[f.var(kind, lanes, 0) for _ in range(vectors)] for _ in range(height)]
        top = a.shifted(row * lead, kind)

        def step(k: Val) -> None:
            line = source.shifted(k * stride, kind)
            across = [f.load(line.shifted(v * lanes, kind), kind, lanes) for v in range(vectors)]
            for i in range(height):
                x = f.spread(f.load(top.shifted(k * along + i * lead, kind), kind), lanes)
                for v in range(vectors):
                    sums[i][v].set(f.fma(x, across[v], sums[i][v].get()))

        whole = self.p.inner // 4 * 4
        with f.loop(0, whole, 4) as k:
            for u in range(4):
                step(k + u)
        for k in range(whole, self.p.inner):
            step(f.index(k))
        for i in range(height):
            finish = self._finish(item, row + i, lanes)
            for v in range(vectors):
                live = min(lanes, wide - v * lanes)
                mask = f.first_lanes(live, lanes) if live < lanes else None
                finish(column + v * lanes, sums[i][v].get(), mask)

    # -- products of rows

    def _products(self, a: Val, b: Val, item: Val, column: Val) -> None:
        f, rest = self.f, self.columns % _COLUMNS
        with f.when(column + _COLUMNS <= self.columns):
            self._dots(a, b, item, column, _COLUMNS)
        if rest:
            with f.when(column + _COLUMNS > self.columns):
                self._dots(a, b, item, column, rest)

    def _dots(self, a: Val, b: Val, item: Val, column: Val, wide: int) -> None:
        """Each row of a with each of a few columns of b, both in order along the sum."""
        f, lanes, kind, inner = self.f, self.lanes, self.kind, self.p.inner
        lead, along = self.p.a.lead[-1], self.p.b.along
        sums = [[f.var(kind, lanes, 0) for _ in range(wide)] for _ in range(self.rows)]
        first = b.shifted(column * along, kind)

        def step(k: Val, mask: Val | None) -> None:
            rows = [
                f.load(a.shifted(k + i * lead, kind), kind, lanes, mask) for i in range(self.rows)
            ]
            for j in range(wide):
                x = f.load(first.shifted(k + j * along, kind), kind, lanes, mask)
                for i, row in enumerate(rows):
                    sums[i][j].set(f.fma(row, x, sums[i][j].get()))

        whole = inner // lanes * lanes
        with f.loop(0, whole, lanes) as k:
            step(k, None)
        if whole < inner:
            step(f.index(whole), f.first_lanes(inner - whole, lanes))
        for i in range(self.rows):
            finish = self._finish(item, f.index(i), 1)
            for j in range(wide):
                finish(column + j, f.folded(sums[i][j].get(), lambda x, y: x + y), None)

    def _finish(self, item: Val, row: Val, lanes: int) -> Any:
        """What takes the elements of one row of c, does what follows on them, and stores."""
        rows = Rows(self.f, self.p.nest, lanes)
        rows.stand([*self._places(item), row])
        return lambda at, x, mask: rows.finish(at, {self.p.value: x}, mask)
