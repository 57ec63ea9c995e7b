"""Affine maps: linear and bilinear."""

from typing import Any

from ..._ops.matmul import linear as linear


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """`input1 @ weight[k] @ input2 + bias[k]` for each output feature k.

    Args:
        input1: (..., in1).
        input2: (..., in2), with the same leading sizes.
        weight: (out, in1, in2).
        bias: (out).
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear(): input batch dimensions do not match: got "
            f"{list(input1.shape[:-1])} and {list(input2.shape[:-1])}"
        )
    if input1.shape[-1] != weight.shape[1] or input2.shape[-1] != weight.shape[2]:
        raise RuntimeError(
            f"bilinear(): the weight takes sizes {weight.shape[1]} and {weight.shape[2]}; the "
            f"inputs have {input1.shape[-1]} and {input2.shape[-1]}"
        )
    rows = input1.reshape(-1, input1.shape[-1])  # (rows, in1)
    cols = input2.reshape(-1, input2.shape[-1])  # (rows, in2)
    out, in1, in2 = weight.shape
    left = rows @ weight.permute(1, 0, 2).reshape(in1, out * in2)  # (rows, out * in2)
    products = left.reshape(-1, out, in2) * cols.unsqueeze(1)
    made = products.sum(-1, dtype=products.dtype)  # (rows, out)
    made = made.reshape(*input1.shape[:-1], out)
    return made if bias is None else made + bias
