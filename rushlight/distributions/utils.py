"""Small tools of the distributions: common shapes, probabilities and logits, values made once."""

from collections.abc import Callable, Iterator
from numbers import Number
from operator import attrgetter
from typing import Any

from .._core import dtypes, modes
from .._core.tape import TensorBase
from .._creation import tensor
from .._ops.elementary import sigmoid
from .._ops.softmaxes import softmax
from .._ops.views import broadcast_tensors
from ..nn.functional import binary_cross_entropy_with_logits

euler_constant = 0.57721566490153286060  # Euler and Mascheroni


def broadcast_all(*values: Any) -> list:
    """The values as tensors of one shape; numbers take dtype and device of the first tensor."""
    if not all(isinstance(v, (TensorBase, Number)) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
            f"__torch_function__. Got {', '.join(type(v).__name__ for v in values)}."
        )
    first: Any = next((v for v in values if isinstance(v, TensorBase)), None)
    dtype = dtypes.get_default_dtype() if first is None else first.dtype
    device = None if first is None else first.device
    made = [
        v if isinstance(v, TensorBase) else tensor(v, dtype=dtype, device=device) for v in values
    ]
    return list(broadcast_tensors(*made))


def clamp_probs(probs: Any) -> Any:
    """Probabilities kept away from 0 and 1, so that their logarithms are finite."""
    eps = dtypes.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """Probabilities from log-odds (`is_binary`), or from unnormalised log-probabilities."""
    return sigmoid(logits) if is_binary else softmax(logits, -1)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """Log-odds of probabilities (`is_binary`), or their logarithms."""
    kept = clamp_probs(probs)
    return kept.log() - (-kept).log1p() if is_binary else kept.log()


def log_odds_loss(logits: Any, value: Any) -> Any:
    """The negative log-likelihood of each 0 or 1 under its log-odds."""
    logits, value = broadcast_all(logits, value)
    return binary_cross_entropy_with_logits(logits, value, reduction="none")


def tril_matrix_to_vec(mat: Any, diag: int = 0) -> Any:
    """The lower triangles of square matrices as vectors, row by row."""
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., mat.new_ones(n, n).tril(diag).bool()]


def vec_to_tril_matrix(vec: Any, diag: int = 0) -> Any:
    """Lower triangular matrices from their elements row by row."""
    odd = 1 + 2 * diag
    n = ((odd**2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5 - odd) / 2
    if abs(round(n) - n) > 1e-6:
        raise ValueError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    n = round(n)
    matrix = vec.new_zeros((*vec.shape[:-1], n, n))
    matrix[..., matrix.new_ones(n, n).tril(diag).bool()] = vec
    return matrix


def of(part: str, names: str) -> Iterator[property]:
    """Properties that are those of a part, under the same names."""
    return (property(attrgetter(f"{part}.{name}")) for name in names.split())


class lazy_property:
    """A property computed when first asked for, with gradients, and then kept as an attribute."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped, self.__doc__ = wrapped, wrapped.__doc__

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return self
        with modes.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
