"""Linear and bilinear maps with PyTorch's arguments."""

from ..._ops.matmul import linear
from ..._tensor import Tensor

__all__ = ["bilinear", "linear"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1 @ weight[k] @ input2 for each output k, plus a bias.

    Args:
        input1: (..., a); input2: (..., b).
        weight: (outputs, a, b).
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear(): input batch dimensions do not match: got "
            f"{list(input1.shape[:-1])} and {list(input2.shape[:-1])}"
        )
    outputs, a, b = weight.shape
    for which, size, given in ((1, a, input1), (2, b, input2)):
        if given.shape[-1] != size:
            raise RuntimeError(
                f"bilinear(): input{which} size does not match weight size: got {given.shape[-1]} but "
                f"expected {size}"
            )
    first, second = input1.reshape(-1, a), input2.reshape(-1, 1, b)
    through = first.matmul(weight.permute(1, 0, 2).reshape(a, outputs * b))
    made = (through.view(-1, outputs, b) * second).sum(-1)  # (n, outputs)
    made = made.view(*input1.shape[:-1], outputs)
    return made if bias is None else made + bias
