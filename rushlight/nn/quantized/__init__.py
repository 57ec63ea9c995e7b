"""What PyTorch's quantisation leaves in floating-point models; nothing here quantises."""

from typing import Any

from ..._ops.joining import cat as _cat
from ..._tensor import Tensor
from ..modules.linear import Identity
from ..modules.module import Module


class FloatFunctional(Module):
    """Arithmetic as methods, whose results pass through the module `activation_post_process`."""

    def __init__(self) -> None:
        super().__init__()
        self.activation_post_process = Identity()

    def forward(self, x: Any) -> Any:
        raise RuntimeError(
            "FloatFunctional is not intended to use the 'forward'. Please use the specific "
            "operation"
        )

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """x + y."""
        return self.activation_post_process(x + y)

    def add_scalar(self, x: Tensor, y: float) -> Tensor:
        """x + y for a number y."""
        return x + y

    def mul(self, x: Tensor, y: Tensor) -> Tensor:
        """x * y."""
        return self.activation_post_process(x * y)

    def mul_scalar(self, x: Tensor, y: float) -> Tensor:
        """x * y for a number y."""
        return x * y

    def cat(self, x: list[Tensor], dim: int = 0) -> Tensor:
        """Tensors joined along `dim`."""
        return self.activation_post_process(_cat(x, dim))

    def add_relu(self, x: Tensor, y: Tensor) -> Tensor:
        """max(x + y, 0)."""
        return self.activation_post_process((x + y).relu())

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        """x @ y."""
        return self.activation_post_process(x @ y)
