"""Reductions, products, decompositions beside PyTorch: complex numbers, odd values, errors."""

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")

inf, nan = float("inf"), float("nan")


def drawn(*shape, complex=True):
    source = np.random.default_rng(sum(shape) + len(shape))
    made = source.uniform(-2, 2, shape)
    return made + 1j * source.uniform(-2, 2, shape) if complex else made


def regular(*shape, complex=True):
    return drawn(*shape, shape[-1], complex=complex) + 4 * np.eye(shape[-1])


COMPLEX = {
    "sum": (lambda t, x: x.sum((0, 1)), drawn(3, 4)),
    "mean": (lambda t, x: x.mean(0), drawn(3, 4)),
    "prod": (lambda t, x: x.prod(1), drawn(3, 4)),
    "prod of all": (lambda t, x: x.prod(), drawn(5)),
    "logsumexp": (lambda t, x: t.logsumexp(x, 1), drawn(3, 4)),
    "var": (lambda t, x: x.var(0), drawn(3, 4)),
    "std": (lambda t, x: x.std((0, 1), keepdim=True), drawn(3, 4)),
    "cumsum": (lambda t, x: x.cumsum(1), drawn(3, 4)),
    "cumprod": (lambda t, x: x.cumprod(0), drawn(3, 4)),
    "norm": (lambda t, x: x.norm(dim=1), drawn(3, 4)),
    "norm 3": (lambda t, x: t.linalg.vector_norm(x, 3), drawn(3, 4)),
    "norm inf": (lambda t, x: t.linalg.vector_norm(x, inf, 0), drawn(3, 4)),
    "cov": (lambda t, x: t.cov(x), drawn(3, 5)),
    "corrcoef": (lambda t, x: t.corrcoef(x), drawn(3, 5)),
    "trace": (lambda t, x: x.trace(), drawn(3, 3)),
    "diff": (lambda t, x: t.diff(x), drawn(3, 4)),
    "dot": (lambda t, x, y: t.dot(x, y), drawn(4), drawn(4) * 2),
    "vdot": (lambda t, x, y: t.vdot(x, y), drawn(4), drawn(4) * 2),
    "mv": (lambda t, x, y: t.mv(x, y), drawn(3, 4), drawn(4)),
    "bmm": (lambda t, x, y: t.bmm(x, y), drawn(2, 3, 4), drawn(2, 4, 5)),
    "addmv": (lambda t, x, y, z: t.addmv(x, y, z, alpha=2), drawn(3), drawn(3, 4), drawn(4)),
    "addr": (lambda t, x, y, z: t.addr(x, y, z, beta=0.5), drawn(3, 4), drawn(3), drawn(4)),
    "baddbmm": (lambda t, x, y, z: t.baddbmm(x, y, z), drawn(5), drawn(2, 3, 4), drawn(2, 4, 5)),
    "kron": (lambda t, x, y: t.kron(x, y), drawn(2, 3), drawn(3)),
    "einsum": (lambda t, x, y: t.einsum("ij,kj->ki", x, y), drawn(2, 3), drawn(4, 3)),
    "tensordot": (lambda t, x, y: t.tensordot(x, y, ([0], [1])), drawn(3, 4), drawn(2, 3)),
    "cross": (lambda t, x, y: t.linalg.cross(x, y), drawn(2, 3), drawn(2, 3) * 2),
    "vecdot": (lambda t, x, y: t.linalg.vecdot(x, y), drawn(2, 3), drawn(2, 3) * 2),
    "inv": (lambda t, x: t.linalg.inv(x), regular(2, 3)),
    "det": (lambda t, x: t.linalg.det(x), regular(2, 3)),
    "slogdet": (lambda t, x: t.linalg.slogdet(x), regular(2, 3)),
    "solve": (lambda t, x, y: t.linalg.solve(x, y), regular(2, 3), drawn(3, 2)),
    "solve left": (lambda t, x, y: t.linalg.solve(x, y, left=False), regular(3), drawn(2, 3)),
    "solve vector": (lambda t, x, y: t.linalg.solve(x, y), regular(2, 3), drawn(2, 3)),
    "triangular": (
        lambda t, x, y: t.linalg.solve_triangular(x, y, upper=True), regular(3), drawn(3, 2)),
    "cholesky": (lambda t, x: t.linalg.cholesky(x @ x.mH), regular(3)),
    "lu_factor": (lambda t, x: t.linalg.lu_factor(x)[0], drawn(2, 4, 3)),
    "lu": (lambda t, x: t.linalg.lu(x)[1:], drawn(3, 5)),
    "qr": (lambda t, x: t.linalg.qr(x), drawn(4, 3)),
    "qr wide": (lambda t, x: t.linalg.qr(x), drawn(2, 4)),
    "svdvals": (lambda t, x: t.linalg.svdvals(x), drawn(3, 4)),
    "svd rank one": (
        lambda t, x: (lambda u, s, vh: u[:, :1] @ vh[:1])(*t.linalg.svd(x, full_matrices=False)),
        drawn(3, 4),
    ),
    "eigh projection": (
        lambda t, x: (lambda w, v: v[:, :1] @ v[:, :1].mH)(*t.linalg.eigh(x + x.mH)),
        drawn(3, 3),
    ),
    "eig sizes": (lambda t, x: t.linalg.eig(x)[1].abs(), drawn(3, 3)),
    "pinv": (lambda t, x: t.linalg.pinv(x), drawn(3, 4)),
    "matrix_exp": (lambda t, x: t.matrix_exp(x), drawn(2, 3, 3)),
    "householder": (lambda t, x, y: t.linalg.householder_product(x, y), drawn(4, 3), drawn(3)),
    "nuclear": (lambda t, x: t.linalg.matrix_norm(x, "nuc"), drawn(3, 4)),
    "fft": (lambda t, x: t.fft.fft(x, 7, norm="ortho"), drawn(3, 5)),
    "irfft": (lambda t, x: t.fft.irfft(x, 7), drawn(3, 5)),
    "hfft2": (lambda t, x: t.fft.hfft2(x), drawn(3, 5)),
    "ifftn": (lambda t, x: t.fft.ifftn(x, (2, 4)), drawn(3, 3, 3)),
}  # fmt: skip


def tensors(made):
    return list(made) if isinstance(made, (tuple, list)) else [made]


def both(function, arrays):
    """The results and gradients of a function in both frameworks."""
    found = []
    for t in (rushlight, torch):
        inputs = [t.from_numpy(a.copy()).requires_grad_() for a in arrays]
        outs = tensors(function(t, *inputs))
        total = 0
        for i, out in enumerate(outs):
            weight = np.asarray(np.cos(np.arange(out.numel()) + i).reshape(tuple(out.shape)) + 0.3)
            part = out * t.from_numpy(weight)
            total = total + ((part * (1 + 0.5j)).real if part.is_complex() else part).sum()
        total.backward()
        values = [
            o.detach().numpy() if t is rushlight else o.detach().resolve_conj().numpy()
            for o in outs
        ]
        found.append((values, [x.grad.resolve_conj().numpy() for x in inputs]))
    return found


def same(found):
    (values, gradients), (others, theirs) = found
    for a, b in zip(values + gradients, others + theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, 1e-7, 1e-9)


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_numbers_and_their_gradients(name):
    function, *arrays = COMPLEX[name]
    same(both(function, arrays))


ODD = {
    "max nan": (lambda t, x: t.max(x), [1.0, nan, nan]),
    "max along nan": (lambda t, x: t.max(x, 0)[0], [1.0, nan, nan]),
    "median nan": (lambda t, x: t.median(x), [1.0, nan, nan]),
    "nanmedian": (lambda t, x: t.nanmedian(x, 0)[0], [nan, 1.0, 3.0, 2.0]),
    "cummax": (lambda t, x: t.cummax(x, 0)[0], [1.0, nan, 3.0, nan]),
    "logsumexp inf": (lambda t, x: t.logsumexp(x, 0), [-inf, 1.0]),
    "logcumsumexp far": (lambda t, x: t.logcumsumexp(x, 0), [800.0, -900.0, 1.0, 801.0]),
    "prod zero": (lambda t, x: t.prod(x), [2.0, 0.0, 3.0]),
    "cumprod zeros": (lambda t, x: t.cumprod(x, 0), [2.0, 0.0, 3.0, 0.0, 1.0]),
    "std of equals": (lambda t, x: t.std(x), [1.0, 1.0]),
    "norm of zeros": (lambda t, x: t.linalg.vector_norm(x, 3), [0.0, 0.0]),
    "amin ties": (lambda t, x: t.amin(x), [1.0, 1.0, 2.0]),
    "aminmax": (lambda t, x: t.aminmax(x), [1.0, 1.0, 2.0, 2.0]),
    "renorm": (lambda t, x: t.renorm(x.reshape(2, 2), 2, 0, 1.0), [0.1, 0.2, 3.0, 4.0]),
    "quantile": (lambda t, x: t.quantile(x, 0.3), [3.0, 1.0, 2.0]),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values_and_their_gradients(name):
    function, values = ODD[name]
    same(both(function, [np.array(values)]))


REFUSED = [
    "t.sum(x, 5)", "t.sum(x, (0, 0))", "t.mean(i)", "t.max(e)", "t.max(e, 0)", "t.amax(e, (0,))",
    "t.argmax(e)", "t.argmax(i > 0)", "t.aminmax(e)", "t.nansum(c)", "t.max(c)", "t.max(c, 0)",
    "t.amax(c)", "t.sort(x, 3)", "t.topk(x, 9)", "t.topk(i > 0, 1)", "t.kthvalue(x, 9)", "t.std(i)",
    "t.std_mean(i)", "t.median(i > 0)", "t.mode(e, 0)", "t.quantile(x, 1.5)", "t.quantile(i, 0.5)",
    "t.histc(x, 0)", "t.histc(x, 4, 5, 1)", "t.bincount(x)", "t.bincount(-v)", "t.cov(x[None])",
    "t.searchsorted(x, x[0, :1])", "t.bucketize(x, x)", "t.unique(x, dim=4)", "t.diff(x[0, 0])",
    "t.cumsum(x, 2)", "t.cummax(c, 0)", "t.logcumsumexp(i, 0)", "t.trace(x[0])",
    "t.dot(x, x[0])", "t.mv(x, x[:, 0])", "t.outer(x, x[0])", "t.inner(x, x.t())",
    "t.addr(x, x[0], x[:, 0])",
    "t.baddbmm(x, x[None], x.t()[None])",
    "t.einsum('ij,jk->ik', x, x)", "t.einsum('i', x)", "t.einsum('ij->jj', x)",
    "t.einsum('ij->k', x)",
    "t.tensordot(x, x, ([0], [1]))", "t.cdist(x, x.t())", "t.block_diag(x[None])",
    "t.linalg.multi_dot([x])", "t.linalg.multi_dot([x, x])", "t.linalg.inv(x)", "t.linalg.det(i)",
    "t.linalg.qr(x, 'no')", "t.linalg.eigh(s, UPLO='X')", "t.linalg.solve(s, v.float())",
    "t.linalg.norm(i)", "t.linalg.matrix_norm(x, 3)", "t.linalg.vector_norm(e, float('inf'))",
    "t.linalg.matrix_power(x, 2)", "t.linalg.cholesky(-s)", "t.linalg.inv(s * 0)",
    "t.linalg.lu_factor(s * 0)", "t.fft.fft(x, 0)", "t.fft.rfft(c)", "t.fft.fft(x, norm='no')",
    "t.fft.fftn(x, dim=(0, 0))", "t.stft(x[0], 2)", "t.renorm(x, 2, 5, 1.0)",
]  # fmt: skip


@pytest.mark.parametrize("line", REFUSED)
def test_refusals_are_pytorchs(line):
    errors = []
    for t in (rushlight, torch):
        scope = {
            "t": t, "x": t.arange(6.0).reshape(2, 3), "i": t.arange(6).reshape(2, 3),
            "e": t.zeros(0, 3), "c": t.zeros(2, 3, dtype=t.complex64), "s": t.eye(2),
            "v": t.arange(4),
        }  # fmt: skip
        with pytest.raises((RuntimeError, IndexError, TypeError, ValueError)) as caught:
            eval(line, scope)
        errors.append(caught.value)
    ours, theirs = errors
    assert isinstance(ours, [k for k in type(theirs).__mro__ if k.__module__ == "builtins"][0])
    sentence = str(theirs).split("\n")[0].rstrip(".").split(". ")[0]
    assert sentence in str(ours)
