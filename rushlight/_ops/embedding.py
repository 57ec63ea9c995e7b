"""Embeddings: rows of a table, looked up by integers, and bags of them added up."""

from typing import Any

from .._core import dtypes
from .._core.op import op


def check_indices(m: Any, indices: Any, rows: int, name: str) -> None:
    """Integers from 0 to rows - 1: NumPy would count negative ones from the end."""
    if indices.dtype != m.int64 and indices.dtype != m.int32:
        kind = dtypes.of(indices.dtype).type_name
        raise RuntimeError(
            f"Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{kind}Tensor instead (while checking arguments for {name}); "
            "convert the indices with input.long()"
        )
    if m.within(indices, 0, rows):
        return
    m.check(
        (indices >= 0) & (indices < rows),
        lambda: (
            f"index out of range in self; {name} has {rows} rows, and the indices go from "
            f"{int(indices.min())} to {int(indices.max())}"
        ),
        IndexError,
    )


@op(None)
def embedding(
    m, weight, indices, *, padding_idx: int = -1, scale_grad_by_freq: bool = False,
    sparse: bool = False,
):  # fmt: skip
    """The rows of `weight` that `indices` name.

    Args:
        weight: (rows, width).
        indices: integers of any shape.
        padding_idx: a row that gets no gradient.
        scale_grad_by_freq: divide each row's gradient by how often it was looked up.
        sparse: accepted; gradients are dense.
    """
    check_indices(m, indices, weight.shape[0], "embedding")
    return m.take(weight, indices, 0)


@embedding.vjp("weight")
def _(m, g, weight_shape, indices, padding_idx, scale_grad_by_freq):
    indices = m.reshape(indices, (-1,))
    g = m.reshape(g, (indices.shape[0], *weight_shape[1:]))
    g = _without(m, g, indices, padding_idx)
    return _returned(m, g, weight_shape, indices, scale_grad_by_freq)


def _without(m: Any, rows: Any, indices: Any, padding_idx: int, value: float = 0) -> Any:
    """The rows, those of the padding index all `value`."""
    if padding_idx < 0:
        return rows
    return m.where(m.reshape(indices == padding_idx, (-1, 1)), value, rows)


def _returned(m: Any, rows: Any, shape: tuple, indices: Any, by_frequency: bool = False) -> Any:
    """Rows added up where they were looked up, each over how often that was if `by_frequency`."""
    if by_frequency:
        ones = m.full(indices.shape, 1, rows.dtype)
        counts = m.put(m.full(shape[:1], 0, rows.dtype), indices, ones, 0, "add")
        rows = rows / m.reshape(m.take(counts, indices, 0), (-1, 1))
    return m.put(m.full(shape, 0, rows.dtype), indices, rows, 0, "add")


def _bags(m: Any, indices: Any, offsets: Any) -> Any:
    """The bag of each index: the last one that begins at or before it."""
    places = m.arange(0, indices.shape[0], 1, m.int64)
    return m.searchsorted(m.astype(offsets, m.int64), places, True) - 1


def _scaled_rows(
    m: Any, weight: Any, indices: Any, per_sample_weights: Any, padding_idx: int
) -> Any:
    rows = m.take(weight, indices, 0)
    if per_sample_weights is not None:
        rows = rows * m.reshape(per_sample_weights, (-1, 1))
    return _without(m, rows, indices, padding_idx)


def _bag_sizes(m: Any, indices: Any, bags: Any, count: int, padding_idx: int, dtype: Any) -> Any:
    """How many rows each bag averages: at least 1, so that an empty bag is zero."""
    ones = m.astype(indices != padding_idx, dtype)
    return m.reshape(m.maximum(m.put(m.full((count,), 0, dtype), bags, ones, 0, "add"), 1), (-1, 1))


@op(None, node="EmbeddingBagBackward0")
def embedding_bag_sum(
    m, weight, indices, offsets, per_sample_weights=None, *, bags: int = 1, mean: bool = False,
    scale_grad_by_freq: bool = False, padding_idx: int = -1,
):  # fmt: skip
    """Sums, or means, of the rows in each bag: bag i begins at offsets[i]."""
    check_indices(m, indices, weight.shape[0], "embedding_bag")
    rows = _scaled_rows(m, weight, indices, per_sample_weights, padding_idx)
    where = _bags(m, indices, offsets)
    total = m.put(m.full((bags, weight.shape[1]), 0, weight.dtype), where, rows, 0, "add")
    if mean:
        total = total / _bag_sizes(m, indices, where, bags, padding_idx, weight.dtype)
    return total


def _to_rows(m: Any, g: Any, indices: Any, offsets: Any, mean: bool, padding_idx: int) -> Any:
    """The gradient of each looked-up row, before its own weight."""
    where = _bags(m, indices, offsets)
    if mean:
        g = g / _bag_sizes(m, indices, where, g.shape[0], padding_idx, g.dtype)
    return _without(m, m.take(g, where, 0), indices, padding_idx)


@embedding_bag_sum.vjp("weight")
def _(
    m, g, weight_shape, indices, offsets, per_sample_weights, mean, scale_grad_by_freq, padding_idx
):
    rows = _to_rows(m, g, indices, offsets, mean, padding_idx)
    if per_sample_weights is not None:
        rows = rows * m.reshape(per_sample_weights, (-1, 1))
    return _returned(m, rows, weight_shape, indices, scale_grad_by_freq)


@embedding_bag_sum.vjp("per_sample_weights")
def _(m, g, weight, indices, offsets, mean, padding_idx):
    rows = _to_rows(m, g, indices, offsets, mean, padding_idx)
    return m.sum(rows * m.take(weight, indices, 0), axis=1)


@op(None, node="EmbeddingBagBackward0")
def embedding_bag_max(m, weight, indices, offsets, *, bags: int, padding_idx: int = -1):
    """The greatest of each column over the rows in each bag; zero for an empty bag."""
    check_indices(m, indices, weight.shape[0], "embedding_bag")
    rows = _without(m, m.take(weight, indices, 0), indices, padding_idx, -float("inf"))
    lowest = m.full((bags, weight.shape[1]), -float("inf"), weight.dtype)
    made = m.put(lowest, _bags(m, indices, offsets), rows, 0, "max")
    return m.where(made == -float("inf"), 0, made)


@embedding_bag_max.vjp("weight")
def _(m, g, weight, indices, offsets, out, padding_idx):
    where = _bags(m, indices, offsets)
    hit = m.take(weight, indices, 0) == m.take(out, where, 0)
    rows = _without(m, m.where(hit, m.take(g, where, 0), 0), indices, padding_idx)
    return _returned(m, rows, weight.shape, indices)
