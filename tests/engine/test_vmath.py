"""The error of each elementary function in units of the last place, and its special values."""

import ctypes
import math
import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from kernels import ran, target

import rushlight
from rushlight._core.rng import Generator
from rushlight._engine import families
from rushlight._engine.builder import F32, F64, I64, POINTER, Module
from rushlight._engine.kernels import random as bits
from rushlight._engine.kernels.nest import Operand
from rushlight._engine.kernels.trig import TABLE
from rushlight._engine.kernels.vmath import damped, gelu, logistic
from rushlight._engine.load import loaded
from rushlight._engine.targets.host import compiled, host, llvm
from rushlight._engine.threads import barrier, pool

BOUND = 2.0  # units of the last place
SPECIAL = [
    np.nan, np.inf, -np.inf, 0, -0.0, 200, -200, 1e-42, -1, 1, -1e-42, 88.7, -103, 89, 1e-30, 0.5,
    -0.5, 2, 3e38, -3e38, 1e-38,
]  # fmt: skip
NAMES = dict(
    asin="arcsin", acos="arccos", atan="arctan", asinh="arcsinh", acosh="arccosh", atanh="arctanh",
    atan2="arctan2", pow="power",
)  # fmt: skip


def samples(kind, seed=0, n=4000):
    """Numbers of all sizes, near the edges of functions, and special ones."""
    random, top = np.random.default_rng(seed), 80 if kind is F32 else 650
    sign = random.choice([-1, 1], n)
    x = np.concatenate([
        random.normal(size=n) * 3, np.exp(random.uniform(-top, top, n)) * sign,
        random.uniform(-1.1, 1.1, n), 1 + np.exp(-random.uniform(0, 16, n)) * sign,
        random.uniform(-1.4, 1.4, n) * top, random.integers(1, 1000, n) * np.pi / 2,
    ]).astype("f4" if kind is F32 else "f8")  # fmt: skip
    x[: len(SPECIAL)] = SPECIAL
    return x


def exact(name, given):
    """The mathematics, in a wider format."""
    wide = [x.astype("f8" if x.itemsize == 4 else "g") for x in given]
    if name == "erf":
        return np.array([math.erf(v) for v in wide[0]])
    return getattr(np, NAMES.get(name, name))(*wide)


def check(name, kind, given, where, bound):
    """Errors, and what is not finite."""
    with np.errstate(all="ignore"):
        wanted = exact(name, given)
        rounded = wanted.astype(given[0].dtype)
    made = ran(TABLE[kind][name], given, rounded.dtype, where=where)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(made[~finite], rounded[~finite])
    zero = finite & (rounded == 0)
    np.testing.assert_array_equal(np.signbit(made[zero]), np.signbit(rounded[zero]))
    if kind is F64 and np.finfo(np.longdouble).eps > 1e-18:
        return
    error = made[finite].astype("g") - wanted[finite]
    assert np.max(np.abs(error) / np.spacing(np.abs(rounded[finite]))) <= bound


ALL = [(kind, name) for kind, words in TABLE.items() for name in words]


@pytest.mark.parametrize("kind, name", ALL)
@pytest.mark.parametrize("where", ["host", "plain"])
def test_error_and_special_values(kind, name, where):
    given = [samples(kind, seed) for seed in range(1 + (name in ("hypot", "atan2", "pow")))]
    if len(given) == 2:
        random = np.random.default_rng(2)
        for x in given:
            random.shuffle(x)
    check(name, kind, given, target(where), BOUND)


@pytest.mark.parametrize(
    "kind, name", [(F64, n) for n in ("sin", "cos", "tan", "acosh")] + [(F32, "erf")]
)
@pytest.mark.parametrize("where", ["host", "plain"])
def test_error_where_it_is_largest(kind, name, where):
    """Where a sine is just below 1/2, what rounding cost the remainder counts twice."""
    random, n = np.random.default_rng(7), 60_000
    turns = np.where(
        random.random(n) < 0.5, random.integers(0, 5000, n), 2.0 ** random.uniform(21, 900, n)
    )
    x = (
        random.choice([0.51, np.pi / 2 - 0.51], n)
        + random.normal(size=n) * 0.01
        + turns * 2 * np.pi
    )
    if kind is F32:
        x = random.uniform(-0.3, 0.3, n)
    if name == "acosh":
        x = 1 + np.exp(random.uniform(-36, 4, n))
    check(name, kind, [x.astype("f4" if kind is F32 else "f8")], target(where), BOUND)


@pytest.mark.parametrize("where", ["host", "plain"])
def test_erf_of_large_numbers_is_one(where):
    """GELU of a very negative number is -0 then, not a small negative number."""
    given = np.float32([3.93, 4, 4.5, 10, 1e20, np.inf])
    np.testing.assert_array_equal(ran(TABLE[F32]["erf"], [given], "f4", where=target(where)), 1)


@pytest.mark.parametrize("where", ["host", "plain"])
def test_gelu_in_one_word(where):
    drawn = np.random.default_rng(0).uniform(-7, 7, 20000)
    x = np.float32([*drawn, *np.exp(-np.arange(80.0)), -6, -40, -3e38, 3e38, -0.0, 0])
    exact = np.array([v / 2 * math.erfc(-v * math.sqrt(0.5)) for v in x.astype("f8")])
    made = ran(gelu, [x], "f4", where=target(where))
    error, right = np.abs(made - exact), x > 0
    assert np.max(error[right] / np.spacing(np.float32(exact[right]))) <= BOUND
    assert np.max(error[~right]) <= 2.5e-7
    np.testing.assert_array_equal(made[x < -5.7], 0)
    ends = np.float32([np.inf, np.nan, -np.inf])
    made = ran(gelu, [ends], "f4", where=target(where))
    np.testing.assert_array_equal(made, np.float32([np.inf, np.nan, np.nan]))


def _logistic_sweep(kind):
    """Numbers of [-104, 20] (float64: [-745, 40]): every so many of all there are, and random."""
    random = np.random.default_rng(3)
    if kind is F64:
        far = np.exp(random.uniform(-30, np.log(745), 60_000))
        return np.concatenate([random.uniform(-745, 40, 200_000), random.normal(size=60_000), -far])
    ends = [(-1, 104), (1, 20)]
    every = [np.arange(0, np.float32(top).view("i4"), 9973, "i4").view("f4") * sign
             for sign, top in ends]  # fmt: skip
    return np.float32([*np.concatenate(every), *random.uniform(-104, 20, 200_000), -104, 20])


def _logistic_error(kind, given, silu, made):
    """In units of the last place of what a wider format gives."""
    wide = given.astype("f8" if kind is F32 else "g")
    e = np.exp(-np.abs(wide))
    wanted = np.where(wide < 0, e, 1) / (1 + e) * (wide if silu else 1)
    rounded = np.abs(wanted.astype(given.dtype))
    return np.max(np.abs(made.astype("g") - wanted) / np.spacing(rounded))


@pytest.mark.parametrize("kind", [F32, F64])
@pytest.mark.parametrize("silu", [False, True])
def test_error_of_sigmoid_and_silu_as_steps(kind, silu):
    """Far below zero too, where e^-x is no number and the result is denormal."""
    if kind is F64 and np.finfo(np.longdouble).eps > 1e-18:
        pytest.skip("no wider format here")
    given = _logistic_sweep(kind)
    x = rushlight.from_numpy(given)
    word = rushlight.nn.functional.silu if silu else rushlight.sigmoid
    made = rushlight.compile(word)(x).numpy()
    assert _logistic_error(kind, given, silu, made) <= BOUND
    for where in ("host", "plain"):
        made = ran(damped if silu else logistic, [-given], given.dtype, where=target(where))
        assert _logistic_error(kind, given, silu, made) <= BOUND


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_and_silu_at_the_ends(dtype):
    ends = [np.inf, -np.inf, np.nan, 3e38, -3e38, 0.0, -0.0, 1e-42, 200, -800]
    x = rushlight.tensor(ends, dtype=getattr(rushlight, dtype), requires_grad=True)
    same = np.testing.assert_array_equal
    sigmoid = rushlight.compile(rushlight.sigmoid)(x)
    same(sigmoid.detach().numpy(), [1, 0, np.nan, 1, 0, 0.5, 0.5, 0.5, 1, 0])
    silu = rushlight.compile(rushlight.nn.functional.silu)(x).detach().numpy()
    tiny = np.dtype(dtype).type(1e-42) / 2
    same(silu, np.array([np.inf, np.nan, np.nan, 3e38, -0.0, 0, -0.0, tiny, 200, -0.0], dtype))
    same(np.signbit(silu[4:7]), [True, False, True])
    sigmoid.sum().backward()
    same(x.grad[[0, 1, 3, 4, 5]].numpy(), [0, 0, 0, 0, 0.25])


def test_steps_like_those_of_sigmoid_are_not_taken_for_them():
    x, a = rushlight.randn(50), rushlight.randn(50)
    for f in (
        lambda x, a: a / ((-x).exp() + 1), lambda x, a: 2 / ((-x).exp() + 1),
        lambda x, a: 1 / ((-x).exp() + 2), lambda x, a: 1 / (x.exp() + 1) + x / (x.exp() + 1),
    ):  # fmt: skip
        np.testing.assert_allclose(rushlight.compile(f)(x, a).numpy(), f(x, a).numpy(), 3e-6, 1e-6)


def test_steps_of_gelu_are_joined():
    x = rushlight.randn(40)
    half, inner = x * 0.5, x * math.sqrt(0.5)
    for other in (x, x + 1):  # the second one is no GELU
        wanted = half * (rushlight.erf(other * math.sqrt(0.5)) + 1)
        made = rushlight.compile(lambda x, y: x * 0.5 * (rushlight.erf(y * math.sqrt(0.5)) + 1))
        np.testing.assert_allclose(made(x, other).numpy(), wanted.numpy(), 1e-5, 1e-6)
    wanted = half * (rushlight.erf(inner) + 1)
    np.testing.assert_allclose(
        rushlight.compile(rushlight.nn.functional.gelu)(x).numpy(), wanted.numpy(), 1e-5, 1e-6
    )


@pytest.mark.parametrize("x", [(0.3, 1.5), (-2.7, 3.9), (5.0, 6.5)])
def test_erf_of_float64(x):
    mpmath = pytest.importorskip("mpmath")
    given = np.random.default_rng(0).uniform(*x, 300)
    made = ran(TABLE[F64]["erf"], [given], "f8")
    for v, m in zip(given, made):
        true = mpmath.erf(mpmath.mpf(float(v)))
        assert abs(mpmath.mpf(float(m)) - true) <= BOUND * np.spacing(abs(float(true)))


@pytest.mark.parametrize("where", ["avx512", "aarch64"])
def test_other_machines_are_written_for(where):
    llvm().initialize_all_targets()
    llvm().initialize_all_asmprinters()
    there = target(where)
    for kind, words in TABLE.items():
        module = Module(there)
        f = module.function("k", "x:ptr", shared=True)
        for name, word in words.items():
            x = f.load(f.args[0], kind, there.lanes(kind.size))
            both = (x, x) if name in ("hypot", "atan2", "pow") else (x,)
            f.store(f.args[0], word(f, *both))
        f.done()
        assert len(compiled(str(module), there)) > 1000


@pytest.mark.parametrize("where", ["host", "plain"])
@pytest.mark.parametrize("width", [32, 64])
def test_drawn_words_are_those_of_the_generator(width, where):
    drawn, eager = Generator().manual_seed(5), Generator().manual_seed(5)
    for g in (drawn, eager):
        g.words32(1)  # opens it
    for count in (1, 5, 311, 312, 313, 623, 624, 625, 7, 5000):
        module = Module(target(where))
        state, out = (Operand(number, 0, (), 1, I64) for number in range(2))
        name = families.kernel(module, bits.Draw(state, out, count, width))
        f = module.function("k", "buffers:ptr me:i64 threads:i64 control:ptr", shared=True)
        f.call(name, *f.args, f.args[3])
        f.done()
        code = loaded(compiled(str(module), target(where)), ["k"])
        made = np.zeros(count, f"u{width // 8}")
        table = np.array([drawn._bits.ctypes.state_address, made.ctypes.data], np.int64)
        pointer, whole = ctypes.c_void_p, ctypes.c_int64
        call = ctypes.CFUNCTYPE(None, pointer, whole, whole, pointer)(code.addresses["k"])
        call(table.ctypes.data, 0, 1, None)
        wanted = eager.words32(count) if width == 32 else eager.words64(count)
        np.testing.assert_array_equal(made, wanted)
        np.testing.assert_array_equal(drawn.state_bytes(), eager.state_bytes())


def _meeting():
    """A program in which each thread writes, all meet, and the first adds up."""
    module = Module(host())
    wait = barrier(module)
    f = module.function("program", "args:ptr me:i64 threads:i64 control:ptr", shared=True)
    args, me, threads, control = f.args
    out = f.load(args, POINTER)
    f.store(out.shifted(me + 1, I64), me + 5)
    f.call(wait, control, threads)
    with f.when(me.equals(0)):
        total = f.var(I64, 1, 0)
        with f.loop(1, threads + 1) as i:
            total.set(total.get() + f.load(out.shifted(i, I64), I64))
        f.store(out, total.get())
    f.done()
    return loaded(compiled(str(module), host()), ["program"])


def test_threads_meet_and_a_forked_child_starts_its_own():
    code, out = _meeting(), np.zeros(8, np.int64)
    args = np.array([out.ctypes.data], np.int64)
    mine, before = pool(), pool().threads
    mine.threads = 2
    try:
        for _ in range(50):
            out[:] = 0
            mine.run(code.addresses["program"], args.ctypes.data, 2)
            assert out[0] == 11
        if hasattr(os, "fork"):
            read, write = os.pipe()
            if not (child := os.fork()):
                out[:] = 0
                mine.run(code.addresses["program"], args.ctypes.data, 2)
                os.write(write, bytes([out[0]]))
                os._exit(0)
            os.waitpid(child, 0)
            assert os.read(read, 1) == bytes([11])
    finally:
        mine.threads = before
