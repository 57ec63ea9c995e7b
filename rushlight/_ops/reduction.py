"""Reductions that add up, multiply or count: sum, mean, prod, logsumexp, all, any."""

from collections.abc import Iterator
from typing import Any

from .._core import dtypes
from .._core.errors import dim_of
from .._core.kinds import speak
from .._core.op import composite, op
from .dims import FLOATS, Dims, axes_of, keep, part, reduced_count, spelt, spread, to_axes


def _summed(m: Any, input: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    axes = None if dim is None else axes_of(dim, len(input.shape))
    if dtype is not None:
        input = m.astype(input, dtype)
        if input.dtype not in FLOATS:  # NumPy would count small integers in int64
            return m.sum(input, axis=axes, keepdims=keepdim, dtype=input.dtype)
    elif input.dtype not in FLOATS:
        return m.sum(input, axis=axes, keepdims=keepdim, dtype=m.int64)
    return m.sum(input, axis=axes, keepdims=keepdim)


@op("reduce", name="sum", node="SumBackward0")
def sum_of_all(m: Any, input: Any, *, dtype: Any = None) -> Any:
    """Sum of all elements; integers add up in int64."""
    return _summed(m, input, None, False, dtype)


@sum_of_all.vjp("input")
def _(m: Any, g: Any, input_shape: tuple) -> Any:
    return m.broadcast_to(g, input_shape)


@op("reduce", name="sum", node="SumBackward1")
def sum_along(
    m: Any, input: Any, *, dim: Dims = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    """Sums along `dim`; integers add up in int64."""
    return _summed(m, input, dim, keepdim, dtype)


@sum_along.vjp("input")
def _(m: Any, g: Any, input_shape: tuple, dim: Any, keepdim: bool) -> Any:
    return spread(m, g, input_shape, dim, keepdim)


@composite
def sum(
    input: Any,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Any = None,
    **names: Any,
) -> Any:
    """Sum over all elements, or along `dim`; integers add up in int64."""
    if names:
        dim, keepdim = spelt("sum", dim, keepdim, names)
    if dim is None and not keepdim:
        return sum_of_all(input, dtype, out=out)
    return sum_along(input, dim, keepdim, dtype, out=out)


@sum.defined_as
def _(np: Any, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.sum(input, to_axes(dim), keepdims=keepdim)


@sum.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4),), {}
    yield (draw(3, 4),), {"dim": 1, "keepdim": True}
    yield (draw(2, 3, 4),), {"dim": (0, -1)}
    yield (draw(2, 3),), {"dim": ()}
    yield (draw(),), {"dim": 0}
    yield (draw(0, 3),), {"dim": 0}
    yield (draw.ints(3, 4, low=-5, high=6),), {"dim": 0}
    yield (draw.bools(3, 4),), {}


@sum.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw(3, 4),),
        {"dim": 2},
        IndexError,
        "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
    )
    yield (
        (draw(3, 4),),
        {"dim": (0, 0)},
        RuntimeError,
        "dim 0 appears multiple times in the list of dims",
    )


def needs_floats(input: Any, name: str) -> None:
    """Refuse integers where PyTorch does not turn them into floats by itself."""
    if input.dtype not in FLOATS:
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point"
            f" or complex dtype. Got: {dtypes.of(input.dtype).type_name}; convert with"
            " input.float() or pass dtype=torch.float32"
        )


def _averaged(m: Any, input: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    if dtype is not None:
        input = m.astype(input, dtype)
    needs_floats(input, "mean")
    total = m.sum(input, axis=axes_of(dim, len(input.shape)), keepdims=keepdim)
    return m.divide(total, reduced_count(input.shape, dim))


@op("reduce", name="mean", node="MeanBackward0")
def mean_of_all(m: Any, input: Any, *, dtype: Any = None) -> Any:
    """Mean of all elements."""
    return _averaged(m, input, None, False, dtype)


@mean_of_all.vjp("input")
def _(m: Any, g: Any, input_shape: tuple) -> Any:
    return m.broadcast_to(m.divide(g, reduced_count(input_shape, None)), input_shape)


@op("reduce", name="mean", node="MeanBackward1")
def mean_along(
    m: Any, input: Any, *, dim: Dims = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    """Means along `dim`."""
    return _averaged(m, input, dim, keepdim, dtype)


@mean_along.vjp("input")
def _(m: Any, g: Any, input_shape: tuple, dim: Any, keepdim: bool) -> Any:
    return spread(m, m.divide(g, reduced_count(input_shape, dim)), input_shape, dim, keepdim)


@composite
def mean(
    input: Any,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Any = None,
    **names: Any,
) -> Any:
    """Mean of all elements, or along `dim`."""
    if names:
        dim, keepdim = spelt("mean", dim, keepdim, names)
    if dim is None and not keepdim:
        return mean_of_all(input, dtype, out=out)
    return mean_along(input, dim, keepdim, dtype, out=out)


@mean.defined_as
def _(np: Any, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.mean(input, to_axes(dim), keepdims=keepdim)


@mean.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4),), {}
    yield (draw(3, 4),), {"dim": 0}
    yield (draw(2, 3, 4),), {"dim": [1, 2], "keepdim": True}
    yield (draw(),), {}


@mean.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw.ints(3, low=0, high=5),),
        {},
        RuntimeError,
        (
            "mean(): could not infer output dtype. Input dtype must be either a floating point or"
            " complex dtype. Got: Long"
        ),
    )
    yield (
        (draw(3),),
        {"dim": -2},
        IndexError,
        "Dimension out of range (expected to be in range of [-1, 0], but got -2)",
    )


@op("reduce")
def nansum(
    m: Any, input: Any, *, dim: Dims = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    """Sum that counts NaN as zero."""
    if m.isdtype(input.dtype, "complex floating"):
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if m.isdtype(input.dtype, "real floating"):
        input = m.where(m.isnan(input), 0, input)
    return _summed(m, input, dim, keepdim, dtype)


@nansum.vjp("input")
def _(m: Any, g: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    return m.where(m.isnan(input), 0, spread(m, g, input.shape, dim, keepdim))


@nansum.defined_as
def _(np: Any, input: Any, dim: Any = None) -> Any:
    return np.nansum(input, dim)


@nansum.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4),), {}
    yield (draw(3, 4),), {"dim": 1}


@composite
def nanmean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Mean of the elements that are not NaN."""
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{input.dtype.type_name}"
        )
    return nansum(input, dim, keepdim, dtype=dtype) / sum(input == input, dim, keepdim)


@nanmean.defined_as
def _(np: Any, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.nanmean(input, dim, keepdims=keepdim)


@nanmean.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4),), {}
    yield (draw(3, 4),), {"dim": 1, "keepdim": True}


def _shifted_products(m: Any, x: Any, axis: int) -> Any:
    """Along `axis`, the product of all elements before each one."""
    if not x.shape[axis]:
        return x
    ones = m.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), 1, x.dtype)
    body = m.index(x, part(axis, 0, x.shape[axis] - 1))
    return m.cumulative_prod(m.concat([ones, body], axis=axis), axis)


def products_of_others(m: Any, x: Any, axis: int) -> Any:
    """Along `axis`, the product of all other elements: right where some are zero, to any order."""
    before = _shifted_products(m, x, axis)
    after = m.flip(_shifted_products(m, m.flip(x, axis), axis), axis)
    return before * after


def _multiplied(m: Any, input: Any, dim: int | None, keepdim: bool, dtype: Any) -> Any:
    if dtype is not None:
        input = m.astype(input, dtype)
    elif input.dtype not in FLOATS:
        input = m.astype(input, m.int64)
    return m.prod(input, axis=axes_of(dim, len(input.shape)), keepdims=keepdim)


@op("reduce", name="prod", node="ProdBackward0")
def prod_of_all(m: Any, input: Any, *, dtype: Any = None) -> Any:
    """Product of all elements; integers multiply in int64."""
    return _multiplied(m, input, None, False, dtype)


@prod_of_all.vjp("input")
def _(m: Any, g: Any, input: Any) -> Any:
    others = products_of_others(m, m.reshape(input, (-1,)), 0)
    return g * m.reshape(m.conj(others), input.shape)


@op("reduce", name="prod", node="ProdBackward1")
def prod_along(m: Any, input: Any, *, dim: int, keepdim: bool = False, dtype: Any = None) -> Any:
    """Products along `dim`; integers multiply in int64."""
    return _multiplied(m, input, dim, keepdim, dtype)


@prod_along.vjp("input")
def _(m: Any, g: Any, input: Any, dim: int, keepdim: bool) -> Any:
    shape = input.shape
    if not shape:
        return g
    others = products_of_others(m, input, dim_of(dim, len(shape)))
    return keep(m, g, shape, dim, keepdim) * m.conj(others)


@composite
def prod(
    input: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Any = None,
    **names: Any,
) -> Any:
    """Product of all elements, or along `dim`; integers multiply in int64."""
    if names:
        dim, keepdim = spelt("prod", dim, keepdim, names)
    if dim is None:
        return prod_of_all(input, dtype, out=out)
    return prod_along(input, dim, keepdim, dtype, out=out)


@prod.defined_as
def _(np: Any, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.prod(input, dim, keepdims=keepdim)


@prod.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4),), {}
    yield (draw(3, 4),), {"dim": 0}
    yield (draw(3, 4),), {"dim": -1, "keepdim": True}
    yield (draw(),), {}
    yield (draw.ints(5, low=-3, high=3),), {}


@prod.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw(3, 4),),
        {"dim": 5},
        IndexError,
        "Dimension out of range (expected to be in range of [-2, 1], but got 5)",
    )


def finite_peak(m: Any, x: Any, axes: Any) -> Any:
    """The greatest real part along `axes`, 0 where infinite: what to subtract before exp."""
    real = m.real(x) if m.isdtype(x.dtype, "complex floating") else x
    peak = m.max(real, axis=axes, keepdims=True)
    return m.where(m.isinf(peak), 0, peak)


@op("reduce")
def logsumexp(m: Any, input: Any, *, dim: Dims, keepdim: bool = False) -> Any:
    """Logarithm of the sum of exponentials along `dim`, without overflow."""
    axes = axes_of(dim, len(input.shape))
    if m.isdtype(input.dtype, "bool") or m.isdtype(input.dtype, "integral"):
        input = m.astype(input, dtypes.get_default_dtype())
    if not reduced_count(input.shape, dim):
        return m.log(m.sum(m.exp(input), axis=axes, keepdims=keepdim))
    peak = finite_peak(m, input, axes)
    total = m.sum(m.exp(input - peak), axis=axes, keepdims=keepdim)
    log = m.log(total)
    return log + (peak if keepdim else m.reshape(peak, log.shape))


@logsumexp.vjp("input")
def _(m: Any, g: Any, input: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    shape = input.shape
    share = m.exp(input - keep(m, out, shape, dim, keepdim))
    return keep(m, g, shape, dim, keepdim) * m.conj(share)


@logsumexp.defined_as
def _(np: Any, input: Any, dim: Any, keepdim: bool = False) -> Any:
    return np.log(np.sum(np.exp(input), to_axes(dim), keepdims=keepdim))


@logsumexp.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4),), {"dim": 1}
    yield (draw(3, 4),), {"dim": (0, 1)}
    yield (draw(3, 4),), {"dim": 0, "keepdim": True}
    yield (draw(),), {"dim": 0}
    yield (draw(0, 3),), {"dim": 0}


@logsumexp.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw(3, 4),),
        {"dim": 3},
        IndexError,
        "Dimension out of range (expected to be in range of [-2, 1], but got 3)",
    )


@op("reduce", differentiable=False)
def count_nonzero(m: Any, input: Any, *, dim: Dims = None) -> Any:
    """How many elements are not zero."""
    return m.sum(input != 0, axis=axes_of(dim, len(input.shape)), dtype=m.int64)


@count_nonzero.defined_as
def _(np: Any, input: Any, dim: Any = None) -> Any:
    return np.count_nonzero(input, dim)


@count_nonzero.samples
def _(draw: Any) -> Iterator:
    yield (draw.ints(3, 4, low=-1, high=2),), {}
    yield (draw.ints(3, 4, low=-1, high=2),), {"dim": 0}
    yield (draw.bools(3, 4),), {"dim": (0, 1)}


def _truth(m: Any, input: Any, word: Any, dim: Any, keepdim: bool) -> Any:
    """all or any: an empty tuple of dims reduces nothing here, and uint8 stays uint8."""
    x = input if m.isdtype(input.dtype, "bool") else input != 0
    if dim is None or dim.__class__ is int or len(dim):
        x = word(x, axis=axes_of(dim, len(input.shape)), keepdims=keepdim)
    return m.astype(x, m.uint8) if input.dtype == m.uint8 else x


@op("reduce", differentiable=False)
def all(m: Any, input: Any, *, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether all elements are true (not zero)."""
    return _truth(m, input, m.all, dim, keepdim)


@op("reduce", differentiable=False)
def any(m: Any, input: Any, *, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether any element is true (not zero)."""
    return _truth(m, input, m.any, dim, keepdim)


@all.defined_as
def _(np: Any, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.all(input, dim, keepdims=keepdim)


@any.defined_as
def _(np: Any, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.any(input, dim, keepdims=keepdim)


@all.samples
@any.samples
def _(draw: Any) -> Iterator:
    yield (draw.bools(3, 4),), {}
    yield (draw.bools(3, 4),), {"dim": 1, "keepdim": True}
    yield (draw.bools(3, 4),), {"dim": (0, 1)}
    yield (draw.ints(3, 4, low=0, high=2),), {"dim": 0}
    yield (draw(0, 3),), {}


speak(
    # an empty axis means no axis to the array API, and all axes to PyTorch
    sum=lambda x, axis=None, keepdims=False, dtype=None: (
        x if axis == () else sum(x, axis, keepdims, dtype=dtype)
    ),
    prod=lambda x, axis=None, keepdims=False, dtype=None: prod(x, axis, keepdims, dtype=dtype),
    all=lambda x, axis=None, keepdims=False: all(x, axis, keepdims),
    any=lambda x, axis=None, keepdims=False: any(x, axis, keepdims),
)
