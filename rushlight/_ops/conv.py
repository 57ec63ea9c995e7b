"""Convolutions and their transposes, in one, two and three dimensions, and image columns."""

from collections.abc import Iterator
from typing import Any

from .._core.kinds import speak
from .._core.op import op

Sizes = tuple[int, ...]


@op("same", node="ConvolutionBackward0", autocast="lower")
def convolve(
    m: Any,
    input: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Sizes = (1, 1),
    padding: Sizes = (0, 0),
    dilation: Sizes = (1, 1),
    groups: int = 1,
) -> Any:
    """Cross-correlation of a batch (n, c, ...) with filters (o, c / groups, ...), plus a bias."""
    made = m.conv(input, weight, stride, padding, dilation, groups)
    return made if bias is None else made + m.reshape(bias, (-1, *(1,) * len(stride)))


@convolve.vjp("input")
def _(
    m: Any,
    g: Any,
    input_shape: tuple,
    weight: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    return m.conv_input(g, m.conj(weight), input_shape, stride, padding, dilation, groups)


@convolve.vjp("weight")
def _(
    m: Any,
    g: Any,
    input: Any,
    weight_shape: tuple,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    return m.conv_weight(g, m.conj(input), weight_shape, stride, padding, dilation, groups)


@convolve.vjp("bias")
def _(m: Any, g: Any) -> Any:
    return _channel_sum(m, g)


def _channel_sum(m: Any, g: Any) -> Any:
    return m.sum(m.sum(m.reshape(g, (g.shape[0], g.shape[1], -1)), axis=2), axis=0)


@convolve.samples
def _(draw: Any) -> Iterator:
    one, two = (
        {"stride": (1,), "padding": (0,), "dilation": (1,)},
        {"stride": (2, 1), "dilation": (1, 2)},
    )
    yield (draw(2, 3, 5), draw(2, 3, 2), draw(2)), one
    yield tuple(draw(*s, dtype="complex") for s in ((1, 2, 4), (2, 2, 2), (2,))), one
    yield (draw(1, 2, 5, 6), draw(3, 2, 2, 3)), {**two, "padding": (1, 2)}
    yield (
        (draw(1, 4, 4, 4), draw(2, 2, 1, 1), draw(2)),
        {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 2},
    )
    three = {"stride": (1, 1, 2), "padding": (0, 1, 1), "dilation": (1, 1, 1)}
    yield (draw(1, 2, 3, 3, 3), draw(1, 2, 2, 2, 2)), three


@op("same", node="ConvolutionBackward0", autocast="lower")
def convolve_transposed(
    m: Any,
    input: Any,
    weight: Any,
    bias: Any = None,
    *,
    shape: Sizes = (),
    stride: Sizes = (1, 1),
    padding: Sizes = (0, 0),
    dilation: Sizes = (1, 1),
    groups: int = 1,
) -> Any:
    """The transpose of a convolution from `shape` to the input's: filters (c, o / groups, ...)."""
    made = m.conv_input(input, weight, shape, stride, padding, dilation, groups)
    return made if bias is None else made + m.reshape(bias, (-1, *(1,) * len(stride)))


@convolve_transposed.vjp("input")
def _(m: Any, g: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return m.conv(g, m.conj(weight), stride, padding, dilation, groups)


@convolve_transposed.vjp("weight")
def _(
    m: Any,
    g: Any,
    input: Any,
    weight_shape: tuple,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    return m.conv_weight(m.conj(input), g, weight_shape, stride, padding, dilation, groups)


@convolve_transposed.vjp("bias")
def _(m: Any, g: Any) -> Any:
    return _channel_sum(m, g)


@convolve_transposed.samples
def _(draw: Any) -> Iterator:
    plain = {"stride": (1,), "padding": (0,), "dilation": (1,)}
    yield (draw(2, 3, 4), draw(3, 2, 2), draw(2)), {"shape": (2, 2, 5), **plain}
    drawn = (draw(*s, dtype="complex") for s in ((1, 2, 3), (2, 1, 2), (1,)))
    yield tuple(drawn), {"shape": (1, 1, 4), **plain}
    two = {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1)}
    yield (draw(1, 2, 3, 3), draw(2, 1, 2, 2)), {"shape": (1, 2, 4, 4), **two, "groups": 2}


# The three words of convolution are linear in each argument: the gradients of one are the others.


@op("same", node="ConvolutionBackwardBackward0")
def convolution_for_input(
    m: Any,
    slope: Any,
    w: Any,
    *,
    shape: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int = 1,
) -> Any:
    """Gradient of a convolution for its input, from `slope`, the gradient of its result."""
    return m.conv_input(slope, w, shape, stride, padding, dilation, groups)


@convolution_for_input.vjp("slope")
def _(m: Any, g: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return m.conv(g, m.conj(w), stride, padding, dilation, groups)


@convolution_for_input.vjp("w")
def _(
    m: Any,
    g: Any,
    slope: Any,
    w_shape: tuple,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    return m.conv_weight(m.conj(slope), g, w_shape, stride, padding, dilation, groups)


@op("same", node="ConvolutionBackwardBackward0")
def convolution_for_weight(
    m: Any,
    slope: Any,
    x: Any,
    *,
    shape: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int = 1,
) -> Any:
    """Gradient of a convolution for its filters, from `slope`, the gradient of its result."""
    return m.conv_weight(slope, x, shape, stride, padding, dilation, groups)


@convolution_for_weight.vjp("slope")
def _(m: Any, g: Any, x: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return m.conv(m.conj(x), g, stride, padding, dilation, groups)


@convolution_for_weight.vjp("x")
def _(
    m: Any,
    g: Any,
    slope: Any,
    x_shape: tuple,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    return m.conv_input(m.conj(slope), g, x_shape, stride, padding, dilation, groups)


@convolution_for_input.samples
def _(draw: Any) -> Iterator:
    plain = {"stride": (1,), "padding": (0,), "dilation": (1,)}
    yield (draw(2, 2, 4), draw(2, 3, 2)), {"shape": (2, 3, 5), **plain}


@convolution_for_weight.samples
def _(draw: Any) -> Iterator:
    plain = {"stride": (1,), "padding": (0,), "dilation": (1,)}
    yield (draw(2, 2, 4), draw(2, 3, 5)), {"shape": (2, 3, 2), **plain}


@op(None, node="UnfoldBackward0")
def windows(m: Any, input: Any, *, size: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """(..., L) as (..., out, size) over the last len(size) axes: what each window sees."""
    return m.windows(input, size, stride, dilation)


@windows.vjp("input")
def _(m: Any, g: Any, input_shape: tuple, stride: Any, dilation: Any) -> Any:
    return m.unwindows(g, input_shape, stride, dilation)


@op(None, node="UnfoldBackwardBackward0")
def unwindows(m: Any, input: Any, *, shape: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """Overlapping windows added up into zeros of `shape`: the adjoint of `windows`."""
    return m.unwindows(input, shape, stride, dilation)


@unwindows.vjp("input")
def _(m: Any, g: Any, input_shape: tuple, stride: Any, dilation: Any) -> Any:
    return m.windows(g, input_shape[len(input_shape) - len(stride) :], stride, dilation)


@windows.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 5),), {"size": (2,), "stride": (1,), "dilation": (2,)}
    yield (draw(2, 5, 4),), {"size": (2, 3), "stride": (2, 1), "dilation": (1, 1)}


@unwindows.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 3, 2),), {"shape": (2, 5), "stride": (1,), "dilation": (2,)}


def _ends(ndim: int, padding: Sizes) -> list:
    """Zero padding of the last axes of an array, as widths for `pad`."""
    return [(0, 0)] * (ndim - len(padding)) + [(p, p) for p in padding]


def _inner(padding: Sizes, sizes: Any) -> tuple:
    """The key that takes padding off again."""
    return (..., *(slice(p, p + n) for p, n in zip(padding, sizes)))


@op(None, node="Im2ColBackward0")
def im2col(
    m: Any, input: Any, *, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> Any:
    """(..., c, h, w) as (..., c * kernel, positions): patches as columns."""
    ndim = len(input.shape)
    x = m.pad(input, _ends(ndim, padding), 0) if any(padding) else input
    w = m.windows(x, kernel_size, stride, dilation)  # (..., c, rows, columns, kh, kw)
    columns = m.permute_dims(w, (*range(ndim - 2), ndim, ndim + 1, ndim - 2, ndim - 1))
    rows = input.shape[-3] * kernel_size[0] * kernel_size[1]
    return m.reshape(columns, (*input.shape[:-3], rows, w.shape[-4] * w.shape[-3]))


@op(None, node="Col2ImBackward0")
def col2im(
    m: Any,
    input: Any,
    *,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes,
    padding: Sizes,
    stride: Sizes,
) -> Any:
    """(..., c * kernel, positions) as (..., c, *output_size): patches put back, overlaps added."""
    lead = (*input.shape[:-2], input.shape[-2] // (kernel_size[0] * kernel_size[1]))
    padded = tuple(s + 2 * p for s, p in zip(output_size, padding))
    out = tuple(
        (s - d * (k - 1) - 1) // t + 1 for s, k, t, d in zip(padded, kernel_size, stride, dilation)
    )
    n = len(lead)
    w = m.reshape(input, (*lead, *kernel_size, *out))
    w = m.permute_dims(w, (*range(n), n + 2, n + 3, n, n + 1))  # (..., c, rows, columns, kh, kw)
    made = m.unwindows(w, (*lead, *padded), stride, dilation)
    return m.index(made, _inner(padding, output_size)) if any(padding) else made


@im2col.vjp("input")
def _(
    m: Any, g: Any, input_shape: tuple, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Any:
    return col2im.op.body(
        m,
        g,
        output_size=input_shape[-2:],
        kernel_size=kernel_size,
        dilation=dilation,
        padding=padding,
        stride=stride,
    )


@col2im.vjp("input")
def _(m: Any, g: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    return im2col.op.body(
        m, g, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )


@im2col.samples
def _(draw: Any) -> Iterator:
    plain = {"dilation": (1, 1), "padding": (0, 0), "stride": (1, 1)}
    yield (draw(2, 2, 4, 3),), {"kernel_size": (2, 2), **plain}
    yield (
        (draw(1, 2, 4, 5),),
        {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)},
    )


@col2im.samples
def _(draw: Any) -> Iterator:
    plain = {"dilation": (1, 1), "padding": (0, 0), "stride": (1, 1)}
    yield (draw(2, 8, 6),), {"output_size": (4, 3), "kernel_size": (2, 2), **plain}
    yield (
        (draw(1, 4, 9),),
        {"output_size": (2, 2), "kernel_size": (2, 2), **plain, "padding": (1, 1)},
    )


speak(
    conv=lambda x, w, stride, padding, dilation, groups=1: convolve(
        x, w, None, stride, padding, dilation, groups
    ),
    conv_input=lambda g, w, shape, stride, padding, dilation, groups=1: convolution_for_input(
        g, w, shape, stride, padding, dilation, groups
    ),
    conv_weight=lambda g, x, shape, stride, padding, dilation, groups=1: convolution_for_weight(
        g, x, shape, stride, padding, dilation, groups
    ),
    windows=lambda x, size, stride, dilation: windows(x, size, stride, dilation),
    unwindows=lambda g, shape, stride, dilation: unwindows(g, shape, stride, dilation),
)
