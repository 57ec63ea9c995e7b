"""Products of few rows, or of a short sum: the large operand is read once, straight through.

Few rows: the sums of a strip of columns stay in the first cache while b's rows go by, those of
three rows and more in registers; where there are few strips, parts of the sum are shared out
instead. A short sum: each element is worked out where it stands, and what follows on it at once.
"""

from math import prod
from typing import Any

from ..builder import Function, Val
from .matmul import Product
from .matmul import work as work
from .matmul_tiles import tile
from .nest import LINE, Rows, fill, opened, part, vectors
from .share import PARTIALS, meet

_FEW = 4  # rows; places of a sum
_STRIP = 16  # vectors of columns: half a page of b's rows side by side
_PARTS = 4  # of a long sum
_LONG = 1 << 17  # bytes of b from which the sum is cut
_SUMS = 1 << 13  # bytes of a part's sums: they stay in the first cache


def suits(product: Product) -> bool:
    """Whether it is one of these."""
    nest, kind = product.nest, product.kind
    if prod(nest.lead[:-1]) != 1 or product.b.along != 1 or not kind.floating or kind.storage:
        return False
    wide = nest.length * kind.size >= 2 * LINE
    return nest.lead[-1] <= _FEW or (product.inner <= _FEW and wide)


def _cut(product: Product) -> bool:
    """Whether parts of the sum are shared out.

    Two threads that each read a half of all rows use half of the places in their second caches:
    2 x 784 x 256 takes 13 us instead of 21, on one thread 21 instead of 24.
    """
    size, columns = product.kind.size, product.nest.length
    few = product.nest.lead[-1]
    return few <= _FEW and few * columns * size <= _SUMS and product.inner * columns * size >= _LONG


def workspace(product: Product, _target: Any, _threads: int) -> int:
    """Bytes of scratch memory that it needs."""
    few, columns = product.nest.lead[-1], product.nest.length
    return _PARTS * few * (columns + 64) * product.kind.size if _cut(product) else 0


def write(f: Function, product: Product) -> None:
    _Skinny(f, product).write()


class _Skinny:
    def __init__(self, f: Function, product: Product) -> None:
        self.f, self.p, self.kind = f, product, product.kind
        self.columns, self.count = product.nest.length, product.nest.lead[-1]
        size = self.kind.size
        self.lanes = LINE // size if self.count > _FEW else f.target.lanes(size)
        self.rows = Rows(f, product.nest, self.lanes)
        self.a, self.b = opened(f, product.a), opened(f, product.b)

    def write(self) -> None:
        """Rows, or strips of columns, always the same for a thread: they may be in its cache."""
        f, (_, me, threads, _, _) = self.f, self.f.args
        if self.count > _FEW:
            first, last = part(f, self.count, me, threads)
            with f.loop(first, last) as i:
                self._row(last - 1 - (i - first))
            return
        if _cut(self.p):
            self._in_parts()
            return
        width = min(_STRIP, -(-self.columns // self.lanes)) * self.lanes
        self.sums = f.buffer(self.kind, self.count * width)
        with f.loop(*part(f, -(-self.columns // width), me, threads)) as strip:
            self._strip(strip * width, width)

    def _ones(self, row: Val, k: Val, n: int) -> list[Val]:
        """Some of a row of a, each in all lanes."""
        f, a = self.f, self.p.a
        start = self.a.shifted(row * a.lead[-1] + k * a.along, self.kind)
        places = [start.shifted(j * a.along, self.kind) for j in range(n)]
        return [f.spread(f.load(at, self.kind), self.lanes) for at in places]

    def _row(self, row: Val) -> None:
        """From the last row to the first: what was read before this is nearest at its end."""
        f, lead = self.f, self.p.b.lead[-1]
        ones = self._ones(row, f.index(0), self.p.inner)
        self._stand(row)

        def given(j: Val) -> dict[int, Any]:
            made: Val | None = None
            for k, x in enumerate(ones):
                b = self.b.read(j + k * lead, self.kind, self.lanes)
                made = x * b if made is None else f.fma(x, b, made)
            return {self.p.value: made}

        self.rows.backwards(self.columns, given)

    def _stand(self, row: Val) -> None:
        self.rows.stand([*[self.f.index(0)] * (len(self.p.nest.lead) - 1), row])

    def _in_parts(self) -> None:
        """Each part's sums in memory; then all of them, in their order whoever made which."""
        f, (_, me, threads, _, work), kind = self.f, self.f.args, self.kind
        width, inner = -(-self.columns // self.lanes) * self.lanes, self.p.inner
        area = work.shifted(PARTIALS)
        with f.loop(*part(f, _PARTS, me, threads)) as n:
            self.sums = area.shifted(n * (self.count * width), kind)
            self._sum(f.index(0), width, n * inner // _PARTS, (n + 1) * inner // _PARTS)
        meet(f)
        first, last = part(f, self.columns, me, threads, self.lanes)
        parts = [area.shifted(first + n * self.count * width, kind) for n in range(_PARTS)]
        self._finish(parts, width, first, last - first)

    def _strip(self, first: Val, width: int) -> None:
        f = self.f
        self._sum(first, width, f.index(0), f.index(self.p.inner))
        self._finish([self.sums], width, first, f.least(self.columns - first, width))

    def _finish(self, parts: list[Val], width: int, first: Val, live: Val) -> None:
        """What follows on some columns of all rows, whose sums lie in parts."""
        kind, rest = self.kind, self.columns % self.lanes
        for i in range(self.count):
            self._stand(self.f.index(i))
            places = [x.shifted(i * width, kind) for x in parts]
            self.rows.follow(self.p.value, kind, places, first, live, rest)

    def _sum(self, first: Val, width: int, start: Val, stop: Val) -> None:
        """The sums of a strip over some places."""
        f, kind, once, done = self.f, self.kind, max(1, 8 // self.count), self.f.index(0)
        if self.count > 2:  # products are the limit there, not b's way (4 x 784 x 256: 12 -> 9 us)
            free = f.target.rows * f.target.columns // self.count
            wide = self.lanes << (free.bit_length() - 1)
            done = f.least(self.columns - first, width) // wide * wide
            self._in_registers(first, width, start, stop - start, wide, done)
            if self.columns % wide == 0:
                return
        for i in range(self.count):
            fill(f, self.sums.shifted(i * width, kind), done, width, f.const(0, kind, self.lanes))
        whole = start + (stop - start) // once * once
        with f.loop(start, whole, once) as k:
            self._add(first, width, k, once, done)
        with f.loop(whole, stop) as k:
            self._add(first, width, k, 1, done)

    def _in_registers(
        self, first: Val, width: int, start: Val, n: Val, wide: int, done: Val
    ) -> None:
        """The sums of a strip's first columns."""
        f, kind, a, b = self.f, self.kind, self.p.a, self.p.b
        lies = int(a.lead[-1] == 1), int(a.along == 1), 0
        made = tile(f.module, kind, self.count, wide // self.lanes, *lies)
        at, lead = self.a.shifted(start * a.along, kind), b.lead[-1]
        with f.loop(0, done, wide) as c:
            f.call(
                made, at, a.lead[-1], a.along, self.b.shifted(start * lead + (first + c), kind),
                lead, self.sums.shifted(c, kind), width, n, 0,
            )  # fmt: skip

    def _add(self, first: Val, width: int, k: Val, n: int, done: Val) -> None:
        """Some rows of b into the sums of a strip, from its column `done` on."""
        f, lead = self.f, self.p.b.lead[-1]
        ones = [self._ones(f.index(i), k, n) for i in range(self.count)]
        b = [self.b.shifted(first + (k + j) * lead, self.kind) for j in range(n)]

        def body(j: Val, mask: Val | None) -> None:
            read = [at.read(j, self.kind, self.lanes, mask) for at in b]
            for i, line in enumerate(ones):
                place = self.sums.shifted(j + i * width, self.kind)
                total = f.load(place, self.kind, self.lanes)
                for x, y in zip(line, read):
                    total = f.fma(x, y, total)
                f.store(place, total)

        live = f.least(self.columns - first, width)
        vectors(f, done, live, self.lanes, body, self.columns % self.lanes)
