"""Ops along axes: extrema, order, quantiles, moments, norms, counting, and losses of classes."""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def log_softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """x - log(sum of e^x)."""
    return x - np.logaddexp.reduce(x, dim, keepdims=x.ndim > 0)


def extremum(value: Callable, place: Callable, of_two: Callable) -> Callable:
    """max or min in all its forms: of everything, along a dim with the places, of two tensors."""

    def made(input: Array, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return value(input)
        if isinstance(dim, np.ndarray):
            return of_two(input, dim)
        return value(input, axis=dim, keepdims=keepdim), place(input, axis=dim, keepdims=keepdim)

    return made


def running(better: Callable) -> Callable:
    """(values, places) of the best so far along an axis; the last one of equals."""

    def made(input: Array, dim: int) -> tuple[Array, Array]:
        values = np.atleast_1d(np.moveaxis(input, dim, -1) if input.ndim else input).copy()
        places = np.zeros(values.shape, int)
        for row in np.ndindex(*values.shape[:-1]):
            for i in range(1, values.shape[-1]):
                keep = not better(values[row][i], values[row][i - 1])
                places[row][i] = places[row][i - 1] if keep else i
                values[row][i] = values[row][i - 1] if keep else values[row][i]
        if not input.ndim:
            return values[0], places[0]
        return np.moveaxis(values, -1, dim), np.moveaxis(places, -1, dim)

    return made


def ordered(input: Array, dim: int = -1, descending: bool = False, **_: Any) -> tuple:
    """(values, places) in order, equal ones as they came."""
    x = np.atleast_1d(input)
    places = np.argsort(-x if descending else x, dim, kind="stable")
    values = np.take_along_axis(x, places, dim)
    return values.reshape(input.shape), places.reshape(input.shape)


def first_of_order(input: Array, k: int, dim: int = -1, largest: bool = True, **_: Any) -> tuple:
    """The first k of the order, all of a number by itself."""
    both = ordered(input, dim, largest)
    return tuple(np.take(b, range(k), dim) if b.ndim else b for b in both)


def at_rank(input: Array, k: int, dim: int = -1, keepdim: bool = False) -> tuple:
    """The k-th smallest, counted from 1, and its place."""
    both = (np.take(b, [k - 1], dim) if b.ndim else b for b in ordered(input, dim))
    return tuple(b if keepdim or not b.ndim else np.squeeze(b, dim) for b in both)


def median(input: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower of the two in the middle."""
    if dim is None:
        return np.sort(input, axis=None)[(input.size - 1) // 2]
    return at_rank(input, (np.atleast_1d(input).shape[dim] + 1) // 2, dim, keepdim)


def most_frequent(found: Any, input: Array, dim: int = -1, keepdim: bool = False) -> None:
    """A law: the smallest of the most frequent values, and one place where it lies."""
    values, places = (f if keepdim else np.expand_dims(f, dim) for f in found)
    rows = np.moveaxis(input, dim, -1).reshape(-1, input.shape[dim])
    wanted = [min(row, key=lambda v: (-np.sum(row == v), v)) for row in rows]
    np.testing.assert_array_equal(np.moveaxis(values, dim, -1).ravel(), wanted)
    np.testing.assert_array_equal(np.take_along_axis(input, places, dim), values)


def moments(spread: Callable) -> Callable:
    """(spread, mean) over axes, with `correction` (or 1 for `unbiased`) taken off the count."""

    def made(
        input: Array, dim: Any = None, unbiased: Any = None, keepdim: bool = False,
        correction: Any = None,
    ) -> tuple:  # fmt: skip
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        off = (1 if unbiased is None else int(unbiased)) if correction is None else correction
        axes = dict(axis=dim, keepdims=keepdim)
        return spread(input, ddof=off, **axes), np.mean(input, **axes)

    return made


def alone(both: Callable) -> Callable:
    """The first of two results."""
    return lambda *args, **kwargs: both(*args, **kwargs)[0]


def total(reduce: Callable) -> Callable:
    """NumPy's reduction under PyTorch's names."""

    def made(x: Array, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
        return reduce(x, axis=dim, keepdims=keepdim)

    return made


def quantile(
    x: Array, q: Array, dim: Any = None, keepdim: bool = False, interpolation: Any = "linear"
) -> Any:
    """NumPy's."""
    return np.quantile(x, q, axis=dim, keepdims=keepdim, method=interpolation)


def norm(x: Array, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    """NumPy's; without a dim and an order, of the whole as a vector."""
    if dim is None and ord in (None, "fro"):
        return np.sqrt(np.sum(x * x))
    if dim is not None and ord == "fro":
        ord = None
    return np.linalg.norm(x, ord, dim, keepdim)


def last_axis_norm(x: Array, ord: float = 2.0, keepdim: bool = False) -> Array:
    """The p-norm along the last axis."""
    return np.sum(np.abs(x) ** ord, -1, keepdims=keepdim) ** (1 / ord)


def pair_distances(input: Array, p: float = 2.0) -> Array:
    """The p-norms of the differences of all rows."""
    n = len(input)
    return np.array(
        [np.linalg.norm(input[i] - input[j], p) for i in range(n) for j in range(i + 1, n)]
    )


def renorm(input: Array, p: float, dim: int, maxnorm: float) -> Array:
    """Slices longer than `maxnorm` shortened to it (PyTorch adds 1e-7 to their length)."""
    made = input.copy()
    for part in np.moveaxis(made, dim, 0):
        length = np.linalg.norm(part.ravel(), p)
        if length > maxnorm:
            part *= maxnorm / (length + 1e-7)
    return made


def vector_norm(x: Array, ord: float = 2, dim: Any = None, keepdim: bool = False) -> Any:
    """The number of non-zeros, an extremum of the sizes, or the root of their powers' sum."""
    size = np.abs(x)
    if ord in (0, np.inf, -np.inf):
        word = {0: np.count_nonzero, np.inf: np.max, -np.inf: np.min}[ord]
        return word(size, dim, keepdims=keepdim)
    return np.sum(size**ord, dim, keepdims=keepdim) ** (1 / ord)


def sum_of_powers(x: Array, dim: Any, keepdim: bool = False) -> Array:
    """The logarithm of the sum of e^x; along no dim, of everything."""
    dim = tuple(dim) or None if isinstance(dim, (tuple, list)) else dim
    return np.log(np.sum(np.exp(x), dim, keepdims=keepdim))


def spread(name: str) -> Callable:
    """NumPy's var or std; PyTorch's older form has False, for no correction, in place of a dim."""

    def made(input: Array, dim: Any = None, correction: float = 1, keepdim: bool = False) -> Any:
        dim, free = (None, 0) if dim is False else (dim, correction)
        return getattr(np, name)(input, dim, ddof=free, keepdims=keepdim)

    return made


def buckets(
    sequence: Array, input: Array, side: str = "left", right: bool = False, **_: Any
) -> Any:
    """NumPy's searchsorted, which knows one sequence."""
    side = "right" if right else side
    return np.searchsorted(sequence, input, side) if sequence.ndim == 1 else None


def histogram(
    input: Array, bins: Any, weight: Any = None, range: Any = None, density: bool = False
) -> tuple:
    """NumPy's."""
    weight = None if weight is None else weight.ravel()
    return tuple(np.histogram(input.ravel(), bins, range, density, weight))


def chosen(values: Array, inverse: Array, counts: Array, wanted: tuple[bool, bool]) -> Any:
    """What `unique` was asked to return."""
    more = [x for x, want in zip((inverse, counts), wanted) if want]
    return (values, *more) if more else values


def unique(
    input: Array, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    """NumPy's."""
    values, inverse, counts = np.unique(input, return_inverse=True, return_counts=True, axis=dim)
    inverse = inverse.reshape(input.shape if dim is None else -1)
    return chosen(values, inverse, counts, (return_inverse, return_counts))


def unique_consecutive(
    input: Array, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    """Runs of equal slices, one by one."""
    parts = input.ravel() if dim is None else np.moveaxis(input, dim, 0)
    values: list = []
    inverse: list[int] = []
    for part in parts:
        if not values or not np.array_equal(values[-1], part):
            values.append(part)
        inverse.append(len(values) - 1)
    made = np.moveaxis(np.array(values, input.dtype), 0, dim or 0) if values else input
    counts = np.bincount(np.array(inverse, int))
    places = np.array(inverse, int).reshape(input.shape if dim is None else -1)
    return chosen(made, places, counts, (return_inverse, return_counts))


def trapezoids(y: Array, x: Any = None, dx: Any = 1, dim: int = -1) -> Array:
    """The areas between neighbours."""
    y = np.moveaxis(y, dim, -1)
    steps = dx if x is None else np.diff(x)
    return np.moveaxis(steps * (y[..., 1:] + y[..., :-1]) / 2, -1, dim)


def gradient(input: Array, spacing: Any = 1, dim: Any = None, edge_order: Any = 1) -> Any:
    """NumPy's."""
    given = [] if spacing is None else spacing if isinstance(spacing, list) else [spacing]
    made = np.gradient(input, *given, axis=dim, edge_order=edge_order)
    return tuple(made) if isinstance(made, (tuple, list)) else (made,)


def class_loss(
    scores: Array, target: Array, weight: Any = None, reduction: str = "mean",
    ignore_index: int = -100,
) -> Any:  # fmt: skip
    """-w[target] times the target's score along axis 1; the mean is over the weights."""
    assert weight is None
    each, counted = np.zeros(target.shape), 0
    for place in np.ndindex(*target.shape):
        if target[place] != ignore_index:
            each[place] = -scores[(place[0], int(target[place]), *place[1:])]
            counted += 1
    return {"none": each, "sum": each.sum(), "mean": each.sum() / counted}[reduction]


def multi_margin(
    input: Array, target: Array, p: int = 1, margin: float = 1.0, reduction: str = "mean"
) -> Any:
    """For each row the mean over the wrong classes of max(0, margin - x_y + x_i)^p, y among them
    in the count."""
    each = np.array([
        sum(max(0, margin - x[y] + x[i]) ** p for i in range(len(x)) if i != y) / len(x)
        for x, y in zip(input, target)
    ])  # fmt: skip
    return each if reduction == "none" else each.mean()


def multilabel_margin(input: Array, target: Array, reduction: str = "mean") -> Any:
    """For each label (up to the first -1) and each class that is none, max(0, 1 - x_y + x_i)."""
    each = []
    for x, row in zip(input, target):
        labels = []
        for y in row:
            if y < 0:
                break
            labels.append(int(y))
        others = [i for i in range(len(x)) if i not in labels]
        each.append(sum(max(0, 1 - x[y] + x[i]) for y in labels for i in others) / len(x))
    return np.array(each) if reduction == "none" else np.mean(each)


def both_extrema(input: Array, dim: int | None = None, keepdim: bool = False) -> tuple:
    """The least and the greatest."""
    return tuple(
        f(input, axis=dim if input.ndim else None, keepdims=keepdim) for f in (np.min, np.max)
    )


VALUES: dict[str, Callable] = {
    "softmax": lambda x, dim, dtype=None: np.exp(log_softmax(x, dim)),
    "log_softmax": log_softmax,
    "max": extremum(np.max, np.argmax, np.maximum),
    "min": extremum(np.min, np.argmin, np.minimum),
    "aminmax": both_extrema,
    "cummax": running(np.greater_equal),
    "cummin": running(np.less_equal),
    "sort": ordered,
    "topk": first_of_order,
    "kthvalue": at_rank,
    "median": median,
    "nanmedian": median,
    "bucketize": lambda x, boundaries, right=False: np.searchsorted(
        boundaries, x, "right" if right else "left"
    ),
    "var_mean": moments(np.var),
    "std_mean": moments(np.std),
    "statistics.var.0": alone(moments(np.var)),
    "statistics.std.0": alone(moments(np.std)),
    **{f"reduction.sum.{i}": total(np.sum) for i in (0, 1)},
    **{f"reduction.mean.{i}": total(np.mean) for i in (0, 1)},
    **{f"reduction.prod.{i}": total(np.prod) for i in (0, 1)},
    "quantiles.quantile.0": quantile,
    "quantiles.nanquantile.0": quantile,
    "distinct": lambda x, dim=None: unique(x, True, True, dim),
    "runs": lambda x, dim=None: unique_consecutive(x, True, True, dim),
    "linalg_norm": norm,
    "linalg_vector_norm": vector_norm,
    "dist": lambda x, y, p=2: np.linalg.norm(np.ravel(x - y), p),
    "cdist": lambda x, y, p=2.0: np.linalg.norm(x[..., :, None, :] - y[..., None, :, :], p, -1),
    "norm": lambda x, p="fro", dim=None, keepdim=False: norm(x, p, dim, keepdim),
    "difference_norms": last_axis_norm,
    "pair_norms": last_axis_norm,
    "pdist": pair_distances,
    "renorm": renorm,
    "histogram": histogram,
    "histc": lambda x, bins, min=None, max=None: np.histogram(
        x, bins, None if min is None else (min, max)
    )[0],
    "argsort": lambda x, dim=-1, descending=False: np.argsort(
        -x if descending else x, dim, kind="stable"
    ),
    "msort": lambda x: np.sort(x, 0),
    "searchsorted": buckets,
    "statistics.var.1": spread("var"),
    "statistics.std.1": spread("std"),
    "cumsum": lambda x, dim: np.cumsum(x, dim).reshape(x.shape),
    "cumprod": lambda x, dim: np.cumprod(x, dim).reshape(x.shape),
    "logcumsumexp": lambda x, dim: np.log(np.cumsum(np.exp(x), dim)).reshape(x.shape),
    "logsumexp": sum_of_powers,
    "unique": unique,
    "unique_consecutive": unique_consecutive,
    "cumulative_trapezoid": lambda *args, dim=-1, **kwargs: np.cumsum(
        trapezoids(*args, dim=dim, **kwargs), dim
    ),
    "gradient": gradient,
    "nll_loss": class_loss,
    "nll_loss2d": class_loss,
    "undifferentiated_cross_entropy": lambda x, *args, **kwargs: class_loss(
        log_softmax(x, 1), *args, **kwargs
    ),
    "recorded_cross_entropy": lambda x, *args, **kwargs: (
        class_loss(log_softmax(x, 1), *args, **kwargs),
        log_softmax(x, 1),
    ),
    "multi_margin_loss": multi_margin,
    "multilabel_margin_loss": multilabel_margin,
}
LAWS: dict[str, Callable] = {"mode": most_frequent}
