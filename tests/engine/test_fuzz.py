"""Random programs of views, broadcasts, reductions, products and in-place writes: compiled, eager.

RUSHLIGHT_FUZZ=SECONDS runs on from seed to seed for so long.
"""

import os
import random
import time

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as rl

PROGRAMS = 120


def _unary(r):
    name = r.choice(["tanh", "sigmoid", "relu", "exp", "sin", "abs", "neg", "square", "erf"])
    return lambda x: getattr(rl, name)(x.clamp(-3, 3) if name in ("exp", "square") else x)


def _binary(r):
    name = r.choice(["add", "mul", "sub", "maximum", "minimum"])
    return lambda x, y: getattr(rl, name)(x, y)


def _view(r, shape):
    """A view of a shape: a function, and nothing that depends on values."""
    kinds = ["t", "flat", "slice", "step", "none", "expand"]
    kind = r.choice(kinds)
    if kind == "t" and len(shape) >= 2:
        a, b = r.sample(range(len(shape)), 2)
        return lambda x: x.transpose(a, b)
    if kind == "flat":
        return lambda x: x.reshape(-1)
    axis = r.randrange(len(shape)) if shape else 0
    if kind == "slice" and shape and shape[axis] > 1:
        low = r.randrange(shape[axis] - 1)
        return lambda x: x.narrow(axis, low, r_len(shape[axis], low))
    if kind == "step" and shape and shape[axis] > 2:
        return lambda x: x[(slice(None),) * axis + (slice(None, None, 2),)]
    if kind == "expand":
        return lambda x: x.unsqueeze(0).expand(2, *x.shape)
    return lambda x: x.unsqueeze(-1)


def r_len(n, low):
    return max(1, (n - low) // 2)


def _reduction(r, shape):
    name = r.choice(["sum", "mean", "amax", "softmax", "var", "cumsum"])
    if not shape:
        return lambda x: x * 2
    axis, keep = r.randrange(len(shape)), r.random() < 0.5
    if name in ("softmax", "cumsum"):
        return lambda x: getattr(rl, name)(x, axis)
    if name == "var" and shape[axis] < 2:
        name = "mean"
    return lambda x: getattr(rl, name)(x, axis, keepdim=keep)


def _fits(a, b):
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1])) and max(len(a), len(b)) < 5


def _written(r, y):
    """What is left of y, or a view of it, after a write through a chain of views of it."""
    v = y
    for _ in range(r.randrange(4)):
        new = _view(r, tuple(v.shape))(v)
        if new.numel() and new.dim() < 4 and not any(s == 0 for s in new.stride()):
            v = new
    if r.random() < 0.5:
        v.mul_(-0.5)
    else:
        v[..., :1].add_(0.25) if v.dim() else v.add_(0.25)
    return y if r.random() < 0.7 else v


def _step(r, values):
    """One more value from those there are."""
    x = r.choice(values)
    what = r.random()
    if what < 0.25:
        return _unary(r)(x)
    if what < 0.5:
        others = [v for v in values if _fits(tuple(v.shape), tuple(x.shape))]
        return _binary(r)(x, r.choice(others))
    if what < 0.65:
        return _view(r, tuple(x.shape))(x) if x.dim() < 4 else x.tanh()
    if what < 0.8:
        return _reduction(r, tuple(x.shape))(x)
    if what < 0.87:
        others = [v for v in values if v.dim() >= 2 and x.dim() >= 2
                  and v.shape[-1] == x.shape[-1] and v.shape[:-2] == x.shape[:-2]]  # fmt: skip
        return (x @ r.choice(others).mT) / 4 if others else x.sigmoid()
    if what < 0.94 and x.dim() and x.shape[0] > 1:
        y = x * 1
        y[r.randrange(x.shape[0])] = 0.5
        y[-1:].mul_(2)
        return _written(r, y)
    return rl.cat([x.tanh(), x * 0.5]) if x.dim() else x * 3


def program(seed):
    """A function of three tensors, and the tensors."""
    draw = np.random.default_rng(seed)
    n, m = random.Random(seed).choice([(3, 5), (4, 8), (2, 17), (1, 6), (33, 7)])
    given = [
        rl.tensor(draw.normal(size=s).astype(np.float32), requires_grad=True)
        for s in ((n, m), (m,), (2, n, 1))
    ]

    def run(*tensors):
        r = random.Random(seed)
        values = list(tensors)
        for _ in range(r.randrange(5, 40)):
            made = _step(r, values)
            if 0 < made.numel() <= 4000:
                values.append(made)
        loss = sum((v.float().tanh().mean() for v in values[3:]), tensors[0].sum() * 0)
        grads = rl.autograd.grad(loss, tensors, allow_unused=True, materialize_grads=True)
        return [v.detach() for v in values[3:]], loss.detach(), grads

    return run, given


def check(seed):
    """A program's values and gradients, compiled and eager."""
    run, given = program(seed)
    wanted = run(*given)
    compiled = rl.compile(run)
    for _ in range(2):
        found = compiled(*given)
        pairs = [*zip(wanted[0], found[0]), (wanted[1], found[1]), *zip(wanted[2], found[2])]
        for a, b in pairs:
            scale = 1 + a.abs().max().item()
            np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=2e-4, atol=2e-5 * scale,
                                       err_msg=f"seed {seed}")  # fmt: skip
    return bool(compiled.compiled.programs)


@pytest.mark.parametrize("start", range(0, PROGRAMS, 20))
def test_random_programs(start):
    assert sum(check(seed) for seed in range(start, start + 20)) >= 15


@pytest.mark.skipif("RUSHLIGHT_FUZZ" not in os.environ, reason="RUSHLIGHT_FUZZ names no seconds")
def test_random_programs_for_long():
    until, seed = time.monotonic() + float(os.environ["RUSHLIGHT_FUZZ"]), 10_000
    while time.monotonic() < until:
        check(seed)
        seed += 1
    print(f"{seed - 10_000} programs")
