"""Gradients checked against finite differences."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._core import modes
from .._core.backward import grad
from .._core.dtypes import of
from .._core.tape import TensorBase, make


class GradcheckError(RuntimeError):
    """A gradient that differs from the finite difference."""


def _tensors(values: Any) -> list:
    values = [values] if isinstance(values, TensorBase) else list(values)
    return [v for v in values if isinstance(v, TensorBase)]


def _wanted(inputs: Sequence) -> list:
    return [x for x in inputs if isinstance(x, TensorBase) and x.requires_grad]


def _numerical(fn: Callable, inputs: Sequence, x: Any, eps: float) -> list:
    """For each output, d output / d x as (outputs, elements of x), by central differences."""
    columns: list = []
    steps = [eps] if x.array.dtype.kind != "c" else [eps, 1j * eps]
    for i in range(x.array.size):
        place = np.unravel_index(i, x.array.shape)
        made = []
        for step in steps:
            old = x.array[place].item()
            with modes.no_grad():
                x.array[place] = old + step
                high = [np.array(o.array) for o in _tensors(fn(*inputs))]
                x.array[place] = old - step
                low = [np.array(o.array) for o in _tensors(fn(*inputs))]
                x.array[place] = old
            made.append([(h - l).reshape(-1) / (2 * eps) for h, l in zip(high, low)])
        columns.append(made)
    count = len(columns[0][0]) if columns else len(_tensors(fn(*inputs)))
    return [
        [np.stack([c[s][k] for c in columns], -1) for s in range(len(steps))] if columns else None
        for k in range(count)
    ]


def _analytical(output: Any, x: Any) -> Any:
    """d output / d x by backward passes, one for each element of the output."""
    rows = []
    for i in range(output.array.size):
        seed = np.zeros(output.array.shape, output.array.dtype)
        seed[np.unravel_index(i, seed.shape)] = 1
        (g,) = grad([output], [x], [make(seed)], retain_graph=True, allow_unused=True)
        rows.append(
            np.zeros(x.array.size, x.array.dtype) if g is None else np.array(g.array).reshape(-1)
        )
    return np.stack(rows) if rows else np.zeros((0, x.array.size), x.array.dtype)


def gradcheck(
    func: Callable, inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False, check_batched_grad: bool = False,
    check_forward_ad: bool = False, check_backward_ad: bool = True, fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:  # fmt: skip
    """Whether the gradients of `func` at `inputs` are the finite differences of its values.

    Inputs that require grad should be float64. Complex inputs are checked in both parts.

    Raises:
        GradcheckError: where they differ (unless `raise_exception` is False).
    """
    inputs = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    chosen = _wanted(inputs)
    if not chosen:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the "
            "them have requires_grad=True."
        )
    outputs = _tensors(func(*inputs))
    for number, x in enumerate(chosen):
        numeric = _numerical(func, inputs, x, eps)
        for k, output in enumerate(outputs):
            if not output.requires_grad:
                continue
            got = _analytical(output, x)
            want = _expected(numeric[k], output, x)
            if want is not None and not np.allclose(got, want, rtol, atol, equal_nan=True):
                if not raise_exception:
                    return False
                raise GradcheckError(
                    f"Jacobian mismatch for output {k} with respect to input {number},\n"
                    f"numerical:{want}\nanalytical:{got}\n"
                )
    return True


def _expected(parts: Any, output: Any, x: Any) -> Any:
    """What backward gives for unit seeds, from differences in the real (and imaginary) direction.

    PyTorch's convention for complex numbers: the gradient is the conjugate Wirtinger derivative,
    so that descent goes against it.
    """
    if parts is None:
        return None
    if len(parts) == 1:
        made = np.conj(parts[0]) if of(output.array.dtype).is_complex else parts[0]
        return made.real if not of(x.array.dtype).is_complex else made
    real, imaginary = parts
    return np.real(real) + 1j * np.real(imaginary)


def gradgradcheck(
    func: Callable, inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True,
    nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
    check_batched_grad: bool = False, check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True, fast_mode: bool = False, masked: bool = False,
) -> bool:  # fmt: skip
    """Whether second derivatives of `func` are the finite differences of its first."""
    inputs = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    outputs = [o for o in _tensors(func(*inputs)) if o.requires_grad]
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        grad_outputs = [
            make(rng.standard_normal(o.array.shape).astype(o.array.dtype)) for o in outputs
        ]
        for g in grad_outputs:
            g.needs = True
    seeds = [grad_outputs] if isinstance(grad_outputs, TensorBase) else list(grad_outputs)
    n = len(inputs)

    def first(*given: Any) -> tuple:
        own, gs = given[:n], given[n:]
        with modes.enable_grad():
            outs = [o for o in _tensors(func(*own)) if o.requires_grad]
            made = grad(outs, _wanted(own), list(gs), create_graph=True, allow_unused=True)
        return tuple(g for g in made if g is not None)

    return gradcheck(
        first, (*inputs, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception
    )
