"""Reductions that add up, multiply or count: sum, mean, prod, logsumexp, all, any."""

from typing import Any

from .._core import dtypes
from .._core.errors import dim_of
from .._core.kinds import speak
from .._core.naming import named
from .._core.op import composite, op
from .arithmetic import div
from .dims import FLOATS, Dims, axes_of, keep, part, reduced_count, spelt, spread


def _summed(m: Any, input: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    axes = None if dim is None else axes_of(dim, len(input.shape))
    if input.dtype not in FLOATS:  # NumPy would count small integers in int64
        kind = m.int64 if dtype is None else input.dtype
        return m.sum(input, axis=axes, keepdims=keepdim, dtype=kind)
    return m.sum(input, axis=axes, keepdims=keepdim)


@op("reduce", name="sum", node="SumBackward0")
def sum_of_all(m, input, *, dtype=None):
    """Sum of all elements; integers add up in int64."""
    return _summed(m, input, None, False, dtype)


@sum_of_all.vjp("input")
def _(m, g, input_shape):
    return m.broadcast_to(g, input_shape)


@op("reduce", name="sum", node="SumBackward1")
def sum_along(m, input, *, dim: Dims = None, keepdim: bool = False, dtype=None):
    """Sums along `dim`; integers add up in int64."""
    return _summed(m, input, dim, keepdim, dtype)


@sum_along.vjp("input")
def _(m, g, input_shape, dim, keepdim):
    return spread(m, g, input_shape, dim, keepdim)


def _public(name: str, of_all: Any, along: Any, says: str, many: bool = True):
    """The public function of the records for all elements and for some dimensions."""

    def reduced(
        input: Any, dim: Any = ..., keepdim: bool = False, *, dtype: Any = None, out: Any = None,
        **names: Any,
    ) -> Any:  # fmt: skip
        if names:
            dim, keepdim = spelt(name, dim, keepdim, names)
        if dim is None and many:
            dim = None if keepdim else ...
        if dim is ... and not keepdim:
            return of_all(input, dtype, out=out)
        if dim is ... or not (many or hasattr(dim, "__index__")):
            raise TypeError(
                f"{name}() received an invalid combination of arguments: keepdim goes with dim"
                f"{'' if many else ', which is one int'}"
            )
        return along(input, dim, keepdim, dtype, out=out)

    return composite(named(reduced, name, says))


sum = _public(
    "sum", sum_of_all, sum_along, "Sum over all elements, or along `dim`; integers add up in int64."
)


def needs_floats(input: Any, name: str) -> None:
    """Refuse integers where PyTorch does not turn them into floats by itself."""
    if input.dtype not in FLOATS:
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point"
            f" or complex dtype. Got: {dtypes.of(input.dtype).type_name}; convert with"
            " input.float() or pass dtype=torch.float32"
        )


def _averaged(m: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    needs_floats(input, "mean")
    total = m.sum(input, axis=axes_of(dim, len(input.shape)), keepdims=keepdim)
    return m.divide(total, reduced_count(input.shape, dim))


@op("reduce", name="mean", node="MeanBackward0")
def mean_of_all(m, input, *, dtype=None):
    """Mean of all elements."""
    return _averaged(m, input, None, False)


@mean_of_all.vjp("input")
def _(m, g, input_shape):
    return m.broadcast_to(m.divide(g, reduced_count(input_shape, None)), input_shape)


@op("reduce", name="mean", node="MeanBackward1")
def mean_along(m, input, *, dim: Dims = None, keepdim: bool = False, dtype=None):
    """Means along `dim`."""
    return _averaged(m, input, dim, keepdim)


@mean_along.vjp("input")
def _(m, g, input_shape, dim, keepdim):
    return spread(m, m.divide(g, reduced_count(input_shape, dim)), input_shape, dim, keepdim)


mean = _public("mean", mean_of_all, mean_along, "Mean of all elements, or along `dim`.")


@op("reduce")
def nansum(m, input, *, dim: Dims = None, keepdim: bool = False, dtype=None):
    """Sum that counts NaN as zero."""
    if m.isdtype(input.dtype, "complex floating"):
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if m.isdtype(input.dtype, "real floating"):
        input = m.where(m.isnan(input), 0, input)
    return _summed(m, input, dim, keepdim, dtype)


@nansum.vjp("input")
def _(m, g, input, dim, keepdim):
    return m.where(m.isnan(input), 0, spread(m, g, input.shape, dim, keepdim))


@composite
def nanmean(
    input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """Mean of the elements that are not NaN."""
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{input.dtype.type_name}"
        )
    count = sum(input == input, dim, keepdim)
    return div(nansum(input, dim, keepdim, dtype=dtype), count, out=out)


def products_before(m: Any, x: Any, axis: int) -> Any:
    """Along `axis`, the product of all elements before each one."""
    if not x.shape[axis]:
        return x
    ones = m.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), 1, x.dtype)
    body = m.index(x, part(axis, 0, x.shape[axis] - 1))
    return m.cumulative_prod(m.concat([ones, body], axis=axis), axis)


def products_of_others(m: Any, x: Any, axis: int) -> Any:
    """Along `axis`, the product of all other elements: right where some are zero, to any order."""
    before = products_before(m, x, axis)
    after = m.flip(products_before(m, m.flip(x, axis), axis), axis)
    return before * after


def _multiplied(m: Any, input: Any, dim: int | None, keepdim: bool, dtype: Any) -> Any:
    if dtype is None and input.dtype not in FLOATS:
        input = m.astype(input, m.int64)
    return m.prod(input, axis=axes_of(dim, len(input.shape)), keepdims=keepdim)


@op("reduce", name="prod", node="ProdBackward0")
def prod_of_all(m, input, *, dtype=None):
    """Product of all elements; integers multiply in int64."""
    return _multiplied(m, input, None, False, dtype)


@op("reduce", name="prod", node="ProdBackward1")
def prod_along(m, input, *, dim: int, keepdim: bool = False, dtype=None):
    """Products along `dim`; integers multiply in int64."""
    return _multiplied(m, input, dim, keepdim, dtype)


def _others(m: Any, x: Any, dim: int | None) -> Any:
    """The conjugate product of all other elements, or of those along `dim`."""
    if dim is None or not x.shape:
        x = products_of_others(m, m.reshape(x, (-1,)), 0)
    else:
        x = products_of_others(m, x, dim_of(dim, len(x.shape)))
    return m.conj(x)


@prod_of_all.vjp("input")
def _(m, g, input):
    return g * m.reshape(_others(m, input, None), input.shape)


@prod_along.vjp("input")
def _(m, g, input, dim, keepdim):
    others = m.reshape(_others(m, input, dim), input.shape)
    return keep(m, g, input.shape, dim, keepdim) * others


_SAYS = "Product of all elements, or along `dim`; integers multiply in int64."
prod = _public("prod", prod_of_all, prod_along, _SAYS, many=False)


def finite_peak(m: Any, x: Any, axes: Any) -> Any:
    """The greatest real part along `axes`, 0 where infinite: what to subtract before exp."""
    real = m.real(x) if m.isdtype(x.dtype, "complex floating") else x
    peak = m.max(real, axis=axes, keepdims=True)
    return m.where(m.isinf(peak), 0, peak)


@op("reduce")
def logsumexp(m, input, *, dim: Dims, keepdim: bool = False):
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
def _(m, g, input, out, dim, keepdim):
    shape = input.shape
    share = m.exp(input - keep(m, out, shape, dim, keepdim))
    return keep(m, g, shape, dim, keepdim) * m.conj(share)


@op("reduce", differentiable=False)
def count_nonzero(m, input, *, dim: Dims = None):
    """How many elements are not zero."""
    return m.sum(input != 0, axis=axes_of(dim, len(input.shape)), dtype=m.int64)


def _truth(m: Any, input: Any, word: Any, dim: Any, keepdim: bool) -> Any:
    """all or any: an empty tuple of dims reduces nothing here, and uint8 stays uint8."""
    x = input if m.isdtype(input.dtype, "bool") else input != 0
    if dim is None or dim.__class__ is int or len(dim):
        x = word(x, axis=axes_of(dim, len(input.shape)), keepdims=keepdim)
    return m.astype(x, m.uint8) if input.dtype == m.uint8 else x


@op("reduce", differentiable=False)
def all(m, input, *, dim: Dims = None, keepdim: bool = False):
    """Whether all elements are true (not zero)."""
    return _truth(m, input, m.all, dim, keepdim)


@op("reduce", differentiable=False)
def any(m, input, *, dim: Dims = None, keepdim: bool = False):
    """Whether any element is true (not zero)."""
    return _truth(m, input, m.any, dim, keepdim)


speak(
    all,
    any,
    # an empty axis means no axis to the array API, and all axes to PyTorch
    sum=lambda x, axis=None, keepdims=False, dtype=None: (
        x if axis == () else sum(x, axis, keepdims, dtype=dtype)
    ),
    prod=lambda x, axis=None, keepdims=False, dtype=None: (
        prod(x, dtype=dtype) if axis is None else prod(x, axis, keepdims, dtype=dtype)
    ),
)
