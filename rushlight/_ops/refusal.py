"""Element types that an operation has no meaning for, refused with PyTorch's sentence."""

from typing import Any

from .._core import dtypes

BOOL, INTEGER, FLOAT, COMPLEX = 0, 1, 2, 3  # dtype categories
_INSTEAD = {
    BOOL: "convert the mask first, with input.int() or input.float()",
    INTEGER: "convert first, with input.float()",
    FLOAT: "it is for integers and masks: convert with input.long()",
    COMPLEX: "complex numbers are not ordered: take input.abs() or input.real",
}


def refuse(kernel: str, x: Any, *categories: int) -> None:
    """Raise if `x` is of one of the categories; `kernel` is the name in PyTorch's sentence."""
    if x.__class__ in dtypes.NUMBERS:
        return
    given = x.dtype
    if (given is dtypes.F32 or given is dtypes.F64) and FLOAT not in categories:
        return  # nearly all calls
    found = dtypes.of(given)
    if found.category in categories:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{found.type_name}'; {_INSTEAD[found.category]}"
        )


def is_plain(x: Any) -> bool:
    """Whether `x` is an array of float32 or float64, which no op on real numbers refuses."""
    if x.__class__ in dtypes.NUMBERS:
        return False
    given = x.dtype
    return given is dtypes.F32 or given is dtypes.F64


def is_complex_array(m: Any, x: Any) -> bool:
    """Whether `x` is an array of complex numbers."""
    return x.__class__ not in dtypes.NUMBERS and m.isdtype(x.dtype, "complex floating")


def is_integral_array(m: Any, x: Any) -> bool:
    """Whether `x` is an array of integers or of bools."""
    return x.__class__ not in dtypes.NUMBERS and (
        m.isdtype(x.dtype, "integral") or m.isdtype(x.dtype, "bool")
    )


def not_implemented(name: str) -> RuntimeError:
    """The error of a backward pass through an op that has no derivative in PyTorch."""
    return RuntimeError(
        f"derivative for aten::{name} is not implemented; {name} is a step function: detach() its "
        "inputs, or compute it under torch.no_grad()"
    )
