"""Matrices and Fourier transforms: what the walk over all ops does not say."""

import numpy as np
import pytest

import rushlight as torch

linalg, fft = torch.linalg, torch.fft
DTYPES = ["float64", "complex128"]


def random(*shape, dtype="float64"):
    source = np.random.default_rng(sum(shape))
    made = source.standard_normal(shape)
    made = made + 1j * source.standard_normal(shape) if dtype == "complex128" else made
    return torch.from_numpy(made)


def near(a, b, tolerance=1e-9):
    assert a.shape == b.shape
    assert np.allclose(a.detach().numpy(), b.detach().numpy(), tolerance, tolerance)


# -- decompositions put together again


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (3, 5), (2, 0, 3)])
def test_singular_values_give_the_matrix_back(shape, dtype):
    a = random(*shape, dtype=dtype)
    u, s, vh = linalg.svd(a, full_matrices=False)
    near((u * s.unsqueeze(-2).to(u.dtype)) @ vh, a)
    full = linalg.svd(a)
    assert full.U.shape[-1] == shape[-2] and full.Vh.shape[-2] == shape[-1]
    u, s, v = torch.svd(a)
    near((u * s.unsqueeze(-2).to(u.dtype)) @ v.mH, a)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_hermitian_eigenvectors_give_the_matrix_back(uplo, dtype):
    a = random(2, 3, 3, dtype=dtype)
    a = a + a.mH
    values, vectors = linalg.eigh(a, UPLO=uplo)
    near((vectors * values.unsqueeze(-2).to(a.dtype)) @ vectors.mH, a)
    assert values.dtype is torch.float64


@pytest.mark.parametrize("dtype", DTYPES)
def test_eigenvectors_are_complex_and_fit(dtype):
    a = random(3, 3, dtype=dtype)
    values, vectors = linalg.eig(a)
    assert values.dtype is vectors.dtype is torch.complex128
    near(a.to(torch.complex128) @ vectors, vectors * values)
    assert linalg.eig(torch.eye(2)).eigenvalues.dtype is torch.complex64


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (3, 5)])
def test_factors_give_the_matrix_back(shape, dtype):
    a = random(*shape, dtype=dtype)
    q, r = linalg.qr(a)
    near(q @ r, a)
    p, low, up = linalg.lu(a)
    near(p @ low @ up, a)
    p, low, up = torch.lu_unpack(*linalg.lu_factor(a))
    near(p @ low @ up, a)
    assert linalg.lu_factor(a).pivots.dtype is torch.int32
    near(torch.qr(a)[1], r)


@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_factors_solve_and_invert(upper):
    a = random(2, 3, 3)
    a = a @ a.mT + torch.eye(3, dtype=torch.float64)
    factor = linalg.cholesky(a, upper=upper)
    near(factor.mT @ factor if upper else factor @ factor.mT, a)
    near(
        a @ torch.cholesky_inverse(factor, upper), torch.eye(3, dtype=torch.float64).expand(2, 3, 3)
    )
    b = random(2, 3, 2)
    near(a @ torch.cholesky_solve(b, factor, upper), b)
    near(torch.cholesky(a, upper), factor)


def test_lu_solves_every_side():
    a, b = random(3, 3), random(3, 2)
    packed = linalg.lu_factor(a)
    near(a @ linalg.lu_solve(*packed, b), b)
    near(a.mT @ linalg.lu_solve(*packed, b, adjoint=True), b)
    near(linalg.lu_solve(*packed, b.mT, left=False) @ a, b.mT)
    near(torch.lu_solve(b, *torch.lu(a)), linalg.solve(a, b))


def test_solve_takes_vectors_batches_and_the_other_side():
    a, b = random(2, 3, 3), random(2, 3)
    near((a @ linalg.solve(a, b).unsqueeze(-1)).squeeze(-1), b)
    near(a @ linalg.solve(a, random(3, 4)), random(3, 4).expand(2, 3, 4))
    near(linalg.solve(a, random(2, 5, 3), left=False) @ a, random(2, 5, 3))
    near(linalg.solve(a, random(2, 3, 0)), torch.zeros(2, 3, 0, dtype=torch.float64))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_pseudoinverse_keeps_its_four_promises(dtype):
    a = random(4, 2, dtype=dtype) @ random(2, 3, dtype=dtype)  # of rank 2
    p = linalg.pinv(a)
    near(a @ p @ a, a)
    near(p @ a @ p, p)
    near((a @ p).mH, a @ p)
    near((p @ a).mH, p @ a)
    assert linalg.matrix_rank(a).item() == 2


def test_least_squares_has_no_slope_left():
    a, b = random(5, 2), random(5, 3)
    x, residuals, rank, _ = linalg.lstsq(a, b, driver="gelsd")
    near(a.mT @ (a @ x - b), torch.zeros(2, 3, dtype=torch.float64))
    near(residuals, ((a @ x - b) ** 2).sum(0))
    assert rank.item() == 2


def test_exponentials_and_powers():
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    near(torch.matrix_exp(np.pi * turn), -torch.eye(2, dtype=torch.float64))
    near(torch.matrix_exp(torch.zeros(2, 3, 3)), torch.eye(3).expand(2, 3, 3))
    a = random(3, 3)
    near(torch.matrix_power(a, 5), a @ a @ a @ a @ a)
    near(torch.matrix_power(a, -2) @ a @ a, torch.eye(3, dtype=torch.float64))
    near(torch.matrix_power(a, 0), torch.eye(3, dtype=torch.float64))


# -- what cannot be done


def test_failures_are_linalg_errors():
    assert issubclass(linalg.LinAlgError, RuntimeError)
    batch = torch.stack([torch.eye(2), torch.tensor([[1.0, 2.0], [2.0, 4.0]])])
    with pytest.raises(
        linalg.LinAlgError, match=r"linalg.inv: \(Batch element 1\): The diagonal element 2"
    ):
        linalg.inv(batch)
    with pytest.raises(
        linalg.LinAlgError, match=r"torch.linalg.solve: \(Batch element 1\): The solver"
    ):
        linalg.solve(batch, torch.ones(2, 2))
    with pytest.raises(linalg.LinAlgError, match=r"linalg.cholesky: \(Batch element 1\).*order 2"):
        linalg.cholesky(torch.stack([torch.eye(2), torch.tensor([[1.0, 2.0], [2.0, 1.0]])]))


def test_the_ex_forms_report_and_do_not_raise():
    batch = torch.stack([torch.eye(2), torch.zeros(2, 2)])
    inverse, info = linalg.inv_ex(batch)
    assert info.tolist() == [0, 1] and info.dtype is torch.int32
    near(inverse[0], torch.eye(2))
    assert linalg.cholesky_ex(batch).info.tolist() == [0, 1]
    assert linalg.solve_ex(batch, torch.ones(2, 2)).info.tolist() == [0, 1]
    assert linalg.lu_factor_ex(batch).info.tolist() == [0, 1]
    with pytest.raises(linalg.LinAlgError, match=r"linalg\.cholesky_ex"):
        linalg.cholesky_ex(batch, check_errors=True)


def test_integers_and_vectors_are_refused():
    with pytest.raises(RuntimeError, match="Expected a floating point or complex tensor"):
        linalg.inv(torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="must have at least 2 dimensions"):
        linalg.det(torch.ones(2))


# -- gradients


def slopes(function, x, step=1e-6):
    made = np.zeros(x.shape)
    for place in np.ndindex(*x.shape):
        shift = np.zeros(x.shape)
        shift[place] = step
        above, below = (function(x + torch.from_numpy(s)).item() for s in (shift, -shift))
        made[place] = (above - below) / (2 * step)
    return made


INVARIANT = {
    "projection of svd": lambda a: (lambda u, s, vh: ((u[:, :1] @ vh[:1]) ** 3).sum())(
        *linalg.svd(a, full_matrices=False)
    ),
    "projection of full svd": lambda a: (
        lambda u, s, vh: ((u[:, :1] @ vh[:1]) ** 3).sum() + s.log().sum()
    )(*linalg.svd(a)),
    "projection of eigh": lambda a: (
        lambda w, v: ((v[:, :1] @ v[:, :1].mT) ** 3).sum() + w.sin().sum()
    )(*linalg.eigh(a @ a.mT)),
    "size of eig": lambda a: (lambda w, v: v.abs()[:, 0].log().sum() + w.abs().log().sum())(
        *linalg.eig(a @ a.mT @ torch.diag(torch.arange(1.0, 4, dtype=torch.float64)))
    ),
    "cholesky": lambda a: linalg.cholesky(a @ a.mT).sin().sum(),
    "cholesky upper": lambda a: linalg.cholesky(a @ a.mT, upper=True).sin().sum(),
    "eigvalsh": lambda a: linalg.eigvalsh(a @ a.mT).sin().sum(),
    "lstsq": lambda a: linalg.lstsq(a, torch.ones(3, 2, dtype=torch.float64)).solution.sin().sum(),
    "nuclear norm": lambda a: linalg.norm(a, "nuc"),
    "spectral norm": lambda a: linalg.matrix_norm(a, 2),
}


@pytest.mark.parametrize("name", INVARIANT)
def test_gradients_of_what_does_not_depend_on_signs(name):
    function = INVARIANT[name]
    x = (random(3, 3) + 2 * torch.eye(3, dtype=torch.float64)).requires_grad_()
    (g,) = torch.autograd.grad(function(x), x, create_graph=True)
    assert np.allclose(g.detach().numpy(), slopes(function, x.detach()), 1e-5, 1e-6)
    (again,) = torch.autograd.grad(g.sin().sum(), x)

    def first(y):
        y = y.detach().requires_grad_()
        return torch.autograd.grad(function(y), y)[0].sin().sum()

    assert np.allclose(again.numpy(), slopes(first, x.detach()), 1e-4, 1e-5)


def test_the_determinant_has_its_gradient_where_it_is_zero():
    x = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    linalg.det(x).backward()
    assert np.allclose(x.grad.numpy(), [[4, -2], [-2, 1]])


def test_the_gradient_of_cholesky_is_symmetric():
    a = random(3, 3)
    a = (a @ a.mT + torch.eye(3, dtype=torch.float64)).requires_grad_()
    linalg.cholesky(a).sum().backward()
    near(a.grad, a.grad.mT)


def test_a_wide_q_without_r_cannot_be_differentiated():
    x = random(4, 3).requires_grad_()
    with pytest.raises(RuntimeError, match="not differentiable when mode='complete'"):
        linalg.qr(x, "complete").R.sum().backward()


# -- norms


def test_norms_follow_their_orders():
    x = torch.tensor([[3.0, -4.0], [0.0, 0.0]])
    assert x.norm().item() == linalg.norm(x).item() == 5
    assert x.norm(1).item() == 7 and x.norm(float("inf")).item() == 4 and x.norm(0).item() == 2
    assert linalg.matrix_norm(x, 1).item() == 4 and linalg.matrix_norm(x, float("inf")).item() == 7
    assert torch.norm(x, dim=1).tolist() == [5, 0]
    assert torch.norm(x, "nuc").item() == pytest.approx(5)
    assert linalg.vector_norm(torch.tensor([3 + 4j])).dtype is torch.float32
    assert linalg.norm(x, 2, dim=(0, 1), keepdim=True).shape == (1, 1)


def test_a_singular_matrix_has_no_condition():
    assert linalg.cond(torch.zeros(2, 2), "fro").item() == float("inf")
    assert linalg.cond(torch.eye(2)).item() == 1


# -- Fourier transforms


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
def test_transforms_and_their_inverses(norm):
    x, z = random(3, 4, 5), random(3, 4, 5, dtype="complex128")
    near(fft.ifft(fft.fft(z, norm=norm), norm=norm), z)
    near(fft.ifftn(fft.fftn(z, norm=norm), norm=norm), z)
    near(fft.ifft2(fft.fft2(z, norm=norm), norm=norm), z)
    near(fft.irfft(fft.rfft(x, norm=norm), 5, norm=norm), x)
    near(fft.irfftn(fft.rfftn(x, norm=norm), x.shape, norm=norm), x)
    near(fft.hfft(fft.ihfft(x, norm=norm), 5, norm=norm), x)
    near(fft.hfft2(fft.ihfft2(x, norm=norm), (4, 5), norm=norm), x)


def test_transforms_equal_numpys():
    x = random(3, 6).numpy()
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
        for n in (None, 4, 9):
            found = getattr(fft, name)(torch.from_numpy(x), n)
            assert np.allclose(found.numpy(), getattr(np.fft, name)(x, n)), name
    assert np.allclose(fft.fftfreq(5, 0.1).numpy(), np.fft.fftfreq(5, 0.1))
    assert np.allclose(fft.rfftfreq(6).numpy(), np.fft.rfftfreq(6))
    assert np.allclose(fft.fftshift(torch.from_numpy(x), 1).numpy(), np.fft.fftshift(x, 1))
    assert fft.fft(torch.ones(4)).dtype is torch.complex64


def test_a_signal_comes_back_from_its_frames():
    x = random(2, 64)
    window = torch.from_numpy(np.hanning(17)[:16])
    frames = torch.stft(x, 16, 4, window=window, return_complex=True)
    assert frames.shape == (2, 9, 17)
    near(torch.istft(frames, 16, 4, window=window, length=64), x)
    pairs = torch.stft(x, 16, 4, window=window, return_complex=False)
    near(torch.view_as_complex(pairs.contiguous()), frames)


def test_stft_wants_to_know_what_it_returns():
    with pytest.raises(RuntimeError, match="requires the return_complex parameter"):
        torch.stft(random(40), 16)
