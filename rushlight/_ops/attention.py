"""Scaled dot-product attention: weights from queries and keys, and the values they mix."""

from collections.abc import Iterator
from typing import Any

from .._core.op import op

_NODE = "ScaledDotProductFlashAttentionForCpuBackward0"


def _t(m: Any, x: Any) -> Any:
    n = len(x.shape)
    return m.permute_dims(x, (*range(n - 2), n - 1, n - 2))


@op("same", node=_NODE, broadcasts=True, autocast="lower", straight=True)
def mixed_values(m: Any, weights: Any, value: Any) -> Any:
    """weights (..., queries, keys) applied to value (..., keys, width)."""
    return m.matmul(weights, value)


@mixed_values.vjp("weights")
def _(m: Any, g: Any, value: Any) -> Any:
    return m.matmul(g, _t(m, value))


@mixed_values.vjp("value")
def _(m: Any, g: Any, weights: Any) -> Any:
    return m.matmul(_t(m, weights), g)


@mixed_values.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4), draw(4, 2)), {}
    yield (draw(2, 2, 3, 4), draw(2, 2, 4, 2)), {}
    yield (draw(2, 3, 4), draw(4, 2)), {}


@op("same", node="MulBackward0", broadcasts=True, autocast="lower", straight=True)
def attention_scores(m: Any, query: Any, key: Any, *, scale: float) -> Any:
    """query @ key^T * scale: query (..., queries, width), key (..., keys, width)."""
    return m.matmul(query * scale, _t(m, key))


@attention_scores.vjp("query")
def _(m: Any, g: Any, key: Any, scale: float) -> Any:
    return m.matmul(g, key) * scale


@attention_scores.vjp("key")
def _(m: Any, g: Any, query: Any, scale: float) -> Any:
    return m.matmul(_t(m, g), query * scale)


@attention_scores.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4), draw(5, 4)), {"scale": 0.5}
    yield (draw(2, 2, 3, 4), draw(2, 2, 3, 4)), {"scale": 0.5}


@op(None, node="MaskedFillBackward0", straight=True)
def causal_scores(m: Any, scores: Any) -> Any:
    """Scores (..., queries, keys), minus infinity where a key comes after its query."""
    return m.where(_causal(m, scores.shape), scores, -float("inf"))


@causal_scores.vjp("scores")
def _(m: Any, g: Any) -> Any:
    return m.where(_causal(m, g.shape), g, 0)


def _causal(m: Any, shape: tuple) -> Any:
    """True where a query may look: at its own place and before."""
    rows, columns = shape[-2:]
    row = m.reshape(m.arange(0, rows, 1, m.int64), (rows, 1))
    return row >= m.reshape(m.arange(0, columns, 1, m.int64), (1, columns))
