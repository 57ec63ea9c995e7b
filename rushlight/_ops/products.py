"""Outer and inner products, and products added to a third tensor: addmm, addmv, addr, baddbmm …"""

from typing import Any

from .._core import dtypes
from .._core.op import filling, op
from .matmul import adjoint_of, unmet


def _column(m: Any, v: Any) -> Any:
    return m.reshape(v, (-1, 1))


def _row(m: Any, v: Any) -> Any:
    return m.reshape(v, (1, -1))


# -- vectors


def _check_vdot(a: Any, b: Any) -> None:
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {len(a.shape)}D and {len(b.shape)}D tensors; vdot takes "
            "vectors, use matmul for matrices"
        )
    if a.dtype != b.dtype:
        found, other = (dtypes.of(x.dtype).type_name for x in (a, b))
        raise RuntimeError(
            f"vdot : expected both vectors to have same dtype, but found {found} and {other}"
        )
    if a.shape != b.shape:
        raise RuntimeError(unmet(a.shape, b.shape))


@op("reduce")
def vdot(m, input, other):
    """Dot product with the first vector conjugated."""
    _check_vdot(input, other)
    return m.reshape(m.matmul(_row(m, m.conj(input)), _column(m, other)), ())


@vdot.vjp("input")
def _(m, g, other):
    return m.conj(g) * other


@vdot.vjp("other")
def _(m, g, input):
    return g * input


@filling
def outer(input: Any, vec2: Any) -> Any:
    """All products of an element of one vector with an element of another: (n,), (k,) -> (n, k)."""
    for x, name in ((input, "self"), (vec2, "vec2")):
        if x.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x.ndim}-D")
    return input.reshape(-1, 1) * vec2


ger = outer


@filling
def inner(input: Any, other: Any) -> Any:
    """Sum of products over the last dimension of both."""
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    n = input.shape[-1]
    made = input.reshape(-1, n) @ other.reshape(-1, n).t()
    return made.reshape(*input.shape[:-1], *other.shape[:-1])


# -- matrices


def _check_mv(a: Any, v: Any) -> None:
    if len(a.shape) != 2 or len(v.shape) != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got 1, {len(a.shape)}, {len(v.shape)}"
        )
    if a.shape[1] != v.shape[0]:
        raise RuntimeError(unmet(a.shape, v.shape))


def _check_bmm(a: Any, b: Any) -> None:
    for x, name in ((a, "batch1"), (b, "batch2")):
        if len(x.shape) != 3:
            raise RuntimeError(f"{name} must be a 3D tensor, but its shape is {tuple(x.shape)}")
    expected = [a.shape[0], a.shape[2]]
    if [*b.shape[:2]] != expected:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {expected} but got: "
            f"{[*b.shape[:2]]}."
        )


# -- beta * input + alpha * product


def _plus(m: Any, input: Any, product: Any, beta: Any, alpha: Any) -> Any:
    """beta * input + alpha * product; with beta 0 the input's NaNs do not count."""
    shape, target = tuple(input.shape), tuple(product.shape)
    for i in range(1, len(shape) + 1):
        want = target[-i] if i <= len(target) else None
        if want is None or shape[-i] not in (1, want):
            raise RuntimeError(
                f"The expanded size of the tensor ({want}) must match the existing size"
                f" ({shape[-i]}) at non-singleton dimension {len(target) - i}.  Target sizes:"
                f" {list(target)}.  Tensor sizes: {list(shape)}"
            )
    if m.isdtype(product.dtype, "integral"):
        beta, alpha = int(beta), int(alpha)
    elif m.isdtype(product.dtype, "bool"):
        beta, alpha = bool(beta), bool(alpha)
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    return product + (input if beta == 1 else input * beta)


def _scaled(g: Any, factor: Any) -> Any:
    """A gradient through a multiplication by the number `factor`."""
    return g if factor == 1 else g * factor.conjugate()


def _first(m: Any, g: Any, beta: Any) -> Any:
    return _scaled(g, beta)


def _check_mm(a: Any, b: Any) -> None:
    for x, name in ((a, "mat1"), (b, "mat2")):
        if len(x.shape) != 2:
            raise RuntimeError(f"{name} must be a matrix, got {len(x.shape)}-D tensor")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(unmet(a.shape, b.shape))


@op(
    "same",
    broadcasts=True,
    autocast="lower",
    mixed="self and mat2 must have the same dtype, but got {a} and {b}",
)
def addmm(m, input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2)."""
    _check_mm(mat1, mat2)
    return _plus(m, input, m.matmul(mat1, mat2), beta, alpha)


addmm.vjp("input")(_first)


@addmm.vjp("mat1")
def _(m, g, mat2, alpha):
    return m.matmul(_scaled(g, alpha), adjoint_of(m, mat2))


@addmm.vjp("mat2")
def _(m, g, mat1, alpha):
    return m.matmul(adjoint_of(m, mat1), _scaled(g, alpha))


@op("same", broadcasts=True, autocast="lower")
def addmv(m, input, mat, vec, *, beta=1, alpha=1):
    """beta * input + alpha * (mat @ vec)."""
    _check_mv(mat, vec)
    return _plus(m, input, m.reshape(m.matmul(mat, _column(m, vec)), (-1,)), beta, alpha)


addmv.vjp("input")(_first)


@addmv.vjp("mat")
def _(m, g, vec, alpha):
    return _column(m, _scaled(g, alpha)) * m.conj(vec)


@addmv.vjp("vec")
def _(m, g, mat, alpha):
    return m.reshape(m.matmul(adjoint_of(m, mat), _column(m, _scaled(g, alpha))), (-1,))


@op("same", broadcasts=True)
def addr(m, input, vec1, vec2, *, beta=1, alpha=1):
    """beta * input + alpha * outer(vec1, vec2)."""
    return _plus(m, input, _column(m, vec1) * vec2, beta, alpha)


addr.vjp("input")(_first)


@addr.vjp("vec1")
def _(m, g, vec2, alpha):
    return m.reshape(m.matmul(_scaled(g, alpha), _column(m, m.conj(vec2))), (-1,))


@addr.vjp("vec2")
def _(m, g, vec1, alpha):
    return m.reshape(m.matmul(_row(m, m.conj(vec1)), _scaled(g, alpha)), (-1,))


@op("same", broadcasts=True, autocast="lower")
def baddbmm(m, input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * bmm(batch1, batch2)."""
    _check_bmm(batch1, batch2)
    return _plus(m, input, m.matmul(batch1, batch2), beta, alpha)


baddbmm.vjp("input")(_first)


@op("same", broadcasts=True, autocast="lower")
def addbmm(m, input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * the sum over the batch of bmm(batch1, batch2)."""
    _check_bmm(batch1, batch2)
    product = m.matmul(batch1, batch2)
    return _plus(m, input, m.sum(product, axis=0, dtype=product.dtype), beta, alpha)


addbmm.vjp("input")(_first)


@baddbmm.vjp("batch1")
@addbmm.vjp("batch1")
def _(m, g, batch2, alpha):
    return m.matmul(_scaled(g, alpha), adjoint_of(m, batch2))


@baddbmm.vjp("batch2")
@addbmm.vjp("batch2")
def _(m, g, batch1, alpha):
    return m.matmul(adjoint_of(m, batch1), _scaled(g, alpha))
