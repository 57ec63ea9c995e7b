"""Products of few rows, or of a short sum: the large operand is read once, straight through.

Few rows: the sums of a strip of columns stay in the first cache while b's rows go by. A short sum:
each element is worked out where it stands, and what follows on it at once.
"""

from collections.abc import Callable
from math import prod

from ..builder import Function, Module, Val
from .matmul import Product
from .nest import Rows, opened, part, vectors
from .share import begun

_FEW = 4  # rows; places of a sum
_STRIP = 16  # vectors of columns: half a page of b's rows side by side


def suits(product: Product) -> bool:
    """Whether it is one of these."""
    nest, kind = product.nest, product.kind
    if prod(nest.lead[:-1]) != 1 or product.b.along != 1 or not kind.floating or kind.storage:
        return False
    return product.inner <= _FEW or nest.lead[-1] <= _FEW


def kernel(module: Module, product: Product) -> str:
    """The name of the function (buffers, thread, threads, control, workspace) that multiplies."""
    f = begun(module, "skinny")
    _Skinny(f, product).write()
    f.done()
    return f.name


class _Skinny:
    def __init__(self, f: Function, product: Product) -> None:
        self.f, self.p, self.kind = f, product, product.kind
        self.lanes = f.target.lanes(self.kind.size)
        self.columns, self.count = product.nest.length, product.nest.lead[-1]
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

    def _along(self, first: Val, width: int, body: Callable[[Val, Val | None], None]) -> None:
        """The body at each vector of some columns, with a mask where they end."""
        live = self.f.least(self.columns - first, width)
        vectors(self.f, 0, live, self.lanes, body, self.columns % self.lanes)

    def _row(self, row: Val) -> None:
        """From the last row to the first: what was read before this is nearest at its end."""
        f, lead = self.f, self.p.b.lead[-1]
        ones = self._ones(row, f.index(0), self.p.inner)
        self._stand(row)

        def body(j: Val, mask: Val | None) -> None:
            made: Val | None = None
            for k, x in enumerate(ones):
                b = f.load(self.b.shifted(j + k * lead, self.kind), self.kind, self.lanes, mask)
                made = x * b if made is None else f.fma(x, b, made)
            self.rows.finish(j, {self.p.value: made}, mask)

        self._along(f.index(0), self.columns, body)

    def _stand(self, row: Val) -> None:
        self.rows.stand([*[self.f.index(0)] * (len(self.p.nest.lead) - 1), row])

    def _strip(self, first: Val, width: int) -> None:
        f, once = self.f, max(1, 8 // self.count)
        whole = self.p.inner // once * once
        zero = f.const(0, self.kind, self.lanes)
        with f.loop(0, self.count * width, self.lanes) as j:
            f.store(self.sums.shifted(j, self.kind), zero)
        with f.loop(0, whole, once) as k:
            self._add(first, width, k, once)
        with f.loop(whole, self.p.inner) as k:
            self._add(first, width, k, 1)
        for i in range(self.count):
            self._stand(f.index(i))

            def body(j: Val, mask: Val | None, i: int = i) -> None:
                x = f.load(self.sums.shifted(j + i * width, self.kind), self.kind, self.lanes)
                self.rows.finish(first + j, {self.p.value: x}, mask)

            self._along(first, width, body)

    def _add(self, first: Val, width: int, k: Val, n: int) -> None:
        """Some rows of b into the sums of a strip."""
        f, lead = self.f, self.p.b.lead[-1]
        ones = [self._ones(f.index(i), k, n) for i in range(self.count)]
        b = [self.b.shifted(first + (k + j) * lead, self.kind) for j in range(n)]

        def body(j: Val, mask: Val | None) -> None:
            read = [f.load(at.shifted(j, self.kind), self.kind, self.lanes, mask) for at in b]
            for i, line in enumerate(ones):
                place = self.sums.shifted(j + i * width, self.kind)
                total = f.load(place, self.kind, self.lanes)
                for x, y in zip(line, read):
                    total = f.fma(x, y, total)
                f.store(place, total)

        self._along(first, width, body)
