"""Derivatives of functions as functions: grad, vjp, jvp, jacrev, jacfwd, hessian."""

import functools
from collections.abc import Callable
from typing import Any

from .._arrays.dual import Dual, DualArray, fresh
from .._core import modes
from .._core.kinds import DIFFERENTIABLE
from .._core.tape import make
from .._core.views import edge
from ..autograd.functional import gradients
from .levels import level
from .mapping import vmap
from .trees import flatten, is_tensor, unflatten


def _fresh(x: Any) -> Any:
    """The same value as an input of its own, where it can have a gradient."""
    return fresh(x) if is_tensor(x) and x.array.dtype.kind in "fcV" else x


def _chosen(argnums: Any, args: tuple) -> tuple[tuple, bool]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for i in numbers:
        if not -len(args) <= i < len(args):
            raise RuntimeError(f"Got argnum={i}, but only {len(args)} positional inputs")
    return tuple(i % len(args) for i in numbers), isinstance(argnums, int)


def _with(args: tuple, numbers: tuple, others: tuple) -> list:
    made = list(args)
    for i, x in zip(numbers, others):
        made[i] = x
    return made


def _closed(tree: Any) -> Any:
    """Results of a transform: outside a graph of its caller they are constants."""
    leaves, spec = flatten(tree)
    return unflatten([x.detach() if is_tensor(x) else x for x in leaves], spec)


def grad_and_value(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """A function that gives (gradient, value), or (gradient, (value, aux))."""

    @functools.wraps(func)
    def inside(*args: Any, **kwargs: Any) -> Any:
        numbers, single = _chosen(argnums, args)
        leaves, spec = flatten(tuple(args[i] for i in numbers))
        nested = modes.local.grad and any(
            is_tensor(x) and x.requires_grad for x in flatten((args, kwargs))[0]
        )
        with modes.enable_grad():
            own = [_fresh(x) for x in leaves]
            out = func(*_with(args, numbers, unflatten(own, spec)), **kwargs)
            value, aux = out if has_aux else (out, None)
            if not is_tensor(value):
                raise RuntimeError(
                    f"Expected f(*args) to return a tensor, got {type(value).__name__}"
                )
            if value.dim() != 0:
                raise RuntimeError(
                    "Expected f(*args) to return a scalar tensor, got tensor with "
                    f"{value.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            live = [is_tensor(x) and x.requires_grad for x in own]
            flat = [x for x, lives in zip(own, live) if lives]
            made = iter(_gradients([value], flat, [DIFFERENTIABLE.zeros_like(value) + 1]))
        grads = unflatten([next(made) if lives else None for lives in live], spec)
        result = (grads[0] if single else grads, (value, aux) if has_aux else value)
        return result if nested or _inside(value) else _closed(result)

    return inside


def _inside(x: Any) -> bool:
    return hasattr(x.array, "names") and x.array.names.level > 0


def _gradients(outs: list, ins: list, seeds: list) -> list:
    return list(gradients(outs, tuple(ins), seeds, create_graph=True)) if ins else []


def grad(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of a scalar function (or (gradient, aux))."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def inside(*args: Any, **kwargs: Any) -> Any:
        made, value = both(*args, **kwargs)
        return (made, value[1]) if has_aux else made

    return inside


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """(func(*primals), a function from cotangents to the gradients of all primals)."""
    leaves, spec = flatten(primals)
    with modes.enable_grad():
        own = [_fresh(x) for x in leaves]
        out = func(*unflatten(own, spec))
    out, aux = out if has_aux else (out, None)
    outs, out_spec = flatten(out)

    def pull(*cotangents: Any) -> Any:
        seeds = flatten(cotangents[0] if len(cotangents) == 1 else cotangents)[0]
        with modes.enable_grad():
            return unflatten(_gradients(outs, own, seeds), spec)

    constant = [o.detach() if is_tensor(o) and not _inside(o) else o for o in outs]
    shown = unflatten(constant, out_spec)
    return (shown, pull, aux) if has_aux else (shown, pull)


def jvp(
    func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> tuple:
    """(func(*primals), the derivative in the direction of the tangents)."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to be tuples.")
    values, spec = flatten(primals)
    moves, _ = flatten(tangents)
    if len(values) != len(moves):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python "
            "structure."
        )
    with level() as depth:
        names = Dual(depth)
        duals = [make(DualArray(names, x, t), x.device) for x, t in zip(values, moves)]
        out = func(*unflatten(duals, spec))
        out, aux = out if has_aux else (out, None)
        outs, out_spec = flatten(out)
        for o in outs:
            edge(o)
        opened = [names.enter(o) for o in outs]
    primal = unflatten([d.value for d in opened], out_spec)
    tangent = unflatten(
        [DIFFERENTIABLE.zeros_like(d.value) if d.tangent is None else d.tangent for d in opened],
        out_spec,
    )
    return (primal, tangent, aux) if has_aux else (primal, tangent)


def linearize(func: Callable, *primals: Any) -> tuple:
    """(func(*primals), a function from tangents to the derivative in their direction)."""
    out = func(*primals)

    def push(*tangents: Any) -> Any:
        return jvp(func, primals, tangents)[1]

    return out, push


def _basis(x: Any) -> Any:
    """The unit vectors of x's space: (elements, *shape)."""
    n = x.numel()
    eye = x.new_zeros((n, n)).fill_diagonal_(1) if n else x.new_zeros((0, 0))
    return eye.reshape((n, *x.shape))


def jacrev(
    func: Callable, argnums: Any = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable:
    """The Jacobian of a function, row by row (backward)."""

    @functools.wraps(func)
    def inside(*args: Any, **kwargs: Any) -> Any:
        numbers, single = _chosen(argnums, args)

        def partial(*xs: Any) -> Any:
            return func(*_with(args, numbers, xs), **kwargs)

        made = vjp(partial, *[args[i] for i in numbers], has_aux=has_aux)
        out, pull = made[0], made[1]
        outs, spec = flatten(out)
        rows = []
        for k, o in enumerate(outs):

            def one(seed: Any, k: int = k) -> Any:
                seeds = [DIFFERENTIABLE.zeros_like(x) for x in outs]
                seeds[k] = seed
                return pull(unflatten(seeds, spec))

            jac = vmap(one, chunk_size=chunk_size)(_basis(o))
            rows.append(_shaped(jac, tuple(o.shape), single))
        result = unflatten(rows, spec)
        return (result, made[2]) if has_aux else result

    return inside


def _shaped(jac: tuple, shape: tuple, single: bool) -> Any:
    parts = []
    for tree in jac:
        leaves, spec = flatten(tree)
        parts.append(unflatten([x.reshape((*shape, *x.shape[1:])) for x in leaves], spec))
    return parts[0] if single else tuple(parts)


def jacfwd(
    func: Callable, argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable:
    """The Jacobian of a function, column by column (forward)."""

    @functools.wraps(func)
    def inside(*args: Any, **kwargs: Any) -> Any:
        numbers, single = _chosen(argnums, args)
        columns = []
        aux = None
        for i in numbers:
            x = args[i]

            def one(tangent: Any, i: int = i, x: Any = x) -> Any:
                def partial(v: Any) -> Any:
                    return func(*_with(args, (i,), (v,)), **kwargs)

                return jvp(partial, (x,), (tangent,), has_aux=has_aux)[1:]

            pushed = vmap(one, randomness=randomness)(_basis(x))
            aux = flatten(pushed[1])[0] if has_aux else None
            leaves, spec = flatten(pushed[0])
            fixed = [y.movedim(0, -1).reshape((*y.shape[1:], *x.shape)) for y in leaves]
            columns.append(unflatten(fixed, spec))
        made = columns[0] if single else _transposed(columns)
        return (made, aux[0][0]) if has_aux and aux else made

    return inside


def _transposed(columns: list) -> Any:
    """From one tree of outputs per input to one tuple of inputs per output."""
    trees = [flatten(c) for c in columns]
    rows = [tuple(leaves[k] for leaves, _ in trees) for k in range(len(trees[0][0]))]
    return unflatten(rows, trees[0][1])


def hessian(func: Callable, argnums: Any = 0) -> Callable:
    """The second derivatives of a function: forward over backward."""
    return jacfwd(jacrev(func, argnums), argnums)
