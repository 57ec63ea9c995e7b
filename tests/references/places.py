"""Ops that read and write at places: gather, scatter, index, masks, embeddings, sparse values."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Array = np.ndarray


def visits(index: Array, dim: int) -> Iterator[tuple]:
    """(place in the index, the same place with the index's value along `dim`)."""
    for place in np.ndindex(*index.shape):
        there = list(place)
        there[dim] = int(index[place])
        yield place, tuple(there)


def gathered(input: Array, dim: int, index: Array) -> Array:
    """made[i][j] = input[index[i][j]][j], for dim 0."""
    made = np.zeros(index.shape, input.dtype)
    for place, there in visits(index, dim):
        made[place] = input[there]
    return made


def scattered(input: Array, dim: int, index: Array, src: Any = None, value: Any = None) -> Array:
    """made[index[i][j]][j] = src[i][j], for dim 0."""
    made, given = input.copy(), value if src is None else src
    for place, there in visits(index, dim):
        made[there] = given[place] if isinstance(given, np.ndarray) else given
    return made


def scatter_added(input: Array, dim: int, index: Array, src: Array) -> Array:
    """made[index[i][j]][j] += src[i][j], for dim 0."""
    made = input.copy()
    for place, there in visits(index, dim):
        made[there] += src[place]
    return made


COMBINED: dict[str, Callable] = {
    "sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min,
}  # fmt: skip


def scatter_reduced(
    input: Array, dim: int, index: Array, src: Array, reduce: str, include_self: bool = True
) -> Array:
    """All that meets at a place, reduced; what is there already counts with `include_self`."""
    meetings: dict[tuple, list] = {}
    for place, there in visits(index, dim):
        meetings.setdefault(there, [input[there]] if include_self else []).append(src[place])
    made = input.copy()
    for there, met in meetings.items():
        made[there] = COMBINED[reduce](met)
    return made


def along(index: Array, dim: int, shape: tuple) -> Array:
    """A vector of indices along `dim`, repeated over the other axes of `shape`."""
    column = index.reshape([-1 if i == dim % len(shape) else 1 for i in range(len(shape))])
    return np.broadcast_to(column, shape)


def index_added(input: Array, dim: int, index: Array, source: Array, alpha: Any = 1) -> Array:
    """Slice i of the source, `alpha` times, added to slice index[i]."""
    return scatter_added(input, dim, along(index, dim, source.shape), alpha * source)


def index_copied(input: Array, dim: int, index: Array, source: Array) -> Array:
    """Slice i of the source put at slice index[i]."""
    return scattered(input, dim, along(index, dim, source.shape), source)


def index_filled(input: Array, dim: int, index: Array, value: Any) -> Array:
    """The slices named by the index, filled."""
    made = input.copy()
    np.moveaxis(made, dim, 0)[index] = value
    return made


def index_reduced(
    input: Array, dim: int, index: Array, source: Array, reduce: str, include_self: bool = True
) -> Array:
    """As `scatter_reduced`, slice by slice."""
    places = along(index, dim, source.shape)
    return scatter_reduced(input, dim, places, source, reduce, include_self)


def taken_along(input: Array, indices: Array, dim: int | None = None) -> Array:
    """NumPy's, of the flat input without a dim."""
    return np.take(input, indices) if dim is None else np.take_along_axis(input, indices, dim)


def masked_scattered(input: Array, mask: Array, source: Array) -> Array:
    """The source's elements in order, where the mask is true."""
    made = input.copy()
    made[mask] = source[: mask.sum()]
    return made


def placed(input: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    """The source put, or added, at flat places."""
    made = input.copy()
    for place, value in zip(index.flat, source.flat):
        made.flat[place] = value + (made.flat[place] if accumulate else 0)
    return made


def indexed(input: Array, indices: list) -> Array:
    """NumPy's."""
    return input[tuple(slice(None) if i is None else i for i in indices)]


def index_put(input: Array, indices: Any, values: Array, accumulate: bool = False) -> Array:
    """NumPy's, on a copy."""
    made = input.copy()
    if accumulate:
        np.add.at(made, tuple(indices), values)
    else:
        made[tuple(indices)] = values
    return made


def filled(input: Array, mask: Array, value: Any) -> Array:
    """The value, in the input's dtype, where the mask is true."""
    return np.where(mask, np.asarray(value).astype(input.dtype), input)


def nonzero(input: Array, as_tuple: bool = False) -> Any:
    """The places of what is not 0, a row each, or a vector for each axis."""
    return np.nonzero(input) if as_tuple else np.argwhere(input)


def nonzero_static(input: Array, size: int, fill_value: int = -1) -> Array:
    """The first `size` places, then rows of `fill_value`."""
    made = np.full((size, input.ndim), fill_value)
    found = np.argwhere(input)[:size]
    made[: len(found)] = found
    return made


def unpooled(input: Array, indices: Array, shape: tuple) -> Array:
    """Zeros, with each element at its flat place of the last axes."""
    lead = input.shape[: input.ndim - len(shape)]
    made = np.zeros((*lead, *shape))
    for place in np.ndindex(*input.shape):
        there = np.unravel_index(indices[place], shape)
        made[(*place[: len(lead)], *there)] = input[place]
    return made


def looked_up(weight: Array, indices: Array, **_: Any) -> Array:
    """Rows of a table; the other arguments concern its gradient."""
    return weight[indices]


def bag_rows(
    weight: Array, indices: Array, offsets: Array, bags: int, scale: Any, padding_idx: int
) -> list[list[Array]]:
    """For each bag its rows, times their weights, without those of the padding."""
    ends = [*offsets[1:], len(indices)]
    scale = np.ones(len(indices)) if scale is None else scale
    spans = [range(a, b) for a, b in zip(offsets, ends)]
    found = [
        [weight[indices[i]] * scale[i] for i in span if indices[i] != padding_idx] for span in spans
    ]
    return found + [[]] * (bags - len(found))


def bags_summed(
    weight: Array, indices: Array, offsets: Array, per_sample_weights: Any = None, bags: int = 1,
    mean: bool = False, padding_idx: int = -1, **_: Any,
) -> Array:  # fmt: skip
    """Sums or means of the rows of each bag, 0 of none."""
    found = bag_rows(weight, indices, offsets, bags, per_sample_weights, padding_idx)
    reduce = np.mean if mean else np.sum
    return np.stack([reduce(rows, 0) if rows else weight[0] * 0 for rows in found])


def bags_greatest(
    weight: Array, indices: Array, offsets: Array, bags: int, padding_idx: int = -1
) -> Array:
    """The greatest of each column over the rows of each bag, 0 of none."""
    found = bag_rows(weight, indices, offsets, bags, None, padding_idx)
    return np.stack([np.max(rows, 0) if rows else weight[0] * 0 for rows in found])


def merged(values: Array, places: Array, count: int) -> Array:
    """Row p is the sum of the values whose place is p."""
    return np.stack([values[places == p].sum(0) for p in range(count)])


def spread(values: Array, places: Array, shape: tuple) -> Array:
    """Zeros with the values added at flat places of the leading axes."""
    count = int(np.prod(shape) // np.prod(values.shape[1:]))
    return merged(values, places, count).reshape(shape)


def sparse_product(values: Array, mat2: Array, rows: Array, columns: Array, count: int) -> Array:
    """The dense product, of a matrix with the values added at (rows, columns)."""
    matrix = np.zeros((count, len(mat2)))
    np.add.at(matrix, (rows, columns), values)
    return np.einsum("ik,kj->ij", matrix, mat2)


VALUES: dict[str, Callable] = {
    "where_choice": np.where,
    "where": np.where,
    "masked_fill": filled,
    "filled_where": filled,
    "masked_select": lambda input, mask: input[mask],
    "masked_scatter": masked_scattered,
    "nonzero": nonzero,
    "nonzero_static": nonzero_static,
    "index_select": lambda input, dim, index: np.take(input, index, dim),
    "gather": gathered,
    "scatter": scattered,
    "scatter_add": scatter_added,
    "scatter_reduce": scatter_reduced,
    "index_add": index_added,
    "index_copy": index_copied,
    "index_fill": index_filled,
    "index_reduce": index_reduced,
    "take": np.take,
    "take_along_dim": taken_along,
    "gathering.put.1": placed,
    "index": indexed,
    "index_put": index_put,
    "unravel_index": lambda indices, shape: list(np.unravel_index(indices, shape)),
    "gathering.index_select.0": lambda input, index, dim: np.take(input, index, dim),
    "gathering.gather.0": lambda input, index, dim: gathered(input, dim, index),
    "scattered": lambda input, index, src, dim: scattered(input, dim, index, src),
    "scatter_added": lambda input, index, src, dim: scatter_added(input, dim, index, src),
    "scatter_combined": lambda input, index, src, dim, mode: scatter_reduced(
        input, dim, index, src, {"mul": "prod", "max": "amax", "min": "amin"}[mode]
    ),
    "index_added": lambda input, index, source, dim, alpha: index_added(
        input, dim, index, source, alpha
    ),
    "index_copied": lambda input, index, source, dim: index_copied(input, dim, index, source),
    **{f"unpool_max{d}d": unpooled for d in (1, 2, 3)},
    "embedding": looked_up,
    "embedding_bag_sum": bags_summed,
    "embedding_bag_max": bags_greatest,
    "spread": spread,
    "merged": merged,
    "coordinates.picked.1": lambda input, places, dense: input.reshape(-1, *dense)[places],
    "sparse_mm": sparse_product,
}
