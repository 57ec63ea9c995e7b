"""Calls at the edges of what functions take, beside PyTorch: values, dtypes, shapes, gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")
random = np.random.default_rng(7)


def real(*shape: int) -> np.ndarray:
    return random.uniform(-2, 2, shape)


def complicated(*shape: int) -> np.ndarray:
    return real(*shape) + 1j * real(*shape)


def ints(*shape: int, dtype: str = "int64") -> np.ndarray:
    return random.integers(0, 9, shape).astype(dtype)


# A call of a library `t` with the arrays as tensors.
CALLS: dict[str, tuple[Callable, tuple]] = {
    "transposed convolution far": (
        lambda t, x, w, b: t.nn.functional.conv_transpose2d(
            x, w, b, stride=(3, 2), padding=(1, 2), output_padding=(2, 3), dilation=(4, 4)
        ),
        (real(1, 2, 4, 4), real(2, 2, 4, 5), real(2)),
    ),
    "complex convolution": (
        lambda t, x, w, b: t.nn.functional.conv2d(x, w, b, stride=2, padding=1),
        (complicated(1, 2, 4, 4), complicated(3, 2, 2, 3), complicated(3)),
    ),
    "tensordot of size 1": (
        lambda t, a, b: t.tensordot(a, b, dims=([0, 1], [2, 0])),
        (real(1, 1, 1), real(2, 1, 2)),
    ),
    "cosine similarity of what meets": (
        lambda t, a, b: t.nn.functional.cosine_similarity(a, b, dim=-2),
        (real(1, 2, 3), real(2, 1, 3)),
    ),
    "distances of one row": (lambda t, x: t.nn.functional.pdist(x), (real(1, 3),)),
    "mean of integers": (
        lambda t, x: t.nn.functional.avg_pool2d(x - 4, 2, (), divisor_override=-3),
        (ints(1, 4, 4),),
    ),
    "largest of bytes": (
        lambda t, x: t.nn.functional.max_pool2d(x, 2, padding=1),
        (ints(1, 1, 4, 4, dtype="uint8"),),
    ),
    "reflection that cuts": (
        lambda t, x: t.nn.functional.pad(x, (-3, 2), "reflect"),
        (real(1, 2, 4),),
    ),
    "replication that cuts all": (
        lambda t, x: t.nn.functional.pad(x, (-4, 5), "replicate"),
        (real(1, 2, 4),),
    ),
    "reflection of no batch": (
        lambda t, x: t.nn.functional.pad(x, (1, 2), "reflect"),
        (real(0, 3, 3),),
    ),
    "norm over channels of integers": (
        lambda t, x: t.nn.functional.local_response_norm(x, 2),
        (ints(1, 4, 3),),
    ),
    "batch of nothing": (
        lambda t, x, w: t.nn.functional.batch_norm(x, w, w, training=True),
        (np.zeros(0), np.zeros(0)),
    ),
    "bilinear of integers": (
        lambda t, a, b, w: t.nn.functional.bilinear(a, b, w),
        (ints(2, 3, dtype="int32"), ints(2, 2, dtype="int32"), ints(4, 3, 2, dtype="int32")),
    ),
    "broken factors of integers": (
        lambda t, x, a, b: t.addbmm(x, a, b, beta=1.7, alpha=2.6),
        (ints(2, 2, dtype="int32"), ints(3, 2, 2, dtype="int32"), ints(3, 2, 2, dtype="int32")),
    ),
    "inverse from a whole factor": (lambda t, x: t.cholesky_inverse(x, upper=True), (real(3, 3),)),
    "solution from a whole factor": (
        lambda t, b, x: t.cholesky_solve(b, x),
        (complicated(3, 2), complicated(3, 3)),
    ),
    "pseudoinverse by eigenvalues": (
        lambda t, x: t.linalg.pinv(x, hermitian=True),
        (np.diag([1.0, -2, 3]) + 0.1 * real(3, 3),),
    ),
    **{
        f"least squares by {driver}": (
            lambda t, a, b, driver=driver: tuple(t.linalg.lstsq(a, b, driver=driver)),
            (complicated(4, 2), complicated(4, 3)),
        )
        for driver in ("gels", "gelsy", "gelsd", "gelss")
    },
    "silu of complex numbers": (lambda t, x: t.nn.functional.silu(x.detach()), (complicated(4),)),
    "logaddexp of complex numbers": (
        lambda t, a, b: t.logaddexp(a * 5, b * 5),
        (complicated(6), complicated(6)),
    ),
    "slices filled twice": (
        lambda t, x, v: t.index_fill(x, 1, t.tensor([0, 2, 2]), v),
        (real(3, 4), real()),
    ),
    "integers filled with a half": (
        lambda t, x: t.masked_fill(x, x > 3, 1.5),
        (ints(3, 4),),
    ),
    "truth filled with a number": (
        lambda t, x: t.masked_fill(x, x, 10),
        (random.random((3, 4)) > 0.5,),
    ),
    "a scalar where a scalar holds": (lambda t, x: x[x > -3], (real(),)),
    "largest of one truth": (lambda t, x: tuple(t.max(x, 0)), (np.array(True),)),
    "mode of one truth": (lambda t, x: tuple(t.mode(x)), (np.array(True),)),
    "sum to no size": (lambda t, x: x.sum_to_size(()), (np.array(True),)),
    "running sum of bytes": (
        lambda t, x: t.cumsum(x, 0, dtype=t.uint8),
        (ints(50, dtype="uint8"),),
    ),
    **{
        f"{reduce} of {dtype} scattered without self": (
            lambda t, x, y, reduce=reduce: t.scatter_reduce(
                x, 0, t.tensor([0, 2, 2]), y, reduce, include_self=False
            ),
            (ints(3, dtype=dtype), ints(3, dtype=dtype)),
        )
        for reduce in ("amin", "amax")
        for dtype in ("bool", "uint8", "int64")
    },
    "bytes taken away": (
        lambda t, x, y: t.index_add(x, 0, t.tensor([0, 2]), y, alpha=-2),
        (ints(3, dtype="uint8"), ints(2, dtype="uint8")),
    ),
    "histogram of one": (lambda t, x: tuple(t.histogram(x.detach(), 3)), (real(),)),
}  # fmt: skip


def made(lib: Any, name: str) -> tuple[list, list]:
    """The results of a call and the gradients of its floating arguments."""
    call, arrays = CALLS[name]
    given = [lib.tensor(a) for a in arrays]
    for x in given:
        if x.is_floating_point() or x.is_complex():
            x.requires_grad_(True)
    result = call(lib, *given)
    results = list(result) if isinstance(result, tuple) else [result]
    slopes = [x for x in results if x.requires_grad]
    leaves = [x for x in given if x.requires_grad]
    if not slopes or not leaves:
        return results, []
    seeds = [lib.ones_like(x) for x in slopes]
    found = lib.autograd.grad(slopes, leaves, seeds, allow_unused=True)
    return results, [g for g in found if g is not None]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_edge_is_pytorchs(name: str) -> None:
    (ours, slopes), (wanted, goals) = made(rushlight, name), made(torch, name)
    for a, b in zip(ours, wanted, strict=True):
        assert (str(a.dtype), tuple(a.shape)) == (str(b.dtype), tuple(b.shape))
        assert a.requires_grad == b.requires_grad
    for a, b in zip(ours + slopes, wanted + goals, strict=True):
        b = b.detach().resolve_conj().numpy()
        np.testing.assert_allclose(a.detach().numpy(), b, rtol=1e-6, atol=1e-9)


def test_a_value_that_does_not_fit_is_refused() -> None:
    x = rushlight.zeros(2, dtype=rushlight.int8)
    with pytest.raises(RuntimeError, match="cannot be converted to type int8_t without overflow"):
        x.masked_fill(x == 0, 300)
