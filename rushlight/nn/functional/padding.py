"""Padding with PyTorch's arguments."""

from collections.abc import Sequence

from ..._ops import padding as ops
from ..._tensor import Tensor


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """The input with more elements before and after its last axes.

    Args:
        pad: (before, after) of the last axis, then of the one before it ...; negative ones cut.
        mode: "constant", "reflect", "replicate" or "circular".
        value: what a constant padding holds; 0 by default.
    """
    widths = tuple(int(p) for p in pad)
    if len(widths) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2; pad has {len(widths)} numbers")
    if len(widths) > 2 * input.dim():
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(widths)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        return ops.constant_pad_nd(input, widths, 0 if value is None else value)
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    axes = len(widths) // 2
    if not (0 < axes < 4 and input.dim() in (axes + 1, axes + 2)):
        raise NotImplementedError(
            f"Padding size {len(widths)} is not supported for {input.dim()}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    if mode == "reflect":
        return ops.reflection_pad[axes](input, widths)
    if mode == "replicate":
        return ops.replication_pad[axes](input, widths)
    if mode == "circular":
        return ops.circular_pad(input, widths)
    raise NotImplementedError(f"Unrecognised padding mode {mode}")
