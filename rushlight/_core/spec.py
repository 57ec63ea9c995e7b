"""Shape, dtype and strides of arrays that are not memory, and PyTorch's rule for views of them."""

import math
from typing import Any


def contiguous_strides(shape: tuple) -> tuple:
    """The strides, in elements, of an array laid out in order."""
    made, step = [], 1
    for n in reversed(shape):
        made.append(step)
        step *= max(n, 1)
    return tuple(reversed(made))


def strides_of(array: Any) -> tuple:
    """An array's strides in elements, PyTorch's where NumPy has 0 because the size is 0 or 1."""
    made = [s // array.itemsize for s in array.strides]
    if 0 in array.shape:
        return contiguous_strides(array.shape)
    for i, n in reversed([*enumerate(array.shape)] if 0 in made else []):
        if n == 1 and not made[i]:
            made[i] = 1 if i == array.ndim - 1 else array.shape[i + 1] * made[i + 1]
    return tuple(made)


def is_contiguous(shape: tuple, strides: tuple) -> bool:
    """Whether elements lie in order (the strides of sizes 0 and 1 do not count)."""
    if 0 in shape:
        return True
    step = 1
    for n, s in zip(reversed(shape), reversed(strides)):
        if n != 1:
            if s != step:
                return False
            step *= n
    return True


def reshaped_strides(shape: tuple, strides: tuple, new: tuple) -> tuple | None:
    """The strides under which the same memory has the shape `new`, None where there are none.

    PyTorch's rule: dimensions that lie in order in memory form one chunk, and a new shape must
    split or join within chunks.
    """
    if 0 in shape:
        return contiguous_strides(new)
    made = [0] * len(new)
    at = len(new) - 1
    base = strides[-1] if shape else 1
    count = 1  # elements of the current chunk of the old dimensions
    filled = 1  # elements of it that new dimensions have used
    for i in range(len(shape) - 1, -1, -1):
        count *= shape[i]
        ends = i == 0 or (shape[i - 1] != 1 and strides[i - 1] != count * base)
        if not ends:
            continue
        while at >= 0 and (filled < count or new[at] == 1):
            made[at] = filled * base
            filled *= new[at]
            at -= 1
        if filled != count:
            return None
        if i > 0:
            base, count, filled = strides[i - 1], 1, 1
    if not shape:
        return contiguous_strides(new)
    return tuple(made) if at == -1 else None


def indexed(shape: tuple, strides: tuple, key: Any) -> tuple[tuple, tuple, int]:
    """Shape, strides and offset (in elements) of the view at a basic key.

    Raises:
        IndexError: where a number is out of range or the key too long.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    used = sum(k is not None and k is not Ellipsis for k in parts)
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    if Ellipsis in [k if k is Ellipsis else 0 for k in parts]:
        at = next(i for i, k in enumerate(parts) if k is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - used)
    sizes, steps, offset, axis = [], [], 0, 0
    for k in parts:
        if k is None:
            sizes.append(1)
            steps.append(strides[axis] * shape[axis] if axis < len(shape) else 1)
            continue
        n, s = shape[axis], strides[axis]
        if isinstance(k, slice):
            start, stop, step = k.indices(n)
            sizes.append(max(0, -(-(stop - start) // step)))
            steps.append(s * step)
            offset += start * s
        else:
            if not -n <= k < n:
                raise IndexError(f"index {k} is out of bounds for dimension {axis} with size {n}")
            offset += (k % n) * s
        axis += 1
    return (*sizes, *shape[axis:]), (*steps, *strides[axis:]), offset


def broadcast_strides(shape: tuple, strides: tuple, new: tuple) -> tuple:
    """The strides of a broadcast view.

    Raises:
        ValueError: where the shape does not broadcast to `new`.
    """
    extra = len(new) - len(shape)
    if extra < 0 or any(a not in (1, b) for a, b in zip(shape, new[extra:])):
        raise ValueError(f"cannot broadcast {shape} to {new}")
    kept = tuple(s if n == k else 0 for s, n, k in zip(strides, shape, new[extra:]))
    return (0,) * extra + kept


def filled(shape: tuple, count: int) -> tuple:
    """`shape` with its -1 worked out for `count` elements.

    Raises:
        RuntimeError: where the sizes do not fit.
    """
    shape = tuple(int(n) for n in shape)
    if -1 not in shape:
        if math.prod(shape) != count:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")
        return shape
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    rest = math.prod(n for n in shape if n != -1)
    if any(n < -1 for n in shape):
        raise RuntimeError(f"invalid shape dimension {min(shape)}")
    if rest == 0 == count:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the "
            "unspecified dimension size -1 can be any value and is ambiguous"
        )
    if rest == 0 or count % rest:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")
    return tuple(count // rest if n == -1 else n for n in shape)
