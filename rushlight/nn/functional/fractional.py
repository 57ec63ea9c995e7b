"""Fractional max pooling: windows whose places are drawn (Graham, 2014)."""

from collections.abc import Sequence
from typing import Any

from ..._core.dtypes import int64
from ..._core.naming import named
from ..._creation import arange, full, rand
from ..._ops.joining import cat
from ..._tensor import Tensor


def _starts(sample: Tensor, size: int, outputs: int, window: int) -> Tensor:
    """Where the windows begin along one axis: (batch, channels, outputs)."""
    last = full((*sample.shape, 1), size - window, dtype=int64, device=sample.device)
    if outputs == 1:
        return last
    step = (size - window) / (outputs - 1)
    places = arange(outputs - 1, dtype=sample.dtype, device=sample.device)
    first = sample.unsqueeze(-1)
    return cat([((places + first) * step).to(int64) - (first * step).to(int64), last], -1)


def _pooled(
    name: str, axes: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any,
    samples: Any,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    x = input if input.dim() == axes + 2 else input.unsqueeze(0)
    sizes = tuple(x.shape[2:])
    kernel = _each(kernel_size, axes)
    if output_size is None:
        outputs = [int(n * r) for n, r in zip(sizes, _each(output_ratio, axes), strict=True)]
    else:
        outputs = _each(output_size, axes)
    for n, k, o in zip(sizes, kernel, outputs, strict=True):
        if o + k - 1 > n:
            raise RuntimeError(f"{name}: {o} windows of {k} do not fit into {n} places of {sizes}")
    if samples is None:
        samples = rand(*x.shape[:2], axes, dtype=x.dtype, device=x.device)
    places = _places(x, kernel, outputs, samples)
    windows = x.flatten(2).gather(2, places.flatten(2)).reshape(places.shape)
    values, where = windows.max(-1)
    indices = places.gather(-1, where.unsqueeze(-1)).squeeze(-1)
    if input.dim() == axes + 2:
        return values, indices
    return values.squeeze(0), indices.squeeze(0)


def _each(given: Any, axes: int) -> list:
    return list(given) if isinstance(given, (tuple, list)) else [given] * axes


def _places(x: Tensor, kernel: Sequence[int], outputs: Sequence[int], samples: Tensor) -> Tensor:
    """For each window the flat places it covers: (batch, channels, outputs..., window)."""
    axes, total = len(kernel), None
    order = (1, 0) if axes == 2 else (0, 1, 2)  # which sample is for which axis, as in PyTorch
    for axis in range(axes):
        size, window = x.shape[2 + axis], kernel[axis]
        starts = _starts(samples[..., order[axis]], size, outputs[axis], window)
        covered = starts.unsqueeze(-1) + arange(window, device=x.device)
        shape = [1] * (2 * axes)
        shape[axis], shape[axes + axis] = outputs[axis], window
        covered = covered.reshape(*covered.shape[:2], *shape)
        total = covered if total is None else total * size + covered
    assert total is not None
    return total.reshape(*x.shape[:2], *outputs, -1)


def _pool(axes: int, places: bool):
    """The pooling over `axes` axes; with `places`, those of the maxima are always returned."""
    name = f"fractional_max_pool{axes}d"

    def pool(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Tensor | None = None,
    ) -> Any:  # fmt: skip
        given = (kernel_size, output_size, output_ratio, _random_samples)
        made = _pooled(name, axes, input, *given)
        return made if return_indices or places else made[0]

    if places:
        doc = f"As `{name}`, with the places of the maxima."
        return named(pool, f"{name}_with_indices", doc)
    doc = "The greatest value in windows whose places are drawn, `output_size` along each axis."
    return named(pool, name, doc)


fractional_max_pool2d, fractional_max_pool3d = _pool(2, False), _pool(3, False)
fractional_max_pool2d_with_indices = _pool(2, True)
fractional_max_pool3d_with_indices = _pool(3, True)
