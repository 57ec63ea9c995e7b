"""Programs as a stranger might write them, compiled beside eager mode: what is left over."""

import collections
import contextlib
import functools
import io
import logging
import sys
import threading

from strangers import prog

import rushlight as rl
from rushlight import nn

F = nn.functional


@prog
def writes(C):
    buf = io.StringIO()
    lines = []

    class H(logging.Handler):
        def emit(s, rec):
            lines.append(rec.getMessage())

    lg = logging.getLogger("hostile")
    lg.handlers = [H()]
    lg.setLevel("INFO")
    lg.propagate = False

    def f(x):
        sys.stdout.write("w\n")
        lg.info("i")
        return x + 1

    f = C(f)
    with contextlib.redirect_stdout(buf):
        r = [f(rl.ones(1)) for _ in range(3)]
    return [r, buf.getvalue(), lines]


@prog
def logs(C):
    lines = []

    class H(logging.Handler):
        def emit(s, rec):
            lines.append(rec.getMessage())

    lg = logging.getLogger("hostile2")
    lg.handlers = [H()]
    lg.setLevel("INFO")
    lg.propagate = False
    f = C(lambda x: (lg.info("i"), x + 1)[1])
    return [[f(rl.ones(1)) for _ in range(3)], lines]


@prog
def lru_graph(C):
    w = rl.ones(2, requires_grad=True)

    @functools.lru_cache
    def sc():
        return w + 3

    def f(x):
        return (x * sc()).sum()

    f = C(f)
    r = []
    for i in range(4):
        y = f(rl.ones(2))
        r.append(y)
        y.backward()
        r.append(w.grad.clone())
    return r


@prog
def lru_graph_saved(C):
    w = rl.ones(2, requires_grad=True)

    @functools.lru_cache
    def sc():
        return (w * 3).exp()

    def f(x):
        return (x * sc()).sum()

    f = C(f)
    r = []
    for i in range(3):
        y = f(rl.ones(2))
        r.append(y)
        try:
            y.backward(retain_graph=True)
            r.append(w.grad.clone())
        except RuntimeError as e:
            r.append("second" in str(e))
    return r


KEEP = {}


@prog
def global_dict_graph(C):
    KEEP.clear()
    w = rl.ones(2, requires_grad=True)

    def f(x):
        if "a" not in KEEP:
            KEEP["a"] = (w * x).tanh()
        return (KEEP["a"] * x).sum()

    f = C(f)
    r = []
    for i in range(4):
        y = f(rl.ones(2))
        y.backward(retain_graph=True)
        r += [y, w.grad.clone()]
    return r + [KEEP["a"]]


@prog
def lru_drop(C):
    @functools.lru_cache
    def mask():
        return F.dropout(rl.ones(8), 0.5)

    f = C(lambda x: x * mask())
    return [f(rl.ones(8)) for _ in range(3)] + [mask(), rl.rand(2)]


@prog
def index_err_stream(C):
    t = rl.randn(4, 3)

    def f(x, i):
        return (t[i] + rl.randn(3)).sum() + F.dropout(x, 0.5).sum()

    f = C(f)
    r = []
    for k in range(8):
        try:
            r.append(f(rl.ones(20), rl.tensor([k % 5])))
        except IndexError:
            r.append("IE")
        r.append(rl.rand(1))
    return r


@prog
def randn_small_err(C):
    t = rl.randn(4, 3)

    def f(i):
        return t[i] * rl.randn(3) + rl.rand(3)

    f = C(f)
    r = []
    for k in (1, 2, 9, 3, 9, 1):
        try:
            r.append(f(rl.tensor([k])))
        except IndexError:
            r.append("IE")
        r.append(rl.randn(1))
    return r


@prog
def name_clash(C):
    class T:
        pass

    t = T()
    t.w = rl.ones(2)
    t.SCALE_X = 0

    def f(x):
        return x * t.w * SCALE_X

    f = C(f)
    r = []
    for i in range(12):
        t.SCALE_X = [i]
        r.append(f(rl.ones(2)))
    return r


SCALE_X = 3.0


@prog
def new_attr(C):
    class S:
        pass

    s = S()
    f = C(lambda x: x * getattr(s, "k", 1) + hasattr(s, "j"))
    r = [f(rl.ones(1)), f(rl.ones(1))]
    s.k = 5
    r.append(f(rl.ones(1)))
    s.j = 1
    r.append(f(rl.ones(1)))
    del s.k
    r.append(f(rl.ones(1)))
    return r


@prog
def closure_rebound(C):
    fn = rl.sin
    f = C(lambda x: fn(x))
    r = [f(rl.ones(1)), f(rl.ones(1))]
    fn = rl.cos
    r.append(f(rl.ones(1)))
    return r


@prog
def method_patched(C):
    class A:
        def g(s, x):
            return x + 1

    a = A()
    f = C(lambda x: a.g(x))
    r = [f(rl.ones(1)), f(rl.ones(1))]
    A.g = lambda s, x: x + 2
    r.append(f(rl.ones(1)))
    a.g = lambda x: x + 3
    r.append(f(rl.ones(1)))
    return r


@prog
def deque_history(C):
    h = collections.deque(maxlen=3)

    def f(x):
        return x + len(h)

    f = C(f)
    r = []
    for i in range(6):
        r.append(f(rl.ones(1)))
        h.append(i)
    return r


@prog
def requires_grad_inside(C):
    def f(x):
        x = x.detach().requires_grad_()
        x.pow(3).sum().backward()
        return x.grad

    f = C(f)
    return [f(rl.ones(2) * i) for i in range(4)]


@prog
def set_rg_outside(C):
    w = rl.ones(2)

    def f(x):
        w.requires_grad_(True)
        (w * x).sum().backward()
        return w.grad

    f = C(f)
    return [f(rl.ones(2)) for i in range(4)] + [w]


@prog
def inference(C):
    w = rl.ones(2, requires_grad=True)
    f = C(lambda x: x * w)
    r = []
    for i in range(3):
        r.append(f(rl.ones(2)))
        with rl.inference_mode():
            r.append(f(rl.ones(2)).clone())
    return r


@prog
def default_dtype(C):
    f = C(lambda x: rl.zeros(2) + 1.5)
    r = []
    for d in (rl.float32, rl.float64, rl.float32):
        rl.set_default_dtype(d)
        r.append(f(rl.ones(1)))
    rl.set_default_dtype(rl.float32)
    return r


@prog
def pads_list(C):
    f = C(lambda xs: rl.stack(xs).sum(0))
    r = []
    for n in (1, 2, 3, 2):
        r.append(f([rl.ones(2)] * n))
        r.append(f([rl.ones(2) * k for k in range(n)]))
    return r


@prog
def none_args(C):
    f = C(lambda x, m=None: x if m is None else x * m)
    o = rl.ones(2)
    return [f(o), f(o, None), f(o, o * 2), f(o, m=o), f(o, m=None)]


@prog
def string_mode(C):
    f = C(lambda x, m: x + 1 if m == "a" else x - 1)
    return [f(rl.ones(1), m) for m in "abab"]


@prog
def view_out_mutate(C):
    w = rl.zeros(4)
    f = C(lambda x: (w.add_(x), w[1:])[1])
    r = []
    for i in range(3):
        v = f(rl.ones(4))
        v.mul_(2)
        r += [v, w.clone()]
    return r


@prog
def grad_fn_names(C):
    w = rl.ones(3, requires_grad=True)
    f = C(lambda x: x * w)
    y = f(rl.ones(3))
    y = f(rl.ones(3))
    z = (y * 2).sum()
    z.backward()
    r = [w.grad.clone()]
    try:
        z.backward()
    except RuntimeError as e:
        r.append("second" in str(e))
    return r


@prog
def double_backward_out(C):
    w = rl.ones(3, requires_grad=True)
    f = C(lambda x: (x * w).pow(3).sum())
    r = []
    for _ in range(2):
        y = f(rl.ones(3))
        try:
            (g,) = rl.autograd.grad(y, w, create_graph=True)
            r.append(g)
        except RuntimeError:
            r.append("no")
    return r[:0]


@prog
def yields(C):
    def f(x):
        def g():
            for k in range(3):
                yield x * k

        return sum(g())

    f = C(f)
    return [f(rl.ones(2)) for _ in range(3)]


@prog
def is_function(C):
    def f(x):
        yield x
        yield x * 2

    f = C(f)
    return [list(f(rl.ones(2))) for _ in range(3)]


@prog
def thread_inside(C):
    def f(x):
        r = []
        t = threading.Thread(target=lambda: r.append(x * 2))
        t.start()
        t.join()
        return r[0]

    f = C(f)
    return [f(rl.ones(2) * i) for i in range(3)]


@prog
def seen_by_id(C):
    seen = set()

    def f(x):
        return x + len(seen)

    f = C(f)
    r = []
    for i in range(5):
        seen.add(i % 3)
        r.append(f(rl.ones(1)))
    return r
