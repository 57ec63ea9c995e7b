"""Whole derivatives of functions: Jacobians, Hessians, and their products with vectors."""

from collections.abc import Callable
from typing import Any

from .._core import modes
from .._core.backward import grad
from .._core.kinds import DIFFERENTIABLE
from .._core.tape import TensorBase


def _tuple(values: Any) -> tuple[bool, tuple]:
    return (True, tuple(values)) if isinstance(values, (tuple, list)) else (False, (values,))


def _inputs(values: tuple, create_graph: bool) -> tuple:
    """Fresh leaves at the given values (or, to be differentiated again, the values themselves)."""
    return tuple(
        v.view_as(v) if create_graph and v.requires_grad else v.detach().requires_grad_()
        for v in values
    )


def _called(func: Callable, inputs: Any, create_graph: bool) -> tuple:
    many, given = _tuple(inputs)
    with modes.enable_grad():
        own = _inputs(given, create_graph)
        out = func(*own)
    many_out, outs = _tuple(out)
    for o in outs:
        if not isinstance(o, TensorBase):
            raise TypeError(
                "The outputs of the user-provided function must be Tensors; one is "
                f"{type(o).__name__}"
            )
    return many, own, many_out, outs


def _finish(values: tuple, many: bool, create_graph: bool) -> Any:
    """Results for the user: one alone where there was one, constants unless asked for more."""
    made = values if create_graph else tuple(v.detach() for v in values)
    return made if many else made[0]


def gradients(outs: Any, ins: tuple, seeds: Any, create_graph: bool, strict: bool = False) -> tuple:
    """What arrives at each input; zeros where nothing does, unless `strict` refuses that."""
    live = [(o, s) for o, s in zip(outs, seeds) if o.requires_grad]
    if not live:
        if strict:
            raise RuntimeError(
                "The output of the user-provided function is independent of its inputs. This is "
                "not allowed in strict mode."
            )
        return tuple(DIFFERENTIABLE.zeros_like(x) for x in ins)
    live_outs, live_seeds = zip(*live)
    made = grad(live_outs, list(ins), live_seeds, True, create_graph, allow_unused=True)
    if strict and any(g is None for g in made):
        raise RuntimeError("Output is independent of an input. This is not allowed in strict mode.")
    return tuple(DIFFERENTIABLE.zeros_like(x) if g is None else g for g, x in zip(made, ins))


def jacobian(
    func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """d func / d inputs: for each output and input a tensor of both shapes, one after the other."""
    many, own, many_out, outs = _called(func, inputs, create_graph)
    made = []
    for o in outs:
        rows: list = []
        flat = o.reshape((-1,))
        for i in range(flat.shape[0]):
            seed = flat.new_zeros((flat.shape[0],))
            seed[i] = 1
            rows.append(gradients([flat], own, [seed], create_graph, strict))
        made.append(tuple(
            DIFFERENTIABLE.stack([r[k] for r in rows]).reshape((*o.shape, *x.shape)) if rows
            else x.new_zeros((*o.shape, *x.shape))
            for k, x in enumerate(own)
        ))  # fmt: skip
    shaped = tuple(_finish(r, many, create_graph) for r in made)
    return shaped if many_out else shaped[0]


def hessian(
    func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The second derivatives of a function with one scalar output."""
    many, given = _tuple(inputs)

    def slopes(*xs: Any) -> tuple:
        out = func(*xs)
        if out.numel() != 1:
            raise RuntimeError("The function given to hessian should return a single scalar value.")
        return gradients([out], xs, [out.new_ones(tuple(out.shape))], True, strict)

    made = jacobian(slopes, given, create_graph, strict)
    return made if many else made[0][0]


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(func(inputs), the product of `v` with the Jacobian)."""
    many, own, many_out, outs = _called(func, inputs, create_graph)
    seeds = _seeds(outs, v, "func")
    with modes.enable_grad() if create_graph else modes.no_grad():
        made = gradients(outs, own, seeds, create_graph, strict)
    return _finish(outs, many_out, create_graph), _finish(made, many, create_graph)


def _seeds(values: Any, v: Any, of: str) -> tuple:
    if v is None:
        if len(values) != 1 or values[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the user-provided {of} returns a single "
                "Tensor with a single element."
            )
        return (values[0].new_ones(tuple(values[0].shape)),)
    _, vs = _tuple(v)
    for x, y in zip(values, vs):
        if x.shape != y.shape:
            raise RuntimeError(f"v has invalid size: should be {x.shape} but got {y.shape}.")
    return vs


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(func(inputs), the product of the Jacobian with `v`), by differentiating backward twice."""
    _, own, many_out, outs = _called(func, inputs, True)
    vs = _seeds(own, v, "function's input")
    with modes.enable_grad():
        dummies = tuple(o.new_zeros(tuple(o.shape)).requires_grad_() for o in outs)
        back = gradients(outs, own, dummies, True, strict)
        made = gradients(back, dummies, vs, create_graph, False)
    return _finish(outs, many_out, create_graph), _finish(made, many_out, create_graph)


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(func(inputs), the product of `v` with the Hessian)."""
    many, own, _, outs = _called(func, inputs, create_graph)
    vs = _seeds(own, v, "function's input")
    with modes.enable_grad():
        first = gradients(outs, own, [outs[0].new_ones(tuple(outs[0].shape))], True, strict)
        made = gradients(first, own, vs, create_graph, False)
    return _finish(outs, False, create_graph), _finish(made, many, create_graph)


hvp = vhp
