"""Programs as a stranger might write them, compiled beside eager mode: arguments and state."""

import collections
import dataclasses
import functools
import threading

from strangers import prog

import rushlight as rl
from rushlight import nn

F = nn.functional


@prog
def prop(C):
    class A:
        def __init__(s):
            s._v = 1.0

        @property
        def v(s):
            return s._v * 2

        @functools.cached_property
        def c(s):
            return s._v + 5

    a = A()
    f = C(lambda x: x * a.v + a.c)
    log = []
    for i in range(5):
        a._v = i / 2
        if i == 3:
            a.__dict__.pop("c", None)
        log.append(f(rl.ones(2)))
    return log + [vars(a)]


@prog
def inner_hook(C):

    @C
    def f(x):
        y = x * 2
        y.register_hook(lambda g: g * 3)
        (y.sum()).backward()
        return x.grad

    r = []
    for i in range(4):
        x = rl.ones(2, requires_grad=True)
        r.append(f(x))
    return r


@prog
def no_grad_decorator(C):
    w = rl.ones(2, requires_grad=True)

    @C
    @rl.no_grad()
    def f(x):
        return x * w

    @rl.no_grad()
    @C
    def g(x):
        return x * w

    return [f(rl.ones(2)), f(rl.ones(2)), g(rl.ones(2)), g(rl.ones(2)), rl.is_grad_enabled()]


@prog
def generator_arg(C):
    g = rl.Generator().manual_seed(3)
    f = C(lambda x, g: x + rl.rand(4, generator=g))
    h = C(lambda x, it: x + next(it))
    it = iter([1.0, 2.0, 3.0, 4.0])
    return [
        f(rl.ones(4), g),
        f(rl.ones(4), g),
        rl.rand(2, generator=g),
        *(h(rl.ones(1), it) for _ in range(3)),
    ]


@prog
def generator_new(C):
    f = C(lambda x, g: x + rl.rand(4, generator=g))
    return [f(rl.ones(4), rl.Generator().manual_seed(i)) for i in range(12)]


@prog
def generator_func_arg(C):
    def gen():
        yield 1.0
        yield 2.0

    f = C(lambda x, g: x * sum(g))
    return [f(rl.ones(2), gen()) for _ in range(3)] + [
        f(rl.ones(2), range(3)),
        f(rl.ones(2), range(4)),
        f(rl.ones(2), {1, 2}),
        f(rl.ones(2), {1, 2, 3}),
    ]


@prog
def nested_compile(C):
    g = C(lambda x: x * 2)
    h = C(lambda x: g(x) + g(x + 1))

    def f(x):
        k = C(lambda y: y + 1)
        return k(h(x))

    f = C(f)
    return [f(rl.ones(2) * i) for i in range(4)] + [g(rl.ones(2)), h(rl.ones(2))]


@prog
def threads(C):
    f = C(lambda x, k: (x * k).sum())
    res = {}

    def work(k):
        res[k] = [f(rl.ones(3) * j, float(k)) for j in range(10)]

    ts = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    [t.start() for t in ts]
    [t.join() for t in ts]
    return [res[k] for k in range(3)]


@prog
def swallowed(C):
    @C
    def f(x, i):
        try:
            y = x[i]
        except IndexError:
            y = x * 0
        return y + 1

    return [f(rl.arange(3.0), i) for i in (0, 5, 1, 7, 2, -1)]


@prog
def swallow_all(C):
    @C
    def f(x):
        try:
            if x.sum() > 2:
                return x * 2
        except BaseException:
            return x * 0
        return x

    return [f(rl.arange(3.0)), f(rl.ones(1))]


@prog
def deleted_args(C):
    @C
    def f(x, y):
        z = x * y
        del x, y
        return z

    return [f(rl.ones(2), rl.ones(2) * i) for i in range(3)]


@prog
def resized(C):
    f = C(lambda x: x * 2)
    return [f(rl.ones(n)) for n in (2, 3, 2, 0, 5, 6, 7, 8, 9, 10, 11, 12)]


@prog
def star_args(C):
    f = C(lambda *a, **k: sum(a) + sum(k.values()))
    o = rl.ones(2)
    return [
        f(o),
        f(o, o),
        f(o, o, c=o),
        f(o, c=o, d=o),
        f(o, d=o, c=o),
        f(o, 1, c=2),
        f(o, 1, c=3),
        f(o, 1, c=4),
        f(o, 2, c=4),
    ]


@prog
def outputs(C):
    NT = collections.namedtuple("NT", "a b")

    @dataclasses.dataclass
    class Out:
        a: object
        b: int

    f = C(
        lambda x: {"a": x + 1, "b": [x, NT(x * 2, 3)], "c": None, 5: collections.OrderedDict(z=x)}
    )
    g = C(lambda x: Out(x * 2, 3))
    h = C(lambda x: collections.defaultdict(list, a=[x + 1]))
    return [
        f(rl.ones(2)),
        f(rl.ones(2)),
        g(rl.ones(2)),
        g(rl.ones(2)),
        h(rl.ones(2)),
        h(rl.ones(2)),
        type(h(rl.ones(2))).__name__,
        h(rl.ones(2))["q"],
    ]


@prog
def input_back(C):
    f = C(lambda x: x)
    g = C(lambda x: (x, x.view(-1), x[0], x.t(), x * 1))
    x = rl.ones(2, 3)
    y = f(x)
    y = f(x)
    r = [y is x]
    for _ in range(3):
        a = g(x)
        r += [a[0] is x, a[1]._base is x, a[2]._base is x]
        a[1].mul_(2)
        r += [x.clone(), a]
    return r


@prog
def same_twice(C):
    def f(x):
        y = x * 2
        return y, y, y[0]

    f = C(f)
    r = []
    for _ in range(3):
        a, b, c = f(rl.ones(2))
        a.add_(1)
        r += [a is b, b, c]
    return r


@prog
def in_place_input(C):
    def f(x):
        x.add_(1)
        return x.sum()

    f = C(f)
    x = rl.ones(3)
    r = []
    for _ in range(4):
        r.append(f(x))
        r.append(x.clone())
    return r


@prog
def in_place_view(C):
    def f(x):
        x[1:].mul_(2)
        x.t()[0, 0] = 5.0
        return x.sum()

    f = C(f)
    r = []
    for _ in range(3):
        x = rl.ones(3, 3)
        v = x[1]
        r.append(f(x))
        r.append(x)
        r.append(v)
    return r


@prog
def in_place_view_arg(C):
    def f(v):
        v.mul_(2)
        return v.sum()

    f = C(f)
    r = []
    for _ in range(3):
        x = rl.ones(3, 3)
        w = rl.ones(3, 3, requires_grad=True) * 1
        r += [f(x[1]), x, f(x[:, 1]), x, f(w[1]), w.detach()]
        w.sum().backward()
    return r


@prog
def overlap(C):
    def f(a, b):
        a.add_(b)
        return a * 2

    f = C(f)
    r = []
    for i in range(4):
        x = rl.arange(6.0)
        r += [f(x[:4], x[2:]), x]
        x = rl.arange(6.0)
        r += [f(x[:3], x[3:]), x]
        x = rl.arange(6.0)
        r += [f(x, x), x]
    return r


@prog
def list_arg_mutated(C):
    def f(x, l):
        l.append(x * 2)
        return len(l) * x

    f = C(f)
    l = []
    r = []
    for _ in range(5):
        r.append(f(rl.ones(2), l))
    return [r, l]


@prog
def dict_arg_mutated(C):
    def f(x, d):
        d["n"] = d.get("n", 0) + 1
        d["y"] = x * d["n"]
        return x

    f = C(f)
    d = {}
    r = []
    for _ in range(5):
        r.append(f(rl.ones(2), d))
    return [r, d]


@prog
def list_popped(C):
    def f(x, l):
        y = l.pop()
        return x * y

    f = C(f)
    r = []
    for _ in range(4):
        l = [1.0, 2.0]
        r.append(f(rl.ones(2), l))
        r.append(l)
    return r


@prog
def obj_arg(C):
    class S:
        pass

    def f(x, s):
        s.last = x * 2
        s.n += 1
        return x + s.n

    f = C(f)
    s = S()
    s.n = 0
    r = []
    for _ in range(5):
        r.append(f(rl.ones(2), s))
        r.append(s.last.clone())
    return [r, s.n]


@prog
def retain(C):
    w = rl.ones(2, requires_grad=True)

    def f(x):
        y = w * x
        y.retain_grad()
        y.sum().backward()
        return y.grad

    f = C(f)
    return [[f(rl.ones(2)) for _ in range(3)], w]


@prog
def out_grad_fn(C):
    w = rl.ones(3, requires_grad=True)
    f = C(lambda x, k: (x * w * k).tanh())
    a = f(rl.ones(3), 2.0)
    b = f(rl.ones(3), 3.0)
    c = f(rl.ones(3), 4.0)
    (a.sum() + c.sum()).backward()
    r = [w.grad.clone()]
    b.sum().backward()
    return r + [w.grad, a, b, c]
