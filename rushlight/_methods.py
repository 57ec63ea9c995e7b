"""The table of the tensor's methods: which op each name is, family by family."""

from typing import Any

from . import _calls as calls
from . import _conversion as conversion
from . import _creation as creation
from . import _keeping as keeping
from ._core.inplace import in_place
from ._core.kinds import known
from ._core.tape import TensorBase
from ._ops import (
    activation,
    arithmetic,
    blocks,
    bounds,
    calculus,
    combined,
    complex_numbers,
    contraction,
    counting,
    elementary,
    error_functions,
    extrema,
    factors,
    frames,
    gathering,
    indexing,
    integers,
    joining,
    linalg,
    logic,
    magnitude,
    matmul,
    norms,
    pivoting,
    places,
    products,
    quantiles,
    rearranging,
    reduction,
    rounding,
    sampling,
    scan,
    separable,
    slicing,
    softmaxes,
    sorting,
    special,
    spectra,
    statistics,
    views,
)
from ._tensor import Tensor
from .sparse.making import METHODS as SPARSE_METHODS

# family -> its functions that are methods, and those that have an in-place form (name_)
METHODS: dict[Any, tuple[str, str]] = {
    activation: (
        "relu hardshrink prelu",
        "relu",
    ),
    arithmetic: (
        "add sub mul div neg pow subtract multiply divide true_divide negative",
        "add sub mul div neg pow subtract multiply divide true_divide negative",
    ),
    blocks: (
        "trace",
        "",
    ),
    bounds: (
        "maximum minimum fmax fmin clamp clip clamp_min clamp_max nan_to_num heaviside",
        "clamp clip clamp_min clamp_max nan_to_num heaviside",
    ),
    calculus: (
        "diff cov corrcoef",
        "",
    ),
    combined: (
        "square float_power positive addcmul addcdiv lerp cross dist",
        "square float_power addcmul addcdiv lerp",
    ),
    complex_numbers: (
        (
            "real imag conj conj_physical resolve_conj resolve_neg angle is_complex "
            "is_floating_point is_signed is_conj is_neg is_nonzero "
        ),
        "conj_physical",
    ),
    contraction: (
        "kron",
        "",
    ),
    counting: (
        "bincount histc histogram unique unique_consecutive",
        "",
    ),
    elementary: (
        (
            "exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 sqrt rsqrt reciprocal "
            "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh arcsin arccos "
            "arctan arctan2 arcsinh arccosh arctanh sigmoid logit sinc deg2rad rad2deg "
        ),
        (
            "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos tan asin acos "
            "atan atan2 sinh cosh tanh asinh acosh atanh arcsin arccos arctan arctan2 arcsinh "
            "arccosh arctanh sigmoid logit sinc deg2rad rad2deg "
        ),
    ),
    error_functions: (
        "erf erfc erfinv",
        "erf erfc erfinv",
    ),
    extrema: (
        "amax amin aminmax argmax argmin max min",
        "",
    ),
    factors: (
        "cholesky cholesky_solve cholesky_inverse qr",
        "",
    ),
    frames: (
        "stft istft",
        "",
    ),
    gathering: (
        (
            "index_select gather scatter scatter_add scatter_reduce index_add index_copy "
            "index_fill take take_along_dim masked_scatter put index_reduce "
        ),
        (
            "scatter scatter_add scatter_reduce index_add index_copy index_fill "
            "masked_scatter put index_reduce "
        ),
    ),
    indexing: (
        "index_put masked_fill masked_select nonzero",
        "index_put masked_fill",
    ),
    integers: (
        (
            "bitwise_not bitwise_and bitwise_or bitwise_xor bitwise_left_shift "
            "bitwise_right_shift gcd lcm "
        ),
        (
            "bitwise_not bitwise_and bitwise_or bitwise_xor bitwise_left_shift "
            "bitwise_right_shift gcd lcm "
        ),
    ),
    joining: (
        "split split_with_sizes chunk tensor_split unbind hsplit vsplit dsplit",
        "",
    ),
    linalg: (
        "inverse logdet det slogdet",
        "",
    ),
    logic: (
        (
            "eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and "
            "logical_or logical_xor logical_not isnan isinf isfinite isposinf isneginf isreal "
            "isclose allclose equal "
        ),
        (
            "eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and "
            "logical_or logical_xor logical_not "
        ),
    ),
    magnitude: (
        "abs absolute sign sgn signbit copysign hypot nextafter ldexp frexp",
        "abs absolute sign sgn copysign hypot nextafter ldexp",
    ),
    matmul: (
        "mm bmm mv dot matmul",
        "",
    ),
    norms: (
        "norm renorm",
        "renorm",
    ),
    pivoting: (
        "lu lu_solve",
        "",
    ),
    products: (
        "vdot outer ger inner addmm addmv addr baddbmm addbmm",
        "addmm addmv addr baddbmm addbmm",
    ),
    quantiles: (
        "median nanmedian mode quantile nanquantile",
        "",
    ),
    rearranging: (
        (
            "flip fliplr flipud roll rot90 repeat tile repeat_interleave tril triu diag "
            "diag_embed diagflat diagonal_scatter select_scatter slice_scatter "
        ),
        "tril triu fill_diagonal",
    ),
    reduction: (
        "sum mean nansum nanmean prod logsumexp count_nonzero all any",
        "",
    ),
    rounding: (
        "floor ceil trunc fix round frac floor_divide remainder fmod",
        "floor ceil trunc fix round frac floor_divide remainder fmod",
    ),
    sampling: (
        "uniform_ normal_ exponential_ cauchy_ log_normal_ geometric_ bernoulli_ random_",
        "",
    ),
    scan: (
        "cumsum cumprod cummax cummin logcumsumexp",
        "cumsum cumprod",
    ),
    separable: (
        "",
        "apply",
    ),
    slicing: (
        "select narrow",
        "",
    ),
    softmaxes: (
        "softmax log_softmax",
        "",
    ),
    sorting: (
        "sort argsort msort topk kthvalue",
        "",
    ),
    special: (
        "lgamma digamma polygamma mvlgamma i0 xlogy igamma igammac",
        "lgamma digamma polygamma mvlgamma i0 xlogy igamma igammac",
    ),
    spectra: (
        "svd pinverse matrix_power matrix_exp orgqr",
        "",
    ),
    statistics: (
        "var std",
        "",
    ),
    views: (
        (
            "transpose t unsqueeze squeeze detach diagonal flatten unflatten movedim "
            "broadcast_to swapaxes swapdims moveaxis ravel unfold as_strided as_strided_scatter "
        ),
        "swapaxes swapdims as_strided",
    ),
}

# methods whose name, or whose way of taking sizes, is not the function's
OTHERS: dict[str, Any] = {
    **keeping.METHODS, **calls.METHODS,
    "multinomial": creation.multinomial, "bernoulli": creation.bernoulli,
    "nonzero_static": places.nonzero_static,
    "adjoint": lambda self: conversion.matrix_transposed(self).conj(),
    "to": conversion.to, "cpu": conversion.cpu, "cuda": conversion.cuda, "type": conversion.type_,
    "type_as": conversion.type_as, **conversion.CONVERTERS, **conversion.RESHAPED,
    "contiguous": conversion.contiguous, "is_contiguous": conversion.is_contiguous,
    "clone": conversion.clone, "view": conversion.view, "reshape": conversion.reshape,
    "permute": conversion.permute, "expand": conversion.expand, "view_as": conversion.view_as,
    "reshape_as": conversion.reshape_as, "expand_as": conversion.expand_as,
    "fill_": conversion.fill_, "zero_": conversion.zero_, "resize_": conversion.resize_,
    "set_": conversion.set_, "data_ptr": conversion.data_ptr,
    "const_data_ptr": conversion.data_ptr,
    "storage_offset": conversion.storage_offset, "untyped_storage": conversion.untyped_storage,
    "storage": conversion.untyped_storage, "__dlpack__": conversion.__dlpack__,
    "__dlpack_device__": conversion.__dlpack_device__,
    "T": property(conversion.transposed), "mT": property(conversion.matrix_transposed),
    "real": property(complex_numbers.real, lambda x, value: complex_numbers.real(x).copy_(value)),
    "imag": property(complex_numbers.imag, lambda x, value: complex_numbers.imag(x).copy_(value)),
    "H": property(lambda self: conversion.transposed(self).conj()),
    "mH": property(lambda self: conversion.matrix_transposed(self).conj()),
    "new": creation.new, "new_tensor": creation.new_tensor, "new_empty": creation.new_empty,
    "new_empty_strided": creation.new_empty_strided, "new_full": creation.new_full,
    "new_ones": creation.new_ones, "new_zeros": creation.new_zeros,
    "swapaxes_": conversion.RESHAPED["transpose_"], "swapdims_": conversion.RESHAPED["transpose_"],
    "where": lambda self, condition, other: indexing.where(condition, self, other),
    "multiply_": in_place(arithmetic.mul), "subtract_": in_place(arithmetic.sub),
    "divide_": in_place(arithmetic.div), "true_divide_": in_place(arithmetic.div),
    "negative_": in_place(arithmetic.neg), **SPARSE_METHODS,
}  # fmt: skip


def _reversed(function: Any) -> Any:
    """The operator with the tensor on the right."""

    def call(self: Any, other: Any) -> Any:
        return function(other, self)

    return call


def _comparison(function: Any) -> Any:
    """A comparison operator: with what is no number or tensor, Python decides."""

    def call(self: Any, other: Any) -> Any:
        if isinstance(other, (TensorBase, int, float, complex)) or hasattr(other, "__array__"):
            return function(self, other)
        return NotImplemented

    return call


_BINARY: dict[str, Any] = {
    "add": arithmetic.add, "sub": arithmetic.sub, "mul": arithmetic.mul,
    "truediv": arithmetic.div, "floordiv": rounding.floor_divide, "mod": rounding.remainder,
    "pow": arithmetic.pow, "matmul": matmul.matmul, "and": integers.bitwise_and,
    "or": integers.bitwise_or, "xor": integers.bitwise_xor,
    "lshift": integers.bitwise_left_shift, "rshift": integers.bitwise_right_shift,
}  # fmt: skip


def _announce() -> None:
    """Put the table on the class, and the constructors where the ground can find them."""
    known.legacy, known.tensor_from = creation.legacy, creation.as_tensor
    for family, (plain, in_place_too) in METHODS.items():
        for name in plain.split():
            setattr(Tensor, name, getattr(family, name))
        for name in in_place_too.split():
            setattr(Tensor, name + "_", in_place(getattr(family, name)))
    for name, method in OTHERS.items():
        setattr(Tensor, name, method)
    for name, function in _BINARY.items():
        setattr(Tensor, f"__{name}__", function)
        setattr(Tensor, f"__r{name}__", _reversed(function))
        setattr(Tensor, f"__i{name}__", in_place(function))
    for name in ("add", "mul"):
        setattr(Tensor, f"__r{name}__", _BINARY[name])
    Tensor.__rsub__ = arithmetic.rsub  # type: ignore[attr-defined]
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _comparison(getattr(logic, name)))
    Tensor.__neg__, Tensor.__abs__ = arithmetic.neg, magnitude.abs  # type: ignore[attr-defined]
    Tensor.__pos__ = combined.positive  # type: ignore[attr-defined]
    Tensor.__invert__ = integers.bitwise_not  # type: ignore[attr-defined]
    Tensor.__hash__ = object.__hash__  # type: ignore[assignment]


_announce()
