"""func: transforms of functions, stacked, against loops and finite differences."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import func

W = rl.tensor(np.random.default_rng(1).standard_normal((4, 5)))
X = rl.tensor(np.random.default_rng(0).standard_normal((3, 4)))


def f(x):
    return ((x @ W).tanh() ** 2).sum()


def close(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)


FUNCTIONS = {
    "mlp": f,
    "softmax": lambda x: (x.softmax(-1) * x).sum(),
    "layer norm": lambda x: (rl.nn.functional.layer_norm(x, (4,)) ** 3).sum(),
    "gather": lambda x: (x.gather(-1, rl.tensor([1, 0])) * x[..., :2]).sum(),
    "max": lambda x: x.max(-1).values * x.sum(),
    "cumsum": lambda x: (x.cumsum(-1) * x.flip(-1)).sum(),
    "concat": lambda x: (rl.cat([x, x * x], -1) ** 2).sum(),
    "in place": lambda x: _in_place(x),
    "where": lambda x: rl.where(x > 0, x * x, x.exp()).sum(),
    "norm": lambda x: x.norm() * x.std(),
}


def _in_place(x):
    y = x * 1
    y[..., 1:] *= 2
    y[..., 0] = 3.0
    return (y * x).sum()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vmap_is_the_loop(name):
    g = FUNCTIONS[name]
    close(func.vmap(g)(X), rl.stack([g(x) for x in X]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vmap_of_grad_is_the_loop(name):
    g = func.grad(FUNCTIONS[name])
    close(func.vmap(g)(X), rl.stack([g(x) for x in X]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jvp_is_the_slope(name):
    g, x, t = FUNCTIONS[name], X[0], X[1]
    value, slope = func.jvp(g, (x,), (t,))
    close(value, g(x))
    want = (g(x + 1e-6 * t) - g(x - 1e-6 * t)) / 2e-6
    np.testing.assert_allclose(slope.item(), want.item(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n != "max"])
def test_hessian_is_the_difference_of_gradients(name):
    g, x = FUNCTIONS[name], X[0]
    h = func.hessian(g)(x)
    gradient = func.grad(g)
    rows = []
    for i in range(4):
        e = rl.zeros(4, dtype=rl.float64)
        e[i] = 1e-6
        rows.append((gradient(x + e) - gradient(x - e)) / 2e-6)
    np.testing.assert_allclose(h.numpy(), rl.stack(rows).detach().numpy(), rtol=1e-4, atol=1e-6)


def test_jacobians_both_ways():
    def g(x):
        return (x @ W).softmax(-1)

    close(func.jacrev(g)(X[0]), func.jacfwd(g)(X[0]))


def test_vmap_dimensions_and_errors():
    out = func.vmap(lambda a, b: a * b, in_dims=(0, None), out_dims=1)(X, X[0])
    close(out, (X * X[0]).t())
    close(func.vmap(func.vmap(lambda a: a * 2))(X), X * 2)
    with pytest.raises(RuntimeError, match=r"vmap: It looks like you're calling .item\(\)"):
        func.vmap(lambda a: a.sum().item())(X)
    with pytest.raises(RuntimeError, match="randomness error mode"):
        func.vmap(lambda a: a + rl.nn.functional.dropout(a, 0.5))(X)


def test_per_sample_gradients_of_a_module():
    net = rl.nn.Sequential(rl.nn.Linear(4, 3), rl.nn.Tanh(), rl.nn.Linear(3, 1)).double()
    params = {k: v.detach() for k, v in net.named_parameters()}

    def loss(p, x):
        return func.functional_call(net, p, (x,)).pow(2).sum()

    grads = func.vmap(func.grad(loss), in_dims=(None, 0))(params, X)
    for i, x in enumerate(X):
        net.zero_grad()
        net(x).pow(2).sum().backward()
        for name, p in net.named_parameters():
            close(grads[name][i], p.grad)


def test_forward_ad():
    from rushlight.autograd import forward_ad as ad

    with ad.dual_level():
        x = ad.make_dual(X[0], X[1])
        primal, tangent = ad.unpack_dual(f(x))
    close(tangent, func.jvp(f, (X[0],), (X[1],))[1])
