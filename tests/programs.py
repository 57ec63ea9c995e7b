"""Random programs of views, views of views, detach, and writing in place, in any framework."""

import math
import random
from typing import Any


def program(seed: int) -> list[tuple]:
    """A list of steps over one (3, 4) tensor, drawn from `seed`."""
    r = random.Random(seed)
    steps: list[tuple] = []
    shapes: list[tuple] = [(3, 4)]
    for _ in range(r.randint(3, 9)):
        i = r.randrange(len(shapes))
        what = r.choice(
            "view view view in_place in_place in_place in_place new detach write".split()
        )
        step, new = _step(r, what, i, shapes)
        steps.append(step)
        if new is not None:
            shapes.append(new)
    return steps


def _step(r: random.Random, what: str, i: int, shapes: list) -> tuple[tuple, Any]:
    s = shapes[i]
    if what == "view":
        return _view(r, i, s)
    if what == "in_place":
        like = [j for j in range(len(shapes)) if shapes[j] == s]
        kind = r.choice("mul_c add_c tanh mul add copy div_c exp".split())
        other = r.choice(like) if kind in ("mul", "add", "copy") else r.choice((0.5, 1.5, 2.0))
        return (kind, i, other), None
    if what == "write":
        return ("write", i, r.randrange(s[0]) if s else 0, r.choice((0.0, 1.0))), None
    if what == "new":
        j = r.choice([j for j in range(len(shapes)) if shapes[j] == s])
        return ("product", i, j), s
    return ("detach", i), s


def _view(r: random.Random, i: int, s: tuple) -> tuple[tuple, tuple]:
    how = r.choice("slice int transpose reshape".split())
    if how == "slice" and s:
        k = r.randrange(len(s))
        a = r.randrange(s[k])
        b, step = r.randint(a + 1, s[k]), r.choice((1, 1, 2))
        key = (slice(None),) * k + (slice(a, b, step),)
        return ("index", i, key), s[:k] + (len(range(a, b, step)),) + s[k + 1 :]
    if how == "int" and len(s) > 1:
        return ("index", i, (r.randrange(s[0]),)), s[1:]
    if how == "transpose" and len(s) > 1:
        return ("transpose", i), (s[1], s[0]) + s[2:]
    return ("reshape", i), (math.prod(s),)


def play(steps: list[tuple], leaf: Any) -> Any:
    """Run a program on a tensor; the result is a scalar that depends on every name."""
    live = [leaf * 1.0]
    for what, i, *rest in steps:
        _apply(live, what, live[i], rest)
    total = None
    for k, t in enumerate(live):
        part = (t * t).sum() * (k + 1.0)
        total = part if total is None else total + part
    return total


def _apply(live: list, what: str, t: Any, rest: list) -> None:
    if what == "index":
        live.append(t[rest[0]])
    elif what == "transpose":
        live.append(t.transpose(0, 1))
    elif what == "reshape":
        live.append(t.reshape(-1))
    elif what == "product":
        live.append(t * live[rest[0]])
    elif what == "detach":
        live.append(t.detach())
    elif what == "write":
        if len(t.shape):
            t[rest[0]] = rest[1]
    elif what == "tanh":
        t.tanh_()
    elif what == "exp":
        t.mul_(0.1)
        t.exp_()
    elif what == "copy":
        t.copy_(live[rest[0]] * 0.5)
    elif what.endswith("_c"):
        getattr(t, what[:3] + "_")(rest[0])
    else:
        getattr(t, what + "_")(live[rest[0]] * 0.5)
