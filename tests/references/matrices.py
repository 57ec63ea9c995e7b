"""Products, and factorisations, which are told by their laws: what their results multiply to."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

Array = np.ndarray


def close(found: Any, wanted: Any) -> None:
    """Equal to the accuracy of small systems in float64."""
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9)


def t(x: Array) -> Array:
    """The adjoint of the last two axes."""
    return np.conj(np.swapaxes(x, -1, -2))


def times(a: Array, b: Array) -> Array:
    """Sums of products, a vector being a row on the left and a column on the right."""
    left, right = "k" if a.ndim == 1 else "...ik", "k" if b.ndim == 1 else "...kj"
    made = ("" if a.ndim == 1 else "i") + ("" if b.ndim == 1 else "j")
    lead = "..." if max(a.ndim, b.ndim) > 2 or a.ndim * b.ndim > 1 else ""
    return np.einsum(f"{left},{right}->{lead}{made}", a, b)


def linear(input: Array, weight: Array, bias: Any = None) -> Array:
    """x W^T + b."""
    made = np.einsum("...i,oi->...o", input, weight)
    return made if bias is None else made + bias


def sum_and_product(input: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1) -> Array:
    """beta C + alpha A B."""
    return beta * input + alpha * times(a, b)


def block_diagonal(*tensors: Array) -> Array:
    """Matrices along the diagonal, zeros beside."""
    blocks = [np.atleast_2d(x) for x in tensors]
    ends = np.cumsum([(0, 0), *(b.shape for b in blocks)], 0)
    made = np.zeros(ends[-1])
    for (row, column), block in zip(ends, blocks):
        made[row : row + block.shape[0], column : column + block.shape[1]] = block
    return made


def powers(x: Array, N: int | None = None) -> Array:
    """1, x, x^2 ... along a new last axis, x being a row of at least one."""
    x = np.atleast_1d(x)
    return np.stack([x**k for k in range(x.shape[-1] if N is None else N)], -1)


def cofactors(A: Array) -> Array:
    """(-1)^(i + j) times the determinant without row i and column j."""
    made = np.zeros_like(A)
    for *lead, i, j in np.ndindex(*A.shape):
        minor = np.delete(np.delete(A[tuple(lead)], i, 0), j, 1)
        made[(*lead, i, j)] = (-1) ** (i + j) * np.linalg.det(minor)
    return made


def is_inverse(found: Array, A: Array) -> None:
    """A X = 1."""
    close(times(A, found), np.broadcast_to(np.eye(A.shape[-1]), A.shape))


def is_inverse_with_info(found: tuple, A: Array) -> None:
    """A X = 1, and nothing to complain of."""
    is_inverse(found[0], A)
    assert found[1].shape == A.shape[:-2] and not found[1].any()


def solves(found: Array, A: Array, B: Array, left: bool = True) -> None:
    """A X = B or X A = B; a batch of vectors where B has the shape of A without its last axis."""
    if B.ndim == 1 or (B.shape == A.shape[:-1] and A.ndim > 2):
        close(np.einsum("...ij,...j->...i", A, found), B)
    else:
        wanted = times(A, found) if left else times(found, A)
        close(wanted, np.broadcast_to(B, wanted.shape))


def solves_triangle(
    found: Array, A: Array, B: Array, upper: bool, left: bool = True, unitriangular: bool = False
) -> None:
    """As `solves`, reading one triangle of A; ones on its diagonal if `unitriangular`."""
    A = np.triu(A) if upper else np.tril(A)
    if unitriangular:
        A = A - A * np.eye(A.shape[-1]) + np.eye(A.shape[-1])
    solves(found, A, B, left)


def is_root(found: tuple, A: Array, upper: bool = False) -> None:
    """A triangle with a positive diagonal; L L^H = A."""
    L, info = found
    assert not info.any()
    close(L, np.triu(L) if upper else np.tril(L))
    assert (np.diagonal(L, 0, -2, -1) > 0).all()
    lower = np.tril(A) + t(np.tril(A, -1))  # only one triangle is read
    whole = np.triu(A) + t(np.triu(A, 1)) if upper else lower
    close(times(t(L), L) if upper else times(L, t(L)), whole)


def squared(L: Array, upper: bool) -> Array:
    """The matrix whose root is in one triangle."""
    return times(t(np.triu(L)), np.triu(L)) if upper else times(np.tril(L), t(np.tril(L)))


def is_qr(found: tuple, A: Array, mode: str = "reduced") -> None:
    """Q^H Q = 1, R upper triangular, Q R = A."""
    Q, R = found
    n = A.shape[-2] if mode == "complete" else min(A.shape[-2:])
    assert Q.shape == (*A.shape[:-1], n) and R.shape == (*A.shape[:-2], n, A.shape[-1])
    close(times(t(Q), Q), np.broadcast_to(np.eye(n), (*A.shape[:-2], n, n)))
    close(R, np.triu(R))
    close(times(Q, R), A)


def triangles(packed: Array) -> tuple[Array, Array]:
    """L with ones on its diagonal, and U."""
    n = min(packed.shape[-2:])
    L, U = np.tril(packed[..., :, :n], -1), np.triu(packed[..., :n, :])
    return L + np.eye(packed.shape[-2], n), U


def permuted(pivots: Array, rows: int) -> Array:
    """P from the row swapped with each row, counted from 1."""
    P = np.broadcast_to(np.eye(rows), (*pivots.shape[:-1], rows, rows)).copy()
    for lead in np.ndindex(*pivots.shape[:-1]):
        for i, k in enumerate(pivots[lead] - 1):
            P[lead][:, [i, k]] = P[lead][:, [k, i]]
    return P


def is_lu(found: tuple, A: Array) -> None:
    """P L U = A, and no factor of L above 1: the pivots are the greatest."""
    P, L, U = found
    close(L, np.tril(L))
    close(U, np.triu(U))
    close(np.diagonal(L, 0, -2, -1), 1)
    assert (np.abs(L) <= 1 + 1e-12).all()
    close(times(P, times(L, U)), A)


def is_packed_lu(found: tuple, A: Array) -> None:
    """As `is_lu`, L and U in one matrix."""
    packed, pivots = found[:2]
    is_lu((permuted(pivots, A.shape[-2]), *triangles(packed)), A)
    assert not (len(found) > 2 and found[2].any())


def solves_lu(
    found: Array, LU: Array, pivots: Array, B: Array, left: bool = True, adjoint: bool = False
) -> None:
    """As `solves`, A being P L U or its adjoint."""
    A = times(permuted(pivots, LU.shape[-2]), times(*triangles(LU)))
    solves(found, t(A) if adjoint else A, B, left)


def are_eigenvalues(found: Array, A: Array) -> None:
    """Roots of the characteristic polynomial, with the right sums of powers."""
    for value in found:
        close(np.linalg.det(A - value * np.eye(len(A))), 0)
    for k in range(1, len(A) + 1):
        close(np.sum(found**k), np.trace(np.linalg.matrix_power(A, k)))


def is_pseudoinverse(found: Array, A: Array, rcond: float = 1e-15) -> None:
    """Penrose's four equations (1955)."""
    left, right = times(A, found), times(found, A)
    close(times(left, A), A)
    close(times(right, found), found)
    close(left, t(left))
    close(right, t(right))


def reflected(A: Array, tau: Array) -> Array:
    """The first columns of the product of 1 - tau v v^H, v being 0 above and 1 at its place."""
    rows, columns = A.shape[-2:]
    made = np.zeros_like(A)
    for lead in np.ndindex(*A.shape[:-2]):
        whole = np.eye(rows)
        for i, factor in enumerate(tau[lead]):
            v = np.concatenate([np.zeros(i), [1.0], A[lead][i + 1 :, i]])
            whole = whole @ (np.eye(rows) - factor * np.outer(v, np.conj(v)))
        made[lead] = whole[:, :columns]
    return made


def solves_with_info(found: tuple, A: Array, B: Array, left: bool = True) -> None:
    """As `solves`, and nothing to complain of."""
    solves(found[0], A, B, left)
    assert not found[1].any()


def is_svd(found: tuple, A: Array, full_matrices: bool = True) -> None:
    """U^H U = 1, V^H V = 1, S falling, U S V^H = A."""
    U, S, Vh = found
    n = min(A.shape[-2:])
    if full_matrices:
        assert U.shape[-1] == A.shape[-2] and Vh.shape[-2] == A.shape[-1]
    close(times(t(U), U), np.broadcast_to(np.eye(U.shape[-1]), (*A.shape[:-2], *U.shape[-1:] * 2)))
    close(
        times(Vh, t(Vh)),
        np.broadcast_to(np.eye(Vh.shape[-2]), (*A.shape[:-2], *Vh.shape[-2:-1] * 2)),
    )
    assert (S >= 0).all() and (np.diff(S) <= 0).all()
    close(times(U[..., :n] * S[..., None, :], Vh[..., :n, :]), A)


def is_eigh(found: tuple, A: Array, UPLO: str = "L") -> None:
    """V^H V = 1, values rising, A V = V diag(values), A read from one triangle."""
    values, V = found
    A = np.triu(A) + t(np.triu(A, 1)) if UPLO == "U" else np.tril(A) + t(np.tril(A, -1))
    close(times(t(V), V), np.broadcast_to(np.eye(A.shape[-1]), A.shape))
    assert (np.diff(values) >= 0).all()
    close(times(A, V), V * values[..., None, :])


def is_eig(found: tuple, A: Array) -> None:
    """A V = V diag(values), vectors of length 1; the values add up and multiply as A's do."""
    values, V = found
    close(times(A.astype(complex), V), V * values[..., None, :])
    close(np.linalg.norm(V, axis=-2), 1)
    close(values.sum(-1), np.trace(A, 0, -2, -1))
    close(values.prod(-1), np.linalg.det(A))


def is_least(found: tuple, A: Array, B: Array) -> None:
    """What is left over is orthogonal to all columns: A^H (A X - B) = 0."""
    solution, _, rank, _ = found
    close(t(A) @ (A @ solution - B), 0)
    assert rank == A.shape[-1]


def swapped(pivots: Array, rows: int) -> Array:
    """The rows' numbers after each has been swapped with its pivot in turn."""
    made = list(range(rows))
    for i, k in enumerate(pivots):
        made[i], made[k] = made[k], made[i]
    return np.array(made)


def paths(
    log_probs: Array, targets: Array, steps: Sequence, labels: Sequence, blank: int = 0
) -> Array:
    """CTC: minus the log of the sum over all paths that read as the labels.

    A path reads as its symbols without repetitions, then without blanks.
    """
    made = []
    for row, (length, count) in enumerate(zip(steps, labels)):
        total = 0.0
        for path in product(range(log_probs.shape[2]), repeat=length):
            read = [s for s, before in zip(path, (None, *path)) if s != before and s != blank]
            if read == list(targets[row, :count]):
                total += np.exp(sum(log_probs[i, row, s] for i, s in enumerate(path)))
        made.append(-np.log(total))
    return np.array(made)


def exponential(A: Array) -> Array:
    """e to the eigenvalues."""
    values, vectors = np.linalg.eig(A)
    return (vectors * np.exp(values)[..., None, :] @ np.linalg.inv(vectors)).real


def determinant(A: Array) -> tuple[Array, Array]:
    """(sign, log of the size), from the sum over permutations."""
    n = A.shape[-1]
    total = 0
    for order in product(range(n), repeat=n):
        if len(set(order)) == n:
            swaps = sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
            total = total + (-1) ** swaps * np.prod([A[..., i, k] for i, k in enumerate(order)], 0)
    return np.sign(total), np.log(np.abs(total))


VALUES: dict[str, Callable] = {
    "mm": times,
    "bmm": times,
    "matmul_batched": times,
    "mv": times,
    "dot": times,
    "matmul": times,
    "mixed_values": times,
    "attention_scores": lambda q, k, scale: scale * np.einsum("...qw,...kw->...qk", q, k),
    **{
        f"linear_{bias}_bias{batched}": linear
        for bias in ("with", "without")
        for batched in ("", "_batched")
    },
    "linear": linear,
    "addmm": sum_and_product,
    "addmv": sum_and_product,
    "addr": lambda x, v, w, beta=1, alpha=1: beta * x + alpha * np.outer(v, w),
    "baddbmm": sum_and_product,
    "addbmm": lambda x, a, b, beta=1, alpha=1: beta * x + alpha * (a @ b).sum(0),
    "linalg_vecdot": lambda x, y, dim=-1: np.sum(np.conj(x) * y, dim),
    "linalg_matrix_exp": exponential,
    "logdet": lambda A: np.log(np.linalg.det(A)),
    "chain_matmul": lambda *matrices: np.linalg.multi_dot(matrices),
    "blocks.block_diag.0": lambda tensors: block_diagonal(*tensors),
    "blocks.block_diag.1": block_diagonal,
    "causal_scores": lambda x: np.where(np.tri(*x.shape[-2:], dtype=bool), x, -np.inf),
    "order_of": swapped,
    "ctc": paths,
    "linalg_vander": powers,
    "cofactors": cofactors,
    "linalg_slogdet": determinant,
    "cholesky_inverse": lambda L, upper=False: np.linalg.inv(squared(L, upper)),
    "lu_unpack": lambda LU, pivots: (permuted(pivots, LU.shape[-2]), *triangles(LU)),
    "linalg_householder_product": reflected,
}
LAWS: dict[str, Callable] = {
    "linalg_inv_ex": is_inverse_with_info,
    "linalg_solve": solves,
    "linalg_solve_ex": solves_with_info,
    "cholesky": lambda found, A, upper=False: is_root((found, np.zeros(())), A, upper),
    "qr": lambda found, A, some=True: is_qr(found, A, "reduced" if some else "complete"),
    "linalg_svd": is_svd,
    "svd": lambda found, A, some=True: is_svd((*found[:2], t(found[2])), A, not some),
    "linalg_eigh": is_eigh,
    "linalg_eig": is_eig,
    "spectra.linalg_pinv.0": lambda found, A, hermitian=False: is_pseudoinverse(found, A),
    "linalg_lstsq": is_least,
    "lu": is_packed_lu,
    "lu_solve": lambda found, B, LU, pivots: solves_lu(found, LU, pivots, B),
    "linalg_solve_triangular": solves_triangle,
    "linalg_cholesky_ex": is_root,
    "cholesky_solve": lambda found, B, L, upper=False: solves(found, squared(L, upper), B),
    "linalg_qr": is_qr,
    "linalg_lu": is_lu,
    "linalg_lu_factor": is_packed_lu,
    "linalg_lu_factor_ex": is_packed_lu,
    "linalg_lu_solve": solves_lu,
    "linalg_eigvals": are_eigenvalues,
    "pinverse": is_pseudoinverse,
}
