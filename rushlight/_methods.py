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

# family -> its functions that are methods; those with a star have an in-place form (name_) too
METHODS: dict[Any, str] = {
    activation: "relu* hardshrink prelu",
    arithmetic: "add* sub* mul* div* neg* pow* subtract* multiply* divide* true_divide* negative*",
    blocks: "trace",
    bounds: "maximum minimum fmax fmin clamp* clip* clamp_min* clamp_max* nan_to_num* heaviside*",
    calculus: "diff cov corrcoef",
    calls: "apply_ map_ map2_ module_load is_inference",
    combined: "square* float_power* positive addcmul* addcdiv* lerp* cross dist",
    complex_numbers: (
        "real imag conj conj_physical* resolve_conj resolve_neg angle is_complex is_floating_point "
        "is_signed is_conj is_neg is_nonzero"
    ),
    contraction: "kron",
    conversion: (
        "to cpu cuda type_as contiguous is_contiguous clone view reshape permute expand view_as "
        "reshape_as expand_as fill_ zero_ resize_ set_ data_ptr storage_offset untyped_storage "
        "__dlpack__ __dlpack_device__"
    ),
    counting: "bincount histc histogram unique unique_consecutive",
    creation: (
        "multinomial bernoulli new new_tensor new_empty new_empty_strided new_full new_ones "
        "new_zeros"
    ),
    elementary: (
        "exp* exp2* expm1* log* log2* log10* log1p* logaddexp logaddexp2 sqrt* rsqrt* reciprocal* "
        "sin* cos* tan* asin* acos* atan* atan2* sinh* cosh* tanh* asinh* acosh* atanh* arcsin* "
        "arccos* arctan* arctan2* arcsinh* arccosh* arctanh* sigmoid* logit* sinc* deg2rad* "
        "rad2deg*"
    ),
    error_functions: "erf* erfc* erfinv*",
    extrema: "amax amin aminmax argmax argmin max min",
    factors: "cholesky cholesky_solve cholesky_inverse qr",
    frames: "stft istft",
    gathering: (
        "index_select gather scatter* scatter_add* scatter_reduce* index_add* index_copy* "
        "index_fill* take take_along_dim masked_scatter* put* index_reduce*"
    ),
    indexing: "index_put* masked_fill* masked_select nonzero",
    integers: (
        "bitwise_not* bitwise_and* bitwise_or* bitwise_xor* bitwise_left_shift* "
        "bitwise_right_shift* gcd* lcm*"
    ),
    joining: "split split_with_sizes chunk tensor_split unbind hsplit vsplit dsplit",
    keeping: (
        "to_dense dequantize sparse_dim dense_dim share_memory_ is_shared pin_memory is_pinned "
        "record_stream is_same_size is_set_to dim_order sum_to_size narrow_copy resize_as_ resize "
        "resize_as"
    ),
    linalg: "inverse logdet det slogdet",
    logic: (
        "eq* ne* lt* le* gt* ge* not_equal* less* less_equal* greater* greater_equal* logical_and* "
        "logical_or* logical_xor* logical_not* isnan isinf isfinite isposinf isneginf isreal "
        "isclose allclose equal"
    ),
    magnitude: "abs* absolute* sign* sgn* signbit copysign* hypot* nextafter* ldexp* frexp",
    matmul: "mm bmm mv dot matmul",
    norms: "norm renorm*",
    pivoting: "lu lu_solve",
    places: "nonzero_static",
    products: "vdot outer ger inner addmm* addmv* addr* baddbmm* addbmm*",
    quantiles: "median nanmedian mode quantile nanquantile",
    rearranging: (
        "flip fliplr flipud roll rot90 repeat tile repeat_interleave tril* triu* diag diag_embed "
        "diagflat diagonal_scatter select_scatter slice_scatter"
    ),
    reduction: "sum mean nansum nanmean prod logsumexp count_nonzero all any",
    rounding: "floor* ceil* trunc* fix* round* frac* floor_divide* remainder* fmod*",
    sampling: "uniform_ normal_ exponential_ cauchy_ log_normal_ geometric_ bernoulli_ random_",
    scan: "cumsum* cumprod* cummax cummin logcumsumexp",
    slicing: "select narrow",
    softmaxes: "softmax log_softmax",
    sorting: "sort argsort msort topk kthvalue",
    special: "lgamma* digamma* polygamma* mvlgamma* i0* xlogy* igamma* igammac*",
    spectra: "svd pinverse matrix_power matrix_exp orgqr",
    statistics: "var std",
    views: (
        "transpose t unsqueeze squeeze detach diagonal flatten unflatten movedim broadcast_to "
        "swapaxes swapdims moveaxis ravel unfold as_strided* as_strided_scatter"
    ),
}

# methods whose name, or whose way of taking sizes, is not the function's
OTHERS: dict[str, Any] = {
    **keeping.METHODS, **conversion.CONVERTERS, **conversion.RESHAPED,
    "adjoint": lambda self: conversion.matrix_transposed(self).conj(),
    "type": conversion.type_, "const_data_ptr": conversion.data_ptr,
    "storage": conversion.untyped_storage,
    "T": property(conversion.transposed), "mT": property(conversion.matrix_transposed),
    "real": property(complex_numbers.real, lambda x, value: complex_numbers.real(x).copy_(value)),
    "imag": property(complex_numbers.imag, lambda x, value: complex_numbers.imag(x).copy_(value)),
    "H": property(lambda self: conversion.transposed(self).conj()),
    "mH": property(lambda self: conversion.matrix_transposed(self).conj()),
    "swapaxes_": conversion.RESHAPED["transpose_"], "swapdims_": conversion.RESHAPED["transpose_"],
    "where": lambda self, condition, other: indexing.where(condition, self, other),
    "fill_diagonal_": in_place(rearranging.fill_diagonal), **SPARSE_METHODS,
}  # fmt: skip


def _reversed(function: Any) -> Any:

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
    for family, names in METHODS.items():
        for name in names.split():
            function = getattr(family, name.removesuffix("*"))
            setattr(Tensor, name.removesuffix("*"), function)
            if name.endswith("*"):
                setattr(Tensor, name[:-1] + "_", in_place(function))
    for name, method in OTHERS.items():
        setattr(Tensor, name, method)
    for name, function in _BINARY.items():
        setattr(Tensor, f"__{name}__", function)
        setattr(Tensor, f"__r{name}__", _reversed(function))
        setattr(Tensor, f"__i{name}__", in_place(function))
    for name in ("add", "mul"):
        setattr(Tensor, f"__r{name}__", _BINARY[name])
    Tensor.__rsub__ = arithmetic.rsub
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _comparison(getattr(logic, name)))
    Tensor.__neg__, Tensor.__abs__ = arithmetic.neg, magnitude.abs
    Tensor.__pos__ = combined.positive
    Tensor.__invert__ = integers.bitwise_not
    Tensor.__hash__ = object.__hash__


_announce()
