"""The innermost part of a matrix product: a tile of sums in registers, shared by all products of a
module, and what follows on the sums of one product once they are whole.
"""

from ..builder import POINTER, Function, Kind, Module, once
from .nest import LINE, Nest, Rows, along_axes, fetch
from .packing import soon
from .share import GIVEN

_AHEAD = 96  # places of a packed strip that are asked for beforehand: up to 6 % on long sums
_REACH = 5  # rows that are addressed from one pointer: few enough registers for their distances


@once("a:ptr apart:i64 along:i64 b:ptr step:i64 made:ptr down:i64 n:i64 more:i64")
def tile(f: Function, kind: Kind, height: int, vectors: int, *known: int) -> None:
    """Multiplies a strip of a with a panel of b.

    (a, apart, along, b, step, made, down, n, more): `made`, its rows `down` apart, gets the sums
    over n places, added to what it holds where `more` is not 0. a's rows lie `apart`, its places
    of the sum `along`; b's vectors are `step` apart along the sum. Of these three those that are
    `known`, not 0, need no instruction: another thread of the processor takes half of the decoder.
    """
    a, *strides, made, down, n, more = f.args
    b = strides.pop(2)
    apart, along, step = (f.index(k) if k else x for k, x in zip(known, strides))
    lanes = f.target.lanes(kind.size)
    sums = [[f.var(kind, lanes, 0) for _ in range(vectors)] for _ in range(height)]
    line = f.var(POINTER, 1, b)
    reach = height if known[0] else _REACH
    starts = [f.var(POINTER, 1, a.shifted(apart * i, kind)) for i in range(0, height, reach)]
    away = [apart * i for i in range(min(height, reach))]
    unroll = 8 if height * vectors <= 8 else 4

    def multiply() -> None:
        """One place of the sum."""
        at = line.get()
        across = [f.load(at.shifted(v * lanes, kind), kind, lanes) for v in range(vectors)]
        for i in range(height):
            place = starts[i // reach].get().shifted(away[i % reach], kind)
            x = f.spread(f.load(place, kind), lanes)
            for v in range(vectors):
                sums[i][v].set(f.fma(x, across[v], sums[i][v].get()))
        line.set(at.shifted(step, kind))
        for start in starts:
            start.set(start.get().shifted(along, kind))

    for i in range(height):
        soon(f, made.shifted(down * i, kind), 1)
    whole = n // unroll * unroll
    with f.loop(0, whole, unroll):
        soon(f, starts[0].get().shifted(along * _AHEAD, kind), 0)
        for _ in range(unroll):
            multiply()
    with f.loop(whole, n):
        multiply()
    places = [
        (made.shifted(down * i + v * lanes, kind), total)
        for i, row in enumerate(sums)
        for v, total in enumerate(row)
    ]
    with f.when(more > 0):
        for at, total in places:
            total.set(total.get() + f.load(at, kind, lanes))
    for at, total in places:
        f.store(at, total.get())


FOLLOWS = "item:i64 row:i64 rows:i64 column:i64 live:i64 sums:ptr down:i64"


def follower(module: Module, nest: Nest, value: int, kind: Kind, width: int) -> str:
    """The name of the function that does what follows on some rows of tiles' sums, and stores.

    (buffers, thread, threads, control, work, then FOLLOWS): `live` elements of each of `rows` rows
    from (row, column) of the batch's `item` on; the sums' rows lie `down` apart.
    """
    f = module.function(module.fresh("follow"), f"{GIVEN} {FOLLOWS}")
    item, row, rows, column, live, sums, down = f.args[5:]
    lanes = f.target.lanes(kind.size)
    pairs = nest.length % (2 * lanes) == width % (2 * lanes) == 0  # of vectors, side by side
    body = Rows(f, nest, 2 * lanes if pairs else lanes)
    places = along_axes(item, nest.lead[:-1])
    rest = None if nest.length % body.lanes else 0
    with f.loop(0, rows) as i:
        body.stand([*places, row + i])
        body.follow(value, kind, [sums.shifted(i * down, kind)], column, live, rest)
    f.done()
    return f.name


def announcer(module: Module, nest: Nest, width: int) -> str:
    """The name of the function that asks for what `width` columns of some rows will be followed by.

    (buffers, thread, threads, control, work, item, row, rows, column): a tile's multiplication is
    long enough for its lines to come, and its rows are too far apart for the processor's guesses.
    """
    params = f"{GIVEN} item:i64 row:i64 rows:i64 column:i64"
    f = module.function(module.fresh("announce"), params)
    item, row, rows, column = f.args[5:]
    body = Rows(f, nest)
    places = along_axes(item, nest.lead[:-1])
    seen = {(o.buffer, o.offset, o.lead): (v, way, o) for v, way, o in nest.uses if o.along == 1}
    with f.loop(0, rows) as i:
        body.stand([*places, row + i])
        for v, way, o in seen.values():
            size = width * o.kind.size
            for at in (*range(0, size, LINE), size - 1):
                fetch(f, body.bases[v, way].shifted(column, o.kind).shifted(at))
    f.done()
    return f.name
