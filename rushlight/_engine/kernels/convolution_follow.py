"""What follows on a convolution's sums: a function for each convolution, given rows of them."""

from ..builder import Function, Val
from .convolution_shape import Convolution
from .convolution_tiles import address
from .nest import Rows


def follower(kernel: Function, c: Convolution) -> Val:
    """Where the function is that does what follows on `rows` rows of sums, and stores.

    Each row has `lines` runs of `count` elements; the runs begin at places `at`, `at + step`, ...
    of the nest's row, and lie `pitch` bytes from each other; rows lie `across` bytes from each
    other. The row's place is (image, row), or (row) where the nest has one leading axis.
    """
    name, kind = kernel.module.fresh("follow"), c.kind
    f = kernel.module.function(
        name,
        "buffers:ptr source:ptr image:i64 row:i64 rows:i64 across:i64 lines:i64 pitch:i64 at:i64 "
        "step:i64 count:i64",
    )
    _, source, image, row, rows, across, lines, pitch, at, step, count = f.args
    with f.loop(0, rows) as i:
        follow = Rows(f, c.nest, f.target.lanes(kind.size))
        follow.stand([image, row + i][-len(c.nest.lead) :])
        with f.loop(0, lines) as r:
            here = source.shifted(i * across + r * pitch)
            follow.follow(c.value, kind, [here], at + r * step, count)
    f.done()
    return address(kernel, name)
