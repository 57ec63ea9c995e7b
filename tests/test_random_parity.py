"""Random numbers against the real PyTorch: bit for bit, over seeds, sizes, dtypes and layouts."""

import zlib

import numpy as np
import pytest
from test_random import RECORDED

import rushlight as rl
import rushlight.nn.functional as rl_functional

torch = pytest.importorskip("torch")

SEEDS = (0, 7, 123456, 2**40 + 5)
SIZES = (0, 1, 2, 15, 16, 17, 33, 1001)
FLOATS = ("float32", "float64", "float16", "bfloat16")
EXACT = "float64"  # NumPy's exp, log, sin in float64 need not be the C library's to the last bit


def bits(t):
    """A tensor's numbers as integers or floats that NumPy can compare."""
    if isinstance(t, torch.Tensor):
        t = t.detach()
        return (
            t.view(torch.int16).numpy().view(np.uint16) if t.dtype == torch.bfloat16 else t.numpy()
        )
    array = t.detach().array
    return array["bfloat16"] if array.dtype.names else array


def same(ours, theirs, close=False):
    a, b = bits(ours), bits(theirs)
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    if close:
        np.testing.assert_allclose(a, b, rtol=4e-16, atol=1e-15)
    else:
        np.testing.assert_array_equal(a, b)


def both(seed, call):
    """The results of one call under each framework, from the same seed."""
    rl.manual_seed(seed)
    torch.manual_seed(seed)
    made = call(rl), call(torch)
    same(rl.get_rng_state(), torch.get_rng_state())
    return made


def need(name):
    """Skip where this machine's PyTorch itself draws other numbers than those recorded.

    On Intel's processors it takes MKL's bernoulli and exponential, and without AVX2 the C
    library's logarithm and sine for normal numbers.
    """
    draw, expected = RECORDED[name]
    torch.manual_seed(123456)
    if zlib.crc32(np.ascontiguousarray(bits(draw(torch))).tobytes()) != expected:
        pytest.skip(f"this machine's PyTorch draws {name} in another way")


FAMILIES = {
    "normal_": "randn", "normal_ shifted": "randn", "exponential_": "exponential_",
    "bernoulli_": "bernoulli_", "bernoulli p": "bernoulli_", "multinomial": "exponential_",
    "multinomial one": "exponential_", "randn": "randn", "randn complex": "randn",
    "normal size": "randn", "normal mean": "randn", "normal std": "randn", "normal both": "randn",
}  # fmt: skip
FILLS = {
    "uniform_": lambda x: x.uniform_(),
    "uniform_ wide": lambda x: x.uniform_(-0.3, 0.6),
    "uniform_ narrow": lambda x: x.uniform_(1, 1.001),
    "normal_": lambda x: x.normal_(),
    "normal_ shifted": lambda x: x.normal_(0.3, 0.6),
    "exponential_": lambda x: x.exponential_(2.5),
    "geometric_": lambda x: x.geometric_(0.3),
    "cauchy_": lambda x: x.cauchy_(0.3, 0.6),
    "log_normal_": lambda x: x.log_normal_(0.3, 0.6),
    "bernoulli_": lambda x: x.bernoulli_(0.3),
    "random_": lambda x: x.random_(),
    "random_ to": lambda x: x.random_(100),
    "random_ from to": lambda x: x.random_(-20, 100),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("fill", FILLS)
def test_fills(fill, dtype):
    need(FAMILIES.get(fill, "rand"))
    for seed in SEEDS:
        for n in SIZES:
            call = lambda m, n=n: FILLS[fill](m.empty(n, dtype=getattr(m, dtype)))
            same(*both(seed, call), close=dtype == EXACT)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", "bool"])
def test_integer_fills(dtype):
    need("bernoulli_")
    top = 2 if dtype == "bool" else 100
    for n in SIZES:
        same(*both(n, lambda m, n=n: m.empty(n, dtype=getattr(m, dtype)).random_()))
        same(*both(n, lambda m, n=n: m.empty(n, dtype=getattr(m, dtype)).random_(top)))
        same(*both(n, lambda m, n=n: m.empty(n, dtype=getattr(m, dtype)).random_(0, None)))
        same(*both(n, lambda m, n=n: m.empty(n, dtype=getattr(m, dtype)).bernoulli_()))


CALLS = {
    "rand": lambda m: m.rand(3, 7),
    "randn": lambda m: m.randn(3, 7),
    "rand complex": lambda m: m.rand(3, 7, dtype=m.complex64),
    "randn complex": lambda m: m.randn(3, 7, dtype=m.complex128),
    "randint": lambda m: m.randint(10, (5, 5)),
    "randint low": lambda m: m.randint(-3, 10, (5, 5)),
    "randint middle": lambda m: m.randint(2**28 - 1, (9,)),
    "randint wide": lambda m: m.randint(-(2**40), 2**50, (9,)),
    "randint widest": lambda m: m.randint(-(2**63), 2**63 - 1, (9,)),
    "randint float": lambda m: m.randint(0, 10, (9,), dtype=m.float32),
    "randperm": lambda m: m.randperm(100),
    "randperm long": lambda m: m.randperm(30_001),
    "randperm int32": lambda m: m.randperm(100, dtype=m.int32),
    "rand_like": lambda m: m.rand_like(m.ones(4, 5).t()),
    "randn_like": lambda m: m.randn_like(m.ones(4, 5).t()),
    "randint_like": lambda m: m.randint_like(m.ones(4, 5), 2, 9),
    "normal size": lambda m: m.normal(1.0, 2.0, (20,)),
    "normal mean": lambda m: m.normal(m.arange(20.0), 0.5),
    "normal std": lambda m: m.normal(1.0, m.arange(20.0)),
    "normal both": lambda m: m.normal(m.arange(4.0)[:, None], m.arange(5.0)),
    "bernoulli": lambda m: m.bernoulli(m.linspace(0, 1, 50)),
    "bernoulli double": lambda m: m.bernoulli(m.linspace(0, 1, 50, dtype=m.float64)),
    "bernoulli p": lambda m: m.bernoulli(m.ones(3, 5), 0.3),
    "bernoulli_ tensor": lambda m: m.empty(3, 5).bernoulli_(m.linspace(0, 1, 5)),
    "multinomial": lambda m: m.multinomial(m.linspace(0.1, 1, 60).reshape(3, 20), 8),
    "multinomial one": lambda m: m.multinomial(m.linspace(0.1, 1, 60).reshape(3, 20), 1),
    "multinomial again": lambda m: m.multinomial(m.linspace(0, 1, 20), 50, True),
    "poisson": lambda m: m.poisson(m.linspace(0, 30, 200)),
    "turned": lambda m: m.empty(6, 4).t().uniform_(),
    "turned normal": lambda m: m.empty(6, 4).t().normal_(),
    "sliced": lambda m: m.zeros(6, 4)[:, ::2].uniform_(),
    "permuted": lambda m: m.zeros(2, 3, 4).permute(2, 0, 1).exponential_(),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name):
    need(FAMILIES.get(name, "rand"))
    for seed in SEEDS:
        same(*both(seed, CALLS[name]), close="complex" in name)


DROPOUTS = {
    "dropout": (3, 4, 5),
    "alpha_dropout": (3, 4, 5),
    "dropout1d": (3, 4, 5),
    "dropout2d": (2, 3, 4, 5),
    "dropout3d": (2, 3, 4, 5, 2),
    "feature_alpha_dropout": (2, 3, 4),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropouts(name, dtype):
    need("bernoulli_")
    shape = DROPOUTS[name]

    def call(m):
        functional = rl_functional if m is rl else torch.nn.functional
        x = m.arange(float(np.prod(shape))).to(getattr(m, dtype)).reshape(shape)
        return getattr(functional, name)(x, 0.4, True)

    for seed in SEEDS:
        ours, theirs = both(seed, call)
        a, b = (np.asarray(t.to(m.float64).numpy()) for t, m in ((ours, rl), (theirs, torch)))
        np.testing.assert_allclose(a, b, rtol=1e-6 if dtype != "bfloat16" else 1e-2)


def test_dropout_of_a_turned_tensor_follows_memory():
    need("bernoulli_")
    call = lambda m: m.nn.functional.dropout(m.ones(5, 7).t(), 0.5)
    for seed in SEEDS:
        same(*both(seed, call))


def test_dropout_gradient():
    need("bernoulli_")
    grads = []
    for m in (rl, torch):
        m.manual_seed(3)
        x = m.arange(12.0).requires_grad_()
        y = m.nn.functional.dropout(x, 0.3)
        assert type(y.grad_fn).__name__ == "MulBackward0"
        (y * y).sum().backward()
        grads.append(np.asarray(x.grad))
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-6)


def test_states_cross_over():
    need("randn")
    rl.manual_seed(11)
    rl.randn(5)
    torch.set_rng_state(torch.from_numpy(rl.get_rng_state().numpy().copy()))
    same(rl.randn(40), torch.randn(40))
    torch.rand(700)
    rl.set_rng_state(rl.from_numpy(torch.get_rng_state().numpy().copy()))
    same(rl.randn(7), torch.randn(7))
    same(rl.randn(7), torch.randn(7))
