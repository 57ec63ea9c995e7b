"""Resampling to another size: nearest, linear and cubic along each axis."""

from typing import Any

from .ranks import ranked
from .separable import apply, choosing, transposed

Sizes = tuple[int, ...]
Scales = tuple[float | None, ...]


def _ratio(size: int, out: int, scale: float | None, align_corners: bool) -> float:
    """Input steps per output step."""
    if align_corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1 / scale if scale else size / out


def _sources(
    m: Any, size: int, out: int, scale: float | None, align_corners: bool, dtype: Any
) -> Any:
    """Where in the input, in pixels, the centre of each output pixel lies."""
    ratio, places = _ratio(size, out, scale, align_corners), m.arange(0, out, 1, dtype)
    return places * ratio if align_corners else (places + 0.5) * ratio - 0.5


def _nearest_places(m: Any, size: int, out: int, scale: float | None, shift: float) -> Any:
    """Along an axis, the input pixel that each output pixel copies."""
    ratio = _ratio(size, out, scale, False)
    places = (m.arange(0, out, 1, m.float32) + shift) * ratio
    return m.minimum(m.astype(m.floor(places), m.int64), size - 1)


def _nearest(m: Any, input: Any, size: Sizes, scales: Scales, shift: float) -> Any:
    first = len(input.shape) - len(size)
    for i, (out, scale) in enumerate(zip(size, scales)):
        if out != input.shape[first + i] or scale is not None:
            input = m.take(
                input, _nearest_places(m, input.shape[first + i], out, scale, shift), first + i
            )
    return input * 1


def _nearest_slope(m: Any, g: Any, shape: tuple, size: Sizes, scales: Scales, shift: float) -> Any:
    tail = shape[len(shape) - len(size) :]
    matrices = [
        choosing(m, _nearest_places(m, n, out, scale, shift), None, n, g.dtype)
        for n, out, scale in zip(tail, size, scales)
    ]
    return apply(m, transposed(m, matrices), g)


@ranked(
    None, "UpsampleNearest1DBackward0", "UpsampleNearest2DBackward0", "UpsampleNearest3DBackward0"
)
def resample_nearest(m, input, *, size: Sizes, scales: Scales):
    """Each output pixel a copy of the input pixel at or before its corner."""
    return _nearest(m, input, size, scales, 0.0)


@resample_nearest.vjp("input")
def _(m, g, input_shape, size, scales):
    return _nearest_slope(m, g, input_shape, size, scales, 0.0)


@ranked(
    None,
    "UpsampleNearestExact1DBackward0",
    "UpsampleNearestExact2DBackward0",
    "UpsampleNearestExact3DBackward0",
)
def resample_nearest_exact(m, input, *, size: Sizes, scales: Scales):
    """Each output pixel a copy of the input pixel under its centre."""
    return _nearest(m, input, size, scales, 0.5)


@resample_nearest_exact.vjp("input")
def _(m, g, input_shape, size, scales):
    return _nearest_slope(m, g, input_shape, size, scales, 0.5)


def _linear_matrix(
    m: Any, size: int, out: int, scale: float | None, align_corners: bool, dtype: Any
) -> Any:
    """Each output pixel as a mean of its two neighbours, weighted by nearness."""
    where = m.maximum(_sources(m, size, out, scale, align_corners, dtype), 0)
    lower = m.minimum(m.astype(m.floor(where), m.int64), size - 1)
    part = m.minimum(where - m.astype(lower, dtype), 1)
    upper = m.minimum(lower + 1, size - 1)
    return choosing(m, lower, 1 - part, size, dtype) + choosing(m, upper, part, size, dtype)


_A = -0.75  # Keys' cubic with the slope at 1 that PyTorch and OpenCV take


def _cubic_near(t: Any, a: float) -> Any:
    return ((a + 2) * t - (a + 3)) * t * t + 1


def _cubic_far(t: Any, a: float) -> Any:
    return ((t - 5) * t + 8) * t * a - 4 * a


def cubic_weights(t: Any) -> list:
    """Keys' cubic for the pixels at -1, 0, 1 and 2 from the one below, at `t` above it."""
    return [
        _cubic_far(t + 1, _A), _cubic_near(t, _A), _cubic_near(1 - t, _A), _cubic_far(2 - t, _A)
    ]  # fmt: skip


def _cubic_matrix(
    m: Any, size: int, out: int, scale: float | None, align_corners: bool, dtype: Any
) -> Any:
    """Each output pixel as a cubic mean of its four neighbours; beyond an end, the end pixel."""
    where = _sources(m, size, out, scale, align_corners, dtype)
    base = m.floor(where)
    place, made = m.astype(base, m.int64), 0
    for step, weight in zip((-1, 0, 1, 2), cubic_weights(where - base)):
        held = m.maximum(m.minimum(place + step, size - 1), 0)
        made = choosing(m, held, weight, size, dtype) + made
    return made


def _triangle(m: Any, t: Any) -> Any:
    return m.maximum(1 - m.abs(t), 0)


_SMOOTH = -0.5  # the cubic's slope where antialiasing is on, as in Pillow


def _cubic_bump(m: Any, t: Any) -> Any:
    t = m.abs(t)
    return m.where(t < 1, _cubic_near(t, _SMOOTH), m.where(t < 2, _cubic_far(t, _SMOOTH), 0))


def _smoothing(bump: Any, reach: float) -> Any:
    """The matrices of antialiased resampling: when shrinking, the kernel widens with the ratio."""

    def matrix(
        m: Any, size: int, out: int, scale: float | None, align_corners: bool, dtype: Any
    ) -> Any:
        ratio = _ratio(size, out, scale, align_corners)
        wide = max(ratio, 1.0)
        centre = m.reshape((m.arange(0, out, 1, dtype) + 0.5) * ratio, (out, 1))
        support = reach * wide
        first = m.maximum(m.floor(centre - support + 0.5), 0)
        last = m.minimum(m.floor(centre + support + 0.5), size)
        place = m.reshape(m.arange(0, size, 1, dtype), (1, size))
        weight = bump(m, (place - centre + 0.5) / wide)
        weight = m.where((place >= first) & (place < last), weight, 0)
        return weight / m.sum(weight, axis=1, keepdims=True)

    return matrix


_MATRICES = {
    "linear": _linear_matrix,
    "cubic": _cubic_matrix,
    "smooth linear": _smoothing(_triangle, 1.0),
    "smooth cubic": _smoothing(_cubic_bump, 2.0),
}


def _matrices(
    m: Any, kind: str, shape: tuple, size: Sizes, scales: Scales, align_corners: bool, dtype: Any
) -> list:
    made = _MATRICES[kind]
    tail = shape[len(shape) - len(size) :]
    return [made(m, n, o, s, align_corners, dtype) for n, o, s in zip(tail, size, scales)]


def _separable(kind: str, *nodes: str) -> Any:
    """The records of one kind of interpolation."""

    def body(
        m: Any, input: Any, *, size: Sizes, scales: Scales, align_corners: bool = False
    ) -> Any:
        """The input's last axes resampled to `size`."""
        return apply(
            m, _matrices(m, kind, input.shape, size, scales, align_corners, input.dtype), input
        )

    def slope(
        m: Any, g: Any, input_shape: tuple, size: Any, scales: Any, align_corners: Any
    ) -> Any:
        matrices = _matrices(m, kind, input_shape, size, scales, align_corners, g.dtype)
        return apply(m, transposed(m, matrices), g)

    body.__name__ = "resample_" + kind.replace(" ", "_")
    made = ranked(None, *nodes)(body)
    made.vjp("input")(slope)
    return made


resample_linear = _separable(
    "linear",
    "UpsampleLinear1DBackward0",
    "UpsampleBilinear2DBackward0",
    "UpsampleTrilinear3DBackward0",
)
resample_cubic = _separable("cubic", "UpsampleBicubic1DBackward0", "UpsampleBicubic2DBackward0")
resample_smooth_linear = _separable(
    "smooth linear", "UpsampleLinear1DAaBackward0", "UpsampleBilinear2DAaBackward0"
)
resample_smooth_cubic = _separable(
    "smooth cubic", "UpsampleBicubic1DAaBackward0", "UpsampleBicubic2DAaBackward0"
)
