"""Calls of ops whose tensors may have any numbers, told by their shapes."""

from math import inf

from op_case import (
    Case,
    bools,
    case,
    complexes,
    definite,
    distinct,
    floats,
    infinite,
    ints,
    regular,
)
from op_cases_layers import LAYERS

import rushlight

# names of ops (as test ids give them) -> calls; a tuple is the shape of a tensor to draw
# fmt: off
_CASES: dict[str, tuple[Case, ...]] = {
    # views
    "reshape": (
        case((3, 4), shape=(2, 6)), case((3, 4), shape=(-1,)), case((0, 3), shape=(3, 0)),
        case((), shape=(1, 1)),
    ),
    "permute": (case((2, 3, 4), dims=(2, 0, 1)), case((2, 3, 4), dims=(-1, 0, -2))),
    "transpose": (case((2, 3, 4), dim0=0, dim1=-1),),
    "t": (case((2, 3)), case((3,))),
    "expand": (case((3, 1), size=(2, 3, 4)), case((3, 1), size=(-1, 4))),
    "unsqueeze": (case((2, 3), dim=1), case((2, 3), dim=-1), case((), dim=0)),
    "squeeze": (
        case((2, 1, 3, 1)), case((2, 1, 3, 1), dim=1), case((2, 1, 3, 1), dim=0),
        case((2, 1, 3, 1), dim=(1, -1)),
    ),
    "diagonal": (case((3, 4)), case((3, 4), offset=-1), case((2, 3, 4), offset=1, dim1=0, dim2=2)),
    "unfold_view": (
        case((2, 7), dimension=1, size=3, step=2), case((6, 2), dimension=0, size=2, step=3),
    ),
    "flatten": (case((2, 3, 4)), case((2, 3, 4), start_dim=1), case(())),
    # casts
    "casts.cast.0": (case((3, 4), dtype=rushlight.float64),),
    "casts.cast.1": (case((3, 4), dtype=rushlight.int64),),
    "clone": (case((3, 4)), case(())),
    # slicing
    "select": (case((3, 4), 1, 2), case((3, 4), -2, -1)),
    "narrow": (case((3, 4), 1, 1, 2),),
    # complex_numbers
    "view_as_real real_part imaginary_part real imag conj conj_physical angle": (
        case(complexes(3, 4)), case(complexes()),
    ),
    "view_as_complex": (case((3, 2)), case((2,))),
    "complex": (case((3, 4), (3, 4)), case((3, 1), (4,))),
    # joining
    "cat": (case([(2, 3), (1, 3)]), case([(2, 3), (2, 1), (2, 2)], dim=-1), case([(0,), (2, 3)])),
    "stack": (case([(2, 3), (2, 3)]), case([(2, 3), (2, 3)], dim=-1), case([(), ()])),
    "split": (case((5, 3), 2), case((5, 3), [1, 4]), case((3, 4), 2, dim=-1)),
    "chunk": (case((5, 3), 2), case((5, 3), 3, dim=1)),
    "unbind": (case((3, 4)), case((3, 4), dim=1)),
    "hstack vstack dstack column_stack": (case([(3,), (3,)]), case([(2, 3), (2, 3)])),
    # indexing
    "where_choice": (case(bools(3, 4), (3, 4), (4,)),),
    "where": (
        case(bools(3, 4), (3, 4), (3, 4)), case(bools(3, 4), (4,), (3, 1)),
        case(bools(3, 4), (3, 4), 1.5),
    ),
    "masked_fill": (
        case((3, 4), bools(3, 4), 2.0), case((3, 4), bools(4), -1.0),
        case(ints(3, 4), bools(4), 1.5), case(bools(3, 4), bools(4), 3),
    ),
    "filled_where": (case((3, 4), bools(4), ()),),
    # blocks
    "trace": (case((3, 3)), case((2, 4)), case(ints(3, 3, low=0, high=9))),
    "blocks.block_diag.1": (case((2, 3), (3, 1), (2,)), case((), (2, 2))),
    "linalg_vecdot": (case((3, 4), (3, 4)), case((3, 4), (4,)), case((3, 4), (3, 1), dim=0)),
    "linalg_vander": (case((2, 4)), case((4,), N=2), case((), N=2)),
    # bounds
    "maximum minimum fmax fmin": (
        case((3, 4), (4,)), case(ints(3, 4, low=-4, high=4), ints(3, 4, low=-4, high=4)),
        case(ints(3, low=-4, high=4), (3,)), case(bools(3), bools(3)),
    ),
    "clamp": (
        case((3, 4), min=-1, max=1), case((3, 4), -0.5), case((3, 4), max=0.5),
        case((3, 4), floats(4, low=-2, high=0), floats(3, 1, low=0, high=2)),
        case((3, 4), min=floats(4)), case((3, 4), max=floats(4)), case((3, 4), 1, -1),
        case(ints(3, 4, low=-4, high=4), -1, 2), case(ints(3, 4, low=-4, high=4), 0.5),
    ),
    "clamp_min clamp_max": (
        case((3, 4), 0.5), case((3, 4), (4,)), case(ints(3, low=-4, high=4), 1),
    ),
    "nan_to_num": (
        case((3, 4)), case(infinite(3, 4)), case(infinite(3, 4), nan=1.5, posinf=2.0, neginf=-3),
        case(ints(3, low=-4, high=4), nan=1.5),
    ),
    "heaviside": (case((3, 4), (4,)), case(ints(3, 4, low=-2, high=2), ints(4, low=5, high=9))),
    # elementary
    "logit": (
        case(floats(3, 4, low=0.1, high=0.9)), case(floats(3, 4, low=-0.2, high=1.2), eps=0.05),
        case(floats(3, low=0.1, high=0.9), 0.01),
    ),
    # extrema
    "amax amin": (
        case((3, 4)), case((3, 4), dim=1), case((2, 3, 4), dim=(0, 2), keepdim=True),
        case((0, 3), dim=1), case(ints(3, 4, low=-4, high=4), dim=-1),
    ),
    "aminmax": (case((3, 4)), case((3, 4), dim=1, keepdim=True), case((), dim=0)),
    "argmax argmin": (
        case((3, 4)), case((3, 4), dim=0), case((3, 4), dim=-1, keepdim=True), case((), dim=0),
    ),
    "extrema.max.1 extrema.min.1": (
        case((3, 4), dim=1), case((3, 4), dim=0, keepdim=True), case((), dim=0),
        case((3, 0), dim=0), case(ints(3, 4, low=-4, high=4), dim=-1),
    ),
    "extrema.max.2 extrema.min.2": (
        case((3, 4)), case(()), case((3, 4), dim=1, keepdim=True), case((3, 4), (4,)),
    ),
    # reduction
    "reduction.sum.2": (
        case((3, 4)), case((3, 4), dim=1, keepdim=True), case((2, 3, 4), dim=(0, -1)),
        case((2, 3), dim=()), case((), dim=0), case((0, 3), dim=0),
        case(ints(3, 4, low=-5, high=6), dim=0), case(bools(3, 4)),
    ),
    "reduction.mean.2": (
        case((3, 4)), case((3, 4), dim=0), case((2, 3, 4), dim=[1, 2], keepdim=True), case(()),
    ),
    "nansum": (case((3, 4)), case((3, 4), dim=1)),
    "nanmean": (case((3, 4)), case((3, 4), dim=1, keepdim=True)),
    "reduction.prod.2": (
        case((3, 4)), case((3, 4), dim=0), case((3, 4), dim=-1, keepdim=True), case(()),
        case(ints(5, low=-3, high=3)),
    ),
    "logsumexp": (
        case((3, 4), dim=1), case((3, 4), dim=(0, 1)), case((3, 4), dim=0, keepdim=True),
        case((), dim=0), case((0, 3), dim=0),
    ),
    "count_nonzero": (
        case(ints(3, 4, low=-1, high=2)), case(ints(3, 4, low=-1, high=2), dim=0),
        case(bools(3, 4), dim=(0, 1)),
    ),
    "all any": (
        case(bools(3, 4)), case(bools(3, 4), dim=1, keepdim=True), case(bools(3, 4), dim=(0, 1)),
        case(ints(3, 4, low=0, high=2), dim=0), case((0, 3)),
    ),
    # scan
    "cumsum cumprod": (
        case((3, 4), dim=1), case((3, 4), dim=0), case((2, 3, 2), dim=-2), case((), dim=0),
        case((0, 3), dim=0), case(ints(3, 4, low=-3, high=4), dim=1), case(bools(5), dim=0),
    ),
    "cummax cummin": (
        case((3, 4), dim=1), case((3, 4), dim=0), case((), dim=0), case((0, 3), dim=0),
        case(ints(3, 4, low=-3, high=4), dim=-1),
    ),
    "logcumsumexp": (
        case((3, 4), dim=1), case((5, 2), dim=0), case((), dim=0), case(complexes(3, 2), dim=0),
    ),
    # calculus
    "diff": (
        case((3, 5)), case((3, 5), n=2, dim=0),
        case((3, 5), prepend=floats(3, 1), append=floats(3, 2)), case((3, 2), n=4), case(bools(6)),
    ),
    "trapezoid cumulative_trapezoid": (
        case((3, 5)), case((3, 5), dx=0.5, dim=0), case((3, 5), (5,)),
    ),
    "cov corrcoef": (case((3, 6)), case((6,))),
    # combined
    "square positive": (case((3, 4)), case(ints(3, low=-4, high=4))),
    "float_power": (
        case(floats(3, 4, low=0.2, high=3), (4,)), case((3, 4), 2), case(2.5, (3, 4)),
        case(ints(3, low=1, high=4), ints(3, low=-2, high=3)),
    ),
    "addcmul addcdiv": (
        case((3, 4), (4,), floats(3, 1, low=0.5, high=2)),
        case((3, 4), (4,), floats(3, 1, low=0.5, high=2), value=-0.5),
    ),
    "lerp": (
        case((3, 4), (4,), floats(3, 4, low=0, high=1)), case((3, 4), (4,), 0.3),
        case((3, 4), (3, 4), 0.8),
    ),
    "linalg_cross": (case((4, 3), (4, 3)), case((3, 4), (3, 1), dim=0)),
    "cross": (case((4, 3), (4, 3), dim=1), case((3, 4), (3, 4), dim=0)),
    "dist": (
        case((3, 4), (4,), p=2), case((3, 4), (4,), p=1), case((3, 4), (4,), p=3),
        case((3, 4), (4,), p=0.5), case((3, 4), (4,), p=inf), case((3, 4), (4,), p=-inf),
        case((3, 4), (4,), p=0),
    ),
    # contraction
    "einsum": (
        case("ij,jk->ik", (3, 4), (4, 5)), case("ij,jk", (3, 4), (4, 5)),
        case("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
        case("...ij,...jk->...ik", (2, 5, 3, 4), (2, 5, 4, 2)), case("ii->i", (3, 3)),
        case("ii", (3, 3)), case("ij,kl->ij", (2, 3), (4, 2)),
        case("bn,anm,bm->ba", (2, 3), (5, 3, 4), (2, 4)),
    ),
    "tensordot": (
        case((3, 4), (4, 5), dims=1), case((2, 3, 4), (4, 3, 5), dims=([1, 2], [1, 0])),
        case((3, 4), (3, 4)), case((2,), (3,), dims=0),
    ),
    "kron": (case((2, 3), (3, 2)), case((3,), (2, 2))),
    "linalg_multi_dot": (case([(3, 4), (4, 5)]), case([(4,), (4, 2), (2, 6), (6,)])),
    # counting
    "bincount": (
        case(ints(20, low=0, high=6)),
        case(ints(20, low=0, high=6), ints(20, low=0, high=9), minlength=9),
    ),
    "histc": (case((5, 6), bins=4), case((5, 6), bins=5, min=-1, max=1)),
    "unique unique_consecutive": (
        case(ints(4, 5, low=0, high=4)),
        case(ints(9, low=0, high=4), return_inverse=True, return_counts=True),
        case(ints(5, 2, low=0, high=2), return_inverse=True, return_counts=True, dim=0),
        case(ints(2, 5, low=0, high=2), return_counts=True, dim=1), case(ints(0)),
    ),
    # matmul
    "mm": (case((3, 4), (4, 2)), case((0, 4), (4, 2))),
    "bmm": (case((2, 3, 4), (2, 4, 2)),),
    "mv": (case((3, 4), (4,)),),
    "dot": (case((4,), (4,)),),
    "matmul": (
        case((3, 4), (4, 2)), case((4,), (4,)), case((3, 4), (4,)), case((4,), (4, 2)),
        case((2, 3, 4), (4, 2)), case((2, 1, 3, 4), (5, 4, 2)), case((2, 3, 4), (4,)),
        case((3, 0), (0, 2)),
    ),
    "linear": (
        case((3, 4), (5, 4), (5,)), case((3, 4), (5, 4)), case((2, 3, 4), (5, 4), (5,)),
        case((2, 3, 4), (5, 4)), case((4,), (5, 4), (5,)),
    ),
    # linalg
    "linalg_inv_ex linalg_inv linalg_slogdet": (case(regular(3)), case(regular(2, 3))),
    "linalg_solve": (
        case(regular(3), (3,)), case(regular(3), (3, 2)), case(regular(2, 3), (2, 3)),
        case(regular(2, 3), (3, 4)), case(regular(3), (2, 3), left=False),
    ),
    "linalg_solve_triangular": (
        case(regular(3), (3, 2), upper=True), case(regular(2, 3), (2, 3, 2), upper=False),
        case(regular(3), (2, 3), upper=True, left=False),
        case((3, 3), (3, 2), upper=False, unitriangular=True),
    ),
    "linalg_det": (case(regular(3)), case((2, 3, 3))),
    "logdet": (case(definite(3)), case(complexes(3, 3))),
    # factors
    "linalg_cholesky_ex linalg_cholesky": (case(definite(3)), case(definite(2, 3), upper=True)),
    "linalg_qr": (case((3, 3)), case((2, 4, 3)), case((2, 4)), case((2, 4), mode="complete")),
    # fourier
    "fft_c2c": (
        case(complexes(3, 5), dim=(1,), scale=1.0, forward=True),
        case(complexes(3, 4), dim=(0, 1), scale=0.25, forward=False),
    ),
    "fft_r2c": (
        case((3, 5), dim=(1,), scale=1.0, onesided=True),
        case((4, 3), dim=(1, 0), scale=0.5, onesided=True),
        case((3, 4), dim=(1,), scale=1.0, onesided=False),
    ),
    "fft_c2r": (
        case(complexes(3, 3), dim=(1,), scale=0.2, size=5),
        case(complexes(3, 3), dim=(0, 1), scale=0.2, size=4),
    ),
    # transforms
    "fft_fft fft_ifft fft_irfft fft_hfft": (
        case(complexes(3, 5)), case(complexes(3, 5), n=4, dim=0, norm="ortho"),
        case(complexes(3, 5), 8, norm="forward"), case((4,)),
    ),
    "fft_rfft fft_ihfft": (
        case((3, 5)), case((3, 5), n=4, dim=0, norm="ortho"), case((3, 5), 8, norm="forward"),
    ),
    "fft_fftn fft_fft2 fft_ifftn fft_ifft2 fft_irfftn fft_irfft2 fft_hfftn fft_hfft2": (
        case(complexes(3, 4)), case(complexes(2, 3, 4), s=(4, 3), dim=(0, 2), norm="ortho"),
    ),
    "fft_rfftn fft_rfft2 fft_ihfftn fft_ihfft2": (
        case((3, 4)), case((2, 3, 4), s=(4, 3), dim=(0, 2), norm="ortho"),
    ),
    "fft_fftshift fft_ifftshift": (case((3, 4)), case((3, 5), dim=1)),
    # gathering
    "gathering.index_select.1": (
        case((3, 4), 1, ints(5, low=0, high=4)), case((3, 4), 0, ints(2, low=0, high=3)),
    ),
    "gathering.gather.1": (
        case((3, 4), 1, ints(3, 2, low=0, high=4)), case((3, 4), 0, ints(2, 3, low=0, high=3)),
        case((3,), 0, ints(2, 0, low=0, high=3)),
    ),
    "scatter": (
        case((3, 4), 1, distinct(3, 2, below=4), (3, 2)),
        case((3, 4), 0, distinct(2, 4, below=3, axis=0), (3, 5)),
        case((3, 4), 1, distinct(3, 2, below=4), 2.5),
    ),
    "scatter_add": (case((3, 4), 1, ints(3, 6, low=0, high=4), (3, 6)),),
    "index_reduce": (
        case((3, 4), 1, ints(5, low=0, high=4), (3, 5), "mean"),
        case((3, 4), 0, ints(2, low=0, high=3), (2, 4), "amax", include_self=False),
    ),
    "index_add": (
        case((3, 4), 0, ints(5, low=0, high=3), (5, 4)),
        case((3, 4), 1, ints(2, low=0, high=4), (3, 2), alpha=2),
    ),
    "index_copy": (case((3, 4), 0, distinct(2, below=3), (2, 4)),),
    "index_fill": (case((3, 4), 1, distinct(2, below=4), 1.5),),
    "take": (case((3, 4), ints(2, 3, low=-12, high=12)),),
    "take_along_dim": (
        case((3, 4), ints(3, 1, low=0, high=4), 1), case((3, 4), ints(5, low=0, high=12)),
    ),
    "masked_scatter": (case((3, 4), bools(3, 4), (12,)),),
    # integers
    "bitwise_not": (case(ints(3, 4, low=-9, high=9)), case(bools(3))),
    "bitwise_and bitwise_or bitwise_xor": (
        case(ints(3, 4, low=-9, high=9), ints(4, low=-9, high=9)),
        case(ints(3, 4, low=-9, high=9), 5), case(bools(3), bools(3)),
        case(bools(3), ints(3, low=0, high=3)),
    ),
    "bitwise_left_shift bitwise_right_shift": (
        case(ints(3, 4, low=-9, high=9), ints(4, low=0, high=6)),
        case(ints(3, 4, low=-9, high=9), 2),
        case(ints(2, low=-9, high=9), ints(2, low=64, high=70)),
    ),
    "gcd lcm": (case(ints(3, 4, low=-30, high=30), ints(4, low=-30, high=30)),),
    # logic
    "eq ne lt le gt ge": (
        case((3, 4), (4,)), case(ints(3, 4, low=0, high=3), ints(4, low=0, high=3)),
        case(ints(3, 4, low=0, high=3), 1), case(ints(3, 4, low=0, high=3), 1.5),
        case(bools(3), bools(3)),
    ),
    "logical_and logical_or logical_xor": (
        case((3, 4), ints(4, low=0, high=2)), case(bools(3, 4), bools(4)),
    ),
    "logical_not isnan isinf isfinite isposinf isneginf isreal": (
        case(infinite(3, 4)), case(ints(3, 4, low=0, high=2)), case(bools(3, 4)),
    ),
    # magnitude
    "abs sign sgn signbit": (case((3, 4)), case(ints(3, 4, low=-4, high=4))),
    "hypot": (case((3, 4), (4,)), case(ints(3, low=1, high=4), (3,))),
    "ldexp": (
        case((3, 4), (4,)), case((3, 4), ints(4, low=-3, high=3)),
        case(ints(3, low=-4, high=4), ints(3, low=-3, high=3)),
    ),
    # spectra
    "linalg_svdvals": (case((3, 4)), case((2, 4, 3))),
    "linalg_eigvalsh": (case(definite(3)), case(definite(2, 3), UPLO="U")),
    "linalg_eigvals": (case((3, 3)),),
    "spectra.linalg_pinv.1": (
        case((3, 4)), case((2, 4, 3)), case((0, 3)), case((3, 3), rtol=floats(low=0.01, high=0.1)),
        case((3, 4), rtol=0.01),
    ),
    "pinverse": (case((3, 4)),),
    "linalg_matrix_exp": (case((3, 3)), case((2, 3, 3))),
    "matrix_power": (case(regular(3), 3), case(regular(2, 3), -2)),
    "linalg_householder_product": (case((4, 3), (3,)), case((2, 3, 3), (2, 2))),
    "linalg_tensorinv": (case((6, 2, 3), ind=1),),
    "linalg_tensorsolve": (case((2, 3, 6), (2, 3)),),
    # norms
    "linalg_vector_norm": (
        case((3, 4), ord=2, dim=1), case((3, 4), ord=1, dim=1), case((3, 4), ord=3, dim=1),
        case((3, 4), ord=0.5, dim=1), case((3, 4), ord=inf, dim=1), case((3, 4), ord=-inf, dim=1),
        case((3, 4), ord=0, dim=1), case((3, 4)), case((3, 4), dim=(0, 1), keepdim=True), case(()),
    ),
    "linalg_matrix_norm": (
        case((3, 4), "fro"), case((3, 4), "nuc"), case((3, 4), 1), case((3, 4), -1),
        case((3, 4), 2), case((3, 4), -2), case((3, 4), inf), case((3, 4), -inf),
        case((2, 3, 4), 1, dim=(0, 2), keepdim=True), case((2, 3, 4), 2, dim=(0, 2)),
    ),
    "linalg_norm": (
        case((3, 4)), case((4,), 3), case((3, 4), "nuc"), case((2, 3, 4), ord=1, dim=(1, 2)),
        case((3, 4), ord=inf, dim=1),
    ),
    "norm": (
        case((3, 4)), case((3, 4), p=1, dim=0), case((3, 4), p="nuc"),
        case((3, 4), 2, 1, keepdim=True),
    ),
    "linalg_cond": (case(regular(3)), case(regular(2, 3), 1)),
    "cdist": (
        case((3, 4), (2, 4), p=2.0), case((3, 4), (2, 4), p=1.0), case((3, 4), (2, 4), p=3.0),
        case((3, 4), (2, 4), p=inf), case((2, 3, 4), (5, 4)),
    ),
    "renorm": (case((3, 4), p=2, dim=0, maxnorm=1.0), case((3, 4), p=inf, dim=1, maxnorm=0.5)),
    # pivoting
    "linalg_lu_factor_ex": (case((3, 3)), case((2, 4, 3)), case((3, 5))),
    "linalg_lu_factor": (case((3, 3)), case((2, 4, 3))),
    "linalg_lu": (case((3, 3)), case((2, 3, 4)), case((4, 3))),
    # places
    "nonzero_static": (case(ints(3, 4, low=0, high=2), size=5),),
    # products
    "vdot": (
        case((4,), (4,)), case((0,), (0,)), case(ints(4, low=-3, high=4), ints(4, low=-3, high=4)),
    ),
    "outer": (case((3,), (4,)),),
    "inner": (case((3,), (3,)), case((2, 3), (4, 3)), case((2, 4, 3), (3,)), case((), (2, 3))),
    "addmm": (
        case((3, 5), (3, 4), (4, 5)), case((5,), (3, 4), (4, 5), beta=0.5, alpha=-2),
        case(complexes(2, 2), complexes(2, 3), complexes(3, 2), beta=(1+2j), alpha=(2-1j)),
    ),
    "addmv": (case((3,), (3, 4), (4,)), case((1,), (3, 4), (4,), beta=0.5, alpha=-2)),
    "addr": (case((3, 4), (3,), (4,)), case((4,), (3,), (4,), beta=2, alpha=0.5)),
    "baddbmm addbmm": (
        case((3, 5), (2, 3, 4), (2, 4, 5)), case((5,), (2, 3, 4), (2, 4, 5), beta=0.5, alpha=-2),
    ),
    # quantiles
    "quantiles.median.2 quantiles.nanmedian.2": (
        case((3, 4)), case((3, 5), 1), case((3, 4), dim=0, keepdim=True), case((), 0),
    ),
    "mode": (
        case(ints(3, 9, low=0, high=4)), case(ints(7, 3, low=0, high=4), dim=0, keepdim=True),
        case((3, 4)),
    ),
    "quantiles.quantile.1 quantiles.nanquantile.1": (
        case((3, 5), 0.3), case((3, 5), 0.5, dim=0, keepdim=True),
        case((3, 5), 0.4, dim=1, interpolation="linear"),
        case((3, 5), 0.4, dim=1, interpolation="lower"),
        case((3, 5), 0.4, dim=1, interpolation="higher"),
        case((3, 5), 0.4, dim=1, interpolation="midpoint"),
        case((3, 5), 0.4, dim=1, interpolation="nearest"),
    ),
    # rearranging
    "repeat_interleave": (case((2, 3), 2), case((2, 3), 3, dim=1)),
    "tril triu": (case((3, 4)), case((2, 3, 3), diagonal=-1)),
    "diag": (case((3,)), case((3,), -1), case((3, 4), 1)),
    "diag_embed": (case((2, 3)), case((2, 3), 1, 0, 2)),
    "fill_diagonal": (case((4, 3), 1.0), case((7, 3), 1.0, wrap=True)),
    # rounding
    "floor ceil trunc": (case(floats(3, 4, low=-5, high=5)), case(ints(3, 4, low=-5, high=5))),
    "round": (
        case(floats(3, 4, low=-50, high=50)), case((3, 4), decimals=1),
        case(floats(3, 4, low=-500, high=500), decimals=-2), case(ints(3, low=-5, high=5)),
    ),
    "floor_divide remainder fmod": (
        case(floats(3, 4, low=-9, high=9), floats(4, low=1, high=3)),
        case(floats(3, 4, low=-9, high=9), 2.5), case(floats(3, 4, low=-9, high=9), -2),
        case(ints(3, 4, low=-9, high=9), ints(4, low=1, high=4)),
        case(ints(3, 4, low=-9, high=9), -3), case(ints(3, 4, low=-9, high=9), 1.5),
    ),
    # sorting
    "sort": (
        case((3, 4)), case((3, 4), dim=0, descending=True), case(()), case((0, 3), dim=0),
        case(ints(3, 6, low=-9, high=9), stable=True),
    ),
    "argsort": (case((3, 4)), case((3, 4), dim=0, descending=True)),
    "msort": (case((3, 4)),),
    "topk": (
        case((3, 4), k=2), case((3, 4), k=2, dim=0, largest=False), case((3, 4), k=0),
        case((), k=1),
    ),
    "kthvalue": (case((3, 4), k=2), case((3, 4), k=1, dim=0, keepdim=True)),
    "isin": (
        case(ints(3, 4, low=0, high=6), ints(3, low=0, high=6)),
        case(ints(3, 4, low=0, high=6), ints(3, low=0, high=6), invert=True),
    ),
    # special
    "special.polygamma.1": (
        case(0, floats(3, 4, low=0.3, high=4)), case(1, floats(3, 4, low=0.3, high=4)),
        case(2, floats(3, 4, low=0.3, high=4)), case(3, floats(3, 4, low=0.3, high=4)),
    ),
    "mvlgamma": (
        case(floats(3, 4, low=2.2, high=5), p=1), case(floats(3, 4, low=2.2, high=5), p=4),
    ),
    # statistics
    "statistics.var.1 statistics.std.1 statistics.var_mean.1 statistics.std_mean.1": (
        case((3, 4)), case((3, 4), 1, keepdim=True), case((3, 4), False),
        case((2, 3, 4), dim=(0, 2), correction=2),
    ),
    # coordinates
    "spread": (
        case((3,), ints(3, low=0, high=6), shape=(2, 3)),
        case((3, 2), ints(3, low=0, high=4), shape=(2, 2, 2)),
    ),
    "merged": (case((4,), ints(4, low=0, high=3), count=3),),
    "coordinates.picked.1": (
        case((2, 3), ints(4, low=0, high=6), dense=()),
        case((4, 3), ints(2, low=0, high=4), dense=(3,)),
    ),
    "sparse_mm": (case((3,), (4, 2), ints(3, low=0, high=5), ints(3, low=0, high=4), count=5),),
    "entered": (case((3,)),),
}
# fmt: on
CASES = {n: told for names, told in {**_CASES, **LAYERS}.items() for n in names.split()}

# name of a pointwise op -> (low, high): where its samples and the dtypes' numbers are drawn
# fmt: off
DOMAINS: dict[str, tuple[float, float]] = {
    "pow": (0.2, 2.5), "log": (0.1, 4), "log2": (0.1, 4), "log10": (0.1, 4), "log1p": (-0.8, 4),
    "sqrt": (0.1, 4), "rsqrt": (0.2, 4), "reciprocal": (0.2, 4), "tan": (-1.2, 1.2),
    "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "acosh": (1.2, 4), "atanh": (-0.9, 0.9),
    "logit": (0.1, 0.9), "addcdiv": (0.3, 2), "lerp": (-0.5, 1.5), "erfinv": (-0.9, 0.9),
    "ndtri": (0.05, 0.95), "lgamma": (0.1, 4), "digamma": (0.2, 4), "special.polygamma.0": (0.2, 4),
    "mvlgamma": (2.2, 5), "entr": (0.1, 3), "xlogy": (0.2, 4), "xlog1py": (0.2, 4),
    "zeta": (1.5, 4), "gammainc": (0.3, 4), "gammaincc": (0.3, 4),
}
# fmt: on
