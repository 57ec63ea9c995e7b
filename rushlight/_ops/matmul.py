"""Matrix products: `x @ w`, and the layer made of it."""

import math
from typing import Any

from .._core.errors import wrong_argument
from .._core.kinds import speak
from .._core.op import composite, op


def adjoint_of(m: Any, x: Any) -> Any:
    """The matrices of x transposed, conjugated where complex."""
    n = len(x.shape)
    return m.conj(m.permute_dims(x, (*range(n - 2), n - 1, n - 2)))


def _meet(a: Any, b: Any) -> None:
    if a.shape[-1] != b.shape[0 if len(b.shape) == 1 else -2]:
        raise RuntimeError(unmet(tuple(a.shape), tuple(b.shape)))


def unmet(a: Any, b: Any) -> str:
    """PyTorch's sentence for inner sizes that differ, and ours."""
    inner = 0 if len(b) == 1 else -2
    ours = (
        f" matmul: the last size of the first ({a[-1]}) does not meet size {inner} of the second "
        f"({b[inner]}); the shapes are {list(a)} and {list(b)}."
    )
    if len(a) == 1 and len(b) == 1:
        return (
            f"inconsistent tensor size, expected tensor [{a[0]}] and src [{b[0]}] to have the "
            f"same number of elements, but got {a[0]} and {b[0]} elements respectively." + ours
        )
    if len(b) == 1:
        return f"size mismatch, got input ({a[-2]}), mat ({a[-2]}x{a[-1]}), vec ({b[0]})." + ours
    if len(a) > 2 and len(b) > 2:
        return (
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[-1]}] "
            f"but got: [{b[0]}, {b[-2]}]." + ours
        )
    rows = math.prod(a[:-1])
    return f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a[-1]} and {b[-2]}x{b[-1]})." + ours


@op("same", node="MmBackward0", autocast="lower")
def mm(m, input, mat2):
    """The product of two matrices, (n, k) and (k, p).

    Raises:
        RuntimeError: unless both are matrices whose inner sizes meet.
    """
    a, b = input.shape, mat2.shape
    if len(a) != 2 or len(b) != 2 or a[1] != b[0]:
        _refuse_mm(tuple(a), tuple(b))
    return m.matmul(input, mat2)


def _refuse_mm(a: tuple, b: tuple) -> None:
    for name, shape in (("self", a), ("mat2", b)):
        if len(shape) != 2:
            raise RuntimeError(f"{name} must be a matrix; mm: it has shape {list(shape)}")
    raise RuntimeError(unmet(a, b))


@mm.vjp("input")
def _(m, g, mat2):
    return m.matmul(g, adjoint_of(m, mat2))


@mm.vjp("mat2")
def _(m, g, input):
    return m.matmul(adjoint_of(m, input), g)


@op("same", broadcasts=False, autocast="lower")
def bmm(m, input, mat2):
    """The products of two batches of matrices, (b, n, k) and (b, k, p).

    Raises:
        RuntimeError: unless both are batches of matrices whose sizes meet.
    """
    for name, x in (("batch1", input), ("batch2", mat2)):
        if len(x.shape) != 3:
            raise RuntimeError(f"{name} must be a 3D tensor; bmm: it has shape {list(x.shape)}")
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise RuntimeError(unmet(tuple(input.shape), tuple(mat2.shape)))
    return m.matmul(input, mat2)


bmm.vjp("input")(mm.op.rules["input"])
bmm.vjp("mat2")(mm.op.rules["mat2"])


def _rows(m: Any, x: Any) -> Any:
    """x as one matrix of all its leading rows."""
    return m.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


@op("same", node="UnsafeViewBackward0", broadcasts=True, autocast="lower", name="matmul_batched")
def batched(m, input, other):
    """Matrix products with broadcast leading dimensions (both have two dimensions or more)."""
    _meet(input, other)
    return m.matmul(input, other)


@batched.vjp("input")
def _(m, g, input, other):
    if len(other.shape) == 2 and len(g.shape) > 2:
        return m.reshape(m.matmul(_rows(m, g), adjoint_of(m, other)), tuple(input.shape))
    return m.matmul(g, adjoint_of(m, other))


@batched.vjp("other")
def _(m, g, input, other):
    if len(other.shape) == 2 and len(g.shape) > 2:  # one product over all leading rows
        return m.matmul(adjoint_of(m, _rows(m, input)), _rows(m, g))
    return m.matmul(adjoint_of(m, input), g)


@op("same", node="MvBackward0", autocast="lower")
def mv(m, input, vec):
    """The product of a matrix (n, k) and a vector (k)."""
    if len(input.shape) != 2 or len(vec.shape) != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {len(vec.shape)}, {len(input.shape)}, "
            f"{len(vec.shape)}"
        )
    _meet(input, vec)
    return m.matmul(input, vec)


@mv.vjp("input")
def _(m, g, vec):
    return m.reshape(g, (-1, 1)) * m.reshape(m.conj(vec), (1, -1))


@mv.vjp("vec")
def _(m, g, input):
    return m.matmul(adjoint_of(m, input), g)


@op("same", node="DotBackward0", autocast="lower")
def dot(m, input, tensor):
    """The sum of the products of two vectors."""
    if len(input.shape) != 1 or len(tensor.shape) != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {len(input.shape)}D and {len(tensor.shape)}D tensors"
        )
    _meet(input, tensor)
    return m.matmul(input, tensor)


@dot.vjp("input")
def _(m, g, tensor):
    return g * m.conj(tensor)


@dot.vjp("tensor")
def _(m, g, input):
    return g * m.conj(input)


@composite
def matmul(input, other, *, out=None):
    """The matrix product `input @ other`, by PyTorch's rules for vectors and batches.

    Raises:
        RuntimeError: where the inner sizes do not meet, or an argument is a scalar.
    """
    try:
        a, b = len(input.shape), len(other.shape)
    except AttributeError:
        x = ("other", 2, other) if hasattr(input, "shape") else ("input", 1, input)
        raise wrong_argument("matmul", *x[:2], "Tensor", x[2]) from None
    if a == 2 and b == 2:
        return mm(input, other, out=out)
    if a == 0 or b == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a}D and {b}D"
        )
    if a == 1 and b == 1:
        return dot(input, other, out=out)
    if a == 2 and b == 1:
        return mv(input, other, out=out)
    if a == 1:
        made = batched(input.reshape((1, -1)), other, out=out)
        return made.reshape((*made.shape[:-2], made.shape[-1]))
    if b == 1:
        made = batched(input, other.reshape((-1, 1)), out=out)
        return made.reshape(made.shape[:-1])
    return batched(input, other, out=out)


def _affine(m: Any, input: Any, weight: Any, bias: Any) -> Any:
    shape = input.shape
    if not shape:
        raise RuntimeError(
            "both arguments to linear need to be at least 1D, but they are 0D and 2D"
        )
    if bias is not None and bias.shape[-1:] not in ((), (1,), weight.shape[:1]):
        made = weight.shape[0]
        raise RuntimeError(
            f"The expanded size of the tensor ({made}) must match the existing size "
            f"({bias.shape[-1]}) at non-singleton dimension 1; linear: the bias has shape "
            f"{list(bias.shape)}, the weight gives {made} features"
        )
    if shape[-1] != weight.shape[1]:
        _refuse_linear(tuple(shape), tuple(weight.shape))
    if len(shape) <= 2:
        made = m.matmul_rows(input, m.permute_dims(weight, (1, 0)))
    else:  # one product for all leading rows
        rows = m.matmul_rows(_rows(m, input), m.permute_dims(weight, (1, 0)))
        made = m.reshape(rows, (*shape[:-1], weight.shape[0]))
    return made if bias is None else made + bias


def _refuse_linear(shape: tuple, weight: tuple) -> None:
    rows = math.prod(shape[:-1])
    raise RuntimeError(
        f"mat1 and mat2 shapes cannot be multiplied ({rows}x{shape[-1]} and "
        f"{weight[1]}x{weight[0]}). linear: the input's last size is {shape[-1]}, the weight takes "
        f"{weight[1]} features; the input has shape {list(shape)}, the weight {list(weight)}."
    )


def _linear(name: str, node: str) -> Any:
    """One body and its rules under the node name that PyTorch gives for the input's dimensions."""

    said = (
        "mat1 and mat2 must have the same dtype, but got {a} and {b}" if "with_" in name else None
    )

    @op("same", name=name, node=node, autocast="lower", mixed=said, straight=True)
    def affine(m, input, weight, bias=None):
        """`input @ weight.T + bias`."""
        return _affine(m, input, weight, bias)

    @affine.vjp("input")
    def _(m, g, weight):
        return m.matmul_rows(g, m.conj(weight))

    @affine.vjp("weight")
    def _(m, g, input):
        if len(g.shape) != 2:
            g, input = _rows(m, g), _rows(m, input)
        return m.matmul(m.permute_dims(g, (1, 0)), m.conj(input))

    @affine.vjp("bias")
    def _(m, g):
        lead = len(g.shape) - 1
        return m.sum(g, axis=tuple(range(lead))) if lead > 1 else m.sum(g, axis=0) if lead else g

    return affine


_with_bias = _linear("linear_with_bias", "AddmmBackward0")
_without_bias = _linear("linear_without_bias", "MmBackward0")
_with_bias_batched = _linear("linear_with_bias_batched", "ViewBackward0")
_without_bias_batched = _linear("linear_without_bias_batched", "UnsafeViewBackward0")


@composite
def linear(input, weight, bias=None):
    """`input @ weight.T + bias`: the input (..., in), the weight (out, in), the bias (out).

    Raises:
        RuntimeError: where the input's last size is not the weight's.
    """
    try:
        flat = input.array.ndim == 2
    except AttributeError:  # a subclass that wants to see calls hides it
        flat = input.ndim == 2
    if flat:
        return _without_bias(input, weight) if bias is None else _with_bias(input, weight, bias)
    if len(weight.shape) == 1:
        made = matmul(input, weight)
        return made if bias is None else made + bias
    return (
        _without_bias_batched(input, weight)
        if bias is None
        else _with_bias_batched(input, weight, bias)
    )


speak(matmul, matmul_rows=matmul)
