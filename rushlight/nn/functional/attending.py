"""Attention with PyTorch's arguments."""

import math

from ..._core import dtypes, modes
from ..._core.dtypes import in_c
from ..._ops.attention import attention_scores, causal_scores, mixed_values
from ..._ops.dropout import dropout
from ..._ops.softmaxes import softmax
from ..._tensor import Tensor


def _check(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> None:
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.dim()} key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    free = modes.local.autocast is not None  # the products convert them
    if not free and not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{in_c(query.dtype)} key.dtype: {in_c(key.dtype)} and value.dtype: "
            f"{in_c(value.dtype)} instead."
        )
    fits = (dtypes.bool_, dtypes.float32, query.dtype) + dtypes.HALVES * free
    if mask is not None and mask.dtype not in fits:
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {in_c(mask.dtype)} and  query.dtype: {in_c(query.dtype)} instead."
        )
    if query.shape[-1] != key.shape[-1]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{query[..., 0, 0].numel()}, {query.shape[-1]}] but got: [{key[..., 0, 0].numel()}, "
            f"{key.shape[-1]}]. scaled_dot_product_attention: the query's width "
            f"({query.shape[-1]}) is not the key's ({key.shape[-1]})"
        )


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
    dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query @ key^T * scale + mask) @ value.

    Args:
        query: (..., queries, width); key: (..., keys, width); value: (..., keys, anything).
        attn_mask: True where a query may look, or numbers added to the scores.
        dropout_p: the part of the weights that is dropped (always: there is no training switch).
        is_causal: a query looks only at its own place and before.
        scale: by default 1 / sqrt(width).
        enable_gqa: each head of key and value serves several heads of the query.
    """
    _check(query, key, value, attn_mask)
    if enable_gqa and query.dim() > 2:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1])
    scores = attention_scores(query, key, scale)
    if is_causal:
        scores = causal_scores(scores)
    if attn_mask is not None and attn_mask.dtype is dtypes.bool_:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        scores = (scores + attn_mask).to(scores.dtype)
    weights = softmax(scores, -1)
    if attn_mask is not None:
        # A query that may look nowhere mixes nothing, where softmax gives NaN.
        nowhere = (scores.detach() == -math.inf).all(-1, keepdim=True)
        weights = weights.masked_fill(nowhere, 0.0)
    if dropout_p > 0.0:
        weights = dropout(weights, dropout_p)
    return mixed_values(weights, value)
