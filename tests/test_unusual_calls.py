"""Calls that few programs make: halves asked for by `dtype=`, slices that do not fit, layouts."""

import warnings

import numpy as np
import pytest

import rushlight as rl

HALVED = {
    "sum": lambda t, x, d: t.sum(x, 0, dtype=d), "mean": lambda t, x, d: t.mean(x, 0, dtype=d),
    "prod": lambda t, x, d: t.prod(x, 0, dtype=d), "nansum": lambda t, x, d: t.nansum(x, dtype=d),
    "cumsum": lambda t, x, d: t.cumsum(x, 0, dtype=d),
    "softmax": lambda t, x, d: t.softmax(x, 0, d),
    "cumprod": lambda t, x, d: t.cumprod(x, 0, dtype=d),
    "sum of all": lambda t, x, d: t.sum(x, dtype=d),
    "log_softmax": lambda t, x, d: t.log_softmax(x, 0, d),
}  # fmt: skip
SOURCES = ["float32", "float64", "int64", "bfloat16", "float16"]


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", HALVED)
def test_a_half_asked_for_is_given_whatever_the_input(name, half):
    exact = HALVED[name](rl, rl.tensor([[1.0, 2.0], [3.0, 0.0]], dtype=rl.float64), None)
    for source in SOURCES:
        x = rl.tensor([[1.0, 2.0], [3.0, 0.0]]).to(getattr(rl, source))
        made = HALVED[name](rl, x, getattr(rl, half))
        assert str(made.dtype) == f"torch.{half}"
        np.testing.assert_allclose(made.double().numpy(), exact.numpy(), rtol=1e-2)


@pytest.mark.parametrize("source", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", HALVED)
def test_gradients_of_halves_asked_for_are_pytorchs(name, source):
    torch, found = pytest.importorskip("torch"), []
    for lib in (rl, torch):
        x = lib.tensor([[1.0, 2.0], [3.0, 0.5]]).to(getattr(lib, source)).requires_grad_()
        made = HALVED[name](lib, x, lib.bfloat16)
        (made * lib.arange(made.numel()).reshape(made.shape)).sum().backward()
        found.append((made.detach().float().numpy(), x.grad.float().numpy(), str(x.grad.dtype)))
    for a, b in zip(*[f[:2] for f in found]):
        np.testing.assert_allclose(a, b, rtol=2e-2, atol=2e-2)
    assert found[0][2] == found[1][2]


@pytest.mark.parametrize("wide", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", HALVED)
def test_a_gradient_has_its_tensors_dtype_whatever_was_asked_for(name, wide):
    for source in ("float32", "bfloat16", "float16", "float64"):
        x = rl.tensor([[1.0, 2.0], [3.0, 0.5]]).to(getattr(rl, source)).requires_grad_()
        made = HALVED[name](rl, x, getattr(rl, wide))
        made.sum().backward()
        assert (str(made.dtype), str(x.grad.dtype)) == (f"torch.{wide}", f"torch.{source}")


def test_a_norm_of_halves_may_be_asked_for_as_a_half_and_no_other():
    x = rl.tensor([3.0, 4.0])
    assert x.bfloat16().norm(dtype=rl.bfloat16).item() == 5
    with pytest.raises(RuntimeError):
        x.norm(dtype=rl.bfloat16)


# Sources that NumPy would repeat, and indices outside: (call, PyTorch's exception).
REFUSED = {
    "rows added": (lambda t, x, i: x.index_add(0, i, t.ones(2)), RuntimeError),
    "one row added": (lambda t, x, i: x.index_add(0, i, t.ones(1, 2)), RuntimeError),
    "columns added": (lambda t, x, i: x.clone().index_add_(0, i, t.ones(2, 1)), RuntimeError),
    "columns multiplied": (
        lambda t, x, i: x.index_reduce(0, i, t.ones(2, 1), "prod"), RuntimeError,
    ),
    "a row copied": (lambda t, x, i: x.index_copy(0, i, t.ones(2)), IndexError),
    "one row copied": (lambda t, x, i: x.index_copy(0, i, t.ones(1, 2)), IndexError),
    "columns copied": (lambda t, x, i: x.index_copy(0, i, t.ones(2, 1)), RuntimeError),
    "gather outside": (lambda t, x, i: x.gather(0, i.reshape(1, 2) + 3), RuntimeError),
    "scatter outside": (lambda t, x, i: x.scatter(0, i.reshape(1, 2) + 3, 1.0), RuntimeError),
    "scatter before": (lambda t, x, i: x.scatter(0, i.reshape(1, 2) - 1, 1.0), RuntimeError),
    "add outside": (lambda t, x, i: x.index_add(0, i + 3, t.ones(2, 2)), RuntimeError),
    "copy outside": (lambda t, x, i: x.index_copy(0, i + 3, t.ones(2, 2)), IndexError),
    "select outside": (lambda t, x, i: x.index_select(0, i + 3), IndexError),
    "a number apart": (lambda t, x, i: x[0, 0].unbind(), IndexError),
    "parts of negative size": (
        lambda t, x, i: t.nn.functional.adaptive_avg_pool1d(x[None], -1), RuntimeError,
    ),
    "draws as floats": (
        lambda t, x, i: t.multinomial(x + 1, 1, out=t.zeros(3, 1)), RuntimeError,
    ),
}  # fmt: skip


@pytest.mark.parametrize("library", ["rushlight", "torch"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name, library):
    t = pytest.importorskip(library)
    call, kind = REFUSED[name]
    with warnings.catch_warnings(), pytest.raises(kind):
        warnings.simplefilter("ignore")
        call(t, t.arange(6.0).reshape(3, 2), t.tensor([0, 2]))


def test_slices_that_fit_are_taken():
    x, i = rl.zeros(3, 2), rl.tensor([0, 2])
    assert x.index_add(0, i, rl.ones(2, 2)).tolist() == [[1, 1], [0, 0], [1, 1]]
    assert x.index_copy(1, rl.tensor([1]), rl.ones(3, 1)).tolist() == [[0, 1]] * 3
    assert x.index_reduce(0, i, rl.ones(2, 2), "amax").tolist() == [[1, 1], [0, 0], [1, 1]]


@pytest.mark.parametrize("size", [5, 100])
def test_the_greatest_are_contiguous(size):
    x = rl.arange(4.0 * size).reshape(4, size)
    for axis, k in ((1, 3), (0, 2)):
        for t in (*x.topk(k, axis), *x.kthvalue(k, axis), *x.kthvalue(k, axis, keepdim=True)):
            assert t.is_contiguous()
            t.view(-1)


def test_the_middle_of_one_number_keeps_its_dtype():
    for name in ("quantile", "nanquantile"):
        made = getattr(rl, name)(rl.tensor(2.0), 0.5, interpolation="midpoint")
        assert made.dtype is rl.float32 and made.item() == 2
    even = rl.tensor([1.0, 2.0, 4.0, 8.0]).quantile(0.5, interpolation="midpoint")
    assert even.dtype is rl.float32 and even.item() == 3


@pytest.mark.parametrize("how", ["prod", "amax", "amin", "mean", "sum"])
def test_halves_that_are_scattered_have_gradients(how):
    found = []
    for dtype in (rl.bfloat16, rl.float64):
        x = rl.tensor([1.0, 2.0, 3.0]).to(dtype).requires_grad_()
        y = rl.tensor([4.0, 0.5, 2.0]).to(dtype).requires_grad_()
        made = x.scatter_reduce(0, rl.tensor([0, 0, 1]), y, how)
        (made * rl.tensor([1.0, 2.0, 3.0]).to(dtype)).sum().backward()
        assert x.grad.dtype is dtype is made.dtype
        found.append([t.detach().double().numpy() for t in (made, x.grad, y.grad)])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-2)


def test_draws_about_what_wants_gradients_want_them():
    mean, deviation = rl.zeros(1, 2), rl.ones(3, 2)
    for a, b in ((mean, deviation), (mean, 1.0), (0.0, deviation)):
        for who in (t for t in (a, b) if isinstance(t, rl.Tensor)):
            who.requires_grad_()
            made = rl.normal(a, b)
            assert made.requires_grad
            made.sum().backward()
            assert not who.grad.any()
            who.requires_grad_(False)
        assert not rl.normal(a, b).requires_grad


EMPTY = ["BatchNorm2d(3)", "BatchNorm2d(3, affine=False)", "GroupNorm(1, 3)", "InstanceNorm2d(3)"]


@pytest.mark.parametrize("library", ["rushlight", "torch"])
@pytest.mark.parametrize("layer", EMPTY)
def test_a_batch_of_nothing_is_normalised_to_nothing(layer, library):
    t = pytest.importorskip(library)
    name, _, options = layer[:-1].partition("(")
    net = eval(f"t.nn.{name}({options})", {"t": t})
    x = t.zeros(0, 3, 4, 4, requires_grad=True)
    made = net(x)
    made.sum().backward()
    assert tuple(made.shape) == tuple(x.grad.shape) == (0, 3, 4, 4)
    for p in net.parameters():
        assert p.grad.tolist() == [0, 0, 0]
    if name == "BatchNorm2d":
        assert net.running_mean.tolist() == [0] * 3 and net.running_var.tolist() == [1] * 3
