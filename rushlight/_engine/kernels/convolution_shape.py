"""The sizes of a convolution: its description, and how its taps meet an image along each axis."""

from dataclasses import dataclass
from math import gcd, prod

from ..builder import Kind
from .nest import Nest, Operand


@dataclass(slots=True)
class Convolution:
    """One of the words conv, conv_input, conv_weight, then `nest` on its result as `value`.

    The nest's leading axes are the result's first two (image and channel) and its length the places
    of a plane in order; for conv_weight they are the output channel, and the filter's elements.
    The operands are the word's arguments in its order: x, w; g, w; g, x. An operand's `lead` holds
    all strides but the last, `along` the last.
    """

    word: str
    first: Operand
    second: Operand
    image: tuple[int, ...]  # of the convolution's input: images, channels, height, width
    filters: tuple[int, ...]  # output channels, channels of a group, height, width
    out: tuple[int, ...]  # of the convolution's result: images, channels, height, width
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    value: int
    nest: Nest

    @property
    def kind(self) -> Kind:
        return self.first.kind

    @property
    def macs(self) -> int:
        """Multiplications: a measure of the work."""
        return prod(self.out) * prod(self.filters[1:])


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a pass over an image: part by part, out[u * parts + part] = sum over the part's
    taps of phase[u + shift], where phase[w] = image[start + w * step], zero outside.
    """

    size: int  # of the image that is read
    step: int
    starts: tuple[int, ...]  # of each phase
    outs: int
    parts: tuple[tuple[tuple[int, int, int], ...], ...]  # for each part: tap, phase, shift

    @property
    def between(self) -> int:
        """The distance of the phases' starts."""
        return self.starts[1] - self.starts[0] if len(self.starts) > 1 else 0

    @property
    def count(self) -> int:
        """How many places a part has, the longest."""
        return -(-self.outs // len(self.parts))

    @property
    def reach(self) -> int:
        """How much further than its places a part reads."""
        return max((shift for part in self.parts for _, _, shift in part), default=0)

    def pitch(self) -> int:
        """The least distance of rows: the zeros that end one may be those that begin the next."""
        columns, lefts, ends = self.count + self.reach, [], []
        for start in self.starts:
            left = min(columns, max(0, -(start // self.step)))
            lefts.append(left)
            ends.append(min(columns, max(left, -(-(self.size - start) // self.step))))
        return max(*ends, columns - min(lefts)) if len(ends) > 0 else columns


def forward(n: int, k: int, stride: int, padding: int, dilation: int) -> Axis:
    """The axis of a convolution: a stride parts the image into phases."""
    between = gcd(stride, dilation)
    phases = 1 if k == 1 else stride // between
    taps = tuple((t, t * dilation % stride // between, t * dilation // stride) for t in range(k))
    outs = (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    starts = tuple(p * between - padding for p in range(phases))
    return Axis(n, stride, starts, outs, (taps,))


def backward(n: int, outs: int, k: int, stride: int, padding: int, dilation: int) -> Axis:
    """The axis of the gradient for the image: a stride parts the result instead."""
    found = [
        [(t, (a + padding - t * dilation) // stride) for t in range(k)
         if (a + padding - t * dilation) % stride == 0]
        for a in range(stride)
    ]  # fmt: skip
    low = min(shift for part in found for _, shift in part)
    parts = tuple(tuple((t, 0, shift - low) for t, shift in part) for part in found)
    return Axis(n, 1, (low,), outs, parts)


def axes(c: Convolution) -> list[Axis]:
    """Both axes of the pass over the image that is read."""
    made = []
    for i in range(2):
        how = (c.filters[2 + i], c.stride[i], c.padding[i], c.dilation[i])
        if c.word == "conv_input":
            made.append(backward(c.out[2 + i], c.image[2 + i], *how))
        else:
            made.append(forward(c.image[2 + i], *how))
    return made


def framing(c: Convolution, o: Operand, pitch: int, phase: int, channel: int) -> dict[str, int]:
    """What `Driver.framed` is told of the image that is read, and of where its copy goes."""
    told = {"pitch": pitch, "phase": phase, "channel": channel, **strides("s", o)}
    for name, axis in zip(("down", "right"), axes(c)):
        told |= {
            f"outs_{name}": axis.outs, f"count_{name}": axis.count, f"read_{name}": axis.reach,
            f"size_{name}": axis.size, f"step_{name}": axis.step,
            f"phases_{name}": len(axis.starts), f"start_{name}": axis.starts[0],
            f"between_{name}": axis.between,
        }  # fmt: skip
    return told


def seen(down: tuple, right: tuple, across: int, phase: int, pitch: int) -> list[int]:
    """Where in a framed channel each tap begins; its parts' phases lie in rows of `across`."""
    return [(a * across + b) * phase + y * pitch + x for _, a, y in down for _, b, x in right]


def strides(stem: str, o: Operand) -> dict[str, int]:
    """An operand's strides along all axes, as names that begin so."""
    axes = (f"{stem}_{axis}" for axis in ("image", "channel", "line", "along"))
    return dict(zip(axes, (*o.lead, o.along)))
