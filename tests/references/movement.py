"""Ops that move elements: views, joining and splitting, flips and repeats, padding, shuffles."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def squeezed(input: Array, dim: Any = None) -> Array:
    """Without the axes of size 1, all or those named."""
    named = range(input.ndim) if dim is None else np.atleast_1d(dim) % max(input.ndim, 1)
    gone = [i for i in named if input.shape[i] == 1]
    return np.squeeze(input, tuple(int(i) for i in gone))


def expanded(input: Array, size: Sequence[int]) -> Array:
    """Size -1 keeps an axis; the others repeat it."""
    own = (1,) * (len(size) - input.ndim) + input.shape
    return np.broadcast_to(input, [n if s == -1 else s for n, s in zip(own, size)])


def unfolded(input: Array, dimension: int, size: int, step: int) -> Array:
    """made[..., i, ..., j] = input[..., i step + j, ...]."""
    starts = np.arange(0, input.shape[dimension] - size + 1, step)
    return np.stack([np.take(input, starts + j, dimension) for j in range(size)], -1)


def flattened(input: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """The axes from `start_dim` to `end_dim` as one."""
    if not input.ndim:
        return input.reshape(1)
    head = input.shape[: start_dim % input.ndim]
    return input.reshape(*head, -1, *input.shape[end_dim % input.ndim + 1 :])


def split_every(input: Array, size: Any, dim: int = 0) -> list[Array]:
    """Parts of one size, the last one smaller, or of the sizes listed."""
    cuts = range(size, input.shape[dim], size) if isinstance(size, int) else np.cumsum(size)[:-1]
    return np.split(input, list(cuts), dim)


def chunks(input: Array, chunks: int, dim: int = 0) -> list[Array]:
    """At most `chunks` parts of one size, as small as that allows."""
    return split_every(input, -(-input.shape[dim] // chunks), dim)


def diagonal_matrices(input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    """made[..., i, ..., i + offset] = input[..., i]."""
    n = input.shape[-1] + abs(offset)
    made = np.zeros((*input.shape[:-1], n, n))
    for i in range(input.shape[-1]):
        made[..., i + max(-offset, 0), i + max(offset, 0)] = input[..., i]
    return np.moveaxis(made, (-2, -1), (dim1, dim2))


def diagonal_filled(input: Array, fill_value: float, wrap: bool = False) -> Array:
    """NumPy's in place form, on a copy."""
    made = input.copy()
    np.fill_diagonal(made, fill_value, wrap)
    return made


def padded(place: Callable[[int, int], int | None]) -> Callable:
    """Padding whose element i along an axis of n is the input's at `place(i, n)`, None: `value`."""

    def made(input: Array, pad: Sequence[int], value: float = 0) -> Array:
        for k in range(len(pad) // 2):
            axis, left = input.ndim - 1 - k, pad[2 * k]
            n = input.shape[axis]
            rows = [place(i - left, n) for i in range(n + left + pad[2 * k + 1])]
            blank = np.full_like(np.moveaxis(input, axis, 0)[:1], value)[0]
            source = np.moveaxis(input, axis, 0)
            parts = [blank if r is None else source[r] for r in rows]
            input = np.moveaxis(np.stack(parts), 0, axis)
        return input

    return made


def shuffled_up(input: Array, upscale_factor: int) -> Array:
    """made[..., c, h r + i, w r + j] = input[..., c r^2 + i r + j, h, w]."""
    r = upscale_factor
    *lead, channels, rows, columns = input.shape
    made = np.zeros((*lead, channels // r**2, rows * r, columns * r))
    for i in range(r):
        for j in range(r):
            made[..., i::r, j::r] = input[..., i * r + j :: r * r, :, :]
    return made


def shuffled_down(input: Array, downscale_factor: int) -> Array:
    """The inverse of `shuffled_up`."""
    r = downscale_factor
    *lead, channels, rows, columns = input.shape
    made = np.zeros((*lead, channels * r**2, rows // r, columns // r))
    for i in range(r):
        for j in range(r):
            made[..., i * r + j :: r * r, :, :] = input[..., i::r, j::r]
    return made


def channels_shuffled(input: Array, groups: int) -> Array:
    """Channel k of group i becomes channel k groups + i."""
    each, made = input.shape[1] // groups, np.zeros_like(input)
    for channel in range(input.shape[1]):
        made[:, channel % each * groups + channel // each] = input[:, channel]
    return made


def part_set(input: Array, value: Array, key: Any) -> Array:
    """The part at a key replaced."""
    made = input.copy()
    made[key] = value
    return made


def diagonal_set(input: Array, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """made[i, i + offset, ...] = src[..., i], for the first two axes."""
    made = input.copy()
    front = np.moveaxis(made, (dim1, dim2), (0, 1))
    for i in range(src.shape[-1]):
        front[i + max(-offset, 0), i + max(offset, 0)] = src[..., i]
    return made


def slices_set(
    input: Array, src: Array, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Array:
    """A range of slices replaced."""
    made = input.copy()
    np.moveaxis(made, dim, 0)[start:end:step] = np.moveaxis(src, dim, 0)
    return made


def slice_set(input: Array, src: Array, dim: int, index: int) -> Array:
    """One slice replaced."""
    made = input.copy()
    np.moveaxis(made, dim, 0)[index] = src
    return made


def strided_places(size: Sequence[int], stride: Sequence[int], offset: int | None) -> Array:
    """offset + i stride[0] + j stride[1] ..."""
    return (offset or 0) + np.tensordot(np.array(stride), np.indices(size), 1)


def strided(input: Array, size: Any, stride: Any, storage_offset: int | None = None) -> Array:
    """The memory at those places."""
    return input.ravel()[strided_places(size, stride, storage_offset)]


def strided_sums(g: Array, input: Array, size: Any, stride: Any, offset: int) -> Array:
    """What each place of the input is given by the elements that show it."""
    made = np.zeros(input.size)
    np.add.at(made, strided_places(size, stride, offset), g)
    return made.reshape(input.shape)


def strided_set(input: Array, new: Array, size: Any, stride: Any, offset: int) -> Array:
    """The places that a strided view shows replaced."""
    made = input.copy()
    made.flat[strided_places(size, stride, offset).ravel()] = new.ravel()
    return made


def repeated(input: Array, *repeats: Any) -> Array:
    """NumPy's, of numbers or a sequence of them."""
    return np.tile(input, repeats[0] if isinstance(repeats[0], Sequence) else repeats)


def unflattened(input: Array, dim: int, sizes: Sequence[int]) -> Array:
    """One axis as several."""
    at = dim % input.ndim
    return input.reshape(*input.shape[:at], *sizes, *input.shape[at + 1 :])


def filled_like(input: Array, value: Any, dtype: Any = None) -> Array:
    """NumPy's."""
    return np.full_like(input, value, dtype and dtype.numpy)


def converted(input: Array, dtype: Any) -> Array:
    """NumPy's conversion."""
    return input.astype(dtype.numpy)


VALUES: dict[str, Callable] = {
    "cast": converted,
    "clone": np.copy,
    "select": lambda input, dim, index: np.take(input, index, dim),
    "narrow": lambda input, dim, start, length: np.take(
        input, np.arange(start, start + length), dim
    ),
    "reshape": lambda input, shape: np.reshape(input, shape),
    "permute": lambda input, dims: np.transpose(input, dims),
    "transpose": lambda input, dim0, dim1: np.swapaxes(input, dim0, dim1),
    "t": np.transpose,
    "expand": expanded,
    "broadcast_to": np.broadcast_to,
    "broadcast_tensors": lambda *tensors: list(np.broadcast_arrays(*tensors)),
    "unsqueeze": lambda input, dim: np.expand_dims(input, dim),
    "squeeze": squeezed,
    "diagonal": lambda input, offset=0, dim1=0, dim2=1: np.diagonal(input, offset, dim1, dim2),
    "unfold": unfolded,
    "unfold_view": unfolded,
    "flatten": flattened,
    "ravel": np.ravel,
    "movedim": np.moveaxis,
    "view_as_real": lambda input: np.stack([input.real, input.imag], -1),
    "view_as_complex": lambda input: input[..., 0] + 1j * input[..., 1],
    "real_part": np.real,
    "imaginary_part": np.imag,
    "real": np.real,
    "imag": np.imag,
    "cat": lambda tensors, dim=0: np.concatenate([t for t in tensors if t.shape != (0,)], dim),
    "stack": lambda tensors, dim=0: np.stack(tensors, dim),
    "split": split_every,
    "split_with_sizes": split_every,
    "chunk": chunks,
    "tensor_split": np.array_split,
    "unbind": lambda input, dim=0: list(np.moveaxis(input, dim, 0)),
    "hstack": np.hstack,
    "vstack": np.vstack,
    "dstack": np.dstack,
    "column_stack": np.column_stack,
    "flip": np.flip,
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "roll": np.roll,
    "rot90": np.rot90,
    "tile": np.tile,
    "repeat_interleave": lambda input, repeats, dim=None: np.repeat(input, repeats, dim),
    "tril": lambda input, diagonal=0: np.tril(input, diagonal),
    "triu": lambda input, diagonal=0: np.triu(input, diagonal),
    "diag": np.diag,
    "diagflat": np.diagflat,
    "diag_embed": diagonal_matrices,
    "fill_diagonal": diagonal_filled,
    "constant_pad_nd": padded(lambda i, n: i if 0 <= i < n else None),
    **{
        f"reflection_pad{d}d": padded(lambda i, n: abs(i) if i < n else 2 * (n - 1) - i)
        for d in (1, 2, 3)
    },
    **{f"replication_pad{d}d": padded(lambda i, n: min(max(i, 0), n - 1)) for d in (1, 2, 3)},
    "circular_pad": padded(lambda i, n: i % n),
    "pixel_shuffle": shuffled_up,
    "pixel_unshuffle": shuffled_down,
    "channel_shuffle": channels_shuffled,
    **dict.fromkeys(("entered", "clone_in_order", "identity", "move_memory", "detach"), np.copy),
    "resolve_conj": np.copy,
    "resolve_neg": np.copy,
    "copied": lambda input, source: np.broadcast_to(source, input.shape),
    "casts.put.0": lambda base, value, through, params: diagonal_set(base, value, **params),
    "put_in_memory": lambda base, value, through, params: strided_set(
        base, value, *params.values()
    ),
    "bitcast": lambda input, dtype: np.frombuffer(input.tobytes(), dtype.numpy).reshape(
        input.shape
    ),
    "filled_like": filled_like,
    **dict.fromkeys(
        ("sliced", "slicing.picked.0", "widened", "aliased"), lambda input, key: input[key]
    ),
    "write": part_set,
    "squeeze_dims": squeezed,
    "squeeze_all": squeezed,
    "set_diagonal": diagonal_set,
    "diagonal_scatter": diagonal_set,
    "select_scatter": slice_set,
    "slice_scatter": slices_set,
    "unflatten": unflattened,
    "strided_view": strided,
    "as_strided": strided,
    "as_strided_scatter": strided_set,
    "unstrided": strided_sums,
    "write_strided": strided_set,
    "pad_word": lambda input, widths, value: np.pad(input, widths, constant_values=value),
    "joined": lambda tensors, dim: np.concatenate(tensors, dim),
    "stacked": lambda tensors, dim: np.stack(tensors, dim),
    **dict.fromkeys(
        ("split_parts", "split_with_sizes_parts", "unbind_parts"),
        lambda input, keys: [input[key] for key in keys],
    ),
    "rearranging.flip.0": lambda input, dims: np.flip(input, dims),
    "rearranging.repeat.0": lambda input, repeats: np.tile(input, repeats),
    "rearranging.repeat.1": repeated,
}
