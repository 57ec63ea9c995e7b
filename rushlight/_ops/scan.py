"""Running results along one axis: cumsum, cumprod, cummax, cummin, logcumsumexp."""

from typing import Any

from .._core.errors import dim_of
from .._core.kinds import speak
from .._core.op import op
from .dims import FLOATS, part
from .elementary import log_sum
from .extrema import picking, scattered_along
from .reduction import products_before
from .refusal import BOOL, COMPLEX, INTEGER, refuse


def _reversed(m: Any, word: Any, x: Any, axis: int) -> Any:
    """A running word from the far end."""
    return m.flip(word(m.flip(x, axis), axis), axis)


def _wide(m: Any, input: Any, dtype: Any) -> Any:
    """Integers in int64, where no `dtype` is given (else they have come in it)."""
    keeps = dtype is not None or input.dtype in FLOATS
    return input if keeps else m.astype(input, m.int64)


@op("reduce")
def cumsum(m, input, *, dim: int, dtype=None):
    """Running sums along `dim`; integers add up in int64."""
    axis = dim_of(dim, len(input.shape))
    input = _wide(m, input, dtype)
    if not input.shape:
        return input + 0
    made = m.cumulative_sum(input, axis)
    return made if dtype is None else m.astype(made, input.dtype)


@cumsum.vjp("input")
def _(m, g, dim):
    return _reversed(m, m.cumulative_sum, g, dim_of(dim, len(g.shape))) if g.shape else g


@op("reduce")
def cumprod(m, input, *, dim: int, dtype=None):
    """Running products along `dim`; integers multiply in int64."""
    axis = dim_of(dim, len(input.shape))
    input = _wide(m, input, dtype)
    return m.cumulative_prod(input, axis) if input.shape else input + 0


def _shifted(m: Any, x: Any, axis: int, steps: int, value: float = 0) -> Any:
    """`x` moved `steps` towards the front of `axis`, `value` entering at the end."""
    entering = m.full((*x.shape[:axis], steps, *x.shape[axis + 1 :]), value, x.dtype)
    return m.concat([m.index(x, part(axis, steps, None)), entering], axis=axis)


def recurrence_from_end(m: Any, factors: Any, x: Any, axis: int) -> Any:
    """y with y[k] = x[k] + factors[k] * y[k + 1] along `axis`, in log2(n) doubling steps.

    It only adds and multiplies, so it is right where factors are zero, to any derivative.
    """
    steps = 1
    while steps < x.shape[axis]:
        x = x + factors * _shifted(m, x, axis, steps)
        factors = factors * _shifted(m, factors, axis, steps)
        steps *= 2
    return x


@cumprod.vjp("input")
def _(m, g, input, dim):
    if not g.shape or 0 in g.shape:
        return g
    axis = dim_of(dim, len(g.shape))
    x = m.astype(m.conj(input), g.dtype)
    before = products_before(m, x, axis)
    return before * recurrence_from_end(m, _shifted(m, x, axis, 1), g, axis)


@picking("cummax")
def cummax(m, input, *, dim: int):
    """Running maximum along `dim`, and the latest index that reached it."""
    axis = dim_of(dim, len(input.shape))
    refuse("cummax_cpu", input, COMPLEX)
    return m.cumulative_max(input, axis)


@picking("cummin")
def cummin(m, input, *, dim: int):
    """Running minimum along `dim`, and the latest index that reached it."""
    axis = dim_of(dim, len(input.shape))
    refuse("cummin_cpu", input, COMPLEX)
    return m.cumulative_min(input, axis)


for each in (cummax, cummin):
    each.vjp("input")(scattered_along)


def _log_add(m: Any, a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)); two equal infinities give themselves."""
    top = m.maximum(a, b)
    base = m.where(m.isinf(top), 0, top)
    return base + m.log(m.exp(a - base) + m.exp(b - base))


def _complex_log_sums(m: Any, input: Any, axis: int) -> Any:
    """One after the other: the branch of the logarithm follows the path."""
    if not input.shape or not input.shape[axis]:
        return input + 0
    made = [m.index(input, part(axis, 0, 1))]
    for i in range(1, input.shape[axis]):
        made.append(log_sum(m, made[-1], m.index(input, part(axis, i, i + 1))))
    return m.concat(made, axis=axis)


@op("reduce")
def logcumsumexp(m, input, *, dim: int):
    """Logarithm of the running sum of exponentials along `dim`, without overflow."""
    axis = dim_of(dim, len(input.shape))
    if m.isdtype(input.dtype, "complex floating"):
        return _complex_log_sums(m, input, axis)
    refuse("logcumsumexp_out_cpu", input, BOOL, INTEGER)
    steps = 1
    while input.shape and steps < input.shape[axis]:
        shape = (*input.shape[:axis], steps, *input.shape[axis + 1 :])
        first = m.index(input, part(axis, 0, input.shape[axis] - steps))
        padded = m.concat([m.full(shape, -float("inf"), input.dtype), first], axis=axis)
        input = _log_add(m, input, padded)
        steps *= 2
    return input if steps > 1 else input + 0


@logcumsumexp.vjp("input")
def _(m, g, input, out, dim):
    # g_x[k] = sum over i >= k of g[i] exp(x[k] - out[i]); no ratio exp(out[k] - out[k + 1]) is > 1
    if not g.shape or 0 in g.shape:
        return g
    axis = dim_of(dim, len(g.shape))
    later = _shifted(m, out, axis, 1, float("inf"))
    ratio, own = m.conj(m.exp(out - later)), m.conj(m.exp(input - out))
    return recurrence_from_end(m, ratio, g, axis) * own


speak(cumulative_sum=cumsum, cumulative_prod=cumprod, cumulative_max=cummax, cumulative_min=cummin)
