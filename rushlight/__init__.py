"""Rushlight: the PyTorch programming model in pure Python, fast and light.

This is the front door: PyTorch's top-level names, re-exported in groups. It defines nothing.
"""

from typing import TYPE_CHECKING as _CHECKING

from . import _loading as _loading
from ._core.devices import device
from ._core.dtypes import (
    bfloat16,
    can_cast,
    complex64,
    complex128,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from ._core.dtypes import bool_ as bool
from ._core.errors import OutOfMemoryError
from ._core.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from ._core.names import lazily as _lazily
from ._core.size import (
    Size,
    channels_last,
    channels_last_3d,
    contiguous_format,
    jagged,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    sparse_csr,
    strided,
)
from ._creation import (
    arange,
    as_tensor,
    asarray,
    bartlett_window,
    bernoulli,
    binomial,
    blackman_window,
    cartesian_prod,
    combinations,
    empty,
    empty_like,
    empty_strided,
    eye,
    from_dlpack,
    from_numpy,
    frombuffer,
    full,
    full_like,
    hamming_window,
    hann_window,
    kaiser_window,
    linspace,
    logspace,
    meshgrid,
    multinomial,
    normal,
    ones,
    ones_like,
    poisson,
    polar,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    range,
    scalar_tensor,
    set_default_tensor_type,
    tensor,
    tril_indices,
    triu_indices,
    vander,
    zeros,
    zeros_like,
)
from ._creation.legacy import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from ._homes import HOMES as _HOMES
from ._ops.activation import celu, hardshrink, prelu, relu, selu, threshold
from ._ops.arithmetic import (
    add,
    div,
    divide,
    mul,
    multiply,
    neg,
    negative,
    pow,
    rsub,
    sub,
    subtract,
    true_divide,
)
from ._ops.blocks import block_diag, trace
from ._ops.bounds import (
    clamp,
    clamp_max,
    clamp_min,
    clip,
    fmax,
    fmin,
    heaviside,
    maximum,
    minimum,
    nan_to_num,
)
from ._ops.calculus import corrcoef, cov, cumulative_trapezoid, diff, gradient, trapezoid, trapz
from ._ops.casts import clone
from ._ops.combined import addcdiv, addcmul, cross, dist, float_power, lerp, positive, square
from ._ops.complex_numbers import (
    angle,
    complex,
    conj,
    conj_physical,
    imag,
    is_complex,
    is_conj,
    is_floating_point,
    is_neg,
    is_nonzero,
    is_signed,
    real,
    resolve_conj,
    resolve_neg,
    view_as_complex,
    view_as_real,
)
from ._ops.contraction import chain_matmul, einsum, kron, tensordot
from ._ops.conv import windows
from ._ops.counting import bincount, histc, histogram, unique, unique_consecutive
from ._ops.dropout import alpha_dropout, dropout, feature_alpha_dropout, feature_dropout
from ._ops.elementary import (
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    deg2rad,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    logit,
    rad2deg,
    reciprocal,
    rsqrt,
    sigmoid,
    sin,
    sinc,
    sinh,
    sqrt,
    tan,
    tanh,
)
from ._ops.embedding import embedding
from ._ops.error_functions import erf, erfc, erfinv
from ._ops.extrema import amax, amin, aminmax, argmax, argmin, max, min
from ._ops.factors import cholesky, cholesky_inverse, cholesky_solve, qr
from ._ops.frames import istft, stft
from ._ops.gathering import (
    gather,
    index_add,
    index_copy,
    index_fill,
    index_reduce,
    index_select,
    masked_scatter,
    put,
    scatter,
    scatter_add,
    scatter_reduce,
    take,
    take_along_dim,
)
from ._ops.indexing import index_put, masked_fill, masked_select, nonzero, where
from ._ops.integers import (
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    gcd,
    lcm,
)
from ._ops.joining import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    cat,
    chunk,
    column_stack,
    concat,
    concatenate,
    dsplit,
    dstack,
    hsplit,
    hstack,
    row_stack,
    split,
    split_with_sizes,
    stack,
    tensor_split,
    unbind,
    vsplit,
    vstack,
)
from ._ops.linalg import det, inverse, logdet, slogdet
from ._ops.logic import (
    allclose,
    eq,
    equal,
    ge,
    greater,
    greater_equal,
    gt,
    isclose,
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    isreal,
    le,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
    not_equal,
)
from ._ops.magnitude import (
    abs,
    absolute,
    copysign,
    frexp,
    hypot,
    ldexp,
    nextafter,
    sgn,
    sign,
    signbit,
)
from ._ops.matmul import bmm, dot, matmul, mm, mv
from ._ops.norms import cdist, norm, pdist, renorm
from ._ops.padding import constant_pad_nd
from ._ops.pivoting import lu, lu_solve, lu_unpack
from ._ops.places import nonzero_static, unravel_index
from ._ops.products import addbmm, addmm, addmv, addr, baddbmm, ger, inner, outer, vdot
from ._ops.quantiles import median, mode, nanmedian, nanquantile, quantile
from ._ops.rearranging import (
    diag,
    diag_embed,
    diagflat,
    diagonal_scatter,
    flip,
    fliplr,
    flipud,
    repeat_interleave,
    roll,
    rot90,
    select_scatter,
    slice_scatter,
    tile,
    tril,
    triu,
)
from ._ops.reduction import all, any, count_nonzero, logsumexp, mean, nanmean, nansum, prod, sum
from ._ops.rounding import ceil, fix, floor, floor_divide, fmod, frac, remainder, round, trunc
from ._ops.scan import cummax, cummin, cumprod, cumsum, logcumsumexp
from ._ops.shuffling import channel_shuffle, pixel_shuffle, pixel_unshuffle
from ._ops.slicing import narrow, select
from ._ops.softmaxes import log_softmax, softmax
from ._ops.sorting import argsort, bucketize, isin, kthvalue, msort, searchsorted, sort, topk
from ._ops.special import digamma, i0, igamma, igammac, lgamma, mvlgamma, polygamma, xlogy
from ._ops.spectra import matrix_exp, matrix_power, orgqr, pinverse, svd
from ._ops.statistics import std, std_mean, var, var_mean
from ._ops.views import (
    as_strided,
    as_strided_scatter,
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    detach,
    diagonal,
    flatten,
    moveaxis,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    swapaxes,
    swapdims,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from ._printing import set_printoptions
from ._settings import (
    are_deterministic_algorithms_enabled,
    e,
    get_default_device,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    inf,
    is_tensor,
    is_warn_always_enabled,
    nan,
    newaxis,
    numel,
    pi,
    result_type,
    set_default_device,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    set_warn_always,
    typename,
    use_deterministic_algorithms,
)
from ._tensor import Tensor
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .sparse.arithmetic import mm as spmm
from .sparse.making import sparse_coo_tensor
from .version import __version__

# PyTorch's other names for the dtypes
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble = complex64, complex128
# and for functions
argwhere = nonzero

if _CHECKING:
    from .amp import (
        GradScaler,
        autocast,
        get_autocast_dtype,
        is_autocast_enabled,
        set_autocast_enabled,
    )
    from .compiler import compile, export, load_exported
    from .func import vmap
    from .serialization import load, load_model, save, save_model
# Loaded when first asked for, so that importing Rushlight stays quick
__getattr__ = _lazily(__name__, _HOMES)
