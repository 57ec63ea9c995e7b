"""Convolutions and their transposes, in one, two and three dimensions, and image columns."""

from math import prod
from typing import Any

from .._core.kinds import speak
from .._core.op import op

Sizes = tuple[int, ...]


@op("same", node="ConvolutionBackward0", autocast="lower", straight=True)
def convolve(
    m, input, weight, bias=None, *, stride: Sizes = (1, 1), padding: Sizes = (0, 0),
    dilation: Sizes = (1, 1), groups: int = 1,
):  # fmt: skip
    """Cross-correlation of a batch (n, c, ...) with filters (o, c / groups, ...), plus a bias."""
    made = m.conv(input, weight, stride, padding, dilation, groups)
    return made if bias is None else made + m.reshape(bias, (-1, *(1,) * len(stride)))


@convolve.vjp("input")
def _(m, g, input_shape, weight, stride, padding, dilation, groups):
    return m.conv_input(g, m.conj(weight), input_shape, stride, padding, dilation, groups)


@convolve.vjp("weight")
def _(m, g, input, weight_shape, stride, padding, dilation, groups):
    return m.conv_weight(g, m.conj(input), weight_shape, stride, padding, dilation, groups)


@op("same", node="ConvolutionBackward0", autocast="lower", straight=True)
def convolve_transposed(
    m, input, weight, bias=None, *, shape: Sizes = (), stride: Sizes = (1, 1),
    padding: Sizes = (0, 0), dilation: Sizes = (1, 1), groups: int = 1,
):  # fmt: skip
    """The transpose of a convolution from `shape` to the input's: filters (c, o / groups, ...)."""
    made = m.conv_input(input, weight, shape, stride, padding, dilation, groups)
    return made if bias is None else made + m.reshape(bias, (-1, *(1,) * len(stride)))


@convolve_transposed.vjp("input")
def _(m, g, weight, stride, padding, dilation, groups):
    return m.conv(g, m.conj(weight), stride, padding, dilation, groups)


@convolve_transposed.vjp("weight")
def _(m, g, input, weight_shape, stride, padding, dilation, groups):
    return m.conv_weight(m.conj(input), g, weight_shape, stride, padding, dilation, groups)


@convolve.vjp("bias")
@convolve_transposed.vjp("bias")
def _(m, g):
    rows = m.reshape(g, (g.shape[0], g.shape[1], prod(g.shape[2:])))
    return m.sum(m.sum(rows, axis=2), axis=0)


# The three words of convolution are linear in each argument: the gradients of one are the others.


@op("same", node="ConvolutionBackwardBackward0")
def convolution_for_input(
    m, slope, w, *, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int = 1
):
    """Gradient of a convolution for its input, from `slope`, the gradient of its result."""
    return m.conv_input(slope, w, shape, stride, padding, dilation, groups)


@convolution_for_input.vjp("slope")
def _(m, g, w, stride, padding, dilation, groups):
    return m.conv(g, m.conj(w), stride, padding, dilation, groups)


@convolution_for_input.vjp("w")
def _(m, g, slope, w_shape, stride, padding, dilation, groups):
    return m.conv_weight(m.conj(slope), g, w_shape, stride, padding, dilation, groups)


@op("same", node="ConvolutionBackwardBackward0")
def convolution_for_weight(
    m, slope, x, *, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int = 1
):
    """Gradient of a convolution for its filters, from `slope`, the gradient of its result."""
    return m.conv_weight(slope, x, shape, stride, padding, dilation, groups)


@convolution_for_weight.vjp("slope")
def _(m, g, x, stride, padding, dilation, groups):
    return m.conv(m.conj(x), g, stride, padding, dilation, groups)


@convolution_for_weight.vjp("x")
def _(m, g, slope, x_shape, stride, padding, dilation, groups):
    return m.conv_input(m.conj(slope), g, x_shape, stride, padding, dilation, groups)


@op(None, node="UnfoldBackward0")
def windows(m, input, *, size: Sizes, stride: Sizes, dilation: Sizes):
    """(..., L) as (..., out, size) over the last len(size) axes: what each window sees."""
    return m.windows(input, size, stride, dilation)


@windows.vjp("input")
def _(m, g, input_shape, stride, dilation):
    return m.unwindows(g, input_shape, stride, dilation)


@op(None, node="UnfoldBackwardBackward0")
def unwindows(m, input, *, shape: Sizes, stride: Sizes, dilation: Sizes):
    """Overlapping windows added up into zeros of `shape`: the adjoint of `windows`."""
    return m.unwindows(input, shape, stride, dilation)


@unwindows.vjp("input")
def _(m, g, input_shape, stride, dilation):
    return m.windows(g, input_shape[len(input_shape) - len(stride) :], stride, dilation)


def _ends(ndim: int, padding: Sizes) -> list:
    """Zero padding of the last axes of an array, as widths for `pad`."""
    return [(0, 0)] * (ndim - len(padding)) + [(p, p) for p in padding]


def _inner(padding: Sizes, sizes: Any) -> tuple:
    """The key that takes padding off again."""
    return (..., *(slice(p, p + n) for p, n in zip(padding, sizes)))


@op(None, node="Im2ColBackward0")
def im2col(m, input, *, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes):
    """(..., c, h, w) as (..., c * kernel, positions): patches as columns."""
    ndim = len(input.shape)
    x = m.pad(input, _ends(ndim, padding), 0) if any(padding) else input
    w = m.windows(x, kernel_size, stride, dilation)  # (..., c, rows, columns, kh, kw)
    columns = m.permute_dims(w, (*range(ndim - 2), ndim, ndim + 1, ndim - 2, ndim - 1))
    rows = input.shape[-3] * kernel_size[0] * kernel_size[1]
    return m.reshape(columns, (*input.shape[:-3], rows, w.shape[-4] * w.shape[-3]))


@op(None, node="Col2ImBackward0")
def col2im(
    m, input, *, output_size: Sizes, kernel_size: Sizes, dilation: Sizes, padding: Sizes,
    stride: Sizes,
):  # fmt: skip
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
def _(m, g, input_shape, kernel_size, dilation, padding, stride):
    return col2im.op.body(
        m, g, output_size=input_shape[-2:], kernel_size=kernel_size, dilation=dilation,
        padding=padding, stride=stride,
    )  # fmt: skip


@col2im.vjp("input")
def _(m, g, kernel_size, dilation, padding, stride):
    return im2col.op.body(
        m, g, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )


speak(
    windows,
    unwindows,
    conv=lambda x, w, stride, padding, dilation, groups=1: convolve(
        x, w, None, stride, padding, dilation, groups
    ),
    conv_input=convolution_for_input,
    conv_weight=convolution_for_weight,
)
