"""Random tensors of the gamma family: binomial counts, and the gamma draws of distributions."""

from typing import Any

import numpy as np

from .._core import dtypes, gamma_draws
from .._core.devices import META
from .._core.op import op
from .._core.samplers import drawn_by, stream_of
from .._core.tape import make
from .making import place


def _floating(name: str, *tensors: Any) -> None:
    for t in tensors:
        if t.dtype.category != 2:
            raise NotImplementedError(
                f"\"{name}\" not implemented for '{t.dtype.type_name}'; use x.float()"
            )


def _wide(x: np.ndarray) -> np.ndarray:
    return dtypes.cast(x, dtypes.float64)


def binomial(count: Any, prob: Any, generator: Any = None) -> Any:
    """The number of successes among `count` trials of probability `prob`, element by element."""
    _floating("binomial_cpu", count, prob)
    if count.dtype is not prob.dtype:
        raise ValueError(
            f"Binomial count and prob must have the same type, got: {count.dtype.type_name} and "
            f"{prob.dtype.type_name}"
        )
    if count.device is META:
        return place(tuple(count.shape), count.dtype, META, False, np.empty)
    kind, stream = count.dtype, stream_of("binomial", generator, count.device)
    shape = np.broadcast_shapes(count.shape, prob.shape)

    def draw(*given: np.ndarray) -> np.ndarray:
        counts, chances = (np.broadcast_to(_wide(x), shape).reshape(-1) for x in given)
        made = gamma_draws.binomial(stream, counts, chances)
        return dtypes.cast(made.reshape(shape), kind)

    return make(drawn_by(draw, shape, kind, stream, count, prob), count.device)


@op("same", node="StandardGammaBackward0")
def _gamma_drawn(m: Any, input: Any, *, values: Any) -> Any:
    return values


@_gamma_drawn.vjp("input")
def _(m: Any, g: Any, input: Any, out: Any) -> Any:
    """The implicit derivative -(dP/da) / p(x) of a draw x by its shape a, P being its cdf.

    dP/da is a central difference of order 4 in float64, taken of the smaller of P and 1 - P.
    Source: Figurnov, Mohamed and Mnih, arXiv:1805.08498.
    """
    a, x = m.astype(input, m.float64), m.astype(out, m.float64)
    step = 1e-3 * a  # h^4 = 1e-12 of the fourth derivative, against 1e-15 / h of rounding
    low = x < a

    def tail(at: Any) -> Any:
        return m.where(low, m.gammainc(at, x), -m.gammaincc(at, x))

    slope = (tail(a - 2 * step) - 8 * tail(a - step) + 8 * tail(a + step) - tail(a + 2 * step)) / (
        12 * step
    )
    log_density = (a - 1) * m.log(x) - x - m.lgamma(a)
    return m.astype(m.astype(g, m.float64) * -slope * m.exp(-log_density), g.dtype)


def standard_gamma(input: Any) -> Any:
    """A gamma number of scale 1 for each shape in `input`, with gradients to the shapes."""
    _floating("gamma", input)
    if input.device is META:
        return place(tuple(input.shape), input.dtype, META, False, np.empty)
    kind, stream = input.dtype, stream_of("gamma", None, input.device)

    def draw(shapes: np.ndarray) -> np.ndarray:
        made = gamma_draws.gamma(stream, _wide(shapes).reshape(-1))
        least = dtypes.finfo(kind).tiny  # never 0, whose logarithm has no gradient
        return dtypes.cast(np.maximum(made, least).reshape(shapes.shape), kind)

    return _gamma_drawn(input, values=drawn_by(draw, tuple(input.shape), kind, stream, input))
