"""Scaled dot-product attention: weights from queries and keys, and the values they mix."""

from typing import Any

from .._core.op import op
from .dims import turned

_NODE = "ScaledDotProductFlashAttentionForCpuBackward0"


@op("same", node=_NODE, broadcasts=True, autocast="lower", straight=True)
def mixed_values(m, weights, value):
    """weights (..., queries, keys) applied to value (..., keys, width)."""
    return m.matmul(weights, value)


@mixed_values.vjp("weights")
def _(m, g, value):
    return m.matmul(g, turned(m, value))


@mixed_values.vjp("value")
def _(m, g, weights):
    return m.matmul(turned(m, weights), g)


@op("same", node="MulBackward0", broadcasts=True, autocast="lower", straight=True)
def attention_scores(m, query, key, *, scale: float):
    """query @ key^T * scale: query (..., queries, width), key (..., keys, width)."""
    return m.matmul(query * scale, turned(m, key))


@attention_scores.vjp("query")
def _(m, g, key, scale):
    return m.matmul(g, key) * scale


@attention_scores.vjp("key")
def _(m, g, query, scale):
    return m.matmul(turned(m, g), query * scale)


@op(None, node="MaskedFillBackward0", straight=True)
def causal_scores(m, scores):
    """Scores (..., queries, keys), minus infinity where a key comes after its query."""
    return m.where(_causal(m, scores.shape), scores, -float("inf"))


@causal_scores.vjp("scores")
def _(m, g):
    return m.where(_causal(m, g.shape), g, 0)


def _causal(m: Any, shape: tuple) -> Any:
    """True where a query may look: at its own place and before."""
    rows, columns = shape[-2:]
    row = m.reshape(m.arange(0, rows, 1, m.int64), (rows, 1))
    return row >= m.reshape(m.arange(0, columns, 1, m.int64), (1, columns))
