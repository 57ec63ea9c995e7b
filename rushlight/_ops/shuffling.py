"""Pixels for channels and channels for pixels: shuffles that only move elements."""

from typing import Any

from .._core.op import op


def _lead(input: Any) -> tuple:
    return input.shape[: len(input.shape) - 3]


def _spread_out(m: Any, x: Any, r: int) -> Any:
    """(..., c r r, h, w) -> (..., c, h r, w r)."""
    lead, (c, h, w) = _lead(x), x.shape[-3:]
    n = len(lead)
    x = m.reshape(x, (*lead, c // (r * r), r, r, h, w))
    x = m.permute_dims(x, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return m.reshape(x, (*lead, c // (r * r), h * r, w * r))


def _gathered(m: Any, x: Any, r: int) -> Any:
    """(..., c, h r, w r) -> (..., c r r, h, w)."""
    lead, (c, h, w) = _lead(x), x.shape[-3:]
    n = len(lead)
    x = m.reshape(x, (*lead, c, h // r, r, w // r, r))
    x = m.permute_dims(x, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return m.reshape(x, (*lead, c * r * r, h // r, w // r))


def _check_image(name: str, input: Any) -> None:
    if len(input.shape) < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with "
            f"{len(input.shape)} dimension(s); its shape is {list(input.shape)}, expected (..., "
            "channels, height, width)"
        )


@op("move")
def pixel_shuffle(m, input, *, upscale_factor: int):
    """(..., c r r, h, w) as (..., c, h r, w r): channels become pixels."""
    _check_image("pixel_shuffle", input)
    r, c = upscale_factor, input.shape[-3]
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={c} is not divisible by {r * r}"
        )
    return _spread_out(m, input, r)


@pixel_shuffle.vjp("input")
def _(m, g, upscale_factor):
    return _gathered(m, g, upscale_factor)


@op("move")
def pixel_unshuffle(m, input, *, downscale_factor: int):
    """(..., c, h r, w r) as (..., c r r, h, w): pixels become channels."""
    _check_image("pixel_unshuffle", input)
    r, (h, w) = downscale_factor, input.shape[-2:]
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    for name, axis, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({axis})={size} is not divisible by {r}"
            )
    return _gathered(m, input, r)


@pixel_unshuffle.vjp("input")
def _(m, g, downscale_factor):
    return _spread_out(m, g, downscale_factor)


def _dealt(m: Any, x: Any, groups: int) -> Any:
    """Channels dealt out in turn: (n, groups, each, ...) -> (n, each, groups, ...)."""
    n, c = x.shape[:2]
    parts = m.reshape(x, (n, groups, c // groups, *x.shape[2:]))
    order = (0, 2, 1, *range(3, len(parts.shape)))
    return m.reshape(m.permute_dims(parts, order), x.shape)


@op("move")
def channel_shuffle(m, input, *, groups: int):
    """Channels of several groups, dealt out in turn."""
    if len(input.shape) < 3:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if input.shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {input.shape[1]} channels and "
            f"{groups} groups."
        )
    return _dealt(m, input, groups)


@channel_shuffle.vjp("input")
def _(m, g, groups):
    return _dealt(m, g, g.shape[1] // groups)
