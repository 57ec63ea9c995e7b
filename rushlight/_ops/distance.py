"""Lengths of the last axis, under the names that PyTorch's distance functions give their nodes."""

from typing import Any

from .._core.op import op
from .norms import linalg_vector_norm

_slope = linalg_vector_norm.op.rules["x"]


def _norms(node: str, name: str) -> Any:
    """A record of the p-norm along the last axis whose node is called `node`."""

    def body(m: Any, x: Any, *, ord: float = 2.0, keepdim: bool = False) -> Any:
        """The p-norm along the last axis."""
        return linalg_vector_norm.op.body(m, x, ord=ord, dim=len(x.shape) - 1, keepdim=keepdim)

    def slope(m: Any, g: Any, x: Any, out: Any, ord: float, keepdim: bool) -> Any:
        return _slope(m, g, x, out, ord, len(x.shape) - 1, keepdim)

    made = op("reduce", name=name, node=node)(body)
    made.vjp("x")(slope)
    return made


difference_norms = _norms("NormBackward1", "difference_norms")
pair_norms = _norms("PdistBackward0", "pair_norms")
