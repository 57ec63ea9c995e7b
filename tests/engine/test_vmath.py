"""The error of each elementary function in units of the last place, and its special values."""

import ctypes
import math
import os

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight._engine.builder import F32, I64, POINTER, Module
from rushlight._engine.kernels import vmath
from rushlight._engine.load import loaded
from rushlight._engine.targets.host import compiled, host
from rushlight._engine.threads import barrier, pool

BOUNDS = {"exp": 1.0}  # the others: 0.6
SPECIAL = [np.nan, np.inf, -np.inf, 0, -0.0, 200, -200, 1e-42, -1, 1, -1e-42, 88.7, -103, 89, 1e-30]


def ran(word, kind, x):
    """The function on each element."""
    module = Module(host())
    f = module.function("k", "x:ptr out:ptr n:i64", shared=True)
    given, out, n = f.args
    with f.loop(0, n, 8) as i:
        f.store(out.shifted(i, kind), word(f, f.load(given.shifted(i, kind), kind, 8)))
    f.done()
    code = loaded(compiled(str(module), host()), ["k"])
    pointer, made = ctypes.c_void_p, np.empty_like(x)
    call = ctypes.CFUNCTYPE(None, pointer, pointer, ctypes.c_int64)(code.addresses["k"])
    call(x.ctypes.data, made.ctypes.data, x.size)
    return made


@pytest.mark.parametrize(
    "kind, name", [(kind, name) for kind, words in vmath.TABLE.items() for name in words]
)
def test_error_and_special_values(kind, name):
    random, n = np.random.default_rng(0), 40000
    x = np.concatenate([
        random.normal(size=n) * 3, np.exp(random.uniform(-80, 80, n // 2)),
        np.exp(-random.uniform(0, 40, n // 2)) * random.choice([-1, 1], n // 2),
    ]).astype("f4" if kind is F32 else "f8")  # fmt: skip
    x[: len(SPECIAL)] = SPECIAL
    made = ran(vmath.TABLE[kind][name], kind, x)
    with np.errstate(all="ignore"):
        wide = x.astype("f8" if kind is F32 else np.longdouble)
        exact = np.array([math.erf(v) for v in wide]) if name == "erf" else getattr(np, name)(wide)
        rounded = exact.astype(x.dtype)
    finite = np.isfinite(rounded)
    error = np.abs(made[finite].astype(np.longdouble) - exact[finite]) / np.spacing(
        np.abs(rounded[finite])
    )
    bound = BOUNDS.get(name, 0.6) if kind is F32 else 1.0
    if kind is F32 or np.finfo(np.longdouble).eps < 1e-18:
        assert error.max() <= bound
    np.testing.assert_array_equal(made[~finite], rounded[~finite])


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
