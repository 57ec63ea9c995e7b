"""Programs as a stranger might write them, compiled beside eager mode: numbers that change."""

import dataclasses
import math

import numpy as np
from strangers import mlp, prog

import rushlight as rl
from rushlight import nn

F = nn.functional


@prog
def closure_alpha(C):
    alpha = 0.1

    @C
    def f(x):
        return x * alpha

    log = []
    for i in range(12):
        alpha = 0.1 * i
        log.append(f(rl.ones(3)))
    return log


@prog
def arg_int(C):
    f = C(lambda x, y, i: (x * i + y).sum() / (i + 1))
    return [f(rl.ones(3), rl.ones(3), i) for i in range(14)]


@prog
def dataclass_config(C):
    @dataclasses.dataclass
    class Cfg:
        lr: float = 0.1
        deep: int = 2

    cfg = Cfg()

    def f(x):
        for _ in range(cfg.deep):
            x = x * cfg.lr + 1
        return x

    f = C(f)
    log = []
    for i in range(6):
        if i % 2:
            cfg.deep += 1
        cfg.lr *= 1.5
        log.append(f(rl.ones(2)))
    return log


@prog
def class_counter(C):
    class M(nn.Module):
        count = 0

        def __init__(s):
            super().__init__()
            s.w = nn.Parameter(rl.ones(2))

        def forward(s, x):
            M.count += 1
            return s.w * x

    m = M()
    f = C(lambda x: m(x).sum())
    return [*(f(rl.ones(2)) for _ in range(5)), M.count]


@prog
def self_steps(C):
    class M(nn.Module):
        def __init__(s):
            super().__init__()
            s.steps = 0
            s.l = nn.Linear(2, 2)

        def forward(s, x):
            s.steps += 1
            return s.l(x) * s.steps

    m = M()
    f = C(lambda x: m(x))
    return [*(f(rl.ones(1, 2)) for _ in range(6)), m.steps]


@prog
def accumulates(C):
    m = mlp()
    o = rl.optim.SGD(m.parameters(), 0.1)

    def step(x, i):
        l = m(x).square().mean() / 3
        l.backward()
        if (i + 1) % 3 == 0:
            o.step()
            o.zero_grad()
        return l

    step = C(step)
    return [[step(rl.ones(2, 4) * i, i) for i in range(12)], m]


@prog
def arg_ret(C):
    f = C(lambda x, i: (x + i, i, {"k": i * 2}))
    return [f(rl.ones(1), i) for i in range(12)] + [
        type(f(rl.ones(1), 3)[1]).__name__,
        type(f(rl.ones(1), 9.5)[1]).__name__,
    ]


@prog
def arg_types(C):
    def f(x, i):
        return x * (2 if isinstance(i, int) else 3) + i * (5 if type(i) is int else 7)

    f = C(f)
    return [f(rl.ones(1), i) for i in (1, 2, 3, 1.5, 2.5, True, False, 4, 5.5, 6, 7)]


@prog
def arg_steers(C):
    def f(x, i):
        if i > 5:
            return x * i
        return x - i

    f = C(f)
    return [f(rl.ones(1), i) for i in range(12)]


@prog
def arg_range(C):
    def f(x, n):
        for _ in range(n):
            x = x + 1
        return x

    f = C(f)
    return [f(rl.ones(1), i) for i in range(12)]


@prog
def arg_math(C):
    f = C(
        lambda x, i: (
            x * math.exp(-i / 10)
            + math.sqrt(i)
            + int(i / 3)
            + round(i * 0.3)
            + abs(-i)
            + i // 2
            + i % 3
            + divmod(i, 4)[1]
            + (i & 3)
            + (i << 1)
            + max(i, 4)
            + min(i, 3.5)
        )
    )
    return [f(rl.ones(2), i) for i in range(12)]


@prog
def arg_np(C):
    f = C(lambda x, i: x * np.float32(i) + np.sin(i) + float(np.asarray(i)))
    return [f(rl.ones(2), i * 0.5) for i in range(12)]


@prog
def arg_text(C):
    f = C(lambda x, i: x * len(f"{i:3d}") + len(str(i)) + {0: 1}.get(i, i))
    return [f(rl.ones(2), i) for i in (0, 3, 30, 300, 4000, 5, 7)]


@prog
def arg_shape(C):
    def f(x, n):
        return (
            x.view(n, -1).sum(0),
            rl.zeros(n, 2),
            x.repeat(n),
            x[n],
            x[:n],
            rl.full((2,), n),
            x.expand(n, 12),
            rl.arange(n),
            rl.linspace(0, 1, n),
            x.narrow(0, 0, n),
            x.roll(n),
            x.chunk(n),
        )

    f = C(f)
    return [f(rl.arange(12.0), n) for n in (1, 2, 3, 4, 6, 2, 1)]


@prog
def arg_ops(C):
    def f(x, n):
        return (
            x.clamp(max=n),
            x.clamp(min=-n, max=n),
            x**n,
            n**x,
            n / (x + 1),
            n - x,
            x > n,
            x == n,
            rl.lerp(x, x + 1, n),
            x.add(x, alpha=n),
            rl.where(x > 1, x, n),
            x.masked_fill(x > 2, n),
            rl.addcmul(x, x, x, value=n),
            F.leaky_relu(-x, n),
            F.elu(-x, n),
            F.softplus(x, n),
            x.fmod(n),
            rl.remainder(x, n),
            x.floor_divide(n),
            rl.maximum(x, rl.tensor(n)),
            F.dropout(x, n / 10),
            F.hardtanh(x, -n, n),
            F.smooth_l1_loss(x, x * 2, beta=n),
            F.gelu(x) * n,
            x.div(n, rounding_mode="floor"),
            x.atan2(rl.full_like(x, n)),
            F.normalize(x, dim=0, eps=n),
            F.layer_norm(x, (5,), eps=n),
            F.cross_entropy(x.view(1, 5), rl.tensor([2]), label_smoothing=n / 20),
            x.pow(n).sum(),
            rl.randn(5) * n,
            rl.normal(0.0, n, (4,)),
            rl.empty(3).uniform_(0, n),
            x.new_full((2,), n),
        )

    f = C(f)
    return [
        f(rl.arange(5.0), n) for n in (1.0, 2.0, 3.0, 4.5, 6.0, 0.25, 1.0, 7.0, 8.0, 9.0, 9.5, 9.75)
    ]


@prog
def arg_int_tensors(C):
    def f(x, n):
        return (
            x * n,
            x + n,
            x // n,
            x % n,
            x > n,
            x.float() * n,
            x << (n % 4),
            x & n,
            x.clamp(max=n),
            x**2 * n,
            x.to(rl.int32) * n,
            x.to(rl.uint8) + n,
            (x > 1) * n,
            x / n,
            x.to(rl.bfloat16) * n,
            x.half() + n,
            x.double() * n,
            n - x,
            n // (x + 1),
            -n * x,
        )

    f = C(f)
    return [f(rl.arange(5), n) for n in (1, 2, 3, 400, -6, 2**40, 1, 5, 7, 11, 13)]


@prog
def arg_halves(C):
    def f(x, n):
        return x * n, x + n, (x.float() * n).to(x.dtype), x.sum() * n, x.sum() + n

    f = C(f)
    return [
        f(rl.arange(5).to(d), n)
        for d in (rl.bfloat16, rl.float16)
        for n in (0.1, 0.2, 0.3, 1.7, 900.0)
    ]


@prog
def arg_zero_dim(C):
    def f(x, n):
        return x * n, x.long() * n, x.bfloat16() * n, x.double() + n, x.bool() * n

    f = C(f)
    return [f(rl.tensor(2.0), n) for n in (0.1, 0.2, 0.3, 1, 2, 3, 4)]


@prog
def arg_in_container(C):
    f = C(lambda x, d: x * d["a"] + d["b"][0])
    return [f(rl.ones(2), {"a": i, "b": (i * 0.5,)}) for i in range(12)]


@prog
def arg_kept(C):

    class K:
        pass

    k = K()
    k.v = 0

    def f(x, i):
        k.v = i
        return x * i

    f = C(f)
    r = []
    for i in range(8):
        r.append(f(rl.ones(1), i))
        r.append((k.v, type(k.v).__name__))
    return r


@prog
def arg_with_opt(C):
    m = mlp()
    o = rl.optim.AdamW(m.parameters(), 0.01)

    def step(x, beta, i):
        l = m(x).square().mean() * beta + i
        o.zero_grad()
        l.backward()
        o.step()
        return l

    step = C(step)
    return [[step(rl.ones(2, 4), 1 / (i + 1), i) for i in range(12)], m, o]


@prog
def attr_counter(C):
    class T:
        def __init__(s):
            s.m = mlp()
            s.opt = rl.optim.SGD(s.m.parameters(), 0.1)
            s.step = 0
            s.beta = 0.0

        def train(s, x):
            l = s.m(x).square().mean() * s.beta
            s.opt.zero_grad()
            l.backward()
            s.opt.step()
            return l

    t = T()
    f = C(t.train)
    r = []
    for i in range(12):
        r.append(f(rl.ones(2, 4)))
        t.step += 1
        t.beta += 0.1
    return [r, t.m, t.step]


@prog
def slots_obj(C):
    class S:
        __slots__ = ("a", "t")

    s = S()
    s.a = 1.0
    s.t = rl.ones(2)
    f = C(lambda x: x * s.a + s.t)
    r = []
    for i in range(12):
        s.a += 0.5
        if i == 3:
            s.t = rl.zeros(2)
        r.append(f(rl.ones(2)))
    return r


@prog
def global_num(C):
    global GNUM

    def f(x):
        return x * GNUM

    f = C(f)
    r = []
    for i in range(12):
        GNUM = i * 0.1
        r.append(f(rl.ones(1)))
    return r + [GNUM]


GNUM = 0.0


@prog
def class_num(C):
    class A:
        k = 0.0

        def g(s, x):
            return x * s.k

    a = A()
    f = C(lambda x: a.g(x))
    r = []
    for i in range(12):
        A.k = i * 0.1
        r.append(f(rl.ones(1)))
    return r + [A.k]


@prog
def kl_weight(C):
    class M(nn.Module):
        def __init__(s):
            super().__init__()
            s.l = nn.Linear(2, 2)
            s.kl = 0.0
            s.n = 0

        def forward(s, x):
            h = s.l(x)
            return h.sum() + s.kl * h.square().sum() + (s.n if s.n > 6 else 0)

    m = M()
    o = rl.optim.SGD(m.parameters(), 0.01)

    def step(x):
        l = m(x)
        o.zero_grad()
        l.backward()
        o.step()
        return l

    step = C(step)
    r = []
    for i in range(12):
        m.kl = i / 10
        m.n = i
        r.append(step(rl.ones(1, 2)))
    return [r, m, m.kl, m.n]


@prog
def neg_zero(C):
    k = 0.0
    f = C(lambda x: x * k)
    r = [f(rl.ones(1))]
    k = -0.0
    r.append(1 / f(rl.ones(1)))
    return r


@prog
def bool_int(C):
    k = 1
    f = C(lambda x: x * (2 if k is True else 3))
    r = [f(rl.ones(1))]
    k = True
    r.append(f(rl.ones(1)))
    k = 1.0
    r.append(f(rl.ones(1)))
    return r
