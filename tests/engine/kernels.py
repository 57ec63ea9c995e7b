"""Small kernels for tests: a function of vectors over arrays, for this machine or another."""

import ctypes

import numpy as np

from rushlight._engine.builder import I64, POINTER, Module, kind_of
from rushlight._engine.load import loaded
from rushlight._engine.targets import host as hosts
from rushlight._engine.targets.host import compiled, described, host

_TRIPLES = {"aarch64": "aarch64-unknown-linux-gnu"}


def target(name):
    """This machine; the same without its newer instructions; others that are only emitted for."""
    here = host()
    if name == "host":
        return here
    if name == "plain":
        return described("x86-64", "+sse,+sse2", here.triple, here.version)
    if name == "avx512":
        features = "+avx,+avx2,+fma,+f16c,+sse4.1,+avx512f,+avx512vl,+avx512bw,+avx512dq"
        return described("skylake-avx512", features, "x86_64-unknown-linux-gnu", here.version)
    return described("cortex-a72", "+neon", _TRIPLES[name], here.version)


def assembly(text, where):
    """What `compiled` gives, as a person reads it."""
    with hosts.awaited(), hosts._as_written(hosts.llvm(), where):
        machine = hosts._machine(where)
        return machine.emit_assembly(hosts.improved(text, machine, where.triple))


def text(write, arrays, dtype, lanes, where):
    """The module of a function k(addresses, n) that applies `write(f, *values)` to all elements."""
    module = Module(where)
    f = module.function("k", "places:ptr n:i64", shared=True)
    places, n = f.args
    kinds = [kind_of(a.dtype) for a in arrays]
    out = kind_of(np.dtype(dtype))
    at = [f.load(places.shifted(i, I64), POINTER) for i in range(len(arrays) + 1)]
    with f.loop(0, n, lanes) as i:
        given = [f.load(p.shifted(i, k), k, lanes) for p, k in zip(at, kinds)]
        f.store(at[-1].shifted(i, out), f.const(write(f, *given), out, lanes))
    f.done()
    return str(module)


def ran(write, arrays, dtype, lanes=8, where=None):
    """What `write` gives for arrays of one length."""
    where = where or host()
    size, pad = arrays[0].size, -arrays[0].size % lanes
    full = [np.concatenate([a, a[:1].repeat(pad)]) for a in arrays]
    made = np.empty(size + pad, dtype)
    code = loaded(compiled(text(write, arrays, dtype, lanes, where), where), ["k"])
    table = np.array([a.ctypes.data for a in [*full, made]], np.int64)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(code.addresses["k"])
    call(table.ctypes.data, size + pad)
    return made[:size]
