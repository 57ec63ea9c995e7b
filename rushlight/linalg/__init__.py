"""torch.linalg: products, decompositions and norms of matrices."""

from typing import Any

from .._core.errors import LinAlgError
from .._core.names import lazily
from .._ops.blocks import linalg_vander as vander
from .._ops.blocks import linalg_vecdot as vecdot
from .._ops.combined import linalg_cross as cross
from .._ops.contraction import linalg_multi_dot as multi_dot
from .._ops.factors import linalg_cholesky as cholesky
from .._ops.factors import linalg_cholesky_ex as cholesky_ex
from .._ops.factors import linalg_qr as qr
from .._ops.linalg import linalg_det as det
from .._ops.linalg import linalg_inv as inv
from .._ops.linalg import linalg_inv_ex as inv_ex
from .._ops.linalg import linalg_slogdet as slogdet
from .._ops.linalg import linalg_solve as solve
from .._ops.linalg import linalg_solve_ex as solve_ex
from .._ops.linalg import linalg_solve_triangular as solve_triangular
from .._ops.matmul import matmul
from .._ops.norms import linalg_cond as cond
from .._ops.norms import linalg_matrix_norm as matrix_norm
from .._ops.norms import linalg_norm as norm
from .._ops.norms import linalg_vector_norm as vector_norm
from .._ops.pivoting import linalg_lu as lu
from .._ops.pivoting import linalg_lu_factor as lu_factor
from .._ops.pivoting import linalg_lu_factor_ex as lu_factor_ex
from .._ops.pivoting import linalg_lu_solve as lu_solve
from .._ops.spectra import linalg_eig as eig
from .._ops.spectra import linalg_eigh as eigh
from .._ops.spectra import linalg_eigvals as eigvals
from .._ops.spectra import linalg_eigvalsh as eigvalsh
from .._ops.spectra import linalg_householder_product as householder_product
from .._ops.spectra import linalg_lstsq as lstsq
from .._ops.spectra import linalg_matrix_exp as matrix_exp
from .._ops.spectra import linalg_matrix_rank as matrix_rank
from .._ops.spectra import linalg_pinv as pinv
from .._ops.spectra import linalg_svd as svd
from .._ops.spectra import linalg_svdvals as svdvals
from .._ops.spectra import linalg_tensorinv as tensorinv
from .._ops.spectra import linalg_tensorsolve as tensorsolve
from .._ops.spectra import matrix_power


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices, as a view."""
    return A.diagonal(offset, dim1, dim2)


__getattr__ = lazily(__name__)
