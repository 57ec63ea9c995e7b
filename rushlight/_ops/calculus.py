"""Differences, integrals and slopes of sampled functions, and covariance."""

from typing import Any

from .._core import dtypes
from .._core.errors import dim_of
from .._core.op import composite, filling
from .dims import all_or
from .joining import cat
from .scan import cumsum


@filling
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The n-th differences of neighbours along `dim`."""
    if input.ndim < 1:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = dim_of(dim, input.ndim)
    ends = [prepend, input, append]
    if prepend is not None or append is not None:
        input = cat([x for x in ends if x is not None], axis)
    for _ in range(min(n, input.shape[axis])):
        size = max(input.shape[axis] - 1, 0)
        later = input.narrow(axis, input.shape[axis] - size, size)
        earlier = input.narrow(axis, 0, size)
        input = later ^ earlier if input.dtype is dtypes.bool_ else later - earlier
    return input


def _areas(y: Any, x: Any, dx: Any, dim: int) -> Any:
    """The areas under straight lines between neighbouring samples."""
    axis = dim_of(dim, y.ndim)
    size = y.shape[axis]
    count = max(size - 1, 0)
    heights = y.narrow(axis, size - count, count) + y.narrow(axis, 0, count)
    if x is None:
        return heights * (dx / 2)
    if x.ndim == 1:
        if x.shape[0] != size:
            raise RuntimeError(
                f"trapezoid: There must be one `x` value for each sample point; x has {x.shape[0]},"
                f" y has {size}"
            )
        x = x.reshape([-1 if i == axis else 1 for i in range(y.ndim)])
    else:
        axis -= y.ndim - x.ndim if x.ndim < y.ndim else 0
    return heights * diff(x, dim=axis) / 2


@composite
def trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The integral along `dim` by the trapezoidal rule, at places `x` or at steps `dx`."""
    return _areas(y, x, dx, dim).sum(dim)


trapz = trapezoid


@composite
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """Running integrals along `dim` by the trapezoidal rule."""
    return cumsum(_areas(y, x, dx, dim), dim)


def _slope(y: Any, place: Any, axis: int, edge_order: int) -> Any:
    """The derivative along `axis`, `place` a step or the 1-D coordinates."""
    n = y.shape[axis]
    if n < edge_order + 1:
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1; dimension "
            f"{axis} has size {n}"
        )
    part = lambda start, count: y.narrow(axis, start, count)
    if not hasattr(place, "shape") or place.ndim == 0:
        middle = (part(2, n - 2) - part(0, n - 2)) / (2 * place)
        first, last = _edges(part, n, [place] * 4, edge_order)
        return cat([first, middle, last], axis)
    steps = diff(place)
    shaped = steps.reshape([-1 if i == axis else 1 for i in range(y.ndim)])
    h, k = shaped.narrow(axis, 0, n - 2), shaped.narrow(axis, 1, n - 2)  # before, after
    left, centre, right = part(0, n - 2), part(1, n - 2), part(2, n - 2)
    middle = (right * h * h + centre * (k * k - h * h) - left * k * k) / (h * k * (h + k))
    ends = [steps[0], steps[min(1, n - 2)], steps[-1], steps[max(n - 3, 0)]]
    return cat(
        [*_edges(part, n, ends, edge_order)[:1], middle, *_edges(part, n, ends, edge_order)[1:]],
        axis,
    )


def _edges(part: Any, n: int, steps: list, order: int) -> tuple[Any, Any]:
    """One-sided derivatives at both ends, from two points or (order 2) from three."""
    a, b, c, d = steps  # the first and second step, the last and the one before
    if order == 1:
        return (part(1, 1) - part(0, 1)) / a, (part(n - 1, 1) - part(n - 2, 1)) / c
    first = (-(2 * a + b) / (a * (a + b)) * part(0, 1) + (a + b) / (a * b) * part(1, 1)
             - a / (b * (a + b)) * part(2, 1))  # fmt: skip
    last = (c / (d * (c + d)) * part(n - 3, 1) - (c + d) / (c * d) * part(n - 2, 1)
            + (2 * c + d) / (c * (c + d)) * part(n - 1, 1))  # fmt: skip
    return first, last


@composite
def gradient(input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple:
    """Derivatives of a sampled function by central differences, one tensor for each of `dim`.

    Args:
        input: the samples.
        spacing: one step for all dimensions, one for each, or the coordinates for each.
        dim: dimensions to differentiate along, all by default.
        edge_order: 1 or 2, how many neighbours the one-sided differences at the ends use.
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    axes = [dim_of(a, input.ndim) for a in all_or(dim, input.ndim)]
    spacing = 1 if spacing is None else spacing
    places = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(axes)
    if len(places) != len(axes):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or a list of length equal"
            f" to 'self.dim() = {input.ndim}', since dim argument was not given, but got a list of"
            f" length {len(places)}"
        )
    if not (input.is_floating_point() or input.is_complex()):
        input = input.float()
    return tuple(_slope(input, p, a, edge_order) for p, a in zip(places, axes, strict=True))


# -- covariance


def _at_most_two(name: str, input: Any) -> None:
    if input.ndim > 2:
        raise RuntimeError(
            f"{name}(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )


def _check_weights(name: str, w: Any, input: Any) -> None:
    if w.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {w.ndim} "
            "dimensions"
        )
    if w.numel() != input.shape[1]:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input "
            f"but got {w.numel()} != {input.shape[1]}"
        )


@composite
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """Covariance of variables (rows) over observations (columns).

    Args:
        input: (variables, observations), or one variable.
        correction: what is taken from the number of observations.
        fweights: how often each observation counts.
        aweights: how much each observation weighs.
    """
    _at_most_two("cov", input)
    x = input.reshape(1, -1) if input.ndim < 2 else input
    if not (x.is_floating_point() or x.is_complex()):
        x = x.float()
    weight = None
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is not None:
            _check_weights(name, w, x)
            weight = w if weight is None else weight * w
    if weight is None:
        total: Any = x.shape[1]
        mean = x.sum(1, keepdim=True) / total
    else:
        total = weight.sum()
        mean = (x * weight).sum(1, keepdim=True) / total
    free = total - correction
    if weight is not None and aweights is not None and correction:
        free = total - correction * (weight * aweights).sum() / total
    away = x - mean
    spread = away.conj() if weight is None else (away * weight).conj()
    free = max(free, 0) if isinstance(free, int) else free.clamp(min=0)
    made = (away @ spread.mT) / free
    return made.squeeze()


@composite
def corrcoef(input: Any) -> Any:
    """Correlation of variables (rows) over observations (columns)."""
    _at_most_two("corrcoef", input)
    c = cov(input)
    if c.ndim == 0:
        return c / c
    spread = (c.diagonal().real if c.is_complex() else c.diagonal()).sqrt()
    made = c / spread.reshape(-1, 1) / spread
    return made if c.is_complex() else made.clamp(-1, 1)
